#include "libbroker/shared_text.hpp"

#include "libbroker/text_hash.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(shared_text_)

BOOST_AUTO_TEST_CASE(owners_have_one_copy) {
  static_assert(sizeof(shared_text) == sizeof(void*));
  const std::string original(1'000, 'x');
  const shared_text first(original);
  const char* const text = first.view().data();
  const shared_text second(first);
  {
    const shared_text third(second);
    BOOST_TEST(third.view().data() == text);
  }
  BOOST_TEST(second.view().data() == text);
  BOOST_TEST(second.view() == original);
}

BOOST_AUTO_TEST_CASE(equal_are_those_with_the_same_characters) {
  using namespace std::string_view_literals;
  BOOST_TEST((shared_text("a") == shared_text("a")));
  BOOST_TEST((shared_text("a") != shared_text("b")));
  BOOST_TEST((shared_text("a\0b"sv) == "a\0b"sv));
  BOOST_TEST((shared_text("a\0b"sv) != "a"sv));
  BOOST_TEST((shared_text() == shared_text("")));
  BOOST_TEST(shared_text().view().empty());
}

BOOST_AUTO_TEST_CASE(it_is_found_by_any_kind_of_text) {
  std::unordered_map<shared_text, int, text_hash, std::equal_to<>> numbers;
  numbers.emplace(shared_text("one"), 1);
  BOOST_TEST(numbers.find(std::string_view("one"))->second == 1);
  BOOST_TEST(numbers.find(std::string("one"))->second == 1);
  BOOST_TEST(numbers.find(shared_text("one"))->second == 1);
  BOOST_TEST(!numbers.contains(std::string_view("two")));
}

BOOST_AUTO_TEST_SUITE_END()
