#pragma once

#include "libbroker/line_sink.hpp"

#include <string>

namespace troupe {

/// Answers `request` out of a data directory that no broker uses, which stays as it is. Returns
/// why it cannot be read, or nothing.
[[nodiscard]] std::string answer_offline(const std::string& data_dir, const std::string& request,
                                         line_sink& to);

}  // namespace troupe
