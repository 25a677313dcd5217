#include "net/inspection_client.hpp"

#include "actors/protocol.hpp"
#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/inspection/inspection_channel.hpp"
#include "net/cluster_port.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <optional>
#include <random>
#include <utility>

namespace troupe {

namespace {

constexpr std::chrono::seconds connect_timeout{10};
constexpr std::chrono::seconds answer_timeout{5};

/// CAF's words are for programmers.
std::string sentence_of(const caf::error& why) {
  if (why.context().match_elements<std::string>()) return why.context().get_as<std::string>(0);
  return "it does not answer as a node";
}

struct configuration final : caf::actor_system_config {
  configuration() {
    load_cluster_modules(*this);
    set("scheduler.max-threads", std::size_t{1});
  }
};

}  // namespace

class inspection_client::impl {
public:
  impl(const cluster_config& settings, const cluster_key& key)
      : key_(key), connector_(open_connector(system_, settings)), self_(system_) {}
  ~impl() { caf::anon_send_exit(connector_, caf::exit_reason::user_shutdown); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  result<inspected_node, std::string> connect(const std::string& address,
                                              const std::string& expected) {
    std::string failed;
    self_->request(connector_, connect_timeout, connect_node{address})
        .receive([&](node_reached& reached) { door_ = std::move(reached.door); },
                 [&](const caf::error& why) { failed = sentence_of(why); });
    if (!failed.empty()) return failed;
    auto session = shake_hands(expected);
    if (!session) return session.error();
    channel_.emplace(*session);
    return inspected_node{session->other.node.name};
  }

  result<inspection_answer, std::string> ask(const inspection_question& question) {
    send(channel_->say(std::make_shared<const std::string>(encode(question))));
    const auto packet = next();
    if (!packet) return packet.error();
    const frame_ptr content = channel_->hear(*packet);
    if (content == nullptr) return std::string("the node's answer is not its own");
    auto answer = decode_answer(*content);
    if (!answer) return std::string("the node's answer cannot be understood");
    return *std::move(answer);
  }

private:
  result<link_session, std::string> shake_hands(const std::string& expected) {
    std::random_device random;
    handshake_nonce nonce;
    for (char& each : nonce)
      each = static_cast<char>(random());
    link_initiator machine(key_, {.node = {.name = "troupectl", .home = 0, .incarnation = 0}},
                           nonce, expected, link_purpose::inspection);
    send(machine.hello());
    const auto challenge = next();
    if (!challenge) return challenge.error();
    const auto proof = machine.challenged(*challenge);
    if (!proof) return proof.error().what;
    send(*proof);
    const auto welcome = next();
    if (!welcome) return welcome.error();
    auto session = machine.welcomed(*welcome);
    if (!session) return session.error().what;
    return *std::move(session);
  }

  void send(link_packet packet) {
    door_->enqueue(caf::actor_cast<caf::strong_actor_ptr>(self_.ptr()), caf::make_message_id(),
                   caf::make_message(std::move(packet)), nullptr);
  }

  result<link_packet, std::string> next() {
    result<link_packet, std::string> come =
        std::string("the node does not answer; it may be of an older version");
    self_->receive([&](const link_packet& packet) { come = packet; },
                   caf::after(answer_timeout) >> [] {});
    return come;
  }

  const cluster_key key_;
  configuration config_;
  caf::actor_system system_{config_};
  connector_handle connector_;
  caf::scoped_actor self_;
  caf::strong_actor_ptr door_;
  std::optional<inspection_channel> channel_;
};

inspection_client::inspection_client(const cluster_config& settings, const cluster_key& key)
    : impl_(std::make_unique<impl>(settings, key)) {}

inspection_client::~inspection_client() = default;

result<inspected_node, std::string> inspection_client::connect(const std::string& address,
                                                               const std::string& expected) {
  return impl_->connect(address, expected);
}

result<inspection_answer, std::string> inspection_client::ask(const inspection_question& question) {
  return impl_->ask(question);
}

}  // namespace troupe
