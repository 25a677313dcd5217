#include "libbroker/cluster/client_registry.hpp"

#include "libbroker/cluster/registry_wire.hpp"
#include "tests/libbroker/cluster/later_version.hpp"
#include "tests/libbroker/cluster/registry_scene.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using names = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(cluster_client_registry)

BOOST_AUTO_TEST_CASE(a_single_node_grants_at_once_and_says_nothing) {
  registry_scene scene({"a"});
  BOOST_TEST(scene.login("a", "id") == 1U);
  BOOST_TEST(scene.outcomes("a") == "granted id 1");
  BOOST_TEST(scene.login("a", "id") == 2U);
  BOOST_TEST(scene.outcomes("a") == "granted id 2");
  BOOST_TEST(scene.sent() == 0U);
  BOOST_TEST(!scene["a"].deadline().has_value());
  BOOST_TEST(scene["a"].owners() == 0U);
  scene.end("a", "id");
  BOOST_TEST(!scene["a"].stamp_of("id").has_value());
}

BOOST_AUTO_TEST_CASE(the_second_login_of_an_id_displaces_the_first_wherever_its_home_is) {
  for (const char* const home : {"a", "b", "c"}) {
    registry_scene scene({"a", "b", "c"});
    scene.settle();
    const std::string id = scene.id_at(home);
    scene.login("a", id);
    scene.run();
    BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1");
    scene.login("b", id);
    scene.run();
    BOOST_TEST(scene.outcomes("b") == "granted " + id + " 1 from a");
    BOOST_TEST(scene.outcomes("a") == "displaced " + id + " by b");
    BOOST_TEST(!scene["a"].stamp_of(id).has_value());
    BOOST_TEST(scene.owner(home, id) == "b");
  }
}

BOOST_AUTO_TEST_CASE(logins_of_one_id_at_one_node_are_granted_in_their_order) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.login("a", id);
  scene.login("a", id);
  BOOST_TEST(scene.outcomes("a").empty());
  scene.run();
  BOOST_TEST(scene.outcomes("a") ==
             "granted " + id + " 1, granted " + id + " 2, granted " + id + " 3");
}

BOOST_AUTO_TEST_CASE(of_two_claims_the_greater_wins_in_whatever_order_they_arrive) {
  for (const bool a_first : {true, false}) {
    registry_scene scene({"a", "b", "home"});
    scene.settle();
    const std::string id = scene.id_at("home");
    scene.login("a", id);
    scene.wait(1ms);
    scene.login("b", id);  // the later one
    scene.deliver(a_first ? "a" : "b", "home");
    scene.deliver(a_first ? "b" : "a", "home");
    scene.run();
    BOOST_TEST(scene.owner("home", id) == "b");
    BOOST_TEST(scene.outcomes("b") == "granted " + id + " 1" + (a_first ? " from a" : ""));
    BOOST_TEST(scene.outcomes("a") == (a_first ? "granted " + id + " 1, displaced " + id + " by b"
                                               : "lost " + id + " 1 to b"));
  }
}

BOOST_AUTO_TEST_CASE(equal_stamps_are_ordered_by_the_names_of_the_nodes) {
  registry_scene scene({"a", "b", "home"});
  scene.settle();
  const std::string id = scene.id_at("home");
  scene.login("b", id);
  scene.login("a", id);
  BOOST_TEST_REQUIRE(scene.claim_stamps() == 1U);  // both clocks show the same
  scene.run();
  BOOST_TEST(scene.owner("home", id) == "b");
}

BOOST_AUTO_TEST_CASE(who_loses_learns_the_time_and_wins_with_the_next_login) {
  registry_scene scene({"slow", "fast", "home"});
  scene.settle();
  const std::string id = scene.id_at("home");
  scene.set_clock("fast", 10s);
  scene.login("fast", id);
  scene.run();
  scene.login("slow", id);
  scene.run();
  BOOST_TEST(scene.outcomes("slow") == "lost " + id + " 1 to fast");
  scene.login("slow", id);
  scene.run();
  BOOST_TEST(scene.outcomes("slow") == "granted " + id + " 2 from fast");
}

