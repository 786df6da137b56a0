// A person's contribution to the Laplace approximation of the marginal likelihood,
// with its exact first and second derivatives in the group's mean mu and precision P.
//
//   F(m, mu, P) = l(m) - d^T P d / 2 + log|P| / 2 - log|A(m) + P| / 2,   d = m - mu
//
// at the mode m(mu, P), where g(m) = P d; A = minus the Hessian of l, H = A + P,
// V = H^{-1}. With B_r the symmetric unit matrices that span P:
//
//   dF/dmu = P d - P V c / 2,   c_k = tr(V dA/dm_k)
//   dm/dmu = V P,   dm/dP_r = -V B_r d
//
// and the second derivatives follow by the implicit function theorem. They need dA
// (third derivatives of l) and sum_ab V_ab d^2 A / dm_a dm_b (fourth): central
// differences of the exact Hessian along the columns of V^{1/2}, branches frozen.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <utility>
#include <vector>

#include "core/learning/person_fit.h"

namespace psyrl {
namespace learning {

/// Where P's free entries are: the lower triangle, or the diagonal.
class PrecisionLayout {
 public:
  PrecisionLayout(int d, bool diagonal) : d_(d) {
    for (int a = 0; a < d; ++a)
      for (int b = diagonal ? a : 0; b <= a; ++b) entries_.push_back({a, b});
  }
  int dimension() const { return d_; }
  int size() const { return static_cast<int>(entries_.size()); }
  std::pair<int, int> entry(int r) const { return entries_[r]; }

  /// B_r x
  Eigen::VectorXd apply(int r, const Eigen::VectorXd& x) const {
    Eigen::VectorXd out = Eigen::VectorXd::Zero(d_);
    const int a = entries_[r].first, b = entries_[r].second;
    out[a] += x[b];
    if (a != b) out[b] += x[a];
    return out;
  }
  /// tr(M B_r) for symmetric M.
  double trace(int r, const Eigen::MatrixXd& m) const {
    const int a = entries_[r].first, b = entries_[r].second;
    return a == b ? m(a, a) : 2.0 * m(a, b);
  }
  /// tr(M B_r M B_s) for symmetric M.
  double trace2(int r, int s, const Eigen::MatrixXd& m) const {
    const int a = entries_[r].first, b = entries_[r].second;
    const int e = entries_[s].first, f = entries_[s].second;
    const double sum = m(b, e) * m(f, a) + m(a, e) * m(f, b);
    const double doubled = (a == b ? 0.5 : 1.0) * (e == f ? 0.5 : 1.0);
    return 2.0 * doubled * sum;
  }

 private:
  int d_;
  std::vector<std::pair<int, int>> entries_;
};

/// Third derivatives of -l, and the fourth contracted with V, at the mode.
struct Curvature {
  std::vector<Eigen::MatrixXd> slope;  // dA / dm_k
  Eigen::MatrixXd bend;                // sum_ab V_ab d^2 A / dm_a dm_b

