#include "persistence/torn_file.hpp"

#include "persistence/database.hpp"
#include "tests/persistence/faulty_disk.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr std::size_t block_size = 32'768;

std::string contents_of(faulty_disk& disk, const std::string& name) {
  std::string text;
  BOOST_TEST_REQUIRE(leveldb::ReadFileToString(&disk, name, &text).ok());
  return text;
}

void write(faulty_disk& disk, const std::string& name, const std::string& text) {
  BOOST_TEST_REQUIRE(leveldb::WriteStringToFile(&disk, text, name).ok());
}

bool is_torn(const std::string& text) {
  faulty_disk disk;
  write(disk, "file", text);
  return troupe::is_torn(disk, "file");
}

std::string only_file(const faulty_disk& disk, std::string_view part) {
  std::vector<std::string> names = disk.files();
  std::erase_if(names,
                [&](const std::string& name) { return name.find(part) == std::string::npos; });
  BOOST_TEST_REQUIRE(names.size() == 1U);
  return names.front();
}

std::unique_ptr<database> opened(faulty_disk& disk) {
  auto made = database::open("data", {.env = &disk, .write_buffer = 64 << 10});
  BOOST_TEST_REQUIRE(made.has_value());
  return *std::move(made);
}

/// A write-ahead log of LevelDB, and where its records end.
struct written_log {
  explicit written_log(std::mt19937_64& random) {
    faulty_disk disk;
    const auto store = opened(disk);
    const std::string name = only_file(disk, ".log");
    ends.insert(disk.size_of(name));
    do {
      store->put("k" + std::to_string(ends.size()),
                 std::string(random() % (random() % 8 == 0 ? 9000 : 300), 'x'));
      BOOST_TEST(store->commit(false).has_value());
      ends.insert(disk.size_of(name));
    } while (disk.size_of(name) < block_size + 2000);
    text = contents_of(disk, name);
  }

  std::string text;
  std::set<std::uint64_t> ends{0};
};

struct fragment {
  std::size_t begin = 0;
  std::size_t size = 0;  ///< with its header
};

std::vector<fragment> fragments_of(const std::string& text) {
  constexpr std::size_t header_size = 7;
  std::vector<fragment> all;
  for (std::size_t at = 0; at + header_size <= text.size();) {
    if (block_size - at % block_size < header_size) {
      at += block_size - at % block_size;
      continue;
    }
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    all.push_back({at, header_size + (byte(4) | byte(5) << 8)});
    at += all.back().size;
  }
  return all;
}

/// A store with several tables, all that is in it synced.
constexpr int keys = 300;
void fill(faulty_disk& disk) {
  std::mt19937_64 random(1);
  for (int life = 0; life != 3; ++life) {
    const auto store = opened(disk);
    for (int i = life * keys / 3; i != (life + 1) * keys / 3; ++i) {
      std::string value;
      while (value.size() < 800)
        value += std::to_string(random());
      store->put("k" + std::to_string(i), value);
      BOOST_TEST(store->commit(true).has_value());
    }
  }
}

void copy(faulty_disk& from, faulty_disk& to) {
  for (const std::string& name : from.files())
    write(to, name, contents_of(from, name));
}

/// Either everything is there or the damage was noticed.
void check_nothing_is_lost_in_silence(faulty_disk& disk) {
  const auto store = opened(disk);
  int found = 0;
  for (int i = 0; i != keys; ++i) {
    const auto value = store->get("k" + std::to_string(i));
    found += value && *value ? 1 : 0;
  }
  BOOST_TEST((found == keys || store->recovered().is_damage()), found << " of " << keys);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(torn_file)

BOOST_AUTO_TEST_CASE(file_that_ends_anywhere_but_behind_a_record_is_torn) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const written_log log(random);
  BOOST_TEST(!is_torn(log.text));
  faulty_disk disk;
  write(disk, "file", log.text);
  for (std::uint64_t size = log.text.size(); size-- != 0;) {
    disk.truncate("file", size);
    BOOST_TEST_REQUIRE(troupe::is_torn(disk, "file") == !log.ends.contains(size),
                       "cut at " << size << " of " << log.text.size());
  }
}

BOOST_AUTO_TEST_CASE(record_that_claims_to_go_on_behind_the_end_is_torn) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const written_log log(random);
  int longer = 0;
  for (const fragment& each : fragments_of(log.text)) {
    // In an earlier block LevelDB itself notices.
    if (each.begin < log.text.size() / block_size * block_size) continue;
    for (int bit = 0; bit != 16; ++bit) {
      std::string flipped = log.text;
      flipped[each.begin + 4 + static_cast<std::size_t>(bit / 8)] ^=
          static_cast<char>(1 << bit % 8);
      const std::size_t claimed = ((each.size - 7) ^ (std::size_t{1} << bit)) + 7;
      if (each.begin + claimed <= log.text.size()) continue;  // its checksum is wrong
      ++longer;
      BOOST_TEST_REQUIRE(is_torn(flipped), "length at " << each.begin << ", bit " << bit);
    }
  }
  BOOST_TEST(longer > 0);
}

BOOST_AUTO_TEST_CASE(empty_and_missing_files_are_not_torn) {
  BOOST_TEST(!is_torn(""));
  faulty_disk disk;
  BOOST_TEST(!troupe::is_torn(disk, "none"));
}

// LevelDB took a torn manifest for a shorter one, and deleted the tables that it did not know of.
BOOST_AUTO_TEST_CASE(manifest_that_is_cut_anywhere_loses_nothing_in_silence) {
  faulty_disk whole;
  fill(whole);
  const std::uint64_t size = whole.size_of(only_file(whole, "MANIFEST"));
  const std::string text = contents_of(whole, only_file(whole, "MANIFEST"));
  std::set<std::size_t> ends{size};
  for (const fragment& each : fragments_of(text))
    ends.insert(each.begin);
  BOOST_TEST(ends.size() > 2U);
  for (std::uint64_t cut = 1; cut != size; ++cut) {
    if (ends.contains(cut)) continue;  // a whole record is gone: nobody can see that
    BOOST_TEST_CONTEXT("cut at " << cut << " of " << size) {
      faulty_disk disk;
      copy(whole, disk);
      disk.truncate(only_file(disk, "MANIFEST"), cut);
      check_nothing_is_lost_in_silence(disk);
    }
  }
}

BOOST_AUTO_TEST_CASE(manifest_with_a_wrong_length_loses_nothing_in_silence) {
  faulty_disk whole;
  fill(whole);
  for (const fragment& each : fragments_of(contents_of(whole, only_file(whole, "MANIFEST"))))
    for (std::uint64_t bit = 0; bit != 16; ++bit)
      BOOST_TEST_CONTEXT("length at " << each.begin << ", bit " << bit) {
        faulty_disk disk;
        copy(whole, disk);
        disk.flip_bit(only_file(disk, "MANIFEST"), (each.begin + 4) * 8 + bit);
        check_nothing_is_lost_in_silence(disk);
      }
}

BOOST_AUTO_TEST_SUITE_END()
