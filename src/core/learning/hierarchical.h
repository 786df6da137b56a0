// Hierarchical fit: u_i ~ N(mu_i, S), mu_i = X_i G, the u_i integrated out (Huys et al.
// 2011, 2012; Tierney & Kadane 1986). Three algorithms:
//
//   EM      m_i, V_i from the modes; G by generalised least squares of m_i on X_i;
//           S = mean[ V_i + (m_i - mu_i)(m_i - mu_i)^T ]; accelerated by SQUAREM.
//   Newton  on the Laplace marginal log-likelihood itself, with its exact Hessian.
//   Sampled on the marginal log-likelihood by importance sampling (sampled.h).
//
// The second starts from a few steps of the first. Their optima differ by what EM
// ignores: the dependence of V_i on the group. Laplace's likelihood jumps where a mode
// of somebody appears or goes: a search that a jump has stopped goes on by the third, and
// where the expansion is out of order for many people the third has it from the start.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/newton.h"
#include "core/learning/marginal.h"
#include "core/learning/sampled.h"

namespace psyrl {
namespace learning {

/// How persons are integrated out; `automatic` leaves Laplace where that fails.
enum class Evidence { automatic, laplace, importance };

struct HierarchicalControl {
  double tolerance = 1e-7;   // on the log evidence
  int max_iterations = 100;
  bool em_only = false;
  Evidence evidence = Evidence::automatic;
  int draws = 1000;          // of each person, in the last round
  std::uint64_t seed = 1;

