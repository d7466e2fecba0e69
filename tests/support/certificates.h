// Certificates: an authority and what it signs, made with the openssl program in a folder that goes with the object. Good for a day.
//
//   all calls   the test's thread
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "remote/tls_identity.h"

namespace nexus::test {

class Certificates {
 public:
  explicit Certificates(const std::string& authority = "authority") {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "nexus-certificates-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    run("openssl req -x509 " + key_options("ca") + " -days 1 -subj /CN=" + authority +
        " -out ca.pem");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // Signed by this authority, and trusting it. `extensions`: lines as the openssl program takes them, for example
  // `subjectAltName=IP:127.0.0.1`. Negative `days`: it has expired.
  remote::TlsMaterial issue(const std::string& extensions, int days = 1) {
    const std::string name = "c" + std::to_string(++count_);
    std::ofstream(folder_ / (name + ".ext")) << "basicConstraints=CA:FALSE\n" << extensions << '\n';
    run("openssl req " + key_options(name) + " -subj /CN=" + name + " -out " + name + ".csr");
    run("openssl x509 -req -in " + name +
        ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile " + name + ".ext -days " +
        std::to_string(days) + " -out " + name + ".pem");
    return {.certificate = contents(name + ".pem"),
            .key = contents(name + ".key"),
            .authorities = contents("ca.pem")};
  }
  remote::TlsMaterial for_loopback() { return issue("subjectAltName=IP:127.0.0.1"); }
  // Of nobody's certificate.
  std::string encrypted_key() {
    run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret "
        "-out "
        "encrypted.key");
    return contents("encrypted.key");
  }
  std::string authority() { return contents("ca.pem"); }

 private:
  static std::string key_options(const std::string& name) {
    return "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key";
  }
  void run(const std::string& command) {
    const std::string line = "cd " + folder_.string() + " && " + command + " 2>>errors";
    EXPECT_EQ(std::system(line.c_str()), 0) << command << "\n" << contents("errors");
  }
  std::string contents(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::filesystem::path folder_;
  int count_ = 0;
};

}  // namespace nexus::test
