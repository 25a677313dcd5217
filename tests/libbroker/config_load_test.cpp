#include "libbroker/config/default_config.hpp"
#include "libbroker/config/load.hpp"
#include "libbroker/config/option.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <random>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;

strings to_strings(const std::vector<config_error>& errors) {
  strings lines;
  for (const auto& error : errors)
    lines.push_back(to_string(error));
  return lines;
}

strings load_file(std::string_view text, config& into) {
  return to_strings(load_toml(text, "troupe.toml", into));
}

strings errors_in(std::string_view text) {
  config ignored;
  return load_file(text, ignored);
}

strings set(const strings& assignments, config& into) {
  return to_strings(load_overrides(assignments, into));
}

strings environment(const strings& variables, config& into) {
  return to_strings(load_environment(variables, into));
}

void expect(const strings& got, const strings& wanted) {
  BOOST_TEST(got == wanted, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_load)

BOOST_AUTO_TEST_CASE(an_empty_file_changes_nothing) {
  config values;
  expect(load_file("", values), {});
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(a_file_sets_options_of_every_kind) {
  config values;
  expect(load_file(R"(
[node]
name = "a"
[limits]
max-packet-size = "1 MiB"
max-connections = 7
connect-timeout = "1500ms"
[session]
max-in-flight = 10
max-expiry = "1h30m"
expiry-for-v3 = "never"
[features]
max-qos = 1
retain-available = false
[log]
level = "debug"
format = "json"
)",
                   values),
         {});
  config wanted;
  wanted.node.name = "a";
  wanted.limits.max_packet_size = 1024 * 1024;
  wanted.limits.max_connections = 7;
  wanted.limits.connect_timeout = 1500ms;
  wanted.session.max_in_flight = 10;
  wanted.session.max_expiry = 90min;
  wanted.session.expiry_for_v3 = never_expires;
  wanted.features.max_qos = qos::at_least_once;
  wanted.features.retain_available = false;
  wanted.log.level = log_level::debug;
  wanted.log.format = log_format::json;
  BOOST_TEST((values == wanted));
}

BOOST_AUTO_TEST_CASE(listeners_of_a_file_replace_the_default_one) {
  config values;
  expect(load_file(R"(
[[listener]]
address = "tcp://[::]:1884"
allow-anonymous = true
[[listener]]
address = "unix:///run/troupe.sock"
allow-anonymous = "auto"
max-connections = 5
)",
                   values),
         {});
  BOOST_TEST_REQUIRE(values.listeners.size() == 2U);
  BOOST_TEST(to_string(values.listeners[0].address) == "tcp://[::]:1884");
  BOOST_TEST((values.listeners[0].allow_anonymous == true));
  BOOST_TEST(values.listeners[1].address.path == "/run/troupe.sock");
  BOOST_TEST(!values.listeners[1].allow_anonymous.has_value());
  BOOST_TEST(values.listeners[1].max_connections == 5U);
  expect(load_file("listener = []", values), {});
  BOOST_TEST(values.listeners.empty());
}

BOOST_AUTO_TEST_CASE(streams_of_a_file_replace_the_earlier_ones) {
  config values;
  expect(load_file(R"(
[[stream]]
filter = "plant/+/measurements/#"
max-age = "7d"
max-bytes = "10 GiB"
[[stream]]
filter = "alarms/#"
)",
                   values),
         {});
  const std::vector<stream_config> wanted{{"plant/+/measurements/#", 7 * 24h, 10 * gibibyte},
                                          {"alarms/#", 0s, 0}};
  BOOST_TEST((values.streams == wanted));
  BOOST_TEST((values.listeners == config{}.listeners));
  expect(load_file("[[stream]]\nmax-age = 5\n", values), {});
  BOOST_TEST((values.streams == std::vector<stream_config>{{"", 5s, 0}}));
  expect(load_file("stream = []", values), {});
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(a_file_sets_the_cluster_and_the_section_below_it) {
  config wanted;
  wanted.cluster.listen = "0.0.0.0:1884";
  wanted.cluster.advertise = "[fe80::1]:1884";
  wanted.cluster.seeds = {"a:1884", "b:1884"};
  wanted.cluster.secret = "correct horse battery";
  wanted.cluster.secret_file = "/run/secret";
  wanted.cluster.heartbeat = 250ms;
  wanted.cluster.missed_heartbeats = 4;
  wanted.cluster.credit = 8 * mebibyte;
  wanted.cluster.subscribe_wait = 50ms;
  wanted.cluster.dead_after = 1min;
  wanted.cluster.tls = {"node.pem", "node.key", "ca.pem"};
  const std::string cluster = R"(
[cluster]
listen = "0.0.0.0:1884"
advertise = "[fe80::1]:1884"
seeds = [
  "a:1884",
  "b:1884",  # the comma at the end is TOML's
]
secret = "correct horse battery"
secret-file = "/run/secret"
heartbeat = "250ms"
missed-heartbeats = 4
credit = "8 MiB"
subscribe-wait = 50
dead-after = "1m"
)";
  const std::string tls = R"(
