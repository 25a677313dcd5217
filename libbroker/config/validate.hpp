#pragma once

#include "libbroker/config/load.hpp"

#include <vector>

namespace troupe {

struct config_findings {
  std::vector<config_error> errors;    ///< the broker must not start
  std::vector<config_error> warnings;  ///< legal, and probably not what was meant
};

/// Checks what no single option can tell: values that contradict each other. The
/// source of a finding is the option's entry in `origins`, else its name.
/// REQUIRES: every value is in the range of its option.
[[nodiscard]] config_findings validate(const config& values, const option_origins& origins = {});

}  // namespace troupe
