#include "actors/statistics_actor.hpp"

#include "libbroker/topic.hpp"
#include "libbroker/version.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

namespace {

constexpr std::chrono::seconds answer_timeout{10};

node_figures figures_of(const node_context& house, const node_description& description) {
  const metrics::counters counted = house.counts.total();
  return {
      .clients_total = description.sessions,
      .clients_connected = house.counts.clients_online,
      .clients_maximum = house.counts.clients_online_maximum,
      .packets_received = counted.traffic.packets_received,
      .packets_sent = counted.traffic.packets_sent,
      .publishes_received = counted.traffic.publishes_received,
      .publishes_sent = counted.traffic.publishes_sent,
      .publishes_dropped = counted.traffic.dropped_output_full +
                           counted.traffic.dropped_queue_full + counted.traffic.dropped_expired +
                           counted.traffic.dropped_too_large + counted.deliveries_dropped +
                           counted.publishes_dropped,
      .publish_bytes_received = counted.traffic.publish_bytes_received,
      .publish_bytes_sent = counted.traffic.publish_bytes_sent,
      .bytes_received = counted.bytes_received,
      .bytes_sent = counted.bytes_sent,
      .connections = counted.connections_accepted,
      .subscriptions = description.shards.subscriptions,
      .retained_messages = description.shards.retained_messages,
      .retained_bytes = description.shards.retained_bytes,
      .cluster = house.cluster ? std::optional(cluster_figures{
                                     .nodes_known = description.nodes_known,
                                     .nodes_linked = description.nodes_linked,
                                     .messages_forwarded = counted.messages_forwarded,
                                     .messages_received = counted.messages_from_nodes,
                                     .messages_dropped = counted.forwards_dropped,
                                     .announcements_late = counted.announcements_late,
                                     .links_refused = counted.links_refused,
                                     .inspections_refused = counted.inspections_refused,
                                     .stamps_refused = counted.stamps_refused,
                                     .cleared_forgotten = counted.cleared_forgotten,
                                 })
                               : std::nullopt,
  };
}

}  // namespace

statistics_actor::statistics_actor(caf::actor_config& config, const node_context& house,
                                   inspector_handle inspector)
    : counted(config, house.roster),
      house_(house),
      inspector_(std::move(inspector)),
      topics_(std::string(version)),
      started_(current_time(*this)),
      last_(started_) {}

statistics_actor::behavior_type statistics_actor::make_behavior() {
  delayed_send(this, house_.settings.sys.interval, publish_statistics{});
  return {
      [this](const publish_statistics&) {
        delayed_send(this, house_.settings.sys.interval, publish_statistics{});
        request(inspector_, answer_timeout, describe_node{})
            .then([this](const node_description& description) { publish(description); },
                  [](const caf::error& reason) {
                    spdlog::warn("event=no_statistics reason=\"{}\"", caf::to_string(reason));
                  });
      },
      [this](const figures_heard& news) { handle(news); },
  };
}

void statistics_actor::handle(const figures_heard& news) {
  if (auto record = decode_figures(news.content))
    totals_.heard(news.from, *std::move(record), current_time(*this));
  else
    spdlog::error("event=bad_frame node={} reason=\"its figures are malformed\"", news.from);
}

void statistics_actor::on_exit() { inspector_ = nullptr; }

void statistics_actor::publish(const node_description& description) {
  const time_point now = current_time(*this);
  node_figures figures = figures_of(house_, description);
  figures.uptime = now - started_;
  std::vector<message_block_builder> by_shard(house_.shards.size());
  std::vector<sys_message> messages = topics_.render(figures, now - last_);
  if (house_.cluster) add_totals(figures, messages);
  for (const auto& [topic, payload] : messages)
    by_shard[shard_of(topic, static_cast<std::uint32_t>(by_shard.size()))].add(
        {.retain = true, .topic = topic, .payload = as_bytes(payload)}, topic,
        protocol_version::v3_1_1);
  last_ = now;
  for (std::size_t shard = 0; shard != by_shard.size(); ++shard)
    if (!by_shard[shard].empty())
      send(house_.shards[shard], route{.block = by_shard[shard].seal({.received_at = now})});
}

void statistics_actor::add_totals(const node_figures& figures, std::vector<sys_message>& messages) {
  figures_record own{.interval = house_.settings.sys.interval, .figures = {}};
  for (const auto& [topic, value] : summable(figures))
    own.figures.emplace_back(topic, value);
  send(house_.cluster, say_to_node{{}, record_kind::figures, encode(own)});
  for (sys_message& each : totals_.render(own, current_time(*this)))
    messages.push_back(std::move(each));
}

}  // namespace troupe
