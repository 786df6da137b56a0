// Sums of exponentials in log space, and smooth maxima of value rows.
//
//   lse(x)         = max(x) + log sum exp(x - max(x))
//   soft max       tau log sum exp(x / tau)        -> max(x)  as tau -> 0
//   mellow max     tau log mean exp(x / tau)       -> max(x)  as tau -> 0
//
// Empty rows and rows of -Inf give -Inf; nothing here throws.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace psyrl {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// log sum_i exp(x[i]), i < n; -Inf for an empty row or a row of -Inf.
inline double log_sum_exp(const double* x, int n) {
  double top = -kInfinity;
  for (int i = 0; i < n; ++i) top = std::max(top, x[i]);
  if (!std::isfinite(top)) return top;
  double sum = 0.0;
  for (int i = 0; i < n; ++i) sum += std::exp(x[i] - top);
  return top + std::log(sum);
}

/// Writes softmax(scale * x) into `p` and returns log sum exp(scale * x).
/// With `scale = +Inf` ties at the maximum share the mass equally.
inline double softmax(const double* x, int n, double scale, double* p) {
  if (n == 0) return -kInfinity;
  if (n == 1) {
    p[0] = 1.0;
    return scale * x[0];
  }
  const double top = *std::max_element(x, x + n);
  double sum = 0.0;
  for (int i = 0; i < n; ++i) {
    p[i] = x[i] == top ? 1.0 : std::exp(scale * (x[i] - top));
    sum += p[i];
  }
  for (int i = 0; i < n; ++i) p[i] /= sum;
  return scale * top + std::log(sum);
}

}  // namespace psyrl
