// Hierarchical fit: u_i ~ N(mu_i, S), mu_i = X_i G, the u_i integrated out by Laplace's
// approximation (Huys et al. 2011, 2012; Tierney & Kadane 1986).
//
// The group's parameters are psi = (coefficients, log-Cholesky factor L of
// S = L L^T). Two algorithms:
//
//   EM      m_i, V_i from the modes; G by generalised least squares of m_i on X_i;
//           S = mean[ V_i + (m_i - mu_i)(m_i - mu_i)^T ]; accelerated by SQUAREM.
//   Newton  on the Laplace marginal log-likelihood itself, with its exact Hessian.
//
// The second starts from a few steps of the first. Their optima differ by what EM
// ignores: the dependence of V_i on the group.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "core/base/newton.h"
#include "core/base/numerics.h"
#include "core/learning/laplace.h"

namespace psyrl {
namespace learning {

/// psi and its meaning. Coefficient j adds X(i, j) to the mean of parameter owner[j].
class Group {
 public:
  Group(const Eigen::MatrixXd& x, const std::vector<int>& owner, int d, bool diagonal)
      : x_(x), owner_(owner), layout_(d, diagonal) {}

  int n_coefficients() const { return static_cast<int>(owner_.size()); }
  int size() const { return n_coefficients() + layout_.size(); }
  const PrecisionLayout& layout() const { return layout_; }

  Eigen::VectorXd mean(const Eigen::VectorXd& psi, int person) const {
    Eigen::VectorXd mu = Eigen::VectorXd::Zero(layout_.dimension());
    for (int j = 0; j < n_coefficients(); ++j) mu[owner_[j]] += x_(person, j) * psi[j];
    return mu;
  }
  /// Z_i, [d x coefficients]
  Eigen::MatrixXd design(int person) const {
    Eigen::MatrixXd z = Eigen::MatrixXd::Zero(layout_.dimension(), n_coefficients());
    for (int j = 0; j < n_coefficients(); ++j) z(owner_[j], j) = x_(person, j);
    return z;
  }
  /// L, S = L L^T.
  Eigen::MatrixXd factor(const Eigen::VectorXd& psi) const {
    const int d = layout_.dimension();
    Eigen::MatrixXd l = Eigen::MatrixXd::Zero(d, d);
    for (int r = 0; r < layout_.size(); ++r) {
      const auto e = layout_.entry(r);
      const double x = psi[n_coefficients() + r];
      l(e.first, e.second) = e.first == e.second ? std::exp(x) : x;
    }
    return l;
  }
  Eigen::MatrixXd covariance(const Eigen::VectorXd& psi) const {
    const Eigen::MatrixXd l = factor(psi);
    return l * l.transpose();
  }
  Eigen::MatrixXd precision(const Eigen::VectorXd& psi) const {
    const int d = layout_.dimension();
    const Eigen::MatrixXd inverse =
        factor(psi).triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(d, d));
    return inverse.transpose() * inverse;
  }
  /// psi with the given coefficients and covariance (its off-diagonal ignored where
  /// the layout is diagonal).
  Eigen::VectorXd pack(const Eigen::VectorXd& coefficients, Eigen::MatrixXd covariance) const {
    const int d = layout_.dimension();
    if (layout_.size() == d && d > 1)
      covariance = Eigen::MatrixXd(covariance.diagonal().asDiagonal());
    const Eigen::MatrixXd l = covariance.llt().matrixL();
    Eigen::VectorXd psi(size());
    psi.head(n_coefficients()) = coefficients;
    for (int r = 0; r < layout_.size(); ++r) {
      const auto e = layout_.entry(r);
      psi[n_coefficients() + r] =
          e.first == e.second ? std::log(l(e.first, e.first)) : l(e.first, e.second);
    }
    return psi;
  }

