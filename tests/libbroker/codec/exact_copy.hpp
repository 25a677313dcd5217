#pragma once

#include "libbroker/bytes.hpp"

#include <cstddef>
#include <vector>

namespace troupe::test {

/// A copy that ends where its heap allocation ends, so that AddressSanitizer
/// notices a read of one byte too many.
class exact_copy {
public:
  explicit exact_copy(byte_view bytes) : bytes_(bytes.begin(), bytes.end()) {}

  [[nodiscard]] byte_view view() const noexcept { return bytes_; }

private:
  std::vector<std::byte> bytes_;
};

}  // namespace troupe::test
