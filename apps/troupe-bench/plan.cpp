#include "apps/troupe-bench/plan.hpp"

namespace troupe::bench {
namespace {

/// Carries out the common steps of all scenarios.
class planner {
public:
  explicit planner(const options& wanted) : wanted_(wanted) {}

  /// A topic below the topic prefix.
  [[nodiscard]] std::string topic(std::string_view name) const {
    return wanted_.topic_prefix + "/" + std::string(name);
  }

  /// The thread of the `index`-th of `count` clients: neighbours share one.
  [[nodiscard]] unsigned worker(std::size_t index, std::size_t count) const {
    return static_cast<unsigned>(index * wanted_.threads / count);
  }

  std::uint32_t add_receiver(std::uint32_t first_stream, std::uint32_t stream_count) {
    made_.receivers.push_back({first_stream, stream_count});
    return static_cast<std::uint32_t>(made_.receivers.size() - 1);
  }

  void add_subscriber(unsigned worker, std::string filter, std::uint32_t receiver,
                      bool deferred = false) {
    const unsigned number = subscribers_++;
    made_.clients.push_back({wanted_.client_prefix + "s" + std::to_string(number),
                             worker,
                             number,
                             {},
                             subscription_plan{std::move(filter), receiver, deferred}});
  }

  /// REQUIRES: topics are added first.
  void add_publisher(unsigned worker, std::vector<std::uint32_t> streams) {
    const unsigned number = publishers_++;
    made_.clients.push_back({wanted_.client_prefix + "p" + std::to_string(number), worker, number,
                             std::move(streams), std::nullopt});
  }

  /// Deals all topics to `wanted.publishers` publishers in turn.
  void add_cycling_publishers() {
    for (std::uint32_t index = 0; index < wanted_.publishers; ++index) {
      std::vector<std::uint32_t> streams;
      for (std::uint32_t stream = index; stream < made_.topics.size(); stream += wanted_.publishers)
        streams.push_back(stream);
      add_publisher(worker(index, wanted_.publishers), std::move(streams));
    }
  }

  /// One publisher for each topic, on the other threads first: the receivers are on the first.
  void add_publisher_per_topic() {
    const std::size_t count = made_.topics.size();
    for (std::uint32_t index = 0; index < count; ++index)
      add_publisher(wanted_.threads - 1 - worker(index, count), {index});
  }

  [[nodiscard]] plan& made() { return made_; }

private:
  const options& wanted_;
  plan made_;
  unsigned subscribers_ = 0;
  unsigned publishers_ = 0;
};

void plan_pairs(const options& wanted, planner& with) {
  for (std::uint32_t index = 0; index < wanted.count; ++index) {
    const std::string topic = with.topic("pair/" + std::to_string(index));
    const unsigned worker = with.worker(index, wanted.count);
    with.made().topics.push_back(topic);
    with.add_subscriber(worker, topic, with.add_receiver(index, 1));
    with.add_publisher(worker, {index});
  }
}

void plan_fan_in(const options& wanted, planner& with) {
  const std::string topic = with.topic("fan-in");
  for (unsigned index = 0; index < wanted.count; ++index)
    with.made().topics.push_back(wanted.own_topics ? topic + "/" + std::to_string(index) : topic);
  with.add_subscriber(0, wanted.own_topics ? topic + "/+" : topic,
                      with.add_receiver(0, wanted.count));
  with.add_publisher_per_topic();
}

void plan_fan_out(const options& wanted, planner& with) {
  const std::string topic = with.topic("fan-out");
  with.made().topics.push_back(topic);
  for (unsigned index = 0; index < wanted.count; ++index)
    with.add_subscriber(with.worker(index, wanted.count), topic, with.add_receiver(0, 1));
  with.add_publisher(0, {0});
}

void plan_wildcard(const options& wanted, planner& with) {
  for (std::uint32_t index = 0; index < wanted.count; ++index) {
    const std::string device = with.topic("d/" + std::to_string(index));
    with.made().topics.push_back(device + "/x");
    with.add_subscriber(with.worker(index, wanted.count), device + "/+",
                        with.add_receiver(index, 1));
  }
  for (unsigned index = 0; index < wanted.hash_subscribers; ++index)
    with.add_subscriber(with.worker(index, wanted.hash_subscribers), "#",
                        with.add_receiver(0, wanted.count));
  with.add_cycling_publishers();
}

void plan_shared(const options& wanted, planner& with) {
  const std::string base = with.topic("shared/");
  for (unsigned index = 0; index < wanted.count; ++index)
    with.made().topics.push_back(base + std::to_string(index));
  const std::uint32_t group = with.add_receiver(0, wanted.count);
  for (unsigned index = 0; index < wanted.members; ++index)
    with.add_subscriber(0, "$share/bench/" + base + "+", group);
  with.add_publisher_per_topic();
}

void plan_retained(const options& wanted, planner& with) {
  const std::string base = with.topic("retained/");
  for (unsigned index = 0; index < wanted.count; ++index)
    with.made().topics.push_back(base + std::to_string(index));
  with.made().retain = true;
  with.made().received_later = true;
  with.add_subscriber(0, base + "+", with.add_receiver(0, wanted.count), true);
  with.add_cycling_publishers();
}

void plan_drain(const options& wanted, planner& with) {
  const std::string base = with.topic("drain/");
  for (unsigned index = 0; index < wanted.publishers; ++index)
    with.made().topics.push_back(base + std::to_string(index));
  with.made().received_later = true;
  with.add_subscriber(0, base + "+", with.add_receiver(0, wanted.publishers));
  with.add_publisher_per_topic();
}

void plan_offline(const options& wanted, planner& with) {
  const std::string topic = with.topic("offline");
  with.made().topics.push_back(topic);
  const std::uint32_t nobody = with.add_receiver(0, 0);
  for (unsigned index = 0; index < wanted.count; ++index)
    with.add_subscriber(with.worker(index, wanted.count), topic, nobody);
  with.add_publisher(0, {0});
}

void plan_connections(const options& wanted, planner& with) {
  for (unsigned index = 0; index < wanted.count; ++index)
    with.made().clients.push_back({wanted.client_prefix + std::to_string(index),
                                   with.worker(index, wanted.count),
                                   index,
                                   {},
                                   std::nullopt});
}

}  // namespace

plan make_plan(const options& wanted) {
  planner with(wanted);
  switch (wanted.scenario) {
  case scenario::pairs:
  case scenario::latency: plan_pairs(wanted, with); break;
  case scenario::fan_in: plan_fan_in(wanted, with); break;
  case scenario::fan_out: plan_fan_out(wanted, with); break;
  case scenario::wildcard: plan_wildcard(wanted, with); break;
  case scenario::shared: plan_shared(wanted, with); break;
  case scenario::retained: plan_retained(wanted, with); break;
  case scenario::drain: plan_drain(wanted, with); break;
  case scenario::offline: plan_offline(wanted, with); break;
  case scenario::connect:
  case scenario::idle: plan_connections(wanted, with); break;
  }
  return std::move(with.made());
}

}  // namespace troupe::bench
