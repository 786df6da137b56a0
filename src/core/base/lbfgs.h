// Limited-memory quasi-Newton search, for problems whose Hessian products cost too
// much. Contract as in newton_cg.h: from a start, return a point that is not worse,
// with the reason for stopping. A problem offers
//
//   double linearise(x, gradient)
//   void precondition(r, z)               z = M^-1 r, the metric of the first step
//
// Nocedal & Wright (2006), Numerical Optimization, algorithms 7.4 and 3.1.
#pragma once

#include <deque>

#include "core/base/newton_cg.h"

namespace psyrl {

namespace detail {

struct CurvaturePair {
  std::vector<double> s, y;  // steps of x and of the gradient
  double rho;                // 1 / s'y
};

/// - H g by the two-loop recursion.
template <class Problem>
std::vector<double> quasi_newton_direction(const Problem& problem,
                                           const std::deque<CurvaturePair>& memory,
                                           std::vector<double> g) {
  std::vector<double> alpha(memory.size()), z(g.size());
  for (std::size_t i = memory.size(); i-- > 0;) {
    alpha[i] = memory[i].rho * dot(memory[i].s, g);
    add_scaled(-alpha[i], memory[i].y, g);
  }
  problem.precondition(g, z);
  if (!memory.empty()) {
    std::vector<double> my(z.size());
    problem.precondition(memory.back().y, my);
    const double scale = 1.0 / (memory.back().rho * dot(memory.back().y, my));
    for (double& value : z) value *= scale;
  }
  for (std::size_t i = 0; i < memory.size(); ++i)
    add_scaled(alpha[i] - memory[i].rho * dot(memory[i].y, z), memory[i].s, z);
  for (double& value : z) value = -value;
  return z;
}

inline void remember(std::deque<CurvaturePair>& memory, std::vector<double> s,
                     std::vector<double> y) {
  const double curvature = dot(s, y);
  if (!(curvature > 1e-12 * dot(y, y))) return;
  if (memory.size() == 20) memory.pop_front();
  memory.push_back({std::move(s), std::move(y), 1.0 / curvature});
}

}  // namespace detail

template <class Problem>
NewtonCgResult lbfgs(Problem& problem, std::vector<double> start,
                     const NewtonCgSettings& settings, const Monitor& monitor) {
  NewtonCgResult result;
  result.x = std::move(start);
  std::vector<double> gradient(result.x.size()), trial, there(result.x.size());
  std::deque<detail::CurvaturePair> memory;
  result.value = problem.linearise(result.x, gradient);
  for (; result.iterations < settings.max_iterations; ++result.iterations) {
    result.gradient_norm = std::sqrt(dot(gradient, gradient));
    if (!std::isfinite(result.value)) { result.status = Status::non_finite; break; }
    if (monitor.interrupted()) { result.status = Status::interrupted; break; }
    std::vector<double> d = detail::quasi_newton_direction(problem, memory, gradient);
    const double slope = dot(gradient, d);
    if (!(slope < -settings.tolerance)) { result.status = Status::converged; break; }
    double length = memory.empty() ? std::min(1.0, 1.0 / std::sqrt(dot(d, d))) : 1.0;
    double value = kInfinity;
    for (int halving = 0; halving < 40; ++halving, length *= 0.5) {
      trial = result.x;
      add_scaled(length, d, trial);
      value = problem.linearise(trial, there);
      if (std::isfinite(value) && value <= result.value + 1e-4 * length * slope) break;
      value = kInfinity;
    }
    if (!std::isfinite(value)) { result.status = Status::no_progress; break; }
    for (double& x : d) x *= length;
    std::vector<double> y(there);
    add_scaled(-1.0, gradient, y);
    detail::remember(memory, std::move(d), std::move(y));
    result.x = trial;
    result.value = value;
    gradient = there;
  }
  return result;
}

}  // namespace psyrl
