#pragma once

#include "libbroker/config/config.hpp"

namespace troupe {

/// Directs the log where the configuration says. Throws `std::runtime_error`
/// with a sentence for the user when the file cannot be written.
void set_up_logging(const log_config& settings);

}  // namespace troupe
