// A Gaussian close to the posterior of values and parameters: the sampler's coordinates
// w = (w_t, w_eta) ~ N(0, I).
//
//   eta = eta0 + R w_eta,   u* = u0 + P R w_eta + w_1^2 b / 2,   t = C w_t
//
// u* are residuals and t what values depart by from theirs (evidence_density.h). u0 is a
// mode; P = du/deta moves residuals along when a parameter moves; R R' is the
// parameters' own covariance. Larger residuals, values and temperatures are much the
// same as a larger trait: along that ridge, the first column of R, modes go round a bend
// b, and without it a step of .2 in log beta would already lead away from them.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "core/measurement/evidence_density.h"
#include "core/measurement/evidence_factor.h"
#include "core/measurement/evidence_search.h"

namespace psyrl {

struct Reference {
  Vector u, eta;          // u0 [P] and eta0, the free parameters [q]
  Eigen::MatrixXd path;   // P [P x q]
  Eigen::MatrixXd root;   // R [q x q], lower triangular
  Vector bend;            // b [P]
  std::shared_ptr<const ValueFactor> factor;  // C
  Departure kind = Departure::residuals;      // what t are

  Eigen::Index size() const { return u.size() + eta.size(); }
  Vector parameters(const Vector& w) const { return eta + root * w.tail(eta.size()); }
  Vector residuals(const Vector& w) const {
    Vector out = u + path * (root * w.tail(eta.size()));
    if (eta.size() > 0) out += 0.5 * square(w[u.size()]) * bend;
    return out;
  }
  Vector departure(const Vector& w) const { return factor->times(w.head(u.size())); }

  /// The gradient in w; `which` parameters are free.
  Vector pull(const Vector& w, const DensitySlopes& by,
              const std::vector<int>& which) const {
    Vector out(w.size());
    out << factor->transposed_times(by.departure),
        root.transpose() *
            (path.transpose() * by.residuals + detail::pick(by.parameters, which));
    if (eta.size() > 0) out[u.size()] += w[u.size()] * bend.dot(by.residuals);
    return out;
  }
};

namespace detail {

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
/// 0 unless asked for: it costs two minimisations. Departures are in values where states
/// come back and values have a sparse factor.
inline Reference reference_at(const EvidenceData& data, const Vector& eta,
                              const Point& mode, const std::vector<int>& which,
                              const Eigen::MatrixXd& root, bool bent) {
  Reference out;
  Curvature h = curvature(data, mode);
  h.with_backup = false;
  if (!data.order.plan.empty()) {
    const auto sparse = std::make_shared<const detail::SparseFactor>(data, mode, h);
    if (sparse->found()) {
      out.factor = sparse;
      out.kind = Departure::values;
    }
  }
  if (!out.factor) out.factor = std::make_shared<const detail::ResidualFactor>(h);
  out.path = detail::mode_path(data, eta, mode, h, which, 0.01);
  out.root = root;
  out.bend = bent ? detail::mode_bend(data, eta, mode, which, out)
                  : Vector(Vector::Zero(mode.u.size()));
  out.u = mode.u;
  out.eta = detail::pick(eta, which);
  return out;
}

}  // namespace psyrl
