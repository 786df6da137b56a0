// The evidence model at given population parameters ("setting"): the penalised
// objective of u = delta / s, its gradient, and its minimum by Newton-CG.
//
//   f(u) = -loglik(Phi(r / c + s u; tau, gamma)) + |u|^2 / 2
//   df/du = s L'G + u
//
// Residuals that are values stay outside: Phi(r / c) + s u, and L is the identity.
//
// Everything is in units of c(gamma), the RMS of centred ordinary-max values under
// uniform random play, so that bounds and hyper-priors mean the same on every task.
// Parameters eta = (g, log sigma, log s, log tau_x, logit gamma); the backup
// temperature is tau = sqrt(tau_x^2 + (s / 4)^2), smoother for noisy rewards, unless
// the user fixed it.
#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/status.h"
#include "core/measurement/evidence_curvature.h"
#include "core/measurement/evidence_krylov.h"
#include "core/measurement/evidence_people.h"
#include "core/measurement/sweeps.h"

namespace psyrl {

/// What residuals are: rewards, which states before look forward to, or departures of a
/// pair's value that nothing is expected from.
enum class Residual { reward, value };

/// What the user fixed, in reward units; NaN: estimate.
struct EvidenceSpec {
  Residual residual = Residual::reward;
  Backup backup = Backup::soft;
  double mu = NAN, sigma = NAN, residual_sd = NAN, temperature = NAN;
  bool discount_free = false;
  bool sigma_prior = true;   // the weak hyper-prior of sigma
  double discount = 0.99;
  double residual_sd_max = kInfinity;
};

struct EvidenceData {
  const Task& task;
  const SweepOrder& order;
  const People& people;
  const Eigen::MatrixXd& design;                // [J x q]
  const std::function<double(double)>& unit;    // c(gamma)
  EvidenceSpec spec;
  Nodes nodes;
  Runtime run;
  int rank = 2;

  EvidenceData on(const Runtime& other) const {
    return EvidenceData{task, order, people, design, unit, spec, nodes, other, rank};
  }
};

/// Population parameters in units of `scale`.
struct Setting {
  Vector coefficients;  // [q] of the mean of z
  double sigma = 1.0, residual_sd = 0.0, temperature = 1.0, discount = 0.99;
  double scale = 1.0;       // c(gamma)
  double scale_slope = 0.0; // d log c / d gamma
};

/// Positions in eta.
struct Layout {
  int q;
  int sigma() const { return q; }
  int residual_sd() const { return q + 1; }
  int temperature() const { return q + 2; }
  int discount() const { return q + 3; }
  int size() const { return q + 4; }
};

inline Layout layout_of(const EvidenceData& data) {
  return Layout{static_cast<int>(data.design.cols())};
}

/// tau^2 gains this times s, squared, where residuals go through kinks.
inline double coupling(const EvidenceSpec& spec) {
  return spec.residual == Residual::reward ? 0.25 : 0.0;
}

inline double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }
inline double logit(double p) { return std::log(p / (1.0 - p)); }
inline double square(double x) { return x * x; }

/// A temperature the user fixed. The ordinary maximum of values that are only known
/// up to residuals is approached as s / 4: kinks would leave no curvature to integrate.
inline double fixed_temperature(double given, double noise) {
  return given > 0.0 ? given : std::max(noise, 1e-6);
}

inline Setting resolve(const EvidenceData& data, const Vector& eta) {
  const Layout at = layout_of(data);
  const EvidenceSpec& spec = data.spec;
  Setting out;
  out.discount = spec.discount_free ? logistic(eta[at.discount()]) : spec.discount;
  out.scale = data.unit(out.discount);
  if (spec.discount_free) {
    const double h = 1e-4 * (1.0 - out.discount);
    out.scale_slope = std::log(data.unit(out.discount + h) / data.unit(out.discount - h)) / (2 * h);
  }
  out.coefficients = eta.head(at.q);
  if (!std::isnan(spec.mu)) out.coefficients[0] = spec.mu + std::log(out.scale);
  out.sigma = std::isnan(spec.sigma) ? std::exp(eta[at.sigma()]) : spec.sigma;
  out.residual_sd = std::isnan(spec.residual_sd) ? std::exp(eta[at.residual_sd()])
                                                 : spec.residual_sd / out.scale;
  const double noise = coupling(spec) * out.residual_sd;
  out.temperature = std::isnan(spec.temperature)
                        ? std::hypot(std::exp(eta[at.temperature()]), noise)
                        : fixed_temperature(spec.temperature / out.scale, noise);
  return out;
}

/// Which parameters the search moves.
inline std::vector<int> free_parameters(const EvidenceData& data) {
  const Layout at = layout_of(data);
  std::vector<int> out;
  for (int i = std::isnan(data.spec.mu) ? 0 : 1; i < at.q; ++i) out.push_back(i);
  if (std::isnan(data.spec.sigma)) out.push_back(at.sigma());
  if (std::isnan(data.spec.residual_sd)) out.push_back(at.residual_sd());
  if (std::isnan(data.spec.temperature)) out.push_back(at.temperature());
  if (data.spec.discount_free) out.push_back(at.discount());
  return out;
}

