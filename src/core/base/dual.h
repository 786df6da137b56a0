// Forward-mode dual numbers: a value with its gradient and, at order 2, its
// Hessian in N directions. A function written once as a template over its number
// type gives its value with `double` and its exact derivatives with `Dual`.
//
//   f(x)' = f1 x',   f(x)'' = f1 x'' + f2 x' x''^T    (chain rule)
//
// Comparisons look at values only: where a function branches, its derivatives are
// those of the branch taken.
#pragma once

#include <cmath>

namespace psyrl {

/// N directions, derivatives up to `Order` (1 or 2). The Hessian is stored as the
/// packed lower triangle; lengths are padded to even, so that two go at a time.
template <int N, int Order>
struct Dual {
  static constexpr int kG = N + N % 2;
  static constexpr int kPacked = Order == 2 ? N * (N + 1) / 2 : 0;
  static constexpr int kH = kPacked + kPacked % 2;

  double v;
  double g[kG];
  double h[kH > 0 ? kH : 1];

  Dual() : Dual(0.0) {}
  Dual(double value) : v(value) {
    for (int i = 0; i < kG; ++i) g[i] = 0.0;
    for (int i = 0; i < kH; ++i) h[i] = 0.0;
  }

  Dual& operator+=(const Dual& x) {
    v += x.v;
    for (int i = 0; i < kG; ++i) g[i] += x.g[i];
    for (int i = 0; i < kH; ++i) h[i] += x.h[i];
    return *this;
  }
  Dual& operator-=(const Dual& x) {
    v -= x.v;
    for (int i = 0; i < kG; ++i) g[i] -= x.g[i];
    for (int i = 0; i < kH; ++i) h[i] -= x.h[i];
    return *this;
  }
  Dual& operator*=(double c) {
    v *= c;
    for (int i = 0; i < kG; ++i) g[i] *= c;
    for (int i = 0; i < kH; ++i) h[i] *= c;
    return *this;
  }
  Dual& operator+=(double c) {
    v += c;
    return *this;
  }
  Dual& operator-=(double c) {
    v -= c;
    return *this;
  }
  Dual& operator*=(const Dual& x) { return *this = *this * x; }
  Dual& operator/=(double c) { return *this *= 1.0 / c; }