BOOST_AUTO_TEST_CASE(a_session_that_ends_leaves_no_owner) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.run();
  BOOST_TEST(scene.owner("b", id) == "a");
  scene.end("a", id);
  scene.run();
  BOOST_TEST(scene.owner("b", id) == "");
  scene.login("b", id);
  BOOST_TEST(scene.outcomes("b") == "granted " + id + " 1");
}

BOOST_AUTO_TEST_CASE(the_end_of_an_earlier_session_does_not_touch_a_later_one) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.run();
  scene.login("a", id);
  scene.end("a", id);  // of the first
  scene.run();
  BOOST_TEST(scene.owner("b", id) == "a");
  BOOST_TEST(scene["a"].stamp_of(id).has_value());
}

BOOST_AUTO_TEST_CASE(a_claim_without_answer_is_granted_after_a_second_and_registered_later) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.hold("a", "b");
  scene.login("a", id);
  scene.pass(999ms);
  BOOST_TEST(scene.outcomes("a").empty());
  BOOST_TEST((scene["a"].deadline() == scene.now() + 1ms));
  scene.pass(1ms);
  BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1 unconfirmed");
  scene.release("a", "b");
  scene.run();
  BOOST_TEST(scene.owner("b", id) == "a");
  scene.settle();
  BOOST_TEST(scene.outcomes("a").empty());
}

BOOST_AUTO_TEST_CASE(after_a_partition_the_newest_login_has_the_id) {
  for (const char* const home : {"a", "b", "c"}) {
    registry_scene scene({"a", "b", "c"});
    scene.settle();
    const std::string id = scene.id_at(home);
    scene.part({{"a"}, {"b", "c"}});
    scene.settle();
    scene.login("b", id);
    scene.wait(1ms);
    scene.login("a", id);
    scene.settle();
    BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1");
    BOOST_TEST(scene.outcomes("b") == "granted " + id + " 1");
    scene.part({{"a", "b", "c"}});
    scene.settle();
    BOOST_TEST(scene.outcomes("a").empty());
    BOOST_TEST(scene.outcomes("b") == "displaced " + id + " by a");
    for (const char* const node : {"a", "b", "c"})
      BOOST_TEST(scene.owner(node, id) ==
                 (node == std::string(home) || node == std::string("a") ? "a" : ""));
  }
}

BOOST_AUTO_TEST_CASE(a_young_view_asks_the_old_home_and_that_of_the_nodes_that_came) {
  // The home moves to the node that comes: neither has heard of the other's sessions.
  for (const char* const node : {"b", "new"}) {
    registry_scene scene({"a", "b", "new"});
    scene.part({{"a", "b"}, {"new"}});
    scene.settle();
    const std::string id = scene.id_at("new", "a");
    scene.login("a", id);
    scene.run();
    BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1");
    scene.part({{"a", "b", "new"}});
    scene.login(node, id);  // before anything else was heard
    scene.run();
    BOOST_TEST(scene.outcomes(node) == "granted " + id + " 1 from a");
    BOOST_TEST(scene.outcomes("a") == "displaced " + id + " by " + node);
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_does_not_find_itself_the_home_is_asked_until_views_agree) {
  for (const bool is_early : {true, false}) {
    registry_scene scene({"a", "b", "c"});
    scene.part({{"a", "b"}, {"c"}});
    scene.settle();
    const std::string id = scene.id_at("c", "b");
    const auto pass_many = [&scene] {
      for (int i = 0; i != 40; ++i)
        scene.pass(500ms);
    };
    if (is_early) scene.login("a", id);
    scene.settle();
    scene.see("b", {"a", "c"});  // but a does not see c
    if (!is_early) scene.login("a", id);
    pass_many();
    BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1");
    scene.see("b", {"a"});
    pass_many();
    BOOST_TEST(scene.owner("b", id) == "a");

    scene.see("b", {"a", "c"});
    pass_many();
    scene.see("a", {"b", "c"});
    scene.see("c", {"a", "b"});
    scene.settle();
    BOOST_TEST(scene["b"].owners() == 0U);
    BOOST_TEST(scene.owner("c", id) == "a");
    BOOST_TEST(scene.outcomes("a") == "");
  }
}

BOOST_AUTO_TEST_CASE(a_login_goes_ahead_when_the_home_that_it_waits_for_goes) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.hold("a", "b");
  scene.login("a", id);
  scene.part({{"a"}, {"b"}});
  BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1");
}

