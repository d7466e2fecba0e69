#include "daemon/config/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

core::Error failure(core::Errc code, const std::string& path, std::string_view what) {
  return core::Error{code, core::printable(path, 4096) + ": " + std::string(what)};
}

core::Error system_failure(const std::string& path, int error) {
  const core::Errc code = error == ENOENT || error == ENOTDIR ? core::Errc::not_found
                          : error == EACCES || error == EPERM ? core::Errc::permission_denied
                                                              : core::Errc::unavailable;
  return failure(code, path, "cannot be read: " + std::generic_category().message(error));
}

class File {
 public:
  // Without O_NONBLOCK, opening a pipe would wait for its writer.
  explicit File(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

core::Result<std::string> read_config_file(const std::string& path, std::size_t bytes_max) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return failure(core::Errc::invalid_argument, path, "is not the name of a file");
  const File file(path);
  if (file.descriptor() < 0) return system_failure(path, errno);
  struct stat info {};
  if (::fstat(file.descriptor(), &info) != 0) return system_failure(path, errno);
  if (S_ISDIR(info.st_mode))
    return failure(core::Errc::failed_precondition, path, "is a directory; name the file in it");
  if (!S_ISREG(info.st_mode))
    return failure(core::Errc::failed_precondition, path, "is not a regular file");

  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t bytes = ::read(file.descriptor(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return system_failure(path, errno);
    if (bytes == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(bytes));
    // Counted while reading: the file may grow meanwhile, or not know its size.
    if (text.size() > bytes_max)
      return failure(core::Errc::invalid_argument, path,
                     "is larger than " + std::to_string(bytes_max) + " bytes");
  }
}

}  // namespace nexus::daemon
