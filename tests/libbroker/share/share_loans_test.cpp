#include "libbroker/share/share_loans.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace troupe;
using offsets = std::vector<log_offset>;

namespace {

constexpr std::uint64_t ann = 1;  // homes of lenders
constexpr std::uint64_t bob = 2;

/// A loan that is here, at `own`.
void arrive(share_loans& loans, std::uint64_t lender, log_offset offset, log_offset own) {
  BOOST_TEST(loans.arrives(lender, offset));
  loans.arrived(lender, offset, own);
}

void write(share_loans& loans) {
  (void)loans.take_changes();
  loans.written();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(share_loans_machine)

BOOST_AUTO_TEST_CASE(loan_is_kept_until_the_lender_has_confirmed_how_it_ended) {
  share_loans loans;
  arrive(loans, ann, 5, 50);
  BOOST_TEST(loans.has(50));
  loans.end(50, loan_outcome::done);
  BOOST_TEST(!loans.has(50));
  BOOST_TEST(loans.to_be_told().empty());  // not before it is written
  const loan_changes ended = loans.take_changes();
  BOOST_TEST((ended.ended == std::vector<kept_loan>{{{ann, 5, 50}, loan_outcome::done}}));
  BOOST_TEST((loans.held_of(ann) == offsets{5}));  // as it would be after a crash
  loans.written();
  BOOST_TEST(loans.held_of(ann).empty());
  const auto report = loans.take_report(ann);
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST((report->done == offsets{5}));
  BOOST_TEST(!loans.take_report(ann).has_value());
  BOOST_TEST(!loans.empty());
  loans.confirmed(bob, report->number);
  BOOST_TEST(!loans.empty());
  loans.confirmed(ann, report->number);
  BOOST_TEST(loans.empty());
  BOOST_TEST((loans.take_changes().forgotten == std::vector<share_loan>{{ann, 5, 50}}));
}

BOOST_AUTO_TEST_CASE(what_could_not_be_written_is_written_with_the_next) {
  share_loans loans;
  arrive(loans, ann, 5, 50);
  arrive(loans, ann, 6, 51);
  loans.end(50, loan_outcome::done);
  (void)loans.take_changes();
  loans.end(51, loan_outcome::returned);
  loans.not_written();
  BOOST_TEST(loans.take_changes().ended.size() == 2U);
  loans.written();
  const auto report = loans.take_report(ann);
  BOOST_TEST((report->done == offsets{5}));
  BOOST_TEST((report->returned == offsets{6}));
}

BOOST_AUTO_TEST_CASE(lender_that_did_not_hear_is_told_again) {
  share_loans loans;
  arrive(loans, ann, 5, 50);
  loans.end(50, loan_outcome::done);
  write(loans);
  const request_number first = loans.take_report(ann)->number;
  loans.tell_again(ann);
  const auto second = loans.take_report(ann);
  BOOST_TEST_REQUIRE(second.has_value());
  BOOST_TEST((second->done == offsets{5}));
  loans.confirmed(ann, first);  // late
  BOOST_TEST(!loans.empty());
  loans.confirmed(ann, second->number);
  BOOST_TEST(loans.empty());
}

BOOST_AUTO_TEST_CASE(loan_that_is_here_is_not_taken_twice) {
  share_loans loans;
  BOOST_TEST(loans.arrives(ann, 5));
  BOOST_TEST(!loans.arrives(ann, 5));
  BOOST_TEST(loans.arrives(bob, 5));
  loans.arrived(ann, 5, 50);
  BOOST_TEST(!loans.arrives(ann, 5));
  loans.end(50, loan_outcome::done);
  BOOST_TEST(!loans.arrives(ann, 5));
  write(loans);
  BOOST_TEST(!loans.arrives(ann, 5));
}

BOOST_AUTO_TEST_CASE(what_was_done_and_is_lent_again_is_reported_again) {  // the lender has crashed
  share_loans loans;
  arrive(loans, ann, 5, 50);
  loans.end(50, loan_outcome::done);
  write(loans);
  (void)loans.take_report(ann);
  BOOST_TEST(!loans.arrives(ann, 5));
  BOOST_TEST((loans.take_report(ann)->done == offsets{5}));
}

BOOST_AUTO_TEST_CASE(what_went_back_may_be_lent_again_before_that_is_confirmed) {
  share_loans loans;
  arrive(loans, ann, 5, 50);
  loans.end(50, loan_outcome::returned);
  write(loans);
  const request_number told = loans.take_report(ann)->number;
  arrive(loans, ann, 5, 60);
  loans.confirmed(ann, told);  // of the earlier one
  BOOST_TEST(loans.has(60));
  loans.tell_again(ann);
  BOOST_TEST(loans.to_be_told().empty());
  BOOST_TEST((loans.held_of(ann) == offsets{5}));
}

BOOST_AUTO_TEST_CASE(what_is_lent_again_is_not_forgotten_with_what_went_back) {
  for (const bool is_written_in_vain : {false, true}) {
    share_loans loans;
    arrive(loans, ann, 5, 50);
    loans.end(50, loan_outcome::returned);
    write(loans);
    loans.confirmed(ann, loans.take_report(ann)->number);
    if (is_written_in_vain) (void)loans.take_changes();
    arrive(loans, ann, 5, 60);
    if (is_written_in_vain) loans.not_written();
    BOOST_TEST(loans.take_changes().forgotten.empty());
  }
}

BOOST_AUTO_TEST_CASE(kept_loans_go_on) {
  share_loans loans;
  loans.restore({{ann, 5, 50}, loan_outcome::open});
  loans.restore({{ann, 6, 51}, loan_outcome::returned});
  BOOST_TEST(loans.has(50));
  BOOST_TEST(!loans.has(51));
  BOOST_TEST((loans.held_of(ann) == offsets{5}));
  BOOST_TEST((loans.take_report(ann)->returned == offsets{6}));
}

BOOST_AUTO_TEST_CASE(of_a_lender_that_will_not_come_back_nothing_is_kept) {
  share_loans loans;
  arrive(loans, ann, 5, 50);
  arrive(loans, ann, 6, 51);
  arrive(loans, bob, 5, 52);
  loans.end(50, loan_outcome::done);
  write(loans);
  loans.forget_lender(ann);
  BOOST_TEST(loans.to_be_told().empty());
  BOOST_TEST(loans.has(51));  // a member has it still
  loans.end(51, loan_outcome::done);
  BOOST_TEST(
      (loans.take_changes().forgotten == std::vector<share_loan>{{ann, 5, 50}, {ann, 6, 51}}));
  BOOST_TEST((loans.open() == offsets{52}));
}

BOOST_AUTO_TEST_SUITE_END()
