// Small convex quadratic programme on non-negative weights whose sums by row are
// bounded: the step of the active-set Newton method.
//
//   minimise g'(v - w) + (v - w)' H (v - w) / 2
//   subject to v_c >= 0 where c belongs to a row, lower_r <= sum_{c in r} v_c <= upper_r
//
// Primal active set (Nocedal & Wright 2006, ch. 16.5). A tight row is eliminated
// by its largest weight; a tiny ridge stands in for exact collinearity, so that any
// set of columns gives a direction. Iterations are capped: whatever is returned is
// feasible and not worse than the start.
#pragma once

#include <Eigen/Dense>
#include <vector>

namespace psyrl {
namespace convex {

/// Bounds of the mass of every row.
struct Masses {
  std::vector<double> lower, upper;
};

class OrthantQp {
 public:
  OrthantQp(const Eigen::MatrixXd& h, const Eigen::VectorXd& g,
            const std::vector<int>& row, const Masses& masses)
      : h_(h), q_(g), row_(row), masses_(masses),
        at_zero_(row.size(), false), tight_(masses.upper.size(), 0),
        scale_(1e-13 * (1.0 + g.cwiseAbs().maxCoeff())) {}

  Eigen::VectorXd solve(const Eigen::VectorXd& start) {
    v_ = start;
    find_tight_rows();
    for (int c = 0; c < size(); ++c)
      at_zero_[c] = bounded(c) && v_[c] <= 0.0 && q_[c] + multiplier(c) > 0.0;
    const int cap = 40 + 6 * size();
    for (int i = 0; i < cap; ++i)
      if (move() && !release()) break;
    return v_;
  }

 private:
  int size() const { return static_cast<int>(row_.size()); }
  bool bounded(int c) const { return row_[c] >= 0; }

  double row_sum(int row) const {
    double sum = 0.0;
    for (int c = 0; c < size(); ++c)
      if (row_[c] == row) sum += v_[c];
    return sum;
  }

  /// The largest free weight of a row: what an equality is solved for. -1: none.
  int pivot(int row) const {
    int best = -1;
    for (int c = 0; c < size(); ++c)
      if (row_[c] == row && !at_zero_[c] && (best < 0 || v_[c] > v_[best])) best = c;
    return best;
  }

  void find_tight_rows() {
    for (std::size_t r = 0; r < tight_.size(); ++r) {
      const double sum = row_sum(r);
      if (sum >= masses_.upper[r] * (1.0 - 1e-14)) tight_[r] = 1;
      else if (masses_.lower[r] > 0.0 && sum <= masses_.lower[r] * (1.0 + 1e-14))
        tight_[r] = -1;
    }
  }

  /// Lagrange multiplier of the row a column belongs to.
  double multiplier(int c) const {
    const int r = row_[c];
    if (r < 0 || tight_[r] == 0) return 0.0;
    const int p = pivot(r);
    return p < 0 ? 0.0 : -q_[p];
  }

  /// Basis of the directions that keep the active constraints.
  Eigen::MatrixXd basis() const {
    std::vector<int> free, against;
    for (int c = 0; c < size(); ++c) {
      if (at_zero_[c]) continue;
      const bool eliminated = bounded(c) && tight_[row_[c]] != 0;
      const int p = eliminated ? pivot(row_[c]) : -1;
      if (p == c) continue;
      free.push_back(c);
      against.push_back(p);
    }
    Eigen::MatrixXd z = Eigen::MatrixXd::Zero(size(), free.size());
    for (std::size_t k = 0; k < free.size(); ++k) {
      z(free[k], k) = 1.0;
      if (against[k] >= 0) z(against[k], k) = -1.0;
    }
    return z;
  }

  Eigen::VectorXd direction() const {
    const Eigen::MatrixXd z = basis();
    if (z.cols() == 0) return Eigen::VectorXd::Zero(size());
    Eigen::MatrixXd reduced = z.transpose() * h_ * z;
    const double ridge = 1e-13 * reduced.diagonal().maxCoeff() + 1e-30;
    double extra = ridge;
    for (int attempt = 0; attempt < 12; ++attempt, extra *= 100.0) {
      reduced.diagonal().array() += extra;
      const Eigen::LLT<Eigen::MatrixXd> factor(reduced);
      if (factor.info() == Eigen::Success)
        return -(z * factor.solve(z.transpose() * q_));
    }
    return Eigen::VectorXd::Zero(size());
  }

  /// Moves to the minimum on the active constraints or to the first one that
  /// blocks; true when nothing blocked.
  bool move() {
    const Eigen::VectorXd p = direction();
    double step = 1.0;
    int column = -1, row = -1;
    for (int c = 0; c < size(); ++c) {
      if (at_zero_[c] || !bounded(c) || p[c] >= 0.0) continue;
      const double limit = -v_[c] / p[c];
      if (limit < step) { step = limit; column = c; }
    }
    for (std::size_t r = 0; r < tight_.size(); ++r) {
      if (tight_[r] != 0) continue;
      const double limit = row_limit(r, p);
      if (limit < step) { step = limit; row = r; column = -1; }
    }
    step = std::max(step, 0.0);
    v_ += step * p;
    q_ += step * (h_ * p);
    if (column >= 0) {
      at_zero_[column] = true;
      v_[column] = 0.0;
    }
    if (row >= 0) tight_[row] = row_slope(row, p) > 0.0 ? 1 : -1;
    return column < 0 && row < 0;
  }

  double row_slope(int row, const Eigen::VectorXd& p) const {
    double slope = 0.0;
    for (int c = 0; c < size(); ++c)
      if (row_[c] == row && !at_zero_[c]) slope += p[c];
    return slope;
  }

  double row_limit(int row, const Eigen::VectorXd& p) const {
    const double slope = row_slope(row, p);
    if (slope > 0.0) return (masses_.upper[row] - row_sum(row)) / slope;
    if (slope < 0.0 && masses_.lower[row] > 0.0)
      return (masses_.lower[row] - row_sum(row)) / slope;
    return 2.0;
  }

  /// Frees the constraint whose multiplier has the wrong sign most; false: none.
  bool release() {
    int column = -1, row = -1;
    double worst = -scale_;
    for (int c = 0; c < size(); ++c) {
      if (!at_zero_[c]) continue;
      const double m = q_[c] + multiplier(c);
      if (m < worst) { worst = m; column = c; }
    }
    for (std::size_t r = 0; r < tight_.size(); ++r) {
      if (tight_[r] == 0 || masses_.upper[r] <= masses_.lower[r]) continue;
      const int p = pivot(r);
      const double m = p < 0 ? 0.0 : -q_[p] * tight_[r];
      if (m < worst) { worst = m; row = r; column = -1; }
    }
    if (column >= 0) at_zero_[column] = false;
    if (row >= 0) tight_[row] = 0;
    return column >= 0 || row >= 0;
  }

  const Eigen::MatrixXd& h_;
  Eigen::VectorXd q_;  // gradient of the model at v
  Eigen::VectorXd v_;
  const std::vector<int>& row_;
  const Masses& masses_;
  std::vector<bool> at_zero_;
  std::vector<int> tight_;  // 1: at the upper bound, -1: at the lower, 0: free
  double scale_;
};

}  // namespace convex
}  // namespace psyrl
