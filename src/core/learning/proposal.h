// Importance sampling of one person's posterior: draws come from several proposals, one
// after the other, and count as drawn from their mixture,
//
//   w_k = L(u_k) N(u_k; mu, S) / sum_r n_r q_r(u_k),
//
// so that no round is lost and a bad one does no harm (Veach & Guibas 1995; adaptive
// multiple importance sampling, Cornuet et al. 2012).
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/numerics.h"
#include "core/base/rng.h"

namespace psyrl {
namespace learning {

/// A person's posterior as its draws have it.
struct Posterior {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
  double effective = 0.0;  // sample size
};

/// q = .9 t_5(centre, scale) + .1 N(mu, S): near the posterior, and never narrower than
/// what is known without it (Hesterberg 1995).
class Proposal {
 public:
  Proposal(const Posterior& around, const Eigen::VectorXd& mean,
           const Eigen::MatrixXd& covariance)
      : centre_(around.mean), mean_(mean), scale_(around.covariance.llt().matrixL()),
        prior_(covariance.llt().matrixL()) {
    const double d = static_cast<double>(mean.size());
    log_t_ = std::log(1.0 - kPriorShare) + std::lgamma(0.5 * (kDf + d)) -
        std::lgamma(0.5 * kDf) - 0.5 * d * std::log(kDf * kPi) -
        scale_.diagonal().array().log().sum();
    log_normal_ = std::log(kPriorShare) - 0.5 * d * std::log(2.0 * kPi) -
        prior_.diagonal().array().log().sum();
  }

  /// Draws by column, two by two mirrored at the centre of their component.
  Eigen::MatrixXd draw(int pairs, Stream& stream) const {
    const int from_prior =
        std::max(1, static_cast<int>(std::lround(kPriorShare * pairs)));
    Eigen::MatrixXd out(mean_.size(), 2 * pairs);
    for (int k = 0; k < pairs; ++k) {
      const bool prior = k < from_prior;
      Eigen::VectorXd z(mean_.size());
      for (int i = 0; i < z.size(); ++i) z[i] = stream.normal();
      if (!prior) z *= tail(stream);
      const Eigen::VectorXd step = (prior ? prior_ : scale_) * z;
      const Eigen::VectorXd& middle = prior ? mean_ : centre_;
      out.col(2 * k) = middle + step;
      out.col(2 * k + 1) = middle - step;
    }
    return out;
  }

  /// Log-densities of draws by column.
  Eigen::ArrayXd log_density(const Eigen::MatrixXd& u) const {
    const double power = -0.5 * (kDf + static_cast<double>(u.rows()));
    const Eigen::ArrayXd t = distance(scale_, u, centre_);
    const Eigen::ArrayXd n = distance(prior_, u, mean_);
    return log_add(log_t_ + power * (1.0 + t / kDf).log(), log_normal_ - 0.5 * n);
  }

  static Eigen::ArrayXd log_add(const Eigen::ArrayXd& a, const Eigen::ArrayXd& b) {
    return a.max(b) + (1.0 + (-(a - b).abs()).exp()).log();
  }

 private:
  static constexpr double kPriorShare = 0.1;
  static constexpr int kDf = 5;
  static constexpr double kPi = 3.141592653589793;

  static double tail(Stream& stream) {
    double chi = 0.0;
    for (int k = 0; k < kDf; ++k) {
      const double x = stream.normal();
      chi += x * x;
    }
    return std::sqrt(kDf / chi);
  }
  static Eigen::ArrayXd distance(const Eigen::MatrixXd& factor, const Eigen::MatrixXd& u,
                                 const Eigen::VectorXd& centre) {
    const Eigen::MatrixXd r = u.colwise() - centre;
    return factor.triangularView<Eigen::Lower>().solve(r).colwise().squaredNorm()
        .transpose().array();
  }

