#include "persistence/member_list.hpp"

#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

using records = std::vector<member_record>;

const member_record first{{"a", 0xABC, 3}, "a.example.org:7883", 7, false};
const member_record second{{"b", 0xDEF, 1}, "[::1]:1", max_member_version, true};

}  // namespace

BOOST_AUTO_TEST_SUITE(persistence_member_list)

BOOST_AUTO_TEST_CASE(members_come_back_and_later_ones_replace_them) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  BOOST_TEST((load_members(*store) == records{}));
  keep_members(*store, records{first, second});
  BOOST_REQUIRE(store->commit(true));
  BOOST_TEST((load_members(*store) == records{first, second}));
  keep_members(*store, records{second});
  BOOST_REQUIRE(store->commit(true));
  BOOST_TEST((load_members(*store) == records{second}));
}

BOOST_AUTO_TEST_CASE(as_many_as_there_may_be_come_back) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  records all;
  for (std::size_t i = 0; i != max_members; ++i)
    all.push_back(
        {{"n" + std::to_string(10'000 + i), i, i}, std::string(max_address_size, 'x'), i, false});
  keep_members(*store, all);
  BOOST_REQUIRE(store->commit(true));
  BOOST_TEST((load_members(*store) == all));
}

BOOST_AUTO_TEST_CASE(damaged_list_is_left_out_and_removed) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  keep_members(*store, records{first, second});
  BOOST_REQUIRE(store->commit(true));
  const std::string whole = **store->get(keys::members);
  BOOST_TEST(is_whole_member_list(whole));
  for (std::size_t size = 0; size != whole.size(); ++size) {
    BOOST_TEST(!is_whole_member_list(whole.substr(0, size)));
    store->put(keys::members, whole.substr(0, size));
    BOOST_REQUIRE(store->commit(true));
    BOOST_TEST(!load_members(*store).has_value());
    BOOST_REQUIRE(store->commit(true));
    BOOST_TEST((load_members(*store) == records{}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
