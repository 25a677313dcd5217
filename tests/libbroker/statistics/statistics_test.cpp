#include "libbroker/statistics/load_average.hpp"
#include "libbroker/statistics/sys_topics.hpp"
#include "libbroker/topic.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <map>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

std::map<std::string, std::string> by_topic(const std::vector<sys_message>& messages) {
  std::map<std::string, std::string> found;
  for (const sys_message& message : messages) {
    BOOST_TEST(message.topic.starts_with("$SYS/broker/"));
    BOOST_TEST(check_topic_name(message.topic).has_value());
    BOOST_TEST(found.emplace(message.topic.substr(12), message.payload).second, message.topic);
  }
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(statistics)

BOOST_AUTO_TEST_CASE(a_steady_rate_is_approached_faster_by_the_shorter_spans) {
  load_average load;
  std::uint64_t total = 0;
  for (int i = 0; i != 12; ++i)
    load.update(total += 10, 5s);  // 120 a minute, for a minute
  const double spans[] = {1, 5, 15};
  for (std::size_t i = 0; i != 3; ++i)
    BOOST_TEST(load.per_minute()[i] == 120 * (1 - std::exp(-1 / spans[i])),
               boost::test_tools::tolerance(1e-9));
  for (int i = 0; i != 12 * 300; ++i)
    load.update(total += 10, 5s);
  for (const double average : load.per_minute())
    BOOST_TEST(average == 120.0, boost::test_tools::tolerance(1e-6));
  load.update(total, 1min);
  BOOST_TEST(load.per_minute()[0] == 120 * std::exp(-1), boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(how_often_it_is_updated_makes_no_difference_at_a_steady_rate) {
  load_average often;
  load_average seldom;
  for (std::uint64_t i = 1; i != 61; ++i)
    often.update(2 * i, 1s);
  seldom.update(120, 1min);
  for (std::size_t i = 0; i != 3; ++i)
    BOOST_TEST(often.per_minute()[i] == seldom.per_minute()[i], boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(an_update_after_no_time_counts_with_the_next) {
  load_average load;
  load.update(50, 0ms);
  BOOST_TEST(load.per_minute()[0] == 0.0);
  load_average other;
  load.update(60, 1min);
  other.update(60, 1min);
  BOOST_TEST(load.per_minute()[0] == other.per_minute()[0]);
}

BOOST_AUTO_TEST_CASE(each_figure_has_its_topics) {
  sys_topics topics("1.2.3");
  const node_figures figures{.uptime = 61'999ms,
                             .clients_total = 101,
                             .clients_connected = 2,
                             .clients_maximum = 103,
                             .packets_received = 104,
                             .packets_sent = 105,
                             .publishes_received = 106,
                             .publishes_sent = 107,
                             .publishes_dropped = 108,
                             .publish_bytes_received = 109,
                             .publish_bytes_sent = 110,
                             .bytes_received = 111,
                             .bytes_sent = 112,
                             .connections = 113,
                             .subscriptions = 114,
                             .retained_messages = 115,
                             .retained_bytes = 116};
  auto found = by_topic(topics.render(figures, 1min));
  const std::map<std::string, std::string> expected{{"version", "troupe version 1.2.3"},
                                                    {"uptime", "61 seconds"},
                                                    {"clients/total", "101"},
                                                    {"clients/connected", "2"},
                                                    {"clients/active", "2"},
                                                    {"clients/disconnected", "99"},
                                                    {"clients/inactive", "99"},
                                                    {"clients/maximum", "103"},
                                                    {"messages/received", "104"},
                                                    {"messages/sent", "105"},
                                                    {"publish/messages/received", "106"},
                                                    {"publish/messages/sent", "107"},
                                                    {"publish/messages/dropped", "108"},
                                                    {"publish/bytes/received", "109"},
                                                    {"publish/bytes/sent", "110"},
                                                    {"bytes/received", "111"},
                                                    {"bytes/sent", "112"},
                                                    {"subscriptions/count", "114"},
                                                    {"retained messages/count", "115"},
                                                    {"store/messages/count", "115"},
                                                    {"store/messages/bytes", "116"}};
  for (const auto& [topic, payload] : expected) {
    BOOST_TEST(found[topic] == payload, topic);
    found.erase(topic);
  }
  const std::map<std::string, double> loads{{"messages/received", 104}, {"messages/sent", 105},
                                            {"publish/received", 106},  {"publish/sent", 107},
                                            {"publish/dropped", 108},   {"bytes/received", 111},
                                            {"bytes/sent", 112},        {"connections", 113}};
  for (const auto& [topic, rate] : loads)
    for (const int span : {1, 5, 15}) {
      const std::string name = "load/" + topic + '/' + std::to_string(span) + "min";
      BOOST_REQUIRE_MESSAGE(found.contains(name), name);
      BOOST_TEST(std::abs(std::stod(found[name]) - rate * (1 - std::exp(-1.0 / span))) < 0.006,
                 name);
      found.erase(name);
    }
  BOOST_TEST(found.empty());
}

BOOST_AUTO_TEST_CASE(a_node_among_others_has_topics_for_that_and_one_alone_has_not) {
  sys_topics topics("x");
  const auto is_of_cluster = [](const auto& each) { return each.first.starts_with("cluster/"); };
  auto found = by_topic(topics.render({}, 1s));
  BOOST_TEST(std::ranges::count_if(found, is_of_cluster) == 0);
  found = by_topic(topics.render({.cluster = cluster_figures{.nodes_known = 1,
                                                             .nodes_linked = 2,
                                                             .messages_forwarded = 3,
                                                             .messages_received = 4,
                                                             .messages_dropped = 5,
                                                             .announcements_late = 6,
                                                             .links_refused = 7,
                                                             .inspections_refused = 10,
                                                             .stamps_refused = 8,
                                                             .cleared_forgotten = 9}},
                                 1s));
  BOOST_TEST(std::ranges::count_if(found, is_of_cluster) == 10);
  BOOST_TEST(found["cluster/nodes/known"] == "1");
  BOOST_TEST(found["cluster/nodes/linked"] == "2");
  BOOST_TEST(found["cluster/messages/forwarded"] == "3");
  BOOST_TEST(found["cluster/messages/received"] == "4");
  BOOST_TEST(found["cluster/messages/dropped"] == "5");
  BOOST_TEST(found["cluster/announcements/late"] == "6");
  BOOST_TEST(found["cluster/links/refused"] == "7");
  BOOST_TEST(found["cluster/inspections/refused"] == "10");
  BOOST_TEST(found["cluster/retained/refused"] == "8");
  BOOST_TEST(found["cluster/retained/forgotten"] == "9");
}

BOOST_AUTO_TEST_CASE(more_connected_clients_than_sessions_are_not_a_negative_number_offline) {
  sys_topics topics("x");
  auto found = by_topic(topics.render({.clients_total = 1, .clients_connected = 2}, 1s));
  BOOST_TEST(found["clients/disconnected"] == "0");
}

BOOST_AUTO_TEST_SUITE_END()
