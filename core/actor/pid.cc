#include "core/actor/pid.h"

#include "core/actor/actor_cell.h"
#include "core/actor/cell_table.h"
#include "core/actor_system.h"
#include "core/base/escape.h"
#include "core/process/futures.h"
#include "core/process/process.h"

namespace nexus::core {
namespace {

// FNV-1a; the id alone, because sets seldom hold one id at many addresses.
std::uint64_t hash_of(std::string_view id) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : id) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ull;
  }
  return hash;
}

}  // namespace

PidRecord::PidRecord(std::string a, std::string i)
    : hash(hash_of(i)),
      address(std::move(a)),
      id(std::move(i)),
      is_text(is_utf8(address) && is_utf8(id)) {}

Pid Pid::of_name(std::string address, std::string id, std::uint32_t request_id) {
  auto record = std::make_unique<PidRecord>(std::move(address), std::move(id));
  Pid pid(reinterpret_cast<std::uintptr_t>(record.release()) | kRecord, 0);
  pid.request_id_ = request_id;
  return pid;
}

void Pid::add_reference() const {
  // Relaxed: the copy is made from a live reference.
  const_cast<PidRecord*>(record())->reference_count.fetch_add(1, std::memory_order_relaxed);
}

void Pid::drop_reference() noexcept {
  auto* shared = const_cast<PidRecord*>(record());
  // Release orders the last uses of other holders before the deletion, acquire pairs with them.
  if (shared->reference_count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    std::unique_ptr<PidRecord>(shared).reset();
  }
}

std::string Pid::address() const {
  if (empty()) return {};
  if (is_record()) return record()->address;
  if (is_process()) return process()->address();
  if (is_future()) return future()->system_address();
  return cell()->system().address();
}

std::string Pid::id() const {
  if (empty()) return {};
  if (is_record()) return record()->id;
  if (is_process()) return process()->id();
  if (is_future()) return future()->id();
  std::string name = cell()->system().cells().name(*cell(), generation_);
  return name.empty() ? CellTable::anonymous_id(cell()->index(), generation_) : name;
}

std::string Pid::to_string() const { return empty() ? std::string{} : address() + "/" + id(); }

bool Pid::operator==(const Pid& other) const {
  if (target_ == other.target_) return empty() || generation_ == other.generation_;
  if (!is_record() && !other.is_record()) return false;
  if (empty() || other.empty()) return false;
  return id() == other.id() && address() == other.address();
}

std::uint64_t Pid::hash() const noexcept {
  if (is_record()) return record()->hash;
  // Fibonacci hashing: cells are aligned, so the low bits of the address alone would collide.
  std::uint64_t hash = (target_ ^ (std::uint64_t{generation_} << 40)) * 11400714819323198485ull;
  return hash ^ (hash >> 32);
}

std::optional<PidText> split_pid(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size())
    return std::nullopt;
  return PidText{text.substr(0, slash), text.substr(slash + 1)};
}

}  // namespace nexus::core
