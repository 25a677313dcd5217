#include "libbroker/config/validate.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

namespace {

using strings = std::vector<std::string>;

loaded_config load(std::string_view text, const strings& overrides = {}) {
  return load_config({text, "troupe.toml", {}, overrides});
}

/// Loads `overrides` of streams, with a directory for them.
loaded_config load_streams(const strings& overrides) {
  return load("[node]\ndata-dir = \"data\"\n", overrides);
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

BOOST_AUTO_TEST_CASE(streams_with_a_limit_and_a_data_directory_are_fine) {
  const auto loaded = load(R"(
[node]
data-dir = "data"
[[stream]]
filter = "plant/+/measurements/#"
max-age = "7d"
[[stream]]
filter = "plant/#"
max-bytes = "1 GiB"
[[stream]]
filter = "#"
max-age = 1
)");
  expect(loaded.errors, {});
  expect(loaded.warnings, {});
}

BOOST_AUTO_TEST_CASE(a_stream_needs_a_filter) {
  expect(load_streams({"stream.0.max-age=1"}).errors,
         {"--set stream.0.max-age: stream.0.filter: it is missing; say which topics are kept, as "
          "in \"plant/#\""});
  expect(load_streams({"stream.0.filter="}).errors,
         {"--set stream.0.filter: stream.0.filter: it is missing; say which topics are kept, as "
          "in \"plant/#\""});
  expect(load("[[stream]]\n", {"node.data-dir=data"}).errors,
         {"stream.0.filter: stream.0.filter: it is missing; say which topics are kept, as in "
          "\"plant/#\""});
}

BOOST_AUTO_TEST_CASE(the_filter_of_a_stream_has_to_be_one) {
  expect(load_streams({"stream.0.filter=a/#/b"}).errors,
         {R"(--set stream.0.filter: stream.0.filter: "a/#/b": '#' is not the whole last level)"});
  expect(load_streams({"stream.0.filter=a", "stream.1.filter=b+"}).errors,
         {R"(--set stream.1.filter: stream.1.filter: "b+": '+' is not a whole level)"});
  expect(load_streams({"stream.0.filter=\xFF"}).errors,
         {"--set stream.0.filter: stream.0.filter: \"\xFF\": topic filter is not UTF-8 or has "
          "U+0000"});
}

BOOST_AUTO_TEST_CASE(the_filter_of_a_stream_has_no_prefix_of_subscriptions) {
  expect(
      load_streams({"stream.0.filter=$share/g/a", "stream.1.filter=$replay/a"}).errors,
      {R"(--set stream.0.filter: stream.0.filter: "$share/g/a": $share/ is for subscriptions only)",
       R"(--set stream.1.filter: stream.1.filter: "$replay/a": $replay/ is for subscriptions only)"});
}

BOOST_AUTO_TEST_CASE(two_streams_cannot_have_one_filter) {
  expect(load_streams({"stream.0.filter=a/#", "stream.1.filter=b", "stream.2.filter=a/#"}).errors,
         {R"(--set stream.2.filter: stream.2.filter: stream.0 has the filter "a/#" too)"});
}

BOOST_AUTO_TEST_CASE(streams_need_a_data_directory) {
  expect(load("[[stream]]\nfilter = \"a\"\n[[stream]]\nfilter = \"b\"\n").errors,
         {"troupe.toml:2: stream.0.filter: streams are kept in node.data-dir, which is empty"});
}

BOOST_AUTO_TEST_CASE(there_are_a_thousand_streams_at_most) {
  config values;
  values.node.data_dir = "data";
  for (int i = 0; i < 1000; ++i)
    values.streams.push_back({std::to_string(i), std::chrono::seconds{1}, 0});
  expect(validate(values).errors, {});
  values.streams.push_back({"one-more", {}, 1});
  values.streams.push_back({"", {}, 1});
  expect(validate(values).errors,
         {"stream.1000.filter: stream.1000.filter: there are 1002 streams; 1000 are the most"});
}

BOOST_AUTO_TEST_CASE(a_stream_without_a_limit_is_warned_of) {
  const auto loaded = load_streams({"stream.0.filter=a", "stream.1.filter=b", "stream.1.max-age=1",
                                    "stream.2.filter=c", "stream.2.max-bytes=1"});
  expect(loaded.errors, {});
  expect(loaded.warnings, {"--set stream.0.filter: stream.0.filter: the stream has neither max-age "
                           "nor max-bytes: it grows until the disk is full"});
}

BOOST_AUTO_TEST_CASE(a_stream_of_topics_of_the_broker_is_warned_of) {
  const auto loaded = load_streams({"stream.0.filter=$SYS/#", "stream.0.max-age=1d"});
  expect(loaded.errors, {});
  expect(loaded.warnings, {R"(--set stream.0.filter: stream.0.filter: "$SYS/#" begins with $: )"
                           "such topics are for what a broker says about itself"});
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
