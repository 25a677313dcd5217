// Eclipse Paho C against a broker: paho_c_interop HOST PORT. Prints `ok NAME` or `FAILED NAME:
// why`, one line a check.

#include <MQTTClient.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::chrono::milliseconds time_out{10'000};
constexpr std::chrono::milliseconds quiet{300};

std::string server_uri;

struct check_failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void expect(bool condition, const std::string& what) {
  if (!condition) throw check_failed(what);
}

/// MQTT 5.0 properties of one packet, freed at the end.
class property_list {
public:
  property_list() = default;
  property_list(const property_list&) = delete;
  property_list& operator=(const property_list&) = delete;
  ~property_list() { MQTTProperties_free(&properties_); }

  property_list& add(MQTTPropertyCodes code, unsigned number) {
    MQTTProperty property{};
    property.identifier = code;
    property.value.integer4 = number;
    if (const int type = MQTTProperty_getType(code); type == MQTTPROPERTY_TYPE_BYTE)
      property.value.byte = static_cast<unsigned char>(number);
    else if (type == MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER)
      property.value.integer2 = static_cast<std::uint16_t>(number);
    MQTTProperties_add(&properties_, &property);
    return *this;
  }

  property_list& add(MQTTPropertyCodes code, std::string text, std::string value = {}) {
    MQTTProperty property{};
    property.identifier = code;
    property.value.data = {static_cast<int>(text.size()), text.data()};
    property.value.value = {static_cast<int>(value.size()), value.data()};
    MQTTProperties_add(&properties_, &property);
    return *this;
  }

  MQTTProperties* get() { return &properties_; }

private:
  MQTTProperties properties_ = MQTTProperties_initializer;
};

/// A message as the test sees it.
struct message {
  std::string topic = {};
  std::string payload = {};
  int qos = 0;
  bool retained = false;
  bool dup = false;
  std::vector<std::pair<std::string, std::string>> user_properties = {};
  std::vector<int> subscription_identifiers = {};
  std::string content_type = {};
  std::string response_topic = {};
  std::string correlation_data = {};
  std::optional<int> message_expiry = {};
};

std::string text_of(const MQTTLenString& data) {
  return {data.data, static_cast<std::size_t>(data.len)};
}

message read_message(std::string topic, MQTTClient_message& from) {
  message out{
      .topic = std::move(topic),
      .payload = {static_cast<char*>(from.payload), static_cast<std::size_t>(from.payloadlen)},
      .qos = from.qos,
      .retained = from.retained != 0,
      .dup = from.dup != 0};
  for (int index = 0; index < from.properties.count; ++index) {
    const MQTTProperty& one = from.properties.array[index];
    switch (one.identifier) {
    case MQTTPROPERTY_CODE_USER_PROPERTY:
      out.user_properties.emplace_back(text_of(one.value.data), text_of(one.value.value));
      break;
    case MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER:
      out.subscription_identifiers.push_back(static_cast<int>(one.value.integer4));
      break;
    case MQTTPROPERTY_CODE_CONTENT_TYPE: out.content_type = text_of(one.value.data); break;
    case MQTTPROPERTY_CODE_RESPONSE_TOPIC: out.response_topic = text_of(one.value.data); break;
    case MQTTPROPERTY_CODE_CORRELATION_DATA: out.correlation_data = text_of(one.value.data); break;
    case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
      out.message_expiry = static_cast<int>(one.value.integer4);
      break;
    default: break;
    }
  }
  return out;
}

struct connect_options {
  std::string client_id = {};
  bool clean = true;
  std::string will_topic = {};
  std::string will_payload = {};
  int will_qos = 0;
  property_list* properties = nullptr;
};

