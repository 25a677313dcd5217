// Stores that are only looked at.

#include "persistence/read_only_env.hpp"
#include "tests/persistence/filled_store.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

using namespace troupe;
using namespace troupe::test;
using kind = storage_error::kind;

namespace {

struct fixture {
  faulty_disk disk;
  std::mt19937_64 random{seed_for_test()};
  std::map<std::string, std::string> contents;

  void fill(int rounds = 200) {
    filled_store kept(disk);
    kept.fill(random, rounds);
    contents = all_keys(*kept.store);
  }
  storage_result<std::unique_ptr<database>> open() {
    return database::open("data", {.env = &disk, .write_buffer = 64 << 10, .read_only = true});
  }
  [[nodiscard]] std::string only(std::string_view part) const {
    for (const std::string& name : disk.files())
      if (name.find(part) != std::string::npos) return name;
    BOOST_FAIL("no file " << part);
    return {};
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(read_only_, fixture)

BOOST_AUTO_TEST_CASE(everything_is_there_and_no_file_changes) {
  fill();
  const auto before = files_below(disk, "data");
  for (int i = 0; i != 2; ++i) {
    const auto store = open();
    BOOST_TEST_REQUIRE(store.has_value());
    BOOST_TEST((all_keys(**store) == contents));
    log_streams streams;
    BOOST_TEST(streams.load(**store).has_value());
    BOOST_TEST(ask(**store, streams, R"({"command":"log verify"})").ok());
  }
  BOOST_TEST((files_below(disk, "data") == before));
}

BOOST_AUTO_TEST_CASE(crash_at_any_moment_leaves_a_store_that_can_be_read) {
  fill(20);
  disk.cut_power(random);
  const auto before = files_below(disk, "data");
  const auto store = open();
  BOOST_TEST_REQUIRE(store.has_value());
  BOOST_TEST((all_keys(**store) == contents));  // all of it was synced
  BOOST_TEST((files_below(disk, "data") == before));
}

BOOST_AUTO_TEST_CASE(damage_is_told_and_not_repaired) {
  fill();
  disk.RemoveFile("data/store/CURRENT");
  const auto before = files_below(disk, "data");
  const auto store = open();
  BOOST_TEST_REQUIRE(!store.has_value());
  BOOST_TEST((store.error().failure == kind::damaged));
  BOOST_TEST(store.error().what == "the store in data is damaged; a broker that starts on it "
                                   "repairs it: CURRENT is missing");
  BOOST_TEST((files_below(disk, "data") == before));
}

BOOST_AUTO_TEST_CASE(what_is_unreadable_of_the_last_writes_is_left_out_and_counted) {
  {
    filled_store kept(disk);
    for (int i = 0; i != 100; ++i) {
      kept.append({{.topic = "t", .payload = std::string(1000, 'x')}});
      kept.commit();
    }
  }
  const std::string log = only(".log");
  disk.flip_bit(log, 8 * 200);
  const auto before = files_below(disk, "data");
  const auto store = open();
  BOOST_TEST_REQUIRE(store.has_value());
  BOOST_TEST((*store)->recovered().dropped_bytes > 0U);
  BOOST_TEST(!all_keys(**store).empty());
  BOOST_TEST((files_below(disk, "data") == before));
}

BOOST_AUTO_TEST_CASE(it_is_locked_out_and_locks_out) {
  fill(1);
  {
    filled_store kept(disk);
    BOOST_TEST((open().error().failure == kind::locked));
  }
  const auto store = open();
  BOOST_TEST_REQUIRE(store.has_value());
  BOOST_TEST((database::open("data", {.env = &disk}).error().failure == kind::locked));
}

BOOST_AUTO_TEST_CASE(compaction_is_refused_so_that_memory_is_bounded) {
  read_only_env env(&disk);
  const auto can_write = [&](const std::string& name) {
    leveldb::WritableFile* file = nullptr;
    const bool can = env.NewWritableFile(name, &file).ok();
    delete file;
    return can;
  };
  BOOST_TEST(can_write("recovery"));
  std::promise<void> ran;
  env.Schedule([](void* which) { static_cast<std::promise<void>*>(which)->set_value(); }, &ran);
  ran.get_future().wait();
  BOOST_TEST(!can_write("compaction"));
  env.begin_open();
  BOOST_TEST(can_write("another recovery"));
  BOOST_TEST(env.FileExists("recovery"));
  BOOST_TEST(disk.files().empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_made_where_nothing_is) {
  BOOST_TEST((open().error().failure == kind::io));
  BOOST_TEST(disk.files().empty());
}

BOOST_AUTO_TEST_SUITE_END()
