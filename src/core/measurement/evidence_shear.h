// A Gaussian close to the posterior, learned from where draws were.
//
// Modes say little about draws: traits stand close together at a joint mode, and where
// states come back what is likely depends on the policy in all the cells on the way, which
// is sharper there. So the policy is that of the mean residuals, the curvature of choices
// its mean over draws, and values and traits move with parameters so that, on average over
// the draws, slopes do not:
//
//   E(d2f/dw_t dw_t) S = -E(d2f/dw_t dw_eta)
//
// by conjugate gradients on differences of slopes. Residuals have their middle where the
// force beyond the Gaussian is 0 on average, m = E(w_t - df/dw_t): their mean is the noise
// of a few draws in the thousands of pairs that nobody visits. Where departures are in
// values, forces are of walls as much as of noise, and m = 0.
#pragma once

#include <memory>
#include <vector>

#include "core/measurement/evidence_krylov.h"
#include "core/measurement/evidence_reference.h"

namespace psyrl {

/// Where draws were, a column each: all parameters, and (u, e).
struct Places {
  Eigen::MatrixXd eta, x;

  Eigen::Index size() const { return eta.cols(); }
  void add(const Vector& parameters, const Vector& unknowns) {
    const Eigen::Index n = size();
    eta.conservativeResize(parameters.size(), n + 1);
    x.conservativeResize(unknowns.size(), n + 1);
    eta.col(n) = parameters;
    x.col(n) = unknowns;
  }
};

namespace detail {

/// s^2 F, the blocks of Curvature, on average; empty where values are not finite.
/// `near` has values of states close by.
inline std::vector<double> mean_choices(const EvidenceData& data, const Places& places,
                                        const Point& near) {
  std::vector<double> out;
  Point at = near;
  for (Eigen::Index k = 0; k < places.size(); ++k) {
    at.setting = resolve(data, places.eta.col(k));
    evaluate(data, places.x.col(k).head(data.task.n_pairs()), at);
    if (!at.good) return {};
    const Curvature h(data.task, data.people, data.nodes, at.values, at.post, Vector(),
                      1.0, 0, data.run);
    const double share = square(at.setting.residual_sd) / places.size();
    out.resize(h.blocks().size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += share * h.blocks()[i];
  }
  return out;
}

/// Slopes by w at places, and how they change. As a matrix, E(d2f/dw_t dw_t).
class PlaceSlopes {
 public:
  PlaceSlopes(PosteriorDensity& density, const Places& places, const Reference& reference)
      : density_(density), reference_(reference) {
    for (Eigen::Index k = 0; k < places.size(); ++k) {
      const Vector t = density_.departure(places.x.col(k), places.eta.col(k));
      if (!t.allFinite()) continue;
      place_.push_back(reference.coordinates(t, places.eta.col(k)));
      slopes_.push_back(slopes(place_.back()));
    }
  }

  std::size_t size() const { return place_.size(); }

  Vector middle() const {
    Vector out = Vector::Zero(reference_.size());
    for (std::size_t k = 0; k < size(); ++k) out += (place_[k] - slopes_[k]) / size();
    return out;
  }

  /// Per unit along x, on average over the places.
  Vector mean_change(const Vector& x) const {
    const double h = 1e-3 / x.norm();
    Vector out = Vector::Zero(reference_.size());
    for (std::size_t k = 0; k < size(); ++k)
      out += (slopes(place_[k] + h * x) - slopes_[k]) / (h * size());
    return out;
  }

  template <int W>
  Columns<W> apply(const Columns<W>& values) const {
    Columns<W> out(values.rows(), values.cols());
    Vector x = Vector::Zero(reference_.size());
    for (Eigen::Index i = 0; i < values.cols(); ++i) {
      x.head(values.rows()) = values.col(i);
      out.col(i) = mean_change(x).head(values.rows());
    }
    return out;
  }

 private:
  Vector slopes(const Vector& w) const {
    DensitySlopes by;
    density_(reference_.departure(w), reference_.parameters(w), by);
    return reference_.pull(by);
  }

  PosteriorDensity& density_;
  const Reference& reference_;
  std::vector<Vector> place_, slopes_;
};

}  // namespace detail

/// C of values on average over places; none where it fills up. `centre` has the mean
/// residuals.
inline std::shared_ptr<const Factor> factor_of_values(const EvidenceData& data,
                                                      const Places& places,
                                                      const Point& centre) {
  const std::vector<double> choices = detail::mean_choices(data, places, centre);
  if (choices.empty()) return nullptr;
  const auto out =
      std::make_shared<const detail::SparseFactor>(data, centre.values, choices);
  return out->found() ? out : nullptr;
}

/// C of residuals around `centre`, which has its gradient.
inline std::shared_ptr<const Factor> factor_of_residuals(const EvidenceData& data,
                                                         const Point& centre) {
  Curvature h = curvature(data, centre);
  h.with_backup = h.with_persons = false;
  return std::make_shared<const detail::ResidualFactor>(h);
}

/// m and S from `places`. Parameters that are still stiff vary less (R).
inline void learn_reference(PosteriorDensity& density, const Places& places,
                            Reference& reference) {
  constexpr double stiff = 16;  // curvature
  const Eigen::Index n = places.x.rows(), q = reference.which.size();
  reference.follow_nothing(n);
  const detail::PlaceSlopes at(density, places, reference);
  if (at.size() == 0) return;
  Eigen::MatrixXd moved(n + q, q);  // a parameter, and unknowns with it
  moved << Eigen::MatrixXd::Zero(n, q), Eigen::MatrixXd::Identity(q, q);
  // The matrix is close to the identity, above all where departures are in residuals.
  const CgControl rough = reference.kind == Departure::values ? CgControl{0.1, 6}
                                                              : CgControl{0.2, 3};
  Vector narrower(q);
  for (Eigen::Index i = 0; i < q; ++i) {
    const Columns<1> left = -at.mean_change(moved.col(i)).head(n).array();
    moved.col(i).head(n) = conjugate_gradients<1>(at, left, rough).x.matrix();
    const double curvature = moved.col(i).dot(at.mean_change(moved.col(i)));
    narrower[i] = std::sqrt(stiff / std::max(stiff, curvature));
  }
  if (reference.kind == Departure::residuals) reference.middle = at.middle().head(n);
  reference.root = reference.root * narrower.asDiagonal();
  reference.shear = moved.topRows(n) * narrower.asDiagonal();
}

}  // namespace psyrl
