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
  std::string value_of(const std::string& key) const {
    const auto found = store->get(key);
    BOOST_TEST_REQUIRE((found.has_value() && found->has_value()));
    return **found;
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

BOOST_AUTO_TEST_CASE(claim_of_a_session_comes_back) {
  apply("a", kept_login{.expiry = 1, .stamp = 0xFEDC'BA98'7654'3210, .will = nullptr});
  apply("b", kept_login{.expiry = 1, .began_clean = true, .will = make_block({{.topic = "w"}})});
  commit();
  const auto all = load();
  BOOST_TEST(figures.damaged == 0U);
  BOOST_TEST(all.at("a").login.stamp == 0xFEDC'BA98'7654'3210);
  BOOST_TEST(!all.at("a").login.began_clean);
  BOOST_TEST(all.at("b").login.stamp == 0U);
  BOOST_TEST(all.at("b").login.began_clean);
  BOOST_TEST((all.at("b").login.will != nullptr), "the will is behind the claim");
}

BOOST_AUTO_TEST_CASE(login_of_an_earlier_version_is_read) {
  apply("new", kept_login{.expiry = 60,
                          .stamp = 77,
                          .connected = true,
                          .expires_at = now.monotonic + 60s,
                          .will_due = now.monotonic + 5s,
                          .will_delay = 5,
                          .will = make_block({{.topic = "w", .payload = "bye"}})});
  commit();
  std::string value = value_of(keys::login("new"));
  // Format 1 is format 2 without the 8 bytes of the claim.
  value[0] = 1;
  value.erase(26, 8);
  store->put(keys::login("old"), value);
  commit();

  const auto all = load();
  BOOST_TEST(figures.damaged == 0U);
  const kept_login& old = all.at("old").login;
  BOOST_TEST(old.stamp == 0U);
  BOOST_TEST(old.expiry == 60U);
  BOOST_TEST(old.connected);
  BOOST_TEST(!old.began_clean);
  BOOST_TEST((old.expires_at == now.monotonic + 60s));
  BOOST_TEST((old.will_due == now.monotonic + 5s));
  BOOST_TEST(old.will_delay == 5U);
  BOOST_TEST_REQUIRE((old.will != nullptr));
  BOOST_TEST(as_text(old.will->payload((*old.will)[0])) == "bye");

  // What is written from now on has the claim.
  apply("old", kept_login{.expiry = 60, .stamp = 78, .will = nullptr});
  commit();
  BOOST_TEST(load().at("old").login.stamp == 78U);
}

BOOST_AUTO_TEST_CASE(login_of_no_known_format_is_damaged) {
  apply("a", kept_login{.expiry = 1, .stamp = 5, .will = nullptr});
  commit();
  std::string value = value_of(keys::login("a"));
  BOOST_TEST(is_whole_session_part(keys::login("a"), value));
  for (const char format : {char(0), char(3), char(-1)}) {
    value[0] = format;
    BOOST_TEST(!is_whole_session_part(keys::login("a"), value), int(format));
  }
  for (const char format : {char(1), char(2)}) {
    value[0] = format;
    const std::size_t whole = format == 1 ? 26 : 34;
    for (std::size_t size = 0; size != value.size() + 1; ++size)
      BOOST_TEST(is_whole_session_part(keys::login("a"), value.substr(0, size)) == (size >= whole));
  }
}

BOOST_AUTO_TEST_CASE(where_else_messages_are_comes_back) {
  const std::vector<origin_cut> cuts{
      {.node = "a", .home = 5, .last = 0, .has_come = true},
      {.node = std::string(64, 'n'), .home = 0xFFFF'FFFF'FFFF'FFFF, .is_late = true}};
  const kept_moves moves{
      .log_end = 0x1234'5678'9ABC'DEF0,
      .ends = {{"node-a", 1, true, cuts}, {"", 0xFFFF'FFFF'FFFF'FFFF}, {std::string(64, 'n'), 300}},
      .first_end = 77,
      .begins = {cuts[1]},
      .cuts = cuts};
  apply("a", kept_login{.will = nullptr});
  apply("a", moves);
  apply("b", kept_login{.will = nullptr});
  apply("b", kept_moves{});
  apply("c", kept_login{.will = nullptr});
  commit();
  const auto all = load();
  BOOST_TEST(figures.damaged == 0U);
  BOOST_TEST((all.at("a").moves.log_end == moves.log_end));
  BOOST_TEST((all.at("a").moves.ends == moves.ends));
  BOOST_TEST(all.at("a").moves.ends[0].is_late);
  BOOST_TEST((all.at("a").moves.ends[0].cuts == cuts));
  BOOST_TEST(!all.at("a").moves.ends[1].is_late);
  BOOST_TEST(all.at("a").moves.first_end == 77U);
  BOOST_TEST((all.at("a").moves.begins == moves.begins));
  BOOST_TEST((all.at("a").moves.cuts == cuts));
  for (const char* id : {"b", "c"}) {
    BOOST_TEST(!all.at(id).moves.log_end);
    BOOST_TEST(all.at(id).moves.ends.empty());
  }
  // The last word counts.
  apply("a", kept_moves{.log_end = 7, .ends = {}});
  commit();
  BOOST_TEST((load().at("a").moves.log_end == 7U));
  apply("a", kept_moves{.log_end = 0, .ends = {}});  // the log was empty
  commit();
  BOOST_TEST((load().at("a").moves.log_end == 0U));
  BOOST_TEST(load().at("a").moves.ends.empty());
}

BOOST_AUTO_TEST_CASE(where_else_messages_are_is_damaged_when_it_is_cut_off) {
  apply("a", kept_moves{.log_end = 5, .ends = {{"node-a", 1}, {"bb", 2}}});
  commit();
  const std::string key = keys::moves("a");
  std::string value = value_of(key);
  for (std::size_t size = 0; size != value.size(); ++size) {
    const bool is_between_ends = size == 23 || size == 23 + 13 + 6;
    BOOST_TEST(is_whole_session_part(key, value.substr(0, size)) == is_between_ends, size);
  }
  BOOST_TEST(is_whole_session_part(key, value));
  BOOST_TEST(!is_whole_session_part(key, value + 'x'));
  std::string without_number = value;
  without_number.replace(23, 8, 8, '\0');
  BOOST_TEST(!is_whole_session_part(key, without_number));
  value[0] = 3;
  BOOST_TEST(!is_whole_session_part(key, value), "of a later version");
}

BOOST_AUTO_TEST_CASE(where_else_messages_are_is_read_as_an_earlier_version_wrote_it) {
  apply("a", kept_login{.will = nullptr});
  commit();
  const std::string value("\1"                      // format
                          "\0\0\0\0\0\0\0\5"        // end of the log
                          "\0\1\0\7"                // relayed
                          "\0\0\0\0\0\0\0\1\0\2bb"  // an end
                          ,
                          1 + 8 + 4 + 12);
  BOOST_TEST(is_whole_session_part(keys::moves("a"), value));
  store->put(keys::moves("a"), value);
  commit();
  const kept_moves moves = load().at("a").moves;
  BOOST_TEST((moves.log_end == 5U));
  BOOST_TEST(moves.relayed == std::vector<packet_id>{7});
  BOOST_TEST((moves.ends == std::vector<session_end>{{"bb", 1}}));
  BOOST_TEST(moves.cuts.empty());
}

BOOST_AUTO_TEST_CASE(subscription_that_came_from_another_node_comes_back_as_one) {
  apply("a", kept_login{.will = nullptr});
  apply("a", kept_subscription{.filter = "x", .options = {}, .begin = 4, .adopted = true});
  apply("a", kept_subscription{.filter = "y", .options = {}, .begin = 5});
  commit();
  const auto all = load();
  for (const kept_subscription& each : all.at("a").subscriptions)
    BOOST_TEST(each.adopted == (each.filter == "x"));
}

BOOST_AUTO_TEST_CASE(renamed_session_is_there_under_its_new_name_only) {
  const std::string end = "a\xFF"
                          "12";
  for (const char* id : {"a",
                         "a\xFF"
                         "1",
                         "ab"}) {
    apply(id, kept_login{.expiry = 5, .will = nullptr});
    apply(id, kept_subscription{"x", {}, 0});
    apply(id, kept_subscription{"$replay/earliest/y", {}, 0});
    apply(id, kept_packet_id{9});
    apply(id, kept_progress{.positions = {3}, .in_flight = {}});
    apply(id, kept_moves{.ends = {{"node-a", 1}}});
  }
  commit();
  apply(end, renamed_session{"a", {{"x", "$replay/earliest/y"}, {9}}});
  apply(end, kept_login{.expiry = 6, .will = nullptr});
  apply(end, kept_subscription{"x", {}, 0});
  apply(end, kept_moves{.log_end = 44, .ends = {}});
  commit();

  const auto all = load();
  BOOST_TEST(figures.damaged == 0U);
  BOOST_TEST(all.size() == 3U);
  BOOST_TEST(!all.contains("a"));
  BOOST_TEST(!store->has_staged(), "nothing is left under the earlier name");
  const kept_session& moved = all.at(end);
  BOOST_TEST(moved.login.expiry == 6U);
  BOOST_TEST(moved.subscriptions.size() == 1U);
  BOOST_TEST(moved.inbound_qos2.empty());
  BOOST_TEST((moved.moves.log_end == 44U));
  for (const char* id : {"a\xFF"
                         "1",
                         "ab"}) {
    BOOST_TEST(all.at(id).subscriptions.size() == 2U);
    BOOST_TEST(all.at(id).inbound_qos2.size() == 1U);
    BOOST_TEST(all.at(id).moves.ends.size() == 1U);
  }

  apply(end, dropped_session{{"x"}, {}});
  commit();
  BOOST_TEST(load().size() == 2U);
  BOOST_TEST(!store->has_staged(), "nothing is left of the end");
}

BOOST_AUTO_TEST_SUITE_END()