[cluster.tls]
certificate = "node.pem"
key = "node.key"
ca = "ca.pem"
)";
  config values;
  expect(load_file(cluster + tls, values), {});
  BOOST_TEST((values == wanted));
  values = {};
  expect(load_file(tls + cluster, values), {});
  BOOST_TEST((values == wanted));
  values = {};
  expect(load_file("[cluster]\ntls = { key = \"k\" }\n", values), {});
  expect(load_file("cluster.tls.ca = \"c\"\n", values), {});
  BOOST_TEST((values.cluster.tls == cluster_tls_config{"", "k", "c"}));
}

BOOST_AUTO_TEST_CASE(a_list_of_texts_in_a_file_replaces_the_earlier_one_and_may_hold_commas) {
  config values;
  expect(load_file("[cluster]\nseeds = [\"a,b\", \" c \", \"\"]\n", values), {});
  BOOST_TEST((values.cluster.seeds == strings{"a,b", " c ", ""}));
  expect(load_file("[cluster]\nseeds = []\n", values), {});
  BOOST_TEST(values.cluster.seeds.empty());
}

BOOST_AUTO_TEST_CASE(a_list_of_texts_takes_nothing_else_and_the_error_has_the_line_of_the_item) {
  config values;
  values.cluster.seeds = {"kept:1"};
  expect(load_file("[cluster]\nseeds = \"a:1\"\n", values),
         {R"(troupe.toml:2: cluster.seeds: expected texts in brackets, as in ["a", "b"], )"
          "got a value of type string"});
  expect(load_file("[cluster]\nseeds = [\n  \"a:1\",\n  1884,\n]\n", values),
         {R"(troupe.toml:4: cluster.seeds: expected texts in brackets, as in ["a", "b"], )"
          "got a value of type integer"});
  expect(load_file("[cluster]\nseeds = [[\"a:1\"]]\n", values),
         {R"(troupe.toml:2: cluster.seeds: expected texts in brackets, as in ["a", "b"], )"
          "got a value of type array"});
  expect(load_file("[[cluster.seeds]]\n", values),
         {R"(troupe.toml:1: cluster.seeds: expected texts in brackets, as in ["a", "b"], )"
          "got a value of type table"});
  BOOST_TEST((values.cluster.seeds == strings{"kept:1"}));
}

BOOST_AUTO_TEST_CASE(errors_never_repeat_a_secret) {
  const strings wrong{"secret = hunter2\n",  "secret = [\"hunter2\"]\n",
                      "secret = 'hunter2\n", "secret = \"hunter2\" hunter2\n",
                      "secret hunter2\n",    "secrets = \"hunter2\"\n"};
  for (const auto& line : wrong) {
    const auto errors = errors_in("[cluster]\n" + line);
    BOOST_TEST_REQUIRE(errors.size() == 1U, line);
    BOOST_TEST(errors[0].starts_with("troupe.toml:2: "), errors[0]);
    BOOST_TEST(errors[0].find("hunter2") == std::string::npos, errors[0]);
  }
  config values;
  expect(set({"cluster.secert=hunter2"}, values),
         {R"(--set cluster.secert: unknown key "cluster.secert"; did you mean "cluster.secret"?)"});
  expect(environment({"TROUPE_CLUSTER_SECRET=hunter2"}, values),
         {R"(TROUPE_CLUSTER_SECRET: unknown variable "TROUPE_CLUSTER_SECRET"; did you mean )"
          R"("TROUPE_CLUSTER__SECRET"?)"});
}

