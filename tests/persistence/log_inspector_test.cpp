#include "persistence/log_inspector.hpp"

#include "libbroker/rfc3339.hpp"
#include "tests/persistence/filled_store.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

struct fixture {
  faulty_disk disk;
  filled_store kept{disk};

  /// Offsets of the messages that are read.
  std::vector<log_offset> read(json request) {
    request["command"] = "log read";
    const answered to = ask(kept, request);
    BOOST_TEST(to.ok(), to.last);
    std::vector<log_offset> offsets;
    for (const json& line : to.lines)
      offsets.push_back(line["offset"]);
    return offsets;
  }
};

using offsets = std::vector<log_offset>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(log_inspector_, fixture)

BOOST_AUTO_TEST_CASE(status_tells_what_there_is_in_each_stream) {
  const json nothing = ask(kept, {{"command", "log status"}}).lines.at(0);
  BOOST_TEST(nothing["head"].is_null());
  BOOST_TEST(nothing["messages"] == 0);
  kept.append({{.topic = "a"}, {.topic = "s/1"}, {.topic = "b"}}, "ann", inspected_at - 1h);
  kept.append({{.topic = "b"}}, "ann", inspected_at);
  std::mt19937_64 random(1);
  kept.commit();
  const answered to = ask(kept, {{"command", "log status"}});
  BOOST_TEST(to.ok());
  const json& status = to.lines.at(0);
  BOOST_TEST(status["head"] == 4);
  BOOST_TEST(status["oldest"] == 1);
  BOOST_TEST(status["messages"] == 4);
  BOOST_TEST(status["bytes_on_disk"] > status["bytes"]);
  const json& stream = status["streams"].at(0);
  const json& common = status["streams"].at(1);
  BOOST_TEST(stream["filter"] == "s/#");
  BOOST_TEST(stream["messages"] == 1);
  BOOST_TEST(stream["oldest"] == 2);
  BOOST_TEST(stream["newest"] == 2);
  BOOST_TEST(common["filter"].is_null());
  BOOST_TEST(common["messages"] == 3);
  BOOST_TEST(common["oldest_time"] == to_rfc3339(inspected_at - 1h));
  BOOST_TEST(common["newest_time"] == to_rfc3339(inspected_at));
}

BOOST_AUTO_TEST_CASE(message_is_shown_with_all_that_it_has) {
  kept.append(
      {{.topic = "t/ü",
        .payload = "hü\"\n",
        .qos = qos::exactly_once,
        .retain = true,
        .id = 7,
        .properties = {user_property("a", "1"), content_type_property("text/plain"),
                       correlation_property(std::string("\x00\xFF", 2)), expiry_property(60),
                       payload_format_property(), user_property("a", "2")}}},
      "ann", inspected_at, protocol_version::v5);
  kept.append({{.topic = "t", .payload = "\xFF"}}, "");
  kept.commit();
  const answered full = ask(kept, {{"command", "log get"}, {"offset", 1}});
  BOOST_TEST(full.ok());
  BOOST_TEST(
      full.lines.at(0) ==
      json({{"offset", 1},
            {"timestamp", to_rfc3339(inspected_at)},
            {"topic", "t/ü"},
            {"publisher", "ann"},
            {"qos", 2},
            {"retain", true},
            {"protocol", 5},
            {"expiry_seconds", 60},
            {"content_type", "text/plain"},
            {"correlation_data_base64", "AP8="},
            {"payload_format", 1},
            {"user_properties", json::array({json::array({"a", "1"}), json::array({"a", "2"})})},
            {"payload", "hü\"\n"}}));
  const json plain = ask(kept, {{"command", "log get"}, {"offset", 2}}).lines.at(0);
  BOOST_TEST(plain["payload_base64"] == "/w==");
  BOOST_TEST(!plain.contains("payload"));
  BOOST_TEST(!plain.contains("user_properties"));
  BOOST_TEST(plain["publisher"] == "");
}

