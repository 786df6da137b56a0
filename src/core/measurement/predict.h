// Predictions with the trait integrated out over a person's posterior.
//
//   p(a | s, j) = sum_k w_jk pi_k(a | s)
//
// and, along a sequence, the weights updated by every earlier decision.
#pragma once

#include <Eigen/Dense>
#include <vector>

#include "core/measurement/choice.h"

namespace psyrl {

using Weights = Eigen::ArrayXd;
using WeightsView = Eigen::Map<const Weights>;

/// Probabilities of the legal pairs of `state[i]` for the person whose posterior
/// weights start at `weight[person[i] * K]`; concatenated in the order of i. `table`
/// has K probabilities a pair.
inline std::vector<double> predictive_probabilities(const Task& task,
                                                    const std::vector<double>& table,
                                                    View<double> weight, int n_nodes,
                                                    View<int> person, View<int> state) {
  std::vector<double> result;
  const std::size_t K = n_nodes;
  for (std::size_t i = 0; i < state.size(); ++i) {
    const WeightsView w(&weight[person[i] * K], n_nodes);
    for (int p = task.first_pair(state[i]); p < task.state_start[state[i] + 1]; ++p)
      result.push_back((w * WeightsView(&table[p * K], n_nodes)).sum());
  }
  return result;
}

/// Calls `visit(i, w, p)` for every decision, in order and by person, with the person's
/// weights before it and its probability; where `update` weights then learn from it.
/// `table` has K probabilities a row, which decision i is in `row[i]`; `weight` is
/// [persons x K].
template <class Visit>
void walk(const std::vector<double>& table, int n_nodes, View<double> weight,
          View<int> person_start, View<int> row, View<int> update, const Visit& visit) {
  const std::size_t K = n_nodes;
  for (std::size_t j = 0; j + 1 < person_start.size(); ++j) {
    Weights w = WeightsView(&weight[j * K], n_nodes);
    double total = w.sum();
    for (int i = person_start[j]; i < person_start[j + 1]; ++i) {
      const WeightsView p(&table[row[i] * K], n_nodes);
      const double joint = (w * p).sum();
      visit(i, w, joint / total);
      if (!update[j]) continue;
      w *= p / joint;
      total = 1.0;
    }
  }
}

}  // namespace psyrl
