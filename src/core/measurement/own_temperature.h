// Everybody plans with the own temperature: at a trait beta the values are the
// task's solution at backup temperature 1 / beta (LaMar 2018, the MDP measurement
// model). A grid of traits costs as many solutions as it has nodes, not persons.
#pragma once

#include <vector>

#include "core/base/monitor.h"
#include "core/mdp/solve.h"
#include "core/measurement/identify.h"

namespace psyrl {

/// Advantages at every slope, pair-major [n_pairs * n_nodes].
inline std::vector<double> own_temperature_advantages(const Task& task, View<double> beta,
                                                      Backup backup, Identify rule,
                                                      const Runtime& runtime) {
  const std::size_t K = beta.size();
  std::vector<double> table(static_cast<std::size_t>(task.n_pairs()) * K);
  for_chunks(runtime.executor, K, 4, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      SolveSettings settings;
      settings.temperature = 1.0 / beta[k];
      settings.backup = backup;
      const std::vector<double> a = identify(task, rule, solve(task, settings).q);
      for (int p = 0; p < task.n_pairs(); ++p) table[p * K + k] = a[p];
    }
  });
  return table;
}

}  // namespace psyrl
