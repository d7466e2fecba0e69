#include "core/actor/behavior.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/testing/test_probe.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::TestSystem;

struct Open {};
struct Close {};
struct Knock {};
struct Said {
  std::string what;
};

// Runs a behavior in a probe's turns and notes what its functions say.
class Stage {
 public:
  Behavior::Receive saying(const std::string& what) {
    return [this, what](Context&) { said_ += what; };
  }
  // What is said when a message comes.
  std::string receive(Behavior& behavior) {
    probe_.in_turn([&](Context& context) { behavior.receive(context); });
    return std::exchange(said_, {});
  }

 private:
  std::string said_;
  TestSystem system_;
  TestProbe probe_{*system_};
};

TEST(Behavior, BeginsWithItsFirstFunction) {
  Stage stage;
  Behavior behavior(stage.saying("a"));
  EXPECT_EQ(stage.receive(behavior), "a");
  EXPECT_EQ(behavior.depth(), 1u);
}

TEST(Behavior, BecomeReplacesAllThatIsThere) {
  Stage stage;
  Behavior behavior(stage.saying("a"));
  behavior.become_stacked(stage.saying("b"));
  behavior.become(stage.saying("c"));
  EXPECT_EQ(stage.receive(behavior), "c");
  EXPECT_EQ(behavior.depth(), 1u);
}

TEST(Behavior, V1_UnbecomeGoesBackDownToTheLast) {
  Stage stage;
  Behavior behavior(stage.saying("a"));
  behavior.become_stacked(stage.saying("b"));
  behavior.become_stacked(stage.saying("c"));
  std::string said;
  for (const bool goes_back : {true, true, false, false}) {
    said += stage.receive(behavior);
    EXPECT_EQ(behavior.unbecome_stacked(), goes_back);
  }
  EXPECT_EQ(said, "cbaa");
}

TEST(Behavior, V2_AFunctionThatIsReplacedLivesUntilItReturns) {
  Stage stage;
  Behavior behavior(stage.saying("a"));
  auto owned = std::make_shared<std::string>("still here");
  const std::weak_ptr<std::string> witness = owned;
  std::string seen;
  behavior.become([&, own = std::move(owned)](Context&) {
    // More than the stack has room for without moving.
    for (int i = 0; i < 100; ++i) behavior.become_stacked(stage.saying("x"));
    behavior.become(stage.saying("b"));
    seen = *own;
  });
  (void)stage.receive(behavior);
  EXPECT_EQ(seen, "still here");
  EXPECT_TRUE(witness.expired());
  EXPECT_EQ(stage.receive(behavior), "b");
}

TEST(Behavior, V2_AFunctionMayHandTheSameMessageToTheNext) {
  Stage stage;
  Behavior behavior(stage.saying("a"));
  auto owned = std::make_shared<int>(7);
  int seen = 0;
  behavior.become([&, own = std::move(owned)](Context& context) {
    behavior.become(stage.saying("b"));
    behavior.receive(context);
    seen = *own;
  });
  EXPECT_EQ(stage.receive(behavior), "b");
  EXPECT_EQ(seen, 7);
}

TEST(Behavior, V2_AFunctionThatThrowsIsLetGoToo) {
  Stage stage;
  auto owned = std::make_shared<int>(7);
  const std::weak_ptr<int> witness = owned;
  Behavior behavior([&, own = std::move(owned)](Context&) {
    behavior.become(stage.saying("b"));
    throw std::runtime_error("ow");
  });
  EXPECT_THROW((void)stage.receive(behavior), ExpectationFailed);
  EXPECT_TRUE(witness.expired());
  EXPECT_EQ(stage.receive(behavior), "b");
}

class Door final : public Actor {
 public:
  void receive(Context& context) override { behavior_.receive(context); }

 private:
  void closed(Context& context) {
    if (context.message<Open>() != nullptr) {
      behavior_.become_stacked([this](Context& c) { open(c); });
    } else if (context.message<Knock>() != nullptr) {
      context.respond(Said{"closed"});
    }
  }
  void open(Context& context) {
    if (context.message<Close>() != nullptr) {
      behavior_.unbecome_stacked();
    } else if (context.message<Knock>() != nullptr) {
      context.respond(Said{"open"});
    }
  }

  Behavior behavior_{[this](Context& context) { closed(context); }};
};

TEST(Behavior, AnActorChangesWhatItDoes) {
  TestSystem system;
  TestProbe probe(*system);
  const Pid door = system.spawn(props<Door>());
  const auto knock = [&] {
    probe.request(door, Knock{});
    return probe.expect_message<Said>().what;
  };
  EXPECT_EQ(knock(), "closed");
  probe.send(door, Open{});
  EXPECT_EQ(knock(), "open");
  probe.send(door, Close{});
  EXPECT_EQ(knock(), "closed");
}

}  // namespace
}  // namespace nexus::core
