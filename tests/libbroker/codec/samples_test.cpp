#include "libbroker/codec/frame.hpp"
#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/libbroker/codec/samples.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

/// Scans and decodes `bytes`, which hold one whole packet.
result<any_packet> decode_bytes(byte_view bytes, protocol_version version, role decode_as) {
  const auto scanned = scan_frame(bytes, 0);
  if (!scanned) return scanned.error();
  BOOST_REQUIRE(scanned->status == frame_scan::status::complete);
  BOOST_REQUIRE_EQUAL(scanned->size, bytes.size());
  return decode_any(scanned->packet, version, decode_as);
}

template <class Test>
void for_each_good_sample(Test test) {
  for (const sample& each : samples()) {
    if (!each.is_good()) continue;
    BOOST_TEST_CONTEXT(each.name) { test(each, exact_copy(as_bytes(bytes_of(each.wire)))); }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_samples)

BOOST_AUTO_TEST_CASE(every_good_sample_is_accepted) {
  for_each_good_sample([](const sample& each, const exact_copy& bytes) {
    const auto decoded = decode_bytes(bytes.view(), each.version, each.decode_as);
    BOOST_TEST(decoded.has_value(), describe(decoded));
  });
}

BOOST_AUTO_TEST_CASE(every_bad_sample_is_refused_with_its_code_and_clause) {
  for (const sample& each : samples()) {
    if (each.is_good()) continue;
    BOOST_TEST_CONTEXT(each.name) {
      const exact_copy bytes(as_bytes(bytes_of(each.wire)));
      const auto decoded = decode_bytes(bytes.view(), each.version, each.decode_as);
      BOOST_TEST(!decoded.has_value(), describe(decoded));
      if (decoded) continue;
      BOOST_TEST(to_string(decoded.error().code) == to_string(each.code), describe(decoded));
      BOOST_TEST(decoded.error().clause == each.clause, describe(decoded));
      BOOST_TEST(!decoded.error().what.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(samples_have_names_of_their_own_and_cover_every_packet_and_version) {
  std::set<std::string_view> names;
  std::set<std::pair<int, protocol_version>> good;
  std::set<int> bad;
  for (const sample& each : samples()) {
    BOOST_TEST(names.insert(each.name).second, each.name);
    const int type = static_cast<unsigned char>(bytes_of(each.wire)[0]) >> 4;
    if (each.is_good())
      good.emplace(type, each.version);
    else
      bad.insert(type);
  }
  for (int type = 1; type <= 15; ++type) {
    BOOST_TEST(bad.contains(type), type);
    const bool is_ping = type == 12 || type == 13;
    if (is_ping) continue;
    BOOST_TEST(good.contains({type, protocol_version::v5}), type);
    BOOST_TEST((type == 15 || good.contains({type, protocol_version::v3_1_1})), type);
  }
}

BOOST_AUTO_TEST_CASE(a_packet_that_arrives_in_two_parts_is_the_same_packet) {
  for_each_good_sample([](const sample& each, const exact_copy& bytes) {
    const std::string whole = describe(decode_bytes(bytes.view(), each.version, each.decode_as));
    for (std::size_t split = 0; split != bytes.view().size(); ++split) {
      const exact_copy first_part(bytes.view().first(split));
      const auto scanned = scan_frame(first_part.view(), 0);
      BOOST_REQUIRE(scanned.has_value());
      BOOST_REQUIRE(scanned->status == frame_scan::status::incomplete);
      BOOST_REQUIRE_GT(scanned->size, split);
      BOOST_REQUIRE_LE(scanned->size, bytes.view().size());
      byte_buffer joined;
      joined.append(first_part.view());
      joined.append(bytes.view().subspan(split));
      BOOST_REQUIRE_EQUAL(describe(decode_bytes(joined.view(), each.version, each.decode_as)),
                          whole);
    }
  });
}

BOOST_AUTO_TEST_CASE(packets_behind_each_other_are_found_one_by_one) {
  byte_buffer stream;
  for_each_good_sample(
      [&stream](const sample&, const exact_copy& bytes) { stream.append(bytes.view()); });
  std::size_t found = 0;
  byte_view rest = stream.view();
  while (!rest.empty()) {
    const auto scanned = scan_frame(rest, 0);
    BOOST_REQUIRE(scanned.has_value());
    BOOST_REQUIRE(scanned->status == frame_scan::status::complete);
    rest = rest.subspan(scanned->size);
    ++found;
  }
  std::size_t good = 0;
  for_each_good_sample([&good](const sample&, const exact_copy&) { ++good; });
  BOOST_TEST(found == good);
}

BOOST_AUTO_TEST_CASE(a_body_cut_short_is_refused_or_another_legal_packet) {
  for_each_good_sample([](const sample& each, const exact_copy& bytes) {
    const auto scanned = scan_frame(bytes.view(), 0);
    const std::string whole = describe(decode_any(scanned->packet, each.version, each.decode_as));
    for (std::size_t size = 0; size != scanned->packet.body.size(); ++size) {
      const exact_copy body(scanned->packet.body.first(size));
      const frame cut{scanned->packet.type, scanned->packet.flags, body.view()};
      const auto decoded = decode_any(cut, each.version, each.decode_as);
      // A shorter payload or list of codes, or left-out properties, are legal; the packet differs
      // unless only empty properties are gone.
      if (!decoded) {
        BOOST_TEST((decoded.error().code == reason_code::malformed_packet ||
                    decoded.error().code == reason_code::protocol_error),
                   describe(decoded));
        continue;
      }
      BOOST_TEST((describe(decoded) != whole ||
                  each.name.find("with_empty_properties") != std::string_view::npos ||
                  each.name.find("of_missing_credentials") != std::string_view::npos),
                 "body of " << size << " bytes");
      const byte_buffer again = encode_any(*decoded, each.version);
      BOOST_TEST(describe(decode_bytes(again.view(), each.version, each.decode_as)) ==
                 describe(decoded));
    }
  });
}

BOOST_AUTO_TEST_CASE(every_good_sample_survives_encoding) {
  for_each_good_sample([](const sample& each, const exact_copy& bytes) {
    const auto decoded = decode_bytes(bytes.view(), each.version, each.decode_as);
    BOOST_REQUIRE(decoded.has_value());
    const byte_buffer again = encode_any(*decoded, each.version);
    BOOST_TEST(again.size() <= bytes.view().size());
    BOOST_TEST(describe(decode_bytes(again.view(), each.version, each.decode_as)) ==
               describe(decoded));
  });
}

BOOST_AUTO_TEST_SUITE_END()
