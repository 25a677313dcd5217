#include "persistence/log_record.hpp"

#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <numeric>

using namespace troupe;
using namespace troupe::test;

namespace {

struct sample {
  message_block_ptr block;
  std::vector<std::uint32_t> which;
  std::string record;
};

constexpr log_offset first = 0x123456789A;
constexpr wall_time received{std::chrono::milliseconds(1'700'000'000'123)};

/// Some of the messages come from the logs of other nodes.
message_block_ptr identify_some(const message_block& block, std::mt19937_64& random) {
  message_block_builder builder;
  for (std::uint32_t i = 0; i != block.size(); ++i)
    builder.add(block[i], block.wire(block[i]), block.version(), block.stamp(i),
                random() % 2 == 0 ? message_identity{random(), 1 + random() % 1000}
                                  : message_identity());
  return builder.seal({});
}

sample random_sample(std::mt19937_64& random) {
  const auto version = std::array{protocol_version::v3_1, protocol_version::v3_1_1,
                                  protocol_version::v5}[random() % 3];
  std::vector<test_message> messages(1 + random() % 8);
  for (test_message& each : messages)
    each = random_message(random, version);
  sample made;
  made.block = make_block(messages, version);
  if (random() % 2 == 0) message_block::set_stamps(*made.block, random(), random());
  if (random() % 2 == 0) made.block = identify_some(*made.block, random);
  for (std::uint32_t i = 0; i != made.block->size(); ++i)
    if (random() % 3 != 0) made.which.push_back(i);
  if (made.which.empty()) made.which.push_back(0);
  encode_record(*made.block, made.which, first, {.publisher = "ann", .received_at = received},
                made.record);
  return made;
}

bool same(const message_entry& left, const message_entry& right) {
  return left.size == right.size && left.properties_size == right.properties_size &&
         left.expiry_interval == right.expiry_interval && left.topic_size == right.topic_size &&
         left.id == right.id && left.header_size == right.header_size &&
         left.prefix_size == right.prefix_size && left.qos == right.qos &&
         left.retain == right.retain && left.expires == right.expires;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(log_record)

BOOST_AUTO_TEST_CASE(record_gives_back_the_messages_that_were_put_in) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round != 300; ++round) {
    const sample put_in = random_sample(random);
    const auto view = record_view::parse(put_in.record);
    BOOST_TEST_REQUIRE(view.has_value());
    BOOST_TEST(view->size() == put_in.which.size());
    BOOST_TEST(view->first() == first);
    BOOST_TEST(view->last() == first + put_in.which.size() - 1);
    BOOST_TEST(view->origin().publisher == "ann");
    BOOST_TEST((view->origin().received_at == received));
    BOOST_TEST((view->version() == put_in.block->version()));
    for (std::uint32_t i = 0; i != view->size(); ++i) {
      const message_entry& was = (*put_in.block)[put_in.which[i]];
      const message_entry is = (*view)[i];
      BOOST_TEST(same(was, is));
      BOOST_TEST(is.log_offset == first + i);
      BOOST_TEST(as_text(view->wire(is)) == as_text(put_in.block->wire(was)));
      BOOST_TEST(view->topic(is) == put_in.block->topic(was));
      BOOST_TEST((view->stamp(i) ==
                  (was.retain ? put_in.block->stamp(put_in.which[i]) : retained_stamp())));
      BOOST_TEST((view->identity(i) == put_in.block->identity(put_in.which[i])));
    }
  }
}

BOOST_AUTO_TEST_CASE(damaged_record_is_none) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round != 300; ++round) {
    std::string record = random_sample(random).record;
    switch (random() % 3) {
    case 0: record.resize(random() % record.size()); break;
    case 1: record += '\0'; break;
    default: {
      // Two bytes of the header are for later versions.
      std::size_t at = random() % record.size();
      if (at == 1 || at == 2 || at == 3) at = 8;
      record[at] = static_cast<char>(record[at] ^ (1 << random() % 8));
    }
    }
    BOOST_TEST(!record_view::parse(record).has_value());
  }
}

/// As brokers wrote it that knew neither stamps nor identities.
BOOST_AUTO_TEST_CASE(record_of_an_earlier_version_is_read) {
  constexpr std::string_view record(
      "\x01\x04\x00\x00\xf5\x59\xc8\xdc"  // format, version, checksum
      "\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x01\x8b\xcf\xe5\x68\x7b"  // first, received at
      "\x00\x00\x00\x01\x00\x00\x00\x03"
      "ann"                                                               // messages, publisher
      "\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x09"  // sizes, identifier
      "\x02\x00\x01\x00\x00\x00\x00\x00"                                  // header, QoS 1, where
      "\x30\x05\x00\x01"
      "t"
      "hi",
      32 + 3 + 24 + 7);
  const auto view = record_view::parse(record);
  BOOST_TEST_REQUIRE(view.has_value());
  BOOST_TEST(view->first() == 7U);
  BOOST_TEST(view->topic((*view)[0]) == "t");
  BOOST_TEST((view->identity(0) == message_identity()));
  BOOST_TEST((view->stamp(0) == retained_stamp()));
}

BOOST_AUTO_TEST_SUITE_END()
