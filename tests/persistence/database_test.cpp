#include "persistence/database.hpp"

#include "persistence/keys.hpp"
#include "tests/persistence/faulty_disk.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using kind = storage_error::kind;

namespace {

std::unique_ptr<database> opened(faulty_disk& disk) {
  auto made = database::open("data", {.env = &disk, .write_buffer = 64 << 10});
  if (!made) BOOST_TEST_MESSAGE(made.error().what);
  BOOST_TEST_REQUIRE(made.has_value());
  return *std::move(made);
}

std::map<std::string, std::string> contents(const database& store) {
  std::map<std::string, std::string> all;
  const store_scan scan = store.scan();
  for (scan->Seek("k"); scan->Valid() && scan->key().starts_with("k"); scan->Next())
    all[scan->key().ToString()] = scan->value().ToString();
  return all;
}

/// Writes so much that there are several tables and a log behind them.
std::map<std::string, std::string> filled(faulty_disk& disk) {
  const auto store = opened(disk);
  std::map<std::string, std::string> all;
  for (int i = 0; i != 2000; ++i) {
    const std::string key = "k" + std::to_string(10'000 + i);
    // Not to be compressed to nothing.
    std::string value;
    for (int j = 0; j != 12; ++j)
      value += std::to_string(std::hash<std::string>()(key + std::to_string(j)));
    store->put(key, value);
    all[key] = value;
    if (i % 10 == 9) BOOST_TEST(store->commit(true).has_value());
  }
  return all;
}

std::vector<std::string> files_with(const faulty_disk& disk, std::string_view part) {
  std::vector<std::string> names = disk.files();
  std::erase_if(names, [&](const std::string& name) {
    return name.find(part) == std::string::npos || name.starts_with("data/store/lost");
  });
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(database_)

BOOST_AUTO_TEST_CASE(commit_writes_all_that_was_staged_and_nothing_before) {
  faulty_disk disk;
  auto store = opened(disk);
  BOOST_TEST(store->recovered().created);
  store->put("k1", "a");
  store->put("k2", "b");
  store->remove("k1");
  BOOST_TEST(store->has_staged());
  BOOST_TEST(contents(*store).empty());
  BOOST_TEST(store->commit(false).has_value());
  BOOST_TEST(!store->has_staged());
  BOOST_TEST((contents(*store) == std::map<std::string, std::string>{{"k2", "b"}}));
  BOOST_TEST((*store->get("k2") == "b"));
  BOOST_TEST(!store->get("k1")->has_value());
  store.reset();
  store = opened(disk);
  BOOST_TEST(!store->recovered().created);
  BOOST_TEST(!store->recovered().is_damage());
  BOOST_TEST((contents(*store).size() == 1U));
}

BOOST_AUTO_TEST_CASE(only_a_commit_with_sync_asks_the_disk) {
  faulty_disk disk;
  const auto store = opened(disk);
  const std::uint64_t before = disk.syncs();
  store->put("k1", "a");
  BOOST_TEST(store->commit(false).has_value());
  BOOST_TEST(disk.syncs() == before);
  store->put("k1", "b");
  BOOST_TEST(store->commit(true).has_value());
  BOOST_TEST(disk.syncs() == before + 1);
}

BOOST_AUTO_TEST_CASE(failed_commit_leaves_nothing_and_the_next_one_works) {
  faulty_disk disk;
  const auto store = opened(disk);
  for (const bool at_write : {true, false}) {
    store->put("k1", "lost");
    if (at_write)
      disk.fail_writes_from(1);
    else
      disk.fail_syncs_from(1);
    const auto failed = store->commit(true);
    BOOST_TEST_REQUIRE(!failed.has_value());
    BOOST_TEST((failed.error().failure == kind::io));
    disk.heal();
    store->put("k2", "kept");
    BOOST_TEST(store->commit(true).has_value());
    BOOST_TEST((*store->get("k2") == "kept"));
  }
}

BOOST_AUTO_TEST_CASE(full_disk_is_told_from_a_broken_one_and_may_be_emptied) {
  faulty_disk disk;
  const auto store = opened(disk);
  disk.set_size(0);
  store->put("k1", "a");
  const auto full = store->commit(true);
  BOOST_TEST_REQUIRE(!full.has_value());
  BOOST_TEST((full.error().failure == kind::no_space));
  disk.heal();
  store->put("k1", "b");
  BOOST_TEST(store->commit(true).has_value());
  BOOST_TEST((*store->get("k1") == "b"));
}

BOOST_AUTO_TEST_CASE(readers_do_not_mind_a_failing_disk) {
  faulty_disk disk;
  const auto store = opened(disk);
  store->put("k0", "kept");
  BOOST_TEST(store->commit(true).has_value());
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> wrong = 0;
  std::thread reader([&] {
    while (!stop) {
      const auto found = contents(*store);
      // Closed for a moment it has nothing at all.
      if (!found.empty() && !found.contains("k0")) ++wrong;
    }
  });
  for (int i = 0; i != 50; ++i) {
    disk.fail_writes_from(1);
    store->put("k1", "lost");
    BOOST_TEST(!store->commit(true).has_value());
    disk.heal();
    store->put("k2", "kept");
    (void)store->commit(true);
  }
  stop = true;
  reader.join();
  BOOST_TEST(wrong == 0U);
}

BOOST_AUTO_TEST_CASE(directory_belongs_to_one_at_a_time) {
  faulty_disk disk;
  const auto store = opened(disk);
  const auto second = database::open("data", {.env = &disk});
  BOOST_TEST_REQUIRE(!second.has_value());
  BOOST_TEST((second.error().failure == kind::locked));
  BOOST_TEST(second.error().what.find("another process uses the data directory data") == 0U);
}

BOOST_AUTO_TEST_CASE(directory_without_a_store_is_an_error_for_who_only_looks) {
  faulty_disk disk;
  BOOST_TEST(!database::open("data", {.env = &disk, .create = false}).has_value());
  opened(disk).reset();
  BOOST_TEST(database::open("data", {.env = &disk, .create = false}).has_value());
}

BOOST_AUTO_TEST_CASE(newer_format_is_refused) {
  faulty_disk disk;
  auto store = opened(disk);
  store->put(keys::format, std::string("\0\0\0\x63", 4));
  BOOST_TEST(store->commit(true).has_value());
  store.reset();
  const auto refused = database::open("data", {.env = &disk});
  BOOST_TEST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().failure == kind::newer_format));
  BOOST_TEST(refused.error().what.find("has format 99") != std::string::npos);
}

// -- damage -----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(flipped_bit_costs_what_it_hit_and_is_reported) {
  const std::uint64_t seed = seed_for_test();
  faulty_disk whole;
  const auto expected = filled(whole);
  for (std::uint64_t round = 0; round != 60; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      std::mt19937_64 random(seed + round);
      faulty_disk disk;
      filled(disk);
      const auto names = files_with(disk, "data/store/");
      const std::string& hit = names[random() % names.size()];
      if (disk.size_of(hit) == 0) continue;
      disk.flip_bit(hit, random() % (disk.size_of(hit) * 8));
      const auto store = opened(disk);
      const auto kept = contents(*store);
      for (const auto& [key, value] : kept)
        BOOST_TEST((expected.contains(key) && expected.at(key) == value),
                   hit << " " << key << " " << value);
      if (kept.size() == expected.size()) continue;
      BOOST_TEST_MESSAGE(hit << ": " << expected.size() - kept.size() << " lost");
      BOOST_TEST(!kept.empty());
      // A wrong length in the last block of the write-ahead log looks like a power cut.
      const bool log = hit.ends_with(".log");
      const std::size_t lost = expected.size() - kept.size();
      if (log && lost * expected.begin()->second.size() <= 32'768) continue;
      // A table's damage shows when it is read, not when it is opened.
      const bool table = hit.ends_with(".ldb");
      BOOST_TEST((table || store->recovered().is_damage()));
      store_scan scan = store->scan();
      for (scan->SeekToFirst(); scan->Valid();)
        scan->Next();
      BOOST_TEST((store->recovered().is_damage() || !scan->status().ok()));
    }
  }
}

