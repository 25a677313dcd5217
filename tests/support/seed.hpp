#pragma once

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstdlib>
#include <random>

namespace troupe::test {

/// The seed for a random test: that of the environment variable
/// TROUPE_TEST_SEED, else a new one. Printed with `--log_level=message`; a
/// failing check should name it too.
inline std::uint64_t seed_for_test() {
  const char* const given = std::getenv("TROUPE_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  BOOST_TEST_MESSAGE("TROUPE_TEST_SEED=" << seed);
  return seed;
}

}  // namespace troupe::test