  /// Of mirrored draws, for a share of all.
  int pairs(double share) const {
    return std::max(10, static_cast<int>(0.5 * share * draws));
  }
};

struct HierarchicalFit {
  NewtonResult group;          // psi, log evidence, gradient, Hessian
  Eigen::MatrixXd covariance;  // of psi; zero where held at a bound
  Eigen::MatrixXd flat;        // directions of psi without information, by column
  std::vector<char> held;      // at a bound: no variation between persons
  std::vector<PersonFit> persons;
  std::vector<char> included;
  std::vector<double> evidence;       // by person
  std::vector<Contribution> parts;    // derivatives by person, in psi
  bool sampled = false;
  std::vector<double> effective;      // sample sizes of the included
  double error = std::nan("");        // of the log evidence, over other draws
  Eigen::MatrixXd monte_carlo;        // covariance of psi over other draws
  std::vector<double> trace, sampled_trace;
};

/// EM to convergence of the evidence, extrapolated where that rises (SQUAREM,
/// Varadhan & Roland 2008).
inline Eigen::VectorXd run_em(Marginal& marginal, Eigen::VectorXd psi, int max_iterations,
                              double tolerance, const Monitor& monitor,
                              NewtonResult& result) {
  double value = marginal.value(psi);
  result.status = Status::max_iterations;
  for (result.iterations = 0; result.iterations < max_iterations; ++result.iterations) {
    if (monitor.interrupted()) {
      result.status = Status::interrupted;
      break;
    }
    const Eigen::VectorXd one = marginal.em_step(psi);
    const double value_one = marginal.value(one);
    if (!std::isfinite(value_one)) break;
    const Eigen::VectorXd two = marginal.em_step(one);
    const Eigen::VectorXd r = one - psi, v = two - one - r;
    const double length = v.norm() > 0.0 ? -r.norm() / v.norm() : -1.0;
    Eigen::VectorXd next = psi - 2.0 * length * r + length * length * v;
    double value_next = length < -1.0 ? marginal.value(next) : std::nan("");
    if (!(value_next >= value_one)) {
      next = two;
      value_next = marginal.value(next);
    }
    if (!std::isfinite(value_next)) {
      marginal.value(psi);
      break;
    }
    const double change = std::fabs(value_next - value);
    psi = next;
    value = value_next;
    if (change < tolerance) {
      result.status = Status::converged;
      break;
    }
  }
  return psi;
}

/// Inverse of minus the Hessian over what is not held, without the directions in which
/// it is not positive: `flat`; false if there are any.
inline bool group_covariance(HierarchicalFit& fit, const Box& box) {
  const NewtonResult& at = fit.group;
  const int n = static_cast<int>(at.x.size());
  std::vector<int> free;
  fit.held.assign(n, 0);
  for (int i = 0; i < n; ++i) {
    fit.held[i] = at.x[i] <= box.lower[i] || at.x[i] >= box.upper[i];
    if (!fit.held[i]) free.push_back(i);
  }
  const int m = static_cast<int>(free.size());
  Eigen::MatrixXd pick = Eigen::MatrixXd::Zero(n, m);
  for (int i = 0; i < m; ++i) pick(free[i], i) = 1.0;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
      -pick.transpose() * at.hessian * pick);
  const Eigen::MatrixXd directions = pick * eigen.eigenvectors();
  int n_flat = 0;
  while (n_flat < m && eigen.eigenvalues()[n_flat] < 1e-5) ++n_flat;
  const int rest = m - n_flat;
  fit.flat = directions.leftCols(n_flat);
  fit.covariance = directions.rightCols(rest) *
      eigen.eigenvalues().tail(rest).cwiseInverse().asDiagonal() *
      directions.rightCols(rest).transpose();
  return n_flat == 0;
}

/// Newton on the marginal likelihood, again where somebody's mode turns out not to be the
/// highest. Where the likelihood jumps short steps do not help: a search that has stopped
/// there is taken on by EM. Four rounds at most.
inline NewtonResult climb(Marginal& marginal, Eigen::VectorXd psi, const Box& box,
                          const HierarchicalControl& control, const Monitor& monitor) {
  NewtonControl newton;
  newton.tolerance = control.tolerance;
  newton.max_iterations = control.max_iterations;
  newton.max_step = 1.5;
  newton.min_share = 0.02;
  NewtonResult at;
  int iterations = 0;
  for (int round = 0; round < 4; ++round) {
    at = maximise(marginal, psi, box.lower, box.upper, newton, monitor);
    iterations += at.iterations;
    // As near as the differences in the derivatives allow: 1e-5 of a log-likelihood.
    if (at.decrement < 1e-5 && at.status != Status::interrupted)
      at.status = Status::converged;
    const bool again = at.status == Status::converged && marginal.look_again(at.x);
    if (again) at.status = Status::no_progress;
    if (at.status != Status::no_progress) break;
    psi = at.x;
    if (again) continue;
    NewtonResult em;
    psi = run_em(marginal, psi, 3, control.tolerance, monitor, em)
              .cwiseMax(box.lower).cwiseMin(box.upper);
  }
  at.iterations = iterations;
  marginal.value(at.x);
  return at;
}

/// Newton by batches of draws, each around the posteriors under the last group, for far
/// from where they were made draws say nothing: small ones lead to where larger ones are
/// worth their price.
inline NewtonResult approach(SampledMarginal& sampled, Eigen::VectorXd psi,
                             const std::vector<PersonFit>& start, const Box& box,
                             const HierarchicalControl& control, const Monitor& monitor) {
  const double kShare[] = {.06, .06, .06, .06, .08, .1, .14};
  const int kAdapt = 2, kRounds = 7;
  NewtonControl newton;
  newton.max_iterations = 1;
  newton.max_step = 0.7;
  NewtonResult at;
  for (int round = 0; round < kRounds; ++round) {
    const int pairs = control.pairs(kShare[round]);
    if (round % 3 == 2) sampled.look_again(psi, start, pairs, control.seed, round);
    sampled.draw(psi, pairs, control.seed, round);
    if (round < kAdapt) continue;
    at = maximise(sampled, psi, box.lower, box.upper, newton, monitor);
    if (at.status == Status::interrupted || !std::isfinite(at.value)) break;
    psi = at.x;
  }
  return at;
}

/// Is what a batch promises no more than what chance makes it promise? Half of g^T V g
/// beside its expectation from the draws alone.
inline bool quiet(SampledMarginal& sampled, const NewtonResult& at,
                  const Eigen::VectorXd& step) {
  const Eigen::MatrixXd noise = sampled.noise(at.x);
  double chance = 0.0;
  for (int j = 0; j < step.size(); ++j)
    chance += newton::direction(at.hessian, noise.col(j))[j];
  return at.gradient.dot(step) < 2.0 * chance + 0.02;
}

/// One Newton step a batch, along a running mean of the Hessians. After some full steps
/// they shorten as often as they turn, which averages the noise of the batches out (Robbins
/// & Monro 1951; Kesten 1958). Over when they have turned thrice and two batches in a row
/// were quiet.
inline void settle(SampledMarginal& sampled, NewtonResult& at, const Box& box,
                   const HierarchicalControl& control, const Monitor& monitor) {
  const int kFull = 6, rounds = std::min(24, control.max_iterations);
  Eigen::MatrixXd h, mean;
  Eigen::VectorXd before = Eigen::VectorXd::Zero(at.x.size());
  int calm = 0, turns = 0;
  at.status = Status::max_iterations;
  for (int k = 1; k <= rounds && at.status == Status::max_iterations; ++k) {
    if (monitor.interrupted()) {
      at.status = Status::interrupted;
      break;
    }
    sampled.draw(at.x, control.pairs(0.15), control.seed, 20 + k);
    at.value = sampled.derivatives(at.x, at.gradient, h);
    if (k == 1) mean = h;
    mean += (h - mean) / std::min(k, kFull);
    at.hessian = sampled.steadied(mean);
    Eigen::VectorXd step = newton::projected_step(at, box.lower, box.upper);
    if (k > kFull && before.dot(at.hessian * step) > 0.0) ++turns;
    calm = quiet(sampled, at, step) ? calm + 1 : 0;
    if (turns >= 3 && calm >= 2) at.status = Status::converged;
    before = step;
    step *= std::min(1.0, 0.7 / step.cwiseAbs().maxCoeff()) / (1 + turns);
    at.x = (at.x + step).cwiseMax(box.lower).cwiseMin(box.upper);
    ++at.iterations;
  }
}

/// The persons of a sampled fit.
inline void take_posteriors(const Engine& engine, const ChoiceData& data,
                            const Group& group, SampledMarginal& sampled,
                            HierarchicalFit& fit) {
  const Eigen::MatrixXd precision = group.precision(fit.group.x);
  for (std::size_t i = 0; i < fit.persons.size(); ++i) {
    if (!fit.included[i]) continue;
    const int person = static_cast<int>(i);
    const Posterior& posterior = sampled.posteriors()[i];
    fit.persons[i] = posterior_fit(engine, Trials(data, person), posterior,
                                   sampled.evidence()[i], precision);
    fit.effective.push_back(posterior.effective);
  }
}

/// Standard error of the log evidence over other draws, by samplers that begin anew and
/// learn nothing of the first. A batch knows the variance of its weights alone, not what
/// its proposals owe to chance, such as modes that they have missed.
inline double error_of_draws(const SampledMarginal& sampled, SampledMarginal& again,
                             const Eigen::VectorXd& psi,
                             const std::vector<PersonFit>& start,
                             const HierarchicalControl& control) {
  const double kShare[] = {.06, .06, .06, .08, .1, .14, .15, 1.0};
  const int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    const int pairs = control.pairs(kShare[round]);
    if (round == 2) again.look_again(psi, start, pairs, control.seed, 60);
    again.draw(psi, pairs, control.seed, 60 + round);
  }
  double squares = 0.0;
  for (std::size_t i = 0; i < start.size(); ++i)
    squares += 0.5 * std::pow(sampled.evidence()[i] - again.evidence()[i], 2);
  return std::sqrt(squares);
}

