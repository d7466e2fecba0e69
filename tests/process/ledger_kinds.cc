#include "tests/process/ledger_kinds.h"

#include <fcntl.h>
#include <google/protobuf/struct.pb.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/actor/context.h"
#include "core/actor_system.h"
#include "core/mailbox/mailbox_middleware.h"
#include "remote/endpoint.h"

namespace nexus::test {
namespace {

using google::protobuf::Struct;

class Book {
 public:
  explicit Book(const char* path)
      : file_(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    CHECK(file_ >= 0);
  }

  // Any thread: the kernel appends one write after the other.
  void note(std::string_view what, std::string_view from, std::string_view to,
            std::uint64_t number) {
    std::string line(what);
    line.append(" ").append(from).append(" ").append(to).append(" ");
    line.append(std::to_string(number)).append("\n");
    CHECK(write(file_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }

 private:
  const int file_;
};

// An id as one word; it may have been changed on its way.
std::string to_word(std::string id) {
  for (char& c : id) {
    if (c <= ' ' || c > '~') c = '?';
  }
  return id.empty() ? "?" : id;
}

// Null where nobody wants one.
std::shared_ptr<Book> book_of_this_process() {
  const char* path = std::getenv("NEXUS_TEST_BOOK");
  return path == nullptr ? nullptr : std::make_shared<Book>(path);
}

struct Entry {
  std::string from;
  std::string to;
  std::uint64_t number;

  // A message that does not have it was changed on its way.
  std::uint64_t check() const {
    const std::string text = from + " " + to + " " + std::to_string(number);
    // What a double holds.
    return std::hash<std::string>{}(text) >> 12;
  }
};

Struct to_message(const Entry& entry) {
  Struct message;
  auto& fields = *message.mutable_fields();
  fields["from"].set_string_value(entry.from);
  fields["to"].set_string_value(entry.to);
  fields["number"].set_number_value(static_cast<double>(entry.number));
  fields["check"].set_number_value(static_cast<double>(entry.check()));
  return message;
}

bool is_entry(const Struct& message) { return message.fields().contains("number"); }

Entry to_entry(const Struct& message) {
  const auto& fields = message.fields();
  const auto text = [&](const char* key) {
    const auto found = fields.find(key);
    return found == fields.end() ? "?" : found->second.string_value();
  };
  return {.from = text("from"),
          .to = text("to"),
          .number = static_cast<std::uint64_t>(fields.at("number").number_value())};
}

// Or it has come to somebody else.
bool is_damaged(const Struct& message, const Entry& entry, const core::Pid& target) {
  const auto check = message.fields().find("check");
  return check == message.fields().end() || entry.to != target.id() ||
         check->second.number_value() != static_cast<double>(entry.check());
}

// Notes the dead letters of tellers, which send with the number as request id.
core::EventStream::Subscription note_dead_letters(core::ActorSystem& system,
                                                  const std::shared_ptr<Book>& book) {
  return system.events().subscribe<core::DeadLetter>([book](const core::DeadLetter& letter) {
    book->note("dead " + std::string(core::to_string(letter.reason)), to_word(letter.sender.id()),
               to_word(letter.target.id()), letter.sender.request_id());
  });
}

core::EventStream::Subscription note_gone_peers(core::ActorSystem& system,
                                                const std::shared_ptr<Book>& book) {
  return system.events().subscribe<remote::EndpointTerminated>(
      [book](const remote::EndpointTerminated& event) {
        std::string reason = event.reason;
        std::replace(reason.begin(), reason.end(), ' ', '_');
        book->note("gone " + reason, event.address, "-", 0);
      });
}

std::vector<core::Pid> to_pids(core::Context& context, const std::string& text) {
  std::vector<core::Pid> pids;
  std::istringstream words(text);
  for (std::string pid; words >> pid;) {
    const auto parts = core::split_pid(pid);
    if (!parts) throw std::runtime_error("a target is no Pid");
    pids.push_back(context.system().registry().resolve(parts->address, parts->id));
  }
  return pids;
}

class Teller final : public core::Actor {
 public:
  explicit Teller(std::shared_ptr<Book> book) : book_(std::move(book)) {}

  void receive(core::Context& context) override {
    if (context.message<Beat>() != nullptr) return tell(context);
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    if (book_ == nullptr) throw std::runtime_error("NEXUS_TEST_BOOK is not set");
    const auto& fields = message->fields();
    Struct answer;
    if (fields.contains("stop")) {
      (void)context.cancel_schedule(beat_);
      (*answer.mutable_fields())["sent"].set_number_value(static_cast<double>(sent_count_));
    } else if (fields.contains("targets")) {
      begin(context, *message);
    } else {
      // A message for a ledger whose target was changed on its way.
      return;
    }
    context.respond(std::move(answer));
  }

 private:
  struct Beat {};

  void begin(core::Context& context, const Struct& message) {
    if (dead_letters_ == nullptr) dead_letters_ = note_dead_letters(context.system(), book_);
    targets_ = to_pids(context, message.fields().at("targets").string_value());
    per_beat_ = static_cast<std::uint64_t>(message.fields().at("per_beat").number_value());
    const std::chrono::milliseconds period(
        static_cast<std::int64_t>(message.fields().at("beat_ms").number_value()));
    beat_ = context.schedule_repeatedly(period, period, context.self(), Beat{});
  }

  void tell(core::Context& context) {
    for (const std::uint64_t end = sent_count_ + per_beat_; sent_count_ < end;) {
      ++sent_count_;
      for (const core::Pid& target : targets_) {
        const Entry entry{.from = context.self().id(), .to = target.id(), .number = sent_count_};
        book_->note("sent", entry.from, entry.to, entry.number);
        auto envelope = core::make_envelope(to_message(entry));
        envelope->set_sender(
            context.self().with_request_id(static_cast<std::uint32_t>(sent_count_)));
        context.deliver(target, std::move(envelope));
      }
    }
  }

  const std::shared_ptr<Book> book_;
  core::EventStream::Subscription dead_letters_;
  std::vector<core::Pid> targets_;
  std::uint64_t per_beat_ = 0;
  core::ScheduleId beat_{};
  std::uint64_t sent_count_ = 0;
};

class Witness final : public core::Actor {
 public:
  explicit Witness(std::shared_ptr<Book> book) : book_(std::move(book)) {}

  void receive(core::Context& context) override {
    if (const auto* terminated = context.message<core::Terminated>()) {
      return on_terminated(context, *terminated);
    }
    if (const auto* again = context.message<Again>()) {
      if (goes_on_) watch(context, again->watchee);
      return;
    }
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    if (book_ == nullptr) throw std::runtime_error("NEXUS_TEST_BOOK is not set");
    const auto& fields = message->fields();
    if (fields.contains("stop")) {
      goes_on_ = false;
    } else if (fields.contains("targets")) {
      for (const core::Pid& target : to_pids(context, fields.at("targets").string_value())) {
        watch(context, target);
      }
    } else {
      // A message for somebody else whose target was changed on its way.
      return;
    }
    context.respond(Struct{});
  }

 private:
  // No faster than a link is dialled again.
  static constexpr std::chrono::milliseconds kPause{100};
  struct Again {
    core::Pid watchee;
  };
  struct Watch {
    std::uint64_t number = 0;
    bool is_open = false;
  };

  void watch(core::Context& context, const core::Pid& watchee) {
    Watch& watch = watches_[watchee.id()];
    if (watch.is_open) return;
    watch = {.number = watch.number + 1, .is_open = true};
    book_->note("watched", context.self().id(), watchee.id(), watch.number);
    context.watch(watchee);
  }
  void on_terminated(core::Context& context, const core::Terminated& terminated) {
    static constexpr const char* kReasons[] = {"stopped", "address_terminated", "not_found"};
    Watch& watch = watches_[terminated.who.id()];
    book_->note("told " + std::string(kReasons[static_cast<int>(terminated.why)]),
                context.self().id(), to_word(terminated.who.id()),
                std::exchange(watch.is_open, false) ? watch.number : 0);
    if (terminated.why == core::TerminatedReason::address_terminated && goes_on_) {
      (void)context.schedule_once(kPause, context.self(), Again{terminated.who});
    }
  }

  const std::shared_ptr<Book> book_;
  std::map<std::string, Watch> watches_;
  bool goes_on_ = true;
};

class Ledger final : public core::Actor {
 public:
  explicit Ledger(std::shared_ptr<Book> book) : book_(std::move(book)) {}

  void receive(core::Context& context) override {
    if (context.message<core::Started>() != nullptr && book_ != nullptr) {
      dead_letters_ = note_dead_letters(context.system(), book_);
      gone_ = note_gone_peers(context.system(), book_);
    }
    const auto* message = context.message<Struct>();
    if (message == nullptr) return;
    if (!is_entry(*message)) return context.respond(Struct{});
    const Entry entry = to_entry(*message);
    if (book_ == nullptr) throw std::runtime_error("NEXUS_TEST_BOOK is not set");
    book_->note(is_damaged(*message, entry, context.self()) ? "damaged" : "handled",
                to_word(entry.from), to_word(entry.to), entry.number);
  }

 private:
  const std::shared_ptr<Book> book_;
  core::EventStream::Subscription dead_letters_;
  core::EventStream::Subscription gone_;
};

class NotePosted final : public core::MailboxMiddleware {
 public:
  explicit NotePosted(std::shared_ptr<Book> book) : book_(std::move(book)) {}

  void message_posted(const core::Pid& target, const core::Envelope& envelope) override {
    const auto* message = envelope.get<Struct>();
    if (message == nullptr || !is_entry(*message)) return;
    const Entry entry = to_entry(*message);
    if (!is_damaged(*message, entry, target))
      book_->note("posted", entry.from, entry.to, entry.number);
  }

 private:
  const std::shared_ptr<Book> book_;
};

}  // namespace

void add_ledger_kinds(nexus::Node& node) {
  const std::shared_ptr<Book> book = book_of_this_process();
  node.add_kind("teller", core::props<Teller>(book), "sends numbered messages in beats")
      .accepts<Struct>();
  core::Props ledger = core::props<Ledger>(book);
  if (book != nullptr) ledger.mailbox_middleware.push_back(std::make_shared<NotePosted>(book));
  node.add_kind("witness", core::props<Witness>(book), "watches, and writes down what it is told")
      .accepts<Struct>();
  node.add_kind("ledger", std::move(ledger), "writes down what arrives").accepts<Struct>();
}

}  // namespace nexus::test
