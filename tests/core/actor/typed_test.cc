#include "core/actor/typed.h"

#include <gtest/gtest.h>

#include <concepts>
#include <memory>
#include <string>
#include <utility>

#include "core/testing/test_probe.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::kPatience;
using test::Queue;
using test::TestSystem;
using Outcome = Answer::Outcome;

struct Deposit {
  int amount;
};
struct GetBalance {};
struct Balance {
  int amount;
};
struct Audit {};
struct Audited {
  std::string by;
};
struct Note {
  std::unique_ptr<std::string> text;
};
struct Stranger {};

class Account final
    : public TypedActor<Account, Deposit, Balance(GetBalance), Audited(Audit), Note> {
 public:
  explicit Account(std::shared_ptr<Queue<std::string>> diary) : diary_(std::move(diary)) {}

  void on(const Deposit& deposit, Context&) { amount_ += deposit.amount; }
  Balance on(const GetBalance&, Context&) { return {amount_}; }
  // Answers by itself.
  void on(const Audit&, Context& context) { context.respond(Audited{self(context).pid().id()}); }
  void on(const Note& note, Context&) { diary_->push(*note.text); }
  void on(const Started&, Context&) { diary_->push("started"); }
  void on(const Terminated& terminated, Context&) {
    diary_->push("terminated " + terminated.who.id());
  }

 private:
  const std::shared_ptr<Queue<std::string>> diary_;
  int amount_ = 0;
};

using AccountPid = Account::Handle;
using Depositable = TypedPid<Deposit>;

template <typename P, typename M>
concept Sends = requires(const P& pid, ActorSystem& system, Context& context, M message) {
  pid.send(system, std::move(message));
  pid.send(context, std::move(message));
  pid.request(context, std::move(message));
};
template <typename P, typename M>
concept Asks = requires(const P& pid, ActorSystem& system, M message, Duration timeout) {
  pid.ask(system, std::move(message), timeout);
};
template <typename P, typename M, typename A>
concept AsksLater = requires(const P& pid, Context& context, M message, Duration timeout,
                             void (*on_answer)(Context&, TypedAnswer<A>)) {
  pid.ask(context, std::move(message), timeout, on_answer);
};

// R1, at compile time.
static_assert(Sends<AccountPid, Deposit> && Sends<AccountPid, GetBalance> &&
              Sends<AccountPid, Note>);
static_assert(!Sends<AccountPid, Stranger> && !Sends<AccountPid, int> &&
              !Sends<AccountPid, Balance>);
static_assert(!Sends<TypedPid<>, Deposit>);
static_assert(Asks<AccountPid, GetBalance> && !Asks<AccountPid, Deposit> &&
              !Asks<AccountPid, Stranger>);
static_assert(AsksLater<AccountPid, GetBalance, Balance> &&
              !AsksLater<AccountPid, GetBalance, Audited> &&
              !AsksLater<AccountPid, Deposit, Balance>);
static_assert(std::same_as<decltype(std::declval<AccountPid>().ask(std::declval<ActorSystem&>(),
                                                                   GetBalance{}, Duration{})),
                           TypedAnswer<Balance>>);
// To fewer messages, never to more or other ones.
static_assert(std::convertible_to<AccountPid, Depositable>);
static_assert(std::convertible_to<AccountPid, TypedPid<Balance(GetBalance), Deposit>>);
static_assert(std::convertible_to<AccountPid, TypedPid<GetBalance>>);
static_assert(!std::convertible_to<Depositable, AccountPid>);
static_assert(!std::convertible_to<AccountPid, TypedPid<Audited(GetBalance)>>);
static_assert(!std::convertible_to<TypedPid<GetBalance>, TypedPid<Balance(GetBalance)>>);
static_assert(!std::convertible_to<Pid, AccountPid>);
static_assert(sizeof(AccountPid) == sizeof(Pid));

class Typed : public testing::Test {
 protected:
  std::shared_ptr<Queue<std::string>> diary_ = std::make_shared<Queue<std::string>>();
  TestSystem system_;
  const AccountPid account_ =
      *typed<Account>(system_->spawn_named(share(props<Account>(diary_)), "account"));
};

TEST_F(Typed, MessagesReachTheirOverload) {
  (void)account_.send(*system_, Deposit{10});
  (void)account_.send(*system_, Deposit{5});
  const TypedAnswer<Balance> balance = account_.ask(*system_, GetBalance{}, kPatience);
  ASSERT_EQ(balance.outcome, Outcome::answered);
  EXPECT_EQ(balance.value->amount, 15);
}

