// ViewHistory: the last cuts, for members that missed them. Pure; owner only.
#pragma once

#include <deque>
#include <vector>

#include "cluster/view/view.h"

namespace nexus::cluster {

class ViewHistory {
 public:
  explicit ViewHistory(std::size_t cuts_max) : cuts_max_(cuts_max) {}

  // The newest cut.
  void add(CutPtr cut) {
    cuts_.push_back(std::move(cut));
    if (cuts_.size() > cuts_max_) cuts_.pop_front();
  }
  // The next view does not follow from the last one.
  void clear() { cuts_.clear(); }
  // From the view with this id to the newest one; empty when that is not known.
  std::vector<CutPtr> since(ViewId base) const {
    std::vector<CutPtr> cuts;
    for (const CutPtr& cut : cuts_) {
      if (cuts.empty() && cut->base != base) continue;
      cuts.push_back(cut);
    }
    return cuts;
  }

 private:
  const std::size_t cuts_max_;
  std::deque<CutPtr> cuts_;
};

}  // namespace nexus::cluster
