// The unit of rewards: RMS of the centred ordinary-max values, pairs weighted by
// uniform random play, as a function of the discount. Dividing by it makes bounds,
// grids and hyper-priors mean the same on every task and at every discount.
#pragma once

#include <cmath>
#include <map>

#include "core/base/view.h"
#include "core/mdp/solve.h"
#include "core/mdp/task.h"

namespace psyrl {

class RewardUnit {
 public:
  /// `weight` [n_pairs]; all three outlive this.
  RewardUnit(const Task& task, const Blocks& blocks, View<double> weight)
      : task_(task), blocks_(blocks), weight_(weight) {}

  /// 1 when nothing is worth more than anything else.
  double operator()(double discount) {
    const auto found = known_.find(discount);
    if (found != known_.end()) return found->second;
    const double rms = compute(discount);
    return known_[discount] = rms > 0 ? rms : 1.0;
  }

 private:
  double compute(double discount) const {
    Task task = task_;
    task.discount = discount;
    SolveSettings settings;
    settings.temperature = 0.0;
    const Solution exact = solve(task, blocks_, settings);
    double sum = 0.0, total = 0.0;
    for (int s = 0; s < task.n_states(); ++s) {
      const int n = task.n_actions(s), first = task.first_pair(s);
      double mean = 0.0;
      for (int p = first; p < first + n; ++p) mean += exact.q[p] / n;
      for (int p = first; p < first + n; ++p) {
        const double centred = exact.q[p] - mean;
        sum += weight_[p] * centred * centred;
        total += weight_[p];
      }
    }
    return std::sqrt(sum / total);
  }

  const Task& task_;
  const Blocks& blocks_;
  View<double> weight_;
  std::map<double, double> known_;
};

}  // namespace psyrl
