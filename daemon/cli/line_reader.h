// LineReader: the lines of a file descriptor in batches, as soon as they are there, so that a pipe
// that speaks now and then (tail -f) is passed on at once and a fast one in large pieces. One
// thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace nexus::cli {

class LineReader {
 public:
  struct Options {
    std::size_t batch_count_max = 1000;
    std::size_t batch_bytes_max = 1024 * 1024;
    // A longer line is an error.
    std::size_t line_bytes_max = 4 * 1024 * 1024;
  };

  // Does not own `fd`.
  explicit LineReader(int fd) : LineReader(fd, Options{}) {}
  LineReader(int fd, const Options& options) : fd_(fd), options_(options) {}

  // Waits for one line, then takes what is there without waiting. Without line ends. Empty at the
  // end of the file.
  core::Result<std::vector<std::string>> next_batch();

 private:
  enum class Read { more, end };
  core::Result<Read> read_some();
  bool take_line(std::string& line);
  bool readable_now() const;

  const int fd_;
  const Options options_;
  std::string buffer_;
  // Where the first line not yet taken begins in buffer_.
  std::size_t begin_ = 0;
  bool at_end_ = false;
};

}  // namespace nexus::cli
