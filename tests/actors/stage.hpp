#pragma once

#include "actors/node_context.hpp"
#include "persistence/earlier_life.hpp"
#include "tests/actors/player.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <typeindex>
#include <utility>

namespace troupe::test {

/// The actors of a node on CAF's deterministic scheduler: one thread, a clock
/// that stands still, and the test decides who runs.
class stage {
public:
  /// Makes the node's store and log reader; without them everything is in memory.
  using store_maker = std::function<void(caf::actor_system&, node_context&)>;
  explicit stage(config settings = {}, std::size_t shards = 1, std::size_t directories = 1,
                 const store_maker& make_store = {});
  /// Ends all actors and checks that none is left.
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  // -- clients

  /// A connection on which nothing has been sent yet.
  [[nodiscard]] player dial(bool anonymous_allowed = true);
  /// A connection with CONNECT sent.
  [[nodiscard]] player enter(const connect& request);
  /// The same, with CONNACK out of the way.
  [[nodiscard]] player online(const connect& request);

  // -- who runs

  /// Lets everybody run who has something to do: in order, or at random with `shuffle`.
  void run();
  /// One message of one actor; returns whether there was one.
  bool step();
  /// From now on any runnable actor may be the next.
  void shuffle(std::uint64_t seed) { random_.emplace(seed); }
  /// `who` does not run until `let_go`.
  template <class Handle>
  void hold(const Handle& who) {
    held_.insert(key_of(who));
  }
  template <class Handle>
  void let_go(const Handle& who) {
    held_.erase(key_of(who));
  }
  /// Lets only `who` run, one message.
  template <class Handle>
  void step_of(const Handle& who) {
    run_next([key = key_of(who)](const caf::abstract_actor* job) { return job == key; });
  }
  /// Time passes, in small steps; everybody runs meanwhile.
  void wait(std::chrono::milliseconds span);

  // -- what one can see

  /// How many messages of type `Message` `who` has handled.
  template <class Message, class Handle>
  [[nodiscard]] std::size_t handled(const Handle& who) const {
    const auto found = handled_.find({key_of(who), typeid(Message)});
    return found == handled_.end() ? 0 : found->second;
  }
  /// How often `who` was put into the ready queue of the n-th home.
  template <class Handle>
  [[nodiscard]] std::size_t queued_at(std::size_t n, const Handle& who) const {
    return homes_[n].queued(key_of(who));
  }
  [[nodiscard]] std::size_t sessions();
  [[nodiscard]] std::size_t online_clients() const { return node_.counts.clients_online; }
  [[nodiscard]] const node_context& node() const noexcept { return node_; }
  [[nodiscard]] node_context& node() noexcept { return node_; }
  [[nodiscard]] caf::actor_system& system() noexcept { return *system_; }
  /// Actors that have not ended.
  [[nodiscard]] std::size_t actors() const { return system_->registry().running(); }
  /// The n-th of two workers that connections belong to in turn.
  [[nodiscard]] caf::execution_unit* home(std::size_t n) { return &homes_[n % homes_.size()]; }

  /// Sends a request, runs, and returns the answer if there was one.
  template <class Answer, class Handle, class Request>
  std::optional<Answer> ask(const Handle& whom, const Request& what) {
    auto answer = std::make_shared<std::optional<Answer>>();
    system_->spawn([=](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, what)
          .then([answer](const Answer& given) { *answer = given; }, [](const caf::error&) {});
    });
    run();
    return *answer;
  }

  /// What the node's store held before the first client.
  void restore(const earlier_life& earlier);

  // -- the end, step by step as the broker goes through it

  void stop_reading();
  void settle_shards();
  void settle_shares();
  void dismiss_everybody();
  /// Tells the stage that a test takes sessions or directories down by itself.
  void dismissed_otherwise() { everybody_dismissed_ = true; }

private:
  /// Stands in for a worker: its actors go into the common queue.
  class worker final : public caf::execution_unit {
  public:
    worker(caf::actor_system& system, caf::scheduler::test_coordinator& scheduler)
        : execution_unit(&system), scheduler_(scheduler) {}
    void exec_later(caf::resumable* job) override {
      ++queued_[dynamic_cast<caf::abstract_actor*>(job)];
      scheduler_.jobs.push_back(job);
    }
    std::size_t queued(const caf::abstract_actor* who) const {
      const auto found = queued_.find(who);
      return found == queued_.end() ? 0 : found->second;
    }

  private:
    caf::scheduler::test_coordinator& scheduler_;
    std::map<const caf::abstract_actor*, std::size_t> queued_;
  };

  template <class Handle>
  static const caf::abstract_actor* key_of(const Handle& who) {
    return caf::actor_cast<caf::abstract_actor*>(who);
  }
  bool run_next(const std::function<bool(const caf::abstract_actor*)>& may_run);
  void check_deadlines();

  caf::actor_system_config system_config_;
  node_context node_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  std::deque<worker> homes_;
  std::vector<handshake_handle> handshakes_;  ///< by home
  std::vector<std::shared_ptr<cable>> cables_;
  std::optional<std::mt19937_64> random_;
  std::set<const caf::abstract_actor*> held_;
  bool everybody_dismissed_ = false;
  std::map<std::pair<const caf::abstract_actor*, std::type_index>, std::size_t> handled_;
};

/// CONNECT of a client whose session outlives the connection.
[[nodiscard]] connect lasting(std::string_view client_id, std::uint32_t expiry = 100);
/// CONNECT of a client whose session ends with the connection.
[[nodiscard]] connect passing(std::string_view client_id);

}  // namespace troupe::test
