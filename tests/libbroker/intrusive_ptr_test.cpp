#include "libbroker/intrusive_ptr.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>
#include <utility>
#include <vector>

using namespace troupe;

namespace {

struct counted final : ref_counted {
  explicit counted(int& ends) : ends(&ends) {}
  static void destroy(const counted* object) noexcept {
    ++*object->ends;
    delete object;
  }
  int* ends;
  int value = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(intrusive_ptr_)

BOOST_AUTO_TEST_CASE(the_last_owner_destroys_the_object) {
  int ends = 0;
  auto first = intrusive_ptr<counted>::adopt(new counted(ends));
  auto second = first;
  BOOST_TEST((first == second));
  first = nullptr;
  BOOST_TEST(!first);
  BOOST_TEST(ends == 0);
  auto third = std::move(second);
  BOOST_TEST(!second);
  BOOST_TEST(ends == 0);
  third = nullptr;
  BOOST_TEST(ends == 1);
}

BOOST_AUTO_TEST_CASE(assignment_gives_up_what_was_owned) {
  int ends = 0;
  auto one = intrusive_ptr<counted>::adopt(new counted(ends));
  auto two = intrusive_ptr<counted>::adopt(new counted(ends));
  one = two;
  BOOST_TEST(ends == 1);
  const auto& same = one;
  one = same;
  BOOST_TEST((one == two));
  BOOST_TEST(ends == 1);
  one = std::move(two);
  BOOST_TEST(ends == 1);
  one = nullptr;
  BOOST_TEST(ends == 2);
}

BOOST_AUTO_TEST_CASE(a_pointer_to_something_mutable_becomes_one_to_const) {
  int ends = 0;
  auto made = intrusive_ptr<counted>::adopt(new counted(ends));
  made->value = 5;
  intrusive_ptr<const counted> shared = made;
  BOOST_TEST((shared.get() == made.get()));
  made = nullptr;
  BOOST_TEST(shared->value == 5);
  BOOST_TEST(ends == 0);
  shared = nullptr;
  BOOST_TEST(ends == 1);
}

BOOST_AUTO_TEST_CASE(a_detached_reference_is_the_callers) {
  int ends = 0;
  auto owner = intrusive_ptr<counted>::adopt(new counted(ends));
  counted* const raw = owner.detach();
  BOOST_TEST(!owner);
  BOOST_TEST(ends == 0);
  { const auto again = intrusive_ptr<counted>::adopt(raw); }
  BOOST_TEST(ends == 1);
}

BOOST_AUTO_TEST_CASE(threads_share_an_object_and_destroy_it_once) {
  for (int round = 0; round != 50; ++round) {
    int ends = 0;
    auto made = intrusive_ptr<counted>::adopt(new counted(ends));
    made->value = round;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i != 4; ++i)
        threads.emplace_back([own = intrusive_ptr<const counted>(made), round]() mutable {
          for (int copies = 0; copies != 200; ++copies) {
            auto copy = own;
            if (copy->value != round) std::abort();
            own = std::move(copy);
          }
          own = nullptr;
        });
      made = nullptr;
    }
    BOOST_REQUIRE_EQUAL(ends, 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
