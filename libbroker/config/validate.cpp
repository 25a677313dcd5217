#include "libbroker/config/validate.hpp"

#include "libbroker/config/assigner.hpp"
#include "libbroker/config/option.hpp"
#include "libbroker/config/validate_cluster.hpp"
#include "libbroker/config/value_text.hpp"
#include "libbroker/topic.hpp"

#include <array>
#include <cassert>
#include <unordered_map>
#include <utility>

namespace troupe {

namespace {

/// Two options of which the first must not be above the second. A 0 stands for
/// "no limit" and contradicts nothing.
struct order_rule {
  std::string_view lesser_section, lesser_key;
  std::string_view greater_section, greater_key;
  bool is_error;  ///< else a warning
  std::string_view why;
};

constexpr std::array order_rules{
    order_rule{"scheduler", "batch-bytes", "limits", "publish-credit", true,
               "a batch could never fill"},
    order_rule{"scheduler", "batch-bytes", "limits", "delivery-credit", true,
               "a batch could never fill"},
    order_rule{"limits", "publish-credit", "limits", "shard-credit", true,
               "one session could take the credit of all"},
    order_rule{"limits", "max-packet-size", "session", "max-queued-bytes", false,
               "the largest messages could never be queued"},
    order_rule{"limits", "max-packet-size", "limits", "retained-bytes", false,
               "the largest messages could never be retained"},
    order_rule{"limits", "max-connections", "limits", "max-sessions", false,
               "every connection needs a session"},
};

/// A message's stream is looked for among all of them.
constexpr std::size_t max_streams = 1000;

/// What begins a filter and is for subscriptions alone.
constexpr std::array<std::string_view, 2> subscription_prefixes{"$share/", "$replay/"};

class validator {
public:
  validator(const config& values, const option_origins& origins)
      : values_(values), origins_(origins) {}

  config_findings check() {
    for (const auto& rule : order_rules)
      check_order(rule);
    check_listeners();
    check_durability();
    check_streams();
    check_response_prefix();
    check_cluster(values_, origins_, findings_);
    return std::move(findings_);
  }

private:
  static const option& known(std::string_view section, std::string_view key) {
    const auto* found = find_option(section, key);
    assert(found != nullptr);
    return *found;
  }

  [[nodiscard]] std::string source_of(std::initializer_list<std::string_view> places) const {
    return troupe::source_of(origins_, places);
  }

  void check_order(const order_rule& rule) {
    const auto& lesser = known(rule.lesser_section, rule.lesser_key);
    const auto& greater = known(rule.greater_section, rule.greater_key);
    const auto bound = number_of(greater, values_);
    if (bound == 0 || number_of(lesser, values_) <= bound) return;
    auto& list = rule.is_error ? findings_.errors : findings_.warnings;
    list.push_back({source_of({dotted_name(lesser), dotted_name(greater)}),
                    dotted_name(lesser) + " = " + show(lesser, values_) + " is above " +
                        dotted_name(greater) + " = " + show(greater, values_) + ": " +
                        std::string(rule.why)});
  }

  void check_listeners() {
    if (values_.listeners.empty())
      findings_.warnings.push_back({"listener", "there is no listener, so nobody can connect"});
    const auto& address = known("listener", "address");
    const auto& allow_anonymous = known("listener", "allow-anonymous");
    for (std::size_t item = 0; item < values_.listeners.size(); ++item) {
      const auto& listener = values_.listeners[item];
      const auto source = source_of({place_of(address, item), place_of(allow_anonymous, item)});
      if (is_taken(listener.address, item))
        findings_.errors.push_back(
            {source, "another listener has the address " + to_string(listener.address) + " too"});
      if (!listener.anonymous_allowed())
        findings_.warnings.push_back(
            {source, "nobody can connect to " + to_string(listener.address) +
                         ": no authentication is configured, and allow-anonymous is not true"});
    }
  }

