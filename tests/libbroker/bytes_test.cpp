#include "libbroker/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <new>
#include <string>
#include <utility>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(bytes)

BOOST_AUTO_TEST_CASE(what_is_appended_stays_as_the_buffer_grows) {
  byte_buffer buffer;
  std::string expected;
  for (int i = 0; i != 1'000; ++i) {
    const std::string some(static_cast<std::size_t>(i % 13), static_cast<char>('a' + i % 26));
    buffer.append(some);
    buffer.push_back('.');
    expected += some + '.';
  }
  BOOST_TEST((as_text(buffer.view()) == expected));
  buffer.erase_front(5'000);
  BOOST_TEST((as_text(buffer.view()) == expected.substr(5'000)));
  const byte_buffer moved = std::move(buffer);
  BOOST_TEST((as_text(moved.view()) == expected.substr(5'000)));
}

BOOST_AUTO_TEST_CASE(a_buffer_does_not_get_larger_than_it_can_count) {
  byte_buffer buffer;
  buffer.append("kept");
  BOOST_CHECK_THROW(buffer.reserve(std::size_t{1} << 32), std::bad_alloc);
  BOOST_CHECK_THROW((void)buffer.prepare((std::size_t{1} << 32) - 4), std::bad_alloc);
  BOOST_TEST((as_text(buffer.view()) == "kept"));
}

BOOST_AUTO_TEST_SUITE_END()
