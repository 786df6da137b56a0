// The choice model, tabulated over a grid of slopes.
//
//   pi(a | s, beta) = exp(h(s, a) + beta A(s, a)) / sum over legal actions
//
// h is an optional habit that no trait multiplies. A may differ from node to node
// (everybody plans with the own temperature), then it is [n_pairs x n_nodes].
// Tables are pair-major: the nodes of a pair are contiguous.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/numerics.h"
#include "core/measurement/counts.h"

namespace psyrl {

struct ChoiceModel {
  View<double> advantage;  // [n_pairs], or [n_pairs * n_nodes] if it varies by node
  View<double> habit;      // [n_pairs] or empty
  View<double> beta;       // [n_nodes] slope at each node

  int n_nodes() const { return static_cast<int>(beta.size()); }
  bool varies(int n_pairs) const {
    return advantage.size() > static_cast<std::size_t>(n_pairs);
  }
};

/// Log probabilities of the pairs of one state at every node, into
/// `table[p * n_nodes + k]`. Scratch-free: three passes over contiguous nodes.
inline void tabulate_state(const Task& task, const ChoiceModel& model, int s,
                           std::vector<double>& table) {
  const int K = model.n_nodes(), first = task.first_pair(s), n = task.n_actions(s);
  const bool varies = model.varies(task.n_pairs());
  std::vector<double> top(K, -kInfinity), sum(K, 0.0);
  for (int p = first; p < first + n; ++p) {
    double* row = &table[static_cast<std::size_t>(p) * K];
    const double* a = varies ? &model.advantage[static_cast<std::size_t>(p) * K]
                             : &model.advantage[p];
    const double offset = model.habit.empty() ? 0.0 : model.habit[p];
    for (int k = 0; k < K; ++k) {
      row[k] = offset + model.beta[k] * (varies ? a[k] : *a);
      top[k] = std::max(top[k], row[k]);
    }
  }
  for (int p = first; p < first + n; ++p) {
    const double* row = &table[static_cast<std::size_t>(p) * K];
    for (int k = 0; k < K; ++k) sum[k] += std::exp(row[k] - top[k]);
  }
  for (int k = 0; k < K; ++k) top[k] += std::log(sum[k]);
  for (int p = first; p < first + n; ++p) {
    double* row = &table[static_cast<std::size_t>(p) * K];
    for (int k = 0; k < K; ++k) row[k] -= top[k];
  }
}

/// Log probabilities of the given states' pairs at every node, pair-major
/// [n_pairs * n_nodes]; rows of other states stay 0 (log 1: no information).
inline std::vector<double> log_choice_table(const Task& task, const ChoiceModel& model,
                                            const std::vector<int>& states,
                                            const Runtime& runtime) {
  std::vector<double> table(
      static_cast<std::size_t>(task.n_pairs()) * model.n_nodes(), 0.0);
  for_chunks(runtime.executor, states.size(), 64,
             [&](std::size_t, std::size_t begin, std::size_t end) {
               for (std::size_t i = begin; i < end; ++i)
                 tabulate_state(task, model, states[i], table);
             });
  return table;
}

/// log p(choices of person j | node k), person-major [n_persons * n_nodes].
inline std::vector<double> person_log_lik(const PersonCounts& counts,
                                          const std::vector<double>& table,
                                          int n_nodes, const Runtime& runtime) {
  std::vector<double> result(
      static_cast<std::size_t>(counts.n_persons()) * n_nodes, 0.0);
  for_chunks(runtime.executor, counts.n_persons(), 32,
             [&](std::size_t, std::size_t begin, std::size_t end) {
               for (std::size_t j = begin; j < end; ++j) {
                 double* row = &result[j * n_nodes];
                 for (int i = counts.person_start[j]; i < counts.person_start[j + 1]; ++i) {
                   const double* lp =
                       &table[static_cast<std::size_t>(counts.pair[i]) * n_nodes];
                   const double n = counts.count[i];
                   for (int k = 0; k < n_nodes; ++k) row[k] += n * lp[k];
                 }
               }
             });
  return result;
}

}  // namespace psyrl
