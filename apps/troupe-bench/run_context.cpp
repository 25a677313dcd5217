#include "apps/troupe-bench/run_context.hpp"

#include "apps/troupe-bench/worker.hpp"

#include <algorithm>
#include <random>

namespace troupe::bench {
namespace {

/// With less than this under way a publisher would send few messages at a time, and the system
/// calls would be measured instead of the broker.
constexpr std::uint64_t least_for_publisher = 64;
constexpr std::uint64_t least_for_stream = 16;

/// Who shares what is under way to one receiver.
struct sharing {
  std::uint64_t streams_of_receiver = 1;  ///< the one with the most
  std::uint64_t streams_of_publisher = 1;
};

std::vector<sharing> find_sharing(const plan& planned) {
  std::vector<sharing> found(planned.topics.size());
  for (const receiver_plan& each : planned.receivers)
    for (std::uint32_t index = 0; index < each.stream_count; ++index) {
      std::uint64_t& most = found[each.first_stream + index].streams_of_receiver;
      most = std::max<std::uint64_t>(most, each.stream_count);
    }
  for (const client_plan& each : planned.clients)
    for (const std::uint32_t index : each.publishes)
      found[index].streams_of_publisher = each.publishes.size();
  return found;
}

stream::bound bound_of(const options& wanted, const sharing& shares) {
  switch (wanted.pacing()) {
  case pacing::open_loop: return {};
  case pacing::closed_loop: return {wanted.closed_loop, 1};
  case pacing::flat_out: break;
  }
  if (wanted.max_ahead == 0) return {};
  const std::uint64_t limit =
      std::max({wanted.max_ahead / shares.streams_of_receiver,
                least_for_publisher / shares.streams_of_publisher, least_for_stream});
  return {limit, limit / 2};
}

std::vector<endpoint> endpoints(const options& wanted, const std::vector<std::uint16_t>& ports) {
  std::vector<endpoint> found;
  for (const std::uint16_t port : ports)
    found.emplace_back(wanted, port);
  return found;
}

/// Retained messages are kept at QoS 1 or more, so that the publisher knows when they are.
troupe::qos published_qos(const options& wanted, const plan& planned) {
  return planned.retain ? std::max(wanted.qos, troupe::qos::at_least_once) : wanted.qos;
}

}  // namespace

run_context::run_context(const options& wanted_options, const plan& made)
    : wanted(wanted_options),
      planned(made),
      brokers(endpoints(wanted_options, wanted_options.ports)),
      subscribers_brokers(wanted_options.subscriber_ports.empty()
                              ? brokers
                              : endpoints(wanted_options, wanted_options.subscriber_ports)),
      run(std::random_device{}()) {
  const std::vector<sharing> shares = find_sharing(planned);
  streams.reserve(planned.topics.size());
  for (std::uint32_t index = 0; index < planned.topics.size(); ++index) {
    prebuilt_publish packet(planned.topics[index], published_qos(wanted, planned), planned.retain,
                            wanted.payload, wanted.version);
    const auto ahead = planned.received_later ? stream::bound{} : bound_of(wanted, shares[index]);
    streams.push_back(std::make_unique<stream>(index, std::move(packet), ahead));
  }

  receivers.reserve(planned.receivers.size());
  for (const receiver_plan& each : planned.receivers) {
    receivers.push_back(std::make_unique<receiver>(each));
    for (std::uint32_t index = 0; index < each.stream_count; ++index)
      streams[each.first_stream + index]->add_receiver(receivers.back()->trackers[index]);
  }
}

run_context::~run_context() = default;

const endpoint& run_context::broker_of(const client_plan& client) const noexcept {
  const std::vector<endpoint>& all = client.subscribes ? subscribers_brokers : brokers;
  return all[client.number % all.size()];
}

std::string run_context::broker_names() const {
  std::vector<std::string> names;
  for (const auto* all : {&brokers, &subscribers_brokers})
    for (const endpoint& each : *all)
      if (std::find(names.begin(), names.end(), each.name()) == names.end())
        names.push_back(each.name());
  std::string joined;
  for (const std::string& each : names)
    joined += (joined.empty() ? "" : ", ") + each;
  return joined;
}

void run_context::report_failure(const std::string& reason) {
  const std::lock_guard lock(failure_mutex_);
  if (first_failure_.empty()) first_failure_ = reason;
}

std::string run_context::first_failure() const {
  const std::lock_guard lock(failure_mutex_);
  return first_failure_;
}

}  // namespace troupe::bench
