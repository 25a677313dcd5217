#include "persistence/log_streams.hpp"

#include "tests/libbroker/router/topic_words.hpp"
#include "tests/persistence/opened_log.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <utility>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

std::vector<stream_config> declared(std::initializer_list<const char*> filters) {
  std::vector<stream_config> streams;
  for (const char* const filter : filters)
    streams.push_back({.filter = filter});
  return streams;
}

wall_time at(std::int64_t milliseconds) {
  return wall_time(std::chrono::milliseconds(milliseconds));
}

/// Keys of a table, in order.
std::size_t keys_in(const database& store, char table) {
  std::size_t found = 0;
  const store_scan scan = store.scan();
  for (scan->Seek(std::string(1, table)); scan->Valid() && scan->key()[0] == table; scan->Next())
    ++found;
  return found;
}

/// A `std::map` beside the log; whatever one does to both, they hold the same.
class log_and_model {
public:
  explicit log_and_model(std::mt19937_64& random)
      : random_(random), words_(random), opened_(disk_, pick_streams()) {}

  void do_anything() {
    switch (below(12)) {
    case 0: return restart();
    case 1:
    case 2: return trim();
    case 3: return read();
    case 4: return find();
    case 5: return get();
    default: return append();
    }
  }

  void check() {
    check_figures(opened_);
    std::map<stream_number, std::pair<std::uint64_t, log_offset>> parts;
    for (const auto& [offset, each] : model_) {
      const stream_number part = part_of(each.record);
      ++parts[part].first;
      BOOST_TEST(offset > opened_.log->streams().kept(part).trimmed);
    }
    for (const stream_number part : opened_.log->streams().all())
      BOOST_TEST(opened_.log->streams().kept(part).messages == parts[part].first);
  }

  /// Nothing is left when everything was trimmed, whatever the order of the parts.
  void trim_all() {
    std::vector<stream_number> parts = opened_.log->streams().all();
    for (bool more = true; more;) {
      more = false;
      std::shuffle(parts.begin(), parts.end(), random_);
      const bool at_once = below(2) == 0;
      for (const stream_number part : parts) {
        const auto gone =
            opened_.log->trim(part, {.passed = opened_.log->head(), .records = 1 + below(50)});
        BOOST_TEST_REQUIRE(gone.has_value());
        more |= gone->records != 0;
        if (!at_once) BOOST_TEST(opened_.commit());
      }
      BOOST_TEST(opened_.commit());
    }
    model_.clear();
    check();
    BOOST_TEST(keys_in(*opened_.store, keys::record_table) == 0U);
    BOOST_TEST(keys_in(*opened_.store, keys::index_table) == 0U);
    BOOST_TEST(keys_in(*opened_.store, keys::topic_table) == 0U);
  }

private:
  struct message {
    std::string topic;
    std::string text;  ///< "topic=payload"
    wall_time received_at;
    log_offset record = 0;  ///< its last offset
  };
  using messages = std::map<log_offset, message>;

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  std::vector<stream_config> pick_streams() {
    std::vector<stream_config> streams =
        declared({"a/#", "+/b", "#", "$s/#", "b", "a/b", "+", "a/+/#"});
    std::shuffle(streams.begin(), streams.end(), random_);
    streams.resize(below(4));
    return streams;
  }

  stream_number part_of(log_offset record) const {
    for (const stream_number part : opened_.log->streams().all())
      if (opened_.store->get(keys::record(part, record))->has_value()) return part;
    BOOST_FAIL("record " << record << " is lost");
    return 0;
  }

  void restart() {
    if (below(3) == 0)
      opened_.append({{.topic = words_.name()}});  // and goes down before it is there
    const log_offset head = opened_.log->head();
    opened_.close();
    if (below(2) == 0) opened_.streams = pick_streams();
    opened_.open();
    BOOST_TEST(opened_.log->head() >= head);
  }