  /// dP_r / dpsi: [layout x layout]; dP = -P dS P.
  Eigen::MatrixXd precision_slope(const Eigen::VectorXd& psi) const {
    const Eigen::MatrixXd p = precision(psi), l = factor(psi);
    const int q = layout_.size();
    Eigen::MatrixXd out(q, q);
    for (int s = 0; s < q; ++s) {
      const Eigen::MatrixXd slope = -(p * covariance_slope(s, l) * p);
      for (int r = 0; r < q; ++r)
        out(r, s) = slope(layout_.entry(r).first, layout_.entry(r).second);
    }
    return out;
  }
  /// sum_r g_r d^2 P_r / dpsi^2, from
  /// d^2 P = P dS P dS' P + P dS' P dS P - P d^2 S P.
  Eigen::MatrixXd precision_bend(const Eigen::VectorXd& psi, const Eigen::VectorXd& g) const {
    const Eigen::MatrixXd p = precision(psi), l = factor(psi);
    const int q = layout_.size(), d = layout_.dimension();
    Eigen::MatrixXd weight = Eigen::MatrixXd::Zero(d, d);
    for (int r = 0; r < q; ++r) {
      const auto e = layout_.entry(r);
      weight(e.first, e.second) += 0.5 * g[r];
      weight(e.second, e.first) += 0.5 * g[r];
    }
    const Eigen::MatrixXd around = p * weight * p;
    Eigen::MatrixXd out(q, q);
    for (int s = 0; s < q; ++s) {
      const Eigen::MatrixXd left = around * covariance_slope(s, l) * p;
      for (int t = 0; t < q; ++t)
        out(s, t) = 2.0 * left.cwiseProduct(covariance_slope(t, l).transpose()).sum() -
            around.cwiseProduct(covariance_bend(s, t, l)).sum();
    }
    return out;
  }

 private:
  double unit(int s, const Eigen::MatrixXd& l) const {
    const auto e = layout_.entry(s);
    return e.first == e.second ? l(e.first, e.first) : 1.0;
  }
  /// dS / dpsi_s
  Eigen::MatrixXd covariance_slope(int s, const Eigen::MatrixXd& l) const {
    const auto e = layout_.entry(s);
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(l.rows(), l.rows());
    out.row(e.first) += unit(s, l) * l.col(e.second).transpose();
    out.col(e.first) += unit(s, l) * l.col(e.second);
    return out;
  }
  /// d^2 S / dpsi_s dpsi_t
  Eigen::MatrixXd covariance_bend(int s, int t, const Eigen::MatrixXd& l) const {
    const auto e = layout_.entry(s), f = layout_.entry(t);
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(l.rows(), l.rows());
    if (e.second == f.second) {
      out(e.first, f.first) += unit(s, l) * unit(t, l);
      out(f.first, e.first) += unit(s, l) * unit(t, l);
    }
    if (s == t && e.first == e.second) out += covariance_slope(s, l);
    return out;
  }

  Eigen::MatrixXd x_;
  std::vector<int> owner_;
  PrecisionLayout layout_;
};

/// All persons' modes under a group, kept from one evaluation to the next, and the
/// Laplace marginal log-likelihood with its derivatives in psi.
class Marginal {
 public:
  static constexpr bool kOneCall = false;

  Marginal(const Engine& engine, const ChoiceData& data, const Group& group,
           const std::vector<PersonFit>& start, const Executor& executor)
      : engine_(engine), data_(data), group_(group), persons_(start), executor_(executor),
        contributions_(start.size()), precision_gradient_(start.size()) {
    for (const PersonFit& fit : persons_) included_.push_back(fit.usable());
    box_.lower = Eigen::VectorXd::Constant(engine.size(), -30.0);
    box_.upper = -box_.lower;
    for (int k = 0; k < engine.size(); ++k)
      if (engine.setting().links[k].kind == Link::identity) {
        box_.lower[k] = -1e4;
        box_.upper[k] = 1e4;
      }
  }

