#include "persistence/snapshot_walk.hpp"

namespace troupe {

namespace {

// A piece takes some milliseconds: so long may a failed commit have to wait.
constexpr std::size_t most_keys = 4096;
constexpr std::size_t most_bytes = 1UL << 20;

}  // namespace

storage_result<void> walk(const store_snapshot& through, std::string_view prefix,
                          const walk_steps& steps) {
  std::string next(prefix);
  for (bool is_done = false; !is_done;) {
    std::optional<storage_error> damage;
    {
      auto opened = through.scan();
      if (!opened) return opened.error();
      const store_scan scan = *std::move(opened);
      scan->Seek(next);
      std::size_t bytes = 0;
      std::size_t count = 0;
      is_done = true;
      for (; scan->Valid() && scan->key().starts_with(leveldb::Slice(prefix.data(), prefix.size()));
           scan->Next()) {
        if (count == most_keys || bytes >= most_bytes) {
          next = scan->key().ToString();
          is_done = false;
          break;
        }
        steps.take({scan->key().data(), scan->key().size()},
                   {scan->value().data(), scan->value().size()}, scan);
        bytes += scan->key().size() + scan->value().size();
        ++count;
      }
      if (!scan->status().ok()) {
        damage = storage_error_of(scan->status());
        if (damage->failure != storage_error::kind::damaged) return *damage;
      }
    }
    if (const auto rested = steps.rest(damage); !rested) return rested;
  }
  return {};
}

}  // namespace troupe
