#include "tests/persistence/filled_store.hpp"

#include "persistence/retained_table.hpp"
#include "persistence/session_table.hpp"

#include <boost/test/unit_test.hpp>

namespace troupe::test {

filled_store::filled_store(faulty_disk& disk, std::string directory)
    : disk(disk), directory(std::move(directory)) {
  open();
}

void filled_store::open() {
  auto opened = database::open(directory, {.env = &disk, .write_buffer = 64 << 10});
  BOOST_TEST_REQUIRE(opened.has_value());
  store = *std::move(opened);
  auto made = offset_log::open(*store, {{.filter = "s/#"}});
  BOOST_TEST_REQUIRE(made.has_value());
  log = *std::move(made);
}

void filled_store::close() {
  log.reset();
  store.reset();
}

log_offset filled_store::append(const std::vector<test_message>& messages,
                                std::string_view publisher, wall_time received_at,
                                protocol_version version) {
  const message_block_ptr block = make_block(messages, version);
  std::vector<std::uint32_t> all(block->size());
  for (std::uint32_t i = 0; i != all.size(); ++i)
    all[i] = i;
  return log->append(*block, all, {.publisher = publisher, .received_at = received_at});
}

void filled_store::commit() {
  log->stage_figures();
  BOOST_TEST_REQUIRE(store->commit(true).has_value());
  log->committed();
}

void filled_store::fail() {
  disk.fail_writes_from(1);
  store->put("k", "v");
  BOOST_TEST(!store->commit(true).has_value());
  disk.heal();
  store->open_again();
}

void filled_store::change(std::mt19937_64& random) {
  const auto topic = [&] {
    return (random() % 2 == 0 ? "s/" : "t/") + std::to_string(random() % 20);
  };
  const auto bytes = [&](std::size_t size) {  // not to be compressed to nothing
    std::string made(size, '\0');
    for (char& each : made)
      each = static_cast<char>(random());
    return made;
  };
  std::vector<test_message> messages;
  for (std::size_t count = 1 + random() % 40; count != 0; --count)
    messages.push_back({.topic = topic(), .payload = bytes(random() % 1500)});
  append(messages);
  retained_table retained(*store);
  const auto block = make_block({{.topic = topic(), .retain = true}});
  if (random() % 4 == 0)
    retained.remove(block->topic((*block)[0]));
  else
    retained.keep(*block, 0, {});
  session_table sessions(*store);
  const std::string client = "client " + std::to_string(random() % 10);
  sessions.apply(client, kept_login{.expiry = 100, .will = block}, {});
  sessions.apply(client, kept_subscription{.filter = topic()}, {});
  sessions.apply(client, kept_progress{.positions = {log->head()}}, {});
  commit();
  if (random() % 4 == 0) {
    const auto part = log->streams().all()[random() % 2];
    BOOST_TEST_REQUIRE(
        log->trim(part, {.passed = log->head() - log->head() / 4, .records = 1 + random() % 20})
            .has_value());
    commit();
  }
}

void filled_store::fill(std::mt19937_64& random, int rounds) {
  for (int round = 0; round != rounds; ++round) {
    change(random);
    if (random() % 16 != 0) continue;
    close();
    open();
  }
}

std::map<std::string, std::string> all_keys(const database& store) {
  std::map<std::string, std::string> all;
  const store_scan scan = store.scan();
  for (scan->SeekToFirst(); scan->Valid(); scan->Next())
    all[scan->key().ToString()] = scan->value().ToString();
  BOOST_TEST(scan->status().ok());
  return all;
}

std::map<std::string, std::string> files_below(faulty_disk& disk, const std::string& directory) {
  std::map<std::string, std::string> all;
  for (const std::string& name : disk.files())
    if (name.starts_with(directory + '/'))
      BOOST_TEST_REQUIRE(leveldb::ReadFileToString(&disk, name, &all[name]).ok());
  return all;
}

void damage_tables(faulty_disk& disk) {
  for (const std::string& name : disk.files())
    if (const std::uint64_t size = disk.size_of(name); name.ends_with(".ldb") && size > 20'000)
      disk.flip_bit(name, 8 * (size / 2));
}

bool answered::put(std::string_view line) {
  json parsed = json::parse(line);
  BOOST_TEST(last.is_null());  // nothing follows the last line
  if (line.starts_with(R"({"ok":)"))
    last = std::move(parsed);
  else
    lines.push_back(std::move(parsed));
  return is_wanted();
}

answered ask(const database& store, const log_streams& streams, const std::string& request,
             std::function<bool()> wants) {
  answered to;
  to.wants = std::move(wants);
  log_inspector(store, streams).answer(request, inspected_at, to);
  BOOST_TEST_REQUIRE(to.last.is_object());
  return to;
}

}  // namespace troupe::test
