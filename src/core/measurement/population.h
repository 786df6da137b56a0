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
  View<double> person_weight;       // [n_persons] how many persons a row stands for
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

/// Moments 1..4 of t under one person's posterior, and log L_j.
struct TraitMoments {
  double log_marginal, m1, m2, m3, m4;
};

inline TraitMoments trait_moments(View<double> nodes, const double* log_lik, double mu,
                                  double sigma, std::vector<double>& w) {
  const int K = static_cast<int>(nodes.size());
  w.resize(K);
  log_prior(nodes, mu, sigma, w.data());
  for (int k = 0; k < K; ++k) w[k] += log_lik[k];
  TraitMoments m{log_sum_exp(w.data(), K), 0, 0, 0, 0};
  for (int k = 0; k < K; ++k) {
    const double p = std::exp(w[k] - m.log_marginal), t = (nodes[k] - mu) / sigma;
    m.m1 += p * t;
    m.m2 += p * t * t;
    m.m3 += p * t * t * t;
    m.m4 += p * t * t * t * t;
  }
  return m;
}

inline void add_person(const TraitMoments& m, const Eigen::VectorXd& x, double sigma,
                       double weight, PopulationDerivatives& d) {
  const int q = static_cast<int>(x.size());
  d.log_lik += weight * m.log_marginal;
  d.gradient.head(q) += weight * m.m1 / sigma * x;
  d.gradient[q] += weight * (m.m2 - 1.0);
  const double mu_mu = (m.m2 - m.m1 * m.m1 - 1.0) / (sigma * sigma);
  const double mu_sigma = (m.m3 - m.m1 * m.m2 - 2.0 * m.m1) / sigma;
  d.hessian.topLeftCorner(q, q) += weight * mu_mu * x * x.transpose();
  d.hessian.col(q).head(q) += weight * mu_sigma * x;
  d.hessian(q, q) += weight * (m.m4 - m.m2 * m.m2 - 2.0 * m.m2);
}

inline PopulationDerivatives population_derivatives(const PopulationProblem& problem,
                                                    const Population& at,
                                                    const Runtime& runtime) {
  const std::size_t J = problem.design.rows(), K = problem.nodes.size();
  const int q = static_cast<int>(problem.design.cols());
  const double sigma = std::exp(at.log_sigma);
  const std::size_t chunk = 64;
  PopulationDerivatives zero{0.0, Eigen::VectorXd::Zero(q + 1),
                             Eigen::MatrixXd::Zero(q + 1, q + 1)};
  std::vector<PopulationDerivatives> part(chunk_count(J, chunk), zero);
  for_chunks(runtime.executor, J, chunk,
             [&](std::size_t c, std::size_t begin, std::size_t end) {
    std::vector<double> scratch;
    for (std::size_t j = begin; j < end; ++j) {
      const Eigen::VectorXd x = problem.design.row(j);
      const TraitMoments m = trait_moments(problem.nodes, &problem.log_lik[j * K],
                                           x.dot(at.effects), sigma, scratch);
      add_person(m, x, sigma, problem.person_weight[j], part[c]);
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
  PopulationDerivatives here = population_derivatives(problem, fit.at, runtime);
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
      PopulationDerivatives there = population_derivatives(problem, trial, runtime);
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