  const std::vector<PersonFit>& persons() const { return persons_; }
  const std::vector<Contribution>& contributions() const { return contributions_; }
  const std::vector<char>& included() const { return included_; }
  const std::vector<double>& evidence() const { return evidence_; }
  /// The log evidence at every point whose derivatives were asked for.
  const std::vector<double>& history() const { return history_; }

  /// Moves everybody's mode; returns the sum of log evidence (NaN if a mode fails).
  double value(const Eigen::VectorXd& psi) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    const Eigen::LLT<Eigen::MatrixXd> llt(precision);
    const double log_det = 2.0 * llt.matrixLLT().diagonal().array().log().sum();
    evidence_.assign(persons_.size(), 0.0);
    psi_ = psi;
    if (llt.info() != Eigen::Success || !std::isfinite(log_det)) return std::nan("");
    each([&](int i) {
      const Prior prior{group_.mean(psi, i), precision};
      persons_[i] = refit(i, prior);
      evidence_[i] = laplace_value(persons_[i], log_det, precision);
    });
    double sum = 0.0;
    for (std::size_t i = 0; i < persons_.size(); ++i)
      if (included_[i]) sum += evidence_[i];
    return sum;
  }

  /// At the psi last given to value().
  double derivatives(const Eigen::VectorXd& psi, Eigen::VectorXd& g, Eigen::MatrixXd& h) {
    if (psi_.size() != psi.size() || psi_ != psi) value(psi);
    const Eigen::MatrixXd precision = group_.precision(psi);
    const int q = group_.layout().size(), p = group_.n_coefficients();
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const Eigen::MatrixXd slope = group_.precision_slope(psi);
    each([&](int i) {
      contributions_[i] =
          laplace_contribution(engine_, Trials(data_, i), group_.layout(),
                               Prior{group_.mean(psi, i), precision}, covariance, persons_[i],
                               gaussian_);
      to_group(i, slope);
    });
    Eigen::VectorXd g_precision = Eigen::VectorXd::Zero(q);
    g = Eigen::VectorXd::Zero(p + q);
    h = Eigen::MatrixXd::Zero(p + q, p + q);
    double sum = 0.0;
    for (std::size_t i = 0; i < persons_.size(); ++i) {
      if (!included_[i]) continue;
      g += contributions_[i].gradient;
      h += contributions_[i].hessian;
      g_precision += precision_gradient_[i];
      sum += evidence_[i];
    }
    h.bottomRightCorner(q, q) += group_.precision_bend(psi, g_precision);
    history_.push_back(sum);
    return sum;
  }

  /// From now on Hessians take all posteriors as Gaussian.
  void take_as_gaussian() { gaussian_ = true; }

  /// One step of EM: the group that fits the modes and their spread.
  Eigen::VectorXd em_step(const Eigen::VectorXd& psi) const {
    const Eigen::MatrixXd precision = group_.precision(psi);
    const int d = engine_.size(), p = group_.n_coefficients();
    Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(p, p);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(p);
    for (std::size_t i = 0; i < persons_.size(); ++i) {
      if (!included_[i]) continue;
      const Eigen::MatrixXd z = group_.design(static_cast<int>(i));
      normal += z.transpose() * precision * z;
      right += z.transpose() * precision * persons_[i].mode;
    }
    const Eigen::VectorXd coefficients = normal.ldlt().solve(right);
    Eigen::MatrixXd spread = Eigen::MatrixXd::Zero(d, d);
    int n = 0;
    for (std::size_t i = 0; i < persons_.size(); ++i) {
      if (!included_[i]) continue;
      const Eigen::VectorXd r =
          persons_[i].mode - group_.design(static_cast<int>(i)) * coefficients;
      spread += r * r.transpose() + (persons_[i].curvature + precision)
          .llt().solve(Eigen::MatrixXd::Identity(d, d));
      ++n;
    }
    return group_.pack(coefficients, spread / std::max(1, n));
  }

