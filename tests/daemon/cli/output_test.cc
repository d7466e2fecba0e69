#include "daemon/cli/output.h"

#include <gtest/gtest.h>

#include "daemon/cli/table.h"
#include "daemon/cli/time_text.h"

namespace nexus::cli {
namespace {

TEST(Table, AlignsColumnsUnderTheirHeader) {
  Table table({{"NAME"}, {"N", Table::Align::right}, {"TEXT"}});
  table.add({"a", "1", "x"});
  table.add({"longer", "1000", ""});
  EXPECT_EQ(table.text(),
            "NAME       N  TEXT\n"
            "a          1  x\n"
            "longer  1000  -\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({{"A"}, {"B"}});
  table.add({"\xC3\xA4\xC3\xB6", "1"});
  table.add({"ab", "2"});
  EXPECT_EQ(table.text(), "A   B\n\xC3\xA4\xC3\xB6  1\nab  2\n");
}

TEST(Table, AControlCharacterCannotBreakTheLine) {
  Table table({{"A"}});
  table.add({"x\n\x1B[31m"});
  EXPECT_EQ(table.text(), "A\nx  [31m\n");
}

TEST(AgeText, ShowsTheTwoLargestUnits) {
  using std::chrono::seconds;
  EXPECT_EQ(age_text(seconds(-3)), "0s");
  EXPECT_EQ(age_text(seconds(59)), "59s");
  EXPECT_EQ(age_text(seconds(60)), "1m");
  EXPECT_EQ(age_text(seconds(192)), "3m12s");
  EXPECT_EQ(age_text(seconds(7500)), "2h5m");
  EXPECT_EQ(age_text(seconds(9 * 86400 + 3700)), "9d1h");
}

TEST(Output, AnActorAsJsonHasEveryFieldUnderAStableKey) {
  const ActorInfo actor{.pid = "h:1/a",
                        .kind = "counter",
                        .parent = "",
                        .state = "alive",
                        .started_at_unix_s = 1,
                        .processed_count = 2,
                        .mailbox_count = 3,
                        .restart_count = 4,
                        .child_count = 5,
                        .watcher_count = 6};
  EXPECT_EQ(
      actor_json(actor),
      R"({"pid":"h:1/a","kind":"counter","parent":"","state":"alive","started_at":"1970-01-01T00:00:01Z",)"
      R"("processed_count":2,"mailbox_count":3,"restart_count":4,"child_count":5,"watcher_count":6})"
      "\n");
}

TEST(Output, ActorsShowTheirAge) {
  const ActorInfo actor{
      .pid = "h:1/a", .kind = "", .state = "alive", .started_at_unix_s = 100, .processed_count = 7};
  EXPECT_EQ(actors_text({actor}, 165),
            "PID    KIND  STATE   AGE  PROCESSED  MAILBOX  RESTARTS\n"
            "h:1/a  -     alive  1m5s          7        0         0\n");
}

TEST(Output, EventsNameTheActorAndTheReason) {
  EXPECT_EQ(event_text({.pid = "h:1/a"}), "watching h:1/a\n");
  const WatchEvent end{
      .pid = "h:1/a", .what = WatchEvent::What::terminated, .reason = "address_terminated"};
  EXPECT_EQ(event_text(end), "terminated h:1/a ADDRESS_TERMINATED\n");
  EXPECT_EQ(event_json(end),
            "{\"event\":\"terminated\",\"pid\":\"h:1/a\",\"reason\":\"address_terminated\"}\n");
}

}  // namespace
}  // namespace nexus::cli
