// The value of a state from the values of its actions.
//
//   soft    V = tau log sum exp(Q / tau)      entropy counts: options are worth
//   mellow  V = tau log mean exp(Q / tau)     no bonus for merely having options
//   tau = 0 V = max Q                         either way
//
// Both have the gradient dV / dQ = softmax(Q / tau): the policy that the backup
// itself plans with. Mellow: Asadi & Littman (2017), "An alternative softmax
// operator for reinforcement learning".
#pragma once

#include <algorithm>
#include <cmath>

#include "core/base/numerics.h"

namespace psyrl {

enum class Backup { soft, mellow };

/// The value of n > 0 actions.
inline double back_up(const double* q, int n, double temperature, Backup backup) {
  const double top = *std::max_element(q, q + n);
  if (temperature == 0.0 || n == 1) return top;
  double sum = 0.0;
  for (int i = 0; i < n; ++i) sum += std::exp((q[i] - top) / temperature);
  if (backup == Backup::mellow) sum /= n;
  return top + temperature * std::log(sum);
}

/// The same, and its gradient in `policy`; ties at the maximum share equally
/// when the temperature is 0.
inline double back_up(const double* q, int n, double temperature, Backup backup,
                      double* policy) {
  const double scale = temperature == 0.0 ? kInfinity : 1.0 / temperature;
  softmax(q, n, scale, policy);
  return back_up(q, n, temperature, backup);
}

}  // namespace psyrl
