// Population of traits, z_j ~ N(x_j' g, sigma^2), by maximum marginal likelihood
// on the grid: damped Newton in (g, log sigma) with the exact Hessian (Louis).
//
// With t = (z - mu_j) / sigma and moments under person j's posterior,
//   score     g: x_j E[t] / sigma              log sigma: E[t^2] - 1
//   Hessian   E[second derivatives of the log prior] + Cov[scores]
// Point estimates of z never enter: their spread collapses to 0 on short logs.
#pragma once

#include <Eigen/Dense>
#include <cmath>

#include "core/base/monitor.h"
#include "core/base/status.h"
#include "core/measurement/grid.h"

namespace psyrl {

struct PopulationProblem {
  View<double> nodes;               // [K]
  View<double> log_lik;             // [n_persons * K] person-major
  Eigen::Map<const Eigen::MatrixXd> design;  // [n_persons x n_effects]
  bool estimate_mu = true;
  bool estimate_sigma = true;
  double sigma_floor = 0.01;  // the grid's spacing must resolve the prior
};

constexpr double kSigmaCeiling = 20.0;

struct Population {
  Eigen::VectorXd effects;  // g
  double log_sigma = 0.0;
};

struct PopulationFit {
  Population at;
  double log_lik = -kInfinity;
  Eigen::VectorXd gradient;     // in (g, log sigma)
  Eigen::MatrixXd information;  // minus the Hessian in (g, log sigma)
  Status status = Status::max_iterations;
  int iterations = 0;
};

struct PopulationDerivatives {
  double log_lik = 0.0;
  Eigen::VectorXd gradient;
  Eigen::MatrixXd hessian;
};

/// log L_j and moments 1..4 of t under the posterior of one person.
struct TraitMoments {
  double log_marginal, m1, m2, m3, m4;
};

/// The prior of a person and its moments: columns w t^m, m = 0..4.
using PriorPowers = Eigen::Matrix<double, Eigen::Dynamic, 5>;

inline PriorPowers prior_powers(View<double> nodes, double mu, double sigma) {
  PriorPowers out(nodes.size(), 5);
  log_prior(nodes, mu, sigma, out.col(0).data());
  out.col(0) = out.col(0).array().exp();
  const Eigen::Map<const Eigen::ArrayXd> z(nodes.data(), nodes.size());
  for (int m = 1; m < 5; ++m)
    out.col(m) = out.col(m - 1).array() * (z - mu) / sigma;
  return out;
}

/// Likelihoods of persons at nodes, each relative to its largest: a population then costs
/// no exponentials but those of its own density.
class PersonLikelihoods {
 public:
  PersonLikelihoods(View<double> nodes, View<double> log_lik, const Runtime& runtime)
      : nodes_(nodes), log_lik_(log_lik.data(), nodes.size(), log_lik.size() / nodes.size()),
        relative_(log_lik_.rows(), log_lik_.cols()), top_(log_lik_.cols()) {
    for_chunks(runtime.executor, log_lik_.cols(), kChunk,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t j = begin; j < end; ++j) {
        top_[j] = log_lik_.col(j).maxCoeff();
        relative_.col(j) = (log_lik_.col(j).array() - top_[j]).exp();
      }
    });
  }

  static constexpr std::size_t kChunk = 64;

  std::size_t n_persons() const { return top_.size(); }
  View<double> nodes() const { return nodes_; }

  TraitMoments moments(std::size_t j, double mu, double sigma,
                       const PriorPowers& prior) const {
    constexpr double least = 1e-250;  // to be told from likelihoods rounded to 0
    const Sums sums = relative_.col(j).transpose() * prior;
    return sums[0] < least ? far_moments(j, mu, sigma) : scaled(sums, top_[j]);
  }

 private:
  using Sums = Eigen::Matrix<double, 1, 5>;

  /// Where the prior has its mass far from the likelihood's.
  TraitMoments far_moments(std::size_t j, double mu, double sigma) const {
    Eigen::VectorXd w(nodes_.size());
    log_prior(nodes_, mu, sigma, w.data());
    w += log_lik_.col(j);
    const double top = w.maxCoeff();
    const Eigen::ArrayXd p = (w.array() - top).exp();
    const Eigen::ArrayXd t =
        (Eigen::Map<const Eigen::ArrayXd>(nodes_.data(), nodes_.size()) - mu) / sigma;
    Sums sums;
    sums << p.sum(), (p * t).sum(), (p * t.square()).sum(), (p * t.cube()).sum(),
        (p * t.square().square()).sum();
    return scaled(sums, top);
  }

  static TraitMoments scaled(const Sums& sums, double top) {
    const double p = sums[0];
    return {top + std::log(p), sums[1] / p, sums[2] / p, sums[3] / p, sums[4] / p};
  }

  View<double> nodes_;
  Eigen::Map<const Eigen::MatrixXd> log_lik_;  // [K x J]
  Eigen::MatrixXd relative_;                   // [K x J]
  Eigen::VectorXd top_;                        // [J]
};

