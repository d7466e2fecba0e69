#include "remote/grpc_tls.h"

#include <arpa/inet.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <array>
#include <utility>

#include "remote/certified_names.h"

namespace nexus::remote {
namespace {

// gRPC asks for the certificate at each connection. Its own watcher of files is not used: it drops the pair that it has when the
// files hold one that does not fit, and then every handshake fails (docs/design/0017-tls.md).
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(std::shared_ptr<const TlsIdentity> tls)
      : tls_(std::move(tls)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                tls_->options().mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                       : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                &ReloadingCredentials::fetch, this))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }
  ReloadingCredentials(const ReloadingCredentials&) = delete;
  ReloadingCredentials& operator=(const ReloadingCredentials&) = delete;

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->fetch(config);
  }

  grpc_ssl_certificate_config_reload_status fetch(grpc_ssl_server_certificate_config** config) {
    const std::uint64_t version = tls_->version();
    if (served_version_.exchange(version, std::memory_order_relaxed) == version) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const auto material = tls_->current();
    const grpc_ssl_pem_key_cert_pair pair{material->key.c_str(), material->certificate.c_str()};
    *config = grpc_ssl_server_certificate_config_create(material->authorities.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<const TlsIdentity> tls_;
  grpc_server_credentials* const credentials_;
  // What gRPC was given last. It asks one connection after the other.
  std::atomic<std::uint64_t> served_version_{0};
};

// A numeric address is not resolved: gRPC 1.51 crashes when a call is cancelled in the moment in which the resolver of its channel
// answers (it reads the first batch of the call, which the cancellation has taken away).
std::string target_of(const std::string& address) {
  const std::string host(host_of(address));
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return "ipv4:" + address;
  if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) return "ipv6:" + address;
  return address;
}

}  // namespace

std::shared_ptr<grpc::Channel> open_channel(const std::string& address,
                                            grpc::ChannelArguments arguments,
                                            const TlsIdentity* tls) {
  const std::string target = target_of(address);
  if (tls == nullptr) {
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }
  const auto material = tls->current();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = material->authorities;
  options.pem_private_key = material->key;
  options.pem_cert_chain = material->certificate;
  const std::string& name = tls->options().peer_name;
  if (!name.empty()) arguments.SetSslTargetNameOverride(name);
  return grpc::CreateCustomChannel(target, grpc::SslCredentials(options), arguments);
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(
    std::shared_ptr<const TlsIdentity> tls) {
  if (tls == nullptr) return grpc::InsecureServerCredentials();
  return std::make_shared<ReloadingCredentials>(std::move(tls));
}

std::string explained(const std::string& detail, bool with_tls) {
  const auto has = [&](const char* words) { return detail.find(words) != std::string::npos; };
  if (has("certificate verify failed")) {
    return detail +
           " (the peer's certificate has expired or is not signed by an authority in "
           "security.tls_ca)";
  }
  if (has("wrong version number")) return detail + " (the peer does not speak TLS)";
  if (!has("Socket closed") && !has("Connection reset") && !has("Broken pipe")) return detail;
  return detail + (with_tls ? " (the peer may not take this node's certificate)"
                            : " (the peer may speak TLS only, and this node does not)");
}

std::vector<std::string> certified_names_of(const grpc::AuthContext& context) {
  std::vector<std::string> names;
  for (const char* property : {GRPC_PEER_DNS_PROPERTY_NAME, GRPC_PEER_IP_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : context.FindPropertyValues(property)) {
      names.emplace_back(name.data(), name.size());
    }
  }
  return names;
}

}  // namespace nexus::remote
