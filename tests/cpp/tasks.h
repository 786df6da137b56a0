// Tasks for tests, with the memory that a `psyrl::Task` only looks at.
#pragma once

#include <vector>

#include "core/base/rng.h"
#include "core/mdp/task.h"

class OwnedTask {
 public:
  /// What follows an action: states with their probabilities.
  struct Pair {
    double reward;
    std::vector<int> next;
    std::vector<double> probability;
  };

  explicit OwnedTask(double discount) { task_.discount = discount; }

  /// Adds a state; no pairs make it terminal.
  void add_state(const std::vector<Pair>& pairs) {
    for (const Pair& pair : pairs) {
      reward_.push_back(pair.reward);
      next_state_.insert(next_state_.end(), pair.next.begin(), pair.next.end());
      probability_.insert(probability_.end(), pair.probability.begin(),
                          pair.probability.end());
      next_start_.push_back(static_cast<int>(next_state_.size()));
    }
    state_start_.push_back(static_cast<int>(reward_.size()));
  }

  const psyrl::Task& get() {
    task_.state_start = state_start_;
    task_.next_start = next_start_;
    task_.next_state = next_state_;
    task_.probability = probability_;
    task_.reward = reward_;
    return task_;
  }

 private:
  std::vector<int> state_start_{0}, next_start_{0}, next_state_;
  std::vector<double> probability_, reward_;
  psyrl::Task task_;
};

/// One action that leads on for sure.
inline OwnedTask::Pair leads_to(int state, double reward = 0.0) {
  return {reward, {state}, {1.0}};
}

/// Every action may lead to `successors` states drawn at random.
inline OwnedTask random_task(int n_states, int n_actions, int successors, double discount,
                             std::uint64_t seed) {
  psyrl::Stream stream(seed, 1, 0);
  OwnedTask task(discount);
  for (int s = 0; s < n_states; ++s) {
    std::vector<OwnedTask::Pair> pairs(n_actions);
    for (auto& pair : pairs) {
      pair.reward = stream.normal();
      double total = 0.0;
      for (int k = 0; k < successors; ++k) {
        pair.next.push_back(static_cast<int>(stream.uniform() * n_states));
        pair.probability.push_back(stream.uniform());
        total += pair.probability.back();
      }
      for (double& p : pair.probability) p /= total;
    }
    task.add_state(pairs);
  }
  return task;
}