/// The objective at one u. Draws only need the light half: no curvature.
struct Point {
  Point(const EvidenceData& data, const Setting& at)
      : setting(at), values(data.task, data.order, data.spec.backup) {}

  Setting setting;
  Vector u;          // [n_pairs]
  Values values;
  Posterior post;
  Vector y;          // [n_pairs] d(-loglik)/dr: L'G
  Vector by_residual;  // [n_pairs] d(-loglik)/d(s u)
  Vector a;          // [n_states] d(-loglik)/dV
  Vector gradient;   // [n_pairs] of f
  double f = kInfinity;
  bool good = false;
};

inline TraitPrior trait_prior(const EvidenceData& data, const Setting& setting) {
  return TraitPrior{data.design * setting.coefficients, setting.sigma};
}

inline Vector scaled_reward(const EvidenceData& data, const Setting& setting) {
  Vector out(data.task.n_pairs());
  for (int p = 0; p < out.size(); ++p) out[p] = data.task.reward[p] / setting.scale;
  return out;
}

/// Values at `point.setting` and u; false where they are not finite.
inline bool solve_values(const EvidenceData& data, const Vector& u, Point& point) {
  point.u = u;
  const Setting& at = point.setting;
  const Vector residual = at.residual_sd * u;
  Vector reward = scaled_reward(data, at);
  if (data.spec.residual == Residual::reward) reward += residual;
  const bool good = point.values.solve(reward, at.discount, at.temperature);
  if (data.spec.residual == Residual::value) point.values.q += residual;
  return good;
}

/// Values, likelihood and f.
inline void evaluate(const EvidenceData& data, const Vector& u, Point& point) {
  point.good = solve_values(data, u, point);
  point.f = kInfinity;
  if (!point.good) return;
  fill_posterior(data.people, data.nodes, trait_prior(data, point.setting), point.values.q,
                 data.run, point.post);
  point.f = 0.5 * u.squaredNorm() - point.post.loglik;
  point.good = std::isfinite(point.f);
}

/// What slopes of -loglik by values, `by_q`, are by all that values come from.
inline void pass_back(const EvidenceData& data, const Vector& by_q, Point& point) {
  Columns<1> y, a;
  point.values.adjoint<1>(by_q.array(), y, a);
  point.y = y.matrix();
  point.a = a.matrix();
  point.by_residual = data.spec.residual == Residual::reward ? point.y : by_q;
  point.gradient = point.setting.residual_sd * point.by_residual + point.u;
}

inline void add_gradient(const EvidenceData& data, Point& point) {
  const Vector by_q =
      value_gradient(data.people, data.nodes, point.post, data.task.n_pairs(), data.run);
  pass_back(data, by_q, point);
}

inline Curvature curvature(const EvidenceData& data, const Point& point) {
  Curvature out(data.task, data.people, data.nodes, point.values, point.post, point.a,
                point.setting.residual_sd, data.rank, data.run);
  out.passed_on = data.spec.residual == Residual::reward;
  return out;
}

/// Newton's direction. Far from the minimum H is indefinite where the backup is sharp,
/// and truncated CG crawls: from there on the direction of H without the curvature of
/// the backup and the persons' terms, which is positive definite and cheap, until it
/// promises less than `kNear` nats. The last steps belong to the full H again.
class Direction {
 public:
  Vector operator()(Curvature& h, const Vector& gradient, double tolerance) {
    CgControl control;
    control.tolerance = tolerance;
    control.max_iterations = 200;
    const Columns<1> rhs = -gradient.array();
    if (range_ == Range::far) {
      const Vector step = without_curvature(h, rhs, control);
      if (-gradient.dot(step) > 2 * kNear) return step;
      range_ = Range::near;
    }
    h.with_backup = h.with_persons = true;
    const auto cg = conjugate_gradients<1>(h, rhs, control);
    if (cg.indefinite && range_ == Range::unknown) {
      range_ = Range::far;
      return without_curvature(h, rhs, control);
    }
    return cg.alpha.empty() ? Vector(-gradient) : Vector(cg.x.matrix());
  }

  static Vector without_curvature(Curvature& h, const Columns<1>& rhs,
                                  const CgControl& control) {
    h.with_backup = h.with_persons = false;
    return conjugate_gradients<1>(h, rhs, control).x.matrix();
  }

 private:
  enum class Range { unknown, far, near };
  static constexpr double kNear = 5.0;
  Range range_ = Range::unknown;
};

struct InnerControl {
  int max_iterations = 40;
  double tolerance = 1e-3;  // of |df/du|: H away from the mode bends the gradient of E
  double gain = 1e-6;       // predicted, in nats, at which to stop
};

