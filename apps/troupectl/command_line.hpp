#pragma once

#include "apps/troupectl/inspection.hpp"

#include <optional>
#include <string>

namespace troupe {

/// How the lines of an answer are to be shown.
enum class presentation {
  as_they_are,  ///< JSON, one line each
  status,       ///< a table
  verification,
  backup,
  cluster  ///< a table
};

struct command_line {
  std::string data_dir;
  std::string request;  ///< as the control socket takes it
  presentation show = presentation::as_they_are;
  bool needs_broker = false;                     ///< a directory alone does not answer it
  std::optional<inspection_command> inspection;  ///< in place of all that
  /// Set when there is nothing to do: end with this exit code.
  std::optional<int> exit_code;
};

/// Reads arguments and environment. Prints what was asked for (`--help`, `--version`) or what is
/// wrong.
[[nodiscard]] command_line read_command_line(int argc, char** argv);

}  // namespace troupe
