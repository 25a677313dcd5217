#include "tests/fuzz/session_fuzz.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  troupe::test::fuzz_session({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
