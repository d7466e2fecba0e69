#include "core/dispatch/asio_dispatcher.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::Done;
using test::kPatience;
using test::Number;
using test::TestSystem;

// An io_context and the threads that run it.
class Loop {
 public:
  explicit Loop(int thread_count) {
    for (int i = 0; i < thread_count; ++i) threads_.emplace_back([this] { context.run(); });
  }
  ~Loop() {
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
  }

  boost::asio::io_context context;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context.get_executor()};
  std::vector<std::thread> threads_;
};

TEST(AsioDispatcher, L6_ActorsAreHandlersOfTheContext) {
  boost::asio::io_context context;
  std::vector<std::string> order;
  TestSystem system;
  Props props = props_of([&](Context& message) {
    if (message.message<Done>()) order.push_back("actor");
  });
  props.dispatcher = std::make_shared<AsioDispatcher>(context);
  const Pid actor = system.spawn(std::move(props));
  context.run();
  context.restart();
  (void)system->send(actor, Done{});
  boost::asio::post(context, [&] { order.emplace_back("handler"); });
  EXPECT_EQ(context.run(), 2u);
  EXPECT_EQ(order, (std::vector<std::string>{"actor", "handler"}));
}

TEST(AsioDispatcher, IsTheDispatcherOfAWholeSystem) {
  Loop loop(2);
  TestSystem system({.dispatcher = std::make_shared<AsioDispatcher>(loop.context)});
  const Pid last = system.spawn(props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) context.respond(*number);
  }));
  const Pid first = system.spawn(props_of([&](Context& context) {
    if (context.message<Number>()) context.forward(last);
  }));
  EXPECT_EQ(system->ask(first, Number{7}, kPatience).outcome, Answer::Outcome::answered);
  EXPECT_TRUE(system->shutdown(kPatience));
}

TEST(AsioDispatcher, L7_WhatIsLeftInTheContextWhenTheSystemEndsDoesNothing) {
  boost::asio::io_context context;
  {
    TestSystem system({.dispatcher = std::make_shared<AsioDispatcher>(context)});
    (void)system.spawn(props_of([](Context&) { ADD_FAILURE() << "ran after its system"; }));
  }
  EXPECT_EQ(context.run(), 1u);
}

TEST(AsioDispatcher, KeepsOrderAndLosesNothing) {
  Loop loop(3);
  test::expect_order_and_conservation(std::make_shared<AsioDispatcher>(loop.context));
}

TEST(AsioDispatcher, SurvivesChurn) {
  Loop loop(2);
  test::expect_churn(std::make_shared<AsioDispatcher>(loop.context));
}

}  // namespace
}  // namespace nexus::core
