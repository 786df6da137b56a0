// Convex relaxation of the forgetting bandit: the best kernels in a cone that
// contains every geometric kernel, and a lower bound on the loss of any of those.
//
//   minimise J(x),  x = sum_c w_c f_c,  w >= 0,  lower_r <= sum_{c in r} w_c <= upper_r
//
// Columns are windows (non-increasing kernels; Zhu et al. 2026, eq. 4.3) or
// learning rates (mixtures of exponentials: the convex hull of the geometric
// kernels, by Hausdorff's moment theorem). Weights are masses: of a geometric
// kernel alpha beta (1 - alpha)^l the mass is at most beta, so upper = beta_max
// excludes nothing and makes sure that an optimum exists.
//
// Active-set Newton: price all columns of every row, let the best enter, take Newton
// steps on the few that are active (`OrthantQp`), drop zeros. Rates also slide to
// where they are best, all at once, which saves most of the rounds. With q = dJ/dw and
// floor_r <= min of q over row r,
//
//   bound = J - sum_r [ q.w - (upper_r min(floor_r, 0) + lower_r max(floor_r, 0)) ]
//
// holds at any point, converged or not. At the optimum J + sum_r lambda_r mass_r is
// the entropy of the fitted choices: an independent check of the solution.
#pragma once

#include <cmath>

#include "core/base/status.h"
#include "core/convex/orthant_qp.h"
#include "core/convex/rate_polynomial.h"
#include "core/convex/simulated_price.h"
#include "core/convex/traces.h"

namespace psyrl {
namespace convex {

struct Atom {
  int row;
  double shape;  // window length or learning rate
  double mass;
};

/// What is asked.
struct Relaxation {
  Family family = Family::window;
  int horizon = 0;                  // windows: longest lag + 1
  Masses masses;                    // [n_rows]
  std::vector<Interval> rates;      // [n_rows] rates: where they may lie
  std::vector<Column> covariates;   // of either sign, row -1
  double covariate_max = 1e3;       // bound of their weights, for the bound only
  double tolerance = 1e-9;          // of the KKT residual
  double gap_tolerance = 0.0;       // stop when objective - bound is below
  double cutoff = kInfinity;        // stop when the bound is above
  int max_rounds = 300;
};

struct Relaxed {
  Status status = Status::max_iterations;
  double objective = 0.0;
  double bound = -kInfinity;
  double kkt = kInfinity;           // largest violation of the optimality conditions
  double entropy = 0.0;             // of the fitted choices
  double multiplier_mass = 0.0;     // sum_r lambda_r mass_r
  int rounds = 0;
  std::vector<Atom> atoms;
  std::vector<double> covariates;   // their weights
  Values x;                         // [n_trials x n_options]
};

/// The same question for a plain design: all rates, masses in [lower, upper].
inline Relaxation relaxation(const Design& design, Family family, double lower,
                             double upper) {
  Relaxation task;
  task.family = family;
  task.horizon = design.longest;
  task.masses.lower.assign(design.n_rows(), lower);
  task.masses.upper.assign(design.n_rows(), upper);
  task.rates.assign(design.n_rows(), Interval());
  return task;
}

/// Points at which h(alpha) is looked at first: geometric from rates too slow to
/// act within the longest sequence, even where the decay is fast.
inline std::vector<double> rate_points(int longest, const Interval& within) {
  std::vector<double> points{within.lower};
  for (double alpha = 0.2 / std::max(longest, 1); alpha < within.upper;
       alpha += std::min(0.3 * alpha, 0.08))
    if (alpha > within.lower) points.push_back(alpha);
  if (points.size() == 1) points.push_back(0.5 * (within.lower + within.upper));
  points.push_back(within.upper);
  return points;
}

class ConeSolver {
 public:
  ConeSolver(const Design& design, const Relaxation& task)
      : design_(design), task_(task), prices_(design.n_rows()) {}

  Relaxed solve(const std::vector<Atom>& warm = {}) {
    start(warm);
    Relaxed result;
    double previous = kInfinity;
    int stalls = 0, repairs = 0;
    for (result.rounds = 1;; ++result.rounds) {
      evaluate(design_, x_, point_);
      gradient_ = slopes();
      price();
      if (finished(result) && (certain() || ++repairs > 10)) break;
      // Neighbouring columns are nearly collinear: a loss that no longer moves at
      // the precision of its sum is the optimum.
      stalls = previous - point_.loss <= 1e-14 * (1.0 + point_.loss) ? stalls + 1 : 0;
      const bool stuck = stalls >= 6;
      if (stuck || result.rounds >= task_.max_rounds) {
        result.status = stuck ? Status::no_progress : Status::max_iterations;
        certain();
        break;
      }
      previous = point_.loss;
      enter();
      newton();
      drop_zeros();
      if (task_.family == Family::rate && result.rounds % 3 == 0) slide();
    }
    report(result);
    return result;
  }

