#include "actors/cluster_actor.hpp"
#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

// The cluster port answers questions of who knows the secret and is no node.

namespace troupe {

namespace {

/// The inspector asks others in its turn.
constexpr std::chrono::seconds answer_timeout{4};
/// At a time; one more ends the oldest.
constexpr std::size_t most_inspections = 16;

}  // namespace

void cluster_actor::welcome_inspector(const link_session& session) {
  const auto found = responses_.find(caf::actor_cast<caf::actor_addr>(current_sender()));
  link_packet welcome = found->second.machine.welcome();
  responses_.erase(found);
  if (inspections_.size() >= most_inspections)
    inspections_.erase(std::ranges::min_element(
        inspections_, {}, [](const auto& each) { return each.second.begun; }));
  inspections_.insert_or_assign(session.id, inspection{.channel = inspection_channel(session),
                                                       .who = current_sender(),
                                                       .begun = current_time(*this)});
  spdlog::debug("event=inspected by={}", log_text{session.other.node.name});
  reply(current_sender(), std::move(welcome));
  set_timer();
}

void cluster_actor::refuse_inspector(std::string_view why) {
  house_.counts.add(&metrics::counters::inspections_refused);
  spdlog::warn("event=inspection_refused reason=\"{}\"", why);
  responses_.erase(caf::actor_cast<caf::actor_addr>(current_sender()));
  reply(current_sender(), refuse_link(why));
}

/// Who has not proven to know the secret is not answered, and not logged either: it can come often.
void cluster_actor::answer_question(const link_packet& packet) {
  const auto found = inspections_.find(inspection_of(packet).value_or(0));
  const bool is_known = found != inspections_.end() && found->second.who == current_sender();
  // One question at a time.
  const frame_ptr content =
      is_known && !found->second.is_asking ? found->second.channel.hear(packet) : nullptr;
  if (content == nullptr) return house_.counts.add(&metrics::counters::inspections_refused);
  const std::uint64_t which = found->first;
  found->second.is_asking = true;
  const auto question = decode_question(*content);
  if (!question) return answer_inspector(which, inspection_refusal{"that is not understood here"});
  request(house_.inspector, answer_timeout, inspect_node{*question})
      .then([this, which](const inspected& reply) { answer_inspector(which, reply.answer); },
            [this, which](const caf::error&) {
              answer_inspector(which, inspection_refusal{"the inspector does not answer"});
            });
}

void cluster_actor::answer_inspector(std::uint64_t which, const inspection_answer& answer) {
  const auto found = inspections_.find(which);
  if (found == inspections_.end()) return;
  found->second.is_asking = false;
  reply(found->second.who,
        found->second.channel.say(std::make_shared<const std::string>(encode(answer))));
}

}  // namespace troupe
