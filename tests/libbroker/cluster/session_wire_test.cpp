#include "libbroker/cluster/session_wire.hpp"

#include "libbroker/cluster/wire.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

using verb = session_message::verb;

moved_session whole_state() {
  return {
      .expiry = 0xFFFFFFFF,
      .began_clean = true,
      .subscriptions = {{.filter = "a/+/b",
                         .options = {.qos = qos::exactly_once,
                                     .no_local = true,
                                     .retain_as_published = true,
                                     .retain_handling = retain_handling::do_not_send},
                         .identifier = 268'435'455},
                        {.filter = "$share/g/#", .options = {.qos = qos::at_least_once}},
                        {.filter = "$replay/earliest/x", .options = {}}},
      .inbound_qos2 = {1, 300, 0xFFFF},
      .in_flight = {7, 2},
      .ends = {{"node-a", 1}, {"node-b", 0xFFFF'FFFF'FFFF'FFFF, true, {{.node = "c", .home = 1}}}}};
}

/// Whether what is left of it when it is cut off there is what an earlier version says.
bool is_of_an_earlier_version(const session_message& whole, std::size_t size) {
  if (whole.what != verb::hand_over && whole.what != verb::keep && whole.what != verb::nothing_left)
    return false;
  const session_message bare{.what = verb::took,
                             .client_id = whole.client_id,
                             .number = whole.number,
                             .relay = whole.relay};
  return size == encode(bare).size() - 1;
}

/// One of each verb, and each of its variants.
std::vector<session_message> all_messages() {
  const std::string id = "client";
  std::vector<session_message> all{
      {.what = verb::take, .client_id = id, .number = 1},
      {.what = verb::state, .client_id = id, .number = 2, .state = whole_state()},
      {.what = verb::state, .client_id = id, .number = 3, .state = moved_session{}},
      {.what = verb::state, .client_id = id, .number = 4},
      {.what = verb::hand_over, .client_id = id, .number = 0xFFFF'FFFF'FFFF'FFFF},
      {.what = verb::hand_over,
       .client_id = id,
       .number = 5,
       .cuts = {{.node = "node-a", .home = 0xFFFF'FFFF'FFFF'FFFF, .last = 0},
                {.node = "node-b", .home = 7},
                {.node = "node-c", .home = 8, .last = 1'000'000}}},
      {.what = verb::output,
       .client_id = id,
       .number = 6,
       .relay = 8,
       .bytes = std::string("\x30\x00\xFF", 3)},
      {.what = verb::output, .client_id = id, .number = 6, .relay = 8},
      {.what = verb::input, .client_id = id, .number = 7, .relay = 9, .bytes = "ack"},
      {.what = verb::took, .client_id = id, .number = 8, .relay = 9, .count = 262'144},
      {.what = verb::close, .client_id = id, .number = 9, .relay = 10},
      {.what = verb::nothing_left, .client_id = id, .number = 10, .relay = 11},
      {.what = verb::nothing_left, .client_id = id, .number = 10, .relay = 11, .is_late = true},
      {.what = verb::more, .client_id = id, .number = 10},
      {.what = verb::discard, .client_id = id, .number = 11, .count = 12},
      {.what = verb::discard, .client_id = id, .count = 0xFFFF'FFFF'FFFF'FFFF},
      {.what = verb::offer, .client_id = id},
      {.what = verb::keep, .client_id = id, .number = 13},
      {.what = verb::keep,
       .client_id = id,
       .number = 13,
       .cuts = {{.node = "node-b", .home = 7, .last = 9}}},
      {.what = verb::unwanted, .client_id = id}};
  for (const auto version :
       {protocol_version::v3_1, protocol_version::v3_1_1, protocol_version::v5})
    all.push_back({.what = verb::open,
                   .client_id = id,
                   .number = 5,
                   .relay = 6,
                   .terms = {.version = version,
                             .expiry = 100,
                             .receive_maximum = 1,
                             .maximum_packet_size = 0xFFFFFFFF,
                             .problem_information = false}});
  return all;
}

void check_same(const moved_session& got, const moved_session& sent) {
  BOOST_TEST(got.expiry == sent.expiry);
  BOOST_TEST(got.began_clean == sent.began_clean);
  BOOST_TEST_REQUIRE(got.subscriptions.size() == sent.subscriptions.size());
  for (std::size_t i = 0; i != sent.subscriptions.size(); ++i) {
    const kept_subscription& one = got.subscriptions[i];
    const kept_subscription& other = sent.subscriptions[i];
    BOOST_TEST(one.filter == other.filter);
    BOOST_TEST((one.options.qos == other.options.qos));
    BOOST_TEST(one.options.no_local == other.options.no_local);
    BOOST_TEST(one.options.retain_as_published == other.options.retain_as_published);
    BOOST_TEST((one.options.retain_handling == other.options.retain_handling));
    BOOST_TEST(one.identifier == other.identifier);
  }
  BOOST_TEST(got.inbound_qos2 == sent.inbound_qos2);
  BOOST_TEST(got.in_flight == sent.in_flight);
  BOOST_TEST((got.ends == sent.ends));
  for (std::size_t i = 0; i != sent.ends.size(); ++i) {
    BOOST_TEST(got.ends[i].is_late == sent.ends[i].is_late);
    BOOST_TEST((got.ends[i].cuts == sent.ends[i].cuts));
  }
}

void check_same(const session_message& got, const session_message& sent) {
  BOOST_TEST((got.what == sent.what));
  BOOST_TEST(got.client_id == sent.client_id);
  BOOST_TEST(got.number == sent.number);
  BOOST_TEST(got.relay == sent.relay);
  BOOST_TEST_REQUIRE(got.state.has_value() == sent.state.has_value());
  if (sent.state) check_same(*got.state, *sent.state);
  BOOST_TEST((got.terms.version == sent.terms.version));
  BOOST_TEST(got.terms.expiry == sent.terms.expiry);
  BOOST_TEST(got.terms.receive_maximum == sent.terms.receive_maximum);
  BOOST_TEST(got.terms.maximum_packet_size == sent.terms.maximum_packet_size);
  BOOST_TEST(got.terms.problem_information == sent.terms.problem_information);
  BOOST_TEST(got.bytes == sent.bytes);
  BOOST_TEST(got.count == sent.count);
  BOOST_TEST((got.cuts == sent.cuts));
  BOOST_TEST(got.is_late == sent.is_late);
}

/// The front of a message: what all of them begin with.
std::string front(std::uint64_t what, std::uint64_t number = 1) {
  std::string bytes;
  wire_writer out(bytes);
  out.number(what);
  out.text("client");
  out.number(number);
  out.number(0);
  return bytes;
}

std::string front(verb what) { return front(static_cast<std::uint64_t>(what)); }

template <class Append>
std::string with_section(verb what, Append append) {
  std::string bytes = front(what);
  wire_writer(bytes).section(append);
  return bytes;
}

/// A state with a single subscription.
std::string state_with(std::string_view filter, std::uint64_t options, std::uint64_t identifier,
                       std::string_view more = {}) {
  return with_section(verb::state, [&](wire_writer& out) {
    out.flag(true);
    out.number(60);
    out.flag(false);  // began clean
    out.number(1);
    out.section([&](wire_writer& one) {
      one.text(filter);
      one.number(options);
      one.number(identifier);
      for (const char each : more)
        one.flag(each != 0);
    });
    out.number(0);  // received at QoS 2
    out.number(0);  // in flight
    out.number(0);  // ends
  });
}

std::string open_with(std::uint64_t version, std::uint64_t expiry, std::uint64_t receive_maximum,
                      std::uint64_t size) {
  return with_section(verb::open, [&](wire_writer& out) {
    out.number(version);
    out.number(expiry);
    out.number(receive_maximum);
    out.number(size);
    out.flag(true);
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_session_wire)

BOOST_AUTO_TEST_CASE(what_is_said_is_what_is_heard) {
  for (const session_message& sent : all_messages())
    BOOST_TEST_CONTEXT("verb " << static_cast<int>(sent.what) << " number " << sent.number) {
      const auto got = decode_session_message(encode(sent));
      BOOST_TEST_REQUIRE(got.has_value());
      check_same(*got, sent);
    }
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_anywhere_is_nothing) {
  for (const session_message& sent : all_messages()) {
    const std::string whole = encode(sent);
    for (std::size_t size = 0; size != whole.size(); ++size) {
      if (is_of_an_earlier_version(sent, size)) continue;
      // An allocation of the very size, so that a sanitizer sees each read behind it.
      const std::vector<char> exact(whole.begin(),
                                    whole.begin() + static_cast<std::ptrdiff_t>(size));
      BOOST_TEST(!decode_session_message({exact.data(), exact.size()}).has_value(),
                 "verb " << static_cast<int>(sent.what) << " cut off at " << size);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_later_version_says_behind_the_rest_is_skipped) {
  for (const session_message& sent : all_messages()) {
    const auto got = decode_session_message(encode(sent) + "more");
    BOOST_TEST_REQUIRE(got.has_value());
    check_same(*got, sent);
  }
}

BOOST_AUTO_TEST_CASE(what_a_later_version_says_inside_is_skipped) {
  const auto state = decode_session_message(state_with("a", 1, 0, "more"));
  BOOST_TEST_REQUIRE(state.has_value());
  BOOST_TEST_REQUIRE(state->state->subscriptions.size() == 1U);
  BOOST_TEST(state->state->subscriptions[0].filter == "a");

  const auto none = decode_session_message(with_section(verb::state, [](wire_writer& out) {
    out.flag(false);
    out.text("why there is none");
  }));
  BOOST_TEST_REQUIRE(none.has_value());
  BOOST_TEST(!none->state.has_value());

  const auto open = decode_session_message(with_section(verb::open, [](wire_writer& out) {
    out.number(5);
    out.number(60);
    out.number(10);
    out.number(0);
    out.flag(true);
    out.text("more");
  }));
  BOOST_TEST_REQUIRE(open.has_value());
  BOOST_TEST(open->terms.receive_maximum == 10U);
}

BOOST_AUTO_TEST_CASE(an_unknown_verb_is_nothing) {
  for (const std::uint64_t what : {0ULL, 15ULL, 255ULL, 257ULL, 0xFFFF'FFFF'FFFF'FFFFULL})
    BOOST_TEST(!decode_session_message(front(what) + std::string(20, '\1')).has_value(), what);
}

BOOST_AUTO_TEST_CASE(a_message_about_no_client_is_nothing) {
  for (session_message each : all_messages()) {
    each.client_id.clear();
    BOOST_TEST(!decode_session_message(encode(each)).has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_move_and_an_end_have_a_number) {
  for (session_message each : all_messages()) {
    const bool may_have_none =
        each.what == verb::offer || each.what == verb::unwanted || each.what == verb::discard;
    each.number = 0;
    BOOST_TEST(decode_session_message(encode(each)).has_value() == may_have_none,
               "verb " << static_cast<int>(each.what));
  }
}

BOOST_AUTO_TEST_CASE(a_state_with_something_impossible_is_nothing) {
  BOOST_TEST(decode_session_message(state_with("a", 0x2E, 5)).has_value());
  BOOST_TEST(!decode_session_message(state_with("a", 0x03, 0)).has_value(), "QoS 3");
  BOOST_TEST(!decode_session_message(state_with("a", 0x30, 0)).has_value(), "retain handling 3");
  BOOST_TEST(!decode_session_message(state_with("a", 0x40, 0)).has_value(), "a bit too many");
  BOOST_TEST(!decode_session_message(state_with("a", 0, 0x1'0000'0000)).has_value());

  session_message moved{.what = verb::state, .client_id = "c", .number = 1};
  moved.state = moved_session{.inbound_qos2 = {0}};
  BOOST_TEST(!decode_session_message(encode(moved)).has_value(), "no packet has identifier 0");
  moved.state = moved_session{.in_flight = {4, 0}};
  BOOST_TEST(!decode_session_message(encode(moved)).has_value());
  moved.state = moved_session{.ends = {{"node-a", 0}}};
  BOOST_TEST(!decode_session_message(encode(moved)).has_value(), "no end has number 0");
}

BOOST_AUTO_TEST_CASE(a_count_beyond_what_is_there_takes_no_memory) {
  const auto with_count = [](int place) {
    return with_section(verb::state, [&](wire_writer& out) {
      out.flag(true);
      out.number(60);
      out.flag(false);
      for (int i = 0; i != place; ++i)
        out.number(0);
      out.number(0xFFFF'FFFF'FFFF'FFFF);
      out.number(1);
    });
  };
  for (int place = 0; place != 4; ++place)
    BOOST_TEST(!decode_session_message(with_count(place)).has_value());
}

BOOST_AUTO_TEST_CASE(terms_that_no_client_can_have_are_nothing) {
  BOOST_TEST(decode_session_message(open_with(4, 0, 65535, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(2, 0, 1, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(6, 0, 1, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(256 + 5, 0, 1, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(5, 0, 0, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(5, 0, 65536, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(5, 0x1'0000'0000, 1, 0)).has_value());
  BOOST_TEST(!decode_session_message(open_with(5, 0, 1, 0x1'0000'0000)).has_value());
}

BOOST_AUTO_TEST_CASE(only_what_concerns_an_end_is_for_one) {
  for (const session_message& each : all_messages()) {
    const bool expected = each.what == verb::open || each.what == verb::input ||
                          each.what == verb::took || each.what == verb::close ||
                          each.what == verb::keep ||
                          (each.what == verb::discard && each.number != 0);
    BOOST_TEST(is_for_end(each) == expected, "verb " << static_cast<int>(each.what));
  }
}

BOOST_AUTO_TEST_CASE(changed_bytes_do_no_harm) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random(seed);
    const std::vector<session_message> all = all_messages();
    for (int round = 0; round != 20'000; ++round) {
      std::string bytes = encode(all[random() % all.size()]);
      for (std::uint64_t changes = 1 + random() % 3; changes != 0; --changes)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      const std::vector<char> exact(bytes.begin(), bytes.end());
      const auto got = decode_session_message({exact.data(), exact.size()});
      // What is taken can be said again, and means the same.
      if (!got) continue;
      const auto again = decode_session_message(encode(*got));
      BOOST_TEST_REQUIRE(again.has_value());
      BOOST_TEST(encode(*again) == encode(*got));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(moved_session_)

BOOST_AUTO_TEST_CASE(the_name_of_an_end_is_taken_apart_again) {
  for (const std::uint64_t number : {1ULL, 10ULL, 0xFFFF'FFFF'FFFF'FFFFULL}) {
    const std::string name = name_of_end("client", number);
    const session_name found = parse_session_name(name);
    BOOST_TEST(found.client_id == "client");
    BOOST_TEST(found.end == number);
  }
  BOOST_TEST((name_of_end("a", 12) != name_of_end("a1", 2)));
}

BOOST_AUTO_TEST_CASE(no_client_identifier_is_the_name_of_an_end) {
  for (const std::string_view id : {"", "client", "7", "\xC3\xBF", "\xF4\x8F\xBF\xBF"}) {
    BOOST_TEST(parse_session_name(id).client_id == id);
    BOOST_TEST(parse_session_name(id).end == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
