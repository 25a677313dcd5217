#include "actors/authenticator_actor.hpp"

namespace troupe {

authenticator_actor::authenticator_actor(caf::actor_config& config, actor_roster& roster)
    : counted(config, roster) {}

authenticator_actor::behavior_type authenticator_actor::make_behavior() {
  return {
      [this](const authenticate& request) {
        const reason_code verdict = request.who->anonymous_allowed ? reason_code::success
                                    : request.who->request.user_name
                                        ? reason_code::bad_user_name_or_password
                                        : reason_code::not_authorized;
        send(request.reply_to, authenticated{request.number, verdict});
      },
  };
}

}  // namespace troupe
