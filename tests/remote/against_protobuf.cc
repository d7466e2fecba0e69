#include "tests/remote/against_protobuf.h"

#include <map>
#include <vector>

#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/batch_decoder.h"

namespace nexus::remote {
namespace {

using HeaderMap = std::map<std::string, std::string>;

std::string different(const std::string& what, const std::string& ours, const std::string& theirs) {
  return what + ": '" + ours + "' here, '" + theirs + "' in protobuf";
}
std::string different(const std::string& what, std::uint64_t ours, std::uint64_t theirs) {
  return different(what, std::to_string(ours), std::to_string(theirs));
}

// The dialect and the id of one target; the rules are those of docs/protocol.md.
std::string target_difference(const BatchDecoder::Target& target, const std::string& theirs,
                              bool& is_pid) {
  actor::PID pid;
  is_pid =
      !theirs.empty() && (theirs[0] == 0x0a || theirs[0] == 0x12) && pid.ParseFromString(theirs);
  const std::string& id = is_pid ? pid.id() : theirs;
  if (target.id != id) return different("target", std::string(target.id), id);
  if (target.address != pid.address() && is_pid) {
    return different("target address", std::string(target.address), pid.address());
  }
  return {};
}

std::string table_difference(const BatchDecoder& ours, const ::remote::MessageBatch& theirs) {
  const auto count = [](const auto& span) { return static_cast<int>(span.size()); };
  if (count(ours.type_names()) != theirs.type_names_size()) return "number of type names";
  if (count(ours.targets()) != theirs.targets_size()) return "number of targets";
  if (count(ours.senders()) != theirs.senders_size()) return "number of senders";
  for (int i = 0; i < theirs.type_names_size(); ++i) {
    const std::string name(ours.type_names()[static_cast<std::size_t>(i)]);
    if (name != theirs.type_names(i)) return different("type name", name, theirs.type_names(i));
  }
  Dialect dialect = Dialect::strings;
  for (int i = 0; i < theirs.targets_size(); ++i) {
    bool is_pid = false;
    const auto& target = ours.targets()[static_cast<std::size_t>(i)];
    const std::string difference = target_difference(target, theirs.targets(i), is_pid);
    if (!difference.empty()) return difference;
    if (is_pid) dialect = Dialect::pids;
  }
  if (ours.dialect() != dialect) return "dialect";
  for (int i = 0; i < theirs.senders_size(); ++i) {
    const auto& sender = ours.senders()[static_cast<std::size_t>(i)];
    if (sender.id != theirs.senders(i).id()) return "id of a sender";
    if (sender.address != theirs.senders(i).address()) return "address of a sender";
  }
  return {};
}

std::string envelope_difference(const BatchDecoder::Envelope& ours,
                                const ::remote::MessageEnvelope& theirs) {
  const auto number = [](std::int32_t value) { return static_cast<std::uint32_t>(value); };
  if (ours.type != number(theirs.type_id())) return "type";
  if (ours.target != number(theirs.target())) return "target";
  if (ours.sender != number(theirs.sender())) return "sender";
  if (ours.serializer_id != theirs.serializer_id()) return "serializer";
  if (ours.target_request_id != theirs.target_request_id()) return "target_request_id";
  if (ours.sender_request_id != theirs.sender_request_id()) return "sender_request_id";
  if (ours.data != theirs.message_data()) return "data";
  HeaderMap headers;
  std::uint32_t header_count = 0;
  for (const HeaderView& header : ours.headers) {
    headers[std::string(header.key)] = std::string(header.value);
    ++header_count;
  }
  if (header_count != ours.headers.count()) return "count of headers";
  const auto& map = theirs.message_header().header_data();
  if (headers != HeaderMap(map.begin(), map.end())) return "headers";
  return {};
}

std::string batch_difference(const BatchDecoder& ours, const ::remote::MessageBatch& theirs) {
  std::string difference = table_difference(ours, theirs);
  if (!difference.empty()) return difference;
  std::size_t next = 0;
  std::uint32_t bad_count = 0;
  for (const auto& envelope : theirs.envelopes()) {
    const bool good = envelope.type_id() >= 0 && envelope.type_id() < theirs.type_names_size() &&
                      envelope.target() >= 0 && envelope.target() < theirs.targets_size() &&
                      envelope.sender() >= 0 && envelope.sender() <= theirs.senders_size();
    if (!good) {
      ++bad_count;
      continue;
    }
    if (next == ours.envelopes().size()) return "an envelope is missing";
    difference = envelope_difference(ours.envelopes()[next++], envelope);
    if (!difference.empty()) {
      return "envelope " + std::to_string(next - 1) + ": " + difference;
    }
  }
  if (next != ours.envelopes().size()) return "an envelope too many";
  if (ours.bad_envelope_count() != bad_count) {
    return different("bad envelopes", ours.bad_envelope_count(), bad_count);
  }
  return {};
}

}  // namespace

std::string difference_to_protobuf(std::string_view bytes) {
  // A copy of exactly this size, so that reading past its end is seen.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  const std::string_view frame(copy.data(), copy.size());

  ::remote::RemoteMessage theirs;
  const bool parsed = theirs.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
  const auto message_case = theirs.message_type_case();
  const bool taken = parsed && message_case != ::remote::RemoteMessage::MESSAGE_TYPE_NOT_SET;

  BatchDecoder decoder;
  const auto kind = decoder.decode(frame);
  if (kind.ok() && *kind == BatchDecoder::Kind::other) return {};
  if (kind.ok() != taken) return different("verdict", kind.ok(), taken);
  if (!taken) return {};
  if (message_case != ::remote::RemoteMessage::kMessageBatch)
    return "a handshake taken for a batch";
  return batch_difference(decoder, theirs.message_batch());
}

}  // namespace nexus::remote