  /// Whether a listener before `item` has the same address.
  [[nodiscard]] bool is_taken(const listener_address& address, std::size_t item) const {
    const bool is_any_free_port = address.scheme == listener_scheme::tcp && address.port == 0;
    if (is_any_free_port) return false;
    for (std::size_t i = 0; i < item; ++i) {
      if (values_.listeners[i].address == address) return true;
    }
    return false;
  }

  void check_durability() {
    for (std::size_t item = 0; item < values_.durability_rules.size(); ++item) {
      const auto problem = problem_with_filter(values_.durability_rules[item].filter);
      if (!problem) continue;
      const auto filter = place_of(known("durability", "filter"), item);
      const auto source = source_of({filter, place_of(known("durability", "mode"), item)});
      findings_.errors.push_back({source, filter + ": " + *problem});
    }
  }

  void check_streams() {
    const auto count = values_.streams.size();
    if (count == 0) return;
    if (values_.node.data_dir.empty())
      fail_stream(0, "streams are kept in node.data-dir, which is empty");
    if (count > max_streams) {
      fail_stream(max_streams, "there are " + std::to_string(count) + " streams; " +
                                   std::to_string(max_streams) + " are the most");
      return;
    }
    std::unordered_map<std::string_view, std::size_t> seen;
    for (std::size_t item = 0; item < count; ++item) {
      const auto& stream = values_.streams[item];
      if (const auto problem = problem_with_filter(stream.filter)) {
        fail_stream(item, *problem);
      } else if (const auto [first, is_new] = seen.try_emplace(stream.filter, item); !is_new) {
        fail_stream(item, "stream." + std::to_string(first->second) + " has the filter " +
                              quoted(stream.filter) + " too");
      } else {
        warn_of_stream(stream, item);
      }
    }
  }

  [[nodiscard]] static std::optional<std::string> problem_with_filter(const std::string& filter) {
    if (filter.empty()) return "it is missing; say which topics are kept, as in \"plant/#\"";
    for (const auto prefix : subscription_prefixes) {
      if (filter.starts_with(prefix))
        return quoted(filter) + ": " + std::string(prefix) + " is for subscriptions only";
    }
    const auto parsed = parse_topic_filter(filter);
    if (!parsed) return quoted(filter) + ": " + std::string(parsed.error().what);
    return std::nullopt;
  }

  void warn_of_stream(const stream_config& stream, std::size_t item) {
    if (stream.filter.starts_with('$'))
      findings_.warnings.push_back(
          about_stream(item, quoted(stream.filter) +
                                 " begins with $: such topics are for what a broker says about "
                                 "itself"));
    if (stream.max_age.count() == 0 && stream.max_bytes == 0)
      findings_.warnings.push_back(
          about_stream(item, "the stream has neither max-age nor max-bytes: it grows until the "
                             "disk is full"));
  }

  void fail_stream(std::size_t item, std::string_view what) {
    findings_.errors.push_back(about_stream(item, what));
  }

  [[nodiscard]] config_error about_stream(std::size_t item, std::string_view what) const {
    const auto filter = place_of(known("stream", "filter"), item);
    const auto source = source_of({filter, place_of(known("stream", "max-age"), item),
                                   place_of(known("stream", "max-bytes"), item)});
    return {source, filter + ": " + std::string(what)};
  }

  void check_response_prefix() {
    const auto& prefix = values_.features.response_information_prefix;
    if (prefix.empty()) return;
    if (const auto checked = check_topic_name(prefix); !checked) {
      const auto name = dotted_name(known("features", "response-information-prefix"));
      findings_.errors.push_back({source_of({name}), name + ": not the start of a topic: " +
                                                         std::string(checked.error().what)});
    }
  }

  const config& values_;
  const option_origins& origins_;
  config_findings findings_;
};

}  // namespace

config_findings validate(const config& values, const option_origins& origins) {
  return validator(values, origins).check();
}

}  // namespace troupe
