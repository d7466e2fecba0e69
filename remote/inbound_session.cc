#include "remote/inbound_session.h"

#include "core/base/check.h"

namespace nexus::remote {

void InboundSession::claim(const std::shared_ptr<Stream>& stream, std::uint64_t session) {
  std::shared_ptr<Stream> former;
  Grant granted;
  bool waits = false;
  {
    core::MutexLock lock(mutex_);
    former = owner_.lock();
    owner_ = stream;
    claimed_ = session;
    owner_waits_ = waits = delivering_;
    if (!waits) granted = grant();
  }
  if (former != nullptr) former->on_session_lost();
  if (!waits) stream->on_session(granted);
}

InboundSession::Grant InboundSession::grant() {
  const bool resumed = claimed_ == session_;
  if (!resumed) received_ = 0;
  session_ = claimed_;
  return {.resumed = resumed, .received = received_};
}

InboundSession::Verdict InboundSession::begin_frame(const Stream& stream, std::uint64_t sequence) {
  core::MutexLock lock(mutex_);
  if (owner_waits_ || owner_.lock().get() != &stream) return Verdict::lost;
  if (sequence <= received_) return Verdict::repeat;
  if (sequence != received_ + 1) return Verdict::gap;
  CHECK(!delivering_);
  received_ = sequence;
  delivering_ = true;
  return Verdict::deliver;
}

void InboundSession::end_frame() {
  std::shared_ptr<Stream> next;
  Grant granted;
  {
    core::MutexLock lock(mutex_);
    CHECK(delivering_);
    delivering_ = false;
    if (!owner_waits_) return;
    owner_waits_ = false;
    next = owner_.lock();
    if (next != nullptr) granted = grant();
  }
  if (next != nullptr) next->on_session(granted);
}

bool InboundSession::is_claimed() const {
  core::MutexLock lock(mutex_);
  return delivering_ || !owner_.expired();
}

std::shared_ptr<InboundSession> InboundSessions::session(const std::string& address,
                                                         const std::string& member_id,
                                                         std::uint64_t link) {
  core::MutexLock lock(mutex_);
  const Key key(address, member_id, link);
  auto found = sessions_.find(key);
  if (found == sessions_.end()) {
    const auto begin = sessions_.lower_bound(Key(address, std::string(), 0));
    auto end = begin;
    std::size_t address_count = 0;
    for (; end != sessions_.end() && std::get<0>(end->first) == address; ++end) ++address_count;
    if (address_count >= kAddressCountMax && !forget_one(begin, end)) return nullptr;
    const bool is_full = sessions_.size() >= count_max_;
    if (is_full && !forget_one(sessions_.begin(), sessions_.end())) return nullptr;
    found = sessions_.emplace(key, Entry{std::make_shared<InboundSession>()}).first;
  }
  found->second.asked_at = ++asked_count_;
  return found->second.session;
}

std::size_t InboundSessions::count() const {
  core::MutexLock lock(mutex_);
  return sessions_.size();
}

bool InboundSessions::forget_one(Entries::iterator begin, Entries::iterator end) {
  auto oldest = end;
  for (auto it = begin; it != end; ++it) {
    // Somebody who just got it from here still holds it.
    if (it->second.session.use_count() > 1 || it->second.session->is_claimed()) continue;
    if (oldest == end || it->second.asked_at < oldest->second.asked_at) oldest = it;
  }
  if (oldest == end) return false;
  sessions_.erase(oldest);
  return true;
}

}  // namespace nexus::remote
