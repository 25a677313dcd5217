#pragma once

#include "libbroker/bytes.hpp"

#include <string>

namespace troupe {

/// Source: RFC 4648 §4, with padding.
[[nodiscard]] std::string to_base64(byte_view bytes);

}  // namespace troupe
