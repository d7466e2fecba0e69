#include "cluster/grpc_control_links.h"

#include <utility>
#include <variant>

#include "cluster/control_link_counters.h"
#include "cluster/grpc_control_dialer.h"
#include "cluster/grpc_control_service.h"

namespace nexus::cluster {

struct GrpcControlLinks::Parts {
  Parts(const Options& o, ControlLinkEvents& events,
        const std::shared_ptr<const remote::TlsIdentity>& tls)
      : options(o),
        dialer(options, events, counters, tls),
        service(options, events, counters, tls) {}

  const Options options;
  ControlLinkCounters counters;
  GrpcControlDialer dialer;
  GrpcControlService service;
};

GrpcControlLinks::GrpcControlLinks(Options options, ControlLinkEvents& events,
                                   std::shared_ptr<const remote::TlsIdentity> tls)
    : parts_(std::make_unique<Parts>(options, events, tls)) {}
GrpcControlLinks::~GrpcControlLinks() = default;

void GrpcControlLinks::add_to(grpc::ServerBuilder& builder) { parts_->service.add_to(builder); }
void GrpcControlLinks::send(const std::string& address, const ControlMessagePtr& message) {
  if (std::holds_alternative<CatchUp>(message->body)) parts_->service.expect_answer(address);
  parts_->dialer.send(address, message);
}
void GrpcControlLinks::set_self(const Peer& self) { parts_->dialer.set_self(self); }
void GrpcControlLinks::set_view(const ViewPtr& view) { parts_->service.set_view(view); }
void GrpcControlLinks::prune(core::Instant now) { parts_->dialer.prune(now); }
void GrpcControlLinks::close(core::Duration patience) {
  parts_->dialer.finish();
  parts_->service.close();
  parts_->dialer.wait(patience);
}
ControlLinkCounts GrpcControlLinks::counts() const { return parts_->counters.counts(); }

}  // namespace nexus::cluster
