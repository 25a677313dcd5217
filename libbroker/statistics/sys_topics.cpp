#include "libbroker/statistics/sys_topics.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace troupe {

namespace {

struct load {
  std::string_view topic;
  std::uint64_t total;
};

std::size_t offline(const node_figures& figures) noexcept {
  return figures.clients_total - std::min(figures.clients_total, figures.clients_connected);
}

std::string two_decimals(double value) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.2f", value);
  return {text.data(), static_cast<std::size_t>(size)};
}

void add_cluster(const cluster_figures& figures, const std::string& root,
                 std::vector<sys_message>& messages) {
  const figure all[] = {
      {"nodes/known", figures.nodes_known},
      {"nodes/linked", figures.nodes_linked},
      {"messages/forwarded", figures.messages_forwarded},
      {"messages/received", figures.messages_received},
      {"messages/dropped", figures.messages_dropped},
      {"announcements/late", figures.announcements_late},
      {"links/refused", figures.links_refused},
      {"inspections/refused", figures.inspections_refused},
      {"retained/refused", figures.stamps_refused},
      {"retained/forgotten", figures.cleared_forgotten},
  };
  for (const auto& [topic, value] : all)
    messages.push_back({root + std::string(topic), std::to_string(value)});
}

}  // namespace

std::vector<figure> summable(const node_figures& figures) {
  return {
      {"clients/total", figures.clients_total},
      {"clients/connected", figures.clients_connected},
      {"clients/disconnected", offline(figures)},
      {"messages/received", figures.packets_received},
      {"messages/sent", figures.packets_sent},
      {"publish/messages/received", figures.publishes_received},
      {"publish/messages/sent", figures.publishes_sent},
      {"publish/messages/dropped", figures.publishes_dropped},
      {"publish/bytes/received", figures.publish_bytes_received},
      {"publish/bytes/sent", figures.publish_bytes_sent},
      {"bytes/received", figures.bytes_received},
      {"bytes/sent", figures.bytes_sent},
      {"subscriptions/count", figures.subscriptions},
  };
}

std::vector<sys_message> sys_topics::render(const node_figures& figures,
                                            std::chrono::milliseconds elapsed) {
  const figure plain[] = {
      {"clients/active", figures.clients_connected},
      {"clients/inactive", offline(figures)},
      {"clients/maximum", figures.clients_maximum},
      {"retained messages/count", figures.retained_messages},
      {"store/messages/count", figures.retained_messages},
      {"store/messages/bytes", figures.retained_bytes},
  };
  const load loads[] = {
      {"messages/received", figures.packets_received},
      {"messages/sent", figures.packets_sent},
      {"publish/received", figures.publishes_received},
      {"publish/sent", figures.publishes_sent},
      {"publish/dropped", figures.publishes_dropped},
      {"bytes/received", figures.bytes_received},
      {"bytes/sent", figures.bytes_sent},
      {"connections", figures.connections},
  };
  static_assert(std::size(loads) == std::tuple_size_v<decltype(loads_)>);

  const std::string root = "$SYS/broker/";
  const auto seconds = std::chrono::floor<std::chrono::seconds>(figures.uptime).count();
  std::vector<sys_message> messages{
      {root + "version", "troupe version " + version_},
      {root + "uptime", std::to_string(seconds) + " seconds"},
  };
  for (const auto& [topic, value] : summable(figures))
    messages.push_back({root + std::string(topic), std::to_string(value)});
  for (const auto& [topic, value] : plain)
    messages.push_back({root + std::string(topic), std::to_string(value)});
  if (figures.cluster) add_cluster(*figures.cluster, root + "cluster/", messages);
  for (std::size_t i = 0; i != loads_.size(); ++i) {
    loads_[i].update(loads[i].total, elapsed);
    for (std::size_t span = 0; span != load_average::spans.size(); ++span)
      messages.push_back({root + "load/" + std::string(loads[i].topic) + '/' +
                              std::to_string(load_average::spans[span].count()) + "min",
                          two_decimals(loads_[i].per_minute()[span])});
  }
  return messages;
}

}  // namespace troupe
