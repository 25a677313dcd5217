#include "libbroker/cluster/registry_wire.hpp"

#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/cluster/wire.hpp"

namespace troupe {

namespace {

using kind = registry_entry::kind;

void write_fields(wire_writer& out, const registry_entry& entry) {
  if (entry.what == kind::all_said) return;
  out.text(entry.id);
  if (entry.what != kind::beaten) out.number(entry.stamp);
  if (entry.what == kind::held) out.flag(entry.is_home);
  if (entry.what != kind::held && entry.what != kind::beaten) return;
  out.text(entry.rival.node);
  out.number(entry.rival.stamp);
}

/// Whether the fields of `entry`, whose kind is set, were read.
bool read_fields(wire_reader& in, registry_entry& entry) noexcept {
  constexpr std::size_t longest_id = 65'535;
  if (entry.what == kind::all_said) return in.ok();
  entry.id = in.text();
  if (entry.what != kind::beaten) entry.stamp = in.number();
  if (entry.what == kind::held) entry.is_home = in.flag();
  const bool has_rival = entry.what == kind::held || entry.what == kind::beaten;
  if (has_rival) {
    entry.rival.node = in.text();
    entry.rival.stamp = in.number();
  }
  if (!in.ok() || entry.id.empty() || entry.id.size() > longest_id) return false;
  if (!has_rival) return true;
  const bool may_have_none = entry.what == kind::held;
  return is_node_name(entry.rival.node) || (may_have_none && entry.rival.node.empty());
}

}  // namespace

void append_registry_header(std::string& out, hybrid_stamp from_link, hybrid_stamp to_link,
                            hybrid_stamp clock) {
  wire_writer writer(out);
  writer.number(from_link);
  writer.number(to_link);
  writer.number(clock);
}

void append_registry_entry(std::string& out, const registry_entry& entry) {
  wire_writer writer(out);
  writer.number(static_cast<std::uint8_t>(entry.what));
  writer.section([&](wire_writer& inside) { write_fields(inside, entry); });
}

result<void, registry_fault> read_registry_message(std::string_view bytes, registry_message& into) {
  into.entries.clear();
  wire_reader in(bytes);
  into.from_link = in.number();
  into.to_link = in.number();
  into.clock = in.number();
  if (!in.ok() || into.from_link > into.clock || into.to_link > into.clock)
    return registry_fault::malformed;
  while (!in.at_end()) {
    const std::uint64_t number = in.number();
    wire_reader fields = in.section();
    if (!in.ok()) return registry_fault::malformed;
    if (number < static_cast<std::uint8_t>(kind::claim) ||
        number > static_cast<std::uint8_t>(kind::all_said))
      continue;
    registry_entry entry;
    entry.what = static_cast<kind>(number);
    if (!read_fields(fields, entry) || entry.stamp > into.clock || entry.rival.stamp > into.clock)
      return registry_fault::malformed;
    into.entries.push_back(entry);
  }
  return in.ok() ? result<void, registry_fault>() : registry_fault::malformed;
}

}  // namespace troupe
