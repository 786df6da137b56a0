// Information about the trait that playing the task yields.
//
//   I(z) = E sum_t v(s_t),   v(s) = rate^2 Var_pi(A(s, .))
//
// over what somebody of trait z meets. Forward over the steps it splits by step and
// by state; backward, W_n(s) = v(s) + sum_a pi(a|s) sum_s' T(s'|s,a) W_{n-1}(s'), it
// is what an episode of n steps from s yields.
#pragma once

#include <vector>

#include "core/measurement/score.h"

namespace psyrl {

struct ExpectedInformation {
  std::vector<double> by_step;   // [horizon]
  std::vector<double> by_state;  // [n_states]
  std::vector<double> by_start;  // [n_states]
  double decisions = 0.0;        // expected decisions with a choice, an episode
};

/// Choice probabilities of all pairs at one node of a table of their logarithms.
inline std::vector<double> policy_at(const std::vector<double>& table, int n_nodes, int k) {
  std::vector<double> policy(table.size() / n_nodes);
  for (std::size_t p = 0; p < policy.size(); ++p)
    policy[p] = std::exp(table[p * n_nodes + k]);
  return policy;
}

inline std::vector<double> played_on(const Task& task, const std::vector<double>& policy,
                                     const std::vector<double>& occupied) {
  std::vector<double> next(occupied.size(), 0.0);
  for (int s = 0; s < task.n_states(); ++s) {
    if (occupied[s] == 0.0) continue;
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p)
      for (int i = task.next_start[p]; i < task.next_start[p + 1]; ++i)
        next[task.next_state[i]] += occupied[s] * policy[p] * task.probability[i];
  }
  return next;
}

inline std::vector<double> looked_ahead(const Task& task, const std::vector<double>& policy,
                                        const std::vector<double>& now,
                                        const std::vector<double>& later) {
  std::vector<double> value(now);
  for (int s = 0; s < task.n_states(); ++s)
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p)
      for (int i = task.next_start[p]; i < task.next_start[p + 1]; ++i)
        value[s] += policy[p] * task.probability[i] * later[task.next_state[i]];
  return value;
}

/// Episodes of at most `horizon` decisions from the distribution `start` [n_states];
/// `information` [n_states] is v at this trait.
inline ExpectedInformation expected_information(const Task& task,
                                                const std::vector<double>& policy,
                                                const std::vector<double>& information,
                                                View<double> start, int horizon) {
  const int S = task.n_states();
  ExpectedInformation result{
      {}, std::vector<double>(S, 0.0), std::vector<double>(S, 0.0), 0.0};
  std::vector<double> occupied(start.begin(), start.end());
  for (int t = 0; t < horizon; ++t) {
    double step = 0.0;
    for (int s = 0; s < S; ++s) {
      step += occupied[s] * information[s];
      result.by_state[s] += occupied[s] * information[s];
      if (task.n_actions(s) > 1) result.decisions += occupied[s];
    }
    result.by_step.push_back(step);
    result.by_start = looked_ahead(task, policy, information, result.by_start);
    occupied = played_on(task, policy, occupied);
  }
  return result;
}

}  // namespace psyrl
