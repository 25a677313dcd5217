#include "apps/troupectl/offline.hpp"

#include "persistence/log_inspector.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace troupe {

std::string answer_offline(const std::string& data_dir, const std::string& request, line_sink& to) {
  const auto store = database::open(data_dir, {.read_only = true});
  if (!store) return store.error().what;
  if (const auto lost = (*store)->recovered().dropped_bytes; lost != 0)
    fmt::print(stderr,
               "troupectl: {} bytes of what was written last cannot be read and are left out; a "
               "broker that starts repairs that\n",
               lost);
  log_streams streams;
  if (const auto loaded = streams.load(**store); !loaded) return loaded.error().what;
  const auto now = std::chrono::system_clock::now();
  log_inspector(**store, streams)
      .answer(request, std::chrono::floor<std::chrono::milliseconds>(now), to);
  return {};
}

}  // namespace troupe
