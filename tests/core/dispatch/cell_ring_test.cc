#include "core/dispatch/cell_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

#include "core/actor/actor_cell.h"

namespace nexus::core {
namespace {

// The ring never looks into a cell, so any addresses do.
ActorCell& cell(std::uintptr_t number) {
  return *reinterpret_cast<ActorCell*>((number + 1) * alignof(ActorCell));
}

TEST(CellRing, IsEmptyAtFirst) {
  CellRing ring;
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.pop_front(), nullptr);
  EXPECT_EQ(ring.pop_back(), nullptr);
}

TEST(CellRing, DoesWhatADequeDoes) {
  std::mt19937 random(20261122);
  CellRing ring;
  std::deque<ActorCell*> model;
  std::uintptr_t number = 0;
  for (int round = 0; round < 200'000; ++round) {
    // Long stretches of growing and of shrinking.
    const bool grow = (round / 20'000) % 2 == 0;
    const unsigned dice = random() % 10;
    if (dice < (grow ? 7u : 2u)) {
      ring.push_back(cell(number));
      model.push_back(&cell(number++));
    } else {
      const bool front = dice % 2 == 0;
      ActorCell* expected = nullptr;
      if (!model.empty()) {
        expected = front ? model.front() : model.back();
        front ? model.pop_front() : model.pop_back();
      }
      ASSERT_EQ(front ? ring.pop_front() : ring.pop_back(), expected);
    }
    ASSERT_EQ(ring.size(), model.size());
  }
}

}  // namespace
}  // namespace nexus::core
