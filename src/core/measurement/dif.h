// What a class of states adds to a person's score and information, seen through the
// posterior of the trait: the pieces of score tests for classes that work otherwise
// than the rest.
//
// With G(z), V(z) the sums of g and v over a person's decisions in the class and
// t = (z - mu) / sigma, Louis' identity needs E G, E (V - G) - Var G, Cov(G, t) and
// Cov(G, t^2) under the posterior. (V - G is minus the second derivative in the log of
// the class's slope; V alone would be its expectation if the class worked like the
// rest, and gives a step that is a third too short when it does not.)
#pragma once

#include <vector>

#include "core/measurement/score.h"

namespace psyrl {

struct ClassMoments {
  double score = 0.0;        // E G
  double information = 0.0;  // E (V - G) - Var G
  double with_trait = 0.0;   // Cov(G, t)
  double with_square = 0.0;  // Cov(G, t^2)
};

/// A person's decisions in one class: entries i = begin .. end - 1 of `order`.
struct ClassBlock {
  int person, begin, end;
};

inline ClassMoments class_moments(const std::vector<double>& g,
                                  const std::vector<double>& v, const double* weight,
                                  View<double> nodes, double mu, double sigma) {
  ClassMoments m;
  double gg = 0.0, gt = 0.0, gtt = 0.0, t1 = 0.0, t2 = 0.0;
  for (std::size_t k = 0; k < g.size(); ++k) {
    const double w = weight[k], t = (nodes[k] - mu) / sigma;
    m.score += w * g[k];
    m.information += w * (v[k] - g[k]);
    gg += w * g[k] * g[k];
    gt += w * g[k] * t;
    gtt += w * g[k] * t * t;
    t1 += w * t;
    t2 += w * t * t;
  }
  m.information -= gg - m.score * m.score;
  m.with_trait = gt - m.score * t1;
  m.with_square = gtt - m.score * t2;
  return m;
}

/// For every block; `order` lists entries of the counts.
inline std::vector<ClassMoments> block_moments(const Task& task, const ChoiceModel& model,
                                               TraitScale scale, const PersonCounts& counts,
                                               View<double> nodes, View<double> weight,
                                               View<double> mu, double sigma,
                                               View<int> order,
                                               const std::vector<ClassBlock>& blocks,
                                               const Runtime& runtime) {
  const int K = model.n_nodes();
  const std::vector<int> state = state_of_pair(task);
  const auto table = moment_table(task, model, informative_states(task, counts), runtime);
  std::vector<ClassMoments> result(blocks.size());
  for_chunks(runtime.executor, blocks.size(), 256,
             [&](std::size_t, std::size_t begin, std::size_t end) {
    std::vector<double> g(K), v(K);
    for (std::size_t b = begin; b < end; ++b) {
      g.assign(K, 0.0);
      v.assign(K, 0.0);
      for (int i = blocks[b].begin; i < blocks[b].end; ++i) {
        const int p = counts.pair[order[i]];
        const double n = counts.count[order[i]];
        if (task.n_actions(state[p]) < 2) continue;
        const AdvantageMoments* row = &table[static_cast<std::size_t>(state[p]) * K];
        for (int k = 0; k < K; ++k) {
          const double rate = scale.rate(model.beta[k]);
          g[k] += n * rate * (model.advantage[p] - row[k].mean);
          v[k] += n * rate * rate * row[k].variance;
        }
      }
      const std::size_t j = blocks[b].person;
      result[b] = class_moments(g, v, &weight[j * K], nodes, mu[j], sigma);
    }
  });
  return result;
}

}  // namespace psyrl
