#pragma once

#include "persistence/log_reader_actor.hpp"
#include "persistence/store_actor.hpp"
#include "tests/actors/stage.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <random>
#include <utility>
#include <vector>

namespace troupe::test {

/// A data directory, on a disk in memory, that outlives the nodes that use it.
struct data_directory {
  explicit data_directory(std::vector<stream_config> declared = {})
      : streams(std::move(declared)) {}

  stage::store_maker maker() {
    return [this](caf::actor_system& system, node_context& node) {
      node.log_reader = system.spawn<log_reader_actor>(node.roster, *store, *log);
      node.replay_reader = system.spawn<log_reader_actor>(node.roster, *store, *log);
      node.store =
          system.spawn<store_actor>(node.roster, *store, *log, node.log_head, node.settings.store,
                                    node.replay_reader, node.settings.durability_rules);
    };
  }
  std::size_t records() const {
    std::size_t count = 0;
    const store_scan scan = store->scan();
    for (scan->Seek("R"); scan->Valid() && scan->key()[0] == 'R'; scan->Next())
      ++count;
    return count;
  }

  /// The power goes, and the process with it: what was synced is there, of the rest a part.
  /// The node that used the directory must be gone before it is opened again.
  void cut_power(std::mt19937_64& random) { disk.cut_power(random); }
  void close() {
    log.reset();
    store.reset();
  }
  void open() {
    store = *database::open("data", {.env = &disk});
    log = *offset_log::open(*store, streams);
  }

  faulty_disk disk;
  std::vector<stream_config> streams;
  std::unique_ptr<database> store = *database::open("data", {.env = &disk});
  std::unique_ptr<offset_log> log = *offset_log::open(*store, streams);
};

/// The settings of a node that keeps things.
inline config durable(std::size_t queue = 100'000) {
  config settings;
  settings.node.data_dir = "data";
  settings.session.max_queued_messages = queue;
  return settings;
}

}  // namespace troupe::test
