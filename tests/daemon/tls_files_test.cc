#include "daemon/tls_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/daemon/tls_folder.h"

namespace nexus::daemon {
namespace {

class TlsFiles : public testing::Test {
 protected:
  // What is wrong, one problem a line; empty when nothing is.
  std::string problems() const {
    NodeConfig config;
    config.node.listen = {"127.0.0.1", 7701};
    config.security = section_;
    return text_of(check_tls_files(config));
  }
  std::string problems_with(const remote::TlsMaterial& material) const {
    folder_.write(material);
    return problems();
  }
  void expect(const std::string& found, const std::string& key, const std::string& file,
              const std::string& words) const {
    EXPECT_EQ(found.substr(0, found.find(": ")), "security." + key);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, folder_.path(file), found);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, words, found);
    EXPECT_EQ(found.find('\n'), std::string::npos) << "one thing is wrong: " << found;
  }

  const TlsFolder folder_;
  SecuritySection section_ = folder_.section();
  test::Certificates ca_;
  const remote::TlsMaterial good_ = ca_.for_loopback();
};

TEST_F(TlsFiles, AreNotLookedAtWithoutTls) {
  section_ = {};
  EXPECT_EQ(problems(), "");
}

TEST_F(TlsFiles, ThatFitAreTaken) {
  EXPECT_EQ(problems_with(good_), "");
  remote::TlsMaterial with_text = good_;
  with_text.certificate = "text before is common\n" + good_.certificate;
  EXPECT_EQ(problems_with(with_text), "");
  remote::TlsMaterial in_change = good_;
  in_change.authorities += test::Certificates("next").authority();
  EXPECT_EQ(problems_with(in_change), "") << "two authorities, while one takes over";
}

TEST_F(TlsFiles, ThatAreMissingAreNamed) {
  for (const auto& [key, file] :
       {std::pair("tls_certificate", "node.pem"), std::pair("tls_key", "node.key"),
        std::pair("tls_ca", "ca.pem")}) {
    folder_.write(good_);
    folder_.remove(file);
    expect(problems(), key, file, "No such file or directory");
  }
}

TEST_F(TlsFiles, ThatMayNotBeReadAreNamed) {
  folder_.write(good_);
  ASSERT_EQ(::chmod(folder_.path("node.key").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder_.path("").c_str(), 0755), 0);
  const uid_t user = ::geteuid();
  if (user == 0 && ::seteuid(65534) != 0) GTEST_SKIP() << "this user may read everything";
  const std::string found = problems();
  if (user == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  expect(found, "tls_key", "node.key", "Permission denied");
}

TEST_F(TlsFiles, ThatAreNotPemAreNamed) {
  for (const std::string& garbage :
       {std::string(), std::string("no PEM\n"), std::string(300, '\0')}) {
    remote::TlsMaterial bad = good_;
    bad.certificate = garbage;
    expect(problems_with(bad), "tls_certificate", "node.pem", "holds no certificate in PEM");
    bad = good_;
    bad.authorities = garbage;
    expect(problems_with(bad), "tls_ca", "ca.pem", "holds no certificate in PEM");
    bad = good_;
    bad.key = garbage;
    expect(problems_with(bad), "tls_key", "node.key", "holds no private key in PEM");
  }
}

TEST_F(TlsFiles, ThatAreDamagedAreNamed) {
  remote::TlsMaterial bad = good_;
  bad.certificate.replace(bad.certificate.find("\nM") + 1, 1, "!");
  expect(problems_with(bad), "tls_certificate", "node.pem", "certificate 1 in it is damaged");
  bad = good_;
  bad.authorities += bad.authorities;
  bad.authorities.resize(bad.authorities.size() - 40);
  expect(problems_with(bad), "tls_ca", "ca.pem", "certificate 2 in it is damaged");
}

TEST_F(TlsFiles, AKeyWithAPassphraseIsNotAskedFor) {
  remote::TlsMaterial bad = good_;
  bad.key = ca_.encrypted_key();
  expect(problems_with(bad), "tls_key", "node.key", "is encrypted");
}

TEST_F(TlsFiles, TheKeyMustBeThatOfTheCertificate) {
  remote::TlsMaterial bad = good_;
  bad.key = ca_.for_loopback().key;
  expect(problems_with(bad), "tls_key", "node.key", "is not the key of the certificate");
}

TEST_F(TlsFiles, AnExpiredCertificateIsNamedWithItsDay) {
  expect(problems_with(ca_.issue("subjectAltName=IP:127.0.0.1", -1)), "tls_certificate", "node.pem",
         "expired on 20");
}

TEST_F(TlsFiles, TheCertificateMustBeSignedByAnAuthority) {
  remote::TlsMaterial bad = good_;
  bad.authorities = test::Certificates("other").authority();
  expect(problems_with(bad), "tls_certificate", "node.pem", "nobody who trusts security.tls_ca");
}

TEST_F(TlsFiles, TheCertificateMustBeForServersAndForClients) {
  expect(problems_with(ca_.issue("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=clientAuth")),
         "tls_certificate", "node.pem", "is not for a server");
  expect(problems_with(ca_.issue("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth")),
         "tls_certificate", "node.pem", "is not for a client");
  EXPECT_EQ(problems_with(
                ca_.issue("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth")),
            "");
}

TEST_F(TlsFiles, TheCertificateMustBeMadeOutToWhereTheNodeIsReached) {
  const auto other = ca_.issue("subjectAltName=DNS:a.example,IP:10.0.0.1,IP:fe80::1");
  expect(problems_with(other), "tls_certificate", "node.pem",
         "is made out to a.example, 10.0.0.1, fe80:0:0:0:0:0:0:1, not to 127.0.0.1");
  expect(problems_with(ca_.issue("extendedKeyUsage=serverAuth,clientAuth")), "tls_certificate",
         "node.pem", "no subjectAltName");
  section_.tls_peer_name = "a.example";
  EXPECT_EQ(problems_with(other), "");
  expect(problems_with(good_), "tls_certificate", "node.pem", "which security.tls_peer_name says");
}

}  // namespace
}  // namespace nexus::daemon
