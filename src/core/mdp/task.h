// A task as the core sees it: states with their legal actions, and what follows.
//
// "Pair" is a legal (state, action). Pairs are numbered by state, then by action
// code, so the pairs of state s are state_start[s] .. state_start[s + 1] - 1. A
// state without pairs is terminal and has value 0. Everything is 0-based.
#pragma once

#include <vector>

#include "core/base/view.h"

namespace psyrl {

struct Task {
  View<int> state_start;      // [n_states + 1]
  View<int> next_start;       // [n_pairs + 1]
  View<int> next_state;       // [n_next] states that may follow a pair
  View<double> probability;   // [n_next] their probabilities, summing to 1 per pair
  View<double> reward;        // [n_pairs] expected reward of a pair
  double discount = 0.99;

  int n_states() const { return static_cast<int>(state_start.size()) - 1; }
  int n_pairs() const { return static_cast<int>(next_start.size()) - 1; }
  int first_pair(int s) const { return state_start[s]; }
  int n_actions(int s) const { return state_start[s + 1] - state_start[s]; }
  bool terminal(int s) const { return n_actions(s) == 0; }
};

/// The state of every pair, [n_pairs].
inline std::vector<int> state_of_pair(const Task& task) {
  std::vector<int> state(task.n_pairs());
  for (int s = 0; s < task.n_states(); ++s)
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p) state[p] = s;
  return state;
}

}  // namespace psyrl
