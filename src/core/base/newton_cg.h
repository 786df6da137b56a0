// Newton's method with conjugate gradients: minimises a function whose Hessian is
// known by its products only. Contract of every optimiser here: from a start,
// return a point that is not worse, with the reason for stopping; never throw for
// numeric reasons, never print.
//
// A problem offers
//   double value(x)                       non-finite where undefined
//   double linearise(x, gradient)         value and gradient; products refer to x
//   void multiply(v, hv)                  Hessian of the last linearisation
//   void precondition(r, z)               z = M^-1 r, any positive definite M
#pragma once

#include <cmath>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/numerics.h"
#include "core/base/status.h"

namespace psyrl {

struct NewtonCgSettings {
  int max_iterations = 50;
  int max_products = 300;     // in one Newton step
  double tolerance = 1e-8;    // predicted gain at which to stop
};

struct NewtonCgResult {
  std::vector<double> x;
  double value = 0.0;
  double gradient_norm = 0.0;
  Status status = Status::max_iterations;
  int iterations = 0, products = 0;
};

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline void add_scaled(double c, const std::vector<double>& x, std::vector<double>& y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] += c * x[i];
}

/// Approximate solution of H d = -g; stops at negative curvature with what it has
/// (the preconditioned gradient at the first step), so d always descends.
template <class Problem>
std::vector<double> newton_direction(Problem& problem, const std::vector<double>& g,
                                     int max_products, int& products) {
  std::vector<double> d(g.size(), 0.0), r(g), z(g.size()), p, hp(g.size());
  for (double& value : r) value = -value;
  problem.precondition(r, z);
  p = z;
  double rz = dot(r, z);
  const double start = std::sqrt(rz), target = start * std::min(0.1, std::sqrt(start));
  for (int i = 0; i < max_products && std::sqrt(rz) > std::min(target, 1e-3 * start); ++i) {
    problem.multiply(p, hp);
    ++products;
    const double curvature = dot(p, hp);
    if (!(curvature > 1e-14 * dot(p, p))) {
      if (i == 0) d = p;
      break;
    }
    const double alpha = rz / curvature;
    add_scaled(alpha, p, d);
    add_scaled(-alpha, hp, r);
    problem.precondition(r, z);
    const double next = dot(r, z);
    for (std::size_t k = 0; k < p.size(); ++k) p[k] = z[k] + next / rz * p[k];
    rz = next;
  }
  return d;
}

template <class Problem>
NewtonCgResult newton_cg(Problem& problem, std::vector<double> start,
                         const NewtonCgSettings& settings, const Monitor& monitor) {
  NewtonCgResult result;
  result.x = std::move(start);
  std::vector<double> gradient(result.x.size()), trial;
  result.value = problem.linearise(result.x, gradient);
  for (; result.iterations < settings.max_iterations; ++result.iterations) {
    result.gradient_norm = std::sqrt(dot(gradient, gradient));
    if (!std::isfinite(result.value)) { result.status = Status::non_finite; break; }
    if (monitor.interrupted()) { result.status = Status::interrupted; break; }
    const std::vector<double> d =
        newton_direction(problem, gradient, settings.max_products, result.products);
    const double slope = dot(gradient, d);
    if (!(slope < -settings.tolerance)) { result.status = Status::converged; break; }
    double length = 1.0, value = result.value;
    for (int halving = 0; halving < 40; ++halving, length *= 0.5) {
      trial = result.x;
      add_scaled(length, d, trial);
      value = problem.value(trial);
      if (std::isfinite(value) && value <= result.value + 1e-4 * length * slope) break;
      value = kInfinity;
    }
    if (!std::isfinite(value)) { result.status = Status::no_progress; break; }
    result.x = trial;
    result.value = problem.linearise(result.x, gradient);
  }
  return result;
}

}  // namespace psyrl
