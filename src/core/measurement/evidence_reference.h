// A Gaussian close to the posterior of values, traits and parameters: the sampler's
// coordinates w = (w_t, w_eta) ~ N(0, I).
//
//   eta = eta0 + R w_eta,   t = C (m + w_t + S w_eta)
//
// t is what values and traits depart by (evidence_density.h), R R' the parameters' own
// covariance. When they move, S moves values and traits along: larger residuals, values
// and temperatures are much the same as a larger trait, and with values left behind a step
// of .02 in log beta would already lead away from that ridge.
#pragma once

#include <memory>
#include <vector>

#include "core/measurement/evidence_density.h"
#include "core/measurement/evidence_search.h"

namespace psyrl {

struct Reference {
  Vector eta;                             // eta0, all parameters
  std::vector<int> which;                 // those that are free [q]
  Eigen::MatrixXd root;                   // R [q x q], lower triangular
  std::shared_ptr<const Factor> factor;   // C
  Departure kind = Departure::residuals;  // what values depart in
  Vector middle;                          // m [P + J]
  Eigen::MatrixXd shear;                  // S [(P + J) x q]

  Eigen::Index n_unknowns() const { return shear.rows(); }
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
    return factor->times(middle + w.head(n_unknowns()) + shear * w.tail(shear.cols()));
  }

  Vector coordinates(const Vector& t, const Vector& parameters) const {
    const Vector away = detail::pick(parameters, which) - detail::pick(eta, which);
    const Vector w_eta = root.triangularView<Eigen::Lower>().solve(away);
    Vector out(size());
    out << factor->solve(t) - middle - shear * w_eta, w_eta;
    return out;
  }

  /// m and S are 0 for `n` unknowns.
  void follow_nothing(Eigen::Index n) {
    middle = Vector::Zero(n);
    shear = Eigen::MatrixXd::Zero(n, which.size());
  }

  /// The gradient in w.
  Vector pull(const DensitySlopes& by) const {
    const Vector by_t = factor->transposed_times(by.departure);
    Vector out(size());
    out << by_t, shear.transpose() * by_t +
                     root.transpose() * detail::pick(by.parameters, which);
    return out;
  }
};

}  // namespace psyrl
