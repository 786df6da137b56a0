// A Gaussian close to the posterior of x = (u, eta): the sampler's coordinates.
//
//   x = x0 + T w,  w ~ N(0, I),   T = [ S  P R ]    S = I + V (diag(l)^-1/2 - I) V'
//                                     [ 0    R ]
//
// x0 is a mode of u. l, V are the largest eigenvalues and -vectors of H there, which is
// the identity plus little else: people visit few of the pairs. P = du/deta moves
// residuals along when a parameter moves; R R' is the parameters' own covariance.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/measurement/evidence_search.h"

namespace psyrl {

struct Reference {
  Vector centre;            // x0 [P + q]
  Eigen::MatrixXd vectors;  // V [P x k]
  Vector value;             // l [k]
  Eigen::MatrixXd path;     // P [P x q]
  Eigen::MatrixXd root;     // R [q x q], lower triangular

  /// About how many values the data know.
  double effective() const { return (1.0 - value.array().inverse()).sum(); }

  /// x0 + T w.
  Vector position(const Vector& w) const {
    Vector out(w.size());
    out.tail(n_eta()) = root * w.tail(n_eta());
    out.head(n_u()) = scaled(w.head(n_u()), -0.5) + path * out.tail(n_eta());
    return centre + out;
  }

  /// eta of a position.
  Vector parameters(const Vector& w) const {
    return centre.tail(n_eta()) + root * w.tail(n_eta());
  }

  /// T'g.
  Vector pull(const Vector& g) const {
    Vector out(g.size());
    out.head(n_u()) = scaled(g.head(n_u()), -0.5);
    out.tail(n_eta()) =
        root.transpose() * (path.transpose() * g.head(n_u()) + g.tail(n_eta()));
    return out;
  }

  /// w of a position.
  Vector coordinates(const Vector& x) const {
    const Vector away = x - centre;
    Vector out(x.size());
    out.tail(n_eta()) = root.triangularView<Eigen::Lower>().solve(away.tail(n_eta()));
    out.head(n_u()) = scaled(away.head(n_u()) - path * away.tail(n_eta()), 0.5);
    return out;
  }

 private:
  Eigen::Index n_u() const { return path.rows(); }
  Eigen::Index n_eta() const { return path.cols(); }

  /// (I + V (diag(l)^power - I) V') x.
  Vector scaled(const Vector& x, double power) const {
    const Vector factor = (value.array().pow(power) - 1.0).matrix();
    return x + vectors * factor.cwiseProduct(vectors.transpose() * x);
  }
};

namespace detail {

inline Eigen::MatrixXd times(const Curvature& h, const Eigen::MatrixXd& x) {
  Eigen::MatrixXd out(x.rows(), x.cols());
  for_blocks(x, [&](const Block& block, Eigen::Index from, Eigen::Index n) {
    out.middleCols(from, n) = h.apply<kBlock>(block).leftCols(n).matrix();
  });
  return out;
}

inline Eigen::MatrixXd orthonormal(const Eigen::MatrixXd& x) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(x);
  return qr.householderQ() * Eigen::MatrixXd::Identity(x.rows(), x.cols());
}

/// By subspace iteration; eigenvalues near 1 need no scaling and are left out.
inline void largest_eigenpairs(const Curvature& h, Reference& out) {
  constexpr int n_blocks = 8;
  const int k = std::min(n_blocks * kBlock, h.size());
  const auto probes = rademacher_probes(h.size(), n_blocks, 1);
  Eigen::MatrixXd basis(h.size(), n_blocks * kBlock);
  for (int b = 0; b < n_blocks; ++b)
    basis.middleCols(b * kBlock, kBlock) = probes[b].matrix();
  basis = orthonormal(basis.leftCols(k));
  basis = orthonormal(times(h, basis));
  const Eigen::MatrixXd inner = basis.transpose() * times(h, basis);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
      0.5 * (inner + inner.transpose()));
  const int keep = static_cast<int>((eigen.eigenvalues().array() > 1.5).count());
  out.value = eigen.eigenvalues().tail(keep);
  out.vectors = basis * eigen.eigenvectors().rightCols(keep);
}

}  // namespace detail

/// Around `mode`, a minimum of f over u that has its gradient; `root` is R.
inline Reference reference_at(const EvidenceData& data, const Vector& eta, const Point& mode,
                              const std::vector<int>& which, const Eigen::MatrixXd& root) {
  Reference out;
  Curvature h = curvature(data, mode);
  h.with_backup = false;
  detail::largest_eigenpairs(h, out);
  h.with_persons = false;
  out.path = detail::mode_path(data, eta, mode, h, which, 0.03);
  out.root = root;
  out.centre.resize(mode.u.size() + which.size());
  out.centre << mode.u, detail::pick(eta, which);
  return out;
}

}  // namespace psyrl