BOOST_AUTO_TEST_CASE(missing_file_costs_what_was_in_it) {
  faulty_disk whole;
  const auto expected = filled(whole);
  for (const std::string& gone : files_with(whole, "data/store/")) {
    BOOST_TEST_CONTEXT(gone) {
      faulty_disk disk;
      filled(disk);
      if (!disk.RemoveFile(gone).ok()) continue;
      const auto store = opened(disk);
      const auto kept = contents(*store);
      for (const auto& [key, value] : kept)
        BOOST_TEST((expected.contains(key) && expected.at(key) == value));
      if (gone.ends_with("CURRENT") || gone.find("MANIFEST") != std::string::npos)
        BOOST_TEST(kept.size() == expected.size());
      else
        BOOST_TEST(!kept.empty());
      if (kept.size() != expected.size() && !gone.ends_with(".log"))
        BOOST_TEST(store->recovered().repaired);
    }
  }
}

BOOST_AUTO_TEST_CASE(store_that_is_beyond_repair_is_set_aside_as_a_whole) {
  faulty_disk disk;
  filled(disk);
  for (const std::string& name : files_with(disk, "data/store/"))
    if (name.find("MANIFEST") != std::string::npos || name.ends_with(".ldb"))
      disk.truncate(name, 1);
  const auto store = opened(disk);
  BOOST_TEST(store->recovered().repaired);
  BOOST_TEST(!store->recovered().set_aside.empty());
  store->put("k1", "goes on");
  BOOST_TEST(store->commit(true).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
