// What a score would be without some of the decisions it rests on.
//
// A block is a set of decisions of one person (a step, an episode). The posterior
// without it is the posterior divided by its likelihood, so the mean is one pass
// over the nodes; the mode is solved again.
#pragma once

#include <cmath>
#include <vector>

#include "core/measurement/choice.h"
#include "core/measurement/grid.h"
#include "core/measurement/person.h"

namespace psyrl {

/// Sparse blocks: block b is of person[b] and holds pair[i], count[i] for
/// i = start[b] .. start[b + 1] - 1.
struct DecisionBlocks {
  View<int> person, start, pair;
  View<double> count;
  std::size_t size() const { return person.size(); }
};

inline double mean_of_log_weights(View<double> nodes, const std::vector<double>& w) {
  const int K = static_cast<int>(nodes.size());
  const double total = log_sum_exp(w.data(), K);
  double mean = 0.0;
  for (int k = 0; k < K; ++k) mean += nodes[k] * std::exp(w[k] - total);
  return mean;
}

/// Posterior mean without each block minus that with all; `log_posterior` is
/// person-major [n_persons * K] and need not be normalised.
inline std::vector<double> leave_out_means(View<double> nodes, View<double> log_posterior,
                                           const std::vector<double>& table,
                                           const DecisionBlocks& blocks,
                                           const Runtime& runtime) {
  const std::size_t K = nodes.size();
  std::vector<double> change(blocks.size());
  for_chunks(runtime.executor, blocks.size(), 256,
             [&](std::size_t, std::size_t begin, std::size_t end) {
    std::vector<double> w(K);
    int last = -1;
    double full = 0.0;
    for (std::size_t b = begin; b < end; ++b) {
      const double* all = &log_posterior[blocks.person[b] * K];
      w.assign(all, all + K);
      if (blocks.person[b] != last) full = mean_of_log_weights(nodes, w);
      last = blocks.person[b];
      for (int i = blocks.start[b]; i < blocks.start[b + 1]; ++i) {
        const double* row = &table[static_cast<std::size_t>(blocks.pair[i]) * K];
        for (std::size_t k = 0; k < K; ++k) w[k] -= blocks.count[i] * row[k];
      }
      change[b] = mean_of_log_weights(nodes, w) - full;
    }
  });
  return change;
}

/// The visited states of person j without a block.
inline std::vector<VisitedState> states_without(const Task& task,
                                                const PersonCounts& counts,
                                                View<double> value,
                                                const std::vector<int>& pair_state, int j,
                                                const DecisionBlocks& blocks,
                                                std::size_t b) {
  const int first = counts.person_start[j], n = counts.person_start[j + 1] - first;
  const int end = first + n;
  std::vector<int> start{0, n};
  std::vector<int> pair(counts.pair.begin() + first, counts.pair.begin() + end);
  std::vector<double> count(counts.count.begin() + first, counts.count.begin() + end);
  for (int i = blocks.start[b]; i < blocks.start[b + 1]; ++i) {
    const auto it = std::lower_bound(pair.begin(), pair.end(), blocks.pair[i]);
    count[it - pair.begin()] -= blocks.count[i];
  }
  const PersonCounts left{View<int>(start), View<int>(pair), View<double>(count)};
  return visited_states(task, left, value, pair_state, 0);
}

/// The same for posterior modes, each solved exactly.
inline std::vector<double> leave_out_modes(const Task& task, const PersonCounts& counts,
                                           View<double> value, View<double> mu,
                                           double sigma, const DecisionBlocks& blocks,
                                           const Runtime& runtime) {
  const std::vector<int> state = state_of_pair(task);
  std::vector<double> change(blocks.size());
  for_chunks(runtime.executor, blocks.size(), 64,
             [&](std::size_t, std::size_t begin, std::size_t end) {
    int last = -1;
    double full = 0.0;
    for (std::size_t b = begin; b < end; ++b) {
      const int j = blocks.person[b];
      if (j != last) {
        const auto states = visited_states(task, counts, value, state, j);
        full = PersonProblem(states, mu[j], sigma).mode().z;
      }
      last = j;
      const auto rest = states_without(task, counts, value, state, j, blocks, b);
      change[b] = PersonProblem(rest, mu[j], sigma).mode().z - full;
    }
  });
  return change;
}

/// One Newton step of the mode for every block that is a single decision:
/// -g / (I - v + g), with I the posterior's curvature at the mode.
inline std::vector<double> leave_out_one_step(const Task& task, const PersonCounts& counts,
                                              View<double> value, View<double> mu,
                                              double sigma, const DecisionBlocks& blocks) {
  const std::vector<int> state = state_of_pair(task);
  std::vector<double> change(blocks.size());
  PersonMode mode{};
  int last = -1;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const int j = blocks.person[b];
    if (j != last) {
      const auto states = visited_states(task, counts, value, state, j);
      mode = PersonProblem(states, mu[j], sigma).mode();
    }
    last = j;
    std::vector<int> start{0, blocks.start[b + 1] - blocks.start[b]};
    const View<int> pair(&blocks.pair[blocks.start[b]], start[1]);
    const View<double> count(&blocks.count[blocks.start[b]], start[1]);
    const Likelihood l = likelihood(
        visited_states(task, {View<int>(start), pair, count}, value, state, 0),
        std::exp(mode.z));
    change[b] = -l.score / (-mode.hessian - l.information + l.score);
  }
  return change;
}

}  // namespace psyrl