 private:
  struct Price {
    double multiplier = 0.0;  // of the row's mass bound
    double lowest = 0.0;      // smallest gradient by mass found in the row
    double shape = 0.0;       // column that enters
    double violation = 0.0;   // of that column, by kernel weight
    RatePolynomial polynomial{std::vector<double>()};
  };

  int size() const { return static_cast<int>(columns_.size()); }

  void start(const std::vector<Atom>& warm) {
    x_ = Values::Zero(design_.n_trials, design_.n_options);
    for (const Column& column : task_.covariates) append(column, 0.0);
    for (const Atom& atom : warm) add(atom.row, atom.shape, atom.mass);
    for (int r = 0; r < design_.n_rows(); ++r) {
      double mass = 0.0;
      for (int c = 0; c < size(); ++c)
        if (columns_[c].row == r) mass += weight_[c];
      if (mass < task_.masses.lower[r])
        add(r, default_shape(r), task_.masses.lower[r] - mass);
    }
  }

  double default_shape(int row) const {
    if (task_.family == Family::window) return 1.0;
    const Interval& rates = task_.rates[row];
    return std::min(std::max(0.1, rates.lower), rates.upper);
  }

  void append(const Column& column, double weight) {
    columns_.push_back(column);
    weight_.conservativeResize(size());
    weight_[size() - 1] = weight;
    if (weight != 0.0) add_column(column, weight, x_);
  }

  void add(int row, double shape, double weight) {
    append(make_column(design_, row, task_.family, shape), weight);
  }

  Eigen::VectorXd slopes() const {
    Eigen::VectorXd g(size());
    for (int c = 0; c < size(); ++c) g[c] = slope(point_.residual, columns_[c]);
    return g;
  }

  // ---- pricing -----------------------------------------------------------

  void price() {
    for (int r = 0; r < design_.n_rows(); ++r) {
      Price& price = prices_[r];
      price.multiplier = row_multiplier(r);
      if (design_.rows[r].simulated) {
        enter_minimum(simulated_price(r).minimum(search_points(r)), price);
        continue;
      }
      const std::vector<double> c =
          lag_gradient(design_, r, point_.residual, task_.horizon);
      if (task_.family == Family::window) price_windows(c, price);
      else price_rates(c, search_points(r), price);
    }
  }

  double row_multiplier(int r) const {
    double mass = 0.0, weighted = 0.0;
    for (int c = 0; c < size(); ++c) {
      if (columns_[c].row != r) continue;
      mass += weight_[c];
      weighted -= weight_[c] * gradient_[c];
    }
    if (mass <= 0.0) return 0.0;
    const double lambda = weighted / mass;
    if (mass >= task_.masses.upper[r] * (1 - 1e-12)) return std::max(lambda, 0.0);
    if (mass <= task_.masses.lower[r] * (1 + 1e-12)) return std::min(lambda, 0.0);
    return 0.0;
  }

  static void price_windows(const std::vector<double>& c, Price& price) {
    price.violation = 0.0;
    price.lowest = c.empty() ? 0.0 : kInfinity;  // no past, no kernel
    double sum = 0.0;
    for (std::size_t l = 0; l < c.size(); ++l) {
      sum += c[l];
      const double length = static_cast<double>(l + 1);
      price.lowest = std::min(price.lowest, sum / length);
      const double violation = -(sum + price.multiplier * length);
      if (violation > price.violation) {
        price.violation = violation;
        price.shape = length;
      }
    }
  }

  /// A grid and the present rates, near which the minima are.
  std::vector<double> search_points(int row) const {
    std::vector<double> points = rate_points(design_.longest, task_.rates[row]);
    for (const Column& column : columns_)
      if (column.row == row) points.push_back(column.shape);
    std::sort(points.begin(), points.end());
    return points;
  }

  static void price_rates(const std::vector<double>& c,
                          const std::vector<double>& points, Price& price) {
    price.polynomial = RatePolynomial(c);
    enter_minimum(price.polynomial.minimum(points), price);
  }

  SimulatedPrice simulated_price(int r) const {
    return SimulatedPrice(*design_.rows[r].simulated, point_.residual);
  }

  static void enter_minimum(const Minimum& lowest, Price& price) {
    price.lowest = lowest.value;
    price.shape = lowest.at;
    price.violation = std::max(0.0, -(lowest.value + price.multiplier));
  }

