#include "libbroker/reason_code.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(reason_codes)

BOOST_AUTO_TEST_CASE(every_code_of_the_specification_has_a_name_of_its_own) {
  // MQTT5 Table 2-6.
  std::set<unsigned> listed = {0x00, 0x01, 0x02, 0x04, 0x10, 0x11, 0x18, 0x19};
  for (unsigned code = 0x80; code <= 0xA2; ++code)
    listed.insert(code);
  std::set<std::string_view> names;
  for (unsigned code = 0; code != 256; ++code) {
    const std::string_view name = to_string(static_cast<reason_code>(code));
    BOOST_TEST((name != "unknown") == listed.contains(code), code);
    if (listed.contains(code)) BOOST_TEST(names.insert(name).second, name);
  }
  BOOST_TEST(to_string(reason_code::success) == "success");
}

BOOST_AUTO_TEST_CASE(codes_from_0x80_on_are_errors) {
  BOOST_TEST(!is_error(reason_code::reauthenticate));
  BOOST_TEST(is_error(reason_code::unspecified_error));
  BOOST_TEST(is_error(reason_code::wildcard_subscriptions_not_supported));
}

BOOST_AUTO_TEST_SUITE_END()
