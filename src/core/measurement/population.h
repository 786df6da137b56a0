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
#include <functional>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/status.h"
#include "core/measurement/grid.h"

namespace psyrl {

struct PopulationSettings {
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

/// The prior of a person on the grid, and its moments: columns w t^m, m = 0..4.
struct PriorMoments {
  PriorMoments(View<double> nodes, double mu, double sigma)
      : log_w(nodes.size()), t(nodes.size()), powers(nodes.size(), 5) {
    log_prior(nodes, mu, sigma, log_w.data());
    t = (Eigen::Map<const Eigen::ArrayXd>(nodes.data(), nodes.size()) - mu) / sigma;
    powers.col(0) = log_w.exp();
    for (int m = 1; m < 5; ++m) powers.col(m) = powers.col(m - 1).array() * t;
  }
  Eigen::ArrayXd log_w, t;
  Eigen::Matrix<double, Eigen::Dynamic, 5> powers;
};

/// Likelihoods of persons at nodes, each relative to its largest: a population then costs
/// no exponentials but those of its own density. `log_lik` outlives it.
class PersonLikelihoods {
 public:
  PersonLikelihoods(const Eigen::Map<const Eigen::MatrixXd>& log_lik,
                    const Runtime& runtime)
      : log_lik_(log_lik), relative_(log_lik.rows(), log_lik.cols()),
        top_(log_lik.cols()) {
    for_chunks(runtime.executor, log_lik.cols(), kChunk,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t j = begin; j < end; ++j) {
        top_[j] = log_lik_.col(j).maxCoeff();
        relative_.col(j) = (log_lik_.col(j).array() - top_[j]).exp();
      }
    });
  }

  static constexpr std::size_t kChunk = 64;

  std::size_t n_persons() const { return top_.size(); }

  TraitMoments moments(std::size_t j, const PriorMoments& prior) const {
    constexpr double least = 1e-250;  // to be told from likelihoods rounded to 0
    const Sums sums = relative_.col(j).transpose() * prior.powers;
    return sums[0] < least ? far_moments(j, prior) : scaled(sums, top_[j]);
  }

 private:
  using Sums = Eigen::Matrix<double, 1, 5>;

  /// Where the prior has its mass far from the likelihood's.
  TraitMoments far_moments(std::size_t j, const PriorMoments& prior) const {
    const Eigen::ArrayXd log_p = prior.log_w + log_lik_.col(j).array();
    const double top = log_p.maxCoeff();
    const Eigen::ArrayXd p = (log_p - top).exp(), &t = prior.t;
    Sums sums;
    sums << p.sum(), (p * t).sum(), (p * t.square()).sum(), (p * t.cube()).sum(),
        (p * t.square().square()).sum();
    return scaled(sums, top);
  }

  static TraitMoments scaled(const Sums& sums, double top) {
    const double p = sums[0];
    return {top + std::log(p), sums[1] / p, sums[2] / p, sums[3] / p, sums[4] / p};
  }

  Eigen::Map<const Eigen::MatrixXd> log_lik_;  // [K x J]
  Eigen::MatrixXd relative_;                   // [K x J]
  Eigen::VectorXd top_;                        // [J]
};

/// `n` persons with the same moments and covariates.
inline void add_persons(double n, const TraitMoments& m, const Eigen::VectorXd& x,
                        double sigma, PopulationDerivatives& d) {
  const int q = static_cast<int>(x.size());
  d.log_lik += n * m.log_marginal;
  d.gradient.head(q) += n * m.m1 / sigma * x;
  d.gradient[q] += n * (m.m2 - 1.0);
  const double mu_mu = (m.m2 - m.m1 * m.m1 - 1.0) / (sigma * sigma);
  const double mu_sigma = (m.m3 - m.m1 * m.m2 - 2.0 * m.m1) / sigma;
  d.hessian.topLeftCorner(q, q) += n * mu_mu * x * x.transpose();
  d.hessian.col(q).head(q) += n * mu_sigma * x;
  d.hessian(q, q) += n * (m.m4 - m.m2 * m.m2 - 2.0 * m.m2);
}

/// Every one of `persons` stands for as many as `times` says.
inline PopulationDerivatives population_derivatives(
    const PersonLikelihoods& persons, View<double> nodes,
    const Eigen::Map<const Eigen::MatrixXd>& design, View<double> times,
    const Population& at, const Runtime& runtime) {
  const std::size_t J = persons.n_persons();
  const int q = static_cast<int>(design.cols());
  const double sigma = std::exp(at.log_sigma);
  PopulationDerivatives zero{0.0, Eigen::VectorXd::Zero(q + 1),
                             Eigen::MatrixXd::Zero(q + 1, q + 1)};
  std::vector<PopulationDerivatives> part(chunk_count(J, persons.kChunk), zero);
  for_chunks(runtime.executor, J, persons.kChunk,
             [&](std::size_t c, std::size_t begin, std::size_t end) {
    Eigen::VectorXd x = design.row(begin);
    double mu = x.dot(at.effects);
    PriorMoments prior(nodes, mu, sigma);
    for (std::size_t j = begin; j < end; ++j) {
      x = design.row(j);
      if (x.dot(at.effects) != mu) {
        mu = x.dot(at.effects);
        prior = PriorMoments(nodes, mu, sigma);
      }
      add_persons(times[j], persons.moments(j, prior), x, sigma, part[c]);
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
inline Population moved(const PopulationSettings& settings, const Population& from,
                        const Eigen::VectorXd& step, double length) {
  const Eigen::Index q = from.effects.size();
  const double log_sigma = from.log_sigma + length * step[q];
  return {from.effects + length * step.head(q),
          std::min(std::max(log_sigma, std::log(settings.sigma_floor)),
                   std::log(kSigmaCeiling))};
}

/// Parameters that may move: those estimated, without a sigma that presses against
/// the end of its range.
inline std::vector<int> free_parameters(const PopulationSettings& settings,
                                        const Population& at,
                                        const PopulationDerivatives& d) {
  const int q = static_cast<int>(at.effects.size());
  std::vector<int> free;
  for (int i = 0; i < q && settings.estimate_mu; ++i) free.push_back(i);
  const bool low = at.log_sigma <= std::log(settings.sigma_floor) && d.gradient[q] < 0;
  const bool high = at.log_sigma >= std::log(kSigmaCeiling) && d.gradient[q] > 0;
  if (settings.estimate_sigma && !low && !high) free.push_back(q);
  return free;
}

using DerivativesAt = std::function<PopulationDerivatives(const Population&)>;

/// Maximises the marginal likelihood; never returns a point worse than `start`.
inline PopulationFit fit_population(const PopulationSettings& settings,
                                    const Population& start,
                                    const DerivativesAt& derivatives,
                                    int max_iterations = 100, double tolerance = 1e-10) {
  PopulationFit fit;
  const Eigen::VectorXd nowhere = Eigen::VectorXd::Zero(start.effects.size() + 1);
  fit.at = settings.estimate_sigma ? moved(settings, start, nowhere, 0.0) : start;
  PopulationDerivatives here = derivatives(fit.at);
  for (fit.iterations = 0; fit.iterations < max_iterations; ++fit.iterations) {
    if (!std::isfinite(here.log_lik)) { fit.status = Status::non_finite; break; }
    const std::vector<int> free = free_parameters(settings, fit.at, here);
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
      const Population trial = moved(settings, fit.at, step, length);
      PopulationDerivatives there = derivatives(trial);
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