inline void fit_by_sampling(const Engine& engine, const ChoiceData& data,
                            const Group& group, const std::vector<PersonFit>& start,
                            const HierarchicalControl& control, const Executor& executor,
                            const Monitor& monitor, HierarchicalFit& fit) {
  const Box box = group_box(group);
  SampledMarginal sampled(engine, data, group, fit.included, executor);
  SampledMarginal again(engine, data, group, fit.included, executor);
  const Eigen::MatrixXd precision = group.precision(fit.group.x);
  for (std::size_t i = 0; i < fit.persons.size(); ++i) {
    if (!fit.included[i]) continue;
    const Posterior around = around_mode(fit.persons[i], precision);
    sampled.start(static_cast<int>(i), around);
    again.start(static_cast<int>(i), around);
  }
  fit.group = approach(sampled, fit.group.x, start, box, control, monitor);
  if (fit.group.status != Status::interrupted && std::isfinite(fit.group.value))
    settle(sampled, fit.group, box, control, monitor);
  // The last batch, of all draws, judges where the search has come to without a step.
  if (fit.group.status != Status::interrupted)
    sampled.draw(fit.group.x, control.pairs(1.0), control.seed, 50);
  Eigen::MatrixXd last;
  fit.group.value = sampled.derivatives(fit.group.x, fit.group.gradient, last);
  fit.group.hessian = sampled.steadied(0.5 * (fit.group.hessian + last));
  fit.sampled = true;
  fit.sampled_trace = sampled.history();
  fit.parts = sampled.contributions();
  fit.evidence = sampled.evidence();
  take_posteriors(engine, data, group, sampled, fit);
  if (fit.group.status != Status::interrupted)
    fit.error = error_of_draws(sampled, again, fit.group.x, start, control);
  group_covariance(fit, box);
  fit.monte_carlo = fit.covariance * sampled.noise(fit.group.x) * fit.covariance;
}

