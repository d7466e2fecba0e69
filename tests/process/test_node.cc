// A node with kinds that process tests need. All speak google.protobuf.Struct, which is any JSON object.
//
//   recorder   {"sender","sequence"} notes it; {} answers {"received","out_of_order","senders"}
//   sleeper    {"ms"} holds its worker so long, then answers {"slept_ms"}
//   thrower    {"throw"} fails with this text; else answers {"handled"}: messages since it was (re)started
//   sour       throws at each payload before its actor sees it
//   pinger     {"target","count"} sends so many numbered messages from its own Pid to the target, which is a recorder, then
//              answers {"sent"}
//   round_tripper  {"target","count"} sends so many numbered messages to the target, which is an echo, and answers
//              {"returned","out_of_order"} when all have come back
//   reporter   answers with the headers that the message had
//   watcher    {"watch"} watches this Pid and answers {}; {} answers how many Terminated came for each Pid: {"<pid>": 1}
//   teller, ledger   see ledger_kinds.h

#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

#include "core/base/mutex.h"
#include "daemon/node.h"
#include "tests/process/ledger_kinds.h"

namespace {

using google::protobuf::Struct;
namespace core = nexus::core;

double number(const Struct& message, const std::string& key) {
  const auto found = message.fields().find(key);
  return found == message.fields().end() ? 0 : found->second.number_value();
}

std::string text(const Struct& message, const std::string& key) {
  const auto found = message.fields().find(key);
  return found == message.fields().end() ? "" : found->second.string_value();
}

void put(Struct& message, const std::string& key, double value) {
  (*message.mutable_fields())[key].set_number_value(value);
}

class Recorder final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    if (message->fields().contains("sequence")) return note(*message);
    Struct answer;
    put(answer, "received", static_cast<double>(received_count_));
    put(answer, "out_of_order", static_cast<double>(out_of_order_count_));
    put(answer, "senders", static_cast<double>(next_.size()));
    context.respond(std::move(answer));
  }

 private:
  void note(const Struct& message) {
    ++received_count_;
    double& next = next_[text(message, "sender")];
    const double sequence = number(message, "sequence");
    if (sequence != next) ++out_of_order_count_;
    next = sequence + 1;
  }

  std::uint64_t received_count_ = 0;
  std::uint64_t out_of_order_count_ = 0;
  // The sequence number that each sender's next message should have.
  std::map<std::string, double> next_;
};

class Sleeper final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    const double ms = number(*message, "ms");
    hold_worker(std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
    if (context.sender().empty()) return;
    Struct answer;
    put(answer, "slept_ms", ms);
    context.respond(std::move(answer));
  }

 private:
  static void hold_worker(core::Duration duration) {
    const core::SteadyClock clock;
    const core::Instant end = clock.now() + duration;
    core::Mutex mutex{"test_hold_worker"};
    core::CondVar never;
    core::MutexLock lock(mutex);
    while (clock.now() < end) never.wait_until(mutex, end);
  }
};

class Thrower final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    if (const std::string what = text(*message, "throw"); !what.empty())
      throw std::runtime_error(what);
    Struct answer;
    put(answer, "handled", ++handled_count_);
    context.respond(std::move(answer));
  }

 private:
  int handled_count_ = 0;
};

// Sends in chunks and asks the target between them, so that no queue on the way has to hold more than a chunk.
class Pinger final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    const std::string target = text(*message, "target");
    const auto parts = core::split_pid(target);
    if (!parts) throw std::runtime_error("the target is no Pid");
    target_ = context.system().registry().resolve(parts->address, parts->id);
    count_ = static_cast<std::int64_t>(number(*message, "count"));
    requester_ = context.sender();
    send_chunk(context);
  }

 private:
  void send_chunk(core::Context& context) {
    constexpr std::int64_t kChunk = 5000;
    const std::string sender = context.self().to_string();
    for (const std::int64_t end = std::min(count_, sent_count_ + kChunk); sent_count_ < end;
         ++sent_count_) {
      Struct message;
      (*message.mutable_fields())["sender"].set_string_value(sender);
      put(message, "sequence", static_cast<double>(sent_count_));
      context.send(target_, std::move(message));
    }
    context.ask(target_, Struct{}, std::chrono::seconds(60),
                [this](core::Context& later, core::Answer answer) {
                  if (answer.outcome != core::Answer::Outcome::answered)
                    throw std::runtime_error("the target does not answer");
                  if (sent_count_ < count_) return send_chunk(later);
                  Struct done;
                  put(done, "sent", static_cast<double>(sent_count_));
                  later.send(requester_, std::move(done));
                });
  }

  core::Pid target_;
  core::Pid requester_;
  std::int64_t count_ = 0;
  std::int64_t sent_count_ = 0;
};

