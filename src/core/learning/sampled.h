// The marginal log-likelihood of a group by importance sampling: draws of every person
// are made once, from a proposal near the posterior, and reweighted for every group.
//
//   F_i(psi) = log mean_k exp( l(u_ik) + log N(u_ik; mu_i, S) - log q_i(u_ik) )
//
// is smooth in psi whatever the shape of the posterior, where Laplace's approximation
// jumps. With the posterior's weights w, derivatives are those of complete data, g_c and
// H_c, averaged (Louis 1982):
//
//   dF = E_w[g_c],  d^2 F = E_w[H_c] + Cov_w[g_c],  d E_w[u] = Cov_w[u, g_c].
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/numerics.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "core/learning/group.h"

namespace psyrl {
namespace learning {

/// q = .8 t_5(centre, scale) + .2 N(mu, S): near the posterior, and never narrower than
/// what is known without it (Hesterberg 1995). A fifth of the draws are from the second.
class Proposal {
 public:
  static constexpr double kPriorShare = 0.2;

  Proposal(const Eigen::VectorXd& centre, const Eigen::MatrixXd& scale,
           const Eigen::VectorXd& mean, const Eigen::MatrixXd& covariance)
      : centre_(centre), mean_(mean), scale_(scale.llt().matrixL()),
        prior_(covariance.llt().matrixL()) {
    const double d = static_cast<double>(centre.size());
    log_t_ = std::lgamma(0.5 * (kDf + d)) - std::lgamma(0.5 * kDf) -
        0.5 * d * std::log(kDf * kPi) - scale_.diagonal().array().log().sum();
    log_normal_ = -0.5 * d * std::log(2.0 * kPi) - prior_.diagonal().array().log().sum();
  }

  /// Two draws, mirrored at the centre of their component.
  void pair(Stream& stream, bool from_prior, Eigen::Ref<Eigen::VectorXd> one,
            Eigen::Ref<Eigen::VectorXd> other) const {
    Eigen::VectorXd z(centre_.size());
    for (int k = 0; k < z.size(); ++k) z[k] = stream.normal();
    if (!from_prior) {
      double chi = 0.0;
      for (int k = 0; k < kDf; ++k) {
        const double x = stream.normal();
        chi += x * x;
      }
      z /= std::sqrt(chi / kDf);
    }
    const Eigen::VectorXd step = (from_prior ? prior_ : scale_) * z;
    one = (from_prior ? mean_ : centre_) + step;
    other = (from_prior ? mean_ : centre_) - step;
  }

  double log_density(const Eigen::VectorXd& u) const {
    const double t = distance(scale_, u - centre_), n = distance(prior_, u - mean_);
    const double parts[2] = {
        std::log(1.0 - kPriorShare) + log_t_ -
            0.5 * (kDf + static_cast<double>(u.size())) * std::log1p(t / kDf),
        std::log(kPriorShare) + log_normal_ - 0.5 * n};
    return log_sum_exp(parts, 2);
  }

 private:
  static constexpr int kDf = 5;
  static constexpr double kPi = 3.141592653589793;

  static double distance(const Eigen::MatrixXd& factor, const Eigen::VectorXd& x) {
    return factor.triangularView<Eigen::Lower>().solve(x).squaredNorm();
  }

  Eigen::VectorXd centre_, mean_;
  Eigen::MatrixXd scale_, prior_;
  double log_t_, log_normal_;
};

/// A person's posterior as its draws have it.
struct Posterior {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
  double effective = 0.0;  // sample size
};

class SampledMarginal {
 public:
  static constexpr bool kOneCall = true;

  SampledMarginal(const Engine& engine, const ChoiceData& data, const Group& group,
                  const std::vector<char>& included, const Executor& executor)
      : engine_(engine), data_(data), group_(group), included_(included),
        executor_(executor), draws_(included.size()), excess_(included.size()),
        evidence_(included.size(), 0.0), centres_(included.size()),
        posteriors_(included.size()),
        contributions_(included.size()) {}

  /// Where the first draws are made.
  void start(int person, const Posterior& around) { centres_[person] = around; }
  const std::vector<Posterior>& posteriors() const { return posteriors_; }
  const std::vector<Contribution>& contributions() const { return contributions_; }
  const std::vector<double>& evidence() const { return evidence_; }
  /// The log evidence at every point whose derivatives were asked for.
  const std::vector<double>& history() const { return history_; }

  /// New draws around the posteriors under psi, `n` of each person.
  void draw(const Eigen::VectorXd& psi, int n, std::uint64_t seed, int round) {
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const int d = engine_.size(), from_prior = std::max(1, n / 10), pairs = 5 * from_prior;
    each([&](int i) {
      // A little of the group's spread keeps proposals from collapsing onto few draws.
      learn_from(i);
      const Proposal q(centres_[i].mean, centres_[i].covariance + 0.02 * covariance,
                       group_.mean(psi, i), covariance);
      Stream stream(seed, 610 + static_cast<std::uint64_t>(round), i);
      const Trials trials(data_, i);
      draws_[i].resize(d, 2 * pairs);
      excess_[i].resize(2 * pairs);
      for (int k = 0; k < pairs; ++k)
        q.pair(stream, k < from_prior, draws_[i].col(2 * k), draws_[i].col(2 * k + 1));
      for (int k = 0; k < 2 * pairs; ++k) {
        const Eigen::VectorXd u = draws_[i].col(k);
        const double l = engine_.value(trials, u.data(), Scale::link);
        excess_[i][k] = std::isfinite(l) ? l - q.log_density(u) : -kInfinity;
      }
    });
  }

