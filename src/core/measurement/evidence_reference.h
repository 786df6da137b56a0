// A Gaussian close to the posterior of x = (u, eta): the sampler's coordinates.
//
//   u   = u0 + S w_u + P R w_eta + w_1^2 b / 2      S = I + V (diag(l)^-1/2 - I) V'
//   eta = eta0 + R w_eta,                           w = (w_u, w_eta) ~ N(0, I)
//
// u0 is a mode of u. l, V are the largest eigenvalues and -vectors of H there, which is
// the identity plus little else: people visit few of the pairs. P = du/deta moves
// residuals along when a parameter moves; R R' is the parameters' own covariance. Larger
// residuals, values and temperatures are much the same as a larger trait: along that
// ridge, the first column of R, modes go round a bend b, and without it a step of .2 in
// log beta would already lead away from them.
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
  Vector bend;              // b [P]

  /// About how many values the data know.
  double effective() const { return (1.0 - value.array().inverse()).sum(); }

  /// x of w.
  Vector position(const Vector& w) const {
    Vector out(w.size());
    out.tail(n_eta()) = root * w.tail(n_eta());
    out.head(n_u()) = scaled(w.head(n_u()), -0.5) + along(w, out.tail(n_eta()));
    return centre + out;
  }

  /// eta of a position.
  Vector parameters(const Vector& w) const {
    return centre.tail(n_eta()) + root * w.tail(n_eta());
  }

  /// The gradient in w of what has gradient g in x.
  Vector pull(const Vector& w, const Vector& g) const {
    Vector out(g.size());
    out.head(n_u()) = scaled(g.head(n_u()), -0.5);
    out.tail(n_eta()) =
        root.transpose() * (path.transpose() * g.head(n_u()) + g.tail(n_eta()));
    if (n_eta() > 0) out[n_u()] += w[n_u()] * bend.dot(g.head(n_u()));
    return out;
  }

  /// w of a position.
  Vector coordinates(const Vector& x) const {
    const Vector away = x - centre;
    Vector out(x.size());
    out.tail(n_eta()) = root.triangularView<Eigen::Lower>().solve(away.tail(n_eta()));
    out.head(n_u()) = scaled(away.head(n_u()) - along(out, away.tail(n_eta())), 0.5);
    return out;
  }

 private:
  Eigen::Index n_u() const { return path.rows(); }
  Eigen::Index n_eta() const { return path.cols(); }

  /// Where the mode of u goes.
  Vector along(const Vector& w, const Vector& eta) const {
    Vector out = path * eta;
    if (n_eta() > 0) out += 0.5 * square(w[n_u()]) * bend;
    return out;
  }

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

/// Columns of +-1, [n_rows x n].
inline Eigen::MatrixXd random_columns(int n_rows, int n) {
  Eigen::MatrixXd out(n_rows, n);
  const auto blocks = rademacher_probes(n_rows, (n + kBlock - 1) / kBlock, 1);
  for (int i = 0; i < n; ++i) out.col(i) = blocks[i / kBlock].col(i % kBlock).matrix();
  return out;
}

/// By subspace iteration, in ever more dimensions while the smallest eigenvalue found
/// would still shorten steps; eigenvalues near 1 need no scaling and are left out.
inline void largest_eigenpairs(const Curvature& h, Reference& out) {
  constexpr double harmless = 12.0, negligible = 1.5;
  constexpr int fewest = 64, most = 192, room = 1000000;  // numbers in V
  const int n = h.size(), k_max = std::min(n, std::max(fewest, std::min(most, room / n)));
  const Eigen::MatrixXd random = random_columns(n, k_max);
  Eigen::MatrixXd basis(n, 0);
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen;
  do {
    const Eigen::Index had = basis.cols();
    const Eigen::Index k = std::min<Eigen::Index>(k_max, std::max<Eigen::Index>(fewest, 2 * had));
    basis.conservativeResize(Eigen::NoChange, k);
    basis.rightCols(k - had) = random.middleCols(had, k - had);
    for (int i = 0; i < 2; ++i) basis = orthonormal(times(h, orthonormal(basis)));
    const Eigen::MatrixXd inner = basis.transpose() * times(h, basis);
    eigen.compute(0.5 * (inner + inner.transpose()));
  } while (basis.cols() < k_max && eigen.eigenvalues()[0] > harmless);
  const auto keep = (eigen.eigenvalues().array() > negligible).count();
  out.value = eigen.eigenvalues().tail(keep);
  out.vectors = basis * eigen.eigenvectors().rightCols(keep);
}

/// How the mode of u leaves its tangent along the first column of R: second differences
/// of modes. None where a mode is not found.
inline Vector mode_bend(const EvidenceData& data, const Vector& eta, const Point& mode,
                        const std::vector<int>& which, const Reference& reference) {
  if (which.empty()) return Vector::Zero(mode.u.size());
  const Vector direction = reference.root.col(0);
  const double length = std::min(1.0, 0.5 / direction.norm());
  Vector difference = -2.0 * mode.u;
  for (const double step : {-length, length}) {
    Vector moved = eta;
    for (std::size_t i = 0; i < which.size(); ++i) moved[which[i]] += step * direction[i];
    Point there(data, resolve(data, moved));
    there.values.v = mode.values.v;
    evaluate(data, mode.u + step * (reference.path * direction), there);
    if (!there.good) return Vector::Zero(mode.u.size());
    add_gradient(data, there);
    minimise(data, InnerControl{20, 0.03, 0.01}, there);
    difference += there.u;
  }
  return difference / square(length);
}

}  // namespace detail

/// Around `mode`, a minimum of f over u that has its gradient; `root` is R. The bend is
/// 0 unless asked for: it costs two minimisations.
inline Reference reference_at(const EvidenceData& data, const Vector& eta, const Point& mode,
                              const std::vector<int>& which, const Eigen::MatrixXd& root,
                              bool bent) {
  Reference out;
  Curvature h = curvature(data, mode);
  h.with_backup = false;
  detail::largest_eigenpairs(h, out);
  out.path = detail::mode_path(data, eta, mode, h, which, 0.01);
  out.root = root;
  out.bend = bent ? detail::mode_bend(data, eta, mode, which, out)
                  : Vector(Vector::Zero(mode.u.size()));
  out.centre.resize(mode.u.size() + which.size());
  out.centre << mode.u, detail::pick(eta, which);
  return out;
}

}  // namespace psyrl
