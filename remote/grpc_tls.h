// TLS in gRPC's terms: credentials for both ends of a connection, and the names in a peer's certificate.
//
//   all calls   any thread
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "remote/tls_identity.h"

namespace grpc {
class AuthContext;
class Channel;
class ChannelArguments;
class ServerCredentials;
}  // namespace grpc

namespace nexus::remote {

// A channel to the node at `address`, in plaintext when there is no `tls`. With it the node there must show a certificate that is
// made out to it, and is shown ours; connections that the channel opens later use what was current now.
std::shared_ptr<grpc::Channel> open_channel(const std::string& address,
                                            grpc::ChannelArguments arguments,
                                            const TlsIdentity* tls);

// For one port of one server, which they must outlive. Plaintext when there is no `tls`; with it each new connection uses what is
// current then.
std::shared_ptr<grpc::ServerCredentials> server_credentials(std::shared_ptr<const TlsIdentity> tls);

// What gRPC says of a connection that did not come about, and what may be behind it where its words leave that open.
std::string explained(const std::string& detail, bool with_tls);

// The DNS names and IP addresses that the peer's certificate is made out to; none when it showed none.
std::vector<std::string> certified_names_of(const grpc::AuthContext& context);

}  // namespace nexus::remote
