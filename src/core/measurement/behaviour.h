// Behaviour given slopes: groups of decisions that share one slope, with counts
// n_i(s, a). A group is a person at the own mode (joint estimator), or a node of the
// trait grid with its posterior-weighted counts (marginal EM).
//
//   logit_i = c_i x + d_i A,   x unknown, A known
//   f(x)   = - sum_i sum_p n_i(p) log pi_i(p)
//   df/dx  = - sum_i c_i [ n_i(p) - n_i(s) pi_i(p) ]
//   B(s)   = sum_i c_i^2 n_i(s) ( diag pi_i - pi_i pi_i' )        (block by state)
//
// Learned values: x = A, c_i = beta_i, d_i = 0. A habit beside known values: c_i = 1,
// d_i = beta_i. B is the exact Hessian in x, because log-softmax is linear but for
// the normaliser.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/numerics.h"
#include "core/measurement/counts.h"

namespace psyrl {

struct Groups {
  View<double> slope;        // c_i [n_groups]
  PersonCounts counts;       // rows by group
  View<double> known;        // A [n_pairs], or empty
  View<double> known_slope;  // d_i [n_groups], or empty
};

/// One visit of a group to a state, the rows of which stand together.
struct GroupVisit {
  int state, group, begin, end;  // rows begin..end-1 of the counts
};

/// Visits ordered by state, so that states can be worked on independently.
inline std::vector<GroupVisit> visits_by_state(const Task& task, const Groups& groups) {
  const std::vector<int> pair_state = state_of_pair(task);
  const PersonCounts& counts = groups.counts;
  std::vector<GroupVisit> visits;
  for (int i = 0; i < counts.n_persons(); ++i)
    for (int row = counts.person_start[i]; row < counts.person_start[i + 1];) {
      const int s = pair_state[counts.pair[row]];
      int end = row + 1;
      while (end < counts.person_start[i + 1] && pair_state[counts.pair[end]] == s) ++end;
      if (task.n_actions(s) > 1) visits.push_back({s, i, row, end});
      row = end;
    }
  std::stable_sort(
      visits.begin(), visits.end(),
      [](const GroupVisit& a, const GroupVisit& b) { return a.state < b.state; });
  return visits;
}

class Behaviour {
 public:
  Behaviour(const Task& task, const Groups& groups)
      : task_(task), groups_(groups), visits_(visits_by_state(task, groups)) {
    for (std::size_t i = 0; i < visits_.size(); ++i)
      if (i == 0 || visits_[i].state != visits_[i - 1].state) first_.push_back(i);
    first_.push_back(visits_.size());
    block_start_.assign(task.n_states() + 1, 0);
    for (int s = 0; s < task.n_states(); ++s) {
      const std::size_t n = task.n_actions(s);
      block_start_[s + 1] = block_start_[s] + n * n;
    }
  }

  /// f(x); its gradient, and the blocks of B, where asked for.
  double evaluate(const std::vector<double>& x, std::vector<double>* gradient,
                  std::vector<double>* blocks, const Runtime& runtime) const {
    if (gradient) gradient->assign(task_.n_pairs(), 0.0);
    if (blocks) blocks->assign(block_start_.back(), 0.0);
    const std::size_t n_states = first_.size() - 1, chunk = 64;
    std::vector<double> part(chunk_count(n_states, chunk), 0.0);
    for_chunks(runtime.executor, n_states, chunk,
               [&](std::size_t c, std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i)
                   part[c] += state_value(i, x, gradient, blocks);
               });
    double total = 0.0;
    for (double p : part) total += p;
    return total;
  }

  /// B x, block by block.
  std::vector<double> multiply(const std::vector<double>& blocks,
                               const std::vector<double>& x) const {
    std::vector<double> y(x.size(), 0.0);
    for (std::size_t i = 0; i + 1 < first_.size(); ++i) {
      const int s = visits_[first_[i]].state, n = task_.n_actions(s);
      const int first = task_.first_pair(s);
      const double* block = &blocks[block_start_[s]];
      for (int a = 0; a < n; ++a)
        for (int b = 0; b < n; ++b) y[first + a] += block[a * n + b] * x[first + b];
    }
    return y;
  }

 private:
  double state_value(std::size_t i, const std::vector<double>& x,
                     std::vector<double>* gradient, std::vector<double>* blocks) const {
    const int s = visits_[first_[i]].state, n = task_.n_actions(s);
    const int first = task_.first_pair(s);
    std::vector<double> logit(n), pi(n);
    double value = 0.0;
    for (std::size_t v = first_[i]; v < first_[i + 1]; ++v) {
      const GroupVisit& visit = visits_[v];
      const double slope = groups_.slope[visit.group];
      for (int k = 0; k < n; ++k) logit[k] = slope * x[first + k] + known(visit, first + k);
      const double normaliser = softmax(logit.data(), n, 1.0, pi.data());
      double total = 0.0;
      for (int row = visit.begin; row < visit.end; ++row) {
        const int p = groups_.counts.pair[row];
        const double count = groups_.counts.count[row];
        total += count;
        value -= count * (logit[p - first] - normaliser);
        if (gradient) (*gradient)[p] -= slope * count;
      }
      if (gradient)
        for (int k = 0; k < n; ++k) (*gradient)[first + k] += slope * total * pi[k];
      if (blocks) add_block(pi, slope * slope * total, n, &(*blocks)[block_start_[s]]);
    }
    return value;
  }

  double known(const GroupVisit& visit, int p) const {
    if (groups_.known.empty()) return 0.0;
    return groups_.known_slope[visit.group] * groups_.known[p];
  }

  static void add_block(const std::vector<double>& pi, double weight, int n,
                        double* block) {
    for (int a = 0; a < n; ++a) {
      block[a * n + a] += weight * pi[a];
      for (int b = 0; b < n; ++b) block[a * n + b] -= weight * pi[a] * pi[b];
    }
  }

  const Task& task_;
  Groups groups_;
  std::vector<GroupVisit> visits_;       // ordered by state
  std::vector<std::size_t> first_;       // first visit of each visited state
  std::vector<std::size_t> block_start_; // [n_states + 1] offsets of the blocks
};

}  // namespace psyrl
