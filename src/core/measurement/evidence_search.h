// Minimises the evidence over eta: a trust region with damped BFGS, which needs a
// merit function and not only a root, from several rungs of the ladder.
//
// The surface is known only up to some hundredths of a nat (the inner search stops,
// the log det is stochastic), so a search has converged when what the model of the
// surface promises, or what four steps in a row gave, is less than that.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include "core/base/require.h"
#include "core/base/status.h"
#include "core/measurement/evidence_start.h"

namespace psyrl {

/// A row of the trace: an accepted round. Parameters are in the task's reward units.
struct TraceRow {
  int start, round;
  double objective, loglik, penalty, half_log_det, prior, gradient_norm, step;
  int rollbacks;
  double mu, sigma, residual_sd, temperature, discount, seconds;

  void put(const Setting& at) {
    mu = at.coefficients[0] - std::log(at.scale);
    sigma = at.sigma;
    residual_sd = at.residual_sd * at.scale;
    temperature = at.temperature * at.scale;
    discount = at.discount;
  }
};

class Clock {
 public:
  Clock() : begin_(std::chrono::steady_clock::now()) {}
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_;
};

struct SearchControl {
  int max_iterations = 25;
  int n_starts = 3;
  int n_probe_blocks = 3;
  std::uint64_t seed = 1;
};

struct SearchResult {
  explicit SearchResult(Evidence at) : best(std::move(at)) {}
  Evidence best;
  Eigen::MatrixXd hessian;  // of E over `which`: while searching the BFGS matrix
  std::vector<int> which;
  Vector gradient;          // dE/deta of `which`
  Status status = Status::max_iterations;
  double departure = NAN;   // from the exact model, in standard errors, if it is possible
};

namespace detail {

inline Vector pick(const Vector& x, const std::vector<int>& which) {
  Vector out(which.size());
  for (std::size_t i = 0; i < which.size(); ++i) out[i] = x[which[i]];
  return out;
}

/// Powell's damped update keeps the matrix positive definite.
inline void update_bfgs(Eigen::MatrixXd& b, const Vector& step, Vector change) {
  const Vector bs = b * step;
  const double sbs = step.dot(bs), sy = step.dot(change);
  if (!(sbs > 1e-14) || !change.allFinite()) return;
  if (sy < 0.2 * sbs) {
    const double theta = 0.8 * sbs / (sbs - sy);
    change = theta * change + (1.0 - theta) * bs;
  }
  b += change * change.transpose() / step.dot(change) - bs * bs.transpose() / sbs;
}

/// argmin g's + s'Bs/2 over |s| <= radius, coordinates in `held` at 0.
inline Vector trust_step(const Eigen::MatrixXd& b, const Vector& g, double radius,
                         const std::vector<char>& held) {
  Eigen::MatrixXd m = b;
  Vector rhs = g;
  for (int i = 0; i < g.size(); ++i)
    if (held[i]) {
      m.row(i).setZero();
      m.col(i).setZero();
      m(i, i) = 1.0;
      rhs[i] = 0.0;
    }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(m);
  const Vector along = eigen.eigenvectors().transpose() * rhs;
  const Vector values = eigen.eigenvalues().cwiseMax(1e-8);
  const auto step = [&](double nu) {
    return Vector(-eigen.eigenvectors() * along.cwiseQuotient((values.array() + nu).matrix()));
  };
  if (step(0.0).norm() <= radius) return step(0.0);
  double low = 0.0, high = rhs.norm() / radius;
  for (int i = 0; i < 80; ++i) {
    const double middle = 0.5 * (low + high);
    (step(middle).norm() > radius ? low : high) = middle;
  }
  return step(high);
}

}  // namespace detail

/// One search, resumable: `advance(n)` takes up to n more steps.
class TrustRegion {
 public:
  TrustRegion(const EvidenceData& data, const Rung& start, const Bounds& box,
              const std::vector<Block>& probes, int number, const Clock& clock,
              std::vector<TraceRow>& trace)
      : data_(data), box_(box), probes_(probes), number_(number), clock_(clock),
        trace_(trace),
        result_(evidence(data, start.eta, start.delta, start.v, probes)) {
    result_.which = free_parameters(data);
    finished_ = !result_.best.valid();
    if (finished_) result_.status = Status::non_finite;
    else begin();
  }

  void advance(int n, int limit) {
    for (int i = 0; i < n && !finished_ && rounds_ < limit; ++i) step();
    if (!finished_ && rounds_ >= limit) result_.status = Status::max_iterations;
  }

  bool finished() const { return finished_; }
  SearchResult& result() { return result_; }
  const SearchResult& result() const { return result_; }
  double value() const { return result_.best.value; }

 private:
  void begin() {
    const Layout at = layout_of(data_);
    take_slope(evidence_gradient(data_, result_.best, result_.which, probes_));
    const double sigma = result_.best.point.setting.sigma;
    Vector diagonal(at.size());
    diagonal.head(at.q) =
        data_.design.array().square().colwise().sum().transpose() / (2 * square(sigma));
    diagonal[at.sigma()] = data_.design.rows();
    // Every value that the data know tells about the scale of all.
    diagonal[at.residual_sd()] = 0.25 + 2 * std::max(0.0, result_.best.effective_values());
    diagonal[at.temperature()] = diagonal[at.discount()] = 20.0;
    result_.hessian = detail::pick(diagonal, result_.which).asDiagonal();
    record(0.0);
    if (result_.which.empty()) finish(Status::converged);
  }

  void take_slope(const Slope& slope) {
    result_.gradient = detail::pick(slope.value, result_.which);
    error_ = detail::pick(slope.error, result_.which);
  }

