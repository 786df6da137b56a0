// Exact values of a task: the fixed point of
//
//   Q(s, a) = r(s, a) + gamma sum_s' T(s' | s, a) V(s'),   V = backup of Q
//
// Blocks of states are solved one after the other, sinks first. A state that
// cannot come back costs one backup. In a cyclic block a few contractions are
// followed by Newton-Kantorovich steps, soft policy iteration in other words,
//
//   V <- V + (I - gamma P_pi)^-1 (T V - V),   pi = softmax(Q / tau)
//
// which converge quadratically whatever the discount (Rust 1987; Iskhakov et al.
// 2016). With temperature 0 the same step is Howard's policy iteration.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/status.h"
#include "core/mdp/backup.h"
#include "core/mdp/blocks.h"
#include "core/mdp/policy_system.h"
#include "core/mdp/task.h"

namespace psyrl {

struct SolveSettings {
  double temperature = 1.0;  // 0 is the ordinary maximum
  Backup backup = Backup::soft;
  int contractions = 5;      // before the first Newton step
  int max_steps = 200;
};

struct Solution {
  std::vector<double> v;  // [n_states], 0 where the task ends
  std::vector<double> q;  // [n_pairs]
  Status status = Status::converged;
  int factorisations = 0;         // most that any block needed
  std::vector<double> residuals;  // of that block: max |TV - V| before each step
};

namespace detail {

class Solver {
 public:
  Solver(const Task& task, const Blocks& blocks, const SolveSettings& settings)
      : task_(task), blocks_(blocks), settings_(settings),
        local_(positions_in_blocks(blocks)), policy_(task.n_pairs()) {
    require(static_cast<int>(task.reward.size()) == task.n_pairs(),
            "rewards of all pairs are known");
  }

  Solution run(const std::vector<double>& start) {
    solution_.v = start;
    solution_.v.resize(task_.n_states(), 0.0);
    solution_.q.resize(task_.n_pairs());
    for (int b = 0; b < blocks_.size(); ++b) {
      if (blocks_.cyclic[b]) solve_cyclic(b);
      sweep(b);  // values and pairs agree to the last digit
    }
    return std::move(solution_);
  }

 private:
  // Q of the pairs of `s` from the values as they are.
  void look_ahead(int s) {
    for (int p = task_.state_start[s]; p < task_.state_start[s + 1]; ++p) {
      double next = 0.0;
      for (int k = task_.next_start[p]; k < task_.next_start[p + 1]; ++k)
        next += task_.probability[k] * solution_.v[task_.next_state[k]];
      solution_.q[p] = task_.reward[p] + task_.discount * next;
    }
  }

  // One contraction of a block, in place.
  void sweep(int b) {
    for (int i = blocks_.start[b]; i < blocks_.start[b + 1]; ++i) {
      const int s = blocks_.state[i];
      if (task_.terminal(s)) {
        solution_.v[s] = 0.0;
        continue;
      }
      look_ahead(s);
      solution_.v[s] = back_up(&solution_.q[task_.first_pair(s)], task_.n_actions(s),
                               settings_.temperature, settings_.backup);
    }
  }

  // TV - V of a block; refreshes its Q and policy, and `scale_` = max |TV|.
  Vector residual(int b) {
    Vector difference(blocks_.n_states(b));
    scale_ = 0.0;
    for (int i = 0; i < difference.size(); ++i) {
      const int s = blocks_.state[blocks_.start[b] + i];
      const int p = task_.first_pair(s);
      look_ahead(s);
      const double value =
          back_up(&solution_.q[p], task_.n_actions(s), settings_.temperature,
                  settings_.backup, &policy_[p]);
      difference[i] = value - solution_.v[s];
      scale_ = std::max(scale_, std::abs(value));
    }
    return difference;
  }

  // Near the solution the last factorisation serves again: a chord step gains
  // as many digits there as a Newton step. The search ends at rounding level,
  // where a fresh step no longer shrinks the residual.
  void solve_cyclic(int b) {
    for (int i = 0; i < settings_.contractions; ++i) sweep(b);
    BlockFactor factor;
    std::vector<double> residuals;
    int factorisations = 0;
    bool chord = false;
    double previous = kInfinity;
    Status status = Status::max_iterations;
    for (int step = 0; step < settings_.max_steps; ++step) {
      const Vector difference = residual(b);
      const double size = difference.lpNorm<Eigen::Infinity>();
      residuals.push_back(size);
      const bool slow = !(size < 0.1 * previous);
      if (!std::isfinite(size)) {
        status = Status::non_finite;
        break;
      }
      if (size <= kRounding * scale_ ||
          (slow && !chord && size <= kStalled * scale_)) {
        status = Status::converged;
        break;
      }
      chord = factorisations > 0 && !slow && size <= kNear * scale_;
      if (!chord) {
        ++factorisations;
        if (!factor.factor(blocks_.n_states(b),
                           block_system(task_, blocks_, b, local_, policy_.data()))) {
          status = Status::no_progress;
          break;
        }
      }
      step_by(b, factor.solve(difference));
      previous = size;
    }
    report(status, factorisations, std::move(residuals));
  }

  void step_by(int b, const Vector& change) {
    for (int i = 0; i < change.size(); ++i)
      solution_.v[blocks_.state[blocks_.start[b] + i]] += change[i];
  }

  void report(Status status, int factorisations, std::vector<double> residuals) {
    if (status != Status::converged) solution_.status = status;
    if (factorisations < solution_.factorisations) return;
    solution_.factorisations = factorisations;
    solution_.residuals = std::move(residuals);
  }

  static constexpr double kRounding = 4 * std::numeric_limits<double>::epsilon();
  static constexpr double kStalled = 1e-12;
  static constexpr double kNear = 1e-8;

  const Task& task_;
  const Blocks& blocks_;
  const SolveSettings settings_;
  std::vector<int> local_;
  std::vector<double> policy_;
  Solution solution_;
  double scale_ = 0.0;
};

}  // namespace detail

/// Exact values of `task`; `start` are values to start from, [n_states] or empty.
inline Solution solve(const Task& task, const Blocks& blocks,
                      const SolveSettings& settings,
                      const std::vector<double>& start = {}) {
  return detail::Solver(task, blocks, settings).run(start);
}

inline Solution solve(const Task& task, const SolveSettings& settings) {
  const Blocks blocks = find_blocks(task);
  return solve(task, blocks, settings);
}

}  // namespace psyrl
