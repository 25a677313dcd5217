#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

namespace troupe::test {

/// Makes topic names and filters from so few different levels that they meet
/// often: empty ones, `$`, and neighbours of `/` in the alphabet among them.
class topic_words {
public:
  explicit topic_words(std::mt19937_64& engine) : engine_(engine) {}

  [[nodiscard]] std::string name() {
    std::string made;
    do {
      made = below(8) == 0 ? "$s" : level();
      for (std::size_t more = below(4); more != 0; --more)
        made += '/' + level();
    } while (made.empty());
    return made;
  }

  /// A filter, with or without wildcards.
  [[nodiscard]] std::string filter() {
    std::string rest = name();
    std::string made;
    for (bool more = true; more;) {
      const std::size_t slash = rest.find('/');
      more = slash != std::string::npos;
      if (below(6) == 0) return made + '#';
      made += below(3) == 0 ? "+" : rest.substr(0, slash);
      if (more) made += '/';
      rest.erase(0, more ? slash + 1 : rest.size());
    }
    return made;
  }

private:
  [[nodiscard]] std::size_t below(std::size_t bound) { return engine_() % bound; }
  [[nodiscard]] std::string level() {
    static constexpr std::string_view levels[] = {"", "a", "b", "a", "b", "a!", "a0", "$s"};
    return std::string(levels[below(std::size(levels))]);
  }

  std::mt19937_64& engine_;
};

}  // namespace troupe::test
