#include "core/routing/routing_key.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace nexus::core {
namespace {

struct Order {
  std::string customer;
};
struct Payment {
  std::uint32_t account;
};
struct Ping {};

}  // namespace

template <>
struct RouterHash<Order> {
  static const std::string& key(const Order& order) { return order.customer; }
};
template <>
struct RouterHash<Payment> {
  static std::uint32_t key(const Payment& payment) { return payment.account; }
};

namespace {

static_assert(HasRouterHash<Order> && HasRouterHash<Payment> && !HasRouterHash<Ping>);

constexpr std::size_t kKeyCount = 20'000;

std::string name_of(std::size_t i) { return "node" + std::to_string(i) + ":8080/worker"; }

std::vector<Routee> routees_named(std::size_t count) {
  std::vector<Routee> routees;
  for (std::size_t i = 0; i < count; ++i) routees.push_back({{}, hash_key(name_of(i))});
  return routees;
}

// Which identity each key belongs to.
std::vector<std::uint64_t> owners(const std::vector<Routee>& routees) {
  std::vector<std::uint64_t> owners;
  for (std::size_t key = 0; key < kKeyCount; ++key) {
    owners.push_back(routees[rendezvous(hash_key(key), routees)].identity);
  }
  return owners;
}

TEST(RoutingKey, IsThatOfTheFirstTypeThatFits) {
  const RoutingKey keys = keys_of<Order, Payment>();
  EXPECT_EQ(keys(*make_envelope(Order{"ann"})), hash_key("ann"));
  EXPECT_EQ(keys(*make_envelope(Payment{7})), hash_key(7u));
  EXPECT_EQ(keys(*make_envelope(Ping{})), std::nullopt);
}

TEST(RoutingKey, A1_HashesAreTheSameInEveryVersion) {
  EXPECT_EQ(hash_key(""), 0xf52a15e9a9b5e89bu);
  EXPECT_EQ(hash_key("ann"), 0x8096e52ad559ed80u);
  EXPECT_EQ(hash_key(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(hash_key(1), 0x910a2dec89025cc1u);
}

TEST(RoutingKey, A1_KeysBelongToTheSameRouteeInEveryVersionAndOrder) {
  std::vector<Routee> routees = routees_named(5);
  std::vector<std::size_t> chosen;
  for (const char* key : {"ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal"}) {
    chosen.push_back(rendezvous(hash_key(key), routees));
  }
  EXPECT_EQ(chosen, (std::vector<std::size_t>{4, 1, 2, 0, 3, 4, 2, 4}));
  const std::vector<std::uint64_t> before = owners(routees);
  std::swap(routees[0], routees[3]);
  std::swap(routees[1], routees[4]);
  EXPECT_EQ(owners(routees), before);
}

TEST(RoutingKey, A2_OnlyTheKeysOfARouteeThatGoesMove) {
  for (const std::size_t count : {2u, 3u, 10u, 50u}) {
    std::vector<Routee> routees = routees_named(count);
    const std::vector<std::uint64_t> before = owners(routees);
    const std::uint64_t gone = routees[count / 2].identity;
    routees.erase(routees.begin() + static_cast<std::ptrdiff_t>(count / 2));
    const std::vector<std::uint64_t> after = owners(routees);
    std::size_t moved_count = 0;
    std::map<std::uint64_t, std::size_t> heirs;
    for (std::size_t key = 0; key < kKeyCount; ++key) {
      ASSERT_EQ(before[key] == gone, before[key] != after[key]) << "key " << key;
      if (before[key] != gone) continue;
      ++moved_count;
      ++heirs[after[key]];
    }
    const double expected = static_cast<double>(kKeyCount) / static_cast<double>(count);
    EXPECT_NEAR(static_cast<double>(moved_count), expected, 0.2 * expected);
    EXPECT_EQ(heirs.size(), count - 1) << "not everybody inherits";
  }
}

TEST(RoutingKey, A2_KeysMoveOnlyToARouteeThatComes) {
  std::vector<Routee> routees = routees_named(10);
  const std::vector<std::uint64_t> before = owners(routees);
  routees.push_back({{}, hash_key(name_of(10))});
  const std::vector<std::uint64_t> after = owners(routees);
  std::size_t moved_count = 0;
  for (std::size_t key = 0; key < kKeyCount; ++key) {
    if (before[key] == after[key]) continue;
    ASSERT_EQ(after[key], routees.back().identity) << "key " << key;
    ++moved_count;
  }
  EXPECT_NEAR(static_cast<double>(moved_count), kKeyCount / 11.0, 0.2 * kKeyCount / 11.0);
}

TEST(RoutingKey, EachRouteeGetsItsShare) {
  for (const std::size_t count : {3u, 16u, 100u}) {
    // Places of a pool hash like numbers.
    std::vector<Routee> routees;
    for (std::size_t i = 0; i < count; ++i) routees.push_back({{}, hash_key(i)});
    std::map<std::uint64_t, std::size_t> shares;
    for (const std::uint64_t owner : owners(routees)) ++shares[owner];
    const double expected = static_cast<double>(kKeyCount) / static_cast<double>(count);
    ASSERT_EQ(shares.size(), count);
    for (const auto& [identity, share] : shares) {
      EXPECT_NEAR(static_cast<double>(share), expected, 0.35 * expected) << count << " routees";
    }
  }
}

}  // namespace
}  // namespace nexus::core
