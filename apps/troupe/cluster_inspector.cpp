#include "apps/troupe/cluster_inspector.hpp"

#include "libbroker/config/host_port.hpp"
#include "libbroker/result.hpp"
#include "libbroker/rfc3339.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <variant>

namespace troupe {

namespace {

/// Peers have a second to answer the cluster actor.
constexpr std::chrono::seconds answer_timeout{3};

/// How often a node that is drained is asked for its clients.
constexpr std::chrono::milliseconds drain_poll{100};

/// A node is drained when for so long no client has gone, nor have other nodes read anything: at
/// first clients need some time until they are back somewhere, and then one may take nothing.
constexpr std::chrono::milliseconds drained_after{2000};
constexpr std::chrono::milliseconds drained_after_reading{15'000};

using verb = cluster_command::verb;

constexpr std::string_view family = "cluster ";

std::string text(const nlohmann::json& request, const char* name) {
  const auto found = request.find(name);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string_view describe(member_state state) {
  switch (state) {
  case member_state::self: return "self";
  case member_state::linked: return "linked";
  case member_state::unlinked: return "unlinked";
  case member_state::dead: return "dead";
  case member_state::left: return "left";
  }
  return "";
}

/// What was asked for, or a sentence about what is wrong with it.
result<cluster_command, std::string> parse(const nlohmann::json& request) {
  const std::string name = text(request, "command").substr(family.size());
  if (name == "status") return cluster_command{};
  if (name == "leave") return cluster_command{.what = verb::leave};
  if (name == "drain")
    return cluster_command{.what = verb::drain, .for_good = request.value("for_good", false)};
  if (name == "forget") {
    cluster_command forget{.what = verb::forget, .name = text(request, "name")};
    if (!is_node_name(forget.name)) return std::string("that is no name of a node");
    return forget;
  }
  if (name != "join") return std::string("there is no such command");
  cluster_command join{.what = verb::join, .address = text(request, "address")};
  if (join.address.empty()) return join;
  const auto parsed = parse_host_port(join.address);
  if (const auto* const wrong = std::get_if<std::string>(&parsed)) return *wrong;
  if (std::get<host_port>(parsed).port == 0) return std::string("a node has a port other than 0");
  if (join.address.size() > max_address_size) return std::string("the address is too long");
  return join;
}

result<cluster_status, std::string> ask(caf::scoped_actor& self, const cluster_handle& cluster,
                                        const cluster_command& command) {
  result<cluster_status, std::string> answer = std::string("the node did not answer in time");
  self->request(cluster, answer_timeout, command)
      .receive([&](cluster_status& status) { answer = std::move(status); },
               [](const caf::error&) {});
  return answer;
}

json_object link_of(const cluster_status& status, const std::string& name) {
  const auto found = std::ranges::find(status.peers, name, &peer_description::name);
  if (found == status.peers.end()) return {};
  return {{"routes", found->routes},
          {"messages_forwarded", found->messages_forwarded},
          {"messages_received", found->messages_received},
          {"messages_dropped", found->messages_dropped},
          {"unhandled_bytes", found->unhandled_bytes}};
}

[[nodiscard]] bool is_draining(const cluster_status& status) {
  return std::ranges::any_of(status.members, [](const membership::view& each) {
    return each.state == member_state::self && each.record.is_draining;
  });
}

struct drain_progress {
  std::size_t clients = 0;
  std::size_t unread = 0;
  std::uint64_t bytes_read = 0;

  friend bool operator==(const drain_progress&, const drain_progress&) = default;
};

/// Until the last client has gone and other nodes have read what sessions left here, or nobody
/// wants that any more.
void wait_until_drained(caf::scoped_actor& self, const cluster_handle& cluster, line_sink& to,
                        result<cluster_status, std::string>& status) {
  drain_progress last;
  auto since = std::chrono::steady_clock::now();
  while (status && is_draining(*status) && to.is_wanted()) {
    const auto now = std::chrono::steady_clock::now();
    const drain_progress current{status->clients, status->unread, status->bytes_read};
    if (std::exchange(last, current) != current) since = now;
    const auto patience = current.unread == 0 ? drained_after : drained_after_reading;
    if (current.clients == 0 && now - since >= patience) return;
    std::this_thread::sleep_for(drain_poll);
    status = ask(self, cluster, {});
  }
}

}  // namespace

json_object to_json(const cluster_status& status, const clock_reading& now) {
  json_object members = json_object::array();
  json_object all{{"node", nullptr},
                  {"left", false},
                  {"draining", false},
                  {"clients", status.clients},
                  {"unread_sessions", status.unread}};
  for (const membership::view& each : status.members) {
    const member_record& record = each.record;
    if (each.state == member_state::self) {
      all["node"] = record.node.name;
      all["left"] = record.left;
      all["draining"] = record.is_draining;
    }
    members.push_back({{"name", record.node.name},
                       {"state", describe(each.state)},
                       {"since", to_rfc3339(now.to_wall(each.since))},
                       {"address", record.address},
                       {"client_address", record.client_address},
                       {"draining", record.is_draining},
                       {"incarnation", record.node.incarnation},
                       {"link", link_of(status, record.node.name)}});
  }
  all["members"] = std::move(members);
  return all;
}

bool cluster_inspector::is_meant(const nlohmann::json& request) {
  return request.is_object() && text(request, "command").starts_with(family);
}

void cluster_inspector::answer(const nlohmann::json& request, line_sink& to) const {
  const auto fail = [&](const std::string& why) {
    to.put(to_text({{"ok", false}, {"error", why}}));
  };
  const auto command = parse(request);
  if (!command) return fail(command.error());
  if (!cluster_) return fail("this node takes part in no cluster: it has no cluster.listen");
  caf::scoped_actor self(system_);
  auto status = ask(self, cluster_, *command);
  if (status && command->what == verb::drain) wait_until_drained(self, cluster_, to, status);
  // The links that a node leaves end behind that answer.
  if (status && command->what == verb::leave) status = ask(self, cluster_, {});
  if (!status) return fail(status.error());
  if (!status->refusal.empty()) return fail(command->name + ": " + status->refusal);
  const auto now = std::chrono::floor<std::chrono::milliseconds>(system_.clock().now());
  const auto wall = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  to.put(to_text(to_json(*status, {.monotonic = now, .wall = wall})));
  to.put(to_text({{"ok", true}}));
}

}  // namespace troupe
