#include "libbroker/cluster/retained_wire.hpp"

#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

page_sent some_page() {
  return {.round = 3,
          .page = {.bucket = 1023,
                   .after = "a",
                   .is_last = true,
                   .topics = {{"b", {1ULL << 60, ~0ULL}}, {"c/\xC3\xBC", {0, 1}}}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_retained_wire)

BOOST_AUTO_TEST_CASE(words_come_back_as_they_were_said) {
  round_begun begun{.round = 1};
  for (std::size_t i = 0; i != begun.digests.size(); ++i)
    begun.digests[i] = i % 3 == 0 ? 0 : ~0ULL - i;
  const std::string more = "what a later version adds";
  const auto heard = decode_retained_word(encode(begun) + more);
  BOOST_REQUIRE(heard.has_value());
  BOOST_TEST(std::get<round_begun>(*heard).round == 1U);
  BOOST_TEST((std::get<round_begun>(*heard).digests == begun.digests));

  const page_sent sent = some_page();
  const auto page = std::get<page_sent>(*decode_retained_word(encode(sent) + more));
  BOOST_TEST(page.round == 3U);
  BOOST_TEST(page.page.bucket == 1023U);
  BOOST_TEST(page.page.after == "a");
  BOOST_TEST(page.page.is_last);
  BOOST_REQUIRE(page.page.topics.size() == 2U);
  for (std::size_t i : {0, 1}) {
    BOOST_TEST(page.page.topics[i].topic == sent.page.topics[i].topic);
    BOOST_TEST((page.page.topics[i].stamp == sent.page.topics[i].stamp));
  }

  const topics_wanted asked{.round = 4, .bucket = 0, .topics = {"x", "y"}};
  const auto wanted = std::get<topics_wanted>(*decode_retained_word(encode(asked) + more));
  BOOST_TEST(wanted.round == 4U);
  BOOST_TEST((wanted.topics == asked.topics));
  BOOST_TEST(std::get<round_ended>(*decode_retained_word(encode(round_ended{5}))).round == 5U);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  BOOST_TEST(!decode_retained_word(""));
  BOOST_TEST(!decode_retained_word(std::string("\x09\x01", 2)));          // no such word
  BOOST_TEST(!decode_retained_word(std::string("\x84\x02\x01", 3)));      // nor this, 256 + 4
  BOOST_TEST(!decode_retained_word(std::string("\x01\x01\x01\x00", 4)));  // another way of buckets
  topics_wanted far{.round = 1, .bucket = retained_buckets, .topics = {}};
  BOOST_TEST(!decode_retained_word(encode(far)));
}

BOOST_AUTO_TEST_CASE(garbage_is_refused_or_read_within_its_bounds) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round != 20'000; ++round) {
    std::string content =
        random() % 2 == 0 ? encode(some_page())
                          : encode(topics_wanted{.round = 4, .bucket = 9, .topics = {"x", "y"}});
    for (std::uint64_t i = random() % 3 + 1; i != 0; --i)
      content[random() % content.size()] = static_cast<char>(random());
    if (random() % 4 == 0) content.resize(random() % content.size());
    const std::string exact(content);  // the sanitizer knows where it ends
    const auto word = decode_retained_word(exact);
    if (!word) continue;
    if (const auto* const page = std::get_if<page_sent>(&*word))
      BOOST_REQUIRE(page->page.bucket < retained_buckets);
  }
}

BOOST_AUTO_TEST_SUITE_END()
