// The posterior density of values, traits and parameters of the evidence model, at a
// departure t from residuals u* and standard traits e*.
//
// z_j = x_j'g + sigma e_j, and as a rule departures are in residuals:
//
//   (u, e) = (u*, e*) + t,
//   f = -loglik(Q(u), z) + |u|^2 / 2 + |e|^2 / 2 + hyper-priors
//
// But where states come back, so do residuals, a small one many times over, and a chain
// that moves in u meets walls. There they are in values, given which residuals are
// explicit:
//
//   Q = Q(u*) + s t,   u = (Q - r / c - gamma T V(Q)) / s,
//   f = -loglik(Q, z) + |u|^2 / 2 + |e|^2 / 2 - log det(I - gamma T P(Q)) + hyper-priors
//
// and t stays put while parameters move. Values are not taken everywhere: where s is
// above the temperature, V bends at every state, visited or not.
#pragma once

#include <memory>
#include <vector>

#include "core/measurement/evidence_laplace.h"
#include "core/measurement/evidence_traits.h"

namespace psyrl {

/// Of f by t [n_pairs + J] and by eta [Layout::size()].
struct DensitySlopes {
  Vector departure, parameters;
};

class PosteriorDensity {
 public:
  virtual ~PosteriorDensity() = default;

  /// f and its slopes; infinite where values are not finite.
  double operator()(const Vector& departure, const Vector& eta, DensitySlopes& by) {
    const Vector moved = departure.head(n_values());
    if (!place(moved, eta)) return kInfinity;
    const Setting& at = point_.setting;
    e_ = traits_ + departure.tail(traits_.size());
    fill_choices(data_.people, point_.values.q,
                 data_.design * at.coefficients + at.sigma * e_, choices_);
    SettingSlopes slopes;
    Vector by_moved;
    point_.f = 0.5 * (point_.u.squaredNorm() + e_.squaredNorm()) + choices_.f +
               value_slopes(moved, by_moved, slopes);
    if (!std::isfinite(point_.f)) return kInfinity;
    by.departure = unknowns(by_moved, at.sigma * choices_.by_z + e_);
    const TraitSlopes traits{choices_.by_z, at.sigma * choices_.by_z.dot(e_)};
    by.parameters = parameter_gradient(data_, at, traits, slopes, eta);
    return point_.f + hyper_prior(data_, eta, &by.parameters);
  }

  /// t of x = (u, e); not finite where values are not.
  Vector departure(const Vector& x, const Vector& eta) {
    return unknowns(value_departure(x.head(n_values()), eta),
                    x.tail(traits_.size()) - traits_);
  }

  /// Where f was asked for last; its traits are not integrated out.
  const Point& point() const { return point_; }
  Vector x() const { return unknowns(point_.u, e_); }

 protected:
  PosteriorDensity(const EvidenceData& data, const Point& centre)
      : data_(data), centre_(centre.u), point_(centre),
        traits_(standard_traits(data, centre)) {
    point_.post = Posterior();
  }

  /// Residuals and values of a departure; false where these are not finite.
  virtual bool place(const Vector& moved, const Vector& eta) = 0;

  /// Slopes of f by values' departure and what parameters set; returns what f has
  /// besides.
  virtual double value_slopes(const Vector& moved, Vector& by_moved,
                              SettingSlopes& slopes) = 0;

  virtual Vector value_departure(const Vector& u, const Vector& eta) = 0;

  Eigen::Index n_values() const { return centre_.size(); }

  const EvidenceData data_;
  const Vector centre_;  // u*
  Point point_;
  ChoiceSlopes choices_;

 private:
  const Vector traits_;  // e*
  Vector e_;
};

enum class Departure { residuals, values };

namespace detail {

class ResidualDensity : public PosteriorDensity {
 public:
  ResidualDensity(const EvidenceData& data, const Point& centre)
      : PosteriorDensity(data, centre) {}

 private:
  bool place(const Vector& moved, const Vector& eta) override {
    point_.setting = resolve(data_, eta);
    return solve_values(data_, centre_ + moved, point_);
  }

  double value_slopes(const Vector&, Vector& by_moved, SettingSlopes& slopes) override {
    pass_back(data_, choices_.by_q, point_);
    by_moved = point_.gradient;
    slopes = setting_slopes(data_, point_);
    return 0.0;
  }

  Vector value_departure(const Vector& u, const Vector&) override { return u - centre_; }
};

class ValueDensity : public PosteriorDensity {
 public:
  ValueDensity(const EvidenceData& data, const Point& centre)
      : PosteriorDensity(data, centre), from_(centre.values) {}

 private:
  bool place(const Vector& moved, const Vector& eta) override {
    if (!solve(centre_, eta, from_)) return false;
    const Setting& at = point_.setting;
    const double s = at.residual_sd;
    if (!point_.values.place(from_.q + s * moved, at.discount, at.temperature))
      return false;
    reward_ = scaled_reward(data_, at);
    point_.u = (point_.values.reward() - reward_) / s;
    return true;
  }

  double value_slopes(const Vector& moved, Vector& by_moved,
                      SettingSlopes& slopes) override {
    const double s = point_.setting.residual_sd;
    const Vector& u = point_.u;
    Values& values = point_.values;
    const PolicyDeterminant det = values.determinant();
    Vector flow;
    const Vector by_q = values.reward_adjoint(u / s, flow) - det.by_q + choices_.by_q;
    Columns<1> y, a;  // what the values of u* pass on
    from_.adjoint<1>(by_q.array(), y, a);
    by_moved = s * by_q;
    slopes.log_residual_sd =
        s * y.matrix().dot(centre_) + by_moved.dot(moved) - u.squaredNorm();
    slopes.temperature = a.matrix().dot(from_.temperature_direction()) -
                         flow.dot(values.temperature_direction()) - det.by_temperature;
    slopes.discount = y.matrix().dot(from_.discount_direction()) -
                      u.dot(values.discount_direction()) / s - det.by_discount;
    slopes.log_reward = y.matrix().dot(reward_) - u.dot(reward_) / s;
    return -det.log;
  }

  Vector value_departure(const Vector& u, const Vector& eta) override {
    Values there = from_;
    const bool good = solve(centre_, eta, from_) && solve(u, eta, there);
    return good ? Vector((there.q - from_.q) / point_.setting.residual_sd)
                : Vector(Vector::Constant(u.size(), NAN));
  }

  bool solve(const Vector& u, const Vector& eta, Values& values) {
    const Setting& at = point_.setting = resolve(data_, eta);
    return values.solve(scaled_reward(data_, at) + at.residual_sd * u, at.discount,
                        at.temperature);
  }

  Values from_;  // at u*
  Vector reward_;
};

}  // namespace detail

/// `centre` has residuals u*, values of states close by, and traits integrated out.
inline std::unique_ptr<PosteriorDensity> posterior_density(const EvidenceData& data,
                                                           Departure kind,
                                                           const Point& centre) {
  using Density = std::unique_ptr<PosteriorDensity>;
  return kind == Departure::values ? Density(new detail::ValueDensity(data, centre))
                                   : Density(new detail::ResidualDensity(data, centre));
}

}  // namespace psyrl
