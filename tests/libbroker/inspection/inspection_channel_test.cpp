#include "libbroker/inspection/inspection_channel.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>

using namespace troupe;

namespace {

frame_ptr content(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

handshake_nonce nonce(char fill) {
  handshake_nonce made;
  made.fill(fill);
  return made;
}

/// A handshake for inspection, and what comes of it.
struct scene {
  explicit scene(const std::string& secret = "s", const std::string& name = "b")
      : initiator(key_of_secret("s"), {.node = {"troupectl", 0, 0}}, nonce('a'), "",
                  link_purpose::inspection),
        responder(key_of_secret(secret), {.node = {name, 1, 1}, .address = "h:1"}, nonce('b')) {}

  void shake_hands() {
    const auto challenge = responder.greeted(initiator.hello());
    BOOST_REQUIRE(challenge.has_value());
    const auto proof = initiator.challenged(*challenge);
    BOOST_REQUIRE(proof.has_value());
    const auto there = responder.proven(*proof);
    BOOST_REQUIRE(there.has_value());
    const auto here = initiator.welcomed(responder.welcome());
    BOOST_REQUIRE(here.has_value());
    asking = std::make_unique<inspection_channel>(*here);
    answering = std::make_unique<inspection_channel>(*there);
  }

  link_initiator initiator;
  link_responder responder;
  std::unique_ptr<inspection_channel> asking;
  std::unique_ptr<inspection_channel> answering;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(inspection_channels)

BOOST_AUTO_TEST_CASE(questions_and_answers_arrive_in_turn) {
  scene both;
  both.shake_hands();
  BOOST_TEST((both.responder.purpose() == link_purpose::inspection));
  for (const std::string text : {"one", "two", "three"}) {
    const link_packet question = both.asking->say(content(text));
    BOOST_TEST((inspection_of(question) == both.answering->id()));
    const frame_ptr heard = both.answering->hear(question);
    BOOST_REQUIRE(heard != nullptr);
    BOOST_TEST(*heard == text);
    const frame_ptr answer = both.asking->hear(both.answering->say(content(text + "!")));
    BOOST_REQUIRE(answer != nullptr);
    BOOST_TEST(*answer == text + "!");
  }
}

BOOST_AUTO_TEST_CASE(what_was_changed_repeated_or_left_out_is_not_heard) {
  scene both;
  both.shake_hands();
  const link_packet first = both.asking->say(content("one"));
  for (std::size_t at = 0; at != first.head.size(); ++at) {
    link_packet changed = first;
    changed.head[at] = static_cast<char>(changed.head[at] ^ 1);
    BOOST_TEST(both.answering->hear(changed) == nullptr, at);
  }
  BOOST_TEST(both.answering->hear({first.head, content("two")}) == nullptr);
  BOOST_TEST(both.answering->hear({first.head, nullptr}) == nullptr);
  BOOST_TEST(both.answering->hear({"", content("one")}) == nullptr);
  BOOST_TEST(both.answering->hear(first) != nullptr);
  BOOST_TEST(both.answering->hear(first) == nullptr);
  (void)both.asking->say(content("lost"));
  BOOST_TEST(both.answering->hear(both.asking->say(content("three"))) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_question_is_no_answer) {
  scene both;
  both.shake_hands();
  const link_packet question = both.asking->say(content("one"));
  BOOST_TEST(both.asking->hear(question) == nullptr);
}

BOOST_AUTO_TEST_CASE(who_does_not_know_the_secret_is_refused) {
  scene both("another");
  const auto challenge = both.responder.greeted(both.initiator.hello());
  const auto proof = both.initiator.challenged(*challenge);
  const auto there = both.responder.proven(*proof);
  BOOST_REQUIRE(!there.has_value());
  BOOST_TEST(there.error().what == "the node does not know the cluster's secret");
}

BOOST_AUTO_TEST_CASE(a_handshake_for_inspection_is_of_no_use_for_a_link) {
  scene both;
  link_packet hello = both.initiator.hello();
  hello.head.front() = static_cast<char>(packet_kind::hello);  // by somebody on the way
  const auto challenge = both.responder.greeted(hello);
  BOOST_REQUIRE(challenge.has_value());
  BOOST_TEST((both.responder.purpose() == link_purpose::membership));
  const auto proof = both.initiator.challenged(*challenge);
  BOOST_REQUIRE(proof.has_value());
  BOOST_TEST(!both.responder.proven(*proof).has_value());
}

BOOST_AUTO_TEST_CASE(a_node_of_any_name_may_be_asked) {
  scene both("s", "troupectl");
  both.shake_hands();
  BOOST_TEST(both.initiator.other().node.name == "troupectl");
}

BOOST_AUTO_TEST_SUITE_END()
