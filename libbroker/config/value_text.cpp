#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>

namespace troupe {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
  bool shown;  ///< whether values are printed in this unit
};

// Ordered from large to small, so that the first one that divides is the one to print.
constexpr std::array<unit, 9> size_units{{
    {"TiB", 1ULL << 40U, true},
    {"TB", 1'000'000'000'000, false},
    {"GiB", 1ULL << 30U, true},
    {"GB", 1'000'000'000, false},
    {"MiB", 1ULL << 20U, true},
    {"MB", 1'000'000, false},
    {"KiB", 1ULL << 10U, true},
    {"kB", 1'000, false},
    {"B", 1, false},
}};

constexpr std::array<unit, 6> duration_units{{
    {"d", 86'400'000, true},
    {"h", 3'600'000, true},
    {"min", 60'000, false},
    {"m", 60'000, true},
    {"s", 1'000, true},
    {"ms", 1, true},
}};

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view take_while(std::string_view& text, int (*belongs)(int)) {
  const auto end = std::ranges::find_if_not(
      text, [belongs](char c) { return belongs(static_cast<unsigned char>(c)) != 0; });
  const auto taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

/// A sum of numbers with units: "1h 30m".
std::optional<std::uint64_t> parse_sum(std::string_view text, std::span<const unit> units) {
  std::uint64_t sum = 0;
  do {
    const auto number = parse_count(take_while(text, std::isdigit));
    take_while(text, std::isblank);
    const auto name = take_while(text, std::isalpha);
    take_while(text, std::isblank);
    const auto found = std::ranges::find_if(
        units, [name](const unit& known) { return equal_in_any_case(known.name, name); });
    std::uint64_t product = 0;
    if (!number || found == units.end() ||
        __builtin_mul_overflow(*number, found->factor, &product) ||
        __builtin_add_overflow(sum, product, &sum))
      return std::nullopt;
  } while (!text.empty());
  return sum;
}

std::string show_amount(std::uint64_t amount, std::span<const unit> units,
                        std::string_view separator) {
  const auto found = std::ranges::find_if(units, [amount](const unit& candidate) {
    return candidate.shown && amount != 0 && amount % candidate.factor == 0;
  });
  if (found == units.end()) return std::to_string(amount);
  return std::to_string(amount / found->factor).append(separator).append(found->name);
}

}  // namespace

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (const auto bytes = parse_count(text)) return bytes;
  return parse_sum(text, size_units);
}

std::optional<std::uint64_t> parse_duration(std::string_view text, std::chrono::milliseconds unit) {
  if (const auto units = parse_count(text)) return units;
  const auto factor = static_cast<std::uint64_t>(unit.count());
  const auto time = parse_sum(text, duration_units);
  if (!time || *time % factor != 0) return std::nullopt;
  return *time / factor;
}

std::string show_size(std::uint64_t bytes) { return show_amount(bytes, size_units, " "); }

std::string show_duration(std::chrono::milliseconds time) {
  return time.count() == 0
             ? "0s"
             : show_amount(static_cast<std::uint64_t>(time.count()), duration_units, "");
}

std::string quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result.append({'\\', c});
    } else if (byte < 0x20 || byte == 0x7F) {
      result.append("\\u00").append({digits[byte >> 4U], digits[byte & 0xFU]});
    } else {
      result.push_back(c);
    }
  }
  return result.append("\"");
}

std::vector<std::string> parse_list(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::vector<std::string> parts;
  if (text.find_first_not_of(blanks) == std::string_view::npos) return parts;
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    auto part = text.substr(0, comma);
    part.remove_prefix(std::min(part.find_first_not_of(blanks), part.size()));
    part = part.substr(0, part.find_last_not_of(blanks) + 1);
    parts.emplace_back(part);
    if (comma == text.size()) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::string show_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts)
    list.append(list.empty() ? "" : ", ").append(quoted(text));
  return "[" + list + "]";
}

}  // namespace troupe
