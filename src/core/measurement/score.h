// Derivatives of choices in the trait: what fit statistics, information and score
// tests are made of.
//
//   g = d log pi(a | s) / dz = rate (A(s, a) - E A),   v = Var g = rate^2 Var A
//
// with rate = d slope / dz: beta where the trait is log beta, 1 where it is the
// slope itself.
#pragma once

#include <cmath>
#include <vector>

#include "core/measurement/choice.h"

namespace psyrl {

/// How the trait z makes the slope.
struct TraitScale {
  bool log = true;
  double slope(double z) const { return log ? std::exp(z) : z; }
  double rate(double slope) const { return log ? slope : 1.0; }
};

/// Mean and variance of the advantage in state s under the choices at `slope`.
struct AdvantageMoments {
  double mean = 0.0, variance = 0.0;
};

inline AdvantageMoments advantage_moments(const Task& task, View<double> advantage,
                                          View<double> habit, int s, double slope) {
  const int first = task.first_pair(s), last = first + task.n_actions(s);
  double top = -kInfinity;
  for (int p = first; p < last; ++p)
    top = std::max(top, slope * advantage[p] + (habit.empty() ? 0.0 : habit[p]));
  double total = 0.0, mean = 0.0, square = 0.0;
  const auto weight = [&](int p) {
    return std::exp(slope * advantage[p] + (habit.empty() ? 0.0 : habit[p]) - top);
  };
  for (int p = first; p < last; ++p) {
    const double w = weight(p);
    total += w;
    mean += w * advantage[p];
  }
  mean /= total;
  // Centred before it is squared: values may have large offsets.
  for (int p = first; p < last; ++p) {
    const double d = advantage[p] - mean;
    square += weight(p) * d * d;
  }
  return {mean, square / total};
}

/// A state can inform about the trait if its actions differ in value.
inline bool distinguishes(const Task& task, View<double> advantage, int s) {
  const int first = task.first_pair(s), n = task.n_actions(s);
  for (int p = first + 1; p < first + n; ++p)
    if (advantage[p] != advantage[first]) return true;
  return false;
}

/// Moments of every state's advantage at every node, `[s * n_nodes + k]`.
inline std::vector<AdvantageMoments> moment_table(const Task& task,
                                                  const ChoiceModel& model,
                                                  const std::vector<int>& states,
                                                  const Runtime& runtime) {
  const int K = model.n_nodes();
  std::vector<AdvantageMoments> table(static_cast<std::size_t>(task.n_states()) * K);
  for_chunks(runtime.executor, states.size(), 64,
             [&](std::size_t, std::size_t begin, std::size_t end) {
               for (std::size_t i = begin; i < end; ++i)
                 for (int k = 0; k < K; ++k)
                   table[static_cast<std::size_t>(states[i]) * K + k] = advantage_moments(
                       task, model.advantage, model.habit, states[i], model.beta[k]);
             });
  return table;
}

}  // namespace psyrl
