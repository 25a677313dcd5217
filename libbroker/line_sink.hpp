#pragma once

#include <string_view>

namespace troupe {

/// Takes an answer line by line.
class line_sink {
public:
  virtual ~line_sink() = default;

  /// Hands over one line, without its end. May wait for whoever reads. Returns false when it is
  /// already known that no more is wanted.
  virtual bool put(std::string_view line) = 0;
  /// Whether anybody waits for the rest; false: nobody will, any more.
  [[nodiscard]] virtual bool is_wanted() = 0;
};

}  // namespace troupe
