#include "libbroker/cluster/member_gossip.hpp"

#include "libbroker/cluster/wire.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

error malformed(std::string_view what) {
  return {reason_code::malformed_packet, "cluster gossip", what};
}

}  // namespace

void append_gossip(std::span<const gossiped_member> members, std::string& out) {
  wire_writer writer(out);
  writer.number(members.size());
  for (const gossiped_member& each : members)
    writer.section([&](wire_writer& section) {
      const member_record& record = each.record;
      section.text(record.node.name);
      section.number(record.node.home);
      section.number(record.node.incarnation);
      section.text(record.address);
      section.number(record.version);
      section.flag(record.left);
      section.flag(each.linked);
      section.text(record.client_address);
      section.flag(record.is_draining);
    });
}

result<std::vector<gossiped_member>> read_gossip(std::string_view bytes) {
  wire_reader reader(bytes);
  const std::uint64_t count = reader.number();
  if (count > max_members) return malformed("too many members");
  std::vector<gossiped_member> members;
  // A section has more than eight bytes, so that a count that is not true takes no memory.
  members.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(count, bytes.size() / 8)));
  for (std::uint64_t i = 0; i != count; ++i) {
    wire_reader section = reader.section();
    gossiped_member member;
    member_record& record = member.record;
    record.node.name = section.text();
    record.node.home = section.number();
    record.node.incarnation = section.number();
    const std::string_view address = section.text();
    record.version = section.number();
    record.left = section.flag();
    member.linked = section.flag();
    std::string_view client_address;
    if (!section.at_end()) {
      client_address = section.text();
      record.is_draining = section.flag();
    }
    if (!reader.ok() || !section.ok()) return malformed("it ends within a member");
    if (!is_node_name(record.node.name)) return malformed("a name that is none");
    if (std::max(address.size(), client_address.size()) > max_address_size)
      return malformed("an address is too long");
    if (record.version > max_member_version) return malformed("a version is too high");
    if (!members.empty() && record.node.name <= members.back().record.node.name)
      return malformed("names do not ascend");
    record.address = address;
    record.client_address = client_address;
    members.push_back(std::move(member));
  }
  if (!reader.ok()) return malformed("it ends too early");
  return members;
}

}  // namespace troupe
