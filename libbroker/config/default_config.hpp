#pragma once

#include <string>

namespace troupe {

/// The text of a configuration file with every option at its default, and what
/// it means, takes and is measured in. Loading it changes nothing.
[[nodiscard]] std::string print_default_config();

}  // namespace troupe
