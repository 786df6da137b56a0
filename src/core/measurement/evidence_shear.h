// A Gaussian close to the posterior of values, learned from where draws were.
//
// Modes say little about draws of values where states come back: what is likely depends
// on the policy in all the cells on the way, which is sharper at a mode. So the policy is
// that of the mean residuals, the curvature of choices its mean over draws, and values
// move with parameters so that, on average over the draws, forces do not:
//
//   E(d2f/dw_t dw_t) S = -E(d2f/dw_t dw_eta)
//
// by conjugate gradients on differences of slopes. How S changes along the ridge is the
// regression of what it leaves at each draw on w_1. Where there is one draw alone, a mode,
// S is the tangent of the path of modes.
#pragma once

#include <memory>
#include <vector>

#include "core/measurement/evidence_krylov.h"
#include "core/measurement/evidence_reference.h"

namespace psyrl {

/// Where draws were, a column each: all parameters, and residuals.
struct Places {
  Eigen::MatrixXd eta, u;

  Eigen::Index size() const { return eta.cols(); }
  void add(const Vector& parameters, const Vector& residuals) {
    const Eigen::Index n = size();
    eta.conservativeResize(parameters.size(), n + 1);
    u.conservativeResize(residuals.size(), n + 1);
    eta.col(n) = parameters;
    u.col(n) = residuals;
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
    evaluate(data, places.u.col(k), at);
    if (!at.good) return {};
    const Curvature h(data.task, data.people, data.nodes, at.values, at.post, Vector(),
                      1.0, 0, data.run);
    const double share = square(at.setting.residual_sd) / places.size();
    out.resize(h.blocks().size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += share * h.blocks()[i];
  }
  return out;
}

/// Slopes at places, and how they change with w. As a matrix, E(d2f/dw_t dw_t).
class PlaceSlopes {
 public:
  PlaceSlopes(PosteriorDensity& density, const Places& places, const Reference& reference)
      : density_(density), reference_(reference) {
    for (Eigen::Index k = 0; k < places.size(); ++k) {
      const Vector t = density_.departure(places.u.col(k), places.eta.col(k));
      if (!t.allFinite()) continue;
      place_.push_back(reference.coordinates(t, places.eta.col(k)));
      slopes_.push_back(slopes(place_.back()));
    }
  }

  std::size_t size() const { return place_.size(); }

  /// w_1 at each place.
  Vector first() const {
    Vector out(size());
    for (std::size_t k = 0; k < size(); ++k) out[k] = place_[k][reference_.n_values()];
    return out;
  }

  /// By w_t, per unit along x, the places weighted.
  Vector change(const Vector& x, const Vector& weight) const {
    const double h = 1e-3 / x.norm();
    Vector out = Vector::Zero(reference_.n_values());
    for (std::size_t k = 0; k < size(); ++k)
      out += weight[k] / h * (slopes(place_[k] + h * x) - slopes_[k]);
    return out;
  }

  Vector mean_change(const Vector& x) const {
    return change(x, Vector::Constant(size(), 1.0 / size()));
  }

  template <int W>
  Columns<W> apply(const Columns<W>& values) const {
    Columns<W> out(values.rows(), values.cols());
    Vector x = Vector::Zero(reference_.size());
    for (Eigen::Index i = 0; i < values.cols(); ++i) {
      x.head(values.rows()) = values.col(i);
      out.col(i) = mean_change(x);
    }
    return out;
  }

 private:
  Vector slopes(const Vector& w) const {
    DensitySlopes by;
    density_(reference_.departure(w), reference_.parameters(w), by);
    return reference_.factor->transposed_times(by.departure);
  }

  PosteriorDensity& density_;
  const Reference& reference_;
  std::vector<Vector> place_, slopes_;
};

}  // namespace detail

/// C of values on average over places; none where it fills up. `centre` has the mean
/// residuals.
inline std::shared_ptr<const ValueFactor> factor_of_values(const EvidenceData& data,
                                                           const Places& places,
                                                           const Point& centre) {
  const std::vector<double> choices = detail::mean_choices(data, places, centre);
  if (choices.empty()) return nullptr;
  const auto out =
      std::make_shared<const detail::SparseFactor>(data, centre.values, choices);
  return out->found() ? out : nullptr;
}

/// S and K of values, about the mean of `places`.
inline void learn_shear(PosteriorDensity& density, const Places& places,
                        Reference& reference) {
  constexpr std::size_t enough = 6;   // places for a regression,
  constexpr double prior_spread = 1;  // which is drawn to 0 where w_1 hardly varies
  const Eigen::Index n = places.u.rows(), q = reference.which.size();
  reference.follow_nothing(n);
  const detail::PlaceSlopes at(density, places, reference);
  if (at.size() == 0) return;
  const CgControl rough{0.1, 6};  // the matrix is close to the identity
  const auto solve = [&](const Vector& r) {
    return Vector(conjugate_gradients<1>(at, Columns<1>(r.array()), rough).x.matrix());
  };
  Eigen::MatrixXd moved(n + q, q);  // a parameter, and values with it
  moved << Eigen::MatrixXd::Zero(n, q), Eigen::MatrixXd::Identity(q, q);
  for (Eigen::Index i = 0; i < q; ++i)
    moved.col(i).head(n) = solve(-at.mean_change(moved.col(i)));
  Eigen::MatrixXd turn = Eigen::MatrixXd::Zero(n, q);
  if (at.size() >= enough && q > 0) {
    const double mean = at.first().mean();
    const Vector away = at.first().array() - mean;
    const Vector weight = away / (away.squaredNorm() + prior_spread);
    for (Eigen::Index i = 0; i < q; ++i)
      turn.col(i) = solve(-at.change(moved.col(i), weight));
    moved.topRows(n) -= mean * turn;
  }
  reference.shear = moved.topRows(n);
  reference.turn = turn;
}

}  // namespace psyrl
