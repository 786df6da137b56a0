// The Laplace marginal log-likelihood of a group: every person's mode, its spread, and
// the sum of log evidence with its derivatives in psi.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/learning/group.h"

namespace psyrl {
namespace learning {

/// All persons' modes under a group, kept from one evaluation to the next, and the
/// Laplace marginal log-likelihood with its derivatives in psi.
class Marginal {
 public:
  static constexpr bool kOneCall = false;

  Marginal(const Engine& engine, const ChoiceData& data, const Group& group,
           const std::vector<PersonFit>& start, const Executor& executor)
      : engine_(engine), data_(data), group_(group), start_(start), persons_(start),
        executor_(executor), contributions_(start.size()),
        precision_gradient_(start.size()), box_(wide_box(engine)) {
    for (const PersonFit& fit : persons_) included_.push_back(fit.usable());
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
    derived_ = false;
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
    if (!derived_) derive(psi);
    g = gradient_;
    h = hessian_;
    return history_.back();
  }

  /// Modes from where everybody was found at first: a mode that was left under a narrower
  /// group may be the highest again. True if somebody went back.
  bool look_again(const Eigen::VectorXd& psi) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    std::vector<char> went(persons_.size(), 0);
    each([&](int i) {
      const PersonFit found =
          search(i, Prior{group_.mean(psi, i), precision}, start_[i].mode);
      went[i] = found.objective > persons_[i].objective + 1e-4;
      if (went[i]) persons_[i] = found;
    });
    const bool any = std::find(went.begin(), went.end(), 1) != went.end();
    if (any) psi_.resize(0);
    return any;
  }

  /// Is Laplace's expansion in order for most persons? Where it is not for a quarter of
  /// them, neither its evidence nor a search on it is to be trusted.
  bool regular(const Eigen::VectorXd& psi) {
    Eigen::VectorXd g;
    Eigen::MatrixXd h;
    derivatives(psi, g, h);
    int n = 0, doubtful = 0;
    for (std::size_t i = 0; i < persons_.size(); ++i)
      if (included_[i]) ++n, doubtful += !contributions_[i].regular;
    return 4 * doubtful <= n;
  }

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
  /// Derivatives at the modes that value() has found.
  void derive(const Eigen::VectorXd& psi) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    const int q = group_.layout().size(), p = group_.n_coefficients();
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const Eigen::MatrixXd slope = group_.precision_slope(psi);
    each([&](int i) {
      contributions_[i] =
          laplace_contribution(engine_, Trials(data_, i), group_.layout(),
                               Prior{group_.mean(psi, i), precision}, covariance,
                               persons_[i]);
      precision_gradient_[i] = contributions_[i].gradient.tail(q);
      group_.pull_back(i, slope, contributions_[i]);
    });
    Eigen::VectorXd g_precision = Eigen::VectorXd::Zero(q);
    Eigen::VectorXd& g = gradient_;
    Eigen::MatrixXd& h = hessian_;
    g = Eigen::VectorXd::Zero(p + q);
    h = Eigen::MatrixXd::Zero(p + q, p + q);
    Eigen::MatrixXd tame = h;
    double sum = 0.0;
    for (std::size_t i = 0; i < persons_.size(); ++i) {
      if (!included_[i]) continue;
      g += contributions_[i].gradient;
      h += contributions_[i].hessian;
      tame += contributions_[i].tame;
      g_precision += precision_gradient_[i];
      sum += evidence_[i];
    }
    const Eigen::MatrixXd bend = group_.precision_bend(psi, g_precision);
    h.bottomRightCorner(q, q) += bend;
    tame.bottomRightCorner(q, q) += bend;
    // Far from the optimum the exact Hessian may point nowhere.
    if (Eigen::LLT<Eigen::MatrixXd>(-h).info() != Eigen::Success) h = tame;
    history_.push_back(sum);
    derived_ = true;
  }

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
    const PersonFit fit = search(i, prior, start);
    return fit.usable() ? fit : search(i, prior, prior.mean);
  }

  PersonFit search(int i, const Prior& prior, const Eigen::VectorXd& from) const {
    NewtonControl control;
    control.tolerance = 1e-11;
    return fit_person(engine_, Trials(data_, i), prior, box_, from, control);
  }

  const Engine& engine_;
  const ChoiceData& data_;
  const Group& group_;
  const std::vector<PersonFit>& start_;
  std::vector<PersonFit> persons_;
  const Executor& executor_;
  std::vector<Contribution> contributions_;           // in psi, after derivatives()
  std::vector<Eigen::VectorXd> precision_gradient_;   // [layout] per person
  std::vector<char> included_;
  std::vector<double> evidence_, history_;
  Box box_;
  Eigen::VectorXd psi_, gradient_;
  Eigen::MatrixXd hessian_;
  bool derived_ = false;  // at psi_
};

}  // namespace learning
}  // namespace psyrl
