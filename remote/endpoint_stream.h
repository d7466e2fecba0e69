// EndpointStream: the socket that an Endpoint plugs a transport into: one dialled stream to one peer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "remote/outgoing_frame.h"

namespace nexus::remote {

// What a stream tells its endpoint. Any thread, never from inside dial() or write(). Frames come one after the other, results of
// writes too; a frame and a result may come at once.
class EndpointStreamEvents {
 public:
  virtual ~EndpointStreamEvents() = default;

  // A frame from the peer.
  virtual void on_stream_frame(std::uint64_t epoch, std::string frame) = 0;
  // The one result of each write() that answered true.
  virtual void on_stream_written(std::uint64_t epoch, bool ok) = 0;
  // The last call, after all others have returned.
  virtual void on_stream_closed(std::uint64_t epoch, const std::string& detail) = 0;
};

class EndpointStream {
 public:
  virtual ~EndpointStream() = default;

  // Any thread; one at a time, the next one after on_stream_written(). False when the stream has ended: no byte was sent.
  // `sequence` is that of the frame in its session; 0 where there is none.
  [[nodiscard]] virtual bool write(OutgoingFramePtr frame, std::uint64_t sequence) = 0;
  // Any thread. Nothing more will be written; the peer sees the end after what was. Again: nothing happens.
  virtual void finish() = 0;
  // Any thread. Breaks the stream off; on_stream_closed() follows.
  virtual void cancel() = 0;
};

class EndpointDialer {
 public:
  virtual ~EndpointDialer() = default;

  struct Call {
    // `host:port`.
    std::string address;
    // The first frame.
    std::string handshake;
    // Comes back in each event.
    std::uint64_t epoch;
  };
  // Any thread. Never waits; a peer that cannot be reached shows as on_stream_closed(). Null after close().
  virtual std::shared_ptr<EndpointStream> dial(const Call& call,
                                               std::shared_ptr<EndpointStreamEvents> events) = 0;
  // Waits until the peers have ended the streams that were finished, so that they have read what was sent. False when some had
  // not by `deadline`.
  virtual bool await_ends(core::Instant deadline) = 0;
  // Breaks off all streams and waits until none of them calls its events any more. Not from inside such a call.
  virtual void close() = 0;
};

}  // namespace nexus::remote
