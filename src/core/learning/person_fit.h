// One person's estimate: the mode of the log-likelihood, or of the log-likelihood plus
// a Gaussian log-prior, on the unconstrained scale,
//
//   h(u) = l(u) - (u - m)^T P (u - m) / 2.
//
// Nunes 2017 (analytic gradients for MAP fitting); Huys et al. 2011.
#pragma once

#include <Eigen/Dense>
#include <exception>
#include <limits>

#include "core/base/newton.h"
#include "core/learning/engine.h"

namespace psyrl {
namespace learning {

/// Gaussian prior on the unconstrained scale; an empty mean is no prior.
struct Prior {
  Eigen::VectorXd mean;
  Eigen::MatrixXd precision;
  bool given() const { return mean.size() > 0; }
};

struct PersonFit {
  Eigen::VectorXd mode, gradient;  // gradient and curvature of l at the mode
  Eigen::MatrixXd curvature;       // minus the Hessian of l
  double log_lik = -std::numeric_limits<double>::infinity();
  double objective = -std::numeric_limits<double>::infinity();
  Status status = Status::non_finite;
  int iterations = 0;

  bool usable() const { return std::isfinite(objective); }
};

/// A person's log-posterior for the optimiser.
class PersonObjective {
 public:
  static constexpr bool kOneCall = true;

  PersonObjective(const Engine& engine, const Trials& trials, const Prior& prior)
      : engine_(engine), trials_(trials), prior_(prior) {}

  double value(const Eigen::VectorXd& u) const {
    return engine_.value(trials_, u.data(), Scale::link) + log_prior(u);
  }
  double derivatives(const Eigen::VectorXd& u, Eigen::VectorXd& g,
                     Eigen::MatrixXd& h) const {
    g.resize(u.size());
    h.resize(u.size(), u.size());
    const double l = engine_.hessian(trials_, u.data(), Scale::link, g.data(), h.data());
    if (prior_.given()) {
      g -= prior_.precision * (u - prior_.mean);
      h -= prior_.precision;
    }
    return l + log_prior(u);
  }
  double log_prior(const Eigen::VectorXd& u) const {
    if (!prior_.given()) return 0.0;
    const Eigen::VectorXd d = u - prior_.mean;
    return -0.5 * d.dot(prior_.precision * d);
  }

 private:
  const Engine& engine_;
  const Trials& trials_;
  const Prior& prior_;
};

struct Box {
  Eigen::VectorXd lower, upper;
};

/// Where nothing finite is excluded.
inline Box wide_box(const Engine& engine) {
  Box box{Eigen::VectorXd(engine.size()), Eigen::VectorXd(engine.size())};
  for (int k = 0; k < engine.size(); ++k)
    box.upper[k] = engine.setting().links[k].kind == Link::identity ? 1e4 : 30.0;
  box.lower = -box.upper;
  return box;
}

/// From one start.
inline PersonFit fit_person_from(const Engine& engine, const Trials& trials,
                                 const Prior& prior, const Box& box,
                                 const Eigen::VectorXd& start,
                                 const NewtonControl& control) {
  PersonObjective objective(engine, trials, prior);
  const NewtonResult at =
      maximise(objective, start, box.lower, box.upper, control, Monitor());
  PersonFit fit;
  fit.mode = at.x;
  fit.objective = at.value;
  fit.status = at.status;
  fit.iterations = at.iterations;
  fit.log_lik = at.value - objective.log_prior(at.x);
  fit.gradient = at.gradient;
  fit.curvature = -at.hessian;
  if (prior.given()) {
    fit.gradient += prior.precision * (at.x - prior.mean);
    fit.curvature -= prior.precision;
  }
  return fit;
}

/// The best over `starts` [parameters x starts]; a failure is a result, not an error.
inline PersonFit fit_person(const Engine& engine, const Trials& trials, const Prior& prior,
                            const Box& box, const Eigen::MatrixXd& starts,
                            const NewtonControl& control) {
  PersonFit best;
  best.mode = starts.col(0);
  best.gradient = Eigen::VectorXd::Zero(starts.rows());
  best.curvature = Eigen::MatrixXd::Zero(starts.rows(), starts.rows());
  for (int s = 0; s < starts.cols(); ++s) {
    try {
      const PersonFit fit =
          fit_person_from(engine, trials, prior, box, starts.col(s), control);
      if (fit.objective > best.objective + 1e-9) best = fit;
    } catch (const std::exception&) {
      // A model of the user's own may fail at a point: another start may do.
    }
  }
  return best;
}

}  // namespace learning
}  // namespace psyrl