struct InnerResult {
  Status status = Status::max_iterations;
  int steps = 0, rollbacks = 0;
};

/// Armijo with halving: f never rises. The point is replaced when it is lower.
inline bool descend(const EvidenceData& data, const Vector& step, Point& point,
                    InnerResult& result) {
  const double slope = point.gradient.dot(step);
  if (!(slope < 0)) return false;
  Point trial(data, point.setting);
  trial.values = point.values;
  trial.post.window = point.post.window;
  double length = 1.0;
  for (int halving = 0; halving < 25; ++halving, length *= 0.5, ++result.rollbacks) {
    evaluate(data, point.u + length * step, trial);
    if (trial.good && trial.f <= point.f + 1e-4 * length * slope) {
      add_gradient(data, trial);
      point = std::move(trial);
      return true;
    }
  }
  return false;
}

/// Minimises f over u from `point`, which has its gradient.
inline InnerResult minimise(const EvidenceData& data, const InnerControl& control,
                            Point& point) {
  InnerResult result;
  Direction direction;
  for (; result.steps < control.max_iterations; ++result.steps) {
    const double size = point.gradient.norm();
    if (size < control.tolerance) {
      result.status = Status::converged;
      return result;
    }
    if (data.run.monitor.interrupted()) {
      result.status = Status::interrupted;
      return result;
    }
    Curvature h = curvature(data, point);
    const Vector step =
        direction(h, point.gradient, std::min(0.1, std::max(1e-4, size / 100)));
    if (-point.gradient.dot(step) < 2 * control.gain) {
      result.status = Status::converged;
      return result;
    }
    if (!descend(data, step, point, result)) {
      result.status = Status::no_progress;
      return result;
    }
  }
  return result;
}

/// Partial derivatives by what parameters set: rewards are scaled by exp(log_reward).
struct SettingSlopes {
  double log_residual_sd = 0.0, temperature = 0.0, discount = 0.0, log_reward = 0.0;
};

/// And by what traits set.
struct TraitSlopes {
  Vector by_mean;  // [J] x_j'g
  double log_sigma;
};

/// With traits integrated out (Fisher's identity).
inline TraitSlopes trait_slopes(const EvidenceData& data, const Setting& at,
                                const Posterior& post) {
  const Vector off = post.mean - data.design * at.coefficients;
  const double square_sum = (post.var.array() + off.array().square()).sum();
  return {-off / square(at.sigma), off.size() - square_sum / square(at.sigma)};
}

/// Partial derivatives by eta, [Layout::size()].
inline Vector parameter_gradient(const EvidenceData& data, const Setting& at,
                                 const TraitSlopes& traits, const SettingSlopes& slopes,
                                 const Vector& eta) {
  const EvidenceSpec& spec = data.spec;
  const Layout layout = layout_of(data);
  const Vector mean = data.design.transpose() * traits.by_mean;
  const double by_tau = at.temperature * slopes.temperature;
  Vector out = Vector::Zero(layout.size());
  out.head(layout.q) = mean;
  out[layout.sigma()] = traits.log_sigma;
  out[layout.residual_sd()] = slopes.log_residual_sd;
  if (std::isnan(spec.temperature)) {
    const double share = std::exp(2 * eta[layout.temperature()]) / square(at.temperature);
    out[layout.temperature()] = by_tau * share;
    out[layout.residual_sd()] += by_tau * (1.0 - share);
  }
  if (!spec.discount_free) return out;
  // What the user fixed in reward units moves with the unit.
  double slope = slopes.discount - at.scale_slope * slopes.log_reward;
  if (!std::isnan(spec.mu)) slope += at.scale_slope * mean[0];
  if (!std::isnan(spec.temperature)) slope -= at.scale_slope * by_tau;
  if (!std::isnan(spec.residual_sd)) {
    slope -= at.scale_slope * slopes.log_residual_sd;
    if (std::isnan(spec.temperature))
      slope -= at.scale_slope * by_tau * square(coupling(spec) * at.residual_sd / at.temperature);
  }
  out[layout.discount()] = slope * at.discount * (1.0 - at.discount);
  return out;
}

/// Of f at fixed u; `point` has its gradient.
inline SettingSlopes setting_slopes(const EvidenceData& data, const Point& point) {
  SettingSlopes out;
  out.log_residual_sd = point.setting.residual_sd * point.by_residual.dot(point.u);
  out.temperature = point.a.dot(point.values.temperature_direction());
  if (!data.spec.discount_free) return out;
  out.discount = point.y.dot(point.values.discount_direction());
  out.log_reward = point.y.dot(scaled_reward(data, point.setting));
  return out;
}

/// Partial derivatives of f at fixed u, [Layout::size()].
inline Vector setting_gradient(const EvidenceData& data, const Point& point,
                               const Vector& eta) {
  const Setting& at = point.setting;
  return parameter_gradient(data, at, trait_slopes(data, at, point.post),
                            setting_slopes(data, point), eta);
}

}  // namespace psyrl
