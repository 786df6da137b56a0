// Predictions with the trait integrated out over a person's posterior.
//
//   p(a | s, j) = sum_k w_jk pi_k(a | s)
//
// and, along a sequence, the weights updated by every earlier decision.
#pragma once

#include <cmath>
#include <vector>

#include "core/measurement/choice.h"

namespace psyrl {

/// Probabilities of the legal pairs of `state[i]` for the person whose posterior
/// weights start at `weight[person[i] * K]`; concatenated in the order of i.
inline std::vector<double> predictive_probabilities(const Task& task,
                                                    const std::vector<double>& table,
                                                    View<double> weight, int n_nodes,
                                                    View<int> person, View<int> state) {
  std::vector<double> result;
  for (std::size_t i = 0; i < state.size(); ++i) {
    const double* w = &weight[static_cast<std::size_t>(person[i]) * n_nodes];
    for (int p = task.first_pair(state[i]); p < task.state_start[state[i] + 1]; ++p) {
      const double* lp = &table[static_cast<std::size_t>(p) * n_nodes];
      double sum = 0.0;
      for (int k = 0; k < n_nodes; ++k) sum += w[k] * std::exp(lp[k]);
      result.push_back(sum);
    }
  }
  return result;
}

/// A person's weights walk along the decisions: `visit(i, w, p)` sees the weights
/// before decision i and its probability; if `update` they then learn from it.
template <class Visit>
void walk_person(const std::vector<double>& table, int n_nodes, std::vector<double>& w,
                 int begin, int end, View<int> pair, bool update, const Visit& visit) {
  for (int i = begin; i < end; ++i) {
    const double* lp = &table[static_cast<std::size_t>(pair[i]) * n_nodes];
    double joint = 0.0, total = 0.0;
    for (int k = 0; k < n_nodes; ++k) {
      joint += w[k] * std::exp(lp[k]);
      total += w[k];
    }
    visit(i, w, joint / total);
    if (!update) continue;
    for (int k = 0; k < n_nodes; ++k) w[k] *= std::exp(lp[k]) / joint;
  }
}

/// Calls `visit` for every decision; rows are by person, `weight` is [persons x K].
template <class Visit>
void walk(const std::vector<double>& table, int n_nodes, View<double> weight,
          View<int> person_start, View<int> pair, View<int> update, const Visit& visit) {
  std::vector<double> w(n_nodes);
  for (std::size_t j = 0; j + 1 < person_start.size(); ++j) {
    std::copy(&weight[j * n_nodes], &weight[j * n_nodes] + n_nodes, w.begin());
    walk_person(table, n_nodes, w, person_start[j], person_start[j + 1], pair,
                update[j] != 0, visit);
  }
}

}  // namespace psyrl
