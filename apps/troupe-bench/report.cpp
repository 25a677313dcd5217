#include "apps/troupe-bench/report.hpp"

#include <array>
#include <cstdio>
#include <iomanip>
#include <sstream>

namespace troupe::bench {
namespace {

constexpr std::array<std::pair<double, const char*>, 4> percentiles{
    {{50, "p50"}, {90, "p90"}, {99, "p99"}, {99.9, "p99.9"}}};

double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; }

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double ratio(double value, std::uint64_t units) {
  return units != 0 ? value / static_cast<double>(units) : 0;
}

double rss_per_connection(const summary& found) {
  const auto grown =
      static_cast<double>(found.broker_rss) - static_cast<double>(found.broker_rss_before);
  return ratio(grown, found.connections);
}

/// Of the interval; negative if the broker gave memory back.
double rss_growth(const summary& found) {
  return static_cast<double>(found.broker_rss) - static_cast<double>(found.broker_rss_begin);
}

std::string_view unit_name(const summary& found) {
  if (found.delivered != 0) return "delivery";
  return found.published != 0 ? "message" : "connection";
}

std::string_view version_name(protocol_version version) {
  return version == protocol_version::v5 ? "5" : "3.1.1";
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

/// 1234567 → "1,234,567".
std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3; at -= 3)
    text.insert(at - 3, 1, ',');
  return text;
}

class table {
public:
  explicit table(std::ostream& out) : out_(out) {}
  void row(std::string_view name, std::string_view value) {
    out_ << std::left << std::setw(24) << name << value << '\n';
  }
  void row(std::string_view name, std::uint64_t value) { row(name, grouped(value)); }

  void latency(std::string_view name, const histogram& of) {
    if (of.count() == 0) return;
    std::string text;
    for (const auto& [percent, label] : percentiles)
      text += std::string(label) + " " + fixed(microseconds(of.percentile(percent)), 1) + "   ";
    row(name, text + "max " + fixed(microseconds(of.maximum()), 1));
  }

private:
  std::ostream& out_;
};

/// Writes one JSON object; every value is a number, a word without special characters or null.
class json_object {
public:
  explicit json_object(std::ostream& out) : out_(out) { out_ << '{'; }
  ~json_object() { out_ << '}'; }
  json_object(const json_object&) = delete;
  json_object& operator=(const json_object&) = delete;

  std::ostream& key(std::string_view name) {
    out_ << (first_ ? "" : ",") << '"' << name << "\":";
    first_ = false;
    return out_;
  }
  void word(std::string_view name, std::string_view value) { key(name) << '"' << value << '"'; }
  void count(std::string_view name, std::uint64_t value) { key(name) << value; }
  void number(std::string_view name, double value, int digits) {
    key(name) << fixed(value, digits);
  }

  void latency(std::string_view name, const histogram& of) {
    key(name);
    if (of.count() == 0) {
      out_ << "null";
      return;
    }
    json_object values(out_);
    for (const auto& [percent, label] : percentiles)
      values.number(label, microseconds(of.percentile(percent)), 1);
    values.number("max", microseconds(of.maximum()), 1);
    values.number("mean", of.mean() / 1000, 1);
    values.count("count", of.count());
  }

private:
  std::ostream& out_;
  bool first_ = true;
};

}  // namespace

