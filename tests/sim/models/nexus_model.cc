#include "tests/sim/models/nexus_model.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/control_codec.h"
#include "cluster/membership/membership.h"
#include "cluster/view/digest.h"
#include "core/base/check.h"

namespace nexus::sim {
namespace {

using cluster::ControlMessagePtr;
using cluster::Digest;
using cluster::MemberId;
using cluster::ViewPtr;
using core::Instant;

// A bijection: the order of ids has nothing to do with that of nodes, as with ids by chance.
MemberId id_of(Identity identity) {
  const std::uint64_t word = std::uint64_t{identity.node} << 32 | identity.incarnation;
  return MemberId(cluster::scramble(word), word);
}

Identity identity_of(const MemberId& id) {
  return {.node = static_cast<NodeIndex>(id.low() >> 32),
          .incarnation = static_cast<std::uint32_t>(id.low())};
}

std::string address_of(NodeIndex node) {
  return "10." + std::to_string(node >> 16) + '.' + std::to_string(node >> 8 & 255) + '.' +
         std::to_string(node & 255) + ":7701";
}

NodeIndex node_at(const std::string& address) {
  NodeIndex node = 0;
  NodeIndex part = 0;
  for (const char c : address.substr(3)) {
    if (c == '.' || c == ':') {
      node = node << 8 | part;
      part = 0;
      if (c == ':') break;
    } else {
      part = part * 10 + static_cast<NodeIndex>(c - '0');
    }
  }
  return node;
}

cluster::Member member_of(Identity identity) {
  return {.id = id_of(identity),
          .process = id_of(identity),
          .address = address_of(identity.node),
          .version = "0.1.0"};
}

class NexusPayload final : public Payload {
 public:
  explicit NexusPayload(ControlMessagePtr message) : message_(std::move(message)) {
    const std::string bytes = cluster::encode(*message_);
    size_ = static_cast<std::uint32_t>(bytes.size());
    digest_ = Digest().add(bytes).value();
  }

  std::uint64_t digest() const override { return digest_; }
  std::uint32_t size() const { return size_; }
  const ControlMessagePtr& message() const { return message_; }

 private:
  ControlMessagePtr message_;
  std::uint32_t size_ = 0;
  std::uint64_t digest_ = 0;
};

// What changes from one view to another; either may be missing.
struct Difference {
  std::vector<Identity> added;
  std::vector<Identity> removed;
};

Difference difference(const cluster::View* before, const cluster::View* after) {
  Difference result;
  std::size_t b = 0;
  std::size_t a = 0;
  const std::size_t b_end = before == nullptr ? 0 : before->size();
  const std::size_t a_end = after == nullptr ? 0 : after->size();
  while (b < b_end || a < a_end) {
    if (a == a_end || (b < b_end && before->members()[b]->id < after->members()[a]->id)) {
      result.removed.push_back(identity_of(before->members()[b++]->id));
    } else if (b == b_end || after->members()[a]->id < before->members()[b]->id) {
      result.added.push_back(identity_of(after->members()[a++]->id));
    } else {
      ++b;
      ++a;
    }
  }
  return result;
}

// What the processes of one simulation have in common, so that each view is made once.
class SharedViews final : public cluster::ViewMaker {
 public:
  ViewPtr after(const cluster::View& base, const cluster::Cut& cut) override {
    std::weak_ptr<const cluster::View>& known = after_[{base.id(), cut.digest()}];
    ViewPtr view = known.lock();
    if (!view) {
      view = base.after(cut);
      known = view;
    }
    return view;
  }

  ViewPtr settled(const std::shared_ptr<const std::vector<Identity>>& members,
                  cluster::RingOptions rings) {
    if (settled_members_ != members) {
      std::vector<cluster::MemberPtr> all;
      for (const Identity& identity : *members)
        all.push_back(std::make_shared<const cluster::Member>(member_of(identity)));
      settled_members_ = members;
      settled_ = cluster::View::found(std::move(all), rings);
    }
    return settled_;
  }

  const Difference& between(const ViewPtr& before, const ViewPtr& after) {
    const std::pair key{before ? before->id() : 0, after ? after->id() : 0};
    if (differences_.size() > kDifferencesKept) differences_.clear();
    auto [known, is_new] = differences_.try_emplace(key);
    if (is_new) known->second = difference(before.get(), after.get());
    return known->second;
  }

 private:
  static constexpr std::size_t kDifferencesKept = 64;

  std::map<std::pair<cluster::ViewId, std::uint64_t>, std::weak_ptr<const cluster::View>> after_;
  std::map<std::pair<cluster::ViewId, cluster::ViewId>, Difference> differences_;
  std::shared_ptr<const std::vector<Identity>> settled_members_;
  ViewPtr settled_;
};

class NexusProcess final : public Process {
 public:
  NexusProcess(Env& env, const cluster::MembershipOptions& options, SharedViews& views)
      : env_(env),
        options_(options),
        views_(views),
        membership_(
            options, member_of(env.self()), views, [&env] { return id_of(env.renew_identity()); },
            env.random().next()) {}

  void start(std::span<const NodeIndex> contacts) override {
    membership_.start(addresses(contacts), env_.now(), output_);
    done();
  }