// At most kWindow messages are on their way, there and back.
class RoundTripper final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    if (message->fields().contains("sequence")) {
      if (number(*message, "sequence") != static_cast<double>(returned_count_)) {
        ++out_of_order_count_;
      }
      ++returned_count_;
    } else {
      const std::string target = text(*message, "target");
      const auto parts = core::split_pid(target);
      if (!parts) throw std::runtime_error("the target is no Pid");
      target_ = context.system().registry().resolve(parts->address, parts->id);
      count_ = static_cast<std::int64_t>(number(*message, "count"));
      requester_ = context.sender();
    }
    send_more(context);
  }

 private:
  void send_more(core::Context& context) {
    constexpr std::int64_t kWindow = 10'000;
    for (; sent_count_ < count_ && sent_count_ - returned_count_ < kWindow; ++sent_count_) {
      Struct message;
      put(message, "sequence", static_cast<double>(sent_count_));
      context.request(target_, std::move(message));
    }
    if (returned_count_ != count_) return;
    Struct done;
    put(done, "returned", static_cast<double>(returned_count_));
    put(done, "out_of_order", static_cast<double>(out_of_order_count_));
    context.send(requester_, std::move(done));
  }

  core::Pid target_;
  core::Pid requester_;
  std::int64_t count_ = 0;
  std::int64_t sent_count_ = 0;
  std::int64_t returned_count_ = 0;
  std::int64_t out_of_order_count_ = 0;
};

class Reporter final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    if (context.sender().empty()) return;
    Struct report;
    for (const auto& [name, value] : context.headers()) {
      (*report.mutable_fields())[name].set_string_value(value);
    }
    context.respond(std::move(report));
  }
};

class Watcher final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    if (const auto* terminated = context.message<core::Terminated>()) {
      ++terminated_count_[terminated->who.to_string()];
      return;
    }
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    Struct answer;
    if (const std::string pid = text(*message, "watch"); !pid.empty()) {
      const auto parts = core::split_pid(pid);
      if (!parts) throw std::runtime_error("what is to be watched is no Pid");
      context.watch(context.system().registry().resolve(parts->address, parts->id));
    } else {
      for (const auto& [who, count] : terminated_count_) put(answer, who, count);
    }
    context.respond(std::move(answer));
  }

 private:
  std::map<std::string, int> terminated_count_;
};

core::Props sour() {
  core::Props props = core::props_of([](core::Context&) {});
  props.read_payload = [](const core::Payload&) -> core::Result<core::EnvelopePtr> {
    throw std::runtime_error("sour");
  };
  return props;
}

}  // namespace

int main(int argc, char** argv) {
  nexus::Node node;
  node.add_kind("recorder", core::props<Recorder>(), "notes the order of what it gets")
      .accepts<Struct>();
  node.add_kind("sleeper", core::props<Sleeper>(), "holds its worker").accepts<Struct>();
  node.add_kind("thrower", core::props<Thrower>(), "fails when told").accepts<Struct>();
  node.add_kind("pinger", core::props<Pinger>(), "sends numbered messages").accepts<Struct>();
  node.add_kind("round_tripper", core::props<RoundTripper>(), "counts what an echo sends back")
      .accepts<Struct>();
  node.add_kind("reporter", core::props<Reporter>(), "answers with headers");
  node.add_kind("watcher", core::props<Watcher>(), "counts each Terminated").accepts<Struct>();
  node.add_kind("sour", sour(), "throws at each payload");
  nexus::test::add_ledger_kinds(node);
  return node.run(argc, argv);
}
