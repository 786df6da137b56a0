// Log-probability of a choice under softmax with lapses,
//
//   log P(a) = log[ (1 - xi) exp(x_a) / sum_k exp(x_k) + xi / K ]
//
// over the K options on offer, with derivatives in closed form: for duals
//
//   L' = x_a' - m,  L'' = x_a'' - sum p_k x_k'' - sum p_k x_k' x_k'^T + m m^T,
//   m = sum p_k x_k'.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/base/dual.h"
#include "core/base/numerics.h"

namespace psyrl {
namespace learning {

/// log of 1 / (1 + exp(other - chosen)): two options.
inline double log_of_two(double chosen, double other) {
  const double d = chosen - other;
  return std::min(d, 0.0) - std::log1p(std::exp(-std::fabs(d)));
}
template <int N, int O>
inline Dual<N, O> log_of_two(const Dual<N, O>& chosen, const Dual<N, O>& other) {
  const double d = chosen.v - other.v, e = std::exp(-std::fabs(d));
  const double p = (d >= 0.0 ? 1.0 : e) / (1.0 + e);
  const double slope = (d >= 0.0 ? e : 1.0) / (1.0 + e);  // 1 - p
  Dual<N, O> out(std::min(d, 0.0) - std::log1p(e));
  double difference[Dual<N, O>::kG];
  for (int i = 0; i < Dual<N, O>::kG; ++i) difference[i] = chosen.g[i] - other.g[i];
  for (int i = 0; i < Dual<N, O>::kG; ++i) out.g[i] = slope * difference[i];
  for (int i = 0; i < Dual<N, O>::kH; ++i) out.h[i] = slope * (chosen.h[i] - other.h[i]);
  out.add_square(-p * slope, difference);
  return out;
}

/// Probabilities of n logits into `p`; returns log sum exp.
template <class T>
double softmax_values(const T* x, int n, double* p) {
  double top = -kInfinity;
  for (int k = 0; k < n; ++k) top = std::max(top, value_of(x[k]));
  double sum = 0.0;
  for (int k = 0; k < n; ++k) sum += p[k] = std::exp(value_of(x[k]) - top);
  for (int k = 0; k < n; ++k) p[k] /= sum;
  return top + std::log(sum);
}

inline double log_softmax(const double* x, int n, int a, double*) {
  return x[a] - log_sum_exp(x, n);
}

/// `p` is scratch for n numbers.
template <int N, int O>
Dual<N, O> log_softmax(const Dual<N, O>* x, int n, int a, double* p) {
  Dual<N, O> out = x[a];
  out.v -= softmax_values(x, n, p);
  double mean[Dual<N, O>::kG] = {0.0};
  for (int k = 0; k < n; ++k) {
    for (int i = 0; i < Dual<N, O>::kG; ++i) mean[i] += p[k] * x[k].g[i];
    for (int i = 0; i < Dual<N, O>::kH; ++i) out.h[i] -= p[k] * x[k].h[i];
    out.add_square(-p[k], x[k].g);
  }
  out.add_square(1.0, mean);
  for (int i = 0; i < Dual<N, O>::kG; ++i) out.g[i] -= mean[i];
  return out;
}

/// Log-probability of option `a` of the n logits `x`, no lapses.
template <class T>
T log_choice(const T* x, int n, int a, double* scratch) {
  if (n == 2) return log_of_two(x[a], x[1 - a]);
  return log_softmax(x, n, a, scratch);
}

/// log[(1 - xi) exp(log_p) + xi / n]
template <class T>
T with_lapse(const T& log_p, const T& xi, int n) {
  using std::exp;
  using std::log;
  using psyrl::exp;
  using psyrl::log;
  return log((1.0 - xi) * exp(log_p) + xi / static_cast<double>(n));
}

/// Sum of the log-probabilities of choices: option `a` of the n logits `x`, with lapses
/// unless `xi` is null.
template <class T>
class ChoiceSum {
 public:
  void add(const T* x, int n, int a, const T* xi, double* scratch) {
    const T log_p = log_choice(x, n, a, scratch);
    total_ += xi ? with_lapse(log_p, *xi, n) : log_p;
  }
  const T& total() const { return total_; }

 private:
  T total_ = T(0.0);
};

/// Without derivatives: one logarithm for the product of many odds.
template <>
class ChoiceSum<double> {
 public:
  void add(const double* x, int n, int a, const double* xi, double*) {
    double top = x[0], sum = 0.0;
    for (int k = 1; k < n; ++k) top = std::max(top, x[k]);
    for (int k = 0; k < n; ++k) sum += x[k] == top ? 1.0 : std::exp(x[k] - top);
    if (xi) {
      const double lapse = *xi / static_cast<double>(n);
      odds_ /= (1.0 - *xi) * std::exp(x[a] - top) / sum + lapse;
    } else {
      total_ += x[a] - top;
      odds_ *= sum;
    }
    if (!(odds_ < 1e200)) take_log();
  }
  double total() {
    take_log();
    return total_;
  }

 private:
  void take_log() {
    total_ -= std::log(odds_);
    odds_ = 1.0;
  }
  double total_ = 0.0;
  double odds_ = 1.0;
};

}  // namespace learning
}  // namespace psyrl
