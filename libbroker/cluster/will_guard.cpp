#include "libbroker/cluster/will_guard.hpp"

#include "libbroker/cluster/wire.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

constexpr std::size_t guardians = 2;

/// What nodes say about wills: a number, then a section with the values.
enum class word : std::uint8_t {
  begin = 1,      ///< life: everything follows
  will = 2,       ///< client identifier, is second (flag), delay, message
  cleared = 3,    ///< client identifier
  end = 4,        ///< what did not come since `begin` is not there any more
  published = 5,  ///< owner, client identifier
};

template <class Append>
std::string say_word(word what, Append append) {
  std::string bytes;
  wire_writer out(bytes);
  out.number(static_cast<std::uint64_t>(what));
  out.section(append);
  return bytes;
}

std::string cleared(std::string_view client_id) {
  return say_word(word::cleared, [&](wire_writer& out) { out.text(client_id); });
}

std::string published(std::string_view owner, std::string_view client_id) {
  return say_word(word::published, [&](wire_writer& out) {
    out.text(owner);
    out.text(client_id);
  });
}

}  // namespace

will_guard::will_guard(std::string node, std::uint64_t life, const will_settings& settings)
    : node_(std::move(node)), life_(life), settings_(settings) {}

// -- this node's clients --------------------------------------------------------------------

void will_guard::set(std::string_view client_id, guarded_will will, will_effects& effects) {
  own_will& own = own_[std::string(client_id)];
  own.will = std::move(will);
  const std::vector<place> knew = std::exchange(own.told, {});
  tell(client_id, own, effects);
  for (const place& each : knew)
    if (links_.contains(each.node) &&
        std::ranges::find(own.told, each.node, &place::node) == own.told.end())
      say(each.node, cleared(client_id), effects);
}

void will_guard::clear(std::string_view client_id, will_effects& effects) {
  const auto found = own_.find(client_id);
  if (found == own_.end()) return;
  for (const place& each : found->second.told)
    say(each.node, cleared(client_id), effects);
  own_.erase(found);
}

/// Has the present guardians know it, and others not.
void will_guard::tell(std::string_view client_id, own_will& own, will_effects& effects) {
  std::vector<place> wanted;
  if (view_)
    for (const std::size_t each : view_->first(client_id, guardians)) {
      const std::string& name = view_->names()[each];
      wanted.push_back({name, links_.find(name)->second});
    }
  for (std::size_t i = 0; i != wanted.size(); ++i) {
    if (std::ranges::find(own.told, wanted[i]) != own.told.end()) continue;
    say(wanted[i].node,
        say_word(word::will,
                 [&](wire_writer& out) {
                   out.text(client_id);
                   out.flag(i != 0);
                   out.number(own.will.delay);
                   out.text(own.will.message);
                 }),
        effects);
  }
  for (const place& each : own.told)
    if (std::ranges::find(wanted, each.node, &place::node) == wanted.end())
      say(each.node, cleared(client_id), effects);
  own.told = std::move(wanted);
}

void will_guard::say(std::string_view to, std::string&& bytes, will_effects& effects) {
  if (!links_.contains(to)) return;
  if (!effects.messages.empty() && effects.messages.back().to == to)
    effects.messages.back().bytes += bytes;
  else
    effects.messages.push_back({std::string(to), std::move(bytes)});
}

// -- other nodes ----------------------------------------------------------------------------

void will_guard::view_changed(std::span<const std::string> names, time_point now,
                              will_effects& effects) {
  std::map<std::string, std::uint32_t, std::less<>> links;
  std::vector<std::string> others;
  for (const std::string& name : names) {
    if (name == node_) continue;
    const auto known = links_.find(name);
    links.emplace(name, known == links_.end() ? ++last_link_ : known->second);
    others.push_back(name);
  }
  const auto before = std::exchange(links_, std::move(links));
  if (before == links_) return;
  view_.reset();
  if (!others.empty()) view_.emplace(others);
  std::erase_if(to_complete_, [&](const std::string& each) { return !links_.contains(each); });
  for (const auto& [name, link] : links_) {
    if (before.contains(name)) continue;
    say(name, say_word(word::begin, [&](wire_writer& out) { out.number(life_); }), effects);
    to_complete_.push_back(name);
    const auto returned = owners_.find(name);
    if (returned == owners_.end()) continue;
    for (const std::string& each : std::exchange(returned->second.published, {}))
      say(name, published(name, each), effects);
  }
  next_ = std::string();
  next_at_ = now;
  tell_some(now, effects);
}

void will_guard::tell_some(time_point now, will_effects& effects) {
  if (!next_ || now < next_at_) return;
  auto at = own_.lower_bound(*next_);
  for (std::size_t left = settings_.wills_at_a_time; left != 0 && at != own_.end(); --left, ++at)
    tell(at->first, at->second, effects);
  if (at != own_.end()) {
    next_ = at->first;
    next_at_ = now + settings_.every;
    return;
  }
  next_.reset();
  for (const std::string& each : std::exchange(to_complete_, {}))
    say(each, say_word(word::end, [](wire_writer&) {}), effects);
}

void will_guard::node_died(std::string_view name, time_point now) {
  const auto found = owners_.find(name);
  if (found == owners_.end()) return;
  for (auto& [client_id, will] : found->second.wills)
    if (!will.due) make_due(client_id, will, now);
}

