#pragma once

#include <caf/all.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace troupe {

/// Requests to many: goes on when each has answered, or cannot. For one turn of the actor that
/// asks, in whose later turns everything else happens.
template <class Asking>
class gathering {
public:
  /// Who is asked has `patience` to answer. `done` is called once.
  template <class Patience>
  gathering(Asking& asking, Patience patience, std::function<void()> done)
      : asking_(asking), patience_(patience), owed_(std::make_shared<answers>(std::move(done))) {}

  /// `take` gets the answer, or `otherwise` the reason that there is none: `whom` has ended, say.
  template <class Answer, class Handle, class Question, class Take, class Otherwise>
  void ask(const Handle& whom, Question&& what, Take take, Otherwise otherwise) {
    ++owed_->number;
    asking_.request(whom, patience_, std::forward<Question>(what))
        .then(
            [owed = owed_, take](Answer& answer) {
              take(answer);
              owed->one_less();
            },
            [owed = owed_, otherwise](const caf::error& why) {
              otherwise(why);
              owed->one_less();
            });
  }
  /// Who cannot answer has nothing to say.
  template <class Answer, class Handle, class Question, class Take>
  void ask(const Handle& whom, Question&& what, Take take) {
    ask<Answer>(whom, std::forward<Question>(what), std::move(take), [](const caf::error&) {});
  }

  /// It matters only that there is one.
  template <class Answer, class Handle, class Question>
  void ask(const Handle& whom, Question&& what) {
    ask<Answer>(whom, std::forward<Question>(what), [](const Answer&) {});
  }

  /// To be called behind the last `ask`. Calls `done` if nobody was asked.
  void all_asked() { owed_->one_less(); }

private:
  struct answers {
    explicit answers(std::function<void()> then) : done(std::move(then)) {}
    void one_less() {
      if (--number == 0) done();
    }
    const std::function<void()> done;
    std::size_t number = 1;  ///< that are owed, and until all are asked one more
  };

  Asking& asking_;
  const caf::duration patience_;
  const std::shared_ptr<answers> owed_;
};

}  // namespace troupe
