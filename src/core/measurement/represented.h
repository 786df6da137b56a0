// The penalised objective (penalised.h) as a function of the parameters of a
// representation: x = map(theta) holds the values and, where they are learned, the
// rewards of all pairs.
#pragma once

#include "core/base/lbfgs.h"
#include "core/base/map.h"
#include "core/measurement/penalised.h"

namespace psyrl {

class RepresentedValues {
 public:
  RepresentedValues(PenalisedValues& objective, Map& map)
      : objective_(objective), map_(map) {}

  double value(const Numbers& theta) { return objective_.value(map_.value(theta)); }

  double linearise(const Numbers& theta, Numbers& gradient) {
    const double value = objective_.linearise(map_.value(theta), g_);
    gradient = map_.pull(g_);
    diagonal_ = map_.diagonal(objective_.diagonal());
    return value;
  }

  void multiply(const Numbers& v, Numbers& hv) const {
    Numbers curved(g_.size());
    objective_.multiply(map_.push(v), curved);
    hv = map_.moved(g_, curved, v);
  }

  void precondition(const Numbers& r, Numbers& z) const {
    for (std::size_t i = 0; i < r.size(); ++i) z[i] = r[i] / (diagonal_[i] + 1e-8);
  }

 private:
  PenalisedValues& objective_;
  Map& map_;
  Numbers g_;         // gradient in x
  Numbers diagonal_;
};

/// Half the squared distance of map(theta) from a target, with a whiff of ridge:
/// where a search begins.
class Projection {
 public:
  Projection(Map& map, Numbers target) : map_(map), target_(std::move(target)) {}

  double value(const Numbers& theta) {
    return 0.5 * dot(residual(theta), residual_) + 0.5 * kRidge * dot(theta, theta);
  }

  double linearise(const Numbers& theta, Numbers& gradient) {
    const double result = value(theta);
    gradient = map_.pull(residual_);
    add_scaled(kRidge, theta, gradient);
    return result;
  }

  // Gauss-Newton.
  void multiply(const Numbers& v, Numbers& hv) const {
    hv = map_.pull(map_.push(v));
    add_scaled(kRidge, v, hv);
  }

  void precondition(const Numbers& r, Numbers& z) const { z = r; }

 private:
  static constexpr double kRidge = 1e-6;

  const Numbers& residual(const Numbers& theta) {
    residual_ = map_.value(theta);
    add_scaled(-1.0, target_, residual_);
    return residual_;
  }

  Map& map_;
  Numbers target_, residual_;
};

}  // namespace psyrl
