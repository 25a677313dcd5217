#include "libbroker/cluster/pending_logins.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

bool pending_login::is_answered() const noexcept {
  return std::ranges::all_of(asked, &question::is_answered);
}

void pending_login::hear_of(std::string_view owner, hybrid_stamp since) {
  if (owner.empty() || since < previous_stamp) return;
  previous = owner;
  previous_stamp = since;
}

void pending_logins::add(std::string_view id, pending_login&& login) {
  auto at = by_id_.find(id);
  if (at == by_id_.end()) at = by_id_.try_emplace(std::string(id)).first;
  order_.push_back({.id = &at->first, .login = std::move(login)});
  at->second.push_back(std::prev(order_.end()));
}

pending_login* pending_logins::first(std::string_view id) noexcept {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &at->second.front()->login;
}

const pending_login* pending_logins::last(std::string_view id) const noexcept {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &at->second.back()->login;
}

pending_login* pending_logins::find(std::string_view id, hybrid_stamp stamp) noexcept {
  const auto at = by_id_.find(id);
  if (at == by_id_.end()) return nullptr;
  for (const auto each : at->second)
    if (each->login.stamp == stamp) return &each->login;
  return nullptr;
}

pending_login pending_logins::take_first(std::string_view id) {
  const auto at = by_id_.find(id);
  const auto place = at->second.front();
  pending_login taken = std::move(place->login);
  order_.erase(place);
  at->second.erase(at->second.begin());
  if (at->second.empty()) by_id_.erase(at);
  return taken;
}

std::vector<std::string> pending_logins::ids() const {
  std::vector<std::string> found;
  for (const auto& [id, logins] : by_id_)
    found.push_back(id);
  return found;
}

}  // namespace troupe
