#include "persistence/log_reader_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe {

namespace {

/// Whoever asks again at once after an error would find the same.
constexpr std::chrono::seconds pause_after_error{1};

}  // namespace

log_reader_actor::log_reader_actor(caf::actor_config& config, const database& store,
                                   const offset_log& log)
    : log_reader_handle::base(config), log_(log), reader_(store) {}

log_reader_actor::behavior_type log_reader_actor::make_behavior() {
  return {
      [this](read_log& request) {
        auto page = read(request.what);
        log_read reply{.number = request.what.number, .epoch = request.epoch, .page = {}};
        if (page) {
          if (page->damaged_records != 0)
            spdlog::error("event=log_damaged records={}", page->damaged_records);
          reply.page = *std::move(page);
          return send(request.reader, std::move(reply));
        }
        spdlog::error("event=log_unreadable reason=\"{}\"", page.error().what);
        reply.page.reached = request.what.page.after;
        reply.failed = true;
        delayed_send(request.reader, pause_after_error, std::move(reply));
      },
  };
}

storage_result<log_page> log_reader_actor::read(log_request& what) const {
  if (what.offsets.empty()) {
    // LevelDB is slow to pass over what was removed.
    what.page.after = std::max(what.page.after, log_.trimmed());
    return reader_.read(what.page);
  }
  log_page page;
  for (const log_offset offset : what.offsets) {
    auto found = reader_.get(offset, what.page.now);
    if (!found) return found.error();
    if (*found) page.runs.push_back(**std::move(found));
  }
  return page;
}

}  // namespace troupe