/// A Paho client whose messages wait in a queue.
class client {
public:
  client(int version, const connect_options& options) : version_(version) {
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    create.MQTTVersion = version;
    expect(MQTTClient_createWithOptions(&handle_, server_uri.c_str(), options.client_id.c_str(),
                                        MQTTCLIENT_PERSISTENCE_NONE, nullptr,
                                        &create) == MQTTCLIENT_SUCCESS,
           "create");
    MQTTClient_setCallbacks(handle_, this, lost, arrived, nullptr);
    MQTTClient_connectOptions connect = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions connect5 = MQTTClient_connectOptions_initializer5;
    if (version == MQTTVERSION_5) connect = connect5;
    connect.MQTTVersion = version;
    connect.connectTimeout = 10;
    connect.keepAliveInterval = 30;
    connect.reliable = 0;  // several messages at a time
    (version == MQTTVERSION_5 ? connect.cleanstart : connect.cleansession) = options.clean ? 1 : 0;
    if (version == MQTTVERSION_5) connect.cleansession = 0;
    MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
    if (!options.will_topic.empty()) {
      will.topicName = options.will_topic.c_str();
      will.message = options.will_payload.c_str();
      will.qos = options.will_qos;
      connect.will = &will;
    }
    if (version == MQTTVERSION_5) {
      MQTTResponse response = MQTTClient_connect5(
          handle_, &connect, options.properties != nullptr ? options.properties->get() : nullptr,
          nullptr);
      const int code = response.reasonCode;
      if (response.properties != nullptr) {
        const MQTTProperty* assigned = MQTTProperties_getProperty(
            response.properties, MQTTPROPERTY_CODE_ASSIGNED_CLIENT_IDENTIFER);
        if (assigned != nullptr) assigned_id = text_of(assigned->value.data);
      }
      MQTTResponse_free(response);
      expect(code == MQTTREASONCODE_SUCCESS, "connect: " + std::to_string(code));
    } else {
      const int code = MQTTClient_connect(handle_, &connect);
      expect(code == MQTTCLIENT_SUCCESS, "connect: " + std::to_string(code));
    }
    session_present = connect.returned.sessionPresent != 0;
  }

  client(const client&) = delete;
  client& operator=(const client&) = delete;

  ~client() {
    if (MQTTClient_isConnected(handle_) != 0) disconnect();
    MQTTClient_destroy(&handle_);
  }

  void disconnect() {
    if (version_ == MQTTVERSION_5)
      MQTTClient_disconnect5(handle_, 1000, MQTTREASONCODE_NORMAL_DISCONNECTION, nullptr);
    else
      MQTTClient_disconnect(handle_, 1000);
  }

  int subscribe(const std::string& filter, int qos, MQTTSubscribe_options* options = nullptr,
                property_list* properties = nullptr) {
    if (version_ != MQTTVERSION_5) return MQTTClient_subscribe(handle_, filter.c_str(), qos);
    MQTTResponse response = MQTTClient_subscribe5(
        handle_, filter.c_str(), qos, options, properties != nullptr ? properties->get() : nullptr);
    const int code = response.reasonCode;
    MQTTResponse_free(response);
    return code;
  }

  void subscribed(const std::string& filter, int qos) {
    const int code = subscribe(filter, qos);
    expect(code == (version_ == MQTTVERSION_5 ? qos : MQTTCLIENT_SUCCESS),
           "subscribe " + filter + ": " + std::to_string(code));
  }

  int unsubscribe(const std::string& filter) {
    if (version_ != MQTTVERSION_5) return MQTTClient_unsubscribe(handle_, filter.c_str());
    MQTTResponse response = MQTTClient_unsubscribe5(handle_, filter.c_str(), nullptr);
    const int code = response.reasonCode;
    MQTTResponse_free(response);
    return code;
  }

  /// Hands a message to Paho, which sends it from its own thread.
  MQTTClient_deliveryToken begin_publish(const std::string& topic, std::string payload, int qos,
                                         bool retained = false,
                                         property_list* properties = nullptr) {
    MQTTClient_message out = MQTTClient_message_initializer;
    out.payload = payload.data();
    out.payloadlen = static_cast<int>(payload.size());
    out.qos = qos;
    out.retained = retained ? 1 : 0;
    if (properties != nullptr) out.properties = MQTTProperties_copy(properties->get());
    MQTTClient_deliveryToken token = 0;
    int code = 0;
    if (version_ == MQTTVERSION_5) {
      MQTTResponse response = MQTTClient_publishMessage5(handle_, topic.c_str(), &out, &token);
      code = response.reasonCode;
      MQTTResponse_free(response);
    } else {
      code = MQTTClient_publishMessage(handle_, topic.c_str(), &out, &token);
    }
    MQTTProperties_free(&out.properties);
    expect(code == MQTTCLIENT_SUCCESS, "publish: " + std::to_string(code));
    return token;
  }

