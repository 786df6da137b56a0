// The geometric kernel nearest to a kernel in the convex cone:
//
//   minimise over alpha, beta:  sum_{l < p} (alpha beta (1 - alpha)^l - g(l))^2
//
// (Zhu et al. 2026, eq. 4.4). For a given alpha the best beta is a clipped ratio of
// inner products, and these have closed forms for windows and for rates, so what is
// left is a search along one dimension: no random starts.
#pragma once

#include "core/convex/relaxation.h"

namespace psyrl {
namespace convex {

/// sum_{l < p} q^l
inline double geometric_sum(double q, int p) {
  return q >= 1.0 ? p : (1.0 - std::pow(q, p)) / (1.0 - q);
}

class KernelFit {
 public:
  KernelFit(Family family, int horizon, const std::vector<Atom>& atoms)
      : family_(family), horizon_(horizon), atoms_(atoms) {}

  double best_beta(double alpha, const Interval& beta) const {
    const double norm = self(alpha);
    const double b = norm > 0.0 ? product(alpha) / norm : 0.0;
    return std::min(std::max(b, beta.lower), beta.upper);
  }

  /// Squared distance, up to the constant |g|^2.
  double distance(double alpha, const Interval& beta) const {
    const double b = best_beta(alpha, beta);
    return b * (b * self(alpha) - 2.0 * product(alpha));
  }

 private:
  /// <g, k_alpha>, k_alpha(l) = alpha (1 - alpha)^l.
  double product(double alpha) const {
    double sum = 0.0;
    for (const Atom& atom : atoms_)
      sum += atom.mass *
             (family_ == Family::window
                  ? (1.0 - std::pow(1.0 - alpha, atom.shape)) / atom.shape
                  : alpha * atom.shape *
                        geometric_sum((1.0 - alpha) * (1.0 - atom.shape), horizon_));
    return sum;
  }

  double self(double alpha) const {
    return alpha * alpha * geometric_sum((1.0 - alpha) * (1.0 - alpha), horizon_);
  }

  Family family_;
  int horizon_;
  const std::vector<Atom>& atoms_;
};

/// Minimum of `f` near the best of a grid: golden section between its neighbours.
template <class F>
double grid_minimum(const std::vector<double>& points, const F& f) {
  std::size_t best = 0;
  double lowest = kInfinity;
  for (std::size_t k = 0; k < points.size(); ++k) {
    const double value = f(points[k]);
    if (value < lowest) { lowest = value; best = k; }
  }
  double a = points[best > 0 ? best - 1 : 0];
  double b = points[std::min(best + 1, points.size() - 1)];
  const double ratio = 0.6180339887498949;
  double x = b - ratio * (b - a), y = a + ratio * (b - a);
  double fx = f(x), fy = f(y);
  while (b - a > 1e-9) {
    if (fx < fy) { b = y; y = x; fy = fx; x = b - ratio * (b - a); fx = f(x); }
    else { a = x; x = y; fx = fy; y = a + ratio * (b - a); fy = f(y); }
  }
  const double inside = fx < fy ? x : y;
  return std::min(fx, fy) <= lowest ? inside : points[best];
}

/// The geometric kernel nearest to the atoms of one row.
inline Component nearest_geometric(const KernelFit& kernel, int row, int longest,
                                   const Box& box) {
  const std::vector<double> points = rate_points(longest, box.alpha);
  const double alpha = grid_minimum(
      points, [&](double a) { return kernel.distance(a, box.beta); });
  return {row, alpha, kernel.best_beta(alpha, box.beta)};
}

/// Step II: parameters of every row from a relaxed solution.
inline std::vector<Component> recover(const Design& design,
                                      const Relaxation& task,
                                      const std::vector<Atom>& atoms,
                                      const std::vector<Box>& boxes) {
  std::vector<Component> components;
  for (int r = 0; r < design.n_rows(); ++r) {
    std::vector<Atom> mine;
    for (const Atom& atom : atoms)
      if (atom.row == r) mine.push_back(atom);
    const KernelFit kernel(task.family, std::max(task.horizon, 1), mine);
    components.push_back(nearest_geometric(kernel, r, design.longest, boxes[r]));
  }
  return components;
}

}  // namespace convex
}  // namespace psyrl
