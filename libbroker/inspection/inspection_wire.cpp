#include "libbroker/inspection/inspection_wire.hpp"

#include "libbroker/cluster/wire.hpp"

#include <utility>

namespace troupe {

namespace {

enum class question_kind : std::uint8_t {
  list = 1,
  show = 2,
  locate = 3
};
enum class answer_kind : std::uint8_t {
  refusal = 0,
  page = 1,
  detail = 2,
  location = 3
};
enum class value_kind : std::uint8_t {
  none = 0,
  flag = 1,
  number = 2,
  text = 3,
  numbers = 4
};

template <class Kind, class Append>
std::string make(Kind kind, Append append) {
  std::string content;
  wire_writer out(content);
  out.number(static_cast<std::uint64_t>(kind));
  out.section(append);
  return content;
}

void put(const actor_row& row, wire_writer& out) {
  out.section([&](wire_writer& inside) {
    inside.number(row.id);
    inside.text(row.kind);
    inside.text(row.name);
    inside.number(row.mailbox);
    inside.number(row.messages);
    inside.number(row.nanoseconds);
  });
}

actor_row take_row(wire_reader in, bool& ok) {
  actor_row row;
  row.id = in.number();
  row.kind = in.text();
  row.name = in.text();
  row.mailbox = in.number();
  row.messages = in.number();
  row.nanoseconds = in.number();
  ok = ok && in.ok();
  return row;
}

struct value_writer {
  wire_writer& out;

  void kind(value_kind what) const { out.number(static_cast<std::uint64_t>(what)); }
  void operator()(std::monostate) const { kind(value_kind::none); }
  void operator()(bool value) const {
    kind(value_kind::flag);
    out.flag(value);
  }
  void operator()(std::uint64_t value) const {
    kind(value_kind::number);
    out.number(value);
  }
  void operator()(const std::string& value) const {
    kind(value_kind::text);
    out.text(value);
  }
  void operator()(const std::vector<std::uint64_t>& values) const {
    kind(value_kind::numbers);
    out.number(values.size());
    for (const std::uint64_t each : values)
      out.number(each);
  }
};

/// One that is not known counts as none.
fact_value take_value(wire_reader& in) {
  switch (static_cast<value_kind>(in.number<std::uint8_t>())) {
  case value_kind::none: break;
  case value_kind::flag: return in.flag();
  case value_kind::number: return in.number();
  case value_kind::text: return std::string(in.text());
  case value_kind::numbers: {
    std::vector<std::uint64_t> values;
    for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left)
      values.push_back(in.number());
    return values;
  }
  }
  return {};
}

void put(const fact_group& group, wire_writer& out) {
  out.section([&](wire_writer& inside) {
    inside.text(group.name);
    inside.number(group.facts.size());
    for (const fact& each : group.facts)
      inside.section([&](wire_writer& one) {
        one.text(each.name);
        std::visit(value_writer{one}, each.value);
      });
  });
}

fact_group take_group(wire_reader in, bool& ok) {
  fact_group group;
  group.name = in.text();
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left) {
    wire_reader one = in.section();
    fact taken{.name = std::string(one.text()), .value = {}};
    taken.value = take_value(one);
    ok = ok && one.ok();
    group.facts.push_back(std::move(taken));
  }
  ok = ok && in.ok();
  return group;
}

struct question_writer {
  std::string operator()(const list_actors& list) const {
    return make(question_kind::list, [&](wire_writer& out) {
      out.text(list.kind);
      out.number(static_cast<std::uint64_t>(list.order));
      out.number(list.limit);
      out.flag(list.after.has_value());
      const actor_place after = list.after.value_or(actor_place{});
      out.number(after.value);
      out.number(after.id);
    });
  }
  std::string operator()(const show_actor& show) const {
    return make(question_kind::show, [&](wire_writer& out) { out.number(show.id); });
  }
  std::string operator()(const locate_node& locate) const {
    return make(question_kind::locate, [&](wire_writer& out) { out.text(locate.name); });
  }
};

struct answer_writer {
  std::string operator()(const inspection_refusal& refusal) const {
    return make(answer_kind::refusal, [&](wire_writer& out) { out.text(refusal.what); });
  }
  std::string operator()(const actor_page& page) const {
    return make(answer_kind::page, [&](wire_writer& out) {
      out.number(page.total);
      out.number(page.behind);
      out.number(page.rows.size());
      for (const actor_row& each : page.rows)
        put(each, out);
    });
  }
  std::string operator()(const actor_detail& detail) const {
    return make(answer_kind::detail, [&](wire_writer& out) {
      put(detail.actor, out);
      out.flag(detail.has_answered);
      out.number(detail.groups.size());
      for (const fact_group& each : detail.groups)
        put(each, out);
    });
  }
  std::string operator()(const node_location& location) const {
    return make(answer_kind::location, [&](wire_writer& out) { out.text(location.address); });
  }
};

std::optional<inspection_question> take_list(wire_reader in) {
  list_actors list;
  list.kind = in.text();
  const auto order = in.number<std::uint8_t>();
  list.limit = in.number<std::uint32_t>();
  const bool has_after = in.flag();
  const actor_place after{in.number(), in.number()};
  if (has_after) list.after = after;
  list.order = static_cast<actor_order>(order);
  const bool is_known = order >= static_cast<std::uint8_t>(actor_order::mailbox) &&
                        order <= static_cast<std::uint8_t>(actor_order::id);
  if (!in.ok() || !is_known) return std::nullopt;
  return list;
}

std::optional<inspection_answer> take_page(wire_reader in) {
  actor_page page;
  page.total = in.number();
  page.behind = in.number();
  bool ok = true;
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left)
    page.rows.push_back(take_row(in.section(), ok));
  if (!in.ok() || !ok) return std::nullopt;
  return page;
}

std::optional<inspection_answer> take_detail(wire_reader in) {
  actor_detail detail;
  bool ok = true;
  detail.actor = take_row(in.section(), ok);
  detail.has_answered = in.flag();
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left)
    detail.groups.push_back(take_group(in.section(), ok));
  if (!in.ok() || !ok) return std::nullopt;
  return detail;
}

}  // namespace

std::string encode(const inspection_question& question) {
  return std::visit(question_writer{}, question);
}

std::string encode(const inspection_answer& answer) { return std::visit(answer_writer{}, answer); }

std::optional<inspection_question> decode_question(std::string_view content) {
  wire_reader in(content);
  const auto kind = static_cast<question_kind>(in.number<std::uint8_t>());
  wire_reader inside = in.section();
  if (!in.ok()) return std::nullopt;
  if (kind == question_kind::list) return take_list(inside);
  if (kind == question_kind::show)
    if (const show_actor show{inside.number()}; inside.ok()) return show;
  if (kind == question_kind::locate)
    if (locate_node locate{std::string(inside.text())}; inside.ok()) return locate;
  return std::nullopt;
}

std::optional<inspection_answer> decode_answer(std::string_view content) {
  wire_reader in(content);
  const auto kind = static_cast<answer_kind>(in.number<std::uint8_t>());
  wire_reader inside = in.section();
  if (!in.ok()) return std::nullopt;
  if (kind == answer_kind::page) return take_page(inside);
  if (kind == answer_kind::detail) return take_detail(inside);
  if (kind == answer_kind::refusal)
    if (inspection_refusal refusal{std::string(inside.text())}; inside.ok()) return refusal;
  if (kind == answer_kind::location)
    if (node_location location{std::string(inside.text())}; inside.ok()) return location;
  return std::nullopt;
}

}  // namespace troupe
