#include "libbroker/config/validate.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

namespace {

using strings = std::vector<std::string>;

loaded_config load(std::string_view text, const strings& overrides = {}) {
  return load_config({text, "troupe.toml", {}, overrides});
}

void expect(const std::vector<config_error>& got, const strings& wanted) {
  strings lines;
  for (const auto& each : got)
    lines.push_back(to_string(each));
  BOOST_TEST(lines == wanted, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_validate)

BOOST_AUTO_TEST_CASE(the_default_has_nothing_to_complain_about) {
  const auto findings = validate(config{});
  expect(findings.errors, {});
  expect(findings.warnings, {});
}

BOOST_AUTO_TEST_CASE(a_batch_has_to_fit_into_the_credits) {
  expect(
      load("[scheduler]\nbatch-bytes = \"2 MiB\"\n").errors,
      {R"(troupe.toml:2: scheduler.batch-bytes = "2 MiB" is above limits.publish-credit = "1 MiB": a batch could never fill)"});
  expect(
      load("[limits]\n\ndelivery-credit = \"4 KiB\"\n").errors,
      {R"(troupe.toml:3: scheduler.batch-bytes = "256 KiB" is above limits.delivery-credit = "4 KiB": a batch could never fill)"});
  expect(
      load("", {"limits.publish-credit=1GiB"}).errors,
      {R"(--set limits.publish-credit: limits.publish-credit = "1 GiB" is above limits.shard-credit = "64 MiB": one session could take the credit of all)"});
  expect(load("", {"limits.publish-credit=64MiB"}).errors, {});
}

BOOST_AUTO_TEST_CASE(limits_that_make_others_pointless_are_warned_of) {
  const auto loaded = load("[session]\nmax-queued-bytes = \"1 MiB\"\n", {"limits.max-sessions=5"});
  expect(loaded.errors, {});
  expect(
      loaded.warnings,
      {R"(troupe.toml:2: limits.max-packet-size = "16 MiB" is above session.max-queued-bytes = "1 MiB": the largest messages could never be queued)",
       "--set limits.max-sessions: limits.max-connections = 100000 is above "
       "limits.max-sessions = 5: every connection needs a session"});
  expect(load("[session]\nmax-queued-bytes = 0\n").warnings, {});
}

BOOST_AUTO_TEST_CASE(two_listeners_cannot_have_one_address) {
  expect(load("[[listener]]\n[[listener]]\naddress = \"tcp://127.0.0.1:1883\"\n").errors,
         {"troupe.toml:3: another listener has the address tcp://127.0.0.1:1883 too"});
  expect(load("", {"listener.0.address=unix:///s", "listener.1.address=unix:///s"}).errors,
         {"--set listener.1.address: another listener has the address unix:///s too"});
  expect(load("", {"listener.0.address=tcp://[::1]:0", "listener.1.address=tcp://[::1]:0"}).errors,
         {});
}

BOOST_AUTO_TEST_CASE(a_listener_that_nobody_can_use_is_warned_of) {
  expect(load("[[listener]]\naddress = \"tcp://0.0.0.0:1883\"\n").warnings,
         {"troupe.toml:2: nobody can connect to tcp://0.0.0.0:1883: no authentication is "
          "configured, and allow-anonymous is not true"});
  expect(load("", {"listener.0.allow-anonymous=false"}).warnings,
         {"--set listener.0.allow-anonymous: nobody can connect to tcp://127.0.0.1:1883: no "
          "authentication is configured, and allow-anonymous is not true"});
  expect(load("[[listener]]\naddress = \"tcp://0.0.0.0:1883\"\nallow-anonymous = true\n").warnings,
         {});
  expect(load("listener = []").warnings, {"listener: there is no listener, so nobody can connect"});
}

BOOST_AUTO_TEST_CASE(the_response_prefix_has_to_start_a_topic) {
  expect(load("[features]\nresponse-information-prefix = \"answers\"\n").errors, {});
  const auto errors = load("[features]\nresponse-information-prefix = \"a/#\"\n").errors;
  BOOST_TEST_REQUIRE(errors.size() == 1U);
  BOOST_TEST(to_string(errors[0]).starts_with(
                 "troupe.toml:2: features.response-information-prefix: not the start of a topic: "),
             to_string(errors[0]));
}

BOOST_AUTO_TEST_CASE(findings_name_the_option_when_nobody_knows_where_it_was_set) {
  config values;
  values.scheduler.batch_bytes = values.limits.publish_credit + 1;
  const auto errors = validate(values).errors;
  BOOST_TEST_REQUIRE(errors.size() == 1U);
  BOOST_TEST(errors[0].source == "scheduler.batch-bytes");
}

BOOST_AUTO_TEST_SUITE_END()
