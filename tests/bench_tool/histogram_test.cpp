#include "apps/troupe-bench/histogram.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

using troupe::bench::histogram;

BOOST_AUTO_TEST_SUITE(bench_histogram)

BOOST_AUTO_TEST_CASE(an_empty_histogram_reports_zero) {
  const histogram empty;
  BOOST_TEST(empty.count() == 0U);
  BOOST_TEST(empty.percentile(50) == 0U);
  BOOST_TEST(empty.maximum() == 0U);
  BOOST_TEST(empty.mean() == 0.0);
}

BOOST_AUTO_TEST_CASE(small_values_are_reported_exactly) {
  histogram counted;
  for (std::uint64_t value = 1; value <= 1000; ++value)
    counted.record(value);
  BOOST_TEST(counted.percentile(0) == 1U);
  BOOST_TEST(counted.percentile(50) == 500U);
  BOOST_TEST(counted.percentile(99.9) == 999U);
  BOOST_TEST(counted.percentile(100) == 1000U);
  BOOST_TEST(counted.mean() == 500.5);
}

BOOST_AUTO_TEST_CASE(percentiles_are_within_a_thousandth_of_the_sorted_reference) {
  const auto seed = std::random_device{}();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(0, 41.9);
  histogram counted;
  std::vector<std::uint64_t> reference;
  for (int index = 0; index < 100'000; ++index) {
    reference.push_back(static_cast<std::uint64_t>(std::exp2(exponent(random))));
    counted.record(reference.back());
  }
  std::sort(reference.begin(), reference.end());
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(percent * static_cast<double>(reference.size()) / 100));
    const auto expected = static_cast<double>(reference[rank - 1]);
    const auto reported = static_cast<double>(counted.percentile(percent));
    BOOST_TEST(reported >= expected);
    BOOST_TEST(reported <= expected * 1.001);
  }
}

BOOST_AUTO_TEST_CASE(every_power_of_two_and_its_neighbours_are_within_a_thousandth) {
  for (unsigned power = 1; power < 42; ++power)
    for (const std::uint64_t offset : {std::uint64_t(-1), std::uint64_t(0), std::uint64_t(1)}) {
      const std::uint64_t value = (std::uint64_t{1} << power) + offset;
      histogram counted;
      counted.record(value);
      counted.record(histogram::largest);
      const auto reported = static_cast<double>(counted.percentile(50));
      BOOST_TEST(reported >= static_cast<double>(value));
      BOOST_TEST(reported <= static_cast<double>(value) * 1.001);
    }
}

BOOST_AUTO_TEST_CASE(a_value_beyond_the_range_counts_as_the_largest) {
  histogram counted;
  counted.record(~std::uint64_t{0});
  BOOST_TEST(counted.percentile(50) == histogram::largest);
  BOOST_TEST(counted.maximum() == histogram::largest);
}

BOOST_AUTO_TEST_CASE(merging_gives_what_recording_everything_in_one_would) {
  histogram all;
  histogram first;
  histogram second;
  for (std::uint64_t value = 0; value < 50'000; ++value) {
    all.record(value * value, 3);
    (value % 3 == 0 ? first : second).record(value * value, 3);
  }
  first.merge(second);
  BOOST_TEST(first.count() == all.count());
  BOOST_TEST(first.maximum() == all.maximum());
  BOOST_TEST(first.mean() == all.mean(), boost::test_tools::tolerance(1e-9));
  for (const double percent : {1.0, 50.0, 99.0, 99.9})
    BOOST_TEST(first.percentile(percent) == all.percentile(percent));
}

BOOST_AUTO_TEST_SUITE_END()