  Eigen::VectorXd centre_, mean_;
  Eigen::MatrixXd scale_, prior_;
  double log_t_, log_normal_;
};

/// Draws of a person with their log-likelihoods, weighted for any group. The last batch
/// stands for the integral, as drawn from its own proposal; all batches together, as
/// drawn from the mixture of their proposals, only tell where the next one is drawn:
/// proposals have learned from them, which biases what they say of the integral.
class DrawPool {
 public:
  enum Which { batch, all };
  struct Weights {
    Eigen::MatrixXd r;      // u - mu, by column
    Eigen::VectorXd share;  // sums to one
    double log_mean;        // log of the integral's estimate
    double effective() const { return 1.0 / share.squaredNorm(); }
    /// log of the integral: that of an estimate is too low by half its relative variance.
    double log_integral() const {
      const double n = static_cast<double>(share.size());
      return log_mean + 0.5 * (share.squaredNorm() - 1.0 / n);
    }
    /// d log_integral, as weights of the draws' own derivatives.
    Eigen::VectorXd slope() const {
      return share + share.cwiseAbs2() - share.squaredNorm() * share;
    }
  };

  int size() const { return static_cast<int>(log_lik_.size()); }

  /// A new batch; `log_lik(u)` of each draw.
  template <class LogLik>
  void add(const Proposal& proposal, int pairs, Stream& stream, const LogLik& log_lik) {
    const Eigen::MatrixXd fresh = proposal.draw(pairs, stream);
    const Eigen::Index n = size(), m = fresh.cols();
    draws_.conservativeResize(fresh.rows(), n + m);
    draws_.rightCols(m) = fresh;
    log_lik_.conservativeResize(n + m);
    for (Eigen::Index k = 0; k < m; ++k) {
      const Eigen::VectorXd u = fresh.col(k);
      const double value = log_lik(u);
      log_lik_[n + k] = std::isfinite(value) ? value : -kInfinity;
    }
    const double log_m = std::log(static_cast<double>(m));
    Eigen::ArrayXd mass = log_m + proposal.log_density(draws_);
    log_own_ = mass.tail(m);
    for (std::size_t r = 0; r < proposals_.size(); ++r)
      mass.tail(m) = Proposal::log_add(
          mass.tail(m), log_counts_[r] + proposals_[r].log_density(fresh));
    if (n > 0) mass.head(n) = Proposal::log_add(mass.head(n), log_mass_);
    log_mass_ = mass;
    proposals_.push_back(proposal);
    log_counts_.push_back(log_m);
    batch_ = static_cast<int>(m);
  }

  Weights weigh(const Eigen::VectorXd& mean, const Eigen::MatrixXd& precision,
                Which which) const {
    const int n = which == all ? size() : batch_;
    Weights w;
    w.r = draws_.rightCols(n).colwise() - mean;
    const double constant = precision.llt().matrixLLT().diagonal().array().log().sum() -
        0.5 * static_cast<double>(mean.size()) * std::log(6.283185307179586);
    w.share = log_lik_.tail(n) - (which == all ? log_mass_ : log_own_) + constant -
        0.5 * (precision * w.r).cwiseProduct(w.r).colwise().sum().transpose().array();
    w.log_mean = log_sum_exp(w.share.data(), n);
    w.share = (w.share.array() - w.log_mean).exp();
    return w;
  }

  static Posterior moments(const Weights& w, const Eigen::VectorXd& mean) {
    const Eigen::VectorXd centre = w.r * w.share;
    const Eigen::MatrixXd around = w.r.colwise() - centre;
    return {mean + centre, around * w.share.asDiagonal() * around.transpose(),
            w.effective()};
  }

  /// Flattens the weights (w^power) until `least` draws count: moments of few draws
  /// would be those of a posterior narrower than it is.
  static void temper(Weights& w, double least) {
    if (w.effective() >= least) return;
    const Eigen::ArrayXd log_share = w.share.array().max(1e-300).log();
    double low = 0.0, high = 1.0;
    for (int i = 0; i < 12; ++i) {
      const double power = 0.5 * (low + high);
      w.share = (power * log_share).exp();
      w.share /= w.share.sum();
      (w.effective() >= least ? low : high) = power;
    }
  }

 private:
  Eigen::MatrixXd draws_;              // [d x draws]
  Eigen::ArrayXd log_lik_, log_mass_;  // log sum_r n_r q_r
  Eigen::ArrayXd log_own_;             // of the last batch, log n q
  std::vector<Proposal> proposals_;
  std::vector<double> log_counts_;
  int batch_ = 0;
};

}  // namespace learning
}  // namespace psyrl
