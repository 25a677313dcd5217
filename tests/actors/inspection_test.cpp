// What people are told of actors, and who may ask.

#include "actors/cluster_actor.hpp"
#include "actors/end_now.hpp"
#include "actors/inspector_actor.hpp"
#include "libbroker/inspection/inspection_channel.hpp"
#include "tests/actors/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// A node whose inspector can be asked.
class inspected_stage : public stage {
public:
  explicit inspected_stage(std::size_t shards = 1)
      : stage({}, shards), inspector(system().spawn<inspector_actor>(node())) {
    node().inspector = inspector;
    node().identity = {"here", 1, 1};
    run();
  }
  ~inspected_stage() {
    end_now(inspector);
    run();
    node().inspector = nullptr;
  }
  inspected_stage(const inspected_stage&) = delete;
  inspected_stage& operator=(const inspected_stage&) = delete;

  /// Asks; time passes while nobody answers.
  template <class Answer>
  Answer inspect(const inspection_question& question) {
    auto come = std::make_shared<std::optional<inspection_answer>>();
    const inspector_handle whom = inspector;
    system().spawn([come, whom, question](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, inspect_node{question})
          .then([come](const inspected& reply) { *come = reply.answer; }, [](const caf::error&) {});
    });
    run();
    if (!*come) wait(3s);
    BOOST_TEST_REQUIRE(come->has_value());
    const auto* const wanted = std::get_if<Answer>(&**come);
    BOOST_TEST_REQUIRE(wanted != nullptr);
    return *wanted;
  }

  actor_row row_of(const std::string& kind, const std::string& name) {
    const auto page = inspect<actor_page>(list_actors{.kind = kind});
    const auto found = std::ranges::find(page.rows, name, &actor_row::name);
    BOOST_TEST_REQUIRE((found != page.rows.end()), kind << " " << name);
    return *found;
  }

  inspector_handle inspector;
};

std::map<std::string, fact_value> facts(const actor_detail& detail, const std::string& group) {
  std::map<std::string, fact_value> all;
  for (const fact_group& each : detail.groups)
    if (each.name == group)
      for (const fact& one : each.facts)
        all.emplace(one.name, one.value);
  return all;
}

/// `troupectl` at the door of a cluster actor.
class guest {
public:
  explicit guest(inspected_stage& at, const std::string& secret = "s",
                 const std::string& of_node = "s")
      : at_(at),
        machine_(key_of_secret(secret), {.node = {"troupectl", 0, 0}}, {}, "",
                 link_purpose::inspection),
        door_(at.system().spawn<cluster_actor>(at.node(), key_of_secret(of_node),
                                               std::vector<caf::execution_unit*>{})) {
    caf::anon_send(door_, enter_cluster{.address = "h:1", .connector = {}, .remembered = {}});
    self_ = at.system().spawn([inbox = inbox_](caf::event_based_actor*) -> caf::behavior {
      return {[inbox](const link_packet& packet) { inbox->push_back(packet); }};
    });
    at.run();
  }
  ~guest() {
    caf::anon_send(door_, stop_now{});
    caf::anon_send_exit(self_, caf::exit_reason::user_shutdown);
    at_.run();
  }
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  /// What the door says to a packet, one answer at most.
  std::optional<link_packet> say(link_packet packet) {
    inbox_->clear();
    caf::actor_cast<caf::strong_actor_ptr>(door_)->enqueue(
        caf::actor_cast<caf::strong_actor_ptr>(self_), caf::make_message_id(),
        caf::make_message(std::move(packet)), nullptr);
    at_.run();
    BOOST_TEST(inbox_->size() <= 1U);
    return inbox_->empty() ? std::nullopt : std::optional(inbox_->front());
  }

  [[nodiscard]] std::optional<link_packet> prove() {
    const auto challenge = say(machine_.hello());
    BOOST_TEST_REQUIRE(challenge.has_value());
    const auto proof = machine_.challenged(*challenge);
    BOOST_TEST_REQUIRE(proof.has_value());
    return say(*proof);
  }
  void enter() {
    const auto welcome = prove();
    BOOST_TEST_REQUIRE(welcome.has_value());
    const auto session = machine_.welcomed(*welcome);
    BOOST_TEST_REQUIRE(session.has_value());
    BOOST_TEST(session->other.node.name == "here");
    channel = std::make_unique<inspection_channel>(*session);
  }
  [[nodiscard]] link_packet question(const inspection_question& what) const {
    return channel->say(std::make_shared<const std::string>(encode(what)));
  }
  [[nodiscard]] std::optional<inspection_answer> answer(const link_packet& packet) const {
    const frame_ptr content = channel->hear(packet);
    return content == nullptr ? std::nullopt : decode_answer(*content);
  }
  [[nodiscard]] cluster_status members() {
    return *at_.ask<cluster_status>(door_, cluster_command{});
  }
  [[nodiscard]] std::uint64_t refused() const {
    return at_.node().counts.total().inspections_refused;
  }

