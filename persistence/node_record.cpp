#include "persistence/node_record.hpp"

#include "libbroker/cluster/wire.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"

#include <string>

namespace troupe {

storage_result<node_identity> begin_life(database& store, std::string_view name,
                                         std::uint64_t home) {
  const auto kept = store.get(keys::node);
  if (!kept) return kept.error();
  node_identity identity{.name = {}, .home = home, .incarnation = 0};
  if (*kept) {
    wire_reader in(**kept);
    const std::string_view kept_name = in.text();
    const std::uint64_t kept_home = in.number();
    const std::uint64_t incarnation = in.number();
    if (!in.ok())
      return storage_error{storage_error::kind::damaged, "the node's own record is damaged"};
    identity = {std::string(kept_name), kept_home, incarnation};
  }
  ++identity.incarnation;
  if (!name.empty()) identity.name = name;
  if (identity.name.empty()) identity.name = make_node_name(identity.home);

  std::string record;
  wire_writer out(record);
  out.text(identity.name);
  out.number(identity.home);
  out.number(identity.incarnation);
  store.put(keys::node, record);
  if (const auto done = store.commit(true); !done) return done.error();
  return identity;
}

}  // namespace troupe
