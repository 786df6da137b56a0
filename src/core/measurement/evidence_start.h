// Where the evidence search starts: the exact model (delta = 0) on a grid of
// temperatures and discounts, then a ladder of residual scales.
//
// At delta = 0 a cell costs one solution of the task, one table of log likelihoods
// [J x K] and a small Newton in the population's g and log sigma. Rungs of the ladder
// are judged by their evidence, delta carried up from rung to rung. Which mode of delta
// the search ends in matters little to persons: the sampler takes over, and where choices
// depart from the exact model it comes down from large residuals instead (`departure()`),
// because it need not leave a sharp mode of small ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/measurement/evidence_laplace.h"

namespace psyrl {

/// eta's box, in units of c(gamma).
struct Bounds {
  Vector lower, upper;
};

inline Bounds bounds(const EvidenceData& data) {
  const Layout at = layout_of(data);
  Bounds out{Vector::Constant(at.size(), -50.0), Vector::Constant(at.size(), 50.0)};
  const double cap = data.spec.residual_sd_max / data.unit(data.spec.discount);
  out.lower[at.sigma()] = std::log(std::max(0.05, 0.7 * data.nodes.spacing));
  out.upper[at.sigma()] = std::log(4.5);
  out.lower[at.residual_sd()] = std::log(0.001);
  out.upper[at.residual_sd()] = std::log(std::max(0.001, std::min(5.0, cap)));
  out.lower[at.temperature()] = std::log(0.001);
  out.upper[at.temperature()] = std::log(5.0);
  out.lower[at.discount()] = logit(0.05);
  out.upper[at.discount()] = logit(0.9995);
  return out;
}

/// Derivatives of -sum_j log p_j in (g, log sigma) at fixed l_jk; from posterior
/// moments of t = (z - mu_j) / sigma, by Louis' formula.
struct PopulationStep {
  double value;
  Vector gradient;
  Eigen::MatrixXd hessian;
};

inline PopulationStep population_step(const EvidenceData& data, const Table& loglik,
                                      const Vector& coefficients, double log_sigma) {
  const int q = static_cast<int>(coefficients.size());
  const double sigma = std::exp(log_sigma), weight = data.spec.sigma_prior ? 1.0 : 0.0;
  const double prior = weight * (log_sigma - std::log(0.7));
  PopulationStep out{0.5 * prior * prior, Vector::Zero(q + 1),
                     Eigen::MatrixXd::Zero(q + 1, q + 1)};
  out.gradient[q] = prior;
  out.hessian(q, q) = weight;
  for (int j = 0; j < loglik.rows(); ++j) {
    const Vector x = data.design.row(j).transpose();
    const double mu = x.dot(coefficients);
    Row w = loglik.row(j) + log_prior(data.nodes, mu, sigma);
    out.value -= normalise(w);
    const Row t = (data.nodes.z - mu) / sigma;
    const double m1 = (w * t).sum(), m2 = (w * t.square()).sum();
    const double m3 = (w * t.cube()).sum(), m4 = (w * t.square().square()).sum();
    out.gradient.head(q) -= x * m1 / sigma;
    out.gradient[q] -= m2 - 1.0;
    const Vector cross = x * (2 * m1 - (m3 - m1 * m2)) / sigma;
    out.hessian.topLeftCorner(q, q) += x * x.transpose() * (1 - (m2 - m1 * m1)) / square(sigma);
    out.hessian.col(q).head(q) += cross;
    out.hessian.row(q).head(q) += cross.transpose();
    out.hessian(q, q) += 2 * m2 - (m4 - m2 * m2);
  }
  return out;
}

/// Damped Newton in the free ones of (g, log sigma); returns the value.
inline double fit_population(const EvidenceData& data, const Table& loglik,
                             const Bounds& box, Vector& coefficients, double& log_sigma) {
  const int q = static_cast<int>(coefficients.size());
  const Layout at{q};
  Vector fixed = Vector::Zero(q + 1);
  if (!std::isnan(data.spec.mu)) fixed[0] = 1.0;
  if (!std::isnan(data.spec.sigma)) fixed[q] = 1.0;
  double damping = 1e-3;
  PopulationStep now = population_step(data, loglik, coefficients, log_sigma);
  for (int round = 0; round < 40; ++round) {
    Eigen::MatrixXd h = now.hessian;
    h.diagonal() += damping * h.diagonal().cwiseAbs() + 1e12 * fixed;
    const Eigen::LDLT<Eigen::MatrixXd> factor(h);
    Vector step = -factor.solve(now.gradient);
    const bool down = factor.isPositive() && now.gradient.dot(step) < 0;
    step *= std::min(1.0, 1.0 / std::max(1e-300, step.norm()));
    const Vector moved = coefficients + step.head(q);
    const double moved_sigma = std::min(
        box.upper[at.sigma()], std::max(box.lower[at.sigma()], log_sigma + step[q]));
    const PopulationStep next = population_step(data, loglik, moved, moved_sigma);
    if (down && next.value <= now.value) {
      const double gain = now.value - next.value;
      coefficients = moved;
      log_sigma = moved_sigma;
      now = next;
      damping = std::max(1e-8, damping / 10);
      if (gain < 1e-11) break;
    } else if ((damping *= 10) > 1e8) {
      break;
    }
  }
  return now.value;
}

/// l_jk without the prior, [J x K].
inline Table loglik_table(const EvidenceData& data, const Posterior& post) {
  Table out(data.people.n_persons, data.nodes.size());
  for (int j = 0; j < data.people.n_persons; ++j)
    out.row(j) = person_loglik(data.people, data.nodes, post, j, data.nodes.all());
  return out;
}

struct Start {
  Vector eta;
  double value = 1e12;
  Vector v;  // values, a start for the next solution
};

/// The exact model at eta's temperature and discount; g and sigma are fitted from
/// those of eta.
inline Start exact_fit(const EvidenceData& data, const Bounds& box, const Vector& eta,
                       const Vector& v_start) {
  const Layout at = layout_of(data);
  Start out{eta, 1e12, v_start};
  Vector small = eta;
  small[at.residual_sd()] = box.lower[at.residual_sd()];
  Setting setting = resolve(data, small);
  setting.residual_sd = 0.0;
  Values values(data.task, data.order, data.spec.backup);
  values.v = v_start;
  if (!values.solve(scaled_reward(data, setting), setting.discount, setting.temperature))
    return out;
  Posterior post;
  fill_all_policies(data.people, data.nodes, values.q, data.run, post);
  Vector coefficients = setting.coefficients;
  double log_sigma = std::log(setting.sigma);
  out.value = fit_population(data, loglik_table(data, post), box, coefficients, log_sigma);
  out.eta.head(at.q) = coefficients;
  out.eta[at.sigma()] = log_sigma;
  out.v = values.v;
  Vector prior_eta = out.eta;
  prior_eta[at.residual_sd()] = std::log(0.1);
  // The prior of sigma is already in the value.
  EvidenceData without = data;
  without.spec.sigma = std::exp(log_sigma);
  out.value += hyper_prior(without, prior_eta, nullptr);
  return out;
}

/// Stage 0: grid, then halving coordinate steps around the best cell. Where no cell is
/// finite, where it begins: the search will say so.
inline Start exact_search(const EvidenceData& data, const Bounds& box) {
  const Layout at = layout_of(data);
  std::vector<double> taus{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0};
  std::vector<double> discounts{0.995, 0.99, 0.97, 0.9, 0.75, 0.6, 0.45, 0.3};
  if (!std::isnan(data.spec.temperature)) taus.assign(1, 1.0);
  if (!data.spec.discount_free) discounts.assign(1, data.spec.discount);
  Start best;
  best.eta = Vector::Zero(at.size());
  best.eta[0] = -0.5;
  best.v = Vector::Zero(data.task.n_states());
  const Start from = best;
  for (double gamma : discounts)
    for (double tau : taus) {
      Vector eta = from.eta;
      eta[at.temperature()] = std::log(tau);
      eta[at.discount()] = logit(gamma);
      const Start cell = exact_fit(data, box, eta, from.v);
      if (cell.value < best.value) best = cell;
    }
  double step_tau = taus.size() > 1 ? 0.6 : 0.0;
  double step_gamma = data.spec.discount_free ? 0.5 : 0.0;
  for (int round = 0; round < 4; ++round, step_tau /= 2, step_gamma /= 2)
    for (const int i : {at.temperature(), at.discount()})
      for (const double sign : {-1.0, 1.0}) {
        const double step = sign * (i == at.temperature() ? step_tau : step_gamma);
        Vector moved = best.eta;
        moved[i] = std::min(box.upper[i], std::max(box.lower[i], moved[i] + step));
        if (moved[i] == best.eta[i]) continue;
        const Start cell = exact_fit(data, box, moved, best.v);
        if (cell.value < best.value) best = cell;
      }
  return best;
}

/// How far choices depart from the exact model: the score of s^2 at s = 0 in standard
/// errors (Lin 1997, Biometrika 84, 309-326).
inline double departure(const EvidenceData& data, const Start& exact,
                        const std::vector<Block>& probes) {
  constexpr double s = 0.001;  // small enough to stand for 0
  const Layout at = layout_of(data);
  Vector eta = exact.eta;
  eta[at.residual_sd()] = std::log(s);
  Point point(data, resolve(data, eta));
  point.values.v = exact.v;
  evaluate(data, Vector::Zero(data.task.n_pairs()), point);
  if (!point.good) return NAN;
  add_gradient(data, point);
  Curvature h = curvature(data, point);
  h.with_backup = false;
  double trace = 0.0, squares = 0.0;
  for (const Block& probe : probes) {
    const Block applied = (h.apply<kBlock>(probe) - probe) / square(s);
    trace += (probe * applied).colwise().sum().mean() / probes.size();
    squares += applied.square().colwise().sum().mean() / probes.size();
  }
  return (point.by_residual.squaredNorm() - trace) / std::sqrt(2.0 * squares);
}

/// A place to start the outer search from.
struct Rung {
  Vector eta, delta, v;
  double value;
};

/// One rung: E at scale s from the given delta.
inline Evidence rung_evidence(const EvidenceData& data, const Vector& eta, double s,
                              const Vector& delta, const Vector& v, int max_newton,
                              const std::vector<Block>& probes) {
  const Layout at = layout_of(data);
  Vector moved = eta;
  moved[at.residual_sd()] = std::log(s);
  InnerControl inner;
  inner.max_iterations = max_newton;
  inner.tolerance = 0.1;
  return evidence(data, moved, delta, v, probes, inner);
}

inline Rung as_rung(const Evidence& e) {
  return Rung{e.eta, e.point.setting.residual_sd * e.point.u, e.point.values.v, e.value};
}

/// Up from delta = 0 with delta carried on, until the evidence says that it was enough,
/// or the user: at least one rung.
/// Two rungs are enough where choices do not depart from the exact model: at the second
/// residuals of people who maximise are already beyond what the data bear.
inline std::vector<Rung> climb(const EvidenceData& data, const Start& start,
                               const Bounds& box, const std::vector<Block>& probes,
                               double departure) {
  constexpr double departs = 2.0;  // standard errors
  constexpr double enough = 5.0;   // nats
  const Layout at = layout_of(data);
  const double cap = std::exp(box.upper[at.residual_sd()]);
  std::vector<double> scales{0.001, 0.004, 0.015, 0.06, 0.25};
  if (departure < departs) scales = {std::min(0.004, cap), 0.015};
  std::vector<Rung> out;
  Vector delta = Vector::Zero(data.task.n_pairs()), v = start.v;
  double best = 1e12;
  for (const double s : scales) {
    if (s > cap * (1.0 + 1e-9)) break;
    const Evidence e = rung_evidence(data, start.eta, s, delta, v, 20, probes);
    if (data.run.monitor.interrupted() && !out.empty()) break;
    out.push_back(as_rung(e));
    if (e.point.good) {
      delta = out.back().delta;
      v = out.back().v;
    }
    best = std::min(best, e.value);
    if (e.value > best + enough) break;
  }
  return out;
}

/// The best `n_starts` rungs within 150 nats of the first.
inline std::vector<Rung> ladder_starts(const EvidenceData& data, const Start& start,
                                       const Bounds& box, int n_starts,
                                       const std::vector<Block>& probes,
                                       double departure) {
  std::vector<Rung> out;
  if (!std::isnan(data.spec.residual_sd)) {
    const double s = resolve(data, start.eta).residual_sd;
    const Vector zero = Vector::Zero(data.task.n_pairs());
    out.push_back(as_rung(rung_evidence(data, start.eta, s, zero, start.v, 30, probes)));
    return out;
  }
  out = climb(data, start, box, probes, departure);
  std::sort(out.begin(), out.end(),
            [](const Rung& a, const Rung& b) { return a.value < b.value; });
  std::size_t keep = 0;
  while (keep < out.size() && static_cast<int>(keep) < n_starts &&
         out[keep].value < out[0].value + 150)
    ++keep;
  out.resize(keep);
  return out;
}

}  // namespace psyrl