BOOST_AUTO_TEST_CASE(payload_commands_no_terminal) {
  kept.append({{.topic = "t",
                .payload = "\x1b[2J \xC2\x9B"
                           "2J \x7F ü"}});
  kept.commit();
  struct : line_sink {
    std::string text;
    bool put(std::string_view line) override {
      text.append(line) += '\n';
      return true;
    }
    bool is_wanted() override { return true; }
  } to;
  log_inspector(*kept.store, kept.log->streams())
      .answer(R"({"command":"log get","offset":1})", inspected_at, to);
  BOOST_TEST(to.text.find(R"("payload":"\u001b[2J \u009b2J \u007f ü")") != std::string::npos,
             to.text);
}

BOOST_AUTO_TEST_CASE(no_message_at_an_offset_is_said) {
  kept.append({{.topic = "a"}});
  kept.commit();
  for (const int offset : {0, 2, 1'000'000}) {
    const answered to = ask(kept, {{"command", "log get"}, {"offset", offset}});
    BOOST_TEST(!to.ok());
    BOOST_TEST(to.error() == "there is no message at offset " + std::to_string(offset));
    BOOST_TEST(to.lines.empty());
  }
}

BOOST_AUTO_TEST_CASE(read_keeps_to_filter_begin_end_and_limit) {
  for (int i = 0; i != 5; ++i)
    kept.append({{.topic = "a"}, {.topic = "s/1"}}, "ann", inspected_at - 5h + i * 1h);
  kept.commit();
  BOOST_TEST((read({}) == offsets{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  BOOST_TEST((read({{"filter", "s/+"}}) == offsets{2, 4, 6, 8, 10}));
  BOOST_TEST((read({{"filter", "a"}, {"limit", 2}}) == offsets{1, 3}));
  BOOST_TEST((read({{"limit", 0}}) == offsets{}));
  BOOST_TEST((read({{"from", "4"}, {"to", "6"}}) == offsets{4, 5, 6}));
  BOOST_TEST((read({{"from", "-2h"}}) == offsets{7, 8, 9, 10}));
  BOOST_TEST((read({{"to", "-2h"}}) == offsets{1, 2, 3, 4, 5, 6}));
  BOOST_TEST((read({{"from", to_rfc3339(inspected_at - 4h)},
                    {"to", to_rfc3339(inspected_at - 3h)}}) == offsets{3, 4}));
  BOOST_TEST((read({{"from", "11"}}) == offsets{}));
  BOOST_TEST((read({{"from", "6"}, {"to", "5"}}) == offsets{}));
  BOOST_TEST((read({{"to", "earliest"}}) == offsets{}));
}

BOOST_AUTO_TEST_CASE(read_ends_with_what_there_was_when_it_began) {
  kept.append({{.topic = "a"}});
  kept.commit();
  const answered to = ask(kept, {{"command", "log read"}}, [&] {
    kept.append({{.topic = "a"}});
    kept.commit();
    return true;
  });
  BOOST_TEST(to.lines.size() == 1U);
}

BOOST_AUTO_TEST_CASE(long_log_is_read_page_by_page_and_only_as_far_as_wanted) {
  std::vector<test_message> many(5000, {.topic = "s/1"});
  kept.append(many);
  kept.append(many);
  kept.commit();
  BOOST_TEST(read({{"filter", "#"}}).size() == 10'000U);
  BOOST_TEST(read({{"filter", "s/1"}, {"limit", 2500}}).size() == 2500U);
  BOOST_TEST(read({{"filter", "none"}}).empty());
  int asked = 0;
  const answered some = ask(kept, {{"command", "log read"}}, [&] { return ++asked < 1500; });
  BOOST_TEST(some.lines.size() < 3000U);
}

BOOST_AUTO_TEST_CASE(damaged_records_are_left_out_and_counted) {
  kept.append({{.topic = "a"}});
  kept.append({{.topic = "a"}});
  kept.commit();
  kept.store->put(keys::record(0, 1), "nonsense");
  kept.commit();
  const answered to = ask(kept, {{"command", "log read"}});
  BOOST_TEST(to.ok());
  BOOST_TEST(to.lines.size() == 1U);
  BOOST_TEST(to.last["damaged_records"] == 1);
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_answered_all_the_same) {
  kept.append({{.topic = "a"}});
  kept.commit();
  const std::vector<std::string> bad = {"",
                                        "{",
                                        "nonsense",
                                        "[]",
                                        "5",
                                        "null",
                                        "{}",
                                        R"({"command":5})",
                                        R"({"command":"log"})",
                                        R"({"command":"log get"})",
                                        R"({"command":"log get","offset":-1})",
                                        R"({"command":"log get","offset":"1"})",
                                        R"({"command":"log read","filter":"a/#/b"})",
                                        R"({"command":"log read","filter":""})",
                                        R"({"command":"log read","filter":"$share/g/a"})",
                                        R"({"command":"log read","from":"yesterday"})",
                                        R"({"command":"log read","from":"1/a"})",
                                        R"({"command":"log read","to":"yesterday"})",
                                        R"({"command":"log backup"})",
                                        std::string(1000, '[')};
  for (const std::string& request : bad) {
    const answered to = ask(*kept.store, kept.log->streams(), request);
    BOOST_TEST(!to.ok(), request);
    BOOST_TEST(!to.error().empty(), request);
    BOOST_TEST(to.lines.empty(), request);
  }
}

BOOST_AUTO_TEST_SUITE_END()
