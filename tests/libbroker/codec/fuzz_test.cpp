#include "tests/fuzz/codec_fuzz.hpp"
#include "tests/libbroker/codec/samples.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
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

/// The seeds of the libFuzzer target: one file per sample, named after it. ctest runs
/// the tests from the top of the tree.
std::filesystem::path corpus_folder() { return "tests/fuzz/corpus/codec"; }

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> corpus() {
  std::vector<std::string> seeds;
  for (const auto& file : std::filesystem::directory_iterator(corpus_folder()))
    seeds.push_back(content_of(file));
  return seeds;
}

class mutator {
public:
  explicit mutator(std::uint64_t seed) : random_(seed) {}

  std::string mutate(const std::vector<std::string>& seeds) {
    std::string input = seeds[below(seeds.size())];
    for (std::size_t n = 1 + below(4); n != 0; --n)
      change(input, seeds);
    if (below(4) != 0) repair_length(input);
    return input;
  }

private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  char interesting() {
    static constexpr unsigned char bytes[] = {0, 1, 2, 3, 4, 0x0B, 0x1F, 0x26, 0x7F, 0x80, 0xFF};
    return static_cast<char>(below(2) == 0 ? bytes[below(std::size(bytes))] : random_());
  }

  void change(std::string& input, const std::vector<std::string>& seeds) {
    const std::size_t at = below(input.size() + 1);
    switch (below(5)) {
    case 0:
      if (at < input.size()) input[at] = interesting();
      break;
    case 1: input.insert(at, 1, interesting()); break;
    case 2: input.erase(at, 1 + below(4)); break;
    case 3: input.resize(at); break;
    default: {
      const std::string& other = seeds[below(seeds.size())];
      input.insert(at, other, below(other.size()), below(24));
    }
    }
  }

  /// Most changes break the remaining length first; put right, they get further.
  static void repair_length(std::string& input) {
    if (input.size() >= 2 && input.size() - 2 < 128) input[1] = static_cast<char>(input.size() - 2);
  }

  std::mt19937_64 random_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_fuzz)

/// With TROUPE_WRITE_CORPUS set, writes the corpus anew instead.
BOOST_AUTO_TEST_CASE(the_corpus_holds_every_sample) {
  const bool writes = std::getenv("TROUPE_WRITE_CORPUS") != nullptr;
  if (writes) std::filesystem::create_directories(corpus_folder());
  for (const sample& each : samples()) {
    const auto file = corpus_folder() / each.name;
    if (writes) std::ofstream(file, std::ios::binary) << bytes_of(each.wire);
    BOOST_TEST((content_of(file) == bytes_of(each.wire)), each.name);
  }
  BOOST_TEST(corpus().size() >= samples().size());
}

BOOST_AUTO_TEST_CASE(no_bytes_of_the_corpus_break_a_promise) {
  for (const std::string& seed : corpus())
    fuzz_codec(exact_copy(as_bytes(seed)).view());
}

BOOST_AUTO_TEST_CASE(no_mutated_bytes_break_a_promise) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_CONTEXT("seed " << seed) {
    const std::vector<std::string> seeds = corpus();
    mutator mutations(seed);
    // A slow sanitizer build on a busy machine gets less far; the seed still repeats what it did.
    const std::clock_t enough = std::clock() + 4 * CLOCKS_PER_SEC;
    for (int i = 0; i != 200'000 && std::clock() < enough; ++i)
      fuzz_codec(exact_copy(as_bytes(mutations.mutate(seeds))).view());
    BOOST_TEST(!seeds.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
