#pragma once

#include <string>

namespace troupe {

/// The text of a configuration file with every option at its default, and what
/// it means, takes and is measured in. A list that is empty by default is shown
/// with one item that is commented out. Loading the text gives the default.
[[nodiscard]] std::string print_default_config();

}  // namespace troupe
