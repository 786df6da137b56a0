// The marginal log-likelihood of a group by importance sampling: draws of every person
// are made near the posterior (person_draws.h) and reweighted for every group.
//
//   F_i(psi) = log sum_k L(u_ik) N(u_ik; mu_i, S) / sum_r n_r q_ir(u_ik)
//
// is smooth in psi whatever the shape of the posterior, where Laplace's approximation
// jumps. With the posterior's weights w, derivatives are those of complete data, g_c and
// H_c, averaged (Louis 1982):
//
//   dF = E_w[g_c],  d^2 F = E_w[H_c] + Cov_w[g_c],  d E_w[u] = Cov_w[u, g_c].
//
// The logarithm of a mean of n draws is too low by half its relative variance, which over
// many persons moves the maximum: F and dF carry the term that corrects it.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/learning/group.h"
#include "core/learning/person_draws.h"

namespace psyrl {
namespace learning {

class SampledMarginal {
 public:
  static constexpr bool kOneCall = false;

  SampledMarginal(const Engine& engine, const ChoiceData& data, const Group& group,
                  const std::vector<char>& included, const Executor& executor)
      : engine_(engine), data_(data), group_(group), included_(included),
        executor_(executor), draws_(included.size()), evidence_(included.size(), 0.0),
        effective_(included.size(), 1.0), posteriors_(included.size()),
        contributions_(included.size()) {}

  /// Where the first draws are made.
  void start(int person, const Posterior& around) { draws_[person].start(around); }
  const std::vector<Posterior>& posteriors() const { return posteriors_; }
  const std::vector<Contribution>& contributions() const { return contributions_; }
  const std::vector<double>& evidence() const { return evidence_; }
  /// The log evidence at every point whose derivatives were asked for.
  const std::vector<double>& history() const { return history_; }
  /// How many times more the draws counted where they were made than at the last value().
  double worn() const { return std::exp(drawn_effective_ - log_effective()); }

  /// More draws of each person, around the posteriors under psi.
  void draw(const Eigen::VectorXd& psi, int pairs, std::uint64_t seed, int round) {
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const Eigen::MatrixXd precision = group_.precision(psi);
    each([&](int i) {
      Stream stream(seed, 610 + static_cast<std::uint64_t>(round), i);
      draws_[i].draw(engine_, Trials(data_, i),
                     {group_.mean(psi, i), covariance, precision}, pairs, stream);
    });
    value(psi);
    drawn_effective_ = log_effective();
  }

  /// Draws around the modes that are found from `start`, where they promise more than
  /// draws have found: a mode that was left under a narrower group may be the highest.
  void look_again(const Eigen::VectorXd& psi, const std::vector<PersonFit>& start,
                  int pairs, std::uint64_t seed, int round) {
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const Eigen::MatrixXd precision = group_.precision(psi);
    const double log_det = 2.0 *
        precision.llt().matrixLLT().diagonal().array().log().sum();
    const Box box = wide_box(engine_);
    each([&](int i) {
      const Trials trials(data_, i);
      const Prior prior{group_.mean(psi, i), precision};
      const PersonFit found =
          fit_person(engine_, trials, prior, box, start[i].mode, NewtonControl());
      if (!(laplace_value(found, log_det, precision) > evidence_[i] + 1.0)) return;
      Stream stream(seed, 650 + static_cast<std::uint64_t>(round), i);
      draws_[i].visit(engine_, trials, {prior.mean, covariance, precision},
                      around_mode(found, precision), pairs, stream);
    });
  }

  /// NaN where the draws no longer count: there they say nothing.
  double value(const Eigen::VectorXd& psi) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    each([&](int i) {
      const DrawPool::Weights w =
          draws_[i].pool().weigh(group_.mean(psi, i), precision, DrawPool::batch);
      evidence_[i] = w.log_integral();
      effective_[i] = w.effective();
    });
    return worn() > 2.0 ? std::nan("") : total();
  }

