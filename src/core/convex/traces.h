// What a kernel of a given shape makes of the past, per unit of mass.
//
//   window of length w:  f(t) = (1 / w) sum_{l < w} u(t - 1 - l)
//   learning rate alpha: f(t) = alpha sum_l (1 - alpha)^l u(t - 1 - l)
//
// A non-increasing kernel is a non-negative sum of windows, a geometric one is a
// single rate: both families turn their cone into the non-negative orthant.
#pragma once

#include "core/convex/simulated.h"

namespace psyrl {
namespace convex {

enum class Family { window, rate };

inline void window_trace(const Lane& lane, int width, double* f) {
  const std::vector<double>& u = lane.signal;
  for (std::size_t s = 0; s + 1 < lane.start.size(); ++s) {
    double sum = 0.0;
    for (int q = lane.start[s]; q < lane.start[s + 1]; ++q) {
      f[q] = sum / width;
      sum += u[q];
      if (q - width >= lane.start[s]) sum -= u[q - width];
    }
  }
}

inline void rate_trace(const Lane& lane, double alpha, double* f) {
  const std::vector<double>& u = lane.signal;
  for (std::size_t s = 0; s + 1 < lane.start.size(); ++s) {
    double e = 0.0;
    for (int q = lane.start[s]; q < lane.start[s + 1]; ++q) {
      f[q] = e;
      e += alpha * (u[q] - e);
    }
  }
}

/// Adds `mass` of a shape to a kernel of `n` lags.
inline void add_kernel(Family family, double shape, double mass, int n,
                       double* kernel) {
  double weight = family == Family::rate ? mass * shape : mass / shape;
  const int length = family == Family::rate ? n : std::min(n, int(shape));
  for (int l = 0; l < length; ++l) {
    kernel[l] += weight;
    if (family == Family::rate) weight *= 1.0 - shape;
  }
}

inline Column make_column(const Design& design, int row, Family family,
                          double shape) {
  Column column;
  column.row = row;
  column.option = design.rows[row].option;
  column.shape = shape;
  if (const Simulated* simulated = design.rows[row].simulated.get()) {
    simulated->trace(shape, column.feature);
    return column;
  }
  const int first = design.first_option(row), last = design.last_option(row);
  column.feature.resize(design.n_trials, last - first);
  std::vector<double> f;
  for (int j = first; j < last; ++j) {
    const Lane& lane = design.lane(row, j);
    f.resize(lane.size());
    if (family == Family::rate) rate_trace(lane, shape, f.data());
    else window_trace(lane, static_cast<int>(shape), f.data());
    double* out = column.feature.col(j - first).data();
    for (int t = 0; t < design.n_trials; ++t) out[t] = f[lane.at[t]];
  }
  return column;
}

/// Gradient of the loss with respect to every lag of a row's kernel:
/// c(l) = sum_t residual(t) u(t - 1 - l), l < horizon.
inline std::vector<double> lag_gradient(const Design& design, int row,
                                        const Values& residual, int horizon) {
  std::vector<double> c(std::min(horizon, design.longest), 0.0), r;
  for (int j = design.first_option(row); j < design.last_option(row); ++j) {
    const Lane& lane = design.lane(row, j);
    r.assign(lane.size(), 0.0);
    for (int t = 0; t < design.n_trials; ++t) r[lane.at[t]] += residual(t, j);
    std::size_t s = 0;
    for (const Event& event : lane.events) {
      while (lane.start[s + 1] <= event.at) ++s;
      const double* after = r.data() + event.at + 1;
      const int lags = std::min<int>(c.size(), lane.start[s + 1] - event.at - 1);
      for (int l = 0; l < lags; ++l) c[l] += event.size * after[l];
    }
  }
  return c;
}

}  // namespace convex
}  // namespace psyrl