  static Curvature none(int d) {
    Curvature out;
    out.slope.assign(d, Eigen::MatrixXd::Zero(d, d));
    out.bend = Eigen::MatrixXd::Zero(d, d);
    return out;
  }
};

inline Curvature curvature_at(const Engine& engine, const Trials& trials,
                              const PersonFit& fit,
                              const Eigen::LLT<Eigen::MatrixXd>& llt) {
  const double kStep = 5e-3;  // in posterior standard deviations
  const int d = static_cast<int>(fit.mode.size());
  BranchTape tape;
  const WithTape frozen(tape);
  engine.value(trials, fit.mode.data(), Scale::link);
  Eigen::VectorXd g(d);
  const auto minus_hessian = [&](const Eigen::VectorXd& u) {
    Eigen::MatrixXd h(d, d);
    tape.replay();
    engine.hessian(trials, u.data(), Scale::link, g.data(), h.data());
    return Eigen::MatrixXd(-h);
  };
  const Eigen::MatrixXd lower = llt.matrixL();
  Curvature out = Curvature::none(d);
  for (int j = 0; j < d; ++j) {
    const Eigen::VectorXd v = llt.matrixU().solve(Eigen::VectorXd::Unit(d, j));
    const Eigen::MatrixXd up = minus_hessian(fit.mode + kStep * v);
    const Eigen::MatrixXd down = minus_hessian(fit.mode - kStep * v);
    out.bend += (up - 2.0 * fit.curvature + down) / (kStep * kStep);
    for (int k = 0; k < d; ++k) out.slope[k] += lower(k, j) * (up - down) / (2.0 * kStep);
  }
  return out;
}

/// Derivatives in (mu, P_r) stacked.
struct Contribution {
  Eigen::VectorXd gradient;
  Eigen::MatrixXd hessian;
  Eigen::MatrixXd tame;  // the Hessian, or what stands for it where Laplace is doubtful
  Eigen::MatrixXd mode_slope;  // dm / d(mu, P_r) [d x (d + size)]
  bool regular = true;         // Laplace's expansion is in order
};

/// F at the mode; NaN where A + P is not positive definite.
inline double laplace_value(const PersonFit& fit, double log_det_precision,
                            const Eigen::MatrixXd& precision) {
  const Eigen::LLT<Eigen::MatrixXd> llt(fit.curvature + precision);
  if (llt.info() != Eigen::Success) return std::nan("");
  const double log_det = 2.0 * llt.matrixLLT().diagonal().array().log().sum();
  return fit.objective + 0.5 * log_det_precision - 0.5 * log_det;
}

/// The explicit partial derivatives of F: what both orders are built from.
struct Partials {
  Eigen::VectorXd f;           // F_psi
  Eigen::MatrixXd f2;          // F_psi,psi
  Eigen::MatrixXd mixed;       // F_m,psi [d x n]
  Eigen::VectorXd m1;          // F_m = -c / 2
  Eigen::MatrixXd m2;          // F_mm
};

inline Partials laplace_partials(const PrecisionLayout& layout, const Eigen::MatrixXd& P,
                                 const Eigen::MatrixXd& covariance,
                                 const Eigen::MatrixXd& H, const Eigen::VectorXd& delta,
                                 const Curvature& curvature) {
  const int d = layout.dimension(), q = layout.size();
  const Eigen::MatrixXd V = H.llt().solve(Eigen::MatrixXd::Identity(d, d));
  Partials out;
  out.f = Eigen::VectorXd(d + q);
  out.f2 = Eigen::MatrixXd::Zero(d + q, d + q);
  out.mixed = Eigen::MatrixXd(d, d + q);
  out.m1 = Eigen::VectorXd(d);
  std::vector<Eigen::MatrixXd> VA(d);
  for (int k = 0; k < d; ++k) {
    VA[k] = V * curvature.slope[k];
    out.m1[k] = -0.5 * VA[k].trace();
  }
  out.m2 = -H - 0.5 * curvature.bend;
  for (int k = 0; k < d; ++k)
    for (int l = 0; l < d; ++l)
      out.m2(k, l) += 0.5 * VA[k].cwiseProduct(VA[l].transpose()).sum();
  out.f.head(d) = P * delta;
  out.f2.topLeftCorner(d, d) = -P;
  out.mixed.leftCols(d) = P;
  for (int r = 0; r < q; ++r) {
    const Eigen::VectorXd Bd = layout.apply(r, delta);
    out.f[d + r] = 0.5 * (layout.trace(r, covariance) - layout.trace(r, V) - delta.dot(Bd));
    out.f2.col(d + r).head(d) = Bd;
    out.f2.row(d + r).head(d) = Bd.transpose();
    out.mixed.col(d + r) = -Bd;
    for (int k = 0; k < d; ++k)
      out.mixed(k, d + r) += 0.5 * layout.trace(r, VA[k] * V);
    for (int s = 0; s <= r; ++s)
      out.f2(d + r, d + s) = out.f2(d + s, d + r) =
          0.5 * (layout.trace2(r, s, V) - layout.trace2(r, s, covariance));
  }
  return out;
}

/// Is Laplace's expansion in order at this mode? In posterior standard deviations, the
/// gradient of -log|H|/2 must be below one and its curvature well below that of the
/// quadratic it corrects. A posterior about to split into two modes is not.
inline bool regular(const Partials& part, const Eigen::LLT<Eigen::MatrixXd>& llt) {
  const Eigen::VectorXd shift = llt.matrixL().solve(part.m1);
  const Eigen::MatrixXd half = llt.matrixL().solve(part.m2);
  const Eigen::MatrixXd whitened = llt.matrixL().solve(half.transpose());
  const Eigen::MatrixXd excess =
      whitened + Eigen::MatrixXd::Identity(shift.size(), shift.size());
  return shift.norm() < 1.0 && excess.norm() < 0.5;
}

/// The Hessian of F after the mode has been put in: u = V F_m contracts the mode's own
/// second derivative.
inline Eigen::MatrixXd total_hessian(const PrecisionLayout& layout, const Partials& part,
                                     const Eigen::MatrixXd& D, const Eigen::VectorXd& u,
                                     const Curvature& curvature) {
  const int d = layout.dimension();
  Eigen::MatrixXd third = Eigen::MatrixXd::Zero(d, d);
  for (int k = 0; k < d; ++k) third += u[k] * curvature.slope[k];
  const Eigen::MatrixXd cross = part.mixed.transpose() * D;
  Eigen::MatrixXd out =
      part.f2 + cross + cross.transpose() + D.transpose() * (part.m2 - third) * D;
  for (int r = 0; r < layout.size(); ++r) {
    const Eigen::VectorXd Bu = layout.apply(r, u);
    Eigen::VectorXd row = -(D.transpose() * Bu);
    row.head(d) += Bu;
    out.row(d + r) += row.transpose();
    out.col(d + r) += row;
  }
  return out;
}

/// Where the expansion is not regular the tame Hessian is that of a posterior taken as
/// Gaussian (Louis 1982): all derivatives beyond the second set to zero.
inline Contribution laplace_contribution(const Engine& engine, const Trials& trials,
                                         const PrecisionLayout& layout, const Prior& group,
                                         const Eigen::MatrixXd& covariance,
                                         const PersonFit& fit) {
  const int d = layout.dimension(), q = layout.size();
  const Eigen::MatrixXd H = fit.curvature + group.precision;
  const Eigen::LLT<Eigen::MatrixXd> llt(H);
  const Eigen::VectorXd delta = fit.mode - group.mean;
  Curvature curvature = curvature_at(engine, trials, fit, llt);
  Partials part =
      laplace_partials(layout, group.precision, covariance, H, delta, curvature);

  Contribution out;
  out.mode_slope = Eigen::MatrixXd(d, d + q);
  out.mode_slope.leftCols(d) = llt.solve(group.precision);
  for (int r = 0; r < q; ++r)
    out.mode_slope.col(d + r) = -llt.solve(layout.apply(r, delta));
  out.gradient = part.f + out.mode_slope.transpose() * part.m1;
  const auto hessian = [&] {
    return total_hessian(layout, part, out.mode_slope, llt.solve(part.m1), curvature);
  };
  out.tame = out.hessian = hessian();
  out.regular = regular(part, llt);
  if (!out.regular) {
    curvature = Curvature::none(d);
    part = laplace_partials(layout, group.precision, covariance, H, delta, curvature);
    out.tame = hessian();
  }
  return out;
}

}  // namespace learning
}  // namespace psyrl
