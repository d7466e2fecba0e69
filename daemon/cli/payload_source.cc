#include "daemon/cli/payload_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "daemon/cli/json_text.h"

namespace nexus::cli {
namespace {

// No node takes more in one message.
constexpr std::size_t kFileBytesMax = std::size_t{64} * 1024 * 1024;

}  // namespace

Outcome<std::string> read_file(const std::string& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return usage_failure("cannot open " + path + ": " + std::strerror(errno));

  std::string data;
  std::array<char, 64 * 1024> chunk{};
  ssize_t count = 0;
  while (data.size() <= kFileBytesMax) {
    count = read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    data.append(chunk.data(), static_cast<std::size_t>(count));
  }
  const int read_errno = errno;
  if (!standard_input) close(fd);
  if (count < 0) return usage_failure("cannot read " + path + ": " + std::strerror(read_errno));
  if (data.size() > kFileBytesMax) return usage_failure(path + " has more than 64 MiB");
  return data;
}

namespace {

Outcome<Payload> file_payload(const MessageSource& source) {
  Outcome<std::string> data = read_file(source.file);
  if (!data.ok()) return *data.failure;
  std::string content_type = source.content_type;
  if (content_type.empty()) {
    content_type = source.type.empty() ? kContentTypeBytes : kContentTypeProtobuf;
  }
  return Payload{.type = source.type, .content_type = content_type, .data = std::move(data.value)};
}

}  // namespace

Outcome<Payload> json_payload(std::string_view text, const std::string& type,
                              const std::string& place) {
  core::Result<std::string> json = compact_json(text);
  if (!json) {
    return Failure{.code = core::Errc::invalid_argument,
                   .reason = kReasonNotJson,
                   .message = place + " is " + json.error().detail};
  }
  return Payload{.type = type, .content_type = kContentTypeJson, .data = std::move(*json)};
}

Outcome<std::vector<Payload>> read_payloads(const MessageSource& source) {
  std::vector<Payload> payloads;
  if (!source.file.empty()) {
    Outcome<Payload> payload = file_payload(source);
    if (!payload.ok()) return *payload.failure;
    payloads.push_back(std::move(payload.value));
    return payloads;
  }
  for (std::size_t i = 0; i < source.payloads.size(); ++i) {
    const std::string place =
        source.payloads.size() == 1 ? "the payload" : "payload " + std::to_string(i + 1);
    Outcome<Payload> payload = json_payload(source.payloads[i], source.type, place);
    if (!payload.ok()) return *payload.failure;
    payloads.push_back(std::move(payload.value));
  }
  return payloads;
}

}  // namespace nexus::cli
