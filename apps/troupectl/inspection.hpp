#pragma once

#include "libbroker/inspection/inspection_wire.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// What is to be asked of a node by way of its cluster port, and how one gets there.
struct inspection_command {
  std::string config_file;  ///< the broker's
  std::vector<std::string> overrides;
  std::string address;  ///< empty: as configured
  std::string secret_file;
  std::string data_dir;
  std::string node;  ///< another member that is to answer; empty: the one at `address`
  inspection_question question;
  std::uint64_t limit = 50;  ///< rows of a list; 0: all
  bool json = false;
};

/// Asks and prints the answer, or what went wrong. The exit code.
[[nodiscard]] int inspect(const inspection_command& asked);

}  // namespace troupe
