#include "libbroker/config/validate.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

namespace {

using strings = std::vector<std::string>;

loaded_config load(std::string_view text, const strings& overrides = {},
                   const strings& variables = {}) {
  return load_config({text, "troupe.toml", variables, overrides});
}

strings to_strings(const std::vector<config_error>& findings) {
  strings lines;
  for (const auto& each : findings)
    lines.push_back(to_string(each));
  return lines;
}

void expect(const std::vector<config_error>& got, const strings& wanted) {
  BOOST_TEST(to_strings(got) == wanted, boost::test_tools::per_element());
}

void expect_fine(const loaded_config& loaded) {
  expect(loaded.errors, {});
  expect(loaded.warnings, {});
}

constexpr std::string_view good_secret = "cluster.secret=0123456789abcdef";

/// Loads `overrides` with a secret, so that every address may be listened on.
loaded_config load_with_secret(strings overrides) {
  overrides.emplace_back(good_secret);
  return load("", overrides);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_cluster)

BOOST_AUTO_TEST_CASE(a_cluster_on_one_machine_needs_no_more_than_an_address) {
  for (const auto* address : {"127.0.0.1:0", "127.1.2.3:1884", "[::1]:1884", "localhost:1884"})
    expect_fine(load("", {"cluster.listen=" + std::string(address)}));
}

BOOST_AUTO_TEST_CASE(a_cluster_of_several_machines_is_taken_from_a_file) {
  expect_fine(load(R"(
[node]
name = "a"
[cluster]
listen = "0.0.0.0:1884"
advertise = "a.example.org:1884"
seeds = ["b.example.org:1884", "[fe80::1]:1884"]
secret-file = "/run/secrets/troupe"
[cluster.tls]
certificate = "node.pem"
key = "node.key"
ca = "ca.pem"
)"));
}

BOOST_AUTO_TEST_CASE(the_addresses_of_a_cluster_are_a_host_and_a_port) {
  expect(load("[cluster]\nlisten = \"127.0.0.1\"\n").errors,
         {R"(troupe.toml:2: cluster.listen: "127.0.0.1": the port is missing behind the host)"});
  expect(
      load("", {"cluster.listen=::1:1884"}).errors,
      {R"(--set cluster.listen: cluster.listen: "::1:1884": an IPv6 address needs brackets, as in "[::1]")"});
  expect(
      load("", {"cluster.listen=localhost:1884"}, {"TROUPE_CLUSTER__ADVERTISE=h:65536"}).errors,
      {R"(TROUPE_CLUSTER__ADVERTISE: cluster.advertise: "h:65536": expected ":" and a port up to 65535 behind the host, got ":65536")"});
  expect(
      load("[cluster]\nlisten = \"localhost:0\"\nseeds = [\"a:1\", \"tcp://b:1\", \":2\", \"\"]\n")
          .errors,
      {R"(troupe.toml:3: cluster.seeds: "tcp://b:1": a host and a port stand alone, without "tcp://")",
       R"(troupe.toml:3: cluster.seeds: ":2": the host is missing)",
       "troupe.toml:3: cluster.seeds: one of them is empty"});
}

BOOST_AUTO_TEST_CASE(an_address_that_other_nodes_connect_to_has_a_port_that_is_known) {
  expect(
      load("", {"cluster.listen=localhost:0", "cluster.advertise=a:0", "cluster.seeds=b:1,c:0"})
          .errors,
      {R"(--set cluster.advertise: cluster.advertise: "a:0": port 0 stands for any free one and is for cluster.listen only)",
       R"(--set cluster.seeds: cluster.seeds: "c:0": port 0 stands for any free one and is for cluster.listen only)"});
}

BOOST_AUTO_TEST_CASE(an_address_is_as_long_as_nodes_can_tell_each_other) {
  const auto longest = std::string(250, 'h') + ":1884";
  expect_fine(load("", {"cluster.listen=localhost:0", "cluster.advertise=" + longest}));
  const auto errors =
      load("", {"cluster.listen=localhost:0", "cluster.advertise=h" + longest}).errors;
  BOOST_TEST_REQUIRE(errors.size() == 1U);
  BOOST_TEST(errors[0].message.ends_with(" has more than 255 bytes"), errors[0].message);
}

BOOST_AUTO_TEST_CASE(the_name_of_a_node_is_short_and_plain) {
  expect_fine(load("", {"node.name=troupe-1.example_org"}));
  expect(
      load("[node]\nname = \"my node\"\n").errors,
      {R"(troupe.toml:2: node.name: "my node" is not a name: it takes 1 to 64 of the characters A-Z a-z 0-9 . _ -)"});
  expect(
      load("", {}, {"TROUPE_NODE__NAME=a/b"}).errors,
      {R"(TROUPE_NODE__NAME: node.name: "a/b" is not a name: it takes 1 to 64 of the characters A-Z a-z 0-9 . _ -)"});
  BOOST_TEST(load("", {"node.name=" + std::string(64, 'n')}).errors.empty());
  BOOST_TEST(load("", {"node.name=" + std::string(65, 'n')}).errors.size() == 1U);
}

BOOST_AUTO_TEST_CASE(seeds_need_a_port_of_this_node) {
  expect(load("", {"cluster.seeds=a:1884"}).errors,
         {"--set cluster.seeds: cluster.seeds: there are seeds, but no cluster.listen for the "
          "other nodes to connect to"});
  expect_fine(load("", {"cluster.seeds=a:1884", "cluster.listen=localhost:0"}));
}

BOOST_AUTO_TEST_CASE(the_secret_is_in_one_place) {
  const strings wanted{"TROUPE_CLUSTER__SECRET_FILE: cluster.secret-file: the secret is in "
                       "cluster.secret already; give one of the two"};
  expect(load("[cluster]\nsecret = \"0123456789abcdef\"\n", {},
              {"TROUPE_CLUSTER__SECRET_FILE=/run/secret"})
             .errors,
         wanted);
  expect_fine(load("", {"cluster.secret-file=/run/secret"}));
}

BOOST_AUTO_TEST_CASE(a_short_secret_is_warned_of_and_not_repeated) {
  const auto loaded = load("[cluster]\nsecret = \"0123456789abcde\"\n");
  expect(loaded.errors, {});
  expect(loaded.warnings,
         {"troupe.toml:2: cluster.secret: it has fewer than 16 characters and can be guessed; "
          "`openssl rand -base64 24` makes a better one"});
  expect_fine(load("", {std::string(good_secret)}));
}

BOOST_AUTO_TEST_CASE(tls_has_all_its_files_or_none) {
  const std::string rest =
      ": it is missing; [cluster.tls] needs certificate, key and ca, or none of them";
  expect(load("[cluster.tls]\ncertificate = \"c\"\nca = \"a\"\n").errors,
         {"troupe.toml:2: cluster.tls.key" + rest});
  expect(load("", {"cluster.tls.ca=a"}).errors,
         {"--set cluster.tls.ca: cluster.tls.certificate" + rest,
          "--set cluster.tls.ca: cluster.tls.key" + rest});
  expect(load("", {}, {"TROUPE_CLUSTER__TLS__KEY=k", "TROUPE_CLUSTER__TLS__CERTIFICATE=c"}).errors,
         {"TROUPE_CLUSTER__TLS__CERTIFICATE: cluster.tls.ca" + rest});
  expect_fine(load("", {"cluster.tls.ca=a", "cluster.tls.key=k", "cluster.tls.certificate=c"}));
}

BOOST_AUTO_TEST_CASE(a_port_that_other_machines_reach_needs_a_secret_or_tls) {
  expect(load("[cluster]\nlisten = \"10.0.0.1:1884\"\n").errors,
         {R"(troupe.toml:2: cluster.listen: other machines can reach "10.0.0.1:1884", and )"
          "without cluster.secret or [cluster.tls] the cluster port is for this machine only; give "
          "all nodes one secret or certificates"});
  for (const auto* address : {"a.example.org:1884", "[fe80::1]:0", "127.example.org:1884"}) {
    const auto listen = "cluster.listen=" + std::string(address);
    BOOST_TEST(load("", {listen}).errors.size() == 1U, address);
    expect_fine(load("", {listen, "cluster.secret-file=/run/secret"}));
    expect_fine(load("", {listen, std::string(good_secret)}));
    expect_fine(
        load("", {listen, "cluster.tls.ca=a", "cluster.tls.key=k", "cluster.tls.certificate=c"}));
  }
}

BOOST_AUTO_TEST_CASE(an_address_that_is_only_begun_in_tls_is_complained_of_once) {
  const auto errors =
      load("", {"cluster.listen=10.0.0.1:1884", "cluster.tls.ca=a", "cluster.tls.key=k"}).errors;
  BOOST_TEST_REQUIRE(errors.size() == 1U);
  BOOST_TEST(errors[0].message.starts_with("cluster.tls.certificate: "), errors[0].message);
}

BOOST_AUTO_TEST_CASE(a_wildcard_is_listened_on_and_never_advertised) {
  for (const auto* address : {"0.0.0.0:1884", "[::]:1884", "[0:0:0:0:0:0:0:0]:0"}) {
    const auto listen = "cluster.listen=" + std::string(address);
    expect(load_with_secret({listen}).errors,
           {"--set cluster.listen: cluster.listen: \"" + std::string(address) +
            "\" stands for every interface; say in cluster.advertise under which address other "
            "nodes reach this one"});
    expect_fine(load_with_secret({listen, "cluster.advertise=10.0.0.1:1884"}));
  }
  for (const auto* address : {"0.0.0.0:1884", "[::]:1884"})
    expect(load_with_secret(
               {"cluster.listen=0.0.0.0:1884", "cluster.advertise=" + std::string(address)})
               .errors,
           {"--set cluster.advertise: cluster.advertise: \"" + std::string(address) +
            "\" stands for every interface; other nodes need one address of this one"});
}

BOOST_AUTO_TEST_CASE(a_wildcard_with_nothing_else_is_told_all_that_it_lacks) {
  BOOST_TEST(load("", {"cluster.listen=0.0.0.0:1884"}).errors.size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_last_source_decides_and_is_the_one_in_the_error) {
  const std::string_view file = "[cluster]\nlisten = \"10.0.0.1:1884\"\nseeds = [\"a\"]\n";
  expect_fine(load(file, {"cluster.listen=localhost:0"}, {"TROUPE_CLUSTER__SEEDS=a:1"}));
  expect(load("[cluster]\nlisten = \"localhost:0\"\n", {"cluster.seeds=b"},
              {"TROUPE_CLUSTER__SEEDS=a:1"})
             .errors,
         {R"(--set cluster.seeds: cluster.seeds: "b": the port is missing behind the host)"});
}

BOOST_AUTO_TEST_SUITE_END()
