#include "daemon/cli/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace nexus::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
  ~Pipe() {
    close_writer();
    close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  void write(std::string_view text) const {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close_writer() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{};
};

TEST(LineReader, TakesWhatIsThereWithoutWaitingForMore) {
  Pipe pipe;
  LineReader reader(pipe.reader());
  pipe.write("a\nb\r\nhalf");
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("a", "b"));
  pipe.write(" done\n");
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("half done"));
}

TEST(LineReader, TheLastLineNeedsNoLineEnd) {
  Pipe pipe;
  LineReader reader(pipe.reader());
  pipe.write("a\n\nlast");
  pipe.close_writer();
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("a", "", "last"));
  EXPECT_THAT(reader.next_batch().value(), IsEmpty());
}

TEST(LineReader, ABatchHasAtMostItsCount) {
  Pipe pipe;
  LineReader reader(pipe.reader(), {.batch_count_max = 2});
  pipe.write("1\n2\n3\n");
  pipe.close_writer();
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("1", "2"));
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("3"));
}

TEST(LineReader, ABatchEndsWithTheLineThatFillsItsBytes) {
  Pipe pipe;
  LineReader reader(pipe.reader(), {.batch_bytes_max = 4});
  pipe.write("12\n345\n6\n");
  pipe.close_writer();
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("12", "345"));
  EXPECT_THAT(reader.next_batch().value(), ElementsAre("6"));
}

TEST(LineReader, ALineOverItsLimitIsAnError) {
  Pipe pipe;
  LineReader reader(pipe.reader(), {.line_bytes_max = 100 * 1000});
  std::thread writer([&] {
    const std::string part(1000, 'x');
    for (int i = 0; i < 300; ++i) pipe.write(part);
    pipe.close_writer();
  });
  const auto batch = reader.next_batch();
  EXPECT_FALSE(batch.ok());
  // Empties the pipe, so that the writer can end.
  std::array<char, 4096> rest{};
  while (read(pipe.reader(), rest.data(), rest.size()) > 0) {
  }
  writer.join();
}

TEST(LineReader, AClosedDescriptorIsAnError) {
  LineReader reader(-1);
  EXPECT_FALSE(reader.next_batch().ok());
}

}  // namespace
}  // namespace nexus::cli
