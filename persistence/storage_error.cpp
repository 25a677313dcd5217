#include "persistence/storage_error.hpp"

#include <leveldb/status.h>

#include <cerrno>
#include <system_error>

namespace troupe {

storage_error storage_error_of(const leveldb::Status& status) {
  using kind = storage_error::kind;
  std::string what = status.ToString();
  if (status.IsCorruption()) return {kind::damaged, std::move(what)};
  // LevelDB passes errno on as text only.
  static const std::string no_space = std::generic_category().message(ENOSPC);
  if (what.find(no_space) != std::string::npos) return {kind::no_space, std::move(what)};
  return {kind::io, std::move(what)};
}

}  // namespace troupe
