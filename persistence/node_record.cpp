#include "persistence/node_record.hpp"

#include "libbroker/cluster/wire.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"

#include <optional>
#include <string>
#include <utility>

namespace troupe {

namespace {

/// Nobody starts a node so often.
constexpr std::uint64_t skipped_lives = std::uint64_t{1} << 32;

/// Nothing if there is none.
storage_result<std::optional<node_identity>> read_identity(const database& store) {
  const auto kept = store.get(keys::node);
  if (!kept) return kept.error();
  if (!*kept) return std::optional<node_identity>();
  wire_reader in(**kept);
  node_identity identity{.name = std::string(in.text())};
  identity.home = in.number();
  identity.incarnation = in.number();
  if (!in.ok())
    return storage_error{storage_error::kind::damaged, "the node's own record is damaged"};
  return std::optional(std::move(identity));
}

storage_result<void> write_identity(database& store, const node_identity& identity) {
  std::string record;
  wire_writer out(record);
  out.text(identity.name);
  out.number(identity.home);
  out.number(identity.incarnation);
  store.put(keys::node, record);
  return store.commit(true);
}

}  // namespace

storage_result<node_identity> begin_life(database& store, std::string_view name,
                                         std::uint64_t home) {
  auto kept = read_identity(store);
  if (!kept) return kept.error();
  node_identity identity =
      *kept ? **std::move(kept) : node_identity{.name = {}, .home = home, .incarnation = 0};
  ++identity.incarnation;
  if (!name.empty()) identity.name = name;
  if (identity.name.empty()) identity.name = make_node_name(identity.home);
  if (const auto done = write_identity(store, identity); !done) return done.error();
  return identity;
}

storage_result<void> skip_lives(database& store) {
  auto kept = read_identity(store);
  if (!kept) return kept.error();
  if (!*kept) return {};
  (*kept)->incarnation += skipped_lives;
  return write_identity(store, **kept);
}

}  // namespace troupe
