// What removes the per-state level and the common scale that choices cannot see.
//
//   none        A = Q
//   center      A = Q - mean over legal actions
//   global_rms  centred, divided by one root mean square over all legal pairs of
//               states with at least two actions
//   state_rms   centred, divided by the state's own root mean square,
//               sqrt(mean + eps): the published choice
//
// Means are over legal actions. States with one action get A = 0. Written once for
// values and for directional derivatives (T = double or a dual number).
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/base/dual.h"
#include "core/base/require.h"
#include "core/mdp/task.h"

namespace psyrl {

enum class Identify { none, center, global_rms, state_rms };

inline Identify identify_rule(const std::string& name) {
  if (name == "none") return Identify::none;
  if (name == "center") return Identify::center;
  if (name == "global_rms") return Identify::global_rms;
  require(name == "state_rms", "unknown rule of identification");
  return Identify::state_rms;
}

constexpr double kStateRmsFloor = 1e-6;  // eps of the published rule

/// Subtracts each state's mean over its legal actions, in place.
template <class T>
void center_states(const Task& task, std::vector<T>& x) {
  for (int s = 0; s < task.n_states(); ++s) {
    const int n = task.n_actions(s), first = task.first_pair(s);
    if (n == 0) continue;
    T mean(0.0);
    for (int p = first; p < first + n; ++p) mean += x[p];
    mean /= double(n);
    for (int p = first; p < first + n; ++p) x[p] -= mean;
  }
}

/// Pairs of states with at least two legal actions.
inline int choice_pairs(const Task& task) {
  int n = 0;
  for (int s = 0; s < task.n_states(); ++s)
    if (task.n_actions(s) > 1) n += task.n_actions(s);
  return n;
}

template <class T>
T sum_of_squares(const std::vector<T>& x, int first, int n) {
  T sum(0.0);
  for (int p = first; p < first + n; ++p) sum += x[p] * x[p];
  return sum;
}

/// Root mean square over pairs of states with a choice; x is centred, so the
/// other states add nothing.
template <class T>
T global_rms(const Task& task, const std::vector<T>& x) {
  using std::sqrt;
  const int n = choice_pairs(task);
  return n ? sqrt(sum_of_squares(x, 0, task.n_pairs()) / double(n)) : T(0.0);
}

template <class T>
T state_rms(const Task& task, const std::vector<T>& x, int s) {
  using std::sqrt;
  const int n = task.n_actions(s);
  return sqrt(sum_of_squares(x, task.first_pair(s), n) / double(n) + kStateRmsFloor);
}

/// Advantages A of values Q under a rule.
template <class T>
std::vector<T> identify(const Task& task, Identify rule, std::vector<T> x) {
  if (rule == Identify::none) return x;
  center_states(task, x);
  if (rule == Identify::global_rms) {
    const T rms = global_rms(task, x);
    if (value_of(rms) > 0.0)
      for (T& value : x) value = value / rms;
  }
  if (rule == Identify::state_rms)
    for (int s = 0; s < task.n_states(); ++s) {
      if (task.n_actions(s) < 2) continue;
      const T rms = state_rms(task, x, s);
      for (int p = task.first_pair(s); p < task.state_start[s + 1]; ++p)
        x[p] = x[p] / rms;
    }
  return x;
}

/// x / rms pulled back: (g - x <x, g> / (n rms^2)) / rms over pairs first..first+n-1.
template <class T>
void pull_back_scale(const std::vector<T>& x, const T& rms, int first, int n, int n_mean,
                     std::vector<T>& g) {
  T inner(0.0);
  for (int p = first; p < first + n; ++p) inner += x[p] * g[p];
  const T factor = inner / (rms * rms * double(n_mean));
  for (int p = first; p < first + n; ++p) g[p] = (g[p] - x[p] * factor) / rms;
}

/// Gradient with respect to Q from the gradient `g` with respect to A.
template <class T>
std::vector<T> identify_pull_back(const Task& task, Identify rule, std::vector<T> q,
                                  std::vector<T> g) {
  if (rule == Identify::none) return g;
  center_states(task, q);
  if (rule == Identify::global_rms) {
    const T rms = global_rms(task, q);
    if (value_of(rms) > 0.0)
      pull_back_scale(q, rms, 0, task.n_pairs(), choice_pairs(task), g);
  }
  if (rule == Identify::state_rms)
    for (int s = 0; s < task.n_states(); ++s)
      if (task.n_actions(s) > 1)
        pull_back_scale(q, state_rms(task, q, s), task.first_pair(s), task.n_actions(s),
                        task.n_actions(s), g);
  center_states(task, g);
  return g;
}

}  // namespace psyrl
