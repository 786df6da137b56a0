// What holds learned values to the task, as a function of Q, or of (Q, r) where
// rewards are learned: the vector then holds the rewards of all pairs behind the
// values.
//
//   lambda sum_i w_i delta_i^2,   delta_i = Q(p_i) - r_i - gamma sum_s' T_i(s') V(s')
//   + cql  [ sum_s n(s) V(s) - sum_p n(p) Q(p) ]
//   + l2   sum_p (Q(p) - mean over the state)^2
//   + l2_r sum_p r(p)^2
//
// Residual rows are legal pairs with expected next states, observed pairs weighted
// by counts, or single logged transitions. Written once over the number type: dual
// numbers turn the gradient into exact Hessian-vector products. With temperature 0
// the policy of the backup is that of the branch taken.
#pragma once

#include <cmath>
#include <vector>

#include "core/base/dual.h"
#include "core/mdp/backup.h"
#include "core/mdp/task.h"

namespace psyrl {

struct ResidualRows {
  View<int> pair;            // [n_rows]
  View<double> weight;       // [n_rows]
  View<double> reward;       // [n_rows]
  View<int> next_start;      // [n_rows + 1]
  View<int> next_state;      // sparse next states
  View<double> probability;
};

struct Penalty {
  ResidualRows residual;
  double lambda = 0.0;
  double temperature = 0.0;
  Backup backup = Backup::soft;
  double cql = 0.0;
  View<double> pair_count;  // [n_pairs] data of the conservative term
  double l2 = 0.0;
  double reward_l2 = 0.0;   // of learned rewards
};

/// V and the policy of its backup for every state.
template <class T>
struct BackedUp {
  std::vector<T> v;       // [n_states]
  std::vector<T> policy;  // [n_pairs]
};

template <class T>
BackedUp<T> back_up_all(const Task& task, const Penalty& penalty, const std::vector<T>& q) {
  using std::exp;
  using std::log;
  BackedUp<T> out{std::vector<T>(task.n_states(), T(0.0)),
                  std::vector<T>(task.n_pairs(), T(0.0))};
  const double tau = penalty.temperature;
  for (int s = 0; s < task.n_states(); ++s) {
    const int first = task.first_pair(s), n = task.n_actions(s);
    if (n == 0) continue;
    int best = first;
    for (int p = first; p < first + n; ++p)
      if (value_of(q[p]) > value_of(q[best])) best = p;
    const T top = q[best];
    if (tau == 0.0) {
      out.v[s] = top;
      out.policy[best] = T(1.0);
      continue;
    }
    T sum(0.0);
    for (int p = first; p < first + n; ++p) {
      out.policy[p] = exp((q[p] - top) / tau);
      sum += out.policy[p];
    }
    for (int p = first; p < first + n; ++p) out.policy[p] = out.policy[p] / sum;
    if (penalty.backup == Backup::mellow) sum = sum / double(n);
    out.v[s] = top + log(sum) * tau;
  }
  return out;
}

template <class T>
bool rewards_learned(const Task& task, const std::vector<T>& q) {
  return q.size() > static_cast<std::size_t>(task.n_pairs());
}

template <class T>
T residual_of_row(const Task& task, const ResidualRows& rows, const std::vector<T>& q,
                  const std::vector<T>& v, std::size_t i) {
  const int p = rows.pair[i];
  T delta = q[p] - (rewards_learned(task, q) ? q[task.n_pairs() + p] : T(rows.reward[i]));
  for (int k = rows.next_start[i]; k < rows.next_start[i + 1]; ++k)
    delta -= v[rows.next_state[k]] * (task.discount * rows.probability[k]);
  return delta;
}

/// Value of the penalty; adds its gradient to `gradient`.
template <class T>
T add_penalty(const Task& task, const Penalty& penalty, const std::vector<T>& q,
              std::vector<T>& gradient) {
  const BackedUp<T> at = back_up_all(task, penalty, q);
  std::vector<T> v_gradient(task.n_states(), T(0.0));
  T value(0.0);
  const ResidualRows& rows = penalty.residual;
  for (std::size_t i = 0; penalty.lambda > 0 && i < rows.pair.size(); ++i) {
    const T delta = residual_of_row(task, rows, q, at.v, i);
    const double weight = penalty.lambda * rows.weight[i];
    value += delta * delta * weight;
    const T slope = delta * (2.0 * weight);
    gradient[rows.pair[i]] += slope;
    if (rewards_learned(task, q)) gradient[task.n_pairs() + rows.pair[i]] -= slope;
    for (int k = rows.next_start[i]; k < rows.next_start[i + 1]; ++k)
      v_gradient[rows.next_state[k]] -= slope * (task.discount * rows.probability[k]);
  }
  for (std::size_t p = task.n_pairs(); p < q.size(); ++p) {
    value += q[p] * q[p] * penalty.reward_l2;
    gradient[p] += q[p] * (2.0 * penalty.reward_l2);
  }
  for (int s = 0; s < task.n_states(); ++s) {
    const int first = task.first_pair(s), n = task.n_actions(s);
    T mean(0.0);
    double visits = 0.0;
    for (int p = first; p < first + n; ++p) {
      mean += q[p];
      if (penalty.cql > 0) visits += penalty.pair_count[p];
    }
    if (n > 0) mean = mean / double(n);
    value += at.v[s] * (penalty.cql * visits);
    v_gradient[s] += penalty.cql * visits;
    for (int p = first; p < first + n; ++p) {
      const T centred = q[p] - mean;
      value += centred * centred * penalty.l2;
      gradient[p] += at.policy[p] * v_gradient[s] + centred * (2.0 * penalty.l2);
      if (penalty.cql == 0) continue;
      value -= q[p] * (penalty.cql * penalty.pair_count[p]);
      gradient[p] -= penalty.cql * penalty.pair_count[p];
    }
  }
  return value;
}

}  // namespace psyrl
