// EdgeMonitor: listens to the subjects of one member: probes each, asks others when one is silent, and says whether it is heard.
// Pure: no sockets, no clock, chance only from its seed. Owner only.
//
// D1  A subject is heard until its last proof of life is older than its timeout. The proof of an answer is the moment when its probe
//     left, so an answer that was long under way proves little.
// D2  timeout = clamp(missed * interval + the latest that answers have lately been, timeout_min, timeout_max) * LocalHealth::factor().
// D3  Before the timeout ends others are asked; when one of them hears the subject, it is heard.
// D4  Any other message of the subject puts the end off, but not beyond twice the timeout: a node that can be heard and does not hear is
//     of no use.
// D5  Time in which this member itself stood still does not count: it was not called, though it was due.
// D6  Two refused connections in a row, `refusal_gap` apart, end the wait: nobody listens there.
// D7  A doubted subject is proven within twice indirect_wait, or is not heard.
//
// Sources: SWIM (Das, Gupta, Motivala, DSN 2002) for D3; Lifeguard (DSN-W 2018) for D2; Orleans' local health monitor for D4 and D5.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "cluster/detection/local_health.h"
#include "cluster/random.h"
#include "cluster/view/view.h"
#include "core/base/clock.h"

namespace nexus::cluster {

struct EdgeOptions {
  // Between two probes of a subject, in views of up to small_view_max members and in larger ones.
  core::Duration interval_small = std::chrono::milliseconds(500);
  core::Duration interval_large = std::chrono::seconds(1);
  std::size_t small_view_max = 200;
  // Each interval is longer or shorter by up to so much.
  std::uint32_t jitter_percent = 20;
  std::uint32_t missed = 3;
  core::Duration timeout_min = std::chrono::milliseconds(1500);
  core::Duration timeout_max = std::chrono::seconds(10);
  // Others are asked so long before the timeout ends. Less than timeout_min.
  core::Duration indirect_wait = std::chrono::milliseconds(500);
  std::uint32_t indirect_count = 3;
  core::Duration refusal_gap = std::chrono::milliseconds(200);
  // A timer that is later than this tells that this member stood still.
  core::Duration lateness_max = std::chrono::milliseconds(250);
};

class EdgeMonitor {
 public:
  struct SendProbe {
    MemberIndex subject;
  };
  struct AskOthers {
    MemberIndex subject;
    // When this comes back, on_indirect() wants it.
    core::Instant asked;
    std::vector<MemberIndex> helpers;
  };
  // The subject was heard and is not any more, or the other way round.
  struct Verdict {
    MemberIndex subject;
    bool heard;
  };
  using Action = std::variant<SendProbe, AskOthers, Verdict>;
  using Actions = std::vector<Action>;

  EdgeMonitor(EdgeOptions options, std::uint64_t seed) : options_(options), random_(seed) {}

  // A new view, in which this member is `self`. What is known of a subject that stays is kept, and a new one is taken for alive;
  // verdicts start anew: all are heard, and a silent one is found so at the next on_time().
  void watch(ViewPtr view, MemberIndex self, core::Instant now);

  // An answer to a probe that left at `sent`. May say Verdict{heard}.
  void on_ack(MemberIndex subject, core::Instant sent, core::Instant now, Actions& actions);
  void on_indirect(MemberIndex subject, core::Instant asked, bool heard, core::Instant now,
                   Actions& actions);
  // Any message of the subject but an answer, on any connection.
  void on_traffic(MemberIndex subject, core::Instant now);
  // Its address refused a connection.
  void on_refused(MemberIndex subject, core::Instant now, Actions& actions);
  // The connection to it has ended: it is probed again soon.
  void on_lost(MemberIndex subject, core::Instant now);
  // Others do not hear it: says Verdict within twice indirect_wait, also when the subject was heard all along. Leaves those alone
  // that are not heard anyway.
  void doubt(MemberIndex subject, core::Instant now, Actions& actions);
  void on_time(core::Instant now, Actions& actions);

  // When to call on_time(); Instant::max() without subjects.
  core::Instant next_time() const;
  bool watches(MemberIndex subject) const { return find(subject) != nullptr; }
  const LocalHealth& health() const { return health_; }
  std::size_t bytes() const { return edges_.capacity() * sizeof(Edge); }

 private:
  struct Edge {
    MemberIndex subject = 0;
    MemberId id;
    core::Instant proof{};
    core::Instant traffic{};
    core::Instant next_probe{};
    // When others were asked; the beginning of time when they were not since the last proof.
    core::Instant asked{};
    core::Instant refused{};
    // When its connection ended last.
    core::Instant lost{};
    // The latest that an answer has been, fading.
    core::Duration lateness{};
    std::uint8_t helpers = 0;
    std::uint8_t answers = 0;
    bool heard = true;
    // When others said that they do not hear it; the beginning of time when nobody did.
    core::Instant doubted{};
  };

  core::Duration interval() const;
  core::Duration timeout(const Edge& edge) const;
  core::Instant ask_at(const Edge& edge) const;
  core::Instant end_at(const Edge& edge) const;
  Edge* find(MemberIndex subject);
  const Edge* find(MemberIndex subject) const {
    return const_cast<EdgeMonitor*>(this)->find(subject);
  }
  void prove(Edge& edge, core::Instant proof, Actions& actions);
  void probe(Edge& edge, core::Instant now, Actions& actions);
  void ask(Edge& edge, core::Instant now, Actions& actions);
  void end(Edge& edge, Actions& actions);
  // At the beginning and at the end of each event.
  void forgive_own_pause(core::Instant now);
  void note_due(core::Instant now) { due_ = std::max(next_time(), now); }
  void suspect_itself(core::Instant now);

  EdgeOptions options_;
  Random random_;
  LocalHealth health_;
  ViewPtr view_;
  MemberIndex self_ = 0;
  // Ascending by subject.
  std::vector<Edge> edges_;
  // So that one silence, or one row of answers, is not counted twice.
  core::Instant last_worse_{};
  // When on_time() was due after the last event; not in the past of that, whatever has changed with it.
  core::Instant due_ = core::Instant::max();
  // The end of the last pause of its own.
  core::Instant paused_{};
  core::Instant last_better_{};
};

}  // namespace nexus::cluster
