#include "persistence/torn_file.hpp"

#include <leveldb/env.h>

#include <algorithm>
#include <string_view>

namespace troupe {

namespace {

constexpr std::size_t block_size = 32'768;
constexpr std::size_t header_size = 7;  // checksum, length, type
constexpr std::size_t length_at = 4;
constexpr std::size_t type_at = 6;

// Types of records: whole ones, and parts of one.
constexpr unsigned char full = 1;
constexpr unsigned char last = 4;

}  // namespace

bool is_torn(leveldb::Env& env, const std::string& file) {
  std::string text;
  if (!leveldb::ReadFileToString(&env, file, &text).ok()) return false;  // shows elsewhere
  unsigned char type = full;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view block = rest.substr(0, block_size);
    rest.remove_prefix(block.size());
    const bool is_last_block = rest.empty();
    while (block.size() >= header_size) {
      const std::size_t length =
          static_cast<unsigned char>(block[length_at]) |
          static_cast<std::size_t>(static_cast<unsigned char>(block[length_at + 1])) << 8;
      if (header_size + length > block.size()) return true;
      type = static_cast<unsigned char>(block[type_at]);
      block.remove_prefix(header_size + length);
    }
    if (is_last_block && !block.empty()) return true;
  }
  return type != full && type != last;
}

}  // namespace troupe
