// Projected Newton: maximises a smooth function of a few dozen variables in a box,
// with its exact Hessian.
//
// Variables at a bound with the gradient pointing outwards are set aside; the others
// move along (-H + shift)^{-1} g, where curvature that is not positive is replaced
// by its size, and the step is halved until the function rises (Armijo). Contract:
// from a start with a finite value the point returned is not worse; numeric trouble
// is a status.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/status.h"

namespace psyrl {

struct NewtonControl {
  double tolerance = 1e-12;  // on half the Newton decrement, in units of the function
  int max_iterations = 100;
  double max_step = 3.0;     // largest move of a variable in one iteration
  double min_share = 1e-6;   // of a step that is tried before the search gives up
};

struct NewtonResult {
  Eigen::VectorXd x, gradient;
  Eigen::MatrixXd hessian;
  double value = -INFINITY;
  double decrement = INFINITY;
  Status status = Status::non_finite;
  int iterations = 0;
};

namespace newton {

/// Ascent direction on the free variables; curvature is made positive by eigenvalues
/// if Cholesky fails.
inline Eigen::VectorXd direction(const Eigen::MatrixXd& hessian, const Eigen::VectorXd& g) {
  const Eigen::MatrixXd curvature = -hessian;
  const Eigen::LLT<Eigen::MatrixXd> llt(curvature);
  if (llt.info() == Eigen::Success && llt.rcond() > 1e-12) return llt.solve(g);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(curvature);
  const double floor = 1e-8 * std::max(1.0, eigen.eigenvalues().cwiseAbs().maxCoeff());
  const Eigen::VectorXd scaled = (eigen.eigenvectors().transpose() * g).array() /
      eigen.eigenvalues().cwiseAbs().cwiseMax(floor).array();
  return eigen.eigenvectors() * scaled;
}

/// The step over all variables: zero where held at a bound.
inline Eigen::VectorXd projected_step(const NewtonResult& at, const Eigen::VectorXd& lower,
                                      const Eigen::VectorXd& upper) {
  std::vector<int> free;
  for (int i = 0; i < at.x.size(); ++i) {
    const bool held = (at.x[i] <= lower[i] && at.gradient[i] <= 0.0) ||
        (at.x[i] >= upper[i] && at.gradient[i] >= 0.0);
    if (!held) free.push_back(i);
  }
  const int n = static_cast<int>(free.size());
  Eigen::VectorXd step = Eigen::VectorXd::Zero(at.x.size());
  if (n == at.x.size()) return direction(at.hessian, at.gradient);
  if (n == 0) return step;
  Eigen::VectorXd g(n);
  Eigen::MatrixXd h(n, n);
  for (int i = 0; i < n; ++i) {
    g[i] = at.gradient[free[i]];
    for (int j = 0; j < n; ++j) h(i, j) = at.hessian(free[i], free[j]);
  }
  const Eigen::VectorXd reduced = direction(h, g);
  for (int i = 0; i < n; ++i) step[free[i]] = reduced[i];
  return step;
}

}  // namespace newton

/// `f.value(x)` and `f.derivatives(x, g, H)` (which returns the value too); with
/// `F::kOneCall` the full step is tried by `derivatives` at once.
template <class F>
NewtonResult maximise(F& f, const Eigen::VectorXd& start, const Eigen::VectorXd& lower,
                      const Eigen::VectorXd& upper, const NewtonControl& control,
                      const Monitor& monitor) {
  NewtonResult at;
  at.x = start.cwiseMax(lower).cwiseMin(upper);
  at.value = f.derivatives(at.x, at.gradient, at.hessian);
  if (!std::isfinite(at.value) || !at.gradient.allFinite() || !at.hessian.allFinite())
    return at;
  NewtonResult next = at;
  at.status = Status::max_iterations;
  for (; at.iterations < control.max_iterations; ++at.iterations) {
    if (monitor.interrupted()) {
      at.status = Status::interrupted;
      break;
    }
    Eigen::VectorXd step = newton::projected_step(at, lower, upper);
    at.decrement = 0.5 * at.gradient.dot(step);
    if (at.decrement <= control.tolerance) {
      at.status = Status::converged;
      break;
    }
    const double longest = step.cwiseAbs().maxCoeff();
    if (longest > control.max_step) step *= control.max_step / longest;
    bool risen = false;
    for (double t = 1.0; t > control.min_share && !risen; t *= t == 1.0 ? 0.5 : 0.3) {
      next.x = (at.x + t * step).cwiseMax(lower).cwiseMin(upper);
      const double aim = at.value +
          1e-4 * at.gradient.dot(next.x - at.x) - 1e-13 * std::fabs(at.value);
      if (!F::kOneCall || t < 1.0) {
        next.value = f.value(next.x);
        if (!(next.value >= aim)) continue;
      }
      next.value = f.derivatives(next.x, next.gradient, next.hessian);
      risen = next.value >= aim && next.gradient.allFinite() && next.hessian.allFinite();
    }
    if (!risen) {
      at.status = Status::no_progress;
      break;
    }
    next.iterations = at.iterations;
    next.status = at.status;
    next.decrement = at.decrement;
    std::swap(at, next);
  }
  return at;
}

}  // namespace psyrl
