#pragma once

#include "libbroker/share/share_request.hpp"

#include <optional>
#include <string>
#include <string_view>

/// What the groups of one shared subscription on two nodes say to each other. Bytes:
/// docs/cluster_wire.md.
namespace troupe {

/// A word: `share_ask`, `share_ask_me`, `share_holds`, `share_room`, `share_report` or
/// `share_confirmed`; homes of lenders are not said, for the link says who speaks. REQUIRES: it is
/// one of these.
[[nodiscard]] std::string encode_share_word(const share_call& word);
/// Nothing for what is malformed, or of a later version.
[[nodiscard]] std::optional<share_call> decode_share_word(std::string_view content);

/// What stands in front of the messages of a record of kind `lent`.
struct lent_header {
  std::string_view share;
  bool is_counted = false;  ///< the lender wants to know what becomes of them
};
void encode_lent_header(const lent_header& header, std::string& out);
/// Takes it off the front of `content`; nothing if it is malformed.
[[nodiscard]] std::optional<lent_header> take_lent_header(std::string_view& content);

}  // namespace troupe
