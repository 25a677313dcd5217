#include "libbroker/bytes.hpp"

#include <algorithm>
#include <new>

namespace troupe {

void byte_buffer::grow(std::size_t needed) {
  reallocate(std::max(needed, std::min(std::size_t{capacity_} * 2, largest)));
}

void byte_buffer::reallocate(std::size_t capacity) {
  if (capacity > largest) throw std::bad_alloc();
  auto* const grown = static_cast<std::byte*>(std::realloc(data_, capacity));
  if (grown == nullptr) throw std::bad_alloc();
  data_ = grown;
  capacity_ = static_cast<std::uint32_t>(capacity);
}

}  // namespace troupe
