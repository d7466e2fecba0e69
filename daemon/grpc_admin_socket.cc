#include "daemon/grpc_admin_socket.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/base/escape.h"

namespace nexus::daemon {
namespace {

constexpr mode_t kOwnerOnly = 0600;

core::Error failure(const FilePath& path, const std::string& why) {
  return {core::Errc::unavailable, "cannot listen on the socket " + core::quoted(path.text) + ": " +
                                       why + "; see node.admin_socket"};
}

// What is at the path: nothing, or what is in the way.
enum class Found : std::uint8_t { nothing, abandoned, in_use, no_socket, no_access };

Found look_at(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return errno == ENOENT ? Found::nothing : Found::no_access;
  if (!S_ISSOCK(status.st_mode)) return Found::no_socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Found::no_access;
  const int connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(fd);
  errno = error;
  // EAGAIN: somebody listens, and has much to do.
  if (connected == 0 || error == EAGAIN) return Found::in_use;
  return error == ECONNREFUSED ? Found::abandoned : Found::no_access;
}

// Files that are made in its time have this mode from the first moment on.
class FileMode {
 public:
  explicit FileMode(mode_t mode) : before_(umask(static_cast<mode_t>(0777) & ~mode)) {}
  ~FileMode() { umask(before_); }
  FileMode(const FileMode&) = delete;
  FileMode& operator=(const FileMode&) = delete;

 private:
  const mode_t before_;
};

}  // namespace

struct GrpcAdminSocket::Impl {
  std::unique_ptr<grpc::Server> server;
};

GrpcAdminSocket::GrpcAdminSocket() : impl_(std::make_unique<Impl>()) {}
GrpcAdminSocket::~GrpcAdminSocket() { shutdown(core::SteadyClock().now()); }

core::Status GrpcAdminSocket::start(const FilePath& path, grpc::Service& service) {
  // gRPC would take away whatever socket is there.
  switch (look_at(path.text)) {
    case Found::nothing:
    case Found::abandoned:
      break;
    case Found::in_use:
      return failure(path, "another process listens on it; give each node its own");
    case Found::no_socket:
      return failure(path, "something else is there; remove it or choose another path");
    case Found::no_access:
      return failure(path, "it cannot be looked at (" + std::string(std::strerror(errno)) + ")");
  }
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path.text).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error))
    return failure(path, "there is no folder " + core::quoted(folder.string()));
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("unix:" + path.text, grpc::InsecureServerCredentials(), &bound);
  builder.RegisterService(&service);
  {
    const FileMode mode(kOwnerOnly);
    impl_->server = builder.BuildAndStart();
  }
  if (impl_->server == nullptr || bound == 0) {
    impl_->server = nullptr;
    return failure(path, "the folder may not be written to, or the path is too long");
  }
  return core::Nothing{};
}

void GrpcAdminSocket::shutdown(core::Instant deadline) {
  if (impl_->server == nullptr) return;
  const auto patience = std::max(core::Duration::zero(), deadline - core::SteadyClock().now());
  impl_->server->Shutdown(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<std::chrono::milliseconds>(patience));
  impl_->server = nullptr;
}

}  // namespace nexus::daemon
