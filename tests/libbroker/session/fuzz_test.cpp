#include "tests/fuzz/session_fuzz.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

/// The seeds of the libFuzzer target, which found them.
std::vector<std::string> corpus() {
  const auto folder = "tests/fuzz/corpus/session";
  std::vector<std::string> seeds;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(file.path(), std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_fuzz)

BOOST_AUTO_TEST_CASE(no_script_of_the_corpus_breaks_a_promise) {
  const std::vector<std::string> seeds = corpus();
  BOOST_TEST(!seeds.empty());
  for (const std::string& seed : seeds)
    fuzz_session(exact_copy(as_bytes(seed)).view());
}

/// Two scripts of the corpus, one after the other, with some bytes changed. Of a
/// broken promise the seed stands in the log, `--log_level=message`.
BOOST_AUTO_TEST_CASE(no_changed_script_breaks_a_promise) {
  std::mt19937_64 random(seed_for_test());
  const auto below = [&](std::size_t bound) { return random() % bound; };
  const std::vector<std::string> seeds = corpus();
  BOOST_TEST_REQUIRE(!seeds.empty());
  const std::clock_t enough = std::clock() + 3 * CLOCKS_PER_SEC;
  for (int i = 0; i != 20'000 && std::clock() < enough; ++i) {
    std::string script = seeds[below(seeds.size())] + seeds[below(seeds.size())];
    for (std::size_t n = below(6); n != 0 && !script.empty(); --n)
      script[below(script.size())] = static_cast<char>(random());
    fuzz_session(exact_copy(as_bytes(script)).view());
  }
}

BOOST_AUTO_TEST_SUITE_END()