  /// Hessian += c a b^T symmetrised: c (a_i b_j + a_j b_i) / 2 for both orders.
  void add_outer(double c, const double* a, const double* b) {
    if (Order < 2) return;
    int at = 0;
    for (int i = 0; i < N; ++i)
      for (int j = 0; j <= i; ++j) h[at++] += c * (a[i] * b[j] + a[j] * b[i]);
  }
  void add_square(double c, const double* a) {
    if (Order < 2) return;
    int at = 0;
    for (int i = 0; i < N; ++i) {
      const double ca = c * a[i];
      for (int j = 0; j <= i; ++j) h[at++] += ca * a[j];
    }
  }
};

/// f(x) from the value f and the derivatives f1, f2 at x.v.
template <int N, int O>
inline Dual<N, O> chain(Dual<N, O> x, double f, double f1, double f2) {
  for (int i = 0; i < Dual<N, O>::kH; ++i) x.h[i] *= f1;
  x.add_square(f2, x.g);
  for (int i = 0; i < Dual<N, O>::kG; ++i) x.g[i] *= f1;
  x.v = f;
  return x;
}

template <int N, int O>
inline Dual<N, O> operator*(const Dual<N, O>& a, const Dual<N, O>& b) {
  Dual<N, O> out(a.v * b.v);
  for (int i = 0; i < Dual<N, O>::kG; ++i) out.g[i] = a.v * b.g[i] + b.v * a.g[i];
  for (int i = 0; i < Dual<N, O>::kH; ++i) out.h[i] = a.v * b.h[i] + b.v * a.h[i];
  out.add_outer(1.0, a.g, b.g);
  return out;
}

template <int N, int O>
inline Dual<N, O> operator+(Dual<N, O> a, const Dual<N, O>& b) { return a += b; }
template <int N, int O>
inline Dual<N, O> operator-(Dual<N, O> a, const Dual<N, O>& b) { return a -= b; }
template <int N, int O>
inline Dual<N, O> operator-(Dual<N, O> a) { return a *= -1.0; }
template <int N, int O>
inline Dual<N, O> operator+(Dual<N, O> a, double c) { return a += c; }
template <int N, int O>
inline Dual<N, O> operator+(double c, Dual<N, O> a) { return a += c; }
template <int N, int O>
inline Dual<N, O> operator-(Dual<N, O> a, double c) { return a -= c; }
template <int N, int O>
inline Dual<N, O> operator-(double c, Dual<N, O> a) { return (a *= -1.0) += c; }
template <int N, int O>
inline Dual<N, O> operator*(Dual<N, O> a, double c) { return a *= c; }
template <int N, int O>
inline Dual<N, O> operator*(double c, Dual<N, O> a) { return a *= c; }
template <int N, int O>
inline Dual<N, O> operator/(Dual<N, O> a, double c) { return a *= 1.0 / c; }
template <int N, int O>
inline Dual<N, O> operator/(double c, const Dual<N, O>& a) {
  const double r = 1.0 / a.v;
  return chain(a, c * r, -c * r * r, 2.0 * c * r * r * r);
}
template <int N, int O>
inline Dual<N, O> operator/(const Dual<N, O>& a, const Dual<N, O>& b) {
  return a * (1.0 / b);
}

template <int N, int O>
inline Dual<N, O> exp(const Dual<N, O>& x) {
  const double e = std::exp(x.v);
  return chain(x, e, e, e);
}
template <int N, int O>
inline Dual<N, O> log(const Dual<N, O>& x) {
  const double r = 1.0 / x.v;
  return chain(x, std::log(x.v), r, -r * r);
}
template <int N, int O>
Dual<N, O> sqrt(const Dual<N, O>& x) {
  const double s = std::sqrt(x.v);
  return chain(x, s, 0.5 / s, -0.25 / (s * x.v));
}
/// base^x for a constant base >= 0.
template <int N, int O>
inline Dual<N, O> pow(double base, const Dual<N, O>& x) {
  if (base <= 0.0) return Dual<N, O>(std::pow(base, x.v));
  const double f = std::pow(base, x.v), l = std::log(base);
  return chain(x, f, l * f, l * l * f);
}
/// 1 / (1 + exp(-x))
template <int N, int O>
inline Dual<N, O> logistic(const Dual<N, O>& x) {
  const double p = 1.0 / (1.0 + std::exp(-x.v)), d = p * (1.0 - p);
  return chain(x, p, d, d * (1.0 - 2.0 * p));
}
inline double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// x += rate (target - x) in one pass over the derivatives: the delta rule, which most
/// of a learning model's time goes into.
inline void move_towards(double& x, double rate, double target) {
  x += rate * (target - x);
}
template <int N, int O>
inline void move_towards(Dual<N, O>& x, const Dual<N, O>& rate, double target) {
  const double keep = 1.0 - rate.v, error = target - x.v;
  for (int i = 0; i < Dual<N, O>::kH; ++i) x.h[i] = keep * x.h[i] + error * rate.h[i];
  x.add_outer(-1.0, rate.g, x.g);
  for (int i = 0; i < Dual<N, O>::kG; ++i) x.g[i] = keep * x.g[i] + error * rate.g[i];
  x.v += rate.v * error;
}
template <int N, int O>
inline void move_towards(Dual<N, O>& x, const Dual<N, O>& rate, const Dual<N, O>& target) {
  x += rate * (target - x);
}

/// The value without derivatives: what branches look at.
inline double value_of(double x) { return x; }
template <int N, int O>
double value_of(const Dual<N, O>& x) { return x.v; }

}  // namespace psyrl
