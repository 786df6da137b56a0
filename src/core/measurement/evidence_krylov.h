// Conjugate gradients on several right-hand sides side by side, and what their
// coefficients say about the matrix.
//
// CG on H x = z is Lanczos in disguise: its steps alpha_i and ratios beta_i give
// the tridiagonal
//
//   T_ii = 1 / alpha_i + beta_{i-1} / alpha_{i-1},   T_i,i+1 = sqrt(beta_i) / alpha_i
//
// with Lanczos vectors (-1)^i r_i / |r_i|. For probes z of +-1,
//
//   z' log(H) z  ~ |z|^2 e1' log(T) e1,  whose mean over probes is log det H
//   H^-1/2 z     ~ |z| V T^-1/2 e1       a draw with covariance H^-1
//
// (Ubaru, Chen & Saad 2017). Columns stop one by one; the products go on with all.
#pragma once

#include <Eigen/Dense>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/measurement/sweeps.h"

namespace psyrl {

template <int W>
struct CgResult {
  using Coefficients = Eigen::Array<double, 1, W>;
  Columns<W> x;
  std::vector<Coefficients> alpha, beta;
  std::vector<Coefficients> norm;       // |r_i|
  std::vector<Columns<W>> residual;     // r_i, only when asked for
  std::vector<int> length;              // [W] steps of each column
  bool indefinite = false;              // some p'Hp <= 0: x is the last good iterate
};

struct CgControl {
  double tolerance = 0.01;  // relative to |z|, column by column
  int max_iterations = 150;
  bool keep_residuals = false;
};

template <int W, class Matrix>
CgResult<W> conjugate_gradients(const Matrix& h, const Columns<W>& z,
                                const CgControl& control) {
  using Coefficients = typename CgResult<W>::Coefficients;
  const int n = static_cast<int>(z.cols());
  CgResult<W> out;
  out.x = Columns<W>::Zero(z.rows(), n);
  out.length.assign(n, 0);
  Columns<W> r = z, p = z;
  Coefficients rr = r.square().colwise().sum();
  const Coefficients target = control.tolerance * control.tolerance * rr;
  for (int i = 0; i < control.max_iterations; ++i) {
    if (!(rr > target).any()) break;
    const Columns<W> hp = h.template apply<W>(p);
    const Coefficients php = (p * hp).colwise().sum();
    Coefficients alpha = Coefficients::Zero(1, n), beta = Coefficients::Zero(1, n);
    for (int w = 0; w < n; ++w) {
      if (!(rr[w] > target[w])) continue;
      if (!(php[w] > 0)) out.indefinite = true;
      else alpha[w] = rr[w] / php[w];
    }
    if (out.indefinite) break;
    if (control.keep_residuals) out.residual.push_back(r);
    out.norm.push_back(rr.sqrt());
    out.x += p.rowwise() * alpha;
    r -= hp.rowwise() * alpha;
    const Coefficients next = r.square().colwise().sum();
    for (int w = 0; w < n; ++w) {
      if (alpha[w] == 0.0) continue;
      beta[w] = next[w] / rr[w];
      ++out.length[w];
    }
    p = r + p.rowwise() * beta;
    rr = next;
    out.alpha.push_back(alpha);
    out.beta.push_back(beta);
  }
  return out;
}

/// Eigenvalues and first components of the eigenvectors of a column's T.
template <int W>
Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> tridiagonal(const CgResult<W>& cg, int w) {
  const int m = cg.length[w];
  Vector diagonal(m), off(std::max(m - 1, 0));
  for (int i = 0; i < m; ++i) {
    diagonal[i] = 1.0 / cg.alpha[i][w];
    if (i > 0) diagonal[i] += cg.beta[i - 1][w] / cg.alpha[i - 1][w];
    if (i + 1 < m) off[i] = std::sqrt(cg.beta[i][w]) / cg.alpha[i][w];
  }
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(diagonal, off);
  return solver;
}

/// z'log(H)z for one column.
template <int W>
double log_form(const CgResult<W>& cg, int w) {
  if (cg.length[w] == 0) return 0.0;
  const auto t = tridiagonal(cg, w);
  double sum = 0.0;
  for (int i = 0; i < t.eigenvalues().size(); ++i) {
    const double first = t.eigenvectors()(0, i);
    sum += first * first * std::log(std::max(t.eigenvalues()[i], 1e-10));
  }
  const double length = cg.norm[0][w];
  return length * length * sum;
}

/// H^-1/2 z for every column; eigenvalues below 1, the prior's precision, are
/// noise and count as 1. Needs the residuals.
template <int W>
Columns<W> inverse_root(const CgResult<W>& cg) {
  Columns<W> out = Columns<W>::Zero(cg.x.rows(), cg.x.cols());
  for (int w = 0; w < static_cast<int>(cg.length.size()); ++w) {
    const auto t = tridiagonal(cg, w);
    const Vector root = t.eigenvalues().cwiseMax(1.0).cwiseSqrt().cwiseInverse();
    const Vector y =
        t.eigenvectors() * (root.asDiagonal() * t.eigenvectors().row(0).transpose());
    for (int i = 0; i < y.size(); ++i) {
      const double sign = i % 2 == 0 ? 1.0 : -1.0;
      out.col(w) += (sign * cg.norm[0][w] * y[i] / cg.norm[i][w]) * cg.residual[i].col(w);
    }
  }
  return out;
}

}  // namespace psyrl
