#include "persistence/share_table.hpp"

#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe {

namespace {

// Format 1 knew of no other nodes: it ends with what is settled.
constexpr std::uint8_t first_share_format = 1;
constexpr std::uint8_t share_format = 2;
constexpr std::size_t position_count_at = 1;
constexpr std::size_t outstanding_count_at = 2;
constexpr std::size_t header_size = 6;

constexpr std::size_t loan_size = sizeof(log_offset) + 1;

/// A list of offsets, with how many there are in front.
void append_list(const std::vector<log_offset>& list, std::string& to) {
  append_big_endian(static_cast<std::uint32_t>(list.size()), to);
  for (const log_offset each : list)
    append_big_endian(each, to);
}

std::string encode(const kept_share& group) {
  std::string value;
  value += static_cast<char>(share_format);
  value += static_cast<char>(group.positions.size());
  append_big_endian(static_cast<std::uint32_t>(group.outstanding.size()), value);
  for (const auto* list : {&group.positions, &group.outstanding})
    for (const log_offset each : *list)
      append_big_endian(each, value);
  append_list(group.settled, value);
  for (const kept_share::lent& each : group.with_nodes) {
    append_big_endian(each.node, value);
    append_list(each.at_least_once, value);
    append_list(each.exactly_once, value);
  }
  return value;
}

/// Takes offsets off the front of a value; the first that is missing makes all of it bad.
class offset_reader {
public:
  explicit offset_reader(std::string_view rest) noexcept : rest_(rest) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  /// How many fit into what is left.
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size() / sizeof(log_offset); }
  template <class Number>
  [[nodiscard]] Number number() {
    ok_ &= rest_.size() >= sizeof(Number);
    if (!ok_) return 0;
    const auto found = get_big_endian<Number>(rest_);
    rest_.remove_prefix(sizeof(Number));
    return found;
  }
  [[nodiscard]] std::vector<log_offset> offsets(std::size_t count) {
    ok_ &= count <= left();
    std::vector<log_offset> list;
    for (std::size_t i = 0; ok_ && i != count; ++i)
      list.push_back(number<log_offset>());
    return list;
  }
  [[nodiscard]] std::vector<log_offset> list() { return offsets(number<std::uint32_t>()); }

private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<kept_share> decode(std::string_view key, std::string_view value) {
  if (value.size() < header_size) return std::nullopt;
  const auto format = static_cast<std::uint8_t>(value[0]);
  const std::size_t positions = static_cast<std::uint8_t>(value[position_count_at]);
  const std::size_t outstanding = get_big_endian<std::uint32_t>(value.substr(outstanding_count_at));
  if ((format != share_format && format != first_share_format) || positions == 0)
    return std::nullopt;
  kept_share group{.share = std::string(key.substr(1)),
                   .positions = {},
                   .outstanding = {},
                   .settled = {},
                   .with_nodes = {},
                   .loans = {}};
  if (!is_valid_share(group.share)) return std::nullopt;
  offset_reader in(value.substr(header_size));
  group.positions = in.offsets(positions);
  group.outstanding = in.offsets(outstanding);
  group.settled = format == first_share_format ? in.offsets(in.left()) : in.list();
  while (in.ok() && !in.at_end()) {
    kept_share::lent& each = group.with_nodes.emplace_back();
    each.node = in.number<std::uint64_t>();
    each.at_least_once = in.list();
    each.exactly_once = in.list();
  }
  if (!in.ok()) return std::nullopt;
  return group;
}

void put_loan(database& store, std::string_view share, const kept_loan& what) {
  std::string value;
  append_big_endian(what.loan.own, value);
  value += static_cast<char>(what.outcome);
  store.put(keys::loan(share, what.loan.lender, what.loan.offset), value);
}

struct loan_of_share {
  std::string_view share;
  kept_loan loan;
};

std::optional<loan_of_share> decode_loan(std::string_view key, std::string_view value) {
  const auto place = keys::parse_loan(key);
  if (!place || value.size() != loan_size || !is_valid_share(place->share)) return std::nullopt;
  const auto outcome = static_cast<std::uint8_t>(value[sizeof(log_offset)]);
  if (outcome > static_cast<std::uint8_t>(loan_outcome::returned)) return std::nullopt;
  return loan_of_share{place->share,
                       {{place->lender, place->offset, get_big_endian<log_offset>(value)},
                        static_cast<loan_outcome>(outcome)}};
}

}  // namespace

void share_table::keep(const kept_share& group) {
  store_.put(keys::share(group.share), encode(group));
}

void share_table::remove(std::string_view share) { store_.remove(keys::share(share)); }

void share_table::add_loan(std::string_view share, const share_loan& loan) {
  put_loan(store_, share, {loan, loan_outcome::open});
}

void share_table::change_loans(std::string_view share, const loan_changes& changes) {
  for (const kept_loan& each : changes.ended)
    put_loan(store_, share, each);
  for (const share_loan& each : changes.forgotten)
    store_.remove(keys::loan(share, each.lender, each.offset));
}

share_table::figures share_table::load(const std::function<void(kept_share&&)>& take) {
  figures found;
  std::map<std::string, kept_share, std::less<>> groups;
  const store_scan scan = store_.scan();
  const auto for_each_of = [&](char table, const auto& decode_one) {
    for (scan->Seek(std::string(1, table)); scan->Valid(); scan->Next()) {
      const std::string_view key(scan->key().data(), scan->key().size());
      if (key[0] != table) break;
      if (decode_one(key, std::string_view(scan->value().data(), scan->value().size()))) continue;
      ++found.damaged;
      store_.remove(std::string(key));
    }
  };
  for_each_of(keys::share_table, [&](std::string_view key, std::string_view value) {
    auto group = decode(key, value);
    if (!group) return false;
    groups.emplace(group->share, *std::move(group));
    return true;
  });
  for_each_of(keys::loan_table, [&](std::string_view key, std::string_view value) {
    const auto of = decode_loan(key, value);
    if (!of) return false;
    ++found.loans;
    auto group = groups.find(of->share);
    if (group == groups.end())
      group = groups.emplace(of->share, kept_share{.share = std::string(of->share)}).first;
    group->second.loans.push_back(of->loan);
    return true;
  });
  if (!scan->status().ok()) ++found.damaged;
  found.groups = groups.size();
  for (auto& [share, group] : groups)
    take(std::move(group));
  return found;
}

bool is_whole_share(std::string_view key, std::string_view value) {
  return decode(key, value).has_value();
}

bool is_whole_loan(std::string_view key, std::string_view value) {
  return decode_loan(key, value).has_value();
}

}  // namespace troupe
