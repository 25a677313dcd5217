#pragma once

#include "libbroker/message/log_page.hpp"

#include <cstdint>
#include <string>

namespace troupe {

/// A message of the run, by its index in the block, as one line of JSON, as docs/troupectl.md
/// describes it. What an MQTT string may not hold but a payload may is escaped, so that no
/// publisher commands the terminal on which the line appears.
[[nodiscard]] std::string to_json_line(const log_run& run, std::uint32_t index);

}  // namespace troupe