BOOST_AUTO_TEST_CASE(an_owner_that_is_away_is_named_but_does_not_win) {
  registry_scene scene({"a", "b", "c"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.set_clock("a", 50s);
  scene.login("a", id);
  scene.run();
  scene.part({{"a"}, {"b", "c"}});
  scene.settle();
  BOOST_TEST(scene.owner("b", id) == "a");
  scene.login("c", id);  // of a lesser stamp
  scene.run();
  BOOST_TEST(scene.outcomes("c") == "granted " + id + " 1 from a");
}

BOOST_AUTO_TEST_CASE(who_was_beaten_by_an_owner_that_is_away_meanwhile_owns_nothing) {
  registry_scene scene({"fast", "home", "slow"});
  scene.settle();
  const std::string id = scene.id_at("home");
  scene.set_clock("fast", 50s);
  scene.login("fast", id);
  scene.run();
  scene.hold("home", "slow");
  scene.login("slow", id);
  scene.run();  // it is beaten, and does not know
  scene.part({{"fast"}, {"home", "slow"}});
  scene.login("slow", id);
  scene.run();
  BOOST_TEST(scene.owner("home", id) == "slow");
  scene.release("home", "slow");
  scene.run();
  BOOST_TEST(scene.outcomes("slow") == "lost " + id + " 1 to fast, lost " + id + " 2 to fast");
  BOOST_TEST(scene.owner("home", id) == "");
}

BOOST_AUTO_TEST_CASE(a_node_that_is_gone_for_good_is_forgotten) {
  registry_scene scene({"a", "b", "c"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.run();
  scene["b"].forget_node("b");
  scene["b"].forget_node("nobody");
  scene.part({{"a"}, {"b", "c"}});
  scene.settle();
  BOOST_TEST(scene["b"].owners() == 1U);
  scene["b"].forget_node("a");
  scene.login("c", id);  // before its turn to be dropped
  scene.run();
  BOOST_TEST(scene.outcomes("c") == "granted " + id + " 1");
  scene.end("c", id);
  scene.settle();
  BOOST_TEST(scene["b"].owners() == 0U);
}

BOOST_AUTO_TEST_CASE(a_node_that_is_there_is_forgotten_when_it_goes) {
  registry_scene scene({"a", "b", "c"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.run();
  scene["b"].forget_node("a");
  BOOST_TEST(scene.owner("b", id) == "a");
  scene.part({{"a"}, {"b", "c"}});
  scene.settle();
  scene.login("c", id);
  scene.run();
  BOOST_TEST(scene.outcomes("c") == "granted " + id + " 1");
}

BOOST_AUTO_TEST_CASE(what_a_later_version_says_behind_the_fields_of_an_entry_is_skipped) {
  using kind = registry_entry::kind;
  std::string entry;
  append_registry_entry(entry, {.what = kind::held, .id = "i", .stamp = 1, .rival = {2, "c"}});
  std::string bytes;
  append_registry_header(bytes, 3, 0, 4);
  wire_reader in(entry);
  wire_writer out(bytes);
  out.number(in.number());
  out.text(std::string(in.text()).append(later_values));
  append_registry_entry(bytes, {.what = kind::released, .id = "j", .stamp = 4});
  registry_message heard;
  BOOST_REQUIRE(read_registry_message(bytes, heard).has_value());
  BOOST_REQUIRE(heard.entries.size() == 2U);
  BOOST_TEST(heard.entries[0].rival.node == "c");
  BOOST_TEST(heard.entries[1].id == "j");
}

BOOST_AUTO_TEST_CASE(owners_that_are_away_are_bounded) {
  registry_settings settings;
  settings.maximum_away = 3;
  registry_scene scene({"a", "b"}, settings);
  scene.settle();
  for (int i = 0; i != 20; ++i)
    scene.login("a", scene.id_at("b", i));
  scene.settle();
  BOOST_TEST(scene["b"].owners() == 20U);
  scene.part({{"a"}, {"b"}});
  scene.settle();
  BOOST_TEST(scene["b"].owners() == 3U);
}

BOOST_AUTO_TEST_CASE(a_node_that_comes_back_without_its_sessions_owns_nothing) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.settle();
  scene.restart("a");
  scene.settle();
  BOOST_TEST(scene["b"].owners() == 0U);
}

BOOST_AUTO_TEST_CASE(a_login_counts_whatever_the_clock_was_in_an_earlier_life) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.set_clock("a", 50s);
  scene.login("a", id);
  scene.run();
  scene.part({{"a"}, {"b"}});
  scene.replace("a");
  scene.set_clock("a", 0s);
  scene.login("a", id);
  scene.part({{"a", "b"}});
  scene.settle();
  BOOST_TEST(scene["b"].owner_of(id)->stamp == *scene["a"].stamp_of(id));
}

BOOST_AUTO_TEST_CASE(a_node_with_a_new_life_is_heard_by_one_that_has_not_seen_it_go) {
  for (const auto ahead : {0s, 50s}) {
    registry_scene scene({"a", "b"});
    scene.set_clock("a", ahead);
    scene.restart("a");
    scene.settle();
    const std::string id = scene.id_at("b");
    scene.login("a", id);
    scene.run();
    scene.replace("a");
    scene.set_clock("a", 0s);
    scene.see("a", {"b"});
    scene.login("a", id);
    scene.run();
    BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1, granted " + id + " 1");
    BOOST_TEST(scene["b"].owner_of(id)->stamp == *scene["a"].stamp_of(id));
  }
}

BOOST_AUTO_TEST_CASE(sessions_of_an_earlier_life_are_registered_with_their_stamps) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.run();
  const hybrid_stamp stamp = *scene["a"].stamp_of(id);
  scene.part({{"a"}, {"b"}});
  scene.replace("a");
  scene["a"].restored(id, stamp, scene.wall("a"));
  scene.part({{"a", "b"}});
  scene.settle();
  BOOST_TEST(scene.owner("b", id) == "a");
  BOOST_TEST(scene["b"].owner_of(id)->stamp == stamp);
}

BOOST_AUTO_TEST_CASE(a_kept_stamp_of_the_future_becomes_the_present) {
  registry_scene scene({"a"});
  const auto stamp_at = [&](std::chrono::seconds ahead) {
    return hybrid_clock().next(scene.wall("a") + ahead);
  };
  scene["a"].restored("id", stamp_at(1h), scene.wall("a"));
  BOOST_TEST((wall_of(*scene["a"].stamp_of("id")) == scene.wall("a")));
  scene["a"].restored("other", stamp_at(10s), scene.wall("a"));
  BOOST_TEST((wall_of(*scene["a"].stamp_of("other")) == scene.wall("a") + 10s));
  scene.login("a", "other");
  BOOST_TEST((wall_of(*scene["a"].stamp_of("other")) == scene.wall("a") + 10s));
}

BOOST_AUTO_TEST_CASE(a_node_whose_clock_is_wrong_is_refused_and_serves_alone) {
  registry_scene scene({"a", "b"});
  scene.set_clock("a", 2min);
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  scene.pass(1s);
  BOOST_TEST(scene.outcomes("a") == "granted " + id + " 1 unconfirmed");
  BOOST_TEST(scene.refused("b", registry_fault::clock_ahead) > 0U);
  BOOST_TEST(scene["b"].owners() == 0U);
}

BOOST_AUTO_TEST_CASE(many_sessions_are_registered_a_batch_at_a_time) {
  registry_scene scene({"a", "b"});
  scene.part({{"a"}, {"b"}});
  for (int i = 0; i != 2'500; ++i)
    scene.login("a", scene.id_at("b", i));
  scene.settle();
  scene.part({{"a", "b"}});
  scene.run();
  BOOST_TEST(scene["b"].owners() == 0U);
  scene.pass(0ms);
  BOOST_TEST(scene["b"].owners() == 1'000U);
  scene.pass(0ms);
  BOOST_TEST(scene["b"].owners() == 1'000U);
  BOOST_TEST((scene["a"].deadline() == scene.now() + 10ms));
  scene.pass(10ms);
  BOOST_TEST(scene["b"].owners() == 2'000U);
  scene.pass(10ms);
  BOOST_TEST(scene["b"].owners() == 2'500U);
  const std::size_t sent = scene.sent();
  scene.settle();
  BOOST_TEST(scene.sent() == sent);
}

BOOST_AUTO_TEST_CASE(entries_of_one_call_share_a_message_of_bounded_size) {
  registry_settings settings;
  settings.maximum_message = 1'000;
  registry_scene scene({"a", "b"}, settings);
  scene.part({{"a"}, {"b"}});
  for (int i = 0; i != 100; ++i)
    scene.login("a", scene.id_at("b", i));
  scene.part({{"a", "b"}});
  scene.run();
  const std::size_t before = scene.sent();
  scene.pass(0ms);
  const std::size_t sent = scene.sent() - before;
  BOOST_TEST(sent > 3U);
  BOOST_TEST(sent < 20U);
  BOOST_TEST(scene["b"].owners() == 100U);
}

BOOST_AUTO_TEST_CASE(garbage_is_refused_and_has_no_effect) {
  registry_scene scene({"a", "b"});
  scene.settle();
  const std::string id = scene.id_at("b");
  scene.login("a", id);
  const std::string good = scene.take_message("a", "b");
  registry_message read;
  BOOST_TEST_REQUIRE(read_registry_message(good, read).has_value());
  std::string greeting;
  append_registry_header(greeting, read.from_link, read.to_link, read.clock);
  const auto give = [&](const std::string& bytes) {
    registry_effects effects;
    const auto taken =
        scene["b"].receive("a", std::string_view(bytes), scene.wall("b"), scene.now(), effects);
    return !taken && taken.error() == registry_fault::malformed && effects.messages.empty() &&
           effects.outcomes.empty();
  };
  for (std::size_t size = 0; size != good.size(); ++size)
    BOOST_TEST(give(good.substr(0, size)) == (size != greeting.size()));
  const hybrid_stamp clock = read.clock;
  const auto with = [&](const registry_entry& entry) {
    std::string bytes;
    append_registry_header(bytes, 0, 0, clock);
    append_registry_entry(bytes, entry);
    return bytes;
  };
  using kind = registry_entry::kind;
  BOOST_TEST(give(with({.what = kind::claim, .id = "", .stamp = 1})));
  BOOST_TEST(give(with({.what = kind::claim, .id = std::string(65'536, 'i'), .stamp = 1})));
  BOOST_TEST(give(with({.what = kind::claim, .id = "i", .stamp = clock + 1})));
  BOOST_TEST(give(with({.what = kind::beaten, .id = "i", .rival = {1, ""}})));
  BOOST_TEST(give(with({.what = kind::beaten, .id = "i", .rival = {1, "not a name"}})));
  BOOST_TEST(give(with({.what = kind::held, .id = "i", .rival = {clock + 1, "c"}})));
  BOOST_TEST(!give(with({.what = kind::claim, .id = std::string(65'535, 'i'), .stamp = 1})));
  BOOST_TEST(!give(with({.what = static_cast<kind>(99), .id = "of later versions"})));
  BOOST_TEST(scene["b"].owners() == 0U);
}

BOOST_AUTO_TEST_CASE(damaged_messages_do_no_more_harm_than_to_be_believed) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  registry_scene scene({"a", "b", "c"});
  scene.settle();
  for (int i = 0; i != 20'000; ++i) {
    const registry_message last = scene.last_message("b", "a");
    std::string bytes;
    append_registry_header(bytes, last.to_link, last.from_link, last.clock);
    for (std::size_t entries = below(4); entries != 0; --entries)
      append_registry_entry(bytes, {.what = static_cast<registry_entry::kind>(1 + below(7)),
                                    .id = "id",
                                    .stamp = last.clock - below(3),
                                    .is_home = below(2) == 0,
                                    .rival = {last.clock - below(3), "c"}});
    for (std::size_t flaws = below(3); flaws != 0; --flaws)
      bytes[below(bytes.size())] = static_cast<char>(random());
    bytes.resize(below(4) == 0 ? below(bytes.size()) : bytes.size());
    if (below(10) == 0) scene.login("b", "id");
    scene.give("a", "b", bytes);
  }
  const std::string id = scene.id_at("c");
  scene.outcomes("b");
  scene.login("b", id);
  scene.run();
  BOOST_TEST(scene.outcomes("b").starts_with("granted " + id), "seed " << seed);
}

BOOST_AUTO_TEST_SUITE_END()