inline void add_person(const TraitMoments& m, const Eigen::VectorXd& x, double sigma,
                       PopulationDerivatives& d) {
  const int q = static_cast<int>(x.size());
  d.log_lik += m.log_marginal;
  d.gradient.head(q) += m.m1 / sigma * x;
  d.gradient[q] += m.m2 - 1.0;
  const double mu_mu = (m.m2 - m.m1 * m.m1 - 1.0) / (sigma * sigma);
  const double mu_sigma = (m.m3 - m.m1 * m.m2 - 2.0 * m.m1) / sigma;
  d.hessian.topLeftCorner(q, q) += mu_mu * x * x.transpose();
  d.hessian.col(q).head(q) += mu_sigma * x;
  d.hessian(q, q) += m.m4 - m.m2 * m.m2 - 2.0 * m.m2;
}

inline PopulationDerivatives population_derivatives(
    const PersonLikelihoods& persons, const Eigen::Map<const Eigen::MatrixXd>& design,
    const Population& at, const Runtime& runtime) {
  const std::size_t J = persons.n_persons();
  const int q = static_cast<int>(design.cols());
  const double sigma = std::exp(at.log_sigma);
  PopulationDerivatives zero{0.0, Eigen::VectorXd::Zero(q + 1),
                             Eigen::MatrixXd::Zero(q + 1, q + 1)};
  std::vector<PopulationDerivatives> part(chunk_count(J, persons.kChunk), zero);
  for_chunks(runtime.executor, J, persons.kChunk,
             [&](std::size_t c, std::size_t begin, std::size_t end) {
    double mu = NAN;
    PriorPowers prior;
    for (std::size_t j = begin; j < end; ++j) {
      const Eigen::VectorXd x = design.row(j);
      const double here = x.dot(at.effects);
      if (here != mu) prior = prior_powers(persons.nodes(), mu = here, sigma);
      add_person(persons.moments(j, mu, sigma, prior), x, sigma, part[c]);
    }
  });
  for (const auto& p : part) {
    zero.log_lik += p.log_lik;
    zero.gradient += p.gradient;
    zero.hessian += p.hessian;
  }
  zero.hessian.row(q).head(q) = zero.hessian.col(q).head(q).transpose();
  return zero;
}