  void start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                     std::span<const NodeIndex> contacts) override {
    membership_.start_in(views_.settled(members, options_.rings), addresses(contacts), env_.now(),
                         output_);
    done();
  }

  void on_message(Identity from, const PayloadPtr& payload) override {
    const auto& message = static_cast<const NexusPayload&>(*payload).message();
    membership_.on_message({.id = id_of(from), .address = address_of(from.node)}, message,
                           env_.now(), output_);
    done();
  }

  void on_link_down(NodeIndex peer, WhyDown why) override {
    if (why == WhyDown::refused) {
      membership_.on_refused(address_of(peer), env_.now(), output_);
    } else {
      membership_.on_link_lost(address_of(peer), env_.now());
    }
    done();
  }

  void on_time() override {
    membership_.on_time(env_.now(), output_);
    done();
  }

  void leave() override {
    membership_.leave(env_.now(), output_);
    done();
  }

  void put(std::uint64_t key, std::uint32_t bytes) override {
    CHECK(membership_.put(std::to_string(key), std::string(bytes, 'v'), env_.now(), output_).ok());
    done();
  }

  bool believes(Identity member) const override {
    return view_ && view_->index_of(id_of(member)).has_value();
  }

  std::size_t memory_bytes() const override {
    return sizeof(*this) + membership_.incarnation().bytes() + (view_ ? view_->bytes() : 0);
  }

 private:
  static std::vector<std::string> addresses(std::span<const NodeIndex> nodes) {
    std::vector<std::string> all;
    for (const NodeIndex node : nodes) all.push_back(address_of(node));
    return all;
  }

  void believe(ViewPtr view) {
    const ViewPtr before = std::exchange(view_, std::move(view));
    const Difference& change = views_.between(before, view_);
    env_.view_changed({.epoch = view_ ? view_->epoch() : 0,
                       .id = view_ ? view_->id() : 0,
                       .added = change.added,
                       .removed = change.removed});
  }

  // Carries out what the last call has asked for.
  void done() {
    bool left = false;
    for (const cluster::Incarnation::Event& event : output_.events) {
      if (const auto* changed = std::get_if<cluster::Incarnation::ViewChanged>(&event)) {
        if (!changed->before) env_.standing_changed(Standing::member);
        believe(changed->view);
      } else if (const auto* out = std::get_if<cluster::Incarnation::Out>(&event)) {
        env_.standing_changed(Standing::out);
        left = out->why == cluster::Incarnation::WhyOut::left;
      } else if (const auto* frozen = std::get_if<cluster::Incarnation::Frozen>(&event)) {
        env_.standing_changed(frozen->frozen ? Standing::frozen : Standing::member);
      } else if (const auto* state = std::get_if<cluster::Incarnation::StateChanged>(&event)) {
        env_.learned(std::stoull(state->entry.key));
      } else if (std::holds_alternative<cluster::Incarnation::Rejoining>(event)) {
        env_.standing_changed(Standing::joining);
      }
    }
    output_.events.clear();
    // One payload for all who get the same message.
    std::shared_ptr<const NexusPayload> payload;
    for (cluster::Send& send : output_.sends) {
      if (!payload || payload->message() != send.message)
        payload = std::make_shared<const NexusPayload>(std::move(send.message));
      env_.send(node_at(send.address), payload, payload->size());
    }
    output_.sends.clear();
    if (left) return env_.left();
    if (const Instant next = membership_.next_time(); next != Instant::max()) env_.wake_at(next);
  }

  Env& env_;
  const cluster::MembershipOptions& options_;
  SharedViews& views_;
  cluster::Membership membership_;
  cluster::Membership::Output output_;
  // What was reported last; of the incarnation before, while the next one joins.
  ViewPtr view_;
};

class NexusModel final : public Model {
 public:
  // As daemon/node.cc sets them from the configuration.
  explicit NexusModel(const cluster::PartitionPolicy& policy) {
    options_.compatibility.cluster = "sim";
    options_.agreement.policy = policy;
    options_.admission.view_size_max = policy.view_size_max();
    options_.bootstrap.members_max = policy.view_size_max();
    if (policy.kind == cluster::PartitionPolicy::Kind::static_quorum)
      options_.bootstrap.expect = policy.quorum;
  }

  Traits traits() const override {
    return {.has_epochs = true,
            .has_one_view_an_epoch =
                options_.agreement.policy.kind != cluster::PartitionPolicy::Kind::none,
            .description = "the protocols that ship with nexus"};
  }

  std::unique_ptr<Process> make(Env& env, std::uint32_t) override {
    return std::make_unique<NexusProcess>(env, options_, views_);
  }

 private:
  cluster::MembershipOptions options_;
  SharedViews views_;
};

}  // namespace

const std::vector<std::string>& policy_names() {
  static const std::vector<std::string> kNames{"keep-majority", "static-quorum", "keep-oldest",
                                               "none"};
  return kNames;
}

std::unique_ptr<Model> make_nexus_model(const cluster::PartitionPolicy& policy) {
  return std::make_unique<NexusModel>(policy);
}

}  // namespace nexus::sim
