// What behaviour the likelihood needs to know: how often each person chose each
// legal pair. Sparse rows by person over the pairs of the task.
#pragma once

#include <algorithm>
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

/// Posterior weights below this do not count: such a person is not at that node.
constexpr double kLeastWeight = 1e-14;

/// What PersonCounts can be a view of.
struct CountRows {
  std::vector<int> start{0}, pair;
  std::vector<double> count;
};

/// Counts of every pair at the K nodes of the trait's grid: persons', `times` as many,
/// weighted by their posteriors, [n_persons * K] person-major. On long logs a person is at
/// few nodes, and most pairs are visited by few persons.
inline CountRows node_counts(const Task& task, const PersonCounts& counts,
                             View<double> weight, View<double> times, int K) {
  CountRows out;
  std::vector<double> at(task.n_pairs(), 0.0);
  std::vector<int> touched;
  for (int k = 0; k < K; ++k) {
    touched.clear();
    for (int j = 0; j < counts.n_persons(); ++j) {
      double w = weight[static_cast<std::size_t>(j) * K + k];
      if (w < kLeastWeight) continue;
      w *= times[j];
      for (int i = counts.person_start[j]; i < counts.person_start[j + 1]; ++i) {
        if (counts.count[i] == 0.0) continue;
        double& sum = at[counts.pair[i]];
        if (sum == 0.0) touched.push_back(counts.pair[i]);
        sum += w * counts.count[i];
      }
    }
    std::sort(touched.begin(), touched.end());
    for (int p : touched) {
      out.pair.push_back(p);
      out.count.push_back(at[p]);
      at[p] = 0.0;
    }
    out.start.push_back(static_cast<int>(out.pair.size()));
  }
  return out;
}

}  // namespace psyrl
