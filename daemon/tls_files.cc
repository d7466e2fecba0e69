#include "daemon/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include "core/base/escape.h"
#include "daemon/config/config_file.h"

namespace nexus::daemon {
namespace {

constexpr std::string_view kCertificateKey = "security.tls_certificate";
constexpr std::string_view kPrivateKeyKey = "security.tls_key";
constexpr std::string_view kAuthoritiesKey = "security.tls_ca";

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<&BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<&X509_STORE_free>>;
using VerificationPtr = std::unique_ptr<X509_STORE_CTX, Freed<&X509_STORE_CTX_free>>;

// OpenSSL keeps a list of errors for each thread, which gRPC on the same thread must not find.
class CleanErrors {
 public:
  CleanErrors() { ERR_clear_error(); }
  ~CleanErrors() { ERR_clear_error(); }
  CleanErrors(const CleanErrors&) = delete;
  CleanErrors& operator=(const CleanErrors&) = delete;
};

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Asked for by an encrypted key: there is nobody to ask.
int no_passphrase(char*, int, int, void*) { return -1; }

WallTime to_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime{};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string to_text(const GENERAL_NAME& name) {
  const auto text = [](const ASN1_STRING* string) {
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
    return std::string(bytes, static_cast<std::size_t>(ASN1_STRING_length(string)));
  };
  if (name.type == GEN_DNS) return core::printable(text(name.d.dNSName), 256);
  if (name.type != GEN_IPADD) return {};
  const std::string bytes = text(name.d.iPAddress);
  std::string out;
  const bool v4 = bytes.size() == 4;
  for (std::size_t i = 0; i < bytes.size(); i += v4 ? 1 : 2) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    std::array<char, 8> part{};
    if (v4) {
      std::snprintf(part.data(), part.size(), "%d", byte(i));
    } else if (i + 1 < bytes.size()) {
      std::snprintf(part.data(), part.size(), "%x", byte(i) * 256 + byte(i + 1));
    }
    out += (out.empty() ? "" : v4 ? "." : ":") + std::string(part.data());
  }
  return out;
}

// Of its alternative names, which are the only ones that count.
std::string names_of(X509& certificate) {
  struct NamesFree {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  };
  const std::unique_ptr<GENERAL_NAMES, NamesFree> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string text;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string name = to_text(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty()) text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "no host (it has no subjectAltName)" : text;
}

bool is_made_out_to(X509& certificate, const std::string& host) {
  if (X509_check_ip_asc(&certificate, host.c_str(), 0) == 1) return true;
  return X509_check_host(&certificate, host.data(), host.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

// One check of one set of files; what it finds goes to `problems`.
class Check {
 public:
  Check(const remote::TlsMaterial& material, const SecuritySection& section,
        std::vector<KeyProblem>& problems)
      : section_(section),
        problems_(problems),
        chain_(certificates_in(material.certificate, kCertificateKey, section.tls_certificate)),
        authorities_(certificates_in(material.authorities, kAuthoritiesKey, section.tls_ca)),
        key_(key_in(material.key)) {}

  WallTime run(const std::string& own_host) {
    if (chain_.empty()) return WallTime{};
    X509& own = *chain_.front();
    if (key_ != nullptr && X509_check_private_key(&own, key_.get()) != 1) {
      add(kPrivateKeyKey, section_.tls_key,
          "is not the key of the certificate in " + std::string(kCertificateKey) + " (" +
              core::printable(section_.tls_certificate.text, 4096) + ")");
    }
    const std::string& name = section_.tls_peer_name;
    const std::string& host = name.empty() ? own_host : name;
    if (!is_made_out_to(own, host)) {
      add(kCertificateKey, section_.tls_certificate,
          "is made out to " + names_of(own) + ", not to " + core::printable(host, 256) +
              (name.empty() ? ", where others reach the node (node.advertise, or node.listen); "
                              "make it out to that, or set security.tls_peer_name"
                            : ", which security.tls_peer_name says"));
    }
    if (check_dates(own) && !authorities_.empty()) check_signature(own);
    return to_time(X509_get0_notAfter(&own));
  }

 private:
  void add(std::string_view key, const FilePath& path, const std::string& what) {
    problems_.push_back({std::string(key), core::printable(path.text, 4096) + ": " + what});
  }

  std::vector<CertificatePtr> certificates_in(const std::string& text, std::string_view key,
                                              const FilePath& path) {
    std::vector<CertificatePtr> found;
    const BioPtr reader = reader_of(text);
    while (X509* next = PEM_read_bio_X509(reader.get(), nullptr, &no_passphrase, nullptr)) {
      found.emplace_back(next);
    }
    const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!ended) {
      add(key, path, "certificate " + std::to_string(found.size() + 1) + " in it is damaged");
      found.clear();
    } else if (found.empty()) {
      add(key, path, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    }
    ERR_clear_error();
    return found;
  }

  KeyPtr key_in(const std::string& text) {
    const BioPtr reader = reader_of(text);
    KeyPtr key(PEM_read_bio_PrivateKey(reader.get(), nullptr, &no_passphrase, nullptr));
    ERR_clear_error();
    if (key != nullptr) return key;
    add(kPrivateKeyKey, section_.tls_key,
        text.find("ENCRYPTED") != std::string::npos
            ? "is encrypted, and nobody is there to ask for the passphrase; store the key without "
              "one, readable by the node alone"
            : "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)");
    return nullptr;
  }

  bool check_dates(X509& own) {
    const WallTime now = std::chrono::system_clock::now();
    const WallTime begin = to_time(X509_get0_notBefore(&own));
    const WallTime end = to_time(X509_get0_notAfter(&own));
    if (now < begin) {
      add(kCertificateKey, section_.tls_certificate, "is not valid before " + utc_text(begin));
    } else if (now >= end) {
      add(kCertificateKey, section_.tls_certificate, "expired on " + utc_text(end));
    }
    return begin <= now && now < end;
  }

  void check_signature(X509& own) {
    const StorePtr store(X509_STORE_new());
    for (const CertificatePtr& authority : authorities_) {
      X509_STORE_add_cert(store.get(), authority.get());
    }
    // Holds no references of its own.
    struct StackFree {
      void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
    };
    const std::unique_ptr<STACK_OF(X509), StackFree> between(sk_X509_new_null());
    for (std::size_t i = 1; i < chain_.size(); ++i) sk_X509_push(between.get(), chain_[i].get());
    for (const auto& [purpose, who] : {std::pair(X509_PURPOSE_SSL_SERVER, "a server"),
                                       std::pair(X509_PURPOSE_SSL_CLIENT, "a client")}) {
      const VerificationPtr verification(X509_STORE_CTX_new());
      X509_STORE_CTX_init(verification.get(), store.get(), &own, between.get());
      X509_STORE_CTX_set_purpose(verification.get(), purpose);
      if (X509_verify_cert(verification.get()) == 1) continue;
      const int error = X509_STORE_CTX_get_error(verification.get());
      if (error == X509_V_ERR_INVALID_PURPOSE) {
        add(kCertificateKey, section_.tls_certificate,
            "is not for " + std::string(who) +
                ", and a node is both; make it with extendedKeyUsage serverAuth and clientAuth, or "
                "without any");
        continue;
      }
      add(kCertificateKey, section_.tls_certificate,
          "would be taken by nobody who trusts " + std::string(kAuthoritiesKey) + " (" +
              core::printable(section_.tls_ca.text, 4096) +
              "): " + X509_verify_cert_error_string(error));
      return;
    }
  }

  // First, because it is around all that follows.
  const CleanErrors clean_errors_;
  const SecuritySection& section_;
  std::vector<KeyProblem>& problems_;
  const std::vector<CertificatePtr> chain_;
  const std::vector<CertificatePtr> authorities_;
  const KeyPtr key_;
};

}  // namespace

remote::TlsMaterial read_tls_files(const SecuritySection& section,
                                   std::vector<KeyProblem>& problems) {
  remote::TlsMaterial material;
  const auto read = [&](std::string_view key, const FilePath& path, std::string& text) {
    auto contents = read_config_file(path.text, kTlsFileBytesMax);
    if (contents.ok()) {
      text = std::move(*contents);
    } else {
      problems.push_back({std::string(key), contents.error().detail});
    }
  };
  read(kCertificateKey, section.tls_certificate, material.certificate);
  read(kPrivateKeyKey, section.tls_key, material.key);
  read(kAuthoritiesKey, section.tls_ca, material.authorities);
  return material;
}

WallTime check_tls_material(const remote::TlsMaterial& material, const SecuritySection& section,
                            const std::string& own_host, std::vector<KeyProblem>& problems) {
  return Check(material, section, problems).run(own_host);
}

std::vector<KeyProblem> check_tls_files(const NodeConfig& config) {
  std::vector<KeyProblem> problems;
  if (!config.security.has_tls()) return problems;
  const remote::TlsMaterial material = read_tls_files(config.security, problems);
  if (problems.empty()) {
    (void)check_tls_material(material, config.security, advertised_address(config.node, 0).host,
                             problems);
  }
  return problems;
}

std::string utc_text(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return std::string(text.data(), size);
}

std::string text_of(const std::vector<KeyProblem>& problems) {
  std::string text;
  for (const KeyProblem& problem : problems) {
    text += (text.empty() ? "" : "\n") + problem.path + ": " + problem.what;
  }
  return text;
}

}  // namespace nexus::daemon