  double derivatives(const Eigen::VectorXd& psi, Eigen::VectorXd& g, Eigen::MatrixXd& h) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    const Eigen::MatrixXd covariance = group_.covariance(psi);
    const Eigen::MatrixXd slope = group_.precision_slope(psi);
    const int q = group_.layout().size(), p = group_.n_coefficients();
    std::vector<Eigen::VectorXd> by_precision(included_.size());
    each([&](int i) {
      const Eigen::VectorXd mean = group_.mean(psi, i);
      const DrawPool::Weights w = draws_[i].pool().weigh(mean, precision, DrawPool::batch);
      evidence_[i] = w.log_integral();
      posteriors_[i] = DrawPool::moments(w, mean);
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

  /// `hessian` held, in every direction, to a quarter at least of what the products of the
  /// persons' scores say (Berndt, Hall, Hall & Hausman 1974): where little is known the
  /// noise of draws may leave it without a maximum.
  Eigen::MatrixXd steadied(const Eigen::MatrixXd& hessian) const {
    Eigen::MatrixXd products = Eigen::MatrixXd::Zero(hessian.rows(), hessian.rows());
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (included_[i])
        products += contributions_[i].gradient * contributions_[i].gradient.transpose();
    const Eigen::LLT<Eigen::MatrixXd> llt(products);
    if (llt.info() != Eigen::Success || llt.rcond() < 1e-10) return hessian;
    const Eigen::MatrixXd half = llt.matrixL().solve(-hessian);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
        Eigen::MatrixXd(llt.matrixL().solve(half.transpose())));
    if (eigen.eigenvalues()[0] >= 0.25) return hessian;
    const Eigen::MatrixXd back = llt.matrixL() * eigen.eigenvectors();
    return -back * eigen.eigenvalues().cwiseMax(0.25).asDiagonal() * back.transpose();
  }

  /// Variance of the gradient at psi over repeated draws: what Monte Carlo adds.
  Eigen::MatrixXd noise(const Eigen::VectorXd& psi) {
    const Eigen::MatrixXd precision = group_.precision(psi);
    const Eigen::MatrixXd slope = group_.precision_slope(psi);
    std::vector<Eigen::MatrixXd> own(included_.size());
    each([&](int i) {
      const DrawPool::Weights w =
          draws_[i].pool().weigh(group_.mean(psi, i), precision, DrawPool::batch);
      const Eigen::MatrixXd map = group_.map(i, slope);
      own[i] = map.transpose() * spread(scores(w, precision), w.share, w.share) * map;
    });
    Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(group_.size(), group_.size());
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (included_[i]) sum += own[i];
    return sum;
  }

 private:
  /// s = (P r, -r^T B_r r / 2) by column: the gradient of complete data in (mu, P_r), but
  /// for a constant.
  Eigen::MatrixXd scores(const DrawPool::Weights& w, const Eigen::MatrixXd& P) const {
    const PrecisionLayout& layout = group_.layout();
    const int d = layout.dimension(), q = layout.size();
    Eigen::MatrixXd s(d + q, w.r.cols());
    s.topRows(d) = P * w.r;
    for (int r = 0; r < q; ++r) {
      const auto e = layout.entry(r);
      s.row(d + r) = w.r.row(e.first).cwiseProduct(w.r.row(e.second)) *
          (e.first == e.second ? -0.5 : -1.0);
    }
    return s;
  }

  /// sum_k weight_k^2 / share_k (s_k - mean)(s_k - mean)^T, mean = sum_k share_k s_k; with
  /// `weight` = sqrt(share) the covariance, with the share itself the square's noise.
  static Eigen::MatrixXd spread(Eigen::MatrixXd s, const Eigen::VectorXd& share,
                                const Eigen::VectorXd& weight) {
    const Eigen::VectorXd mean = s * share;
    s.colwise() -= mean;
    s = s * weight.asDiagonal();
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(s.rows(), s.rows());
    out.selfadjointView<Eigen::Lower>().rankUpdate(s);
    return out.selfadjointView<Eigen::Lower>();
  }

  void contribute(int i, const DrawPool::Weights& w, const Eigen::MatrixXd& P,
                  const Eigen::MatrixXd& S) {
    const PrecisionLayout& layout = group_.layout();
    const int d = layout.dimension(), q = layout.size();
    const Eigen::MatrixXd s = scores(w, P);
    const Eigen::VectorXd centre = w.r * w.share;
    Contribution& out = contributions_[i];
    out.gradient = s * w.slope();
    out.hessian = spread(s, w.share, w.share.cwiseSqrt());
    // The first rows of s are P u: what moves the mean of u.
    out.mode_slope = S * out.hessian.topRows(d);
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
  }

  /// Mean over persons of the log effective sample size.
  double log_effective() const {
    double sum = 0.0;
    int n = 0;
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (included_[i]) sum += std::log(effective_[i]), ++n;
    return sum / std::max(1, n);
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
  std::vector<PersonDraws> draws_;
  std::vector<double> evidence_, effective_, history_;
  std::vector<Posterior> posteriors_;
  std::vector<Contribution> contributions_;
  double drawn_effective_ = -kInfinity;
};

}  // namespace learning
}  // namespace psyrl