BOOST_AUTO_TEST_CASE(the_caf_section_is_passed_on_as_text) {
  config values;
  expect(load_file(R"(
[caf.scheduler]
policy = "testing"
max-throughput = 64
[caf]
middleman.enable-automatic-connections = true
middleman.app-identifiers = ["a", "b"]
stream.desired-batch-complexity = "10us"
)",
                   values),
         {});
  const std::vector<caf_option> wanted{{"scheduler.policy", "testing"},
                                       {"scheduler.max-throughput", "64"},
                                       {"middleman.enable-automatic-connections", "true"},
                                       {"middleman.app-identifiers", R"(["a", "b"])"},
                                       {"stream.desired-batch-complexity", "10us"}};
  BOOST_TEST(values.caf.size() == wanted.size());
  for (const auto& each : wanted)
    BOOST_TEST((std::ranges::find(values.caf, each) != values.caf.end()), each.key);
}

BOOST_AUTO_TEST_CASE(a_syntax_error_has_its_line) {
  const auto errors = errors_in("[node]\nname = \"a\"\ndata-dir = \n");
  BOOST_TEST_REQUIRE(errors.size() == 1U);
  BOOST_TEST(errors[0].starts_with("troupe.toml:3: "), errors[0]);
}

BOOST_AUTO_TEST_CASE(a_key_given_twice_is_an_error) {
  const auto errors = errors_in("[sys]\ninterval = 1\ninterval = 2\n");
  BOOST_TEST_REQUIRE(errors.size() == 1U);
  BOOST_TEST(errors[0].starts_with("troupe.toml:3: "), errors[0]);
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_an_error_that_suggests_the_nearest) {
  expect(
      errors_in("[limits]\nmax-connections = 1\nmax-paket-size = 1\n"),
      {R"(troupe.toml:3: unknown key "limits.max-paket-size"; did you mean "limits.max-packet-size"?)"});
  expect(errors_in("[limits]\nbanana = 1\n"), {R"(troupe.toml:2: unknown key "limits.banana")"});
  expect(errors_in("\nlevel = \"info\"\n"),
         {R"(troupe.toml:2: unknown key "level"; did you mean "log.level"?)"});
  expect(errors_in("[[listener]]\nadress = \"tcp://[::1]\"\n"),
         {R"(troupe.toml:2: unknown key "listener.adress"; did you mean "listener.address"?)"});
  expect(errors_in("[[stream]]\nfiler = \"a\"\n"),
         {R"(troupe.toml:2: unknown key "stream.filer"; did you mean "stream.filter"?)"});
  expect(errors_in("[cluster.tls]\nkeys = \"k\"\n"),
         {R"(troupe.toml:2: unknown key "cluster.tls.keys"; did you mean "cluster.tls.key"?)"});
  expect(errors_in("[log]\nfile.path = \"x\"\n"),
         {"troupe.toml:2: log.file: expected text in quotes, got a value of type table"});
}

BOOST_AUTO_TEST_CASE(an_unknown_section_is_an_error_that_suggests_the_nearest) {
  expect(errors_in("\n[limit]\nmax-connections = 1\n"),
         {R"(troupe.toml:2: unknown section "limit"; did you mean "limits"?)"});
  expect(errors_in("[[listeners]]\n"),
         {R"(troupe.toml:1: unknown section "listeners"; did you mean "listener"?)"});
  expect(errors_in("[[streams]]\n"),
         {R"(troupe.toml:1: unknown section "streams"; did you mean "stream"?)"});
  expect(errors_in("[banana]\n"), {R"(troupe.toml:1: unknown section "banana")"});
  expect(errors_in("[cluster]\n[cluster.tsl]\nkey = \"k\"\n"),
         {R"(troupe.toml:2: unknown section "cluster.tsl"; did you mean "cluster.tls"?)"});
  expect(errors_in("[limits.banana]\n"), {R"(troupe.toml:1: unknown section "limits.banana")"});
}

BOOST_AUTO_TEST_CASE(a_section_in_the_wrong_form_is_an_error) {
  expect(errors_in("limits = 5"),
         {R"(troupe.toml:1: "limits" is a section; write [limits] and its keys below)"});
  expect(errors_in("[[limits]]"),
         {R"(troupe.toml:1: "limits" is a section; write [limits] and its keys below)"});
  const strings two_brackets{"troupe.toml:1: write [[listener]] with two brackets, once for each, "
                             "and its keys below"};
  expect(errors_in("[listener]"), two_brackets);
  expect(errors_in("listener = [1]"), two_brackets);
  expect(errors_in("listener = [{}, 1]"), two_brackets);
  expect(errors_in("[cluster]\ntls = true\n"),
         {R"(troupe.toml:2: "cluster.tls" is a section; write [cluster.tls] and its keys below)"});
  expect(errors_in("[[cluster.tls]]"),
         {R"(troupe.toml:1: "cluster.tls" is a section; write [cluster.tls] and its keys below)"});
  expect(errors_in("[stream]"), {"troupe.toml:1: write [[stream]] with two brackets, once for "
                                 "each, and its keys below"});
}

