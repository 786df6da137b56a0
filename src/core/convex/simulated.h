// Traces that are not lags of a time line: values that go through other values, as in
// a chain of states, simulated for every learning rate. They are linear in the
// sensitivity, so their non-negative mixtures are a convex family like any other; what
// differs is the search for the rate that enters.
#pragma once

#include "core/convex/logit.h"

namespace psyrl {
namespace convex {

struct Interval {
  double lower = 0.0;
  double upper = 1.0;
  double width() const { return upper - lower; }
};

class Simulated {
 public:
  virtual ~Simulated() = default;
  /// What a rate makes of the past, per unit of mass: [n_trials x n_options].
  virtual void trace(double alpha, Values& f) const = 0;
  /// Bounds of the trace's derivative by the rate that hold in the whole interval.
  virtual void slopes(const Interval& alpha, Values& low, Values& high) const = 0;
};

}  // namespace convex
}  // namespace psyrl
