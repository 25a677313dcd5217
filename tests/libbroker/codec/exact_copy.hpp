#pragma once

#include "libbroker/bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>

namespace troupe::test {

/// A copy that ends where its heap allocation ends, so that AddressSanitizer
/// notices a read of one byte too many.
class exact_copy {
public:
  explicit exact_copy(byte_view bytes)
      : size_(bytes.size()), data_(std::make_unique<std::byte[]>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), data_.get());
  }

  [[nodiscard]] byte_view view() const noexcept { return {data_.get(), size_}; }

private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> data_;
};

}  // namespace troupe::test
