// GossipDriver: runs a Membership on a thread of its own (`nx-gossip`), with a clock and with links.
//
//   start()             once, first; leave() and stop() once, last
//   view(), is_frozen(), id(), state_of(), doubts(), dropped_state_count()   any thread, without waiting for the gossip thread
//   put(), force(), join(), set_seeds()   any thread; they wait for the gossip thread, and on it they are refused: failed_precondition
//   on_...()            ControlLinks: any thread
//
// `observer` is called on the gossip thread, with each event in its order, and must not block.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "cluster/control_links.h"
#include "cluster/membership/membership.h"
#include "core/base/mutex.h"

namespace nexus::cluster {

class GossipDriver final : public ControlLinkEvents {
 public:
  struct Options {
    MembershipOptions membership;
    // With its id.
    Member self;
    std::vector<std::string> seeds;
    // How much has come from that member's process, at its address, on other connections; when it grows, the process is there. The
    // gossip thread. May be empty.
    std::function<std::uint64_t(const Member& member)> traffic_of{};
  };
  using Observer = std::function<void(const Incarnation::Event&)>;
  struct LinkTrouble {
    enum class Kind : std::uint8_t { refused, lost, dropped };
    Kind kind;
    std::string address;
    std::string why;
  };
  // See ControlLinkEvents; for a log. The gossip thread.
  using LinkObserver = std::function<void(const LinkTrouble&)>;

  GossipDriver(Options options, Observer observer, LinkObserver link_observer);
  ~GossipDriver() override;

  // `links` must outlive stop().
  void start(ControlLinks& links);
  // Tells the others, and waits until they have agreed. False when they had not by then.
  bool leave(core::Duration patience);
  // Ends the links and the thread. Without leave() the others find out by themselves.
  void stop(core::Duration patience);

  // Empty while the node is in none.
  ViewPtr view() const;
  // Of the present incarnation, which the next view may be the first of.
  MemberId id() const;
  bool is_frozen() const;
  [[nodiscard]] core::Status put(std::string key, std::string value);
  [[nodiscard]] core::Status force(ViewId base, const std::vector<MemberId>& keep);
  // See Membership.
  [[nodiscard]] core::Status join(const std::vector<std::string>& addresses);
  [[nodiscard]] core::Status set_seeds(std::vector<std::string> seeds);
  std::vector<StateEntry> state_of(const MemberId& member) const;
  // Entries of peers that were over a limit.
  std::uint64_t dropped_state_count() const { return dropped_state_count_.load(); }
  // Members that leave, or that some of their observers do not hear.
  struct Doubt {
    MemberId member;
    bool leaves;
  };
  std::vector<Doubt> doubts() const;

  void on_message(Peer from, ControlMessagePtr message, std::function<void()> taken) override;
  void on_refused(const std::string& address) override;
  void on_lost(const std::string& address, const std::string& why) override;
  void on_dropped(const std::string& address, const std::string& why) override;

 private:
  struct Received {
    Peer from;
    ControlMessagePtr message;
    std::function<void()> taken;
  };
  using Call = std::function<void(core::Instant now)>;
  using Event = std::variant<Received, LinkTrouble, Call>;

  void run();
  void handle(Event& event, core::Instant now);
  void carry_out();
  void look_for_traffic(core::Instant now);
  // What other threads may look at. `owners`: whose state has changed.
  void publish(const std::set<MemberId>& owners, bool view_changed);
  // False when the thread has ended.
  bool post(Event event);
  // Runs it on the gossip thread and waits for it. An error when the thread has ended, and on that thread itself.
  core::Status call(Call what);

  const Options options_;
  const Observer observer_;
  const LinkObserver link_observer_;
  ViewMaker maker_;

  // The gossip thread's.
  ControlLinks* links_ = nullptr;
  Membership membership_;
  Membership::Output output_;
  // When the doubts were published that others see.
  std::uint64_t doubts_change_count_ = 0;
  core::Instant prune_at_{};
  core::Instant traffic_at_{};
  // By process, for those that are observed.
  std::map<MemberId, std::uint64_t> traffic_;

  mutable core::Mutex mutex_{"gossip"};
  core::CondVar changed_;
  std::deque<Event> inbox_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool left_ GUARDED_BY(mutex_) = false;
  ViewPtr view_ GUARDED_BY(mutex_);
  MemberId id_ GUARDED_BY(mutex_);
  bool frozen_ GUARDED_BY(mutex_) = false;
  // Of members that have any; what it points to never changes.
  std::map<MemberId, std::shared_ptr<const std::vector<StateEntry>>> states_ GUARDED_BY(mutex_);
  std::vector<Doubt> doubts_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> dropped_state_count_ = 0;

  std::thread thread_;
  // The thread itself says so: others may call before start() has returned.
  std::atomic<std::thread::id> runner_{};
};

}  // namespace nexus::cluster