  double value(const Eigen::VectorXd& psi) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    each([&](int i) {
      evidence_[i] = weigh(i, group_.mean(psi, i), precision).log_mean;
    });
    return total();
  }

  double derivatives(const Eigen::VectorXd& psi, Eigen::VectorXd& g, Eigen::MatrixXd& h) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const Eigen::MatrixXd slope = group_.precision_slope(psi);
    const int q = group_.layout().size(), p = group_.n_coefficients();
    std::vector<Eigen::VectorXd> by_precision(included_.size());
    each([&](int i) {
      const Weights w = weigh(i, group_.mean(psi, i), precision);
      evidence_[i] = w.log_mean;
      contribute(i, w, precision, covariance);
      by_precision[i] = contributions_[i].gradient.tail(q);
      group_.pull_back(i, slope, contributions_[i]);
    });
    g = Eigen::VectorXd::Zero(p + q);
    h = Eigen::MatrixXd::Zero(p + q, p + q);
    Eigen::VectorXd g_precision = Eigen::VectorXd::Zero(q);
    for (std::size_t i = 0; i < included_.size(); ++i) {
      if (!included_[i]) continue;
      g += contributions_[i].gradient;
      h += contributions_[i].hessian;
      g_precision += by_precision[i];
    }
    h.bottomRightCorner(q, q) += group_.precision_bend(psi, g_precision);
    history_.push_back(total());
    return history_.back();
  }

 private:
  struct Weights {
    Eigen::MatrixXd r;      // u - mu, by column
    Eigen::VectorXd share;  // sums to one
    double log_mean;
  };

  Weights weigh(int i, const Eigen::VectorXd& mean, const Eigen::MatrixXd& precision) const {
    Weights w;
    w.r = draws_[i].colwise() - mean;
    const double constant = precision.llt().matrixLLT().diagonal().array().log().sum() -
        0.5 * static_cast<double>(mean.size()) * std::log(6.283185307179586);
    const Eigen::VectorXd log_weight = excess_[i].array() + constant -
        0.5 * (precision * w.r).cwiseProduct(w.r).colwise().sum().transpose().array();
    const double top = log_sum_exp(log_weight.data(), static_cast<int>(log_weight.size()));
    w.share = (log_weight.array() - top).exp();
    w.log_mean = top - std::log(static_cast<double>(log_weight.size()));
    return w;
  }

  /// Derivatives in (mu, P_r), from the moments of s = (r, r^T B_r r / 2): the gradient
  /// of complete data is T s + constant, T = diag(P, -1).
  void contribute(int i, const Weights& w, const Eigen::MatrixXd& P,
                  const Eigen::MatrixXd& S) {
    const PrecisionLayout& layout = group_.layout();
    const int d = layout.dimension(), q = layout.size();
    Eigen::MatrixXd s(d + q, w.r.cols());
    s.topRows(d) = P * w.r;
    for (int r = 0; r < q; ++r) {
      const auto e = layout.entry(r);
      s.row(d + r) = w.r.row(e.first).cwiseProduct(w.r.row(e.second)) *
          (e.first == e.second ? -0.5 : -1.0);
    }
    const Eigen::VectorXd mean = s * w.share, centre = w.r * w.share;
    s.colwise() -= mean;
    const Eigen::MatrixXd weighted = s * w.share.asDiagonal();
    Contribution& out = contributions_[i];
    out.gradient = mean;
    out.hessian = weighted * s.transpose();
    out.hessian.topLeftCorner(d, d) -= P;
    for (int r = 0; r < q; ++r) {
      out.gradient[d + r] += 0.5 * layout.trace(r, S);
      const Eigen::VectorXd cross = layout.apply(r, centre);
      out.hessian.col(d + r).head(d) += cross;
      out.hessian.row(d + r).head(d) += cross.transpose();
      for (int t = 0; t < q; ++t)
        out.hessian(d + r, d + t) -= 0.5 * layout.trace2(r, t, S);
    }
    out.tame = out.hessian;
    const Eigen::MatrixXd around = w.r.colwise() - centre;
    out.mode_slope = around * weighted.transpose();
    posteriors_[i].mean = draws_[i] * w.share;
    posteriors_[i].covariance = around * w.share.asDiagonal() * around.transpose();
    posteriors_[i].effective = 1.0 / w.share.squaredNorm();
  }

  /// Moves the proposal to the moments of the last draws, as far as they are known.
  void learn_from(int i) {
    const Posterior& now = posteriors_[i];
    Posterior& centre = centres_[i];
    const double trust = now.effective / (now.effective + 5.0 * engine_.size());
    if (now.effective == 0.0) return;
    centre.mean += trust * (now.mean - centre.mean);
    centre.covariance += trust * (now.covariance - centre.covariance);
  }

  double total() const {
    double sum = 0.0;
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (included_[i]) sum += evidence_[i];
    return sum;
  }

  template <class Body>
  void each(const Body& body) {
    const std::size_t n = included_.size();
    for_chunks(executor_, n, engine_.threads() ? 1 + n / 64 : n + 1,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i)
        if (included_[i]) body(static_cast<int>(i));
    });
  }

  const Engine& engine_;
  const ChoiceData& data_;
  const Group& group_;
  std::vector<char> included_;
  const Executor& executor_;
  std::vector<Eigen::MatrixXd> draws_;   // [d x draws] per person
  std::vector<Eigen::VectorXd> excess_;  // l(u) - log q(u)
  std::vector<double> evidence_, history_;
  std::vector<Posterior> centres_, posteriors_;
  std::vector<Contribution> contributions_;
};

}  // namespace learning
}  // namespace psyrl
