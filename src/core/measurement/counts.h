// What behaviour the likelihood needs to know: how often each person chose each
// legal pair. Sparse rows by person over the pairs of the task.
#pragma once

#include <vector>

#include "core/base/view.h"
#include "core/mdp/task.h"

namespace psyrl {

struct PersonCounts {
  View<int> person_start;  // [n_persons + 1]
  View<int> pair;          // [n_entries] pairs of the task, ascending in a person
  View<double> count;      // [n_entries]

  int n_persons() const { return static_cast<int>(person_start.size()) - 1; }
};

/// Total count of every pair over persons, [n_pairs].
inline std::vector<double> pair_totals(const Task& task, const PersonCounts& counts) {
  std::vector<double> total(task.n_pairs(), 0.0);
  for (std::size_t i = 0; i < counts.pair.size(); ++i)
    total[counts.pair[i]] += counts.count[i];
  return total;
}

/// States that inform about a trait: visited, with at least two legal actions.
inline std::vector<int> informative_states(const Task& task, const PersonCounts& counts) {
  const std::vector<int> state = state_of_pair(task);
  std::vector<char> visited(task.n_states(), 0);
  for (int p : counts.pair) visited[state[p]] = 1;
  std::vector<int> result;
  for (int s = 0; s < task.n_states(); ++s)
    if (visited[s] && task.n_actions(s) > 1) result.push_back(s);
  return result;
}

}  // namespace psyrl
