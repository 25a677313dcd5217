#pragma once

#include "actors/counted.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"

namespace troupe {

/// Asks the other actors what they are doing: sums it up for `$SYS`, and shows it to people. It
/// looks at all of them for that, so it has a thread of its own.
class inspector_actor final : public counted<inspector_handle> {
public:
  inspector_actor(caf::actor_config& config, const node_context& house);

  const char* name() const override { return "inspector"; }

protected:
  behavior_type make_behavior() override;

private:
  caf::typed_response_promise<node_description> describe();

  caf::result<inspected> answer(const list_actors& list) const;
  caf::result<inspected> answer(const show_actor& show);
  caf::result<inspected> answer(const locate_node& locate);
  template <class Description, class Handle, class Request, class ToGroups>
  void ask(const Handle& whom, const Request& request, ToGroups to_groups, actor_detail detail,
           caf::typed_response_promise<inspected> promise);
  void ask_about(const caf::strong_actor_ptr& who, actor_detail detail,
                 const caf::typed_response_promise<inspected>& promise);

  const node_context& house_;
};

}  // namespace troupe