 private:
  /// Calls `body(person)` for everybody included, on the executor's threads.
  template <class Body>
  void each(const Body& body) {
    const std::size_t n = persons_.size();
    for_chunks(executor_, n, engine_.threads() ? 1 + n / 64 : n + 1,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i)
        if (included_[i]) body(static_cast<int>(i));
    });
  }

  /// The mode under another group, from where the quadratic around the old mode has it.
  PersonFit refit(int i, const Prior& prior) const {
    const PersonFit& old = persons_[i];
    Eigen::VectorXd start = old.mode;
    const Eigen::LLT<Eigen::MatrixXd> llt(old.curvature + prior.precision);
    if (llt.info() == Eigen::Success) {
      const Eigen::VectorXd step =
          llt.solve(old.gradient - prior.precision * (old.mode - prior.mean));
      if (step.cwiseAbs().maxCoeff() < 3.0) start += step;
    }
    NewtonControl control;
    control.tolerance = 1e-11;
    const PersonFit fit = fit_person(engine_, Trials(data_, i), prior, box_, start, control);
    return fit.usable() ? fit
                        : fit_person(engine_, Trials(data_, i), prior, box_, prior.mean, control);
  }

  /// From (mu_i, P) to psi, without the bend of P, which is added for all at once.
  void to_group(int i, const Eigen::MatrixXd& slope) {
    const int d = engine_.size(), q = group_.layout().size(), p = group_.n_coefficients();
    Contribution& c = contributions_[i];
    Eigen::MatrixXd map = Eigen::MatrixXd::Zero(d + q, p + q);
    map.topLeftCorner(d, p) = group_.design(i);
    map.bottomRightCorner(q, q) = slope;
    precision_gradient_[i] = c.gradient.tail(q);
    c.gradient = map.transpose() * c.gradient;
    c.hessian = map.transpose() * c.hessian * map;
    c.mode_slope = c.mode_slope * map;
  }

  const Engine& engine_;
  const ChoiceData& data_;
  const Group& group_;
  std::vector<PersonFit> persons_;
  const Executor& executor_;
  std::vector<Contribution> contributions_;           // in psi, after derivatives()
  std::vector<Eigen::VectorXd> precision_gradient_;   // [layout] per person
  std::vector<char> included_;
  std::vector<double> evidence_, history_;
  Box box_;
  Eigen::VectorXd psi_;
  bool gaussian_ = false;
};

struct HierarchicalControl {
  double tolerance = 1e-7;   // on the log evidence
  int max_iterations = 100;
  int warm_up = 6;           // steps of EM before Newton
  bool em_only = false;
};

struct HierarchicalFit {
  NewtonResult group;        // psi, log evidence, gradient, Hessian
  Eigen::MatrixXd covariance;  // of psi; zero where held at a bound
  Eigen::MatrixXd flat;        // directions of psi without information, by column
  std::vector<char> held;    // at a bound: no variation between persons
  bool gaussian = false;     // the covariance takes all posteriors as Gaussian
  std::vector<double> trace;
};

/// Standard deviations between persons, given the parameters before, are sought between
/// .005 and 400 on the unconstrained scale.
inline Box group_box(const Group& group) {
  Box box{Eigen::VectorXd::Constant(group.size(), -1e6),
          Eigen::VectorXd::Constant(group.size(), 1e6)};
  for (int r = 0; r < group.layout().size(); ++r) {
    const auto e = group.layout().entry(r);
    if (e.first != e.second) continue;
    box.lower[group.n_coefficients() + r] = std::log(0.005);
    box.upper[group.n_coefficients() + r] = std::log(400.0);
  }
  return box;
}