void print_table(std::ostream& out, const options& wanted, const summary& found) {
  table rows(out);
  rows.row("scenario", std::string(to_string(wanted.scenario)) + ", QoS " +
                           std::to_string(static_cast<unsigned>(wanted.qos)) + ", MQTT " +
                           std::string(version_name(wanted.version)) + ", " +
                           std::to_string(wanted.payload) + " bytes, " +
                           std::string(to_string(wanted.pacing())));
  rows.row("connections", found.connections);
  if (found.failed_connections != 0) rows.row("failed connections", found.failed_connections);
  rows.row("seconds", fixed(found.seconds, 3));
  if (found.connect_seconds > 0)
    rows.row("connections/s", grouped(static_cast<std::uint64_t>(
                                  per_second(found.connections, found.connect_seconds))));
  rows.latency("CONNACK µs", found.connect_latency);
  if (found.delivered != 0 || found.published != 0) {
    rows.row("published",
             grouped(found.published) + "   " +
                 grouped(static_cast<std::uint64_t>(per_second(found.published, found.seconds))) +
                 "/s");
    if (found.acknowledged != 0) rows.row("acknowledged", found.acknowledged);
    if (found.rejected != 0) rows.row("rejected", found.rejected);
    rows.row("delivered",
             grouped(found.delivered) + "   " +
                 grouped(static_cast<std::uint64_t>(per_second(found.delivered, found.seconds))) +
                 "/s");
    rows.row("lost", found.lost);
    rows.row("duplicates", found.duplicates);
    if (found.out_of_order) rows.row("out of order", *found.out_of_order);
    if (found.foreign != 0) rows.row("not of this run", found.foreign);
  }
  rows.latency("latency µs", found.delivery_latency);
  if (found.broker_cpu_seconds) {
    rows.row("broker CPU seconds",
             fixed(*found.broker_cpu_seconds, 2) + "   " +
                 fixed(ratio(*found.broker_cpu_seconds * 1e6, found.units()), 3) + " µs per " +
                 std::string(unit_name(found)));
    rows.row("broker RSS KiB", grouped(found.broker_rss / 1024) + "   " +
                                   fixed(rss_per_connection(found), 0) + " bytes per connection");
    if (wanted.scenario == scenario::offline)
      rows.row("broker RSS growth KiB", fixed(rss_growth(found) / 1024, 0));
  }
  rows.row("own CPU seconds", fixed(found.own_cpu_seconds, 2));
}

void print_json(std::ostream& out, const options& wanted, const summary& found) {
  {
    json_object line(out);
    line.word("scenario", to_string(wanted.scenario));
    line.word("version", version_name(wanted.version));
    line.word("pacing", to_string(wanted.pacing()));
    line.count("qos", static_cast<unsigned>(wanted.qos));
    line.count("payload", wanted.payload);
    line.count("count", wanted.count);
    line.count("publishers", wanted.publishers);
    line.count("threads", wanted.threads);
    line.count("window", wanted.window);
    line.count("max_ahead", wanted.max_ahead);
    line.count("closed_loop", wanted.closed_loop);
    line.number("rate", wanted.rate, 0);
    line.count("connections", found.connections);
    line.count("failed_connections", found.failed_connections);
    line.number("connections_per_second", per_second(found.connections, found.connect_seconds), 0);
    line.latency("connack_us", found.connect_latency);
    line.number("seconds", found.seconds, 3);
    line.count("published", found.published);
    line.count("acknowledged", found.acknowledged);
    line.count("rejected", found.rejected);
    line.count("delivered", found.delivered);
    line.number("published_per_second", per_second(found.published, found.seconds), 0);
    line.number("acknowledged_per_second", per_second(found.acknowledged, found.seconds), 0);
    line.number("delivered_per_second", per_second(found.delivered, found.seconds), 0);
    line.count("lost", found.lost);
    line.count("duplicates", found.duplicates);
    if (found.out_of_order)
      line.count("out_of_order", *found.out_of_order);
    else
      line.key("out_of_order") << "null";
    line.count("not_of_this_run", found.foreign);
    line.latency("latency_us", found.delivery_latency);
    line.number("own_cpu_seconds", found.own_cpu_seconds, 2);
    if (found.broker_cpu_seconds) {
      line.number("broker_cpu_seconds", *found.broker_cpu_seconds, 2);
      line.number("broker_cpu_us_per_unit", ratio(*found.broker_cpu_seconds * 1e6, found.units()),
                  3);
      line.count("broker_rss_kib", found.broker_rss / 1024);
      line.count("broker_rss_before_kib", found.broker_rss_before / 1024);
      line.number("broker_rss_growth_kib", rss_growth(found) / 1024, 0);
      line.number("broker_rss_per_connection", rss_per_connection(found), 0);
    }
  }
  out << '\n';
}

}  // namespace troupe::bench