BOOST_AUTO_TEST_CASE(a_value_that_an_option_does_not_take_is_an_error_that_says_what_it_takes) {
  expect(errors_in("[session]\nmax-in-flight = 0\n"),
         {R"(troupe.toml:2: session.max-in-flight: expected messages from 1 to 65535, got "0")"});
  expect(errors_in("[session]\nmax-in-flight = -1\n"),
         {R"(troupe.toml:2: session.max-in-flight: expected messages from 1 to 65535, got "-1")"});
  expect(errors_in("[limits]\nmax-packet-size = \"1 GiB\"\n"),
         {R"(troupe.toml:2: limits.max-packet-size: expected bytes from 128 to 268435460, )"
          R"(or with a unit as in "64 KiB", "10 MB", got "1 GiB")"});
  expect(errors_in("[sys]\ninterval = \"500ms\"\n"),
         {R"(troupe.toml:2: sys.interval: expected seconds from 0 to 31536000, )"
          R"(or with a unit as in "10s", "1h30m", "7d", got "500ms")"});
  expect(errors_in("[session]\nmax-expiry = 4294967296\n"),
         {R"(troupe.toml:2: session.max-expiry: expected seconds from 0 to 4294967294 or "never", )"
          R"(or with a unit as in "10s", "1h30m", "7d", got "4294967296")"});
  expect(errors_in("[features]\nmax-qos = 3\n"),
         {R"(troupe.toml:2: features.max-qos: expected a whole number from 0 to 2, got "3")"});
  expect(errors_in("[features]\nretain-available = \"yes\"\n"),
         {R"(troupe.toml:2: features.retain-available: expected true or false, got "yes")"});
  expect(errors_in("[log]\nlevel = \"warning\"\n"),
         {R"(troupe.toml:2: log.level: expected one of "trace", "debug", "info", "warn", )"
          R"("error", "off", got "warning")"});
  expect(errors_in("[[listener]]\n[[listener]]\naddress = \"ws://h:1\"\n"),
         {"troupe.toml:3: listener.1.address: ws:// is not supported yet; use tcp:// or unix://"});
  expect(errors_in("[[listener]]\nallow-anonymous = \"maybe\"\n"),
         {R"(troupe.toml:2: listener.0.allow-anonymous: expected true, false or "auto", )"
          R"(got "maybe")"});
}

BOOST_AUTO_TEST_CASE(wrong_values_of_a_stream_are_errors_that_say_which_stream) {
  expect(errors_in("[[stream]]\n[[stream]]\nmax-age = \"1 y\"\nmax-bytes = -1\nfilter = 1\n"),
         {R"(troupe.toml:3: stream.1.max-age: expected seconds from 0 to 1576800000, )"
          R"(or with a unit as in "10s", "1h30m", "7d", got "1 y")",
          R"(troupe.toml:4: stream.1.max-bytes: expected bytes from 0 to 1099511627776, )"
          R"(or with a unit as in "64 KiB", "10 MB", got "-1")",
          "troupe.toml:5: stream.1.filter: expected text in quotes, got a value of type integer"});
}

BOOST_AUTO_TEST_CASE(a_value_of_a_type_that_an_option_does_not_take_is_an_error) {
  expect(errors_in("[node]\nname = 5\n"),
         {"troupe.toml:2: node.name: expected text in quotes, got a value of type integer"});
  expect(errors_in("[session]\nmax-in-flight = 1.0\n"),
         {"troupe.toml:2: session.max-in-flight: expected messages from 1 to 65535, got a value of "
          "type floating-point"});
  expect(errors_in("[session]\nmax-in-flight = [1]\n"),
         {"troupe.toml:2: session.max-in-flight: expected messages from 1 to 65535, got a value of "
          "type array"});
}

BOOST_AUTO_TEST_CASE(all_errors_of_a_file_are_reported_in_its_order_and_the_rest_is_applied) {
  config values;
  expect(
      load_file("[sys]\ninterval = \"x\"\n[log]\nlevel = \"x\"\nfile = \"f\"\n[node]\nnam = 1\n",
                values),
      {R"(troupe.toml:2: sys.interval: expected seconds from 0 to 31536000, or with a unit as in "10s", "1h30m", "7d", got "x")",
       R"(troupe.toml:4: log.level: expected one of "trace", "debug", "info", "warn", "error", "off", got "x")",
       R"(troupe.toml:7: unknown key "node.nam"; did you mean "node.name"?)"});
  BOOST_TEST(values.log.file == "f");
}

