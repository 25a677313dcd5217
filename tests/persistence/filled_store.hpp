#pragma once

#include "libbroker/line_sink.hpp"
#include "persistence/log_inspector.hpp"
#include "persistence/offset_log.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace troupe::test {

using json = nlohmann::json;

/// A data directory as a broker keeps it, with a stream `s/#` beside the common part of the log.
class filled_store {
public:
  explicit filled_store(faulty_disk& disk, std::string directory = "data");

  void open();
  void close();

  log_offset append(const std::vector<test_message>& messages, std::string_view publisher = "ann",
                    wall_time received_at = {},
                    protocol_version version = protocol_version::v3_1_1);
  void commit();
  /// A commit fails, so that the store is opened anew.
  void fail();
  /// Appends, trims, keeps retained messages and sessions at random.
  void change(std::mt19937_64& random);
  /// Does so again and again, and restarts now and then.
  void fill(std::mt19937_64& random, int rounds);

  faulty_disk& disk;
  const std::string directory;
  std::unique_ptr<database> store;
  std::unique_ptr<offset_log> log;
};

/// All that a store keeps.
[[nodiscard]] std::map<std::string, std::string> all_keys(const database& store);

/// The files below a directory, with what is in them.
[[nodiscard]] std::map<std::string, std::string> files_below(faulty_disk& disk,
                                                             const std::string& directory);

/// Flips a bit in the middle, where records are, of each large table of a store that is closed.
void damage_tables(faulty_disk& disk);

/// What was answered to one request.
struct answered final : line_sink {
  std::vector<json> lines;
  json last;  ///< not among them
  /// Called before each question whether more is wanted; null: it is.
  std::function<bool()> wants;

  bool put(std::string_view line) override;
  bool is_wanted() override { return !wants || wants(); }
  [[nodiscard]] bool ok() const { return last["ok"] == true; }
  [[nodiscard]] std::string error() const { return last.value("error", ""); }
};

inline constexpr wall_time inspected_at{std::chrono::hours(480'000)};

[[nodiscard]] answered ask(const database& store, const log_streams& streams,
                           const std::string& request, std::function<bool()> wants = {});
[[nodiscard]] inline answered ask(const filled_store& of, const json& request,
                                  std::function<bool()> wants = {}) {
  return ask(*of.store, of.log->streams(), request.dump(), std::move(wants));
}

}  // namespace troupe::test
