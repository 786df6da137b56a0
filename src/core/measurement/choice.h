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

/// Log probabilities of the pairs of one state alone, [n_actions * n_nodes].
inline std::vector<double> log_probabilities(const Task& task, const ChoiceModel& model,
                                             int s) {
  const std::size_t K = model.n_nodes(), first = task.first_pair(s), n = task.n_actions(s);
  const std::vector<int> state_start{0, static_cast<int>(n)}, next_start(n + 1, 0);
  Task alone;
  alone.state_start = View<int>(state_start);
  alone.next_start = View<int>(next_start);
  const std::size_t width = model.varies(task.n_pairs()) ? K : 1;
  ChoiceModel own = model;
  own.advantage = View<double>(model.advantage.data() + first * width, n * width);
  if (!model.habit.empty()) own.habit = View<double>(model.habit.data() + first, n);
  std::vector<double> table(n * K);
  tabulate_state(alone, own, 0, table);
  return table;
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

/// Log probabilities of the pairs that were chosen, and no others: where actions are
/// many, most of a whole table is never looked at.
struct ChosenTable {
  std::vector<double> log_p;  // [distinct pairs * n_nodes]
  std::vector<int> row;       // [n_entries] place of an entry's pair
};

inline ChosenTable chosen_table(const Task& task, const ChoiceModel& model,
                                View<int> chosen, const Runtime& runtime) {
  ChosenTable table;
  std::vector<int> place(task.n_pairs(), -1), pairs(chosen.begin(), chosen.end());
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  for (std::size_t i = 0; i < pairs.size(); ++i) place[pairs[i]] = static_cast<int>(i);
  for (int p : chosen) table.row.push_back(place[p]);
  const std::size_t K = model.n_nodes();
  const std::vector<int> state = state_of_pair(task);
  table.log_p.assign(pairs.size() * K, 0.0);
  for_chunks(runtime.executor, pairs.size(), 256,
             [&](std::size_t, std::size_t begin, std::size_t end) {
               std::vector<double> rows;
               for (std::size_t i = begin; i < end; ++i) {
                 const int s = state[pairs[i]];
                 if (task.n_actions(s) < 2) continue;
                 if (i == begin || s != state[pairs[i - 1]])
                   rows = log_probabilities(task, model, s);
                 std::copy_n(&rows[(pairs[i] - task.first_pair(s)) * K], K,
                             &table.log_p[i * K]);
               }
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
