// TlsFiles: certificate, key and authorities of the node, from the files that security.tls_* name to remote::TlsMaterial, or to what
// is wrong with them.
//
//   all calls   any thread; read_tls_files() blocks on the disk
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/config/node_config.h"
#include "daemon/config/problems.h"
#include "remote/tls_identity.h"

namespace nexus::daemon {

using WallTime = std::chrono::system_clock::time_point;

// Anyone may have a large file; a bundle of all public authorities is 200 KiB.
inline constexpr std::size_t kTlsFileBytesMax = 1024 * 1024;

// Each appends what it finds to `problems`, with the key of the file that is meant. Material is good when there are none.
remote::TlsMaterial read_tls_files(const SecuritySection& section,
                                   std::vector<KeyProblem>& problems);

// Whether peers and clients would take it: all is PEM, the key is that of the certificate, which is valid at this moment, signed by one
// of the authorities, fit for a server (and for a client, because nodes dial each other), and made out to security.tls_peer_name or,
// when that is empty, to `own_host`. The moment at which the certificate expires.
WallTime check_tls_material(const remote::TlsMaterial& material, const SecuritySection& section,
                            const std::string& own_host, std::vector<KeyProblem>& problems);

// Both, for a whole configuration. Nothing to find when it has no TLS.
std::vector<KeyProblem> check_tls_files(const NodeConfig& config);

// "2026-11-23 05:06:07 UTC".
std::string utc_text(WallTime time);

// One line each: `security.tls_key: what`.
std::string text_of(const std::vector<KeyProblem>& problems);

}  // namespace nexus::daemon
