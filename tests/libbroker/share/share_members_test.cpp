#include "libbroker/share/share_members.hpp"

#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr std::size_t most_bytes = 1000;

void join(share_members& members, std::uint64_t session, qos level, std::uint32_t room) {
  members.set_room(session, 0);
  members.put(session).options.qos = level;
  members.set_room(session, room);
}

/// Whose turns they are, until nobody has room.
std::vector<std::uint64_t> turns(share_members& members) {
  std::vector<std::uint64_t> found;
  while (share_member* const next = members.next_with_room()) {
    found.push_back(next->session);
    members.hold(*next, 1);
  }
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(share_members_)

BOOST_AUTO_TEST_CASE(members_take_turns_until_they_have_what_they_take) {
  share_members members(most_bytes);
  join(members, 1, qos::at_least_once, 2);
  join(members, 2, qos::at_most_once, 9);  // gets nothing of the log
  join(members, 3, qos::exactly_once, 3);
  BOOST_TEST(turns(members) == (std::vector<std::uint64_t>{1, 3, 1, 3, 3}),
             boost::test_tools::per_element());
  BOOST_TEST(members.room(9) == 0U);
  members.release(1, 1);
  BOOST_TEST(members.room(9) == 1U);
  BOOST_TEST(turns(members) == std::vector<std::uint64_t>{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_member_that_has_enough_bytes_takes_no_more) {
  share_members members(most_bytes);
  join(members, 1, qos::at_least_once, 100);
  members.hold(*members.next_with_room(), most_bytes / 2);
  BOOST_TEST(!members.are_half_full());
  members.hold(*members.next_with_room(), most_bytes / 2);
  BOOST_TEST(members.are_half_full());
  BOOST_TEST(members.next_with_room() == nullptr);
}

BOOST_AUTO_TEST_CASE(figures_are_those_of_the_members) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  share_members members(most_bytes);
  for (int step = 0; step != 20000; ++step) {
    const std::uint64_t session = 1 + below(6);
    switch (below(6)) {
    case 0: join(members, session, static_cast<qos>(below(3)), below(5)); break;
    case 1: members.set_room(session, below(5)); break;
    case 2: (void)members.erase(session); break;
    case 3: members.set_held(session, {.messages = below(4), .bytes = below(most_bytes)}); break;
    case 4:
      if (share_member* const next = members.next_with_room()) members.hold(*next, below(100));
      break;
    default:
      if (const share_member* const has = members.find(session); has && has->held.messages != 0)
        members.release(session, below(has->held.bytes + 1));
    }
    std::uint64_t room = 0;
    std::uint64_t away = 0;
    std::uint32_t online = 0;
    std::uint32_t counting = 0;
    share_ledger::holding held;
    for (const share_member& each : members.all()) {
      if (each.counts()) room += each.room;
      online += each.is_online() ? 1 : 0;
      counting += each.is_online() && each.counts() ? 1 : 0;
      if (!each.is_online()) away += each.held.messages;
      if (!each.is_online()) continue;
      held.messages += each.held.messages;
      held.bytes += each.held.bytes;
    }
    const bool is_half_full = held.messages * 2 > room || held.bytes * 2 > counting * most_bytes;
    const bool is_right = members.total_room() == room && members.online() == online &&
                          members.held_away() == away && members.are_half_full() == is_half_full;
    BOOST_REQUIRE_MESSAGE(is_right, "TROUPE_TEST_SEED=" << seed << ", step " << step);
  }
}

BOOST_AUTO_TEST_SUITE_END()