  /// Waits for the acknowledgement, in steps of 100 ms.
  void end_publish(MQTTClient_deliveryToken token) {
    expect(MQTTClient_waitForCompletion(handle_, token, time_out.count()) == MQTTCLIENT_SUCCESS,
           "no acknowledgement");
  }

  void publish(const std::string& topic, std::string payload, int qos, bool retained = false,
               property_list* properties = nullptr) {
    end_publish(begin_publish(topic, std::move(payload), qos, retained, properties));
  }

  std::optional<message> receive(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return !messages_.empty(); }))
      return std::nullopt;
    message out = std::move(messages_.front());
    messages_.pop_front();
    return out;
  }

  bool wait_for_disconnect() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time_out, [this] { return lost_; });
  }

  message next() {
    auto got = receive(time_out);
    expect(got.has_value(), "no message came");
    return *std::move(got);
  }

  void expect_nothing() {
    const auto got = receive(quiet);
    expect(!got, got ? "unexpected message on " + got->topic : "");
  }

  bool session_present = false;
  std::string assigned_id;

private:
  // Both are called on a thread of Paho's.
  static int arrived(void* self, char* topic, int /*length*/, MQTTClient_message* got) {
    auto& to = *static_cast<client*>(self);
    {
      const std::lock_guard lock(to.mutex_);
      to.messages_.push_back(read_message(topic, *got));
    }
    to.changed_.notify_all();
    MQTTClient_freeMessage(&got);
    MQTTClient_free(topic);
    return 1;
  }

  static void lost(void* self, char* /*cause*/) {
    auto& to = *static_cast<client*>(self);
    {
      const std::lock_guard lock(to.mutex_);
      to.lost_ = true;
    }
    to.changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<message> messages_;
  bool lost_ = false;
  MQTTClient handle_ = nullptr;
  int version_;
};

/// What a check is given: a protocol version and names of its own.
struct context {
  int version;
  std::string topic;

  [[nodiscard]] std::string id(const std::string& suffix) const {
    return std::to_string(version).append(suffix).append(std::to_string(::getpid() % 100000));
  }

  [[nodiscard]] std::unique_ptr<client> connect(connect_options options = {}) const {
    static int count = 0;
    if (options.client_id.empty()) options.client_id = id("n").append(std::to_string(++count));
    return std::make_unique<client>(version, options);
  }
};

void each_qos(const context& given) {
  const auto one = given.connect();
  for (int granted = 0; granted <= 2; ++granted) {
    const auto topic = given.topic + std::to_string(granted);
    one->subscribed(topic, granted);
    for (int published = 0; published <= 2; ++published) {
      one->publish(topic, std::to_string(published), published);
      const auto got = one->next();
      expect(got.topic == topic && got.payload == std::to_string(published), "wrong message");
      expect(got.qos == std::min(granted, published) && !got.retained && !got.dup, "wrong flags");
    }
  }
}

void retained_set_replaced_cleared(const context& given) {
  const auto pub = given.connect();
  for (const std::string text : {"one", "two"}) {
    pub->publish(given.topic, text, 1, true);
    const auto late = given.connect();
    late->subscribed(given.topic, 1);
    const auto got = late->next();
    expect(got.payload == text && got.retained, "not the retained message");
  }
  pub->publish(given.topic, "", 1, true);
  const auto late = given.connect();
  late->subscribed(given.topic, 1);
  late->expect_nothing();
}

void will_at_take_over_and_not_at_disconnect(const context& given) {
  const auto watch = given.connect();
  watch->subscribed(given.topic, 1);
  const connect_options with_will{
      .client_id = given.id("w"), .will_topic = given.topic, .will_payload = "gone", .will_qos = 1};
  const auto first = given.connect(with_will);
  const auto second = given.connect(with_will);
  const auto got = watch->next();
  expect(got.payload == "gone" && got.qos == 1, "not the will");
  expect(first->wait_for_disconnect(), "still connected");
  second->disconnect();
  watch->expect_nothing();
}

