#include "daemon/cli/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nexus::cli {

core::Result<std::vector<std::string>> LineReader::next_batch() {
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  while (lines.size() < options_.batch_count_max && bytes < options_.batch_bytes_max) {
    if (std::string line; take_line(line)) {
      bytes += line.size();
      lines.push_back(std::move(line));
      continue;
    }
    if (at_end_ || (!lines.empty() && !readable_now())) break;
    const core::Result<Read> read = read_some();
    if (!read) return read.error();
    at_end_ = *read == Read::end;
  }
  return lines;
}

core::Result<LineReader::Read> LineReader::read_some() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (buffer_.size() > options_.line_bytes_max) {
    return core::Error{
        core::Errc::invalid_argument,
        "a line is longer than " + std::to_string(options_.line_bytes_max) + " bytes"};
  }
  std::array<char, 64 * 1024> chunk{};
  ssize_t count = 0;
  do {
    count = read(fd_, chunk.data(), chunk.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return core::Error{core::Errc::unknown,
                       std::string("cannot read standard input: ") + std::strerror(errno)};
  }
  if (count == 0) return Read::end;
  buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  return Read::more;
}

// The last line counts even when no line end follows it.
bool LineReader::take_line(std::string& line) {
  const std::size_t end = buffer_.find('\n', begin_);
  if (end == std::string::npos) {
    if (!at_end_ || begin_ == buffer_.size()) return false;
    line = buffer_.substr(begin_);
    begin_ = buffer_.size();
  } else {
    line = buffer_.substr(begin_, end - begin_);
    begin_ = end + 1;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

bool LineReader::readable_now() const {
  pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) > 0;
}

}  // namespace nexus::cli
