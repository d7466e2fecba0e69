// MemberSet: which members of one view, a bit each. Pure; owner only.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cluster/view/member.h"
#include "core/base/check.h"

namespace nexus::cluster {

class MemberSet {
 public:
  MemberSet() = default;
  // Of a view with `size` members; empty.
  explicit MemberSet(std::size_t size) : size_(size), words_((size + kBits - 1) / kBits) {}

  static MemberSet all(std::size_t size) { return MemberSet(size).complement(); }

  // From words(); false when they are not those of a view with `size` members.
  static bool valid(std::size_t size, const std::vector<std::uint64_t>& words) {
    if (words.size() != (size + kBits - 1) / kBits) return false;
    return size % kBits == 0 || words.empty() || words.back() >> (size % kBits) == 0;
  }
  MemberSet(std::size_t size, std::vector<std::uint64_t> words)
      : size_(size), words_(std::move(words)) {
    CHECK(valid(size_, words_));
  }

  // Of the view, not of the set.
  std::size_t view_size() const { return size_; }
  const std::vector<std::uint64_t>& words() const { return words_; }

  bool contains(MemberIndex i) const {
    return i < size_ && (words_[i / kBits] >> (i % kBits) & 1) != 0;
  }
  // True when it was not in.
  bool add(MemberIndex i) {
    CHECK(i < size_);
    std::uint64_t& word = words_[i / kBits];
    const std::uint64_t before = word;
    word |= std::uint64_t{1} << (i % kBits);
    return word != before;
  }
  void remove(MemberIndex i) {
    CHECK(i < size_);
    words_[i / kBits] &= ~(std::uint64_t{1} << (i % kBits));
  }
  // True when the other one had what this one did not.
  bool merge(const MemberSet& other) {
    CHECK(size_ == other.size_);
    bool grew = false;
    for (std::size_t w = 0; w < words_.size(); ++w) {
      const std::uint64_t merged = words_[w] | other.words_[w];
      grew = grew || merged != words_[w];
      words_[w] = merged;
    }
    return grew;
  }

  std::size_t count() const {
    std::size_t count = 0;
    for (const std::uint64_t word : words_) count += static_cast<std::size_t>(std::popcount(word));
    return count;
  }
  // The set of those that are not in.
  MemberSet complement() const {
    MemberSet rest(*this);
    for (std::uint64_t& word : rest.words_) word = ~word;
    if (size_ % kBits != 0) rest.words_.back() &= (std::uint64_t{1} << (size_ % kBits)) - 1;
    return rest;
  }

  bool operator==(const MemberSet&) const = default;

 private:
  static constexpr std::size_t kBits = 64;

  std::size_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace nexus::cluster