  double length(int c) const {
    return task_.family == Family::window && columns_[c].row >= 0
               ? columns_[c].shape
               : 1.0;
  }

  double kkt_residual() const {
    double worst = 0.0;
    for (const Price& price : prices_) worst = std::max(worst, price.violation);
    for (int c = 0; c < size(); ++c) {
      const int r = columns_[c].row;
      if (r >= 0 && weight_[c] == 0.0) continue;
      const double lambda = r < 0 ? 0.0 : prices_[r].multiplier;
      worst = std::max(worst, std::fabs(gradient_[c] + lambda) * length(c));
    }
    return worst;
  }

  /// Objective minus lower bound, given a floor of the gradient in every row.
  double gap(const std::vector<double>& floors) const {
    double sum = 0.0;
    for (int c = 0; c < size(); ++c) {
      if (columns_[c].row >= 0) sum += weight_[c] * gradient_[c];
      else sum += std::fabs(gradient_[c]) *
                  (std::fabs(weight_[c]) + task_.covariate_max);
    }
    for (int r = 0; r < design_.n_rows(); ++r)
      sum -= floors[r] < 0.0 ? task_.masses.upper[r] * floors[r]
                             : task_.masses.lower[r] * floors[r];
    return std::max(sum, 0.0);
  }

  std::vector<double> found_floors() const {
    std::vector<double> floors;
    for (const Price& price : prices_) floors.push_back(price.lowest);
    return floors;
  }

  /// Bounds the gradient of every row from below, also where the search has not
  /// looked. Where it missed a minimum that matters: false, and that enters.
  bool certain() {
    floors_ = found_floors();
    if (task_.family == Family::window || design_.longest == 0) return true;
    bool complete = true;
    const double slack = std::max(1e-7, 0.1 * task_.gap_tolerance);
    for (int r = 0; r < design_.n_rows(); ++r) {
      Price& price = prices_[r];
      const double mine =
          slack / (design_.n_rows() * std::max(task_.masses.upper[r], 1e-3));
      Minimum lowest{price.shape, price.lowest};
      const std::vector<double> points = rate_points(design_.longest, task_.rates[r]);
      floors_[r] = design_.rows[r].simulated
                       ? simulated_price(r).floor(points, 1e3 * mine, lowest)
                       : price.polynomial.floor(points, mine, lowest);
      if (lowest.value >= price.lowest - std::max(mine, task_.tolerance)) continue;
      enter_minimum(lowest, price);
      complete = false;
    }
    return complete;
  }

  bool finished(Relaxed& result) const {
    result.kkt = kkt_residual();
    const double open = gap(found_floors());
    // Below the cutoff more accuracy would change nothing.
    const double hopeless =
        std::isfinite(task_.cutoff) ? 0.1 * (task_.cutoff - point_.loss) : 0.0;
    const bool done = result.kkt <= task_.tolerance ||
                      open <= std::max(task_.gap_tolerance, hopeless) ||
                      point_.loss - open >= task_.cutoff;
    if (done) result.status = Status::converged;
    if (!std::isfinite(point_.loss)) result.status = Status::non_finite;
    return done || !std::isfinite(point_.loss);
  }

  // ---- Newton ------------------------------------------------------------

  void enter() {
    double worst = 0.0;
    for (const Price& price : prices_) worst = std::max(worst, price.violation);
    for (int r = 0; r < design_.n_rows(); ++r) {
      const Price& price = prices_[r];
      if (price.violation <= 1e-3 * worst || present(r, price.shape)) continue;
      add(r, price.shape, 0.0);
    }
  }

  bool present(int row, double shape) const {
    for (const Column& column : columns_)
      if (column.row == row && column.shape == shape) return true;
    return false;
  }

  /// Newton steps on the present columns until little is left to gain.
  void newton() {
    if (size() == 0) return;
    std::vector<int> rows;
    for (const Column& column : columns_) rows.push_back(column.row);
    double first_gain = 0.0;
    for (int step = 0; step < 8; ++step) {
      if (step > 0) evaluate(design_, x_, point_);
      const Eigen::VectorXd g = slopes();
      const Eigen::MatrixXd h = curvature(design_, point_.probability, columns_);
      const Eigen::VectorXd target =
          OrthantQp(h, g, rows, task_.masses).solve(weight_);
      const double gain = -g.dot(target - weight_);
      if (!(gain > 0.0) || !move(target, gain)) return;
      if (step == 0) first_gain = gain;
      if (gain <= 1e-2 * first_gain) return;
    }
  }