void session_is_resumed_in_order(const context& given) {
  property_list stays;
  stays.add(MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, 300);
  const connect_options durable{.client_id = given.id("d"),
                                .clean = false,
                                .properties = given.version == MQTTVERSION_5 ? &stays : nullptr};
  {
    const auto first = given.connect(durable);
    expect(!first->session_present, "session present at first");
    first->subscribed(given.topic, 2);
  }
  const auto pub = given.connect();
  MQTTClient_deliveryToken last = 0;
  for (int number = 0; number < 20; ++number)
    last = pub->begin_publish(given.topic, std::to_string(number), 1 + number % 2);
  pub->end_publish(last);
  const auto again = given.connect(durable);
  // Paho reports Session Present in MQTT 3.1.1 only.
  expect(given.version != MQTTVERSION_3_1_1 || again->session_present, "session not present");
  int next[3] = {0, 0,
                 1};  // a QoS 2 message is handed over at PUBREL, so each QoS has its own order
  for (int count = 0; count < 20; ++count) {
    const auto got = again->next();
    expect(got.payload == std::to_string(next[got.qos]), "out of order: " + got.payload);
    next[got.qos] += 2;
  }
  again->expect_nothing();
}

void wildcards_and_unsubscribe(const context& given) {
  const auto one = given.connect();
  one->subscribed(given.topic + "/+/x", 1);
  one->subscribed(given.topic + "/deep/#", 1);
  for (const std::string suffix : {"/a/y", "/a/x", "/deep", "/deep/b/c"})
    one->publish(given.topic + suffix, suffix, 1);
  std::set<std::string> got;
  for (int count = 0; count < 3; ++count)
    got.insert(one->next().payload);
  expect(got == std::set<std::string>{"/a/x", "/deep", "/deep/b/c"}, "wrong matches");
  expect(one->unsubscribe(given.topic + "/+/x") == 0, "unsubscribe");
  one->publish(given.topic + "/a/x", "lost", 1);
  one->expect_nothing();
}

void payload_of_1_mib(const context& given) {
  const auto one = given.connect();
  std::string payload(1U << 20U, '\0');
  for (std::size_t index = 0; index < payload.size(); ++index)
    payload[index] = static_cast<char>(index * 31);
  for (int qos = 0; qos <= 2; ++qos) {
    one->subscribed(given.topic + std::to_string(qos), qos);
    one->publish(given.topic + std::to_string(qos), payload, qos);
    expect(one->next().payload == payload, "payload differs at QoS " + std::to_string(qos));
  }
}

void order_of_many_messages(const context& given) {
  const auto sub = given.connect();
  const auto pub = given.connect();
  sub->subscribed(given.topic, 2);
  for (int qos = 0; qos <= 2; ++qos) {
    MQTTClient_deliveryToken last = 0;
    for (int number = 0; number < 100; ++number)
      last = pub->begin_publish(given.topic, std::to_string(number), qos);
    pub->end_publish(last);
    for (int number = 0; number < 100; ++number)
      expect(sub->next().payload == std::to_string(number), "out of order");
  }
}

void take_over_ends_the_first_connection(const context& given) {
  const auto first = given.connect({.client_id = given.id("s")});
  const auto second = given.connect({.client_id = given.id("s")});
  expect(first->wait_for_disconnect(), "still connected");
  second->subscribed(given.topic, 1);
}

