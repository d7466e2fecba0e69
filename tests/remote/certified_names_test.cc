#include "remote/certified_names.h"

#include <gtest/gtest.h>

#include <vector>

namespace nexus::remote {
namespace {

bool made_out(const std::vector<std::string>& names, std::string_view host) {
  return certifies(names, host);
}

TEST(CertifiedNames, TheHostOfAnAddress) {
  EXPECT_EQ(host_of("node1.example:7701"), "node1.example");
  EXPECT_EQ(host_of("10.0.0.1:7701"), "10.0.0.1");
  EXPECT_EQ(host_of("[::1]:7701"), "::1");
  EXPECT_EQ(host_of(":7701"), "");
}

TEST(CertifiedNames, OneOfThemMustBeTheHost) {
  EXPECT_TRUE(made_out({"a.example", "b.example"}, "b.example"));
  EXPECT_TRUE(made_out({"A.Example"}, "a.eXample"));
  EXPECT_FALSE(made_out({"a.example"}, "b.example"));
  EXPECT_FALSE(made_out({"a.example"}, "a.example.org"));
  EXPECT_FALSE(made_out({"a.example"}, "xa.example"));
  EXPECT_FALSE(made_out({}, "a.example")) << "a client's certificate may have none";
  EXPECT_FALSE(made_out({""}, ""));
}

TEST(CertifiedNames, AStarIsExactlyOneLabel) {
  EXPECT_TRUE(made_out({"*.example.org"}, "a.example.org"));
  EXPECT_FALSE(made_out({"*.example.org"}, "example.org"));
  EXPECT_FALSE(made_out({"*.example.org"}, ".example.org"));
  EXPECT_FALSE(made_out({"*.example.org"}, "a.b.example.org"));
  EXPECT_FALSE(made_out({"*"}, "a")) << "no host at all is named";
}

TEST(CertifiedNames, AnIpAddressIsComparedAsOne) {
  EXPECT_TRUE(made_out({"10.0.0.1"}, "10.0.0.1"));
  EXPECT_FALSE(made_out({"10.0.0.1"}, "10.0.0.2"));
  EXPECT_TRUE(made_out({"::1"}, "0:0:0:0:0:0:0:1"));
  EXPECT_TRUE(made_out({"2001:DB8::A"}, "2001:db8:0::a"));
  EXPECT_FALSE(made_out({"*.0.0.1"}, "10.0.0.1")) << "a star is for names only";
}

}  // namespace
}  // namespace nexus::remote
