#include "libbroker/utf8.hpp"

#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <random>
#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

/// UTF-8 by the book: decode each code point, then judge it (RFC 3629 §3, §4).
bool is_utf8_by_the_book(std::string_view text) {
  for (std::size_t i = 0; i != text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    std::size_t more = 0;
    std::uint32_t point = lead;
    if ((lead & 0xE0) == 0xC0) {
      more = 1;
      point = lead & 0x1FU;
    } else if ((lead & 0xF0) == 0xE0) {
      more = 2;
      point = lead & 0x0FU;
    } else if ((lead & 0xF8) == 0xF0) {
      more = 3;
      point = lead & 0x07U;
    } else if (lead >= 0x80) {
      return false;
    }
    if (text.size() - i < more) return false;
    for (std::size_t n = 0; n != more; ++n, ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
      point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    constexpr std::uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (point < smallest[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return false;
  }
  return true;
}

std::string encoded(std::uint32_t point) {
  const auto tail = [point](unsigned shift) {
    return static_cast<char>(0x80 | (point >> shift & 0x3F));
  };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xC0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xE0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | point >> 18), tail(12), tail(6), tail(0)};
}

bool accepts(std::string_view text) { return is_utf8(exact_copy(as_bytes(text)).view()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(utf8)

// [MQTT5-1.5.4-1] [MQTT311-1.5.3-1]
BOOST_AUTO_TEST_CASE(every_code_point_but_the_surrogates_is_well_formed) {
  for (std::uint32_t point = 0; point != 0x120000; ++point) {
    const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
    const bool is_legal = !is_surrogate && point <= 0x10FFFF;
    if (is_utf8(as_bytes(encoded(point))) != is_legal) BOOST_ERROR("code point " << point);
  }
}

BOOST_AUTO_TEST_CASE(sequences_of_three_bytes_are_judged_by_the_book) {
  std::string text(3, '\0');
  for (unsigned bytes = 0; bytes < 1U << 24; bytes += 7) {
    text[0] = static_cast<char>(bytes >> 16);
    text[1] = static_cast<char>(bytes >> 8);
    text[2] = static_cast<char>(bytes);
    if (is_utf8(as_bytes(text)) != is_utf8_by_the_book(text)) BOOST_ERROR("bytes " << bytes);
  }
}

BOOST_AUTO_TEST_CASE(overlong_forms_are_refused) {
  for (const std::string_view text : {"\xC0\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF",
                                      "\xE0\x9F\xBF", "\xF0\x80\x80\xAF", "\xF0\x8F\xBF\xBF"})
    BOOST_TEST(!accepts(text));
}

BOOST_AUTO_TEST_CASE(a_sequence_cut_off_at_the_end_is_refused) {
  for (const std::string_view text : {"\xC3", "\xE2\x82", "\xF0\x9F\x8E", "abcdefgh\xE2\x82"})
    BOOST_TEST(!accepts(text));
}

BOOST_AUTO_TEST_CASE(one_bad_byte_is_found_wherever_it_stands) {
  for (std::size_t size = 1; size != 40; ++size)
    for (std::size_t bad = 0; bad != size; ++bad) {
      std::string text(size, 'a');
      text[bad] = '\x80';
      BOOST_TEST(!accepts(text), "byte " << bad << " of " << size);
      BOOST_TEST(!is_mqtt_string(as_text(exact_copy(as_bytes(text)).view())));
      text[bad] = '\0';
      BOOST_TEST(accepts(text), "byte " << bad << " of " << size);
      // [MQTT5-1.5.4-2] [MQTT311-1.5.3-2]
      BOOST_TEST(!is_mqtt_string(as_text(exact_copy(as_bytes(text)).view())));
      text[bad] = '\x01';
      BOOST_TEST(is_mqtt_string(as_text(exact_copy(as_bytes(text)).view())));
    }
}

BOOST_AUTO_TEST_CASE(an_empty_string_is_legal) {
  BOOST_TEST(is_utf8({}));
  BOOST_TEST(is_mqtt_string({}));
}

BOOST_AUTO_TEST_CASE(null_among_other_languages_is_found) {
  using namespace std::string_view_literals;
  BOOST_TEST(is_mqtt_string("größe"sv));
  BOOST_TEST(!is_mqtt_string("grö\0ße"sv));
  BOOST_TEST(!is_mqtt_string("\0größe"sv));
  BOOST_TEST(!is_mqtt_string("größe\0"sv));
}

BOOST_AUTO_TEST_CASE(random_texts_are_judged_by_the_book) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  for (int i = 0; i != 50'000; ++i) {
    std::string text;
    for (std::size_t n = random() % 12; n != 0; --n)
      text += encoded(static_cast<std::uint32_t>(random() % (random() % 2 == 0 ? 0x80 : 0x110000)));
    if (!text.empty() && random() % 2 == 0)
      text[random() % text.size()] = static_cast<char>(random());
    const exact_copy copy(as_bytes(text));
    const bool is_legal = is_utf8_by_the_book(text);
    BOOST_REQUIRE_MESSAGE(is_utf8(copy.view()) == is_legal, "seed " << seed);
    BOOST_REQUIRE_MESSAGE(is_mqtt_string(as_text(copy.view())) ==
                              (is_legal && text.find('\0') == std::string::npos),
                          "seed " << seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