void properties_and_their_order(const context& given) {
  const auto one = given.connect();
  one->subscribed(given.topic, 1);
  property_list said;
  said.add(MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain")
      .add(MQTTPROPERTY_CODE_RESPONSE_TOPIC, "answer")
      .add(MQTTPROPERTY_CODE_CORRELATION_DATA, "17")
      .add(MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, 1)
      .add(MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 100)
      .add(MQTTPROPERTY_CODE_USER_PROPERTY, "z", "1")
      .add(MQTTPROPERTY_CODE_USER_PROPERTY, "a", "2")
      .add(MQTTPROPERTY_CODE_USER_PROPERTY, "z", "3");
  one->publish(given.topic, "x", 1, false, &said);
  const auto got = one->next();
  expect(got.content_type == "text/plain" && got.response_topic == "answer" &&
             got.correlation_data == "17",
         "properties differ");
  expect(got.message_expiry == 100 || got.message_expiry == 99, "message expiry differs");
  const std::vector<std::pair<std::string, std::string>> order{{"z", "1"}, {"a", "2"}, {"z", "3"}};
  expect(got.user_properties == order, "user properties differ");
}

void subscription_identifiers(const context& given) {
  const auto one = given.connect();
  property_list seven;
  seven.add(MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, 7);
  expect(one->subscribe(given.topic, 1, nullptr, &seven) == 1, "subscribe");
  one->publish(given.topic, "x", 1);
  expect(one->next().subscription_identifiers == std::vector<int>{7}, "identifier differs");
}

void no_local_and_retain_as_published(const context& given) {
  const auto one = given.connect();
  const auto other = given.connect();
  MQTTSubscribe_options options = MQTTSubscribe_options_initializer;
  options.noLocal = 1;
  options.retainAsPublished = 1;
  expect(one->subscribe(given.topic, 1, &options) == 1, "subscribe");
  one->publish(given.topic, "own", 1);
  other->publish(given.topic, "other", 1, true);
  const auto got = one->next();
  expect(got.payload == "other" && got.retained, "wrong message " + got.payload);
}

void shared_subscription(const context& given) {
  const std::vector<std::unique_ptr<client>> members = [&given] {
    std::vector<std::unique_ptr<client>> out;
    for (int count = 0; count < 3; ++count)
      out.push_back(given.connect());
    return out;
  }();
  for (const auto& one : members)
    one->subscribed("$share/group/" + given.topic, 1);
  const auto pub = given.connect();
  for (int number = 0; number < 30; ++number)
    pub->publish(given.topic, std::to_string(number), 1);
  std::multiset<std::string> got;
  for (const auto& one : members)
    while (const auto message = one->receive(quiet))
      got.insert(message->payload);
  expect(got.size() == 30 && std::set<std::string>(got.begin(), got.end()).size() == 30,
         std::to_string(got.size()) + " messages");
}

void unsubscribe_codes(const context& given) {
  const auto one = given.connect();
  one->subscribed(given.topic, 1);
  expect(one->unsubscribe(given.topic) == MQTTREASONCODE_SUCCESS, "first");
  expect(one->unsubscribe(given.topic) == MQTTREASONCODE_NO_SUBSCRIPTION_FOUND, "second");
}

void assigned_client_identifier(const context&) {
  const client one(MQTTVERSION_5, {});
  const client other(MQTTVERSION_5, {});
  expect(!one.assigned_id.empty() && one.assigned_id != other.assigned_id, "not assigned");
}

struct check {
  const char* name;
  void (*run)(const context&);
};

constexpr check common[] = {
    {"each_qos", each_qos},
    {"retained_set_replaced_cleared", retained_set_replaced_cleared},
    {"will_at_take_over_and_not_at_disconnect", will_at_take_over_and_not_at_disconnect},
    {"session_is_resumed_in_order", session_is_resumed_in_order},
    {"wildcards_and_unsubscribe", wildcards_and_unsubscribe},
    {"payload_of_1_mib", payload_of_1_mib},
    {"order_of_many_messages", order_of_many_messages},
    {"take_over_ends_the_first_connection", take_over_ends_the_first_connection},
};

constexpr check version_5[] = {
    {"properties_and_their_order", properties_and_their_order},
    {"subscription_identifiers", subscription_identifiers},
    {"no_local_and_retain_as_published", no_local_and_retain_as_published},
    {"shared_subscription", shared_subscription},
    {"unsubscribe_codes", unsubscribe_codes},
    {"assigned_client_identifier", assigned_client_identifier},
};

bool passes(const check& one, int version, const char* version_name) {
  try {
    one.run({version, std::string("paho_c/") + version_name + "/" + one.name});
    std::cout << "ok " << version_name << '.' << one.name << std::endl;
    return true;
  } catch (const check_failed& error) {
    std::cout << "FAILED " << version_name << '.' << one.name << ": " << error.what() << std::endl;
    return false;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: paho_c_interop HOST PORT\n";
    return 2;
  }
  server_uri = std::string("tcp://") + arguments[1] + ":" + arguments[2];
  bool good = true;
  for (const auto& [version, name] :
       {std::pair{MQTTVERSION_3_1, "v3_1"}, std::pair{MQTTVERSION_3_1_1, "v3_1_1"},
        std::pair{MQTTVERSION_5, "v5"}})
    for (const auto& one : common)
      good = passes(one, version, name) && good;
  for (const auto& one : version_5)
    good = passes(one, MQTTVERSION_5, "v5") && good;
  return good ? 0 : 1;
}
