#include "persistence/retained_table.hpp"

#include "libbroker/router/retained_exchange.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_record.hpp"

#include <array>

namespace troupe {

void retained_table::keep(const message_block& block, std::uint32_t index,
                          const clock_reading& now) {
  record_.clear();
  encode_record(block, std::array{index}, no_place,
                {.received_at = now.to_wall(block.received_at())}, record_);
  store_.put(keys::retained(block.topic(block[index])), record_);
}

void retained_table::remove(std::string_view topic) { store_.remove(keys::retained(topic)); }

retained_table::figures retained_table::load(const clock_reading& now,
                                             const std::function<void(message_block_ptr)>& take) {
  figures found;
  const store_scan scan = store_.scan();
  for (scan->Seek(std::string(1, keys::retained_table)); scan->Valid(); scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    if (key[0] != keys::retained_table) break;
    const auto record = record_view::parse({scan->value().data(), scan->value().size()});
    if (!record) {
      ++found.damaged;
      continue;
    }
    message_block_ptr block =
        single_message(*record, now.to_monotonic(record->origin().received_at));
    const retained_stamp stamp = block->stamp(0);
    const bool is_old = wall_of(stamp.time) + cleared_topics_kept < now.wall;
    bool is_cleared = (*block)[0].payload_size() == 0;
    if (block->expired((*block)[0], now.monotonic)) {
      ++found.expired;
      block = make_cleared(block->topic((*block)[0]), stamp);
      if (!is_old) keep(*block, 0, now);
      is_cleared = true;
    }
    if (is_cleared && is_old) {
      store_.remove(key);
      continue;
    }
    ++(is_cleared ? found.cleared : found.messages);
    take(std::move(block));
  }
  if (!scan->status().ok()) ++found.damaged;
  return found;
}

}  // namespace troupe
