#include "libbroker/cluster/share_wire.hpp"

#include "libbroker/cluster/wire.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <variant>

using namespace troupe;

namespace {

const std::string share = "$share/g/a/+";

template <class Word>
Word round_trip(const Word& word) {
  const auto decoded = decode_share_word(encode_share_word({share, word}));
  BOOST_TEST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->share == share);
  BOOST_TEST_REQUIRE(std::holds_alternative<Word>(decoded->what));
  return std::get<Word>(decoded->what);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_share_wire)

BOOST_AUTO_TEST_CASE(words_arrive_as_they_were_said) {
  BOOST_TEST(round_trip(share_ask{.lender = 7, .number = 3}).number == 3U);
  const share_holds holds = round_trip(share_holds{4, {1, 5, 0xFFFF'FFFF'FFFF'FFFF}});
  BOOST_TEST(holds.number == 4U);
  BOOST_TEST((holds.offsets == std::vector<log_offset>{1, 5, 0xFFFF'FFFF'FFFF'FFFF}));
  const share_room room = round_trip(share_room{.room = 70'000, .members = 3});
  BOOST_TEST(room.room == 70'000U);
  BOOST_TEST(room.members == 3U);
  // Not ascending: members finish in their own order.
  const share_report report =
      round_trip(share_report{.number = 9, .done = {8, 2, 300}, .returned = {1}, .held = {}});
  BOOST_TEST(report.number == 9U);
  BOOST_TEST((report.done == std::vector<log_offset>{8, 2, 300}));
  BOOST_TEST((report.returned == std::vector<log_offset>{1}));
  BOOST_TEST(!report.is_away);
  BOOST_TEST(round_trip(share_confirmed{.lender = 1, .number = 12}).number == 12U);
  (void)round_trip(share_ask_me{});
}

BOOST_AUTO_TEST_CASE(homes_of_lenders_are_not_said) {
  BOOST_TEST(round_trip(share_ask{.lender = 7, .number = 3}).lender == 0U);
  BOOST_TEST(round_trip(share_confirmed{.lender = 1, .number = 12}).lender == 0U);
}

BOOST_AUTO_TEST_CASE(what_follows_is_skipped) {
  std::string said = encode_share_word({share, share_room{.room = 1, .members = 2}});
  said += "of a later version";
  BOOST_TEST(decode_share_word(said).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_or_about_no_share_is_malformed) {
  for (const share_request& each :
       {share_request(share_ask{.number = 1}), share_request(share_holds{1, {5, 6}}),
        share_request(share_room{.room = 1, .members = 1}),
        share_request(share_report{.number = 1, .done = {1}, .returned = {2}, .held = {}}),
        share_request(share_confirmed{.number = 1})}) {
    const std::string said = encode_share_word({share, each});
    for (std::size_t size = 0; size != said.size(); ++size)
      BOOST_TEST(!decode_share_word(said.substr(0, size)).has_value(), each.index() << ' ' << size);
    BOOST_TEST(!decode_share_word(encode_share_word({"a/b", each})).has_value());
  }
  std::string unknown;
  wire_writer(unknown).number(99);
  wire_writer(unknown).text(share);
  BOOST_TEST(!decode_share_word(unknown).has_value());
}

BOOST_AUTO_TEST_CASE(random_bytes_do_no_harm) {
  std::mt19937_64 random(troupe::test::seed_for_test());
  for (int i = 0; i != 20'000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& each : bytes)
      each = static_cast<char>(random());
    if (i % 2 == 0) bytes.insert(0, std::string("\x02\x0C", 2) + share);
    (void)decode_share_word(bytes);
    std::string_view rest = bytes;
    (void)take_lent_header(rest);
  }
}

BOOST_AUTO_TEST_CASE(header_of_what_is_lent_stands_in_front_of_it) {
  std::string content;
  encode_lent_header({.share = share, .is_counted = true}, content);
  content += "messages";
  std::string_view rest = content;
  const auto header = take_lent_header(rest);
  BOOST_TEST_REQUIRE(header.has_value());
  BOOST_TEST(header->share == share);
  BOOST_TEST(header->is_counted);
  BOOST_TEST(rest == "messages");
  std::string_view cut = std::string_view(content).substr(0, 5);
  BOOST_TEST(!take_lent_header(cut).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
