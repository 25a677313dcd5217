#include "libbroker/time_point.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>

using namespace troupe;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(time_point_)

BOOST_AUTO_TEST_CASE(an_optional_time_is_one_or_none) {
  static_assert(sizeof(optional_time) == sizeof(time_point));
  optional_time due;
  BOOST_TEST(!due);
  BOOST_TEST((std::optional<time_point>(due) == std::nullopt));
  for (const time_point at : {time_point(-5ms), time_point(), time_point(7h), time_point::max()}) {
    due = at;
    BOOST_TEST_REQUIRE(bool(due));
    BOOST_TEST((*due == at));
    BOOST_TEST((std::optional<time_point>(due) == at));
    BOOST_TEST((optional_time(std::optional(at)) == due));
  }
  due.reset();
  BOOST_TEST(!due);
  BOOST_TEST(!optional_time(std::optional<time_point>()));
}

BOOST_AUTO_TEST_SUITE_END()