TEST_F(Typed, MessagesThatAreOnlyMovedTravelToo) {
  (void)account_.send(*system_, Note{std::make_unique<std::string>("hello")});
  EXPECT_EQ(diary_->pop(), "started");
  EXPECT_EQ(diary_->pop(), "hello");
}

TEST_F(Typed, R2_AnOverloadMayAnswerByItself) {
  const TypedAnswer<Audited> audited = account_.ask(*system_, Audit{}, kPatience);
  ASSERT_EQ(audited.outcome, Outcome::answered);
  EXPECT_EQ(audited.value->by, "account");
}

TEST_F(Typed, R2_WhoOnlyTellsGetsNoAnswer) {
  (void)account_.send(*system_, GetBalance{});
  (void)account_.ask(*system_, GetBalance{}, kPatience);
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::no_sender), 0u);
}

TEST_F(Typed, ActorsSendRequestAndAskToo) {
  TestProbe probe(*system_);
  Queue<int> amounts;
  probe.in_turn([&](Context& context) {
    account_.send(context, Deposit{7});
    account_.request(context, GetBalance{});
  });
  EXPECT_EQ(probe.expect_message<Balance>().amount, 7);
  probe.in_turn([&](Context& context) {
    account_.ask(context, GetBalance{}, kPatience,
                 [&, owned = std::make_unique<int>(1)](Context&, TypedAnswer<Balance> balance) {
                   amounts.push(balance.value ? balance.value->amount + *owned : -1);
                 });
  });
  EXPECT_EQ(amounts.pop(), 8);
}

TEST_F(Typed, R3_TheRuntimesMessagesReachTheirOverloadIfThereIsOne) {
  EXPECT_EQ(diary_->pop(), "started");
  TestProbe watched(*system_, {.name = "watched"});
  // No overload: nothing happens.
  (void)system_->send(account_.pid(), Touched{});
  (void)system_->send(account_.pid(), Terminated{watched.pid()});
  EXPECT_EQ(diary_->pop(), "terminated watched");
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::unreadable), 0u);
}

TEST_F(Typed, R4_WhatAnUntypedSenderSendsIsRefused) {
  EXPECT_EQ(system_->ask(account_.pid(), Stranger{}, kPatience).outcome, Outcome::bad_payload);
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::unreadable), 1u);
}

TEST_F(Typed, AnAskThatFailsSaysWhy) {
  system_.stop(account_.pid());
  const TypedAnswer<Balance> balance = account_.ask(*system_, GetBalance{}, kPatience);
  EXPECT_EQ(balance.outcome, Outcome::no_such_actor);
  EXPECT_FALSE(balance.value.has_value());
}

TEST_F(Typed, AnAnswerOfAnotherTypeIsAFailure) {
  const auto wrong = TypedPid<int(GetBalance)>::unchecked(account_.pid());
  const TypedAnswer<int> answer = wrong.ask(*system_, GetBalance{}, kPatience);
  EXPECT_EQ(answer.outcome, Outcome::failed);
  EXPECT_FALSE(answer.value.has_value());
  EXPECT_NE(answer.detail.find("Balance"), std::string::npos) << answer.detail;
}

TEST_F(Typed, AHandleCanBeNarrowedAndCompared) {
  const Depositable narrow = account_;
  (void)narrow.send(*system_, Deposit{1});
  EXPECT_EQ(account_.ask(*system_, GetBalance{}, kPatience).value->amount, 1);
  EXPECT_EQ(narrow, Depositable::unchecked(account_.pid()));
  EXPECT_TRUE(narrow);
  EXPECT_FALSE(Depositable());
}

TEST_F(Typed, ASpawnThatFailsGivesNoHandle) {
  const auto again = typed<Account>(system_->spawn_named(share(props<Account>(diary_)), "account"));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Errc::already_exists);
}

TEST_F(Typed, ActorsSpawnTypedChildren) {
  TestProbe parent(*system_);
  AccountPid child;
  parent.in_turn(
      [&](Context& context) { child = *typed<Account>(context.spawn(props<Account>(diary_))); });
  EXPECT_EQ(child.ask(*system_, GetBalance{}, kPatience).value->amount, 0);
}

}  // namespace
}  // namespace nexus::core
