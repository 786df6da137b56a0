// What persons' choices say about their own traits, and about these together with what
// persons share: the arms of the arrow (arrow.h, arrow_represented.h).
#pragma once

#include <Eigen/Dense>
#include <vector>

#include "core/base/parallel.h"
#include "core/measurement/behaviour.h"
#include "core/measurement/identify.h"

namespace psyrl {

/// I_jj, and I_jx into `cross` [n_pairs], of person j, where x is what the values of
/// pairs are (learned) or what stands beside them (a habit, with values known). With t
/// the derivative of the logits in the trait, c that in x and c' the derivative of c,
///
///   I_jx = c n(s) pi (t - E t) - c' [ n - n(s) pi ]
inline double person_information(const Task& task, const Groups& people, double precision,
                                 const std::vector<double>& x,
                                 const std::vector<int>& pair_state, int j,
                                 std::vector<double>& cross) {
  const PersonCounts& counts = people.counts;
  const bool habit = !people.known.empty();
  const double c = people.slope[j], curved = habit ? 0.0 : c;
  const auto trait_slope = [&](int p) { return habit ? people.known[p] : c * x[p]; };
  double information = precision;
  std::vector<double> logit, pi;
  for (int row = counts.person_start[j]; row < counts.person_start[j + 1];) {
    const int s = pair_state[counts.pair[row]];
    const int n = task.n_actions(s), first = task.first_pair(s);
    double visits = 0.0, chosen = 0.0;
    for (; row < counts.person_start[j + 1] && pair_state[counts.pair[row]] == s; ++row) {
      const int p = counts.pair[row];
      visits += counts.count[row];
      chosen += counts.count[row] * trait_slope(p);
      cross[p] -= curved * counts.count[row];
    }
    logit.resize(n);
    pi.resize(n);
    for (int k = 0; k < n; ++k)
      logit[k] = c * x[first + k] +
                 (habit ? people.known_slope[j] * people.known[first + k] : 0.0);
    softmax(logit.data(), n, 1.0, pi.data());
    double mean = 0.0, variance = 0.0;
    for (int k = 0; k < n; ++k) mean += pi[k] * trait_slope(first + k);
    for (int k = 0; k < n; ++k) {
      const double d = trait_slope(first + k) - mean;
      variance += pi[k] * d * d;
      cross[first + k] += visits * pi[k] * (curved + c * d);
    }
    information += visits * variance - (habit ? 0.0 : chosen - visits * mean);
  }
  return information;
}

/// I_jj of all persons, and their cross information with Q in the columns of `cross`.
inline Eigen::VectorXd persons_information(const Task& task, const Groups& people,
                                           View<double> precision, Identify rule,
                                           const std::vector<double>& q,
                                           const Runtime& runtime,
                                           Eigen::Ref<Eigen::MatrixXd> cross) {
  const std::vector<double> x = identify(task, rule, q);
  const std::vector<int> pair_state = state_of_pair(task);
  Eigen::VectorXd own(people.counts.n_persons());
  for_chunks(runtime.executor, own.size(), 16,
             [&](std::size_t, std::size_t begin, std::size_t end) {
               for (std::size_t j = begin; j < end; ++j) {
                 std::vector<double> to(task.n_pairs(), 0.0);
                 own[j] = person_information(task, people, precision[j], x, pair_state,
                                             static_cast<int>(j), to);
                 to = identify_pull_back(task, rule, q, to);
                 for (int p = 0; p < task.n_pairs(); ++p) cross(p, j) = to[p];
               }
             });
  return own;
}

}  // namespace psyrl