BOOST_AUTO_TEST_CASE(no_more_than_twenty_errors_are_reported) {
  std::string text = "[limits]\n";
  for (int i = 0; i < 50; ++i)
    text += "banana-" + std::to_string(i) + " = 1\n";
  const auto errors = errors_in(text);
  BOOST_TEST_REQUIRE(errors.size() == max_config_errors);
  BOOST_TEST(errors.back().starts_with("troupe.toml:21: "));
}

BOOST_AUTO_TEST_CASE(overrides_set_options_by_their_dotted_name) {
  config values;
  expect(set({"limits.max-packet-size=1MiB", "node.name=a=b", "node.data-dir=",
              "caf.scheduler.max-throughput=64", "caf.scheduler.max-throughput=32"},
             values),
         {});
  BOOST_TEST(values.limits.max_packet_size == 1024U * 1024U);
  BOOST_TEST(values.node.name == "a=b");
  BOOST_TEST((values.caf == std::vector<caf_option>{{"scheduler.max-throughput", "32"}}));
}

BOOST_AUTO_TEST_CASE(overrides_set_the_cluster_and_the_section_below_it) {
  config values;
  expect(set({"cluster.listen=127.0.0.1:0", "cluster.tls.key=/x", "cluster.tls.ca=a=b",
              "cluster.seeds=a:1,b:2", "cluster.secret=correct,horse", "cluster.dead-after=1m"},
             values),
         {});
  config wanted;
  wanted.cluster.listen = "127.0.0.1:0";
  wanted.cluster.tls = {"", "/x", "a=b"};
  wanted.cluster.seeds = {"a:1", "b:2"};
  wanted.cluster.secret = "correct,horse";
  wanted.cluster.dead_after = 1min;
  BOOST_TEST((values == wanted));
  expect(set({"cluster.seeds="}, values), {});
  BOOST_TEST(values.cluster.seeds.empty());
}

