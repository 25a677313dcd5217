#include "libbroker/cluster/share_wire.hpp"

#include "libbroker/cluster/wire.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>
#include <variant>

namespace troupe {

namespace {

enum class verb : std::uint8_t {
  ask = 1,
  holds = 2,
  room = 3,
  report = 4,
  confirmed = 5,
  ask_me = 6
};

/// Offsets, ascending or not, each as the difference to the one before.
void put_offsets(const std::vector<log_offset>& offsets, wire_writer& to) {
  to.number(offsets.size());
  log_offset before = 0;
  for (const log_offset each : offsets)
    to.number(each - std::exchange(before, each));
}

std::vector<log_offset> get_offsets(wire_reader& in) {
  const std::uint64_t count = in.number();
  if (count > in.rest().size()) in.fail();
  std::vector<log_offset> offsets;
  log_offset before = 0;
  for (std::uint64_t i = 0; in.ok() && i != count; ++i)
    offsets.push_back(before += in.number());
  return offsets;
}

}  // namespace

std::string encode_share_word(const share_call& word) {
  std::string out;
  wire_writer to(out);
  const auto begin = [&](verb what) {
    to.number(static_cast<std::uint64_t>(what));
    to.text(word.share);
  };
  std::visit(
      [&]<class Word>(const Word& said) {
        if constexpr (std::is_same_v<Word, share_ask>) {
          begin(verb::ask);
          to.number(said.number);
        } else if constexpr (std::is_same_v<Word, share_ask_me>) {
          begin(verb::ask_me);
        } else if constexpr (std::is_same_v<Word, share_holds>) {
          begin(verb::holds);
          to.number(said.number);
          put_offsets(said.offsets, to);
        } else if constexpr (std::is_same_v<Word, share_room>) {
          begin(verb::room);
          to.number(said.room);
          to.number(said.members);
        } else if constexpr (std::is_same_v<Word, share_report>) {
          begin(verb::report);
          to.number(said.number);
          put_offsets(said.done, to);
          put_offsets(said.returned, to);
        } else if constexpr (std::is_same_v<Word, share_confirmed>) {
          begin(verb::confirmed);
          to.number(said.number);
        } else {
          assert(false && "not for other nodes");
        }
      },
      word.what);
  return out;
}

std::optional<share_call> decode_share_word(std::string_view content) {
  wire_reader in(content);
  const std::uint64_t what = in.number();
  share_call word{std::string(in.text()), share_ask{}};
  switch (static_cast<verb>(what)) {
  case verb::ask: word.what = share_ask{.number = in.number<request_number>()}; break;
  case verb::holds: {
    const auto number = in.number<request_number>();
    word.what = share_holds{number, get_offsets(in)};
    break;
  }
  case verb::room: {
    const auto room = in.number<std::uint32_t>();
    word.what = share_room{.room = room, .members = in.number<std::uint32_t>()};
    break;
  }
  case verb::report: {
    share_report report;
    report.number = in.number<request_number>();
    report.done = get_offsets(in);
    report.returned = get_offsets(in);
    word.what = std::move(report);
    break;
  }
  case verb::confirmed: word.what = share_confirmed{.number = in.number<request_number>()}; break;
  case verb::ask_me: word.what = share_ask_me{}; break;
  default: return std::nullopt;
  }
  if (!in.ok() || !is_valid_share(word.share)) return std::nullopt;
  return word;
}

void encode_lent_header(const lent_header& header, std::string& out) {
  wire_writer to(out);
  to.text(header.share);
  to.flag(header.is_counted);
}

std::optional<lent_header> take_lent_header(std::string_view& content) {
  wire_reader in(content);
  lent_header header{.share = in.text()};
  header.is_counted = in.flag();
  if (!in.ok() || !is_valid_share(header.share)) return std::nullopt;
  content = in.rest();
  return header;
}

}  // namespace troupe