/// Newton direction on the free parameters; curvature of the wrong sign is
/// reflected, so that the direction always ascends.
inline Eigen::VectorXd ascent_direction(const PopulationDerivatives& d,
                                        const std::vector<int>& free) {
  const int n = static_cast<int>(free.size());
  Eigen::MatrixXd h(n, n);
  Eigen::VectorXd g(n);
  for (int i = 0; i < n; ++i) {
    g[i] = d.gradient[free[i]];
    for (int k = 0; k < n; ++k) h(i, k) = -d.hessian(free[i], free[k]);
  }
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(h);
  const Eigen::VectorXd curvature =
      eigen.eigenvalues().cwiseAbs().cwiseMax(1e-8 * (1 + h.cwiseAbs().maxCoeff()));
  const Eigen::VectorXd reduced =
      eigen.eigenvectors() *
      (eigen.eigenvectors().transpose() * g).cwiseQuotient(curvature);
  Eigen::VectorXd step = Eigen::VectorXd::Zero(d.gradient.size());
  for (int i = 0; i < n; ++i) step[free[i]] = reduced[i];
  const double longest = step.cwiseAbs().maxCoeff();
  return longest > 1.0 ? Eigen::VectorXd(step / longest) : step;
}

/// A likelihood that runs to either end of sigma has said that persons do not
/// differ, or that nothing holds them together.
inline Population moved(const PopulationProblem& problem, const Population& from,
                        const Eigen::VectorXd& step, double length) {
  const Eigen::Index q = from.effects.size();
  const double log_sigma = from.log_sigma + length * step[q];
  return {from.effects + length * step.head(q),
          std::min(std::max(log_sigma, std::log(problem.sigma_floor)),
                   std::log(kSigmaCeiling))};
}

/// Parameters that may move: those estimated, without a sigma that presses against
/// the end of its range.
inline std::vector<int> free_parameters(const PopulationProblem& problem,
                                        const Population& at,
                                        const PopulationDerivatives& d) {
  const int q = static_cast<int>(at.effects.size());
  std::vector<int> free;
  for (int i = 0; i < q && problem.estimate_mu; ++i) free.push_back(i);
  const bool low = at.log_sigma <= std::log(problem.sigma_floor) && d.gradient[q] < 0;
  const bool high = at.log_sigma >= std::log(kSigmaCeiling) && d.gradient[q] > 0;
  if (problem.estimate_sigma && !low && !high) free.push_back(q);
  return free;
}

/// Maximises the marginal likelihood; never returns a point worse than `start`.
inline PopulationFit fit_population(const PopulationProblem& problem,
                                    const Population& start, const Runtime& runtime,
                                    int max_iterations = 100, double tolerance = 1e-10) {
  PopulationFit fit;
  fit.at = problem.estimate_sigma
               ? moved(problem, start, Eigen::VectorXd::Zero(start.effects.size() + 1), 0.0)
               : start;
  const PersonLikelihoods persons(problem.nodes, problem.log_lik, runtime);
  PopulationDerivatives here =
      population_derivatives(persons, problem.design, fit.at, runtime);
  for (fit.iterations = 0; fit.iterations < max_iterations; ++fit.iterations) {
    if (!std::isfinite(here.log_lik)) { fit.status = Status::non_finite; break; }
    const std::vector<int> free = free_parameters(problem, fit.at, here);
    if (free.empty()) { fit.status = Status::converged; break; }
    const Eigen::VectorXd step = ascent_direction(here, free);
    const double gain = step.dot(here.gradient);
    if (gain < tolerance * (1 + 1e-6 * std::abs(here.log_lik))) {
      fit.status = Status::converged;
      break;
    }
    double length = 1.0;
    bool accepted = false;
    for (int halving = 0; halving < 30 && !accepted; ++halving, length *= 0.5) {
      const Population trial = moved(problem, fit.at, step, length);
      PopulationDerivatives there =
          population_derivatives(persons, problem.design, trial, runtime);
      if (there.log_lik > here.log_lik + 1e-4 * length * gain) {
        fit.at = trial;
        here = there;
        accepted = true;
      }
    }
    // Where rounding hides the last gain, the maximum has been reached.
    if (!accepted) {
      fit.status = gain < 1e-6 * (1 + 1e-6 * std::abs(here.log_lik)) ? Status::converged
                                                                  : Status::no_progress;
      break;
    }
  }
  fit.log_lik = here.log_lik;
  fit.gradient = here.gradient;
  fit.information = -here.hessian;
  return fit;
}

}  // namespace psyrl
