#include "libbroker/statistics/cluster_totals.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr time_point start{std::chrono::hours(1)};

figures_record figures(std::uint64_t connected, std::uint64_t total) {
  return {.interval = 10s, .figures = {{"clients/connected", connected}, {"clients/total", total}}};
}

std::string value_of(const std::vector<sys_message>& messages, const std::string& topic) {
  const auto found =
      std::ranges::find(messages, "$SYS/broker/cluster/total/" + topic, &sys_message::topic);
  return found == messages.end() ? "none" : found->payload;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(statistics_cluster_totals)

BOOST_AUTO_TEST_CASE(what_all_nodes_say_last_is_summed_up) {
  cluster_totals totals;
  totals.heard("b", figures(1, 2), start);
  totals.heard("b", figures(10, 20), start);
  totals.heard("c", figures(100, 200), start);
  const auto messages = totals.render(figures(1000, 2000), start);
  BOOST_TEST(value_of(messages, "nodes") == "3");
  BOOST_TEST(value_of(messages, "clients/connected") == "1110");
  BOOST_TEST(value_of(messages, "clients/total") == "2220");
}

BOOST_AUTO_TEST_CASE(a_node_that_missed_three_times_is_left_out) {
  cluster_totals totals;
  totals.heard("b", figures(10, 20), start);
  BOOST_TEST(value_of(totals.render(figures(1, 2), start + 30s), "nodes") == "2");
  const auto messages = totals.render(figures(1, 2), start + 30s + 1ms);
  BOOST_TEST(value_of(messages, "nodes") == "1");
  BOOST_TEST(value_of(messages, "clients/connected") == "1");
}

BOOST_AUTO_TEST_CASE(figures_that_this_node_does_not_know_have_no_topic) {
  cluster_totals totals;
  totals.heard("b", {.interval = 10s, .figures = {{"of/later", 7}}}, start);
  BOOST_TEST(value_of(totals.render(figures(1, 2), start), "of/later") == "none");
}

BOOST_AUTO_TEST_CASE(a_record_comes_back_and_what_is_behind_it_is_skipped) {
  const std::string bytes = encode(figures(300, 7));
  const auto found = decode_figures(bytes + "later");
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST((found->interval == 10s));
  BOOST_TEST((found->figures == figures(300, 7).figures));
}

BOOST_AUTO_TEST_CASE(a_record_that_is_cut_off_is_none) {
  const std::string bytes = encode(figures(300, 7));
  for (std::size_t size = 0; size != bytes.size(); ++size)
    BOOST_TEST(!decode_figures(std::string_view(bytes).substr(0, size)).has_value(), size);
}

BOOST_AUTO_TEST_SUITE_END()