  void append() {
    std::vector<test_message> sent(1 + below(6));
    for (test_message& each : sent)
      each = {.topic = words_.name(), .payload = std::to_string(below(1000))};
    now_ += std::chrono::milliseconds(below(3));
    log_offset offset = opened_.append(sent, "ann", now_);
    if (below(20) == 0) {
      disk_.fail_writes_from(1);
      BOOST_TEST(!opened_.commit());
      disk_.heal();
      opened_.store->open_again();
      return;
    }
    BOOST_TEST(opened_.commit(below(2) == 0));
    const log_streams& streams = opened_.log->streams();
    messages added;
    for (const test_message& each : sent) {
      const auto expected = std::ranges::find_if(opened_.streams, [&](const stream_config& stream) {
        return matches(stream.filter, each.topic);
      });
      const stream_number part = streams.of(each.topic);
      if (expected == opened_.streams.end()) {
        BOOST_TEST(part == 0U);
      } else {
        BOOST_TEST(streams.filter(part) == expected->filter);
        BOOST_TEST_REQUIRE(streams.declaration(part) != nullptr);
        BOOST_TEST((*streams.declaration(part) == *expected));
      }
      added[offset++] = {each.topic, each.topic + '=' + each.payload, now_};
    }
    // Neighbours of one part are one record.
    std::optional<stream_number> behind;
    log_offset last = 0;
    for (auto each = added.rbegin(); each != added.rend(); ++each) {
      const stream_number part = streams.of(each->second.topic);
      if (std::exchange(behind, part) != part) last = each->first;
      each->second.record = last;
      used_.push_back(each->first);
    }
    model_.merge(added);
  }

  void trim() {
    const std::vector<stream_number> parts = opened_.log->streams().all();
    const stream_number part = parts[below(parts.size())];
    offset_log::trim_limits limits{.passed = below(opened_.log->head() + 1),
                                   .keeps_passed = below(2) == 0,
                                   .overdue = {},
                                   .bytes = below(3) == 0 ? 1 + below(2000) : 0,
                                   .records = 1 + below(8)};
    if (below(3) == 0 && now_ > at(0))
      limits.overdue = at(static_cast<std::int64_t>(
          below(static_cast<std::uint64_t>(now_.time_since_epoch().count()))));
    std::uint64_t bytes = counted(*opened_.store)[part].bytes;
    const auto gone = opened_.log->trim(part, limits);
    BOOST_TEST_REQUIRE(gone.has_value());
    // The same in the model.
    std::size_t records = 0;
    std::size_t needed = 0;
    for (auto each = model_.begin(); each != model_.end() && records != limits.records;) {
      const log_offset record = each->second.record;
      const auto end = model_.upper_bound(record);
      const auto kept = opened_.store->get(keys::record(part, record));
      BOOST_TEST_REQUIRE(kept.has_value());
      if (!*kept) {  // of another part
        each = end;
        continue;
      }
      const bool is_over = (limits.bytes != 0 && bytes > limits.bytes) ||
                           (limits.overdue && each->second.received_at < *limits.overdue);
      const bool is_passed = record <= limits.passed;
      if (!is_over && !(is_passed && !limits.keeps_passed)) break;
      bytes -= (*kept)->size();
      ++records;
      for (; each != end; each = model_.erase(each))
        needed += is_passed ? 0 : 1;
    }
    BOOST_TEST(gone->records == records);
    BOOST_TEST(gone->messages_needed == needed);
    BOOST_TEST(opened_.commit());
  }

  [[nodiscard]] std::vector<std::string> some_filters(std::uint64_t least) {
    std::vector<std::string> filters;
    for (std::uint64_t more = least + below(4 - least); more != 0; --more)
      filters.push_back(below(2) == 0 ? words_.name() : words_.filter());
    return filters;
  }

  [[nodiscard]] messages matching(const std::vector<std::string>& filters) const {
    messages found;
    for (const auto& [offset, each] : model_)
      if (filters.empty() || std::ranges::any_of(filters, [&](const std::string& filter) {
            return matches(filter, each.topic);
          }))
        found.emplace(offset, each);
    return found;
  }

