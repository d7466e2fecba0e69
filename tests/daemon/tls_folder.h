// TlsFolder: the three files of security.tls_* in a folder that goes with the object.
//
//   all calls   the test's thread
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/config/node_config.h"
#include "tests/support/certificates.h"

namespace nexus::daemon {

class TlsFolder {
 public:
  TlsFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nexus-tls-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~TlsFolder() { std::filesystem::remove_all(folder_); }
  TlsFolder(const TlsFolder&) = delete;
  TlsFolder& operator=(const TlsFolder&) = delete;

  // Names the files; other options have their defaults.
  SecuritySection section() const {
    SecuritySection section;
    section.tls_certificate.text = path("node.pem");
    section.tls_key.text = path("node.key");
    section.tls_ca.text = path("ca.pem");
    return section;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  void write(const remote::TlsMaterial& material) const {
    replace("ca.pem", material.authorities);
    replace("node.key", material.key);
    replace("node.pem", material.certificate);
  }
  // At once, as whoever replaces certificates should.
  void replace(const std::string& name, const std::string& text) const {
    std::ofstream(path(name + ".new"), std::ios::binary) << text;
    std::filesystem::rename(path(name + ".new"), path(name));
  }
  void remove(const std::string& name) const { std::filesystem::remove(path(name)); }

 private:
  std::filesystem::path folder_;
};

}  // namespace nexus::daemon
