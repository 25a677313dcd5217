#include "libbroker/config/host_port.hpp"
#include "libbroker/config/listener_address.hpp"
#include "libbroker/config/value_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

listener_address address_of(std::string_view text) {
  auto parsed = parse_listener_address(text);
  const auto* problem = std::get_if<std::string>(&parsed);
  BOOST_REQUIRE_MESSAGE(problem == nullptr, text << ": " << (problem ? *problem : ""));
  return std::get<listener_address>(parsed);
}

std::string problem_with(std::string_view text) {
  auto parsed = parse_listener_address(text);
  BOOST_REQUIRE_MESSAGE(parsed.index() == 1, text << " was taken");
  return std::get<std::string>(parsed);
}

host_port host_port_of(std::string_view text) {
  auto parsed = parse_host_port(text);
  const auto* problem = std::get_if<std::string>(&parsed);
  BOOST_REQUIRE_MESSAGE(problem == nullptr, text << ": " << (problem ? *problem : ""));
  return std::get<host_port>(parsed);
}

std::string problem_with_host_port(std::string_view text) {
  auto parsed = parse_host_port(text);
  BOOST_REQUIRE_MESSAGE(parsed.index() == 1, text << " was taken");
  return std::get<std::string>(parsed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_value)

BOOST_AUTO_TEST_CASE(sizes_are_plain_or_have_binary_or_decimal_units) {
  BOOST_TEST((parse_size("0") == 0U));
  BOOST_TEST((parse_size("65536") == 65536U));
  BOOST_TEST((parse_size("64KiB") == 65536U));
  BOOST_TEST((parse_size("64 kib") == 65536U));
  BOOST_TEST((parse_size("10MB") == 10'000'000U));
  BOOST_TEST((parse_size("1 GiB 1 MiB") == 1'074'790'400U));
  BOOST_TEST((parse_size("2TiB") == 2'199'023'255'552U));
  BOOST_TEST((parse_size("7 B") == 7U));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_size_is_refused) {
  for (const auto* text :
       {"", " ", "KiB", "-1", "+1", "1.5 MiB", "1 parsec", "1 MiB 5", "0x10", "1 MiB,",
        "18446744073709551616", "18446744073709551615 B 1 B", "99999999 TiB"})
    BOOST_TEST(!parse_size(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(durations_are_sums_of_units_or_plain_in_the_unit_of_the_option) {
  BOOST_TEST((parse_duration("10", 1s) == 10U));
  BOOST_TEST((parse_duration("10", 1ms) == 10U));
  BOOST_TEST((parse_duration("10s", 1ms) == 10'000U));
  BOOST_TEST((parse_duration("1h30m", 1s) == 5'400U));
  BOOST_TEST((parse_duration("1 d 2 h 3 min 4 s", 1s) == 93'784U));
  BOOST_TEST((parse_duration("2000ms", 1s) == 2U));
  BOOST_TEST((parse_duration("7d", 1s) == 604'800U));
  BOOST_TEST((parse_duration("1d12h", 1s) == 129'600U));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_whole_number_of_time_units_is_refused) {
  for (const auto* text : {"", "s", "10 parsecs", "1h30", "-1s", "1.5s", "500ms", "never",
                           "99999999999999999999s", "999999999999999999 d"})
    BOOST_TEST(!parse_duration(text, 1s).has_value(), text);
}

BOOST_AUTO_TEST_CASE(numbers_are_shown_in_the_largest_unit_that_fits_exactly) {
  BOOST_TEST(show_size(0) == "0");
  BOOST_TEST(show_size(1000) == "1000");
  BOOST_TEST(show_size(65536) == "64 KiB");
  BOOST_TEST(show_size(16U << 20U) == "16 MiB");
  BOOST_TEST(show_size(268'435'460) == "268435460");
  BOOST_TEST(show_duration(0ms) == "0s");
  BOOST_TEST(show_duration(1ms) == "1ms");
  BOOST_TEST(show_duration(10s) == "10s");
  BOOST_TEST(show_duration(90min) == "90m");
  BOOST_TEST(show_duration(48h) == "2d");
  BOOST_TEST(show_duration(36h) == "36h");
}

BOOST_AUTO_TEST_CASE(booleans_are_spelled_as_in_toml) {
  BOOST_TEST((parse_boolean("true") == true));
  BOOST_TEST((parse_boolean("false") == false));
  for (const auto* text : {"", "True", "yes", "1", "on", "true "})
    BOOST_TEST(!parse_boolean(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(quoting_escapes_what_toml_does_not_take_raw) {
  BOOST_TEST(quoted("a\"b\\c\n\x7F") == R"("a\"b\\c\u000A\u007F")");
}

BOOST_AUTO_TEST_CASE(a_list_is_split_at_its_commas_and_loses_blanks_around_them) {
  using texts = std::vector<std::string>;
  BOOST_TEST((parse_list("") == texts{}));
  BOOST_TEST((parse_list(" \t") == texts{}));
  BOOST_TEST((parse_list("a:1") == texts{"a:1"}));
  BOOST_TEST((parse_list("a:1,b:2") == texts{"a:1", "b:2"}));
  BOOST_TEST((parse_list(" a b ,\tc\t") == texts{"a b", "c"}));
  BOOST_TEST((parse_list(",") == texts{"", ""}));
  BOOST_TEST((parse_list("a, ,b,") == texts{"a", "", "b", ""}));
}

BOOST_AUTO_TEST_CASE(a_list_is_shown_as_toml_has_it) {
  BOOST_TEST(show_list({}) == "[]");
  BOOST_TEST(show_list({""}) == R"([""])");
  BOOST_TEST(show_list({"a", "b\"c", ""}) == R"(["a", "b\"c", ""])");
}

BOOST_AUTO_TEST_CASE(a_host_and_a_port_are_read_and_printed) {
  BOOST_TEST((host_port_of("a-1.example_b.org:1884") == host_port{"a-1.example_b.org", 1884}));
  BOOST_TEST((host_port_of("[fe80::1]:65535") == host_port{"fe80::1", 65535}));
  BOOST_TEST((host_port_of("10.0.0.1:0") == host_port{"10.0.0.1", 0}));
  for (const auto* text : {"localhost:1", "[::]:0", "[::ffff:10.0.0.1]:1884", "0.0.0.0:65535"})
    BOOST_TEST(to_string(host_port_of(text)) == text);
}

BOOST_AUTO_TEST_CASE(a_port_may_be_missing_only_where_there_is_a_default) {
  BOOST_TEST((std::get<host_port>(parse_host_port("h", 7)) == host_port{"h", 7}));
  BOOST_TEST((std::get<host_port>(parse_host_port("[::1]", 7)) == host_port{"::1", 7}));
  BOOST_TEST((std::get<host_port>(parse_host_port("h:8", 7)) == host_port{"h", 8}));
  BOOST_TEST(problem_with_host_port("h") == "the port is missing behind the host");
  BOOST_TEST(problem_with_host_port("[::1]") == "the port is missing behind the host");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_host_and_a_port_is_refused_with_the_reason) {
  BOOST_TEST(problem_with_host_port("") == "the host is missing");
  BOOST_TEST(problem_with_host_port(":1884") == "the host is missing");
  BOOST_TEST(problem_with_host_port("::1") == R"(an IPv6 address needs brackets, as in "[::1]")");
  BOOST_TEST(problem_with_host_port("[::1:1884") ==
             "the bracket of the IPv6 address is not closed");
  BOOST_TEST(problem_with_host_port("[]:1") == R"("" is not an IPv6 address)");
  BOOST_TEST(problem_with_host_port("[h]:1") == R"("h" is not an IPv6 address)");
  BOOST_TEST(problem_with_host_port("tcp//h:1") == R"("tcp//h" is not a host name)");
  BOOST_TEST(problem_with_host_port("tcp://h:1") ==
             "a host and a port stand alone, without \"tcp://\"");
  for (const auto* port : {":", ":65536", ":-1", ":1x", ": 1", ":99999999999999999999"})
    BOOST_TEST(problem_with_host_port("h" + std::string(port)) ==
               "expected \":\" and a port up to 65535 behind the host, got " + quoted(port));
  BOOST_TEST(problem_with_host_port("[::1]1").ends_with(R"(got "1")"));
}

BOOST_AUTO_TEST_CASE(a_wildcard_is_one_in_any_spelling) {
  for (const auto* host :
       {"0.0.0.0", "0", "000.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0", "::0.0.0.0"})
    BOOST_TEST(is_wildcard_host(host), host);
  for (const auto* host : {"", "0.0.0.1", "10.0.0.0", "::1", "zero", "0.example.org", "localhost"})
    BOOST_TEST(!is_wildcard_host(host), host);
}

BOOST_AUTO_TEST_CASE(tcp_addresses_have_a_host_and_a_port) {
  BOOST_TEST((address_of("tcp://0.0.0.0:1884") ==
              listener_address{listener_scheme::tcp, "0.0.0.0", 1884, ""}));
  BOOST_TEST((address_of("tcp://[fe80::1]:0") ==
              listener_address{listener_scheme::tcp, "fe80::1", 0, ""}));
  BOOST_TEST(address_of("tcp://broker.example.org").port == 1883);
  BOOST_TEST(address_of("tcp://[::]").host == "::");
}

BOOST_AUTO_TEST_CASE(unix_addresses_have_an_absolute_path) {
  BOOST_TEST((address_of("unix:///run/troupe.sock") ==
              listener_address{listener_scheme::unix_socket, "", 0, "/run/troupe.sock"}));
  BOOST_TEST(problem_with("unix://run/troupe.sock").find("absolute") != std::string::npos);
  BOOST_TEST(problem_with("unix:///" + std::string(107, 'x')).find("107") != std::string::npos);
  BOOST_TEST(address_of("unix:///" + std::string(106, 'x')).path.size() == 107U);
}

BOOST_AUTO_TEST_CASE(what_is_not_an_address_is_refused_with_the_reason) {
  BOOST_TEST(problem_with("tls://[::1]:8883") ==
             "tls:// is not supported yet; use tcp:// or unix://");
  BOOST_TEST(problem_with("wss://h:1").find("not supported yet") != std::string::npos);
  BOOST_TEST(problem_with("tls").find("expected an address") != std::string::npos);
  BOOST_TEST(problem_with("mqtt://h:1").find("expected an address") != std::string::npos);
  BOOST_TEST(problem_with("127.0.0.1:1883").find("expected an address") != std::string::npos);
  BOOST_TEST(problem_with("").find("expected an address") != std::string::npos);
  BOOST_TEST(problem_with("tcp://:1883").find("0.0.0.0") != std::string::npos);
  BOOST_TEST(problem_with("tcp://").find("host is missing") != std::string::npos);
  BOOST_TEST(problem_with("tcp://::1:1883").find("brackets") != std::string::npos);
  BOOST_TEST(problem_with("tcp://[::1:1883").find("not closed") != std::string::npos);
  BOOST_TEST(problem_with("tcp://[1883]:1").find("IPv6") != std::string::npos);
  BOOST_TEST(problem_with("tcp://h/x:1").find("host name") != std::string::npos);
  for (const auto* text : {"tcp://h:65536", "tcp://h:-1", "tcp://h:", "tcp://h:1x", "tcp://[::1]1"})
    BOOST_TEST(problem_with(text).find("port up to 65535") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(an_address_is_printed_as_it_is_read) {
  for (const auto* text : {"tcp://127.0.0.1:1883", "tcp://[::1]:0", "unix:///run/troupe.sock"})
    BOOST_TEST(to_string(address_of(text)) == text);
}

BOOST_AUTO_TEST_CASE(only_what_no_other_machine_reaches_is_local) {
  for (const auto* text :
       {"tcp://127.0.0.1", "tcp://127.255.0.9", "tcp://localhost", "tcp://[::1]", "unix:///s"})
    BOOST_TEST(address_of(text).is_local(), text);
  for (const auto* text : {"tcp://0.0.0.0", "tcp://[::]", "tcp://10.0.0.1", "tcp://127.example.org",
                           "tcp://127.0.0.1.example.org", "tcp://127.0.0", "tcp://127.0.0.256",
                           "tcp://127.0.0.1.1", "tcp://localhost.example.org"})
    BOOST_TEST(!address_of(text).is_local(), text);
}

BOOST_AUTO_TEST_SUITE_END()