  void read() {
    log_query what{.filters = some_filters(0),
                   .after = below(opened_.log->head() + 2),
                   .up_to = opened_.log->head(),
                   .most_messages = 1 + below(10),
                   .most_bytes = 1 + below(200),
                   .most_records = 1 + below(5)};
    if (below(2) == 0) what.after = a_place();
    if (below(3) == 0) what.up_to = a_place() + below(2);
    if (what.after >= what.up_to) return;
    contents wanted;
    for (const auto& [offset, each] : matching(what.filters))
      if (offset > what.after && offset <= what.up_to) wanted[offset] = each.text;
    const contents found = read_all(opened_.reader(), what);
    BOOST_TEST((found == wanted), described(what.filters)
                                      << ": " << found.size() << " instead of " << wanted.size());
  }

  void get() {
    const log_offset offset = below(2) == 0 ? a_place() : below(opened_.log->head() + 2);
    const auto found = opened_.reader().get(offset);
    BOOST_TEST_REQUIRE(found.has_value());
    const auto expected = model_.find(offset);
    BOOST_TEST(found->has_value() == (expected != model_.end()), "offset " << offset);
    if (!*found || expected == model_.end()) return;
    const message_block& block = *(*found)->block;
    BOOST_TEST(block.size() == 1U);
    BOOST_TEST(std::string(block.topic(block[0])) + '=' +
                   std::string(as_text(block.payload(block[0]))) ==
               expected->second.text);
    BOOST_TEST(((*found)->received_at == expected->second.received_at));
  }

  /// Behind what `find` says lies all that was asked for, and nothing else.
  void find() {
    const std::vector<std::string> filters = some_filters(1);
    const auto behind = [&](const replay_start& start) {
      const auto found = opened_.reader().find(start, filters, now_);
      BOOST_TEST_REQUIRE(found.has_value());
      for (const auto& [offset, each] : matching(filters))
        BOOST_TEST(offset > found->oldest);
      return std::max(found->after, found->oldest);
    };
    const log_offset offset = a_place() + below(2);
    const auto ago = std::chrono::milliseconds(below(40));
    const wall_time time = now_ - ago;
    const log_offset by_offset = behind(offset);
    const log_offset by_time = behind(time);
    const auto seconds = std::chrono::seconds(below(2));
    const log_offset by_ago = behind(seconds);
    for (const auto& [place, each] : matching(filters)) {
      BOOST_TEST((place > by_offset) == (place >= offset), described(filters));
      BOOST_TEST((place > by_time) == (each.received_at >= time),
                 described(filters) << " offset " << place << " after " << by_time);
      BOOST_TEST((place > by_ago) == (each.received_at >= now_ - seconds), described(filters));
    }
  }

  /// An offset that was used.
  log_offset a_place() { return used_.empty() ? 0 : used_[below(used_.size())]; }

  static std::string described(const std::vector<std::string>& filters) {
    std::string all;
    for (const std::string& each : filters)
      all += each + ' ';
    return all;
  }

  std::mt19937_64& random_;
  topic_words words_;
  faulty_disk disk_;
  opened_log opened_;
  wall_time now_ = at(0);
  messages model_;
  std::vector<log_offset> used_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(log_streams_)

BOOST_AUTO_TEST_CASE(log_of_streams_holds_what_a_map_holds_whatever_is_done_to_it) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 60; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      std::mt19937_64 random(seed + round);
      log_and_model both(random);
      for (int step = 0; step != 80; ++step)
        both.do_anything();
      both.check();
      both.trim_all();
    }
  }
}

BOOST_AUTO_TEST_CASE(message_lies_in_the_first_declared_stream_that_matches) {
  faulty_disk disk;
  opened_log opened(disk, declared({"a/b", "a/#", "$s/#", "#"}));
  const log_streams& streams = opened.log->streams();
  for (const auto& [topic, filter] : std::initializer_list<std::pair<const char*, const char*>>{
           {"a/b", "a/b"}, {"a/c", "a/#"}, {"a", "a/#"}, {"$s", "$s/#"}, {"b", "#"}, {"$t", ""}})
    BOOST_TEST(streams.filter(streams.of(topic)) == filter, topic);
}

