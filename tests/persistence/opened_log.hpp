#pragma once

#include "libbroker/topic.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/offset_log.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe::test {

/// A store and its log, which can be closed and opened like a process that ends.
class opened_log {
public:
  explicit opened_log(faulty_disk& disk, std::vector<stream_config> streams = {})
      : streams(std::move(streams)), disk_(disk) {
    open();
  }

  void open() {
    auto opened = database::open("data", {.env = &disk_, .write_buffer = 64 << 10});
    BOOST_TEST_REQUIRE(opened.has_value());
    store = *std::move(opened);
    auto made = offset_log::open(*store, streams);
    BOOST_TEST_REQUIRE(made.has_value());
    log = *std::move(made);
  }
  void close() {
    log.reset();
    store.reset();
  }

  log_offset append(const std::vector<test_message>& messages, std::string_view publisher = "ann",
                    wall_time received_at = {}) {
    const message_block_ptr block = make_block(messages);
    std::vector<std::uint32_t> all(block->size());
    for (std::uint32_t i = 0; i != all.size(); ++i)
      all[i] = i;
    return log->append(*block, all, {.publisher = publisher, .received_at = received_at});
  }
  bool commit(bool sync = true) {
    log->stage_figures();
    const bool done = store->commit(sync || log->needs_sync()).has_value();
    if (done)
      log->committed();
    else
      log->failed();
    return done;
  }
  [[nodiscard]] log_reader reader() const { return log_reader(*store, log->streams()); }

  [[nodiscard]] log_offset trimmed() const { return log->streams().kept(0).trimmed; }

  std::vector<stream_config> streams;
  std::unique_ptr<database> store;
  std::unique_ptr<offset_log> log;

private:
  faulty_disk& disk_;
};

using contents = std::map<log_offset, std::string>;  // "topic=payload"

inline contents contents_of(const log_page& page) {
  contents all;
  log_offset before = 0;
  for (const log_run& run : page.runs)
    for (std::uint32_t i = 0; i != run.block->size(); ++i) {
      const message_entry& entry = (*run.block)[i];
      BOOST_TEST(entry.log_offset > before);  // in order
      before = entry.log_offset;
      all[entry.log_offset] = std::string(run.block->topic(entry)) + '=' +
                              std::string(as_text(run.block->payload(entry)));
    }
  return all;
}

inline contents read_all(const log_reader& reader, const log_query& from) {
  contents all;
  log_query next = from;
  for (;;) {
    const auto page = reader.read(next);
    BOOST_TEST_REQUIRE(page.has_value());
    BOOST_TEST(page->damaged_records == 0U);
    BOOST_TEST(page->messages <= next.most_messages);
    BOOST_TEST(page->records <= next.most_records);
    BOOST_TEST(page->runs.size() <= page->records + 1);  // the last may go on
    all.merge(contents_of(*page));
    if (page->reached >= next.up_to) return all;
    BOOST_TEST_REQUIRE(page->reached > next.after);  // it goes on
    next.after = page->reached;
  }
}

/// What each part of the log holds, counted record by record.
inline std::map<stream_number, log_streams::figures> counted(const database& store) {
  std::map<stream_number, log_streams::figures> parts;
  const store_scan scan = store.scan();
  for (scan->Seek(std::string(1, keys::record_table)); scan->Valid(); scan->Next()) {
    const auto place = keys::parse_record(scan->key().ToString());
    if (!place) break;
    const auto record = record_view::parse({scan->value().data(), scan->value().size()});
    BOOST_TEST_REQUIRE(record.has_value());
    parts[place->stream].messages += record->size();
    parts[place->stream].bytes += scan->value().size();
  }
  return parts;
}

/// The figures of each part are what a count finds.
inline void check_figures(const opened_log& opened) {
  auto parts = counted(*opened.store);
  for (const stream_number part : opened.log->streams().all()) {
    const log_streams::figures kept = opened.log->streams().kept(part);
    BOOST_TEST(kept.messages == parts[part].messages, "in part " << part);
    BOOST_TEST(kept.bytes == parts[part].bytes, "in part " << part);
    parts.erase(part);
  }
  for (const auto& [part, figures] : parts)
    BOOST_TEST(figures.messages == 0U, "nobody knows part " << part);
}

}  // namespace troupe::test
