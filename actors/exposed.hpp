#pragma once

#include "actors/homed.hpp"
#include "libbroker/cluster/link_packet.hpp"

#include <caf/all.hpp>
#include <caf/detail/dynamic_message_data.hpp>

#include <utility>

namespace troupe {

/// Base of actors that other nodes can send to. What comes over the network and is no packet of
/// a link is dropped, above all CAF's own messages, which end actors: CAF carries them for
/// everybody who has reached the cluster port, and only packets have a seal. That goes for messages
/// of no sender, too; such an actor is ended by `stop_now`, and watches by functors.
template <class Handle>
class exposed : public homed<Handle> {
public:
  exposed(caf::actor_config& config, actor_roster& roster) : homed<Handle>(config, roster) {
    this->set_default_handler(caf::drop);
  }

  using homed<Handle>::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* sender) override {
    if (is_welcome(*message)) homed<Handle>::enqueue(std::move(message), sender);
  }

protected:
  /// To an actor of another node, whose interface is not known here.
  void send_packet(const caf::strong_actor_ptr& to, link_packet&& packet) {
    to->enqueue(this->ctrl(), caf::make_message_id(), caf::make_message(std::move(packet)),
                this->context());
  }

private:
  /// Sender and number of a message are what the other side claims: with this node as the sender
  /// it looks like one from here, with a number like the answer to a request. Only what it is made
  /// of tells where it comes from.
  [[nodiscard]] bool is_welcome(const caf::mailbox_element& message) const {
    const caf::type_erased_tuple& content = message.content();
    using deserialized = caf::detail::dynamic_message_data;
    const bool is_from_elsewhere =
        content.size() == 0 || dynamic_cast<const deserialized*>(&content) != nullptr;
    if (is_from_elsewhere)
      return content.match_elements<link_packet>() && message.mid.is_async() &&
             message.mid.is_normal_message();
    return !content.match_elements<caf::exit_msg>() && !content.match_elements<caf::down_msg>();
  }
};

}  // namespace troupe