  std::unique_ptr<inspection_channel> channel;

private:
  inspected_stage& at_;
  link_initiator machine_;
  cluster_handle door_;
  caf::actor self_;
  std::shared_ptr<std::vector<link_packet>> inbox_ = std::make_shared<std::vector<link_packet>>();
};

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_inspection)

BOOST_AUTO_TEST_CASE(the_list_has_all_actors_by_kind_and_name) {
  inspected_stage node(2);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  std::map<std::string, int> kinds;
  for (const actor_row& each : node.inspect<actor_page>(list_actors{}).rows)
    ++kinds[each.kind + ' ' + each.name];
  BOOST_TEST(kinds["session ann"] == 1);
  BOOST_TEST(kinds["session bob"] == 1);
  BOOST_TEST(kinds["shard 0"] == 1);
  BOOST_TEST(kinds["shard 1"] == 1);
  BOOST_TEST(kinds["directory "] == 1);
  BOOST_TEST(kinds["inspector "] == 1);
  BOOST_TEST(kinds["authenticator "] == 1);
  BOOST_TEST(node.inspect<actor_page>(list_actors{.kind = "session"}).total == 2U);
  ann.disconnect();
  node.run();
  BOOST_TEST(node.inspect<actor_page>(list_actors{.kind = "session"}).total == 1U);
}

BOOST_AUTO_TEST_CASE(messages_are_counted_and_those_that_wait_are_seen) {
  inspected_stage node;
  player ann = node.online(passing("ann"));
  const actor_row before = node.row_of("session", "ann");
  BOOST_TEST(before.mailbox == 0U);
  BOOST_TEST(before.messages > 0U);
  BOOST_TEST(before.nanoseconds > 0U);
  const auto session = node.node().roster.find(before.id, [](const actor_glance&) {});
  node.hold(session);
  for (int i = 0; i != 3; ++i)
    ann.send_bytes(std::string_view("\xC0\0", 2));  // PINGREQ
  const actor_row held = node.row_of("session", "ann");
  BOOST_TEST(held.mailbox == 3U);
  BOOST_TEST(held.messages == before.messages);
  // Sorted by what waits.
  BOOST_TEST(node.inspect<actor_page>(list_actors{.limit = 1}).rows.front().id == before.id);
  // It does not answer, but is shown.
  const auto stuck = node.inspect<actor_detail>(show_actor{before.id});
  BOOST_TEST(!stuck.has_answered);
  BOOST_TEST(stuck.groups.empty());
  BOOST_TEST(stuck.actor.name == "ann");
  node.let_go(session);
  node.run();
  const actor_row after = node.row_of("session", "ann");
  BOOST_TEST(after.mailbox == 0U);
  BOOST_TEST(after.messages >= before.messages + 4);  // and the question
}

BOOST_AUTO_TEST_CASE(a_session_tells_of_its_client) {
  inspected_stage node;
  connect request = lasting("ann", 77);
  request.user_name = "annie";
  request.keep_alive = 40;
  request.will = will{.topic = "gone", .payload = as_bytes("w"), .delay_interval = 3};
  player ann = node.online(request);
  ann.subscribed("a");
  const std::uint64_t id = node.row_of("session", "ann").id;
  const auto shown = node.inspect<actor_detail>(show_actor{id});
  BOOST_TEST(shown.has_answered);
  auto login = facts(shown, "login");
  BOOST_TEST((login["client_id"] == fact_value("ann")));
  BOOST_TEST((login["user"] == fact_value("annie")));
  BOOST_TEST((login["connected"] == fact_value(true)));
  BOOST_TEST((login["expiry"] == fact_value(std::uint64_t{77})));
  BOOST_TEST((login["keep_alive"] == fact_value(std::uint64_t{40})));
  BOOST_TEST((login["node"] == fact_value("here")));
  BOOST_TEST((login["address"] != fact_value()));
  BOOST_TEST((login["since"] != fact_value()));
  BOOST_TEST((facts(shown, "will")["topic"] == fact_value("gone")));
  BOOST_TEST((facts(shown, "subscriptions")["count"] == fact_value(std::uint64_t{1})));
  ann.hang_up();
  node.run();
  login = facts(node.inspect<actor_detail>(show_actor{id}), "login");
  BOOST_TEST((login["connected"] == fact_value(false)));
  BOOST_TEST((login["address"] == fact_value()));
}