BOOST_AUTO_TEST_CASE(wrong_overrides_of_the_cluster_are_errors_that_suggest_the_nearest) {
  config values;
  expect(
      set({"cluster.tls.kye=x", "cluster.tsl.key=x", "cluster.tls=x", "cluster.tls.=x", "cluster=x",
           "cluster.seed=x", "cluster.tlskey=x", "cluster.missed-heartbeats=0"},
          values),
      {R"(--set cluster.tls.kye: unknown key "cluster.tls.kye"; did you mean "cluster.tls.key"?)",
       R"(--set cluster.tsl.key: unknown key "cluster.tsl.key"; did you mean "cluster.tls.key"?)",
       R"(--set cluster.tls: unknown key "cluster.tls")",
       R"(--set cluster.tls.: unknown key "cluster.tls.")",
       R"(--set cluster: unknown key "cluster")",
       R"(--set cluster.seed: unknown key "cluster.seed"; did you mean "cluster.seeds"?)",
       R"(--set cluster.tlskey: unknown key "cluster.tlskey")",
       R"(--set cluster.missed-heartbeats: cluster.missed-heartbeats: expected heartbeats from 1 to 1000, got "0")"});
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(overrides_change_listeners_and_add_one_behind_the_last) {
  config values;
  expect(set({"listener.1.address=unix:///s", "listener.0.address=tcp://0.0.0.0:1883",
              "listener.1.backlog=1"},
             values),
         {});
  BOOST_TEST_REQUIRE(values.listeners.size() == 2U);
  BOOST_TEST(values.listeners[0].address.host == "0.0.0.0");
  BOOST_TEST(values.listeners[1].address.path == "/s");
  BOOST_TEST(values.listeners[1].backlog == 1U);
}

BOOST_AUTO_TEST_CASE(overrides_change_streams_of_the_file_and_add_one_behind_the_last) {
  config values;
  expect(load_file("[[stream]]\nfilter = \"a/#\"\nmax-age = \"1h\"\n", values), {});
  expect(set({"stream.1.filter=b/#", "stream.0.max-age=7d", "stream.1.max-bytes=1MiB"}, values),
         {});
  const std::vector<stream_config> wanted{{"a/#", 7 * 24h, 0}, {"b/#", 0s, mebibyte}};
  BOOST_TEST((values.streams == wanted));
}

BOOST_AUTO_TEST_CASE(wrong_overrides_are_errors_that_repeat_them) {
  config values;
  expect(
      set({"limits.max-paket-size=1", "limits.max-packet-size", "max-packet-size=1", "limits=1",
           "banana.banana=1", "=1", "", "sys.interval=x", "caf=1"},
          values),
      {"--set limits.max-packet-size: expected key=value, as in \"limits.max-packet-size=1MiB\"",
       "--set : expected key=value, as in \"limits.max-packet-size=1MiB\"",
       R"(--set limits.max-paket-size: unknown key "limits.max-paket-size"; did you mean "limits.max-packet-size"?)",
       R"(--set max-packet-size: unknown key "max-packet-size"; did you mean "limits.max-packet-size"?)",
       R"(--set limits: unknown key "limits")",
       R"(--set banana.banana: unknown key "banana.banana")", R"(--set : unknown key "")",
       R"(--set sys.interval: sys.interval: expected seconds from 0 to 31536000, or with a unit as in "10s", "1h30m", "7d", got "x")",
       R"(--set caf: unknown key "caf")"});
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(overrides_of_listeners_need_an_index_that_exists_or_is_the_next) {
  config values;
  expect(
      set({"listener.address=tcp://[::1]", "listener.2.backlog=1", "listener.0.adress=x",
           "listener.99999999999999999999.backlog=1"},
          values),
      {R"(--set listener.address: say which listener is meant, as in "listener.0.address")",
       R"(--set listener.0.adress: unknown key "listener.0.adress"; did you mean "listener.0.address"?)",
       R"(--set listener.99999999999999999999.backlog: say which listener is meant, as in "listener.0.backlog")",
       "--set listener.2.backlog: there is no such listener; the next one to add has the index 1"});
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(overrides_of_streams_need_an_index_that_exists_or_is_the_next) {
  config values;
  expect(set({"stream.filter=a", "stream.1.filter=a", "stream=a", "stream.0.filter=a",
              "stream.3.filter=a"},
             values),
         {R"(--set stream.filter: say which stream is meant, as in "stream.0.filter")",
          R"(--set stream: say which stream is meant, as in "stream.0.filter")",
          "--set stream.3.filter: there is no such stream; the next one to add has the index 2"});
  BOOST_TEST((values.streams == std::vector<stream_config>{{"a", 0s, 0}, {"a", 0s, 0}}));
}

BOOST_AUTO_TEST_CASE(a_suggested_option_of_the_same_list_keeps_its_index_and_no_other_does) {
  config values;
  expect(
      set({"stream.0.filter=a", "stream.1.filer=a", "stream.1.backlg=1"}, values),
      {R"(--set stream.1.filer: unknown key "stream.1.filer"; did you mean "stream.1.filter"?)",
       R"(--set stream.1.backlg: unknown key "stream.1.backlg"; did you mean "listener.0.backlog"?)"});
}

BOOST_AUTO_TEST_CASE(variables_set_options_in_any_order) {
  config values;
  expect(environment({"PATH=/bin", "TROUPE_LISTENER__10__BACKLOG=1",
                      "TROUPE_LISTENER__9__BACKLOG=9", "TROUPE_LIMITS__MAX_PACKET_SIZE=1MiB",
                      "TROUPE_NODE__NAME=My_Node", "TROUPE_CAF__SCHEDULER__MAX_THROUGHPUT=64",
                      "TROUPE_LISTENER__8__BACKLOG=8", "TROUPE_LISTENER__1__BACKLOG=2",
                      "TROUPE_LISTENER__2__BACKLOG=2", "TROUPE_LISTENER__3__BACKLOG=2",
                      "TROUPE_LISTENER__4__BACKLOG=2", "TROUPE_LISTENER__5__BACKLOG=2",
                      "TROUPE_LISTENER__6__BACKLOG=2", "TROUPE_LISTENER__7__BACKLOG=2"},
                     values),
         {});
  BOOST_TEST(values.limits.max_packet_size == 1024U * 1024U);
  BOOST_TEST(values.node.name == "My_Node");
  BOOST_TEST((values.caf == std::vector<caf_option>{{"scheduler.max-throughput", "64"}}));
  BOOST_TEST_REQUIRE(values.listeners.size() == 11U);
  BOOST_TEST(values.listeners[9].backlog == 9U);
  BOOST_TEST(values.listeners[10].backlog == 1U);
}

BOOST_AUTO_TEST_CASE(variables_set_the_cluster_and_the_section_below_it) {
  config values;
  values.cluster.seeds = {"old:1"};
  expect(environment({"TROUPE_CLUSTER__TLS__KEY=/Key_1", "TROUPE_CLUSTER__SEEDS=a:1, B_b:2",
                      "TROUPE_CLUSTER__SECRET_FILE=/run/secret",
                      "TROUPE_CLUSTER__SECRET=Correct_Horse"},
                     values),
         {});
  config wanted;
  wanted.cluster.tls.key = "/Key_1";
  wanted.cluster.seeds = {"a:1", "B_b:2"};
  wanted.cluster.secret_file = "/run/secret";
  wanted.cluster.secret = "Correct_Horse";
  BOOST_TEST((values == wanted));
  expect(environment({"TROUPE_CLUSTER__SEEDS="}, values), {});
  BOOST_TEST(values.cluster.seeds.empty());
  expect(environment({"TROUPE_CLUSTER__TLS__KYE=x", "TROUPE_CLUSTER_TLS_KEY=x"}, values),
         {"TROUPE_CLUSTER_TLS_KEY: unknown variable \"TROUPE_CLUSTER_TLS_KEY\"; did you mean "
          "\"TROUPE_CLUSTER__TLS__KEY\"?",
          "TROUPE_CLUSTER__TLS__KYE: unknown key \"TROUPE_CLUSTER__TLS__KYE\"; did you mean "
          "\"TROUPE_CLUSTER__TLS__KEY\"?"});
}

BOOST_AUTO_TEST_CASE(variables_add_streams_with_topics_as_they_are_written) {
  config values;
  expect(environment({"TROUPE_STREAM__1__FILTER=My_Plant/+/A-b", "TROUPE_STREAM__0__MAX_AGE=30d",
                      "TROUPE_STREAM__0__FILTER=a/#", "TROUPE_STREAM__1__MAX_BYTES=5"},
                     values),
         {});
  const std::vector<stream_config> wanted{{"a/#", 30 * 24h, 0}, {"My_Plant/+/A-b", 0s, 5}};
  BOOST_TEST((values.streams == wanted));
}

BOOST_AUTO_TEST_CASE(every_option_can_be_set_by_a_variable) {
  const auto defaults = default_with_items();
  for (const auto& each : options()) {
    const bool is_item = find_section(each.section)->form == section_form::list;
    std::string name =
        "TROUPE_" + std::string(each.section) + (is_item ? "__0__" : "__") + std::string(each.key);
    if (const auto dot = name.find('.'); dot != std::string::npos) name.replace(dot, 1, "__");
    for (char& c : name)
      c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
    auto text = show(each, defaults);
    std::erase_if(text, [](char c) { return c == '"' || c == '[' || c == ']'; });
    auto values = defaults;
    expect(environment({name + "=" + text}, values), {});
    BOOST_TEST((values == defaults));
  }
}

BOOST_AUTO_TEST_CASE(wrong_variables_are_errors_in_their_own_spelling) {
  config values;
  expect(
      environment({"TROUPE_LIMITS__MAX_PAKET_SIZE=1", "TROUPE_BANANA__X=1",
                   "TROUPE_LIMITS__MAX_PACKET_SIZE=x", "TROUPE_LISTENER__ADDRESS=tcp://[::1]",
                   "TROUPE_STREAM__FILTER=a", "TROUPE_STREAM__1__FILTER=a"},
                  values),
      {"TROUPE_LIMITS__MAX_PAKET_SIZE: unknown key \"TROUPE_LIMITS__MAX_PAKET_SIZE\"; did you mean "
       "\"TROUPE_LIMITS__MAX_PACKET_SIZE\"?",
       "TROUPE_BANANA__X: unknown key \"TROUPE_BANANA__X\"",
       R"(TROUPE_LIMITS__MAX_PACKET_SIZE: limits.max-packet-size: expected bytes from 128 to 268435460, or with a unit as in "64 KiB", "10 MB", got "x")",
       "TROUPE_LISTENER__ADDRESS: say which listener is meant, as in "
       "\"TROUPE_LISTENER__0__ADDRESS\"",
       "TROUPE_STREAM__FILTER: say which stream is meant, as in \"TROUPE_STREAM__0__FILTER\"",
       "TROUPE_STREAM__1__FILTER: there is no such stream; the next one to add has the index 0"});
}

BOOST_AUTO_TEST_CASE(variables_that_platforms_invent_are_ignored_but_a_missing_underscore_is_not) {
  config values;
  expect(environment({"TROUPE_SERVICE_HOST=10.0.0.1", "TROUPE_PORT=tcp://10.0.0.1:1883",
                      "TROUPE_PORT_1883_TCP=x", "TROUPE_=", "TROUPE_X", ""},
                     values),
         {});
  expect(environment({"TROUPE_LIMITS_MAX_PACKET_SIZE=1", "TROUPE_LISTENER_0_ADDRESS=x",
                      "TROUPE_STREAM_0_FILTER=x"},
                     values),
         {"TROUPE_LIMITS_MAX_PACKET_SIZE: unknown variable \"TROUPE_LIMITS_MAX_PACKET_SIZE\"; did "
          "you mean \"TROUPE_LIMITS__MAX_PACKET_SIZE\"?",
          "TROUPE_LISTENER_0_ADDRESS: unknown variable \"TROUPE_LISTENER_0_ADDRESS\"; did you mean "
          "\"TROUPE_LISTENER__0__ADDRESS\"?",
          "TROUPE_STREAM_0_FILTER: unknown variable \"TROUPE_STREAM_0_FILTER\"; did you mean "
          "\"TROUPE_STREAM__0__FILTER\"?"});
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(the_command_line_goes_before_the_environment_and_that_before_the_file) {
  const strings variables{"TROUPE_NODE__NAME=environment", "TROUPE_NODE__DATA_DIR=environment"};
  const strings overrides{"node.name=command-line"};
  const auto loaded = load_config({"[node]\nname = \"file\"\ndata-dir = \"file\"\n"
                                   "[log]\nfile = \"file\"\n",
                                   "troupe.toml", variables, overrides});
  BOOST_TEST(loaded.errors.empty());
  BOOST_TEST(loaded.warnings.empty());
  BOOST_TEST(loaded.values.node.name == "command-line");
  BOOST_TEST(loaded.values.node.data_dir == "environment");
  BOOST_TEST(loaded.values.log.file == "file");
}

BOOST_AUTO_TEST_CASE(errors_of_all_sources_are_reported_together) {
  const strings variables{"TROUPE_SYS__X=1"};
  const strings overrides{"sys.x=1"};
  const auto loaded = load_config({"x = 1", "f", variables, overrides});
  expect(to_strings(loaded.errors),
         {R"(f:1: unknown key "x")", R"(TROUPE_SYS__X: unknown key "TROUPE_SYS__X")",
          R"(--set sys.x: unknown key "sys.x")"});
}

BOOST_AUTO_TEST_CASE(random_text_never_crashes_the_loaders) {
  const char* given = std::getenv("TROUPE_TEST_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  BOOST_TEST_MESSAGE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const auto original = print_default_config();
  const auto pick = [&random](std::size_t bound) { return random() % bound; };
  for (int round = 0; round < 200; ++round) {
    std::string text = original.substr(pick(original.size()), pick(2000));
    for (auto edits = pick(20); edits > 0 && !text.empty(); --edits) {
      const auto at = pick(text.size());
      switch (pick(3)) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text.erase(at, pick(10)); break;
      default: text.insert(at, original, pick(original.size()), pick(40));
      }
    }
    std::string noise(pick(64), '\0');
    for (char& c : noise)
      c = static_cast<char>(random());
    const strings variables{"TROUPE_" + text, "TROUPE_LIMITS__" + noise + "=1",
                            "TROUPE_LISTENER__0__ADDRESS=tcp://" + noise,
                            "TROUPE_STREAM__0__FILTER=" + noise, "TROUPE_CLUSTER__SEEDS=" + noise};
    const strings overrides{text,
                            noise + "=" + noise,
                            "listener.0.address=tcp://" + noise,
                            "stream.1.filter=" + noise,
                            "sys.interval=" + noise,
                            "cluster.listen=" + noise,
                            "cluster.tls." + noise + "=1"};
    const auto loaded = load_config({pick(2) == 0 ? text : noise, "f", variables, overrides});
    BOOST_TEST(loaded.errors.size() <= 3 * max_config_errors, "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_an_error_and_not_a_crash) {
  expect(errors_in("\ncaf" + std::string(100'000, '[')),
         {"troupe.toml:2: the line has more than 4096 bytes"});
  BOOST_TEST(errors_in("x = " + std::string(4000, '[')).size() == 1U);
  std::string dotted = "caf";
  while (dotted.size() < 4000)
    dotted += ".a";
  expect(errors_in(dotted + " = 1"), {});
}

BOOST_AUTO_TEST_SUITE_END()
