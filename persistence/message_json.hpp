#pragma once

#include "libbroker/message/log_page.hpp"

#include <string>

namespace troupe {

/// A message of the log as one line of JSON, as docs/troupectl.md describes it. What an MQTT
/// string may not hold but a payload may is escaped, so that no publisher commands the terminal
/// on which the line appears.
[[nodiscard]] std::string to_json_line(const log_run& run, const message_entry& entry);

}  // namespace troupe