BOOST_AUTO_TEST_CASE(only_parts_that_may_hold_something_are_read) {
  faulty_disk disk;
  opened_log opened(disk, declared({"a/+", "b/#"}));
  const auto held = [&](std::vector<std::string> filters) {
    std::string all;
    for (const stream_number part : opened.log->streams().holding(filters, 0))
      all += opened.log->streams().filter(part) + ' ';
    return all;
  };
  BOOST_TEST(held({"a/1"}) == "a/+ ");
  BOOST_TEST(held({"b/+/1"}) == "b/# ");
  BOOST_TEST(held({"a/#"}) == "a/+  ");
  BOOST_TEST(held({"a/1", "b"}) == "a/+ b/# ");
  BOOST_TEST(held({"c"}) == " ");
  BOOST_TEST(held({}) == "a/+ b/#   ");  // and what is lent, which no filter finds
  // What is no stream any more still holds something, and what is one now has not always been.
  opened.append({{.topic = "a/1"}});
  BOOST_TEST(opened.commit());
  opened.close();
  opened.streams = declared({"+/1"});
  opened.open();
  BOOST_TEST(held({"a/1"}) == "a/+ +/1  ");
}

// Trimming one stream used to move the beginning of replays by time in the others.
BOOST_AUTO_TEST_CASE(replay_by_time_begins_where_the_time_was_though_other_parts_were_trimmed) {
  faulty_disk disk;
  opened_log opened(disk, declared({"a", "b"}));
  opened.append({{.topic = "a", .payload = "1"}}, "ann", at(1000));
  opened.append({{.topic = "b", .payload = "2"}}, "ann", at(2000));
  BOOST_TEST(opened.commit());
  BOOST_TEST(opened.log->trim(opened.log->streams().of("b"), {.passed = 2})->records == 1U);
  BOOST_TEST(opened.commit());
  const std::vector<std::string> both{"+"};
  const auto found = opened.reader().find(at(500), both, at(3000));
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(found->after == 0U);
  BOOST_TEST(found->oldest == 0U);
}

// A topic's number used to go with its last record though an earlier one was left in another part.
BOOST_AUTO_TEST_CASE(topic_that_is_left_in_an_earlier_part_keeps_its_number) {
  faulty_disk disk;
  opened_log opened(disk);
  opened.append({{.topic = "a", .payload = "1"}});
  BOOST_TEST(opened.commit());
  opened.close();
  opened.streams = declared({"a"});
  opened.open();
  const log_offset later = opened.append({{.topic = "a", .payload = "2"}});
  BOOST_TEST(opened.commit());
  BOOST_TEST(opened.log->trim(opened.log->streams().of("a"), {.passed = later})->records == 1U);
  BOOST_TEST(opened.commit());
  for (const std::string filter : {"a", "+"})
    BOOST_TEST(
        (read_all(opened.reader(), {.filters = {filter}, .up_to = later}) == contents{{1, "a=1"}}));
  BOOST_TEST(opened.log->trim(0, {.passed = 1})->records == 1U);
  BOOST_TEST(opened.commit());
  BOOST_TEST(keys_in(*opened.store, keys::index_table) == 0U);
  BOOST_TEST(keys_in(*opened.store, keys::topic_table) == 0U);
}

BOOST_AUTO_TEST_CASE(figures_are_counted_anew_after_damage) {
  faulty_disk disk;
  opened_log opened(disk, declared({"a/#", "b"}));
  for (int i = 0; i != 50; ++i) {
    opened.append({{.topic = "a/1"}, {.topic = "b"}, {.topic = "c"}});
    BOOST_TEST(opened.commit());
  }
  opened.close();
  const auto names = disk.files();
  for (const std::string& name : names)
    if (name.ends_with("CURRENT")) BOOST_TEST(disk.RemoveFile(name).ok());
  opened.open();
  BOOST_TEST(opened.store->recovered().is_damage());
  check_figures(opened);
  BOOST_TEST(opened.log->streams().kept(opened.log->streams().of("b")).messages == 50U);
}

BOOST_AUTO_TEST_SUITE_END()
