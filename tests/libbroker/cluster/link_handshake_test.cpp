#include "libbroker/cluster/link_handshake.hpp"

#include "tests/libbroker/cluster/later_version.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

node_introduction node(std::string name, std::uint64_t home = 1) {
  return {.node = {.name = std::move(name), .home = home, .incarnation = 7},
          .address = "127.0.0.1:1"};
}

handshake_nonce nonce(char fill) {
  handshake_nonce made;
  made.fill(fill);
  return made;
}

struct scene {
  explicit scene(std::string secret = "s", std::string expected = "")
      : initiator(key_of_secret("s"), node("a"), nonce('a'), std::move(expected)),
        responder(key_of_secret(secret), node("b"), nonce('b')) {}

  link_initiator initiator;
  link_responder responder;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_link_handshake)

BOOST_AUTO_TEST_CASE(two_nodes_that_know_the_secret_get_the_same_keys) {
  scene both;
  const auto challenge = both.responder.greeted(both.initiator.hello());
  BOOST_REQUIRE(challenge.has_value());
  const auto proof = both.initiator.challenged(*challenge);
  BOOST_REQUIRE(proof.has_value());
  const auto there = both.responder.proven(*proof);
  BOOST_REQUIRE(there.has_value());
  const auto here = both.initiator.welcomed(both.responder.welcome());
  BOOST_REQUIRE(here.has_value());
  BOOST_TEST(here->id == there->id);
  BOOST_TEST((here->sending == there->receiving));
  BOOST_TEST((here->receiving == there->sending));
  BOOST_TEST((here->sending != here->receiving));
  BOOST_TEST((here->other == node("b")));
  BOOST_TEST((there->other == node("a")));
  BOOST_TEST(here->is_initiator);
  BOOST_TEST(!there->is_initiator);
}

BOOST_AUTO_TEST_CASE(who_does_not_know_the_secret_is_refused) {
  scene both("another");
  const auto challenge = both.responder.greeted(both.initiator.hello());
  const auto proof = both.initiator.challenged(*challenge);
  const auto session = both.responder.proven(*proof);
  BOOST_REQUIRE(!session.has_value());
  BOOST_TEST(session.error().what == "the node does not know the cluster's secret");
}

BOOST_AUTO_TEST_CASE(a_node_that_lets_everybody_in_is_not_believed) {
  scene both("another");
  const auto proof = both.initiator.challenged(*both.responder.greeted(both.initiator.hello()));
  BOOST_REQUIRE(proof.has_value());
  const auto session = both.initiator.welcomed(both.responder.welcome());
  BOOST_REQUIRE(!session.has_value());
  BOOST_TEST(session.error().what == "the other side does not know the cluster's secret");
}

BOOST_AUTO_TEST_CASE(a_proof_is_good_for_one_handshake_only) {
  scene first;
  const auto proof = first.initiator.challenged(*first.responder.greeted(first.initiator.hello()));
  link_responder second(key_of_secret("s"), node("b"), nonce('c'));
  BOOST_REQUIRE(second.greeted(first.initiator.hello()).has_value());
  BOOST_TEST(!second.proven(*proof).has_value());
}

BOOST_AUTO_TEST_CASE(a_node_of_the_same_name_is_refused) {
  link_initiator initiator(key_of_secret("s"), node("b", 2), nonce('a'), "");
  link_responder responder(key_of_secret("s"), node("b"), nonce('b'));
  const auto proof = initiator.challenged(*responder.greeted(initiator.hello()));
  BOOST_REQUIRE(!proof.has_value());
  BOOST_TEST(proof.error().what == "the node there has this node's name, b");
  BOOST_TEST(initiator.other().node.home == 1U);
}

BOOST_AUTO_TEST_CASE(another_node_than_the_expected_one_is_refused) {
  scene both("s", "c");
  const auto proof = both.initiator.challenged(*both.responder.greeted(both.initiator.hello()));
  BOOST_REQUIRE(!proof.has_value());
  BOOST_TEST(proof.error().what == "the node there is b, not c");
}

BOOST_AUTO_TEST_CASE(a_node_of_a_later_version_is_told_which_versions_are_spoken) {
  link_responder responder(key_of_secret("s"), node("b"), nonce('b'));
  const auto challenge = responder.greeted({.head = "H\x07\x09", .frame = nullptr});
  BOOST_REQUIRE(!challenge.has_value());
  BOOST_TEST(challenge.error().what ==
             "the nodes speak no common version: 7 to 9 there, 1 to 1 here");
}

