#include "libbroker/cluster/wire.hpp"

#include "libbroker/cluster/node_identity.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <limits>
#include <string>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(cluster_wire)

BOOST_AUTO_TEST_CASE(numbers_of_any_size_come_back) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{127}, std::uint64_t{128},
        std::uint64_t{16383}, std::uint64_t{16384}, std::uint64_t{1} << 56,
        std::numeric_limits<std::uint64_t>::max()}) {
    std::string bytes;
    wire_writer(bytes).number(value);
    wire_reader in(bytes);
    BOOST_TEST(in.number() == value);
    BOOST_TEST(in.ok());
    BOOST_TEST(in.at_end());
  }
}

BOOST_AUTO_TEST_CASE(a_number_that_does_not_end_or_fit_is_refused) {
  wire_reader endless("\xFF\xFF");
  BOOST_TEST(endless.number() == 0U);
  BOOST_TEST(!endless.ok());
  const std::string too_large(10, '\xFF');
  wire_reader large(too_large);
  BOOST_TEST(large.number() == 0U);
  BOOST_TEST(!large.ok());
  wire_reader narrow("\x80\x02");
  BOOST_TEST(narrow.number<std::uint8_t>() == 0U);
  BOOST_TEST(!narrow.ok());
}

BOOST_AUTO_TEST_CASE(the_first_failure_sticks) {
  std::string bytes;
  wire_writer out(bytes);
  out.number(1000);  // the length of a text that is not there
  out.text("behind");
  wire_reader in(bytes);
  BOOST_TEST(in.text() == "");
  BOOST_TEST(in.text() == "");
  BOOST_TEST(!in.flag());
  BOOST_TEST(in.number() == 0U);
  BOOST_TEST(!in.ok());
}

BOOST_AUTO_TEST_CASE(who_knows_less_of_a_section_skips_the_rest) {
  std::string bytes;
  wire_writer out(bytes);
  out.section([](wire_writer& inside) {
    inside.text("known");
    inside.number(5);
    inside.flag(true);
  });
  out.text("next");
  wire_reader in(bytes);
  wire_reader section = in.section();
  BOOST_TEST(section.text() == "known");
  BOOST_TEST(in.text() == "next");
  BOOST_TEST(in.ok());
}

BOOST_AUTO_TEST_CASE(a_node_name_is_short_and_plain) {
  BOOST_TEST(is_node_name("troupe-1.example_org"));
  BOOST_TEST(is_node_name(std::string(64, 'n')));
  BOOST_TEST(!is_node_name(""));
  BOOST_TEST(!is_node_name(std::string(65, 'n')));
  BOOST_TEST(!is_node_name("a b"));
  BOOST_TEST(!is_node_name("a/b"));
  BOOST_TEST(!is_node_name("n\xC3\xA9"));
}

BOOST_AUTO_TEST_SUITE_END()
