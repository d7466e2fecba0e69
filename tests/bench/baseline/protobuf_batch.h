// Batches through protobuf's generated classes: the rival of BatchEncoder and BatchDecoder.
//
//   all calls   owner   no lock inside
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protoactor/remote.pb.h"
#include "tests/support/wire_message.h"

namespace nexus::bench {

// `reuse`: the objects, their strings and the tables are cleared and used again, which is the kindest way to use them.
class ProtobufBatchEncoder {
 public:
  explicit ProtobufBatchEncoder(bool reuse) : reuse_(reuse) {}

  std::string_view encode(const std::vector<remote::WireMessage>& messages) {
    if (!reuse_) {
      frame_ = ::remote::RemoteMessage();
      types_ = {};
      targets_ = {};
      senders_ = {};
      bytes_ = {};
    }
    // Of the batch: to clear the frame would free it, as it is one of several sorts.
    auto* batch = frame_.mutable_message_batch();
    batch->Clear();
    types_.clear();
    targets_.clear();
    senders_.clear();
    for (const remote::WireMessage& message : messages) {
      auto* envelope = batch->add_envelopes();
      const auto [type, new_type] = types_.emplace(message.type_name, count(types_));
      if (new_type) batch->add_type_names(message.type_name);
      envelope->set_type_id(type->second);
      const auto [target, new_target] = targets_.emplace(message.target.id(), count(targets_));
      if (new_target) batch->add_targets(target->first);
      envelope->set_target(target->second);
      envelope->set_target_request_id(message.target.request_id());
      const auto [sender, new_sender] =
          senders_.emplace(message.sender.to_string(), count(senders_) + 1);
      if (new_sender) {
        auto* pid = batch->add_senders();
        pid->set_address(message.sender.address());
        pid->set_id(message.sender.id());
      }
      envelope->set_sender(sender->second);
      envelope->set_sender_request_id(message.sender.request_id());
      envelope->set_message_data(message.data);
    }
    frame_.SerializeToString(&bytes_);
    return bytes_;
  }

 private:
  using Table = std::unordered_map<std::string, std::int32_t>;
  static std::int32_t count(const Table& table) { return static_cast<std::int32_t>(table.size()); }

  const bool reuse_;
  ::remote::RemoteMessage frame_;
  Table types_;
  Table targets_;
  Table senders_;
  std::string bytes_;
};

class ProtobufBatchDecoder {
 public:
  explicit ProtobufBatchDecoder(bool reuse) : reuse_(reuse) {}

  // Bytes and indices of all envelopes, summed up, so that each was looked at.
  std::uint64_t decode(std::string_view bytes) {
    if (!reuse_) batch_ = ::remote::MessageBatch();
    // The batch within the frame: with it the objects of a frame could not be kept.
    const std::size_t front = bytes.size() - body_size(bytes);
    bytes.remove_prefix(front);
    if (!batch_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return 0;
    std::uint64_t sum = 0;
    for (const auto& envelope : batch_.envelopes()) {
      const bool good = envelope.type_id() >= 0 && envelope.type_id() < batch_.type_names_size() &&
                        envelope.target() >= 0 && envelope.target() < batch_.targets_size() &&
                        envelope.sender() >= 0 && envelope.sender() <= batch_.senders_size();
      if (!good) continue;
      sum += envelope.message_data().size() + static_cast<std::uint32_t>(envelope.target()) +
             static_cast<std::uint32_t>(envelope.sender()) +
             envelope.message_header().header_data().size();
    }
    return sum;
  }

 private:
  // Behind the tag and the length of the batch.
  static std::size_t body_size(std::string_view bytes) {
    std::size_t i = 1;
    while ((static_cast<unsigned char>(bytes[i]) & 0x80) != 0) ++i;
    return bytes.size() - i - 1;
  }

  const bool reuse_;
  ::remote::MessageBatch batch_;
};

}  // namespace nexus::bench
