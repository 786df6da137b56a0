// The group that persons come from, u_i ~ N(X_i G, S), as a vector psi = (coefficients,
// log-Cholesky factor L of S = L L^T), and how derivatives in (mu_i, P = S^{-1}) become
// derivatives in psi.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <vector>

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
  Eigen::VectorXd pack(const Eigen::VectorXd& coefficients,
                       Eigen::MatrixXd covariance) const {
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
  Eigen::MatrixXd precision_bend(const Eigen::VectorXd& psi,
                                 const Eigen::VectorXd& g) const {
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

  /// d(mu_i, P_r) / dpsi; `slope` is precision_slope().
  Eigen::MatrixXd map(int person, const Eigen::MatrixXd& slope) const {
    const int d = layout_.dimension(), q = layout_.size(), p = n_coefficients();
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(d + q, p + q);
    out.topLeftCorner(d, p) = design(person);
    out.bottomRightCorner(q, q) = slope;
    return out;
  }
  /// A person's derivatives in (mu_i, P), taken to psi: without the bend of P, which is
  /// added for all at once.
  void pull_back(int person, const Eigen::MatrixXd& slope, Contribution& c) const {
    const Eigen::MatrixXd to_psi = map(person, slope);
    c.gradient = to_psi.transpose() * c.gradient;
    c.hessian = to_psi.transpose() * c.hessian * to_psi;
    c.tame = to_psi.transpose() * c.tame * to_psi;
    c.mode_slope = c.mode_slope * to_psi;
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

}  // namespace learning
}  // namespace psyrl
