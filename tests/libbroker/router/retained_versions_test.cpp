#include "libbroker/router/retained_versions.hpp"

#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <string>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr wall_time noon{1'800'000'000'000ms};

retained_stamp at(wall_time when, std::uint64_t counter = 0) {
  return {(static_cast<hybrid_stamp>(when.time_since_epoch().count()) << 16) | counter, 1};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retained_versions_)

BOOST_AUTO_TEST_CASE(digests_say_what_is_there_and_not_how_it_came) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round != 20; ++round) {
    retained_versions changed(1'000);
    std::map<std::string, retained_versions::version> model;
    for (int i = 0; i != 300; ++i) {
      const std::string topic = "t/" + std::to_string(random() % 50);
      if (random() % 4 == 0) {
        changed.erase(topic);
        model.erase(topic);
        continue;
      }
      const retained_versions::version to{{random() % 1'000 + 1, random() % 3}, random() % 2 == 0};
      changed.set(topic, to.stamp, to.is_cleared);
      model[topic] = to;
    }
    retained_versions straight(1'000);
    std::size_t cleared = 0;
    for (const auto& [topic, version] : model) {
      straight.set(topic, version.stamp, !version.is_cleared);  // whether it is does not count
      cleared += version.is_cleared ? 1 : 0;
      BOOST_TEST((changed.find(topic)->stamp == version.stamp));
    }
    BOOST_TEST(changed.cleared() == cleared);
    for (std::uint32_t i = 0; i != retained_buckets; ++i)
      BOOST_TEST(changed.digest(i) == straight.digest(i));
    for (const auto& [topic, version] : model)
      changed.erase(topic);
    for (std::uint32_t i = 0; i != retained_buckets; ++i)
      BOOST_TEST(changed.digest(i) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(every_part_of_a_version_is_in_the_digest) {
  const auto digest_of = [](const std::string& topic, const retained_stamp& stamp) {
    retained_versions one(10);
    one.set(topic, stamp, false);
    return one.digest(retained_bucket_of(topic));
  };
  BOOST_TEST(digest_of("a", {1, 1}) != digest_of("a", {2, 1}));
  BOOST_TEST(digest_of("a", {1, 1}) != digest_of("a", {1, 2}));
  BOOST_TEST(digest_of("a", {1, 2}) != digest_of("a", {2, 1}));
  BOOST_TEST(digest_of("a", {1, 1}) != digest_of("b", {1, 1}));
}

BOOST_AUTO_TEST_CASE(a_bucket_lies_in_the_shard_of_its_topics) {
  for (int i = 0; i != 1'000; ++i) {
    const std::string topic = "some/" + std::to_string(i);
    for (const std::uint32_t shards : {1U, 2U, 3U, 64U, 100U})
      BOOST_TEST(shard_of_bucket(retained_bucket_of(topic), shards) == shard_of(topic, shards));
  }
}

BOOST_AUTO_TEST_CASE(cleared_topics_are_forgotten_when_they_are_old_or_too_many) {
  retained_versions versions(2);
  versions.set("old", at(noon - cleared_topics_kept - 1ms), true);
  versions.set("young", at(noon - cleared_topics_kept), true);
  versions.set("there", at(noon - 2 * cleared_topics_kept), false);
  BOOST_TEST((versions.forget(noon) == std::vector<std::string>{"old"}));
  BOOST_TEST(versions.forgotten_early() == 0U);
  versions.set("second", at(noon, 1), true);
  versions.set("third", at(noon, 2), true);
  BOOST_TEST((versions.forget(noon) == std::vector<std::string>{"young"}));
  BOOST_TEST(versions.forgotten_early() == 1U);
  versions.set("second", at(noon, 3), false);  // is there again
  BOOST_TEST(versions.cleared() == 1U);
  BOOST_TEST(versions.find("there").has_value());
  BOOST_TEST(!versions.find("young").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
