// Does one learning rate suffice? The gap between the best forgetting bandit and a
// relaxation says how much a freer memory gains; its distribution under the model
// comes from a parametric bootstrap.
//
// The design is held fixed: a replicate draws new choices from the fitted
// probabilities, trial by trial, given the history that was observed. That needs no
// model of the task, and keeps the past, on which both fits condition, as it was.
#pragma once

#include "core/convex/search.h"

namespace psyrl {
namespace convex {

struct Misfit {
  LocalFit fit;
  double gap = 0.0;           // loss of the bandit minus loss of the relaxation
  int n_replicates = 0;
  int n_at_least = 0;         // replicates with a gap as large
  double expected_gap = 0.0;  // mean over the replicates
};

class MisfitTest {
 public:
  MisfitTest(const Design& design, Family family, const std::vector<Box>& boxes)
      : design_(design), family_(family), boxes_(boxes) {}

  Misfit run(int n_replicates, Stream& stream) {
    Misfit result;
    result.fit = multi_start_fit(design_, boxes_, 2, stream);
    result.gap = gap(design_, result.fit.objective);
    const Values probability = fitted(result.fit.components);
    Design replicate = design_;
    for (int b = 0; b < n_replicates; ++b) {
      draw(probability, replicate, stream);
      const double simulated = gap(replicate, refit(replicate, result.fit, stream));
      result.expected_gap += simulated / n_replicates;
      if (simulated >= result.gap) ++result.n_at_least;
      ++result.n_replicates;
    }
    return result;
  }

 private:
  double gap(const Design& design, double loss) const {
    Relaxation task = relaxation_in(design, family_, boxes_);
    task.gap_tolerance = 1e-4;
    return std::max(loss - ConeSolver(design, task).solve().objective, 0.0);
  }

  double refit(const Design& replicate, const LocalFit& truth, Stream& stream) const {
    const double fresh = multi_start_fit(replicate, boxes_, 0, stream).objective;
    const double near = LocalSearch(replicate, boxes_).fit(truth.components).objective;
    return std::min(fresh, near);
  }

  Values fitted(const std::vector<Component>& components) const {
    Values x = Values::Zero(design_.n_trials, design_.n_options), p;
    for (const Component& c : components)
      add_column(make_column(design_, c.row, Family::rate, c.alpha), c.beta, x);
    choice_loss(design_, x, p);
    return p;
  }

  void draw(const Values& probability, Design& replicate, Stream& stream) const {
    Eigen::ArrayXd row(design_.n_options);
    for (int t = 0; t < design_.n_trials; ++t) {
      if (design_.choice[t] < 0) continue;
      row = probability.row(t).transpose();
      replicate.choice[t] = stream.categorical(row.data(), design_.n_options);
    }
  }

  const Design& design_;
  Family family_;
  const std::vector<Box>& boxes_;
};

}  // namespace convex
}  // namespace psyrl
