#pragma once

#include "libbroker/config/load.hpp"

#include <optional>
#include <string>

namespace troupe {

/// What the command line asks for.
struct command_line {
  loaded_config settings;
  /// Set when there is nothing (more) to do: end with this exit code.
  std::optional<int> exit_code;
};

/// Reads arguments, environment and configuration file. Prints what was asked
/// for (`--help`, `--version`, `--print-default-config`) or what is wrong.
[[nodiscard]] command_line read_command_line(int argc, char** argv);

}  // namespace troupe