  /// Goes towards `target` as far as the loss falls; false if it does not.
  bool move(const Eigen::VectorXd& target, double gain) {
    Values direction = Values::Zero(design_.n_trials, design_.n_options);
    for (int c = 0; c < size(); ++c)
      if (target[c] != weight_[c])
        add_column(columns_[c], target[c] - weight_[c], direction);
    const double noise = 1e-14 * (1.0 + point_.loss);
    for (double step = 1.0; step > 1e-9; step *= 0.5) {
      trial_ = x_ + step * direction;
      const double loss = choice_loss(design_, trial_, scratch_);
      if (loss <= point_.loss - 1e-4 * step * gain + noise) {
        x_.swap(trial_);
        weight_ += step * (target - weight_);
        if (step == 1.0) weight_ = target;
        return true;
      }
    }
    return false;
  }

  /// Moves rates and masses together to a local optimum; neighbours are merged
  /// first. The masses of rows at their bound, and anything with covariates or
  /// simulated traces, stay.
  void slide() {
    if (!task_.covariates.empty()) return;
    for (const Row& row : design_.rows)
      if (row.simulated) return;
    std::vector<Component> parts = merged();
    std::vector<Box> boxes;
    for (const Component& part : parts) {
      const bool held = prices_[part.row].multiplier != 0.0;
      boxes.push_back(
          {task_.rates[part.row],
           held ? Interval{part.beta, part.beta}
                : Interval{0.0, task_.masses.upper[part.row]}});
    }
    if (parts.empty()) return;
    parts = LocalSearch(design_, boxes).fit(parts, 12).components;
    if (!masses_allow(parts)) return;
    ForgettingLoss loss(design_);
    if (loss.value(parts) > choice_loss(design_, x_, scratch_)) return;
    columns_.clear();
    weight_.resize(0);
    x_.setZero();
    for (const Component& part : parts)
      if (part.beta > 0.0) add(part.row, part.alpha, part.beta);
  }

  std::vector<Component> merged() const {
    std::vector<Component> parts;
    for (int c = 0; c < size(); ++c)
      parts.push_back({columns_[c].row, columns_[c].shape, weight_[c]});
    std::sort(parts.begin(), parts.end(), [](const Component& a, const Component& b) {
      return a.row != b.row ? a.row < b.row : a.alpha < b.alpha;
    });
    std::vector<Component> out;
    for (const Component& part : parts) {
      const bool near = !out.empty() && out.back().row == part.row &&
                        part.alpha < 1.2 * out.back().alpha;
      if (!near) { out.push_back(part); continue; }
      Component& last = out.back();
      last.alpha += (part.alpha - last.alpha) * part.beta / (last.beta + part.beta);
      last.beta += part.beta;
    }
    return out;
  }

  bool masses_allow(const std::vector<Component>& parts) const {
    std::vector<double> mass(design_.n_rows(), 0.0);
    for (const Component& part : parts) mass[part.row] += part.beta;
    for (int r = 0; r < design_.n_rows(); ++r)
      if (mass[r] > task_.masses.upper[r] || mass[r] < task_.masses.lower[r])
        return false;
    return true;
  }

  void drop_zeros() {
    int kept = 0;
    for (int c = 0; c < size(); ++c) {
      if (columns_[c].row >= 0 && weight_[c] <= 0.0) continue;
      if (kept != c) {
        std::swap(columns_[kept], columns_[c]);
        weight_[kept] = weight_[c];
      }
      ++kept;
    }
    columns_.resize(kept);
    weight_.conservativeResize(kept);
  }

  void report(Relaxed& result) {
    result.objective = point_.loss;
    result.bound = point_.loss - gap(floors_);
    result.entropy = entropy(design_, point_.probability);
    for (int c = 0; c < size(); ++c) {
      const int r = columns_[c].row;
      if (r < 0) {
        result.covariates.push_back(weight_[c]);
        continue;
      }
      result.multiplier_mass += prices_[r].multiplier * weight_[c];
      if (weight_[c] > 0.0)
        result.atoms.push_back({r, columns_[c].shape, weight_[c]});
    }
    result.x = x_;
  }

  const Design& design_;
  const Relaxation& task_;
  std::vector<Price> prices_;
  std::vector<double> floors_;  // [n_rows] no gradient of the row is below
  std::vector<Column> columns_;
  Eigen::VectorXd weight_;
  Eigen::VectorXd gradient_;  // of the loss by the columns' masses
  Values x_, trial_, scratch_;
  Point point_;
};

}  // namespace convex
}  // namespace psyrl
