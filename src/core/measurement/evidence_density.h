// The posterior of values and parameters of the evidence model, traits integrated out, at
// a departure t from the values of residuals u*.
//
// As a rule t are residuals:
//
//   u = u* + t,   f = -loglik(Q(u)) + |u|^2 / 2 + hyper-priors
//
// But where states come back, so do residuals, a small one many times over, and a chain
// that moves in u meets walls. There t are better values, given which residuals are
// explicit:
//
//   Q = Q(u*) + s t,   u = (Q - r / c - gamma T V(Q)) / s,
//   f = -loglik(Q) + |u|^2 / 2 - log det(I - gamma T P(Q)) + hyper-priors
//
// and t stays put while parameters move. Values are not taken everywhere: where s is
// above the temperature, V bends at every state, visited or not.
#pragma once

#include <memory>
#include <vector>

#include "core/measurement/evidence_laplace.h"

namespace psyrl {

/// Of f by t [n_pairs] and by eta [Layout::size()].
struct DensitySlopes {
  Vector departure, parameters;
};

class PosteriorDensity {
 public:
  virtual ~PosteriorDensity() = default;

  /// f and its slopes; infinite where values are not finite.
  virtual double operator()(const Vector& departure, const Vector& eta,
                            DensitySlopes& by) = 0;

  /// t of residuals u; not finite where values are not.
  virtual Vector departure(const Vector& u, const Vector& eta) = 0;

  /// Where f was asked for last.
  const Point& point() const { return point_; }

 protected:
  PosteriorDensity(const EvidenceData& data, const Point& centre)
      : data_(data), centre_(centre.u), point_(centre) {}

  const EvidenceData data_;
  const Vector centre_;  // u*
  Point point_;
};

enum class Departure { residuals, values };

namespace detail {

class ResidualDensity : public PosteriorDensity {
 public:
  ResidualDensity(const EvidenceData& data, const Point& centre)
      : PosteriorDensity(data, centre) {}

  double operator()(const Vector& departure, const Vector& eta,
                    DensitySlopes& by) override {
    point_.setting = resolve(data_, eta);
    evaluate(data_, centre_ + departure, point_);
    if (!point_.good) return kInfinity;
    add_gradient(data_, point_);
    by.departure = point_.gradient;
    by.parameters = setting_gradient(data_, point_, eta);
    return point_.f + hyper_prior(data_, eta, &by.parameters);
  }

  Vector departure(const Vector& u, const Vector&) override { return u - centre_; }
};

class ValueDensity : public PosteriorDensity {
 public:
  ValueDensity(const EvidenceData& data, const Point& centre)
      : PosteriorDensity(data, centre), from_(centre.values) {}

  double operator()(const Vector& departure, const Vector& eta,
                    DensitySlopes& by) override {
    if (!solve(centre_, eta, from_)) return kInfinity;
    const Setting& at = point_.setting;
    const double s = at.residual_sd;
    Values& values = point_.values;
    if (!values.place(from_.q + s * departure, at.discount, at.temperature))
      return kInfinity;
    const Vector reward = scaled_reward(data_, at);
    Vector& u = point_.u;
    u = (values.reward() - reward) / s;
    fill_posterior(data_.people, data_.nodes, trait_prior(data_, at), values.q, data_.run,
                   point_.post);
    const PolicyDeterminant det = values.determinant();
    point_.f = 0.5 * u.squaredNorm() - point_.post.loglik - det.log;
    if (!std::isfinite(point_.f)) return kInfinity;

    Vector flow;
    const Vector by_q =
        values.reward_adjoint(u / s, flow) - det.by_q +
        value_gradient(data_.people, data_.nodes, point_.post, u.size(), data_.run);
    Columns<1> y, a;  // what the values of u* pass on
    from_.adjoint<1>(by_q.array(), y, a);
    by.departure = s * by_q;
    SettingSlopes slopes;
    slopes.log_residual_sd =
        s * y.matrix().dot(centre_) + by.departure.dot(departure) - u.squaredNorm();
    slopes.temperature = a.matrix().dot(from_.temperature_direction()) -
                         flow.dot(values.temperature_direction()) - det.by_temperature;
    slopes.discount = y.matrix().dot(from_.discount_direction()) -
                      u.dot(values.discount_direction()) / s - det.by_discount;
    slopes.log_reward = y.matrix().dot(reward) - u.dot(reward) / s;
    by.parameters = parameter_gradient(data_, at, point_.post, slopes, eta);
    return point_.f + hyper_prior(data_, eta, &by.parameters);
  }

  Vector departure(const Vector& u, const Vector& eta) override {
    Values there = from_;
    const bool good = solve(centre_, eta, from_) && solve(u, eta, there);
    return good ? Vector((there.q - from_.q) / point_.setting.residual_sd)
                : Vector(Vector::Constant(u.size(), NAN));
  }

 private:
  bool solve(const Vector& u, const Vector& eta, Values& values) {
    const Setting& at = point_.setting = resolve(data_, eta);
    return values.solve(scaled_reward(data_, at) + at.residual_sd * u, at.discount,
                        at.temperature);
  }

  Values from_;  // at u*
};

}  // namespace detail

/// `centre` has residuals u*, and values of states close by.
inline std::unique_ptr<PosteriorDensity> posterior_density(const EvidenceData& data,
                                                           Departure kind,
                                                           const Point& centre) {
  using Density = std::unique_ptr<PosteriorDensity>;
  return kind == Departure::values ? Density(new detail::ValueDensity(data, centre))
                                   : Density(new detail::ResidualDensity(data, centre));
}

}  // namespace psyrl