BOOST_AUTO_TEST_CASE(a_node_of_earlier_versions_is_told_the_same) {
  link_responder responder(key_of_secret("s"), node("b"), nonce('b'));
  const auto challenge = responder.greeted({.head = std::string("H\0\0", 3), .frame = nullptr});
  BOOST_REQUIRE(!challenge.has_value());
  BOOST_TEST(challenge.error().what ==
             "the nodes speak no common version: 0 to 0 there, 1 to 1 here");
}

BOOST_AUTO_TEST_CASE(who_says_hello_hears_why_there_is_no_common_version) {
  scene both;
  later_handshake later("s", node("b"), nonce('b'), {.oldest = 2, .newest = 2});
  const auto proof = both.initiator.challenged(later.challenge(both.initiator.hello(), 2));
  BOOST_REQUIRE(!proof.has_value());
  BOOST_TEST(proof.error().what == "the other side refused: the nodes speak no common version");
}

BOOST_AUTO_TEST_CASE(with_a_later_node_the_newest_common_version_is_spoken) {
  for (const std::uint64_t newest : {1, 2, 200}) {
    link_responder responder(key_of_secret("s"), node("b"), nonce('b'));
    later_handshake later("s", node("a"), nonce('a'), {.oldest = 1, .newest = newest});
    const auto challenge = responder.greeted(later.hello());
    BOOST_REQUIRE(challenge.has_value());
    const link_packet proof = later.prove(*challenge);
    BOOST_TEST(later.version() == 1U);
    BOOST_TEST((later.other() == node("b")));
    const auto session = responder.proven(proof);
    BOOST_REQUIRE(session.has_value());
    BOOST_TEST(session->protocol == 1U);
    BOOST_TEST((session->other == node("a")));
    BOOST_TEST(later.is_welcome(responder.welcome()));
    BOOST_TEST(later.session().id == session->id);
    BOOST_TEST((later.session().sending == session->receiving));
    BOOST_TEST((later.session().receiving == session->sending));
  }
}

BOOST_AUTO_TEST_CASE(a_later_node_that_is_connected_to_is_understood) {
  scene both;
  later_handshake later("s", node("b"), nonce('b'));
  const auto proof = both.initiator.challenged(later.challenge(both.initiator.hello(), 1));
  BOOST_REQUIRE(proof.has_value());
  BOOST_TEST(later.is_proven(*proof));
  const auto session = both.initiator.welcomed(later.welcome());
  BOOST_REQUIRE(session.has_value());
  BOOST_TEST(session->protocol == 1U);
  BOOST_TEST((session->other == node("b")));
  BOOST_TEST((session->sending == later.session().receiving));
}

BOOST_AUTO_TEST_CASE(a_version_that_was_not_offered_is_refused) {
  for (const std::uint64_t version : {0, 2}) {
    scene both;
    later_handshake later("s", node("b"), nonce('b'));
    const auto proof = both.initiator.challenged(later.challenge(both.initiator.hello(), version));
    BOOST_REQUIRE(!proof.has_value());
    BOOST_TEST(proof.error().what == "the other side chose a protocol that was not offered");
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_says_why_in_a_form_fit_for_the_log) {
  scene both;
  const auto outcome = both.initiator.challenged(refuse_link("no \"room\"\n"));
  BOOST_REQUIRE(!outcome.has_value());
  BOOST_TEST(outcome.error().what == "the other side refused: no ?room??");
}

BOOST_AUTO_TEST_CASE(garbage_is_refused_at_every_step) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  for (int round = 0; round != 5000; ++round) {
    scene both;
    link_packet hello = both.initiator.hello();
    link_packet challenge = *both.responder.greeted(hello);
    link_packet proof = *both.initiator.challenged(challenge);
    const auto spoil = [&](link_packet packet) {
      if (random() % 2 == 0) packet.head.resize(random() % packet.head.size());
      for (std::uint64_t i = random() % 3 + 1; i != 0 && packet.head.size() > 1; --i)
        packet.head[1 + random() % (packet.head.size() - 1)] ^=
            static_cast<char>(1 + random() % 255);
      return packet;
    };
    const link_packet spoilt = spoil(proof);
    if (spoilt.head != proof.head) BOOST_TEST(!both.responder.proven(spoilt).has_value());
    link_responder other(key_of_secret("s"), node("b"), nonce('b'));
    (void)other.greeted(spoil(hello));
    link_initiator another(key_of_secret("s"), node("a"), nonce('a'), "");
    (void)another.challenged(spoil(challenge));
  }
}

BOOST_AUTO_TEST_SUITE_END()
