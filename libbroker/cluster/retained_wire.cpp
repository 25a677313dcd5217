#include "libbroker/cluster/retained_wire.hpp"

#include "libbroker/cluster/wire.hpp"

#include <utility>

namespace troupe {

namespace {

enum class word : std::uint8_t {
  begun = 1,
  page = 2,
  wanted = 3,
  ended = 4
};

class encoder {
public:
  explicit encoder(std::string& out) : to_(out) {}

  void operator()(const round_begun& said) {
    begin(word::begun, said.round);
    to_.number(said.digests.size());
    for (const std::uint64_t each : said.digests)
      to_.number(each);
  }
  void operator()(const page_sent& said) {
    begin(word::page, said.round);
    to_.number(said.page.bucket);
    to_.text(said.page.after);
    to_.flag(said.page.is_last);
    to_.number(said.page.topics.size());
    for (const retained_page::entry& each : said.page.topics) {
      to_.text(each.topic);
      to_.number(each.stamp.time);
      to_.number(each.stamp.node);
    }
  }
  void operator()(const topics_wanted& said) {
    begin(word::wanted, said.round);
    to_.number(said.bucket);
    to_.number(said.topics.size());
    for (const std::string& each : said.topics)
      to_.text(each);
  }
  void operator()(const round_ended& said) { begin(word::ended, said.round); }

private:
  void begin(word what, std::uint64_t round) {
    to_.number(static_cast<std::uint64_t>(what));
    to_.number(round);
  }

  wire_writer to_;
};

/// A number of things of which each takes a byte at least.
std::size_t read_count(wire_reader& in) {
  const std::uint64_t count = in.number();
  if (count > in.rest().size()) in.fail();
  return in.ok() ? static_cast<std::size_t>(count) : 0;
}

std::uint32_t read_bucket(wire_reader& in) {
  const auto bucket = in.number<std::uint32_t>();
  if (bucket >= retained_buckets) in.fail();
  return in.ok() ? bucket : 0;
}

round_begun read_begun(wire_reader& in, std::uint64_t round) {
  round_begun said{.round = round};
  if (in.number() != retained_buckets) in.fail();
  for (std::uint64_t& each : said.digests)
    each = in.number();
  return said;
}

page_sent read_page(wire_reader& in, std::uint64_t round) {
  page_sent said{.round = round, .page = {}};
  said.page.bucket = read_bucket(in);
  said.page.after = in.text();
  said.page.is_last = in.flag();
  for (std::size_t left = read_count(in); left != 0 && in.ok(); --left) {
    retained_page::entry each{.topic = std::string(in.text()), .stamp = {}};
    each.stamp.time = in.number();
    each.stamp.node = in.number();
    said.page.topics.push_back(std::move(each));
  }
  return said;
}

topics_wanted read_wanted(wire_reader& in, std::uint64_t round) {
  topics_wanted said{.round = round, .bucket = read_bucket(in), .topics = {}};
  for (std::size_t left = read_count(in); left != 0 && in.ok(); --left)
    said.topics.emplace_back(in.text());
  return said;
}

}  // namespace

std::string encode(const retained_word& said) {
  std::string content;
  std::visit(encoder(content), said);
  return content;
}

std::optional<retained_word> decode_retained_word(std::string_view content) {
  wire_reader in(content);
  const std::uint64_t what = in.number();
  const std::uint64_t round = in.number();
  if (what > static_cast<std::uint64_t>(word::ended)) return std::nullopt;
  std::optional<retained_word> said;
  switch (static_cast<word>(what)) {
  case word::begun: said = read_begun(in, round); break;
  case word::page: said = read_page(in, round); break;
  case word::wanted: said = read_wanted(in, round); break;
  case word::ended: said = round_ended{round}; break;
  }
  return in.ok() ? said : std::nullopt;
}

}  // namespace troupe
