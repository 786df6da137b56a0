// Posterior mean of the two-parameter forgetting bandit under a uniform box, by the
// midpoint rule: what a sampler gives in a thousand times the time.
#pragma once

#include "core/convex/search.h"

namespace psyrl {
namespace convex {

struct PosteriorMean {
  Component mean;
  double log_evidence;  // log of the likelihood averaged over the box
};

inline PosteriorMean posterior_mean(const Design& design, const Box& box,
                                    int nodes = 12) {
  require(design.n_rows() == 1, "quadrature needs a single row");
  std::vector<double> loss, alpha(nodes), beta(nodes);
  for (int k = 0; k < nodes; ++k) {
    alpha[k] = box.alpha.lower + box.alpha.width() * (k + 0.5) / nodes;
    beta[k] = box.beta.lower + box.beta.width() * (k + 0.5) / nodes;
  }
  Values x, p;
  for (const double a : alpha) {
    const Column column = make_column(design, 0, Family::rate, a);
    for (const double b : beta) {
      x = b * column.feature;
      loss.push_back(-choice_loss(design, x, p));
    }
  }
  const double total = log_sum_exp(loss.data(), static_cast<int>(loss.size()));
  PosteriorMean result{{0, 0.0, 0.0}, total - std::log(double(loss.size()))};
  for (int i = 0; i < nodes; ++i)
    for (int k = 0; k < nodes; ++k) {
      const double mass = std::exp(loss[i * nodes + k] - total);
      result.mean.alpha += mass * alpha[i];
      result.mean.beta += mass * beta[k];
    }
  return result;
}

}  // namespace convex
}  // namespace psyrl
