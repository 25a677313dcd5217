#include "persistence/session_table.hpp"

#include "persistence/keys.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr wall_time noon{1'000'000'000ms};

struct fixture {
  faulty_disk disk;
  std::unique_ptr<database> store = *database::open("data", {.env = &disk});
  session_table table{*store};
  clock_reading now{.monotonic = time_point(5s), .wall = noon};
  session_table::figures figures;

  std::map<std::string, kept_session> load() { return load(now); }
  std::map<std::string, kept_session> load(const clock_reading& at) {
    std::map<std::string, kept_session> all;
    figures = table.load(at, [&](kept_session&& each) {
      std::string client_id = each.client_id;
      BOOST_TEST(all.try_emplace(std::move(client_id), std::move(each)).second);
    });
    return all;
  }
  void apply(std::string_view client_id, const session_change& change) {
    table.apply(client_id, change, now);
  }
  void commit() { BOOST_TEST_REQUIRE(store->commit(true).has_value()); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(session_table_, fixture)

BOOST_AUTO_TEST_CASE(whole_session_comes_back) {
  apply("a", kept_login{.expiry = 0xFFFFFFFF,
                        .connected = true,
                        .expires_at = {},
                        .will_due = {},
                        .will_delay = 7,
                        .will = make_block({{.topic = "w", .payload = "bye", .retain = true}})});
  apply("a", kept_subscription{"#",
                               {.qos = qos::exactly_once,
                                .no_local = true,
                                .retain_as_published = true,
                                .retain_handling = retain_handling::do_not_send},
                               268'435'455});
  apply("a", kept_subscription{"$share/g/x", {}, 0});
  apply("a", kept_packet_id{1});
  apply("a", kept_packet_id{0xFFFF});
  apply("ab", kept_login{.expiry = 1, .will = nullptr});
  commit();

  const auto all = load();
  BOOST_TEST_REQUIRE(all.size() == 2U);
  BOOST_TEST(figures.sessions == 2U);
  BOOST_TEST(figures.damaged == 0U);
  const kept_session& a = all.at("a");
  BOOST_TEST(a.login.expiry == 0xFFFFFFFF);
  BOOST_TEST(a.login.connected);
  BOOST_TEST(!a.login.expires_at.has_value());
  BOOST_TEST(a.login.will_delay == 7U);
  BOOST_TEST_REQUIRE((a.login.will != nullptr));
  const message_block& will = *a.login.will;
  BOOST_TEST(will.topic(will[0]) == "w");
  BOOST_TEST(as_text(will.payload(will[0])) == "bye");
  BOOST_TEST(will[0].retain);
  BOOST_TEST(will[0].log_offset == 0U);
  BOOST_TEST_REQUIRE(a.subscriptions.size() == 2U);
  const kept_subscription& wide = a.subscriptions[0];
  BOOST_TEST(wide.filter == "#");
  BOOST_TEST((wide.options.qos == qos::exactly_once));
  BOOST_TEST(wide.options.no_local);
  BOOST_TEST(wide.options.retain_as_published);
  BOOST_TEST((wide.options.retain_handling == retain_handling::do_not_send));
  BOOST_TEST(wide.identifier == 268'435'455U);
  BOOST_TEST(a.subscriptions[1].filter == "$share/g/x");
  BOOST_TEST((a.inbound_qos2 == std::vector<packet_id>{1, 0xFFFF}));
  BOOST_TEST((all.at("ab").login.will == nullptr));
}

BOOST_AUTO_TEST_CASE(times_are_of_the_calendar) {
  apply("a", kept_login{.expiry = 60,
                        .expires_at = now.monotonic + 60s,
                        .will_due = now.monotonic - 1s,
                        .will = nullptr});
  commit();
  // Another process, whose clock began elsewhere, 20 s later.
  const clock_reading later{.monotonic = time_point(1000s), .wall = noon + 20s};
  const kept_login login = load(later).at("a").login;
  BOOST_TEST((login.expires_at == later.monotonic + 40s));
  BOOST_TEST((login.will_due == later.monotonic - 21s));
}

BOOST_AUTO_TEST_CASE(dropped_parts_are_gone) {
  apply("a", kept_login{.will = nullptr});
  apply("a", kept_subscription{"x", {}, 0});
  apply("a", kept_subscription{"y", {}, 0});
  apply("a", kept_packet_id{1});
  apply("a", kept_packet_id{2});
  apply("b", kept_login{.will = nullptr});
  apply("a", dropped_subscription{"x"});
  apply("a", dropped_packet_id{2});
  commit();
  const kept_session a = load().at("a");
  BOOST_TEST(a.subscriptions.size() == 1U);
  BOOST_TEST(a.inbound_qos2.size() == 1U);
  apply("a", dropped_session{{"y"}, {1}});
  commit();
  const auto all = load();
  BOOST_TEST(all.size() == 1U);
  BOOST_TEST(all.contains("b"));
  BOOST_TEST(!store->has_staged(), "nothing is left of it");
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_left_out_and_counted) {
  apply("a", kept_login{.will = nullptr});
  apply("a", kept_subscription{"x", {}, 0});
  apply("a", kept_subscription{"y", {}, 0});
  apply("b", kept_login{.will = make_block({{.topic = "w"}})});
  apply("b", kept_subscription{"x", {}, 0});
  store->put(keys::subscription("a", "x"), "short");
  store->put(keys::session("a") + "Qbad", "");
  store->put(keys::session("a") + "?", "");
  std::string login(26, '\0');
  login[0] = 1;
  login[1] = 8;  // a will that is not there
  store->put(keys::login("b"), login);
  commit();
  const auto all = load();
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST_REQUIRE(all.at("a").subscriptions.size() == 1U);
  BOOST_TEST(all.at("a").subscriptions[0].filter == "y");
  BOOST_TEST(figures.damaged == 4U);
  // Nobody could use what is left of b.
  BOOST_TEST(store->has_staged());
  commit();
  (void)load();
  BOOST_TEST(figures.damaged == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
