#include "libbroker/config/assigner.hpp"

#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

void assigner::set(const option& option, std::size_t item, std::string_view text,
                   std::string_view source) {
  auto place = place_of(option, item);
  if (const auto problem = assign(option, text, into_, item)) {
    fail(source, place + ": " + *problem);
  } else {
    note_origin(std::move(place), source);
  }
}

void assigner::set_list(const option& option, std::size_t item, std::vector<std::string> texts,
                        std::string_view source) {
  assign_list(option, std::move(texts), into_, item);
  note_origin(place_of(option, item), source);
}

void assigner::set_caf(std::string_view key, std::string_view text, std::string_view source) {
  const auto known = std::ranges::find(into_.caf, key, &caf_option::key);
  if (known == into_.caf.end()) {
    into_.caf.push_back({std::string(key), std::string(text)});
  } else {
    known->value = text;
  }
  note_origin("caf." + std::string(key), source);
}

void assigner::fail(std::string_view source, std::string message) {
  errors_.push_back({std::string(source), std::move(message)});
}

std::vector<config_error> assigner::take_errors() {
  if (errors_.size() > max_config_errors) errors_.resize(max_config_errors);
  return std::exchange(errors_, {});
}

void assigner::note_origin(std::string name, std::string_view source) {
  if (origins_ != nullptr) origins_->insert_or_assign(std::move(name), source);
}

std::string place_of(const option& option, std::size_t item) {
  const auto* section = find_section(option.section);
  if (section->form != section_form::list) return dotted_name(option);
  return std::string(option.section)
      .append(".")
      .append(std::to_string(item))
      .append(".")
      .append(option.key);
}

std::string source_of(const option_origins& origins,
                      std::initializer_list<std::string_view> places) {
  for (const auto& place : places) {
    if (const auto found = origins.find(place); found != origins.end()) return found->second;
  }
  return std::string(*places.begin());
}

std::string unknown(std::string_view what, std::string_view name, std::string_view nearest) {
  std::string message = "unknown " + std::string(what) + " " + quoted(name);
  if (!nearest.empty()) message += "; did you mean " + quoted(nearest) + "?";
  return message;
}

}  // namespace troupe
