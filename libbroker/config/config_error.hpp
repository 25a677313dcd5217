#pragma once

#include <string>

namespace troupe {

/// What is wrong with a configuration, or worth a warning, and where it stands.
struct config_error {
  std::string source;   ///< "troupe.toml:12", "--set limits.foo", "TROUPE_LIMITS__FOO"
  std::string message;  ///< one sentence for a person

  friend bool operator==(const config_error&, const config_error&) = default;
};

/// "source: message".
[[nodiscard]] inline std::string to_string(const config_error& error) {
  return error.source + ": " + error.message;
}

}  // namespace troupe