/// How many of those that we have a link with come before us in the will's order.
int will_guard::linked_before(std::string_view client_id) const noexcept {
  constexpr std::ptrdiff_t most = 5;  // it has to be over before a second guardian's time
  const std::uint64_t ours = rendezvous::weight(node_, client_id);
  const auto before = std::ranges::count_if(
      links_, [&](const auto& each) { return rendezvous::weight(each.first, client_id) > ours; });
  return static_cast<int>(std::min(before, most));
}

void will_guard::make_due(std::string_view client_id, foreign_will& will, time_point now) {
  will.due =
      now + std::chrono::seconds(will.will.delay) + linked_before(client_id) * settings_.turn;
  if (will.is_second) *will.due += settings_.second_waits;
  if (!first_due_ || *will.due < *first_due_) first_due_ = will.due;
}

bool will_guard::receive(std::string_view from, std::string_view bytes, time_point now,
                         will_effects& effects) {
  wire_reader in(bytes);
  while (!in.at_end() && in.ok()) {
    const std::uint64_t kind = in.number();
    wire_reader values = in.section();
    if (!in.ok()) return false;
    if (kind > static_cast<std::uint64_t>(word::published)) continue;  // of a later version
    owner& of = owners_[std::string(from)];
    switch (static_cast<word>(kind)) {
    case word::begin: {
      const std::uint64_t life = values.number();
      if (!values.ok()) return false;
      of.is_new_life |= std::exchange(of.life, life) != life;
      for (auto& [client_id, will] : of.wills) {
        if (will.is_orphan) continue;
        will.is_unconfirmed = true;
        will.due.reset();  // it lives
      }
      break;
    }
    case word::will: {
      const std::string_view client_id = values.text();
      foreign_will will;
      will.is_second = values.flag();
      will.will.delay = values.number<std::uint32_t>();
      will.will.message = values.text();
      if (!values.ok()) return false;
      take_will(of, client_id, std::move(will));
      break;
    }
    case word::cleared: guarded_ -= of.wills.erase(std::string(values.text())); break;
    case word::end: end_snapshot(of, now); break;
    case word::published: {
      const std::string_view owner = values.text();
      const std::string_view client_id = values.text();
      if (!values.ok()) return false;
      take_published(owner, client_id, effects);
      break;
    }
    }
  }
  return in.ok();
}

void will_guard::take_will(owner& of, std::string_view client_id, foreign_will&& will) {
  const auto found = of.wills.find(client_id);
  if (found != of.wills.end()) {
    found->second = std::move(will);
  } else if (guarded_ < settings_.maximum) {
    of.wills.emplace(client_id, std::move(will));
    ++guarded_;
  }
}

/// What the node does not know any more was published by it, unless it has lost its memory.
void will_guard::end_snapshot(owner& of, time_point now) {
  for (auto at = of.wills.begin(); at != of.wills.end();) {
    const auto next = std::next(at);
    if (at->second.is_unconfirmed && of.is_new_life) {
      at->second.is_unconfirmed = false;
      at->second.is_orphan = true;
      make_due(at->first, at->second, now);
    } else if (at->second.is_unconfirmed) {
      of.wills.erase(at);
      --guarded_;
    }
    at = next;
  }
  of.is_new_life = false;
}

void will_guard::take_published(std::string_view owner, std::string_view client_id,
                                will_effects& effects) {
  if (owner == node_) {
    effects.published.emplace_back(client_id);
    return;
  }
  const auto found = owners_.find(owner);
  if (found == owners_.end()) return;
  const auto will = found->second.wills.find(client_id);
  if (will == found->second.wills.end()) return;
  // Others may take the node for dead before we do. One that is here has its wills back.
  if (!will->second.due && links_.contains(owner)) return;
  found->second.wills.erase(will);
  --guarded_;
}

// -- time -----------------------------------------------------------------------------------

void will_guard::tick(time_point now, will_effects& effects) {
  tell_some(now, effects);
  if (first_due_ && *first_due_ <= now) publish_some(now, effects);
}

void will_guard::publish_some(time_point now, will_effects& effects) {
  first_due_.reset();
  std::size_t left = settings_.wills_at_a_time;
  for (auto& [name, of] : owners_) {
    for (auto at = of.wills.begin(); at != of.wills.end();) {
      const auto next = std::next(at);
      const auto due = at->second.due;
      if (due && *due <= now && left != 0) {
        --left;
        publish(name, of, at, effects);
      } else if (due && (!first_due_ || *due < *first_due_)) {
        first_due_ = std::max(*due, now + settings_.every);
      }
      at = next;
    }
  }
}

void will_guard::publish(const std::string& name, owner& of, will_map::iterator which,
                         will_effects& effects) {
  const std::string client_id = which->first;
  effects.due.push_back({name, client_id, std::move(which->second.will)});
  of.wills.erase(which);
  --guarded_;
  if (!links_.contains(name)) of.published.insert(client_id);
  for (const auto& [other, link] : links_)
    say(other, published(name, client_id), effects);
}

std::optional<time_point> will_guard::deadline() const noexcept {
  if (!next_) return first_due_;
  return first_due_ ? std::min(next_at_, *first_due_) : next_at_;
}

}  // namespace troupe
