#pragma once

#include "libbroker/cluster/client_claim.hpp"
#include "libbroker/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// What registries say to each other about one client id. Encoded: the kind as a number, then a
/// section with the fields in the order given here.
struct registry_entry {
  enum class kind : std::uint8_t {
    claim = 1,      ///< id, stamp: to a home, "a client logged in here, or has a session here"
    held = 2,       ///< id, stamp, is_home, rival: the answer, "nobody has a greater claim"
    beaten = 3,     ///< id, rival: to an owner or as an answer, "somebody has"
    withdrawn = 4,  ///< id, stamp: to a home, "the session has ended"
    released = 5,   ///< id, stamp: to an owner, "we no longer keep this"
    all_said = 6    ///< to a home: "what else you have of me, of before this link, is over"
  };
  kind what = kind::claim;
  std::string_view id;     ///< 1 to 65,535 bytes
  hybrid_stamp stamp = 0;  ///< the claim's that it is about
  /// Whether the sender finds itself to be the home, in its view: else the claim is not
  /// registered for good.
  bool is_home = false;
  /// Of `held` the owner before, without a name if there was none; of `beaten` the greater claim.
  client_claim rival;
};

/// One message: `from_link`, `to_link`, `clock` and any number of entries; none is a greeting.
/// Nothing else is said of who sends it: the transport knows. Numbers and texts as in wire.hpp; the
/// views are into the message.
struct registry_message {
  hybrid_stamp from_link = 0;  ///< the sender's number of the link
  hybrid_stamp to_link = 0;    ///< the receiver's, as far as the sender heard; 0: of none
  hybrid_stamp clock = 0;      ///< the sender's; no stamp in the message is greater
  std::vector<registry_entry> entries;
};

/// Why a message of another node was refused.
enum class registry_fault : std::uint8_t {
  malformed,
  clock_ahead  ///< its clock is too far ahead of ours: one of the two calendars is wrong
};

/// A body, the entries one behind the other, becomes a message with this in front.
void append_registry_header(std::string& out, hybrid_stamp from_link, hybrid_stamp to_link,
                            hybrid_stamp clock);
void append_registry_entry(std::string& out, const registry_entry& entry);
/// Reads `bytes` into `into`, which may be used again. Kinds that are not known are left out.
[[nodiscard]] result<void, registry_fault> read_registry_message(std::string_view bytes,
                                                                 registry_message& into);

}  // namespace troupe
