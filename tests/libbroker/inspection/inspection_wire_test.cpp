#include "libbroker/inspection/inspection_wire.hpp"

#include "libbroker/cluster/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <string>

using namespace troupe;

namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

actor_detail every_kind_of_fact() {
  return {.actor = {7, "session", "ann", 1, 2, most},
          .has_answered = false,
          .groups = {{"facts",
                      {{"none", {}},
                       {"flag", true},
                       {"number", most},
                       {"text", std::string("t\0x", 3)},
                       {"numbers", std::vector<std::uint64_t>{1, 300, most}}}},
                     {"nothing", {}}}};
}

template <class What>
void check_round_trip_of_question(const What& what) {
  const auto read = decode_question(encode(inspection_question(what)));
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST((*read == inspection_question(what)));
}

template <class What>
void check_round_trip_of_answer(const What& what) {
  const auto read = decode_answer(encode(inspection_answer(what)));
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST((*read == inspection_answer(what)));
}

/// `content` with one more value at the end of its section.
std::string with_more(const std::string& content) {
  wire_reader in(content);
  std::string longer;
  wire_writer out(longer);
  out.number(in.number());
  out.text(std::string(in.text()) + "more");
  return longer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inspection_wire)

BOOST_AUTO_TEST_CASE(what_is_asked_arrives) {
  check_round_trip_of_question(list_actors{});
  check_round_trip_of_question(list_actors{
      .kind = "session", .order = actor_order::time, .limit = 3, .after = actor_place{most, 9}});
  check_round_trip_of_question(show_actor{most});
  check_round_trip_of_question(locate_node{"b"});
}

BOOST_AUTO_TEST_CASE(what_is_answered_arrives) {
  check_round_trip_of_answer(inspection_refusal{"no"});
  check_round_trip_of_answer(actor_page{});
  check_round_trip_of_answer(
      actor_page{.total = 9, .behind = 7, .rows = {{1, "shard", "0", 2, 3, 4}, {2, "a", "b", 0}}});
  check_round_trip_of_answer(every_kind_of_fact());
  check_round_trip_of_answer(node_location{"h:1"});
}

BOOST_AUTO_TEST_CASE(what_a_newer_version_says_behind_is_skipped) {
  BOOST_TEST((decode_question(with_more(encode(inspection_question(show_actor{7})))) ==
              inspection_question(show_actor{7})));
  BOOST_TEST((decode_answer(with_more(encode(inspection_answer(every_kind_of_fact())))) ==
              inspection_answer(every_kind_of_fact())));
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_or_unknown_is_not_understood) {
  const std::string question = encode(inspection_question(list_actors{.kind = "session"}));
  for (std::size_t size = 0; size != question.size(); ++size)
    BOOST_TEST(!decode_question(std::string_view(question).substr(0, size)).has_value(), size);
  const std::string answer = encode(inspection_answer(every_kind_of_fact()));
  for (std::size_t size = 0; size != answer.size(); ++size)
    BOOST_TEST(!decode_answer(std::string_view(answer).substr(0, size)).has_value(), size);
  BOOST_TEST(!decode_question(std::string("\x63\0", 2)).has_value());
  BOOST_TEST(!decode_answer(std::string("\x63\0", 2)).has_value());
  // An order that is none.
  BOOST_TEST(!decode_question(
                  encode(inspection_question(list_actors{.order = static_cast<actor_order>(9)})))
                  .has_value());
}

BOOST_AUTO_TEST_CASE(a_number_of_items_beyond_what_is_there_takes_no_time_and_no_memory) {
  std::string content;
  wire_writer out(content);
  out.number(1);  // a page
  out.section([](wire_writer& inside) {
    inside.number(0);
    inside.number(0);
    inside.number(most);
  });
  BOOST_TEST(!decode_answer(content).has_value());
}

BOOST_AUTO_TEST_CASE(a_long_text_is_cut_between_characters) {
  BOOST_TEST(shortened("abc", 3) == "abc");
  BOOST_TEST(shortened("abcd", 3) == "abc…");
  BOOST_TEST(shortened("aäb", 2) == "a…");
  BOOST_TEST(shortened("aäb", 3) == "aä…");
  BOOST_TEST(shortened("€", 2) == "…");
}

BOOST_AUTO_TEST_SUITE_END()
