#include "libbroker/shared_text.hpp"

#include <cstring>
#include <new>

namespace troupe {

shared_text::shared_text(std::string_view text) {
  if (text.empty()) return;
  void* const memory = ::operator new(sizeof(body) + text.size());
  const auto* const made = ::new (memory) body(static_cast<std::uint32_t>(text.size()));
  std::memcpy(static_cast<char*>(memory) + sizeof(body), text.data(), text.size());
  body_ = intrusive_ptr<const body>::adopt(made);
}

void shared_text::body::destroy(const body* self) noexcept {
  self->~body();
  ::operator delete(const_cast<body*>(self));
}

}  // namespace troupe
