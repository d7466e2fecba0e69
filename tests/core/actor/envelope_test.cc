#include "core/actor/envelope.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/actor/messages.h"

namespace nexus::core {
namespace {

template <std::size_t kBytes>
struct Sized {
  std::shared_ptr<int> witness;
  std::array<char, kBytes - sizeof(std::shared_ptr<int>)> padding{};
};
template <>
struct Sized<16> {
  std::shared_ptr<int> witness;
};
struct alignas(64) Aligned {
  int value = 0;
};
struct Greeting {
  std::string text;
};
// Says that it can be copied, but cannot.
struct Parcel {
  std::vector<std::unique_ptr<int>> items;
};

}  // namespace

template <>
inline constexpr bool kCopyableMessage<Parcel> = false;

template <>
struct Wire<Greeting> {
  static constexpr const char* kName = "test.Greeting";
  static bool encode(const Greeting& greeting, std::string* out) {
    *out = greeting.text;
    return !greeting.text.empty();
  }
  static std::optional<Greeting> decode(std::string_view bytes) {
    if (bytes.empty()) return std::nullopt;
    return Greeting{std::string(bytes)};
  }
};

namespace {

template <typename T>
class EnvelopeOfSize : public testing::Test {};
using Sizes = testing::Types<Sized<16>, Sized<24>, Sized<80>, Sized<96>, Sized<5000>>;
TYPED_TEST_SUITE(EnvelopeOfSize, Sizes);

TYPED_TEST(EnvelopeOfSize, HoldsAndDestroysItsMessage) {
  auto witness = std::make_shared<int>(3);
  {
    TypeParam message;
    message.witness = witness;
    const EnvelopePtr envelope = make_envelope(std::move(message));
    ASSERT_TRUE(envelope->is<TypeParam>());
    EXPECT_EQ(*envelope->get<TypeParam>()->witness, 3);
    EXPECT_EQ(envelope->get<Started>(), nullptr);
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(Envelope, PutsEachMessageWhereItFits) {
  using Place = MessageType::Place;
  EXPECT_EQ(message_type<Sized<16>>().place, Place::small_node);
  EXPECT_EQ(message_type<Sized<24>>().place, Place::large_node);
  EXPECT_EQ(message_type<Sized<80>>().place, Place::large_node);
  EXPECT_EQ(message_type<Sized<96>>().place, Place::heap);
  EXPECT_EQ(message_type<Aligned>().place, Place::heap);
  const EnvelopePtr aligned = make_envelope(Aligned{4});
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned->message()) % alignof(Aligned), 0u);
}

TEST(Envelope, NamesItsTypeByTheWireOrByTheLanguage) {
  EXPECT_EQ(message_type<Greeting>().name(), "test.Greeting");
  EXPECT_EQ(message_type<Started>().name(), "nexus::core::Started");
  EXPECT_FALSE(message_type<Started>().remotable());
}

TEST(Envelope, AWireTypeIsWrittenAndReadBack) {
  const MessageType& type = message_type<Greeting>();
  const EnvelopePtr sent = make_envelope(Greeting{"hello"});
  std::string bytes;
  ASSERT_TRUE(type.encode(sent->message(), &bytes));
  const EnvelopePtr received = type.decode(bytes);
  ASSERT_NE(received, nullptr);
  EXPECT_EQ(received->get<Greeting>()->text, "hello");
  EXPECT_EQ(type.decode(""), nullptr);
  EXPECT_FALSE(type.encode(make_envelope(Greeting{})->message(), &bytes));
}

TEST(Envelope, HasNoHeadersUntilSomeAreSet) {
  const EnvelopePtr envelope = make_envelope(Started{});
  EXPECT_TRUE(envelope->headers().empty());
  envelope->set_headers({{"trace", "1"}});
  ASSERT_EQ(envelope->headers().size(), 1u);
  EXPECT_EQ(envelope->headers()[0].second, "1");
  envelope->set_headers({});
  EXPECT_TRUE(envelope->headers().empty());
}

TEST(Envelope, KeepsSenderAndTheWishForNotices) {
  const EnvelopePtr envelope = make_envelope(Started{});
  EXPECT_TRUE(envelope->sender().empty());
  EXPECT_FALSE(envelope->wants_notices());
  envelope->set_sender(Pid::of_name("a:1", "x").with_request_id(9));
  envelope->set_wants_notices(true);
  EXPECT_EQ(envelope->sender().request_id(), 9u);
  EXPECT_TRUE(envelope->wants_notices());
}

TEST(Envelope, ACopyHasMessageSenderHeadersAndWishForNotices) {
  EnvelopePtr envelope = make_envelope(Greeting{"hello"});
  envelope->set_sender(Pid::of_name("node:1", "asker", 9));
  envelope->set_headers({{"key", "value"}});
  envelope->set_wants_notices(true);
  const EnvelopePtr copy = copy_of(*envelope);
  ASSERT_NE(copy, nullptr);
  envelope.reset();
  EXPECT_EQ(copy->get<Greeting>()->text, "hello");
  EXPECT_EQ(copy->sender(), Pid::of_name("node:1", "asker"));
  EXPECT_EQ(copy->sender().request_id(), 9u);
  EXPECT_EQ(copy->headers(), (Headers{{"key", "value"}}));
  EXPECT_TRUE(copy->wants_notices());
}

TEST(Envelope, MessagesOfAnySizeAreCopied) {
  auto witness = std::make_shared<int>();
  for (const EnvelopePtr& envelope :
       {make_envelope(Sized<16>{witness}), make_envelope(Sized<80>{witness}),
        make_envelope(Sized<800>{witness})}) {
    const long uses = witness.use_count();
    const EnvelopePtr copy = copy_of(*envelope);
    EXPECT_EQ(&copy->type(), &envelope->type());
    EXPECT_EQ(witness.use_count(), uses + 1);
  }
  EXPECT_EQ(copy_of(*make_envelope(Aligned{7}))->get<Aligned>()->value, 7);
}

TEST(Envelope, WhatIsOnlyMovedHasNoCopy) {
  EXPECT_EQ(copy_of(*make_envelope(std::make_unique<int>(7))), nullptr);
  EXPECT_EQ(copy_of(*make_envelope(Parcel{})), nullptr);
}

TEST(Envelope, NodesMayBeFreedByAnotherThreadThanTheOneThatMadeThem) {
  std::vector<EnvelopePtr> envelopes;
  for (int i = 0; i < 2'000; ++i) {
    envelopes.push_back(make_envelope(i));
    envelopes.push_back(
        make_envelope(Greeting{"text that does not fit into the string object itself"}));
  }
  std::thread([&] { envelopes.clear(); }).join();
  EXPECT_EQ(*make_envelope(7)->get<int>(), 7);
}

TEST(EnvelopeList, LeavesInTheOrderOfArrival) {
  EnvelopeList list;
  EXPECT_EQ(list.pop_front(), nullptr);
  for (int i = 0; i < 5; ++i) list.push_back(make_envelope(i));
  EnvelopeList moved = std::move(list);
  EXPECT_TRUE(list.empty());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*moved.pop_front()->get<int>(), i);
  moved.push_back(make_envelope(5));
  for (int i = 3; i < 6; ++i) EXPECT_EQ(*moved.pop_front()->get<int>(), i);
  EXPECT_TRUE(moved.empty());
}

TEST(EnvelopeList, DestroysWhatIsLeft) {
  auto witness = std::make_shared<int>();
  {
    EnvelopeList list;
    for (int i = 0; i < 100'000; ++i) list.push_back(make_envelope(Sized<16>{witness}));
    EXPECT_EQ(witness.use_count(), 100'001);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace
}  // namespace nexus::core