BOOST_AUTO_TEST_CASE(other_actors_tell_what_they_have_in_figures) {
  inspected_stage node;
  player ann = node.online(passing("ann"));
  ann.subscribed("a");
  ann.subscribed("$share/g/b");
  const auto detail_of = [&](const std::string& kind, const std::string& name) {
    return node.inspect<actor_detail>(show_actor{node.row_of(kind, name).id});
  };
  BOOST_TEST(
      (facts(detail_of("shard", "0"), "shard")["subscriptions"] == fact_value(std::uint64_t{2})));
  BOOST_TEST(
      (facts(detail_of("directory", ""), "directory")["sessions"] == fact_value(std::uint64_t{1})));
  BOOST_TEST((facts(detail_of("share-group", "$share/g/b"), "share")["members"] ==
              fact_value(std::uint64_t{1})));
  BOOST_TEST(detail_of("authenticator", "").groups.empty());
  BOOST_TEST(detail_of("authenticator", "").has_answered);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_refused_in_a_sentence) {
  inspected_stage node;
  BOOST_TEST(node.inspect<inspection_refusal>(show_actor{999'999}).what ==
             "there is no actor 999999");
  BOOST_TEST(node.inspect<inspection_refusal>(locate_node{"b"}).what ==
             "this node takes part in no cluster");
}

BOOST_AUTO_TEST_CASE(who_knows_the_secret_is_answered_at_the_cluster_port_and_is_no_member) {
  inspected_stage node;
  player ann = node.online(passing("ann"));
  guest who(node);
  who.enter();
  for (int i = 0; i != 3; ++i) {
    const auto reply = who.say(who.question(list_actors{.kind = "session"}));
    BOOST_TEST_REQUIRE(reply.has_value());
    const auto answer = who.answer(*reply);
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST(std::get<actor_page>(*answer).rows.front().name == "ann");
  }
  BOOST_TEST(who.members().members.size() == 1U);
  BOOST_TEST(who.refused() == 0U);
}

BOOST_AUTO_TEST_CASE(a_question_that_is_not_understood_is_answered_all_the_same) {
  inspected_stage node;
  guest who(node);
  who.enter();
  const auto reply =
      who.say(who.channel->say(std::make_shared<const std::string>(std::string("\x63\0", 2))));
  BOOST_TEST_REQUIRE(reply.has_value());
  BOOST_TEST(std::holds_alternative<inspection_refusal>(*who.answer(*reply)));
}

BOOST_AUTO_TEST_CASE(who_does_not_know_the_secret_is_refused_and_counted) {
  inspected_stage node;
  guest who(node, "another");
  const auto answer = who.prove();
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(is_kind(*answer, packet_kind::refusal));
  BOOST_TEST(who.refused() == 1U);
  BOOST_TEST(node.node().counts.total().links_refused == 0U);
}

BOOST_AUTO_TEST_CASE(questions_without_a_handshake_or_with_a_wrong_seal_are_dropped_and_counted) {
  inspected_stage node;
  guest who(node);
  link_session invented{.id = 5, .other = {}, .is_initiator = true};
  BOOST_TEST(!who.say(inspection_channel(invented).say(
                          std::make_shared<const std::string>(encode(list_actors{}))))
                  .has_value());
  BOOST_TEST(!who.say({.head = "Q", .frame = nullptr}).has_value());
  BOOST_TEST(who.refused() == 2U);
  who.enter();
  link_packet changed = who.question(list_actors{});
  changed.head.back() = static_cast<char>(changed.head.back() ^ 1);
  BOOST_TEST(!who.say(changed).has_value());
  BOOST_TEST(who.refused() == 3U);
}

BOOST_AUTO_TEST_CASE(a_session_of_questions_ends_with_the_time_that_its_connection_has) {
  inspected_stage node;
  guest who(node);
  who.enter();
  node.wait(11s);
  BOOST_TEST(!who.say(who.question(list_actors{})).has_value());
  BOOST_TEST(who.refused() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
