#include "persistence/node_record.hpp"
#include "persistence/store_backup.hpp"

#include "persistence/log_reader.hpp"
#include "tests/persistence/filled_store.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture {
  faulty_disk disk;
  filled_store kept{disk};
  std::mt19937_64 random{seed_for_test()};

  answered back_up(std::function<bool()> wants = {}) {
    return ask(kept, {{"command", "log backup"}, {"target", "copy"}}, std::move(wants));
  }
  /// Those of the copy, or of one that was not finished.
  [[nodiscard]] std::size_t copied_files() const {
    std::size_t count = 0;
    for (const std::string& name : disk.files())
      count += name.starts_with("copy") ? 1 : 0;
    return count;
  }
};

/// But what each store counts for itself.
std::map<std::string, std::string> contents(const database& store) {
  auto all = all_keys(store);
  all.erase(std::string(keys::commits));
  all.erase(std::string(keys::ceiling));
  return all;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(store_backup_, fixture)

BOOST_AUTO_TEST_CASE(copy_has_all_that_there_is) {
  kept.fill(random, 200);
  const answered to = back_up();
  BOOST_TEST(to.ok(), to.last);
  const auto original = contents(*kept.store);
  filled_store copy(disk, "copy");
  BOOST_TEST((contents(*copy.store) == original));
  BOOST_TEST(ask(copy, {{"command", "log verify"}}).ok());
  BOOST_TEST(to.lines.at(0)["keys"] == original.size() + 2);
}

BOOST_AUTO_TEST_CASE(copy_is_that_of_one_moment) {
  kept.fill(random, 150);
  const auto original = contents(*kept.store);
  const answered to = back_up([&] {
    kept.change(random);
    return true;
  });
  BOOST_TEST(to.ok(), to.last);
  filled_store copy(disk, "copy");
  BOOST_TEST((contents(*copy.store) == original));
}

BOOST_AUTO_TEST_CASE(copy_is_on_the_disk) {
  kept.fill(random, 150);
  const auto original = contents(*kept.store);
  BOOST_TEST(back_up().ok());
  kept.close();
  disk.cut_power(random);
  filled_store copy(disk, "copy");
  BOOST_TEST((contents(*copy.store) == original));
}

BOOST_AUTO_TEST_CASE(no_offset_of_the_original_is_used_again_in_the_copy) {
  kept.append({{.topic = "a"}});
  kept.commit();
  BOOST_TEST(back_up().ok());
  log_offset last = 0;
  for (int i = 0; i != 10; ++i) {
    kept.close();
    kept.open();
    last = kept.append({{.topic = "a"}});
    kept.commit();
  }
  filled_store copy(disk, "copy");
  BOOST_TEST(copy.append({{.topic = "a"}}) > last);
}

BOOST_AUTO_TEST_CASE(node_that_begins_on_it_is_later_than_all_that_the_original_was) {
  const auto incarnation_of = [&](const char* place) {
    const auto store = database::open(place, {.env = &disk});
    return begin_life(**store, "a", 1)->incarnation;
  };
  kept.close();
  BOOST_TEST(incarnation_of("data") == 1U);
  kept.open();
  BOOST_TEST(back_up().ok());
  kept.close();
  for (int i = 0; i != 5; ++i)
    (void)incarnation_of("data");
  BOOST_TEST(incarnation_of("copy") > incarnation_of("data"));
}

BOOST_AUTO_TEST_CASE(what_is_there_is_not_touched) {
  BOOST_TEST(back_up().ok());
  const auto before = files_below(disk, "copy");
  BOOST_TEST(back_up().error() == "copy exists and is not an empty directory");
  BOOST_TEST((files_below(disk, "copy") == before));
  BOOST_TEST(ask(kept, {{"command", "log backup"}, {"target", "data"}}).error() ==
             "data exists and is not an empty directory");
}

BOOST_AUTO_TEST_CASE(nothing_is_left_of_one_that_did_not_end) {
  kept.fill(random, 150);
  BOOST_TEST(back_up([] { return false; }).error() == "given up");
  BOOST_TEST(copied_files() == 0U);
  // Damage is not copied, nor left out in silence.
  kept.close();
  damage_tables(disk);
  const auto store = *database::open("data", {.env = &disk});
  const auto damaged = troupe::back_up(*store, "copy", [] { return true; });
  BOOST_TEST_REQUIRE(!damaged.has_value());
  BOOST_TEST((damaged.error().failure == storage_error::kind::damaged));
  BOOST_TEST(copied_files() == 0U);
}

BOOST_AUTO_TEST_CASE(full_disk_is_told_and_nothing_is_left) {
  kept.fill(random, 150);
  std::uint64_t used = 0;
  for (const std::string& name : disk.files())
    used += disk.size_of(name);
  disk.set_size(used + 20'000);
  const answered to = back_up();
  BOOST_TEST(to.error().find("No space left") != std::string::npos, to.last);
  BOOST_TEST(copied_files() == 0U);
}

BOOST_AUTO_TEST_CASE(store_that_was_opened_anew_meanwhile_ends_it) {
  kept.fill(random, 150);
  bool is_first = true;
  const answered to = back_up([&] {
    if (std::exchange(is_first, false)) kept.fail();
    return true;
  });
  BOOST_TEST(to.error() == "a write failed meanwhile, and the store was opened anew; try again");
  BOOST_TEST(copied_files() == 0U);
  BOOST_TEST(back_up().ok());
}

BOOST_AUTO_TEST_SUITE_END()