  /// Whether a whole step promises no more than the probes' error in the slope
  /// would promise on its own.
  bool within_error() const {
    const std::vector<char> held = at_bounds();
    Eigen::MatrixXd inverse = result_.hessian.inverse();
    double promised = 0.0, by_error = 0.0;
    for (int i = 0; i < error_.size(); ++i) {
      if (held[i]) continue;
      by_error += 0.5 * inverse(i, i) * square(error_[i]);
      for (int j = 0; j < error_.size(); ++j)
        if (!held[j]) promised += 0.5 * result_.gradient[i] * inverse(i, j) * result_.gradient[j];
    }
    return promised < by_error;
  }

  void finish(Status status) {
    result_.status = status;
    finished_ = true;
  }

  std::vector<char> at_bounds() const {
    std::vector<char> held;
    for (std::size_t i = 0; i < result_.which.size(); ++i) {
      const double x = result_.best.eta[result_.which[i]], g = result_.gradient[i];
      held.push_back((x <= box_.lower[result_.which[i]] + 1e-9 && g > 0) ||
                     (x >= box_.upper[result_.which[i]] - 1e-9 && g < 0));
    }
    return held;
  }

  /// Moves eta by the step, inside the box; the step is shortened to what was moved.
  Vector moved(Vector& step) const {
    Vector eta = result_.best.eta;
    for (std::size_t i = 0; i < result_.which.size(); ++i) {
      double& x = eta[result_.which[i]];
      const double from = x;
      x = std::min(box_.upper[result_.which[i]],
                   std::max(box_.lower[result_.which[i]], x + step[i]));
      step[i] = x - from;
    }
    return eta;
  }

  void step() {
    if (data_.run.monitor.interrupted()) return finish(Status::interrupted);
    ++rounds_;
    Vector move = detail::trust_step(result_.hessian, result_.gradient, radius_, at_bounds());
    const Vector eta = moved(move);
    const double predicted =
        -(result_.gradient.dot(move) + 0.5 * move.dot(result_.hessian * move));
    if (predicted < 0.02) return finish(Status::converged);
    const Evidence& now = result_.best;
    Evidence next = evidence(data_, eta, now.point.setting.residual_sd * now.point.u,
                             now.point.values.v, probes_);
    const double gain = now.value - next.value;
    judge(next, move, gain, predicted);
  }

  void judge(Evidence& next, const Vector& move, double gain, double predicted) {
    const bool accept = next.valid() && gain > 0.05 * predicted;
    const bool at_edge = move.norm() > 0.95 * radius_;
    if (next.valid()) {
      const Slope slope = evidence_gradient(data_, next, result_.which, probes_);
      const Vector gradient = detail::pick(slope.value, result_.which);
      detail::update_bfgs(result_.hessian, move, gradient - result_.gradient);
      if (accept) {
        result_.best = std::move(next);
        take_slope(slope);
        record(move.norm());
      }
    }
    if (!accept) {
      radius_ = 0.35 * std::min(radius_, move.norm());
      if (within_error()) return finish(Status::converged);
      if (++rejections_ >= 8 || radius_ < 0.004) finish(Status::no_progress);
      return;
    }
    if (gain > 0.6 * predicted && at_edge) radius_ = std::min(1.5, 2 * radius_);
    if (gain < 0.25 * predicted) radius_ *= 0.5;
    small_gains_ = gain < 0.3 ? small_gains_ + 1 : 0;
    if ((gain < 0.03 && predicted < 0.06) || small_gains_ >= 4) finish(Status::converged);
  }

  void record(double step) {
    const Evidence& e = result_.best;
    TraceRow row{number_, rounds_, e.value, e.point.post.loglik,
                 0.5 * e.point.u.squaredNorm(), 0.5 * e.det.value, e.prior,
                 result_.gradient.norm(), step, rejections_};
    row.put(e.point.setting);
    row.seconds = clock_.seconds();
    trace_.push_back(row);
  }

  const EvidenceData& data_;
  const Bounds& box_;
  const std::vector<Block>& probes_;
  int number_;
  const Clock& clock_;
  std::vector<TraceRow>& trace_;
  SearchResult result_;
  Vector error_;  // of the slope
  double radius_ = 0.7;
  int rounds_ = 0, rejections_ = 0, small_gains_ = 0;
  bool finished_ = false;
};

/// All starts; one that is far behind after four steps is dropped. Where the evidence is
/// finite at none the status says so, and nothing else is known.
inline SearchResult search(const EvidenceData& data, const SearchControl& control,
                           const std::vector<Block>& probes, const Clock& clock,
                           std::vector<TraceRow>& trace, Start* exact = nullptr) {
  const Bounds box = bounds(data);
  const Start start = exact_search(data, box);
  if (exact) *exact = start;
  const bool free = std::isnan(data.spec.residual_sd);
  const double departs = free ? departure(data, start, probes) : NAN;
  const std::vector<Rung> rungs =
      ladder_starts(data, start, box, control.n_starts, probes, departs);
  std::unique_ptr<TrustRegion> best;
  int number = 0;
  for (const Rung& rung : rungs) {
    std::unique_ptr<TrustRegion> run(
        new TrustRegion(data, rung, box, probes, ++number, clock, trace));
    run->advance(4, control.max_iterations);
    if (!best || run->value() < best->value() + 25)
      run->advance(control.max_iterations, control.max_iterations);
    if (!best || run->value() < best->value()) best = std::move(run);
    if (data.run.monitor.interrupted()) break;
  }
  require(best != nullptr, "the evidence is not finite anywhere on the ladder");
  best->result().departure = departs;
  return std::move(best->result());
}

}  // namespace psyrl
