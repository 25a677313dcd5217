#pragma once

#include "net/control_server.hpp"
#include "persistence/log_inspector.hpp"

#include <memory>

namespace troupe {

/// Lets `troupectl` in, at a socket in the data directory. Throws `std::runtime_error` with a
/// sentence for the user. Both outlive what it returns.
[[nodiscard]] std::unique_ptr<control_server> open_control(const database& store,
                                                           const log_streams& streams);

}  // namespace troupe