inline HierarchicalFit fit_hierarchical(const Engine& engine, const ChoiceData& data,
                                        const Group& group,
                                        const std::vector<PersonFit>& start,
                                        const Eigen::VectorXd& psi,
                                        const HierarchicalControl& control,
                                        const Executor& executor, const Monitor& monitor) {
  HierarchicalFit fit;
  const Box box = group_box(group);
  Marginal marginal(engine, data, group, start, executor);
  const bool sample = control.evidence == Evidence::importance;
  const int rounds = control.em_only ? control.max_iterations : sample ? 1 : 3;
  const double tolerance = control.em_only ? control.tolerance : 1e-3;
  fit.group.x = run_em(marginal, psi, rounds, tolerance, monitor, fit.group)
                    .cwiseMax(box.lower).cwiseMin(box.upper);
  const Status em_status = fit.group.status;
  if (!control.em_only) marginal.look_again(fit.group.x);
  const bool stay = control.evidence == Evidence::laplace;
  bool well = false;
  if (control.em_only) {
    fit.group.value =
        marginal.derivatives(fit.group.x, fit.group.gradient, fit.group.hessian);
    fit.group.status = em_status;
    well = true;
    group_covariance(fit, box);
  } else if (!sample && (stay || marginal.regular(fit.group.x))) {
    fit.group = climb(marginal, fit.group.x, box, control, monitor);
    well = group_covariance(fit, box) && fit.group.status == Status::converged;
  }
  fit.trace = marginal.history();
  fit.persons = marginal.persons();
  fit.included = marginal.included();
  fit.evidence = marginal.evidence();
  fit.parts = marginal.contributions();
  if (!well && !stay && fit.group.status != Status::interrupted)
    fit_by_sampling(engine, data, group, start, control, executor, monitor, fit);
  return fit;
}

/// V_i + D_i Cov(psi) D_i^T: a mode's spread with the group's own uncertainty.
inline Eigen::MatrixXd person_covariance(const PersonFit& person, const Contribution& part,
                                         const Eigen::MatrixXd& precision,
                                         const Eigen::MatrixXd& group_covariance) {
  const int d = static_cast<int>(person.mode.size());
  Eigen::MatrixXd out = (person.curvature + precision)
      .llt().solve(Eigen::MatrixXd::Identity(d, d));
  for (int i = 0; i < group_covariance.rows(); ++i)
    for (int j = 0; j < group_covariance.rows(); ++j)
      if (group_covariance(i, j) != 0.0)
        out += group_covariance(i, j) * part.mode_slope.col(i) *
               part.mode_slope.col(j).transpose();
  return out;
}

}  // namespace learning
}  // namespace psyrl
