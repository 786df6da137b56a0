// A Gaussian close to the posterior of values and parameters: the sampler's coordinates
// w = (w_t, w_eta) ~ N(0, I).
//
//   eta = eta0 + R w_eta,   t = C (w_t + g),   g = S w_eta + w_1 (K w_eta - w_1 K_1 / 2)
//
// t is what values depart by (evidence_density.h), w_1 the first of w_eta. R R' is the
// parameters' own covariance. When they move, S moves values along: larger residuals,
// values and temperatures are much the same as a larger trait, and with values left
// behind a step of .02 in log beta would already lead away from that ridge. It bends,
// and so does g, by the slopes K of S along the first column of R.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "core/measurement/evidence_density.h"
#include "core/measurement/evidence_factor.h"
#include "core/measurement/evidence_search.h"

namespace psyrl {

struct Reference {
  Vector eta;              // eta0, all parameters
  std::vector<int> which;  // those that are free [q]
  Eigen::MatrixXd root;    // R [q x q], lower triangular
  std::shared_ptr<const ValueFactor> factor;  // C
  Departure kind = Departure::residuals;      // what t are
  Eigen::MatrixXd shear, turn;                // S and K [P x q]

  Eigen::Index n_values() const { return shear.rows(); }
  Eigen::Index size() const { return shear.rows() + shear.cols(); }

  Vector free_parameters(const Vector& w) const {
    return detail::pick(eta, which) + root * w.tail(shear.cols());
  }
  /// All of them.
  Vector parameters(const Vector& w) const {
    Vector out = eta;
    const Vector free = free_parameters(w);
    for (std::size_t i = 0; i < which.size(); ++i) out[which[i]] = free[i];
    return out;
  }
  Vector departure(const Vector& w) const {
    return factor->times(w.head(n_values()) + along(w.tail(shear.cols())));
  }

  Vector coordinates(const Vector& t, const Vector& parameters) const {
    const Vector away = detail::pick(parameters, which) - detail::pick(eta, which);
    const Vector w_eta = root.triangularView<Eigen::Lower>().solve(away);
    Vector out(size());
    out << factor->solve(t) - along(w_eta), w_eta;
    return out;
  }

  /// S = K = 0.
  void follow_nothing(Eigen::Index n_values) {
    shear = turn = Eigen::MatrixXd::Zero(n_values, which.size());
  }

  /// The gradient in w.
  Vector pull(const Vector& w, const DensitySlopes& by) const {
    const Vector by_t = factor->transposed_times(by.departure);
    Vector by_eta = shear.transpose() * by_t +
                    root.transpose() * detail::pick(by.parameters, which);
    if (by_eta.size() > 0) {
      const Vector w_eta = w.tail(shear.cols());
      by_eta.tail(by_eta.size() - 1) +=
          w_eta[0] * (turn.rightCols(turn.cols() - 1).transpose() * by_t);
      by_eta[0] += by_t.dot(turn * w_eta);
    }
    Vector out(size());
    out << by_t, by_eta;
    return out;
  }

 private:
  /// g
  Vector along(const Vector& w_eta) const {
    Vector out = shear * w_eta;
    if (w_eta.size() > 0)
      out += w_eta[0] * (turn * w_eta - 0.5 * w_eta[0] * turn.col(0));
    return out;
  }
};

namespace detail {

/// How the mode of u leaves its tangent along a direction of the free parameters: second
/// differences of modes. 0 where a mode is not found.
inline Vector mode_bend(const EvidenceData& data, const Vector& eta, const Point& mode,
                        const std::vector<int>& which, const Vector& direction,
                        const Vector& tangent) {
  const double length = std::min(1.0, 0.5 / direction.norm());
  Vector difference = -2.0 * mode.u;
  for (const double step : {-length, length}) {
    Vector moved = eta;
    for (std::size_t i = 0; i < which.size(); ++i) moved[which[i]] += step * direction[i];
    Point there(data, resolve(data, moved));
    there.values.v = mode.values.v;
    evaluate(data, mode.u + step * tangent, there);
    if (!there.good) return Vector::Zero(mode.u.size());
    add_gradient(data, there);
    minimise(data, InnerControl{20, 0.03, 0.01}, there);
    difference += there.u;
  }
  return difference / square(length);
}

}  // namespace detail

/// C of residuals around their mode.
inline std::shared_ptr<const ValueFactor> factor_of_residuals(const EvidenceData& data,
                                                              const Point& mode) {
  Curvature h = curvature(data, mode);
  h.with_backup = false;
  return std::make_shared<const detail::ResidualFactor>(h);
}

/// S and K of residuals that follow the path of their modes; its bend, which costs two
/// minimisations, if asked for. `mode` has its gradient.
inline void follow_modes(const EvidenceData& data, const Point& mode, bool bent,
                         Reference& reference) {
  Curvature h = curvature(data, mode);
  h.with_backup = false;
  const std::vector<int>& which = reference.which;
  const Eigen::MatrixXd& root = reference.root;
  const Eigen::MatrixXd path =
      detail::mode_path(data, reference.eta, mode, h, which, 0.01) * root;
  reference.follow_nothing(mode.u.size());
  for (Eigen::Index i = 0; i < path.cols(); ++i)
    reference.shear.col(i) = reference.factor->solve(path.col(i));
  if (bent && path.cols() > 0)
    reference.turn.col(0) = reference.factor->solve(detail::mode_bend(
        data, reference.eta, mode, which, root.col(0), path.col(0)));
}

}  // namespace psyrl
