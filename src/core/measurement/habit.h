// How well choices know the habit that people share.
//
// In state s the curvature of the choices in h(s, .) is
//
//   B(s) = sum_k n_k(s) (diag(pi_k) - pi_k pi_k'),
//
// n_k(s) the visits at node k of the slope, pi_k the policy there.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <vector>

#include "core/measurement/choice.h"

namespace psyrl {

/// Eigenvalues of B of every informative state, without the direction that choices do
/// not see. `at_nodes` are counts of pairs at the nodes of the model.
inline std::vector<double> habit_curvature(const Task& task, const PersonCounts& at_nodes,
                                           const ChoiceModel& model,
                                           const Runtime& runtime) {
  const std::vector<int> states = informative_states(task, at_nodes);
  const std::vector<int> state = state_of_pair(task);
  std::vector<int> place(task.n_states(), -1), start{0};
  for (std::size_t i = 0; i < states.size(); ++i) {
    place[states[i]] = static_cast<int>(i);
    start.push_back(start.back() + task.n_actions(states[i]) - 1);
  }
  const int K = model.n_nodes();
  Eigen::MatrixXd visits = Eigen::MatrixXd::Zero(K, states.size());
  for (int k = 0; k < K; ++k)
    for (int i = at_nodes.person_start[k]; i < at_nodes.person_start[k + 1]; ++i) {
      const int s = place[state[at_nodes.pair[i]]];
      if (s >= 0) visits(k, s) += at_nodes.count[i];
    }
  std::vector<double> out(start.back());
  for_chunks(runtime.executor, states.size(), 16,
             [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const int n = task.n_actions(states[i]);
      const std::vector<double> log_p = log_probabilities(task, model, states[i]);
      const Eigen::MatrixXd pi =
          Eigen::Map<const Eigen::MatrixXd>(log_p.data(), K, n).array().exp();
      const Eigen::VectorXd total = pi.transpose() * visits.col(i);
      Eigen::MatrixXd curvature = -pi.transpose() * visits.col(i).asDiagonal() * pi;
      curvature.diagonal() += total;
      const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(curvature,
                                                                 Eigen::EigenvaluesOnly);
      for (int a = 1; a < n; ++a)  // ascending
        out[start[i] + a - 1] = std::max(0.0, eigen.eigenvalues()[a]);
    }
  });
  return out;
}

}  // namespace psyrl