/// EM to convergence of the evidence, extrapolated where that rises (SQUAREM,
/// Varadhan & Roland 2008).
inline Eigen::VectorXd run_em(Marginal& marginal, Eigen::VectorXd psi, int max_iterations,
                              double tolerance, const Monitor& monitor, NewtonResult& result) {
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
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(-pick.transpose() * at.hessian *
                                                             pick);
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

/// Newton on the marginal likelihood. Branches of a model make it jump a little where a
/// mode crosses one; a search that a jump has stopped is taken on by EM, if that rises.
inline NewtonResult climb(Marginal& marginal, Eigen::VectorXd psi, const Box& box,
                          const HierarchicalControl& control, const Monitor& monitor) {
  NewtonControl newton;
  newton.tolerance = control.tolerance;
  newton.max_iterations = control.max_iterations;
  newton.max_step = 1.5;
  NewtonResult at = maximise(marginal, psi, box.lower, box.upper, newton, monitor);
  int iterations = at.iterations;
  for (int round = 0; round < 5 && at.status == Status::no_progress; ++round) {
    NewtonResult em;
    marginal.value(at.x);
    psi = run_em(marginal, at.x, 2, control.tolerance, monitor, em);
    if (!(marginal.value(psi) > at.value + 1e-4)) break;
    at = maximise(marginal, psi, box.lower, box.upper, newton, monitor);
    iterations += at.iterations;
  }
  at.iterations = iterations;
  return at;
}

inline HierarchicalFit fit_hierarchical(Marginal& marginal, const Group& group,
                                        const Eigen::VectorXd& start,
                                        const HierarchicalControl& control,
                                        const Monitor& monitor) {
  HierarchicalFit fit;
  const Box box = group_box(group);
  const Eigen::VectorXd psi =
      run_em(marginal, start, control.em_only ? control.max_iterations : control.warm_up / 2,
             control.em_only ? control.tolerance : 1e-3, monitor, fit.group);
  if (control.em_only) {
    const Status status = fit.group.status;
    fit.group.x = psi.cwiseMax(box.lower).cwiseMin(box.upper);
    fit.group.value =
        marginal.derivatives(fit.group.x, fit.group.gradient, fit.group.hessian);
    fit.group.status = status;
  } else {
    fit.group = climb(marginal, psi, box, control, monitor);
    marginal.value(fit.group.x);
  }
  if (std::isfinite(fit.group.value) && !group_covariance(fit, box)) {
    fit.gaussian = true;
    marginal.take_as_gaussian();
    marginal.derivatives(fit.group.x, fit.group.gradient, fit.group.hessian);
    group_covariance(fit, box);
  }
  fit.trace = marginal.history();
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

/// log of the evidence by importance sampling from a t with 5 degrees of freedom around
/// the mode: the check of Laplace.
inline double importance_evidence(const Engine& engine, const Trials& trials,
                                  const PersonFit& fit, const Prior& group, int draws,
                                  Stream stream) {
  const int d = static_cast<int>(fit.mode.size());
  const Eigen::LLT<Eigen::MatrixXd> llt(fit.curvature + group.precision);
  const double half_log_det = llt.matrixLLT().diagonal().array().log().sum();
  const double prior_log_det = group.precision.llt().matrixLLT().diagonal().array().log().sum();
  const double log_t = std::lgamma(0.5 * (5 + d)) - std::lgamma(2.5) -
      0.5 * d * std::log(5.0 * 3.141592653589793) + half_log_det;
  std::vector<double> weight(draws);
  const PersonObjective objective(engine, trials, group);
  for (double& w : weight) {
    Eigen::VectorXd z(d);
    double chi = 0.0;
    for (int k = 0; k < d; ++k) z[k] = stream.normal();
    for (int k = 0; k < 5; ++k) {
      const double x = stream.normal();
      chi += x * x;
    }
    z /= std::sqrt(chi / 5.0);
    const Eigen::VectorXd u = fit.mode + llt.matrixU().solve(z);
    const double log_q = log_t - 0.5 * (5 + d) * std::log1p(z.squaredNorm() / 5.0);
    w = objective.value(u) + prior_log_det - 0.5 * d * std::log(6.283185307179586) - log_q;
    if (!std::isfinite(w)) w = -kInfinity;
  }
  return log_sum_exp(weight.data(), draws) - std::log(static_cast<double>(draws));
}

}  // namespace learning
}  // namespace psyrl
