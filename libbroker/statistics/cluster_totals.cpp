#include "libbroker/statistics/cluster_totals.hpp"

#include "libbroker/cluster/wire.hpp"

namespace troupe {

namespace {

constexpr std::string_view root = "$SYS/broker/cluster/total/";
constexpr int intervals_missed = 3;

/// Longer ones are no intervals.
constexpr std::uint64_t longest_interval = 24 * 60 * 60 * 1000;

/// A node has a few; more are none that we know.
constexpr std::size_t most_figures = 256;

}  // namespace

std::string encode(const figures_record& record) {
  std::string bytes;
  wire_writer out(bytes);
  out.number(static_cast<std::uint64_t>(record.interval.count()));
  out.number(record.figures.size());
  for (const auto& [topic, value] : record.figures) {
    out.text(topic);
    out.number(value);
  }
  return bytes;
}

std::optional<figures_record> decode_figures(std::string_view content) {
  wire_reader in(content);
  const std::uint64_t interval = in.number();
  const std::uint64_t count = in.number();
  if (!in.ok() || interval > longest_interval || count > most_figures) return std::nullopt;
  figures_record record{.interval = std::chrono::milliseconds(interval), .figures = {}};
  for (std::uint64_t i = 0; i != count && in.ok(); ++i) {
    const std::string_view topic = in.text();
    record.figures.emplace_back(topic, in.number());
  }
  if (!in.ok()) return std::nullopt;
  return record;
}

void cluster_totals::heard(std::string_view node, figures_record&& record, time_point now) {
  const time_point until = now + intervals_missed * record.interval;
  nodes_.insert_or_assign(std::string(node), entry{std::move(record), until});
}

std::vector<sys_message> cluster_totals::render(const figures_record& own, time_point now) {
  std::erase_if(nodes_, [&](const auto& each) { return each.second.until < now; });
  std::map<std::string_view, std::uint64_t> sums;
  for (const auto& [topic, value] : own.figures)
    sums.emplace(topic, value);
  for (const auto& [node, at] : nodes_)
    for (const auto& [topic, value] : at.record.figures)
      if (const auto sum = sums.find(topic); sum != sums.end()) sum->second += value;
  std::vector<sys_message> messages{
      {std::string(root) + "nodes", std::to_string(1 + nodes_.size())}};
  for (const auto& [topic, value] : own.figures)
    messages.push_back({std::string(root) + topic, std::to_string(sums.at(topic))});
  return messages;
}

}  // namespace troupe
