// Exact maximum likelihood of the forgetting bandit, locally: the value before a
// trial is scored against the choice of that trial.
//
//   x = sum_r beta_r e_r(alpha_r),  e(t + 1) = (1 - alpha) e(t) + alpha u(t)
//   e'(t + 1)  = (1 - alpha) e'(t)  + u(t) - e(t)           (d e / d alpha)
//   e''(t + 1) = (1 - alpha) e''(t) - 2 e'(t)
//
// Gradient and Hessian are exact. Levenberg-Marquardt steps in a box, with the
// bounds held by an explicit active set: on the plateau alpha beta = 0 the gradient
// of one parameter vanishes but that of the other tells the way.
#pragma once

#include "core/base/status.h"
#include "core/convex/traces.h"

namespace psyrl {
namespace convex {

/// A geometric kernel alpha beta (1 - alpha)^l of a row.
struct Component {
  int row;
  double alpha;
  double beta;
};

/// Where a component may lie.
struct Box {
  Interval alpha, beta;
};

struct LocalFit {
  Status status = Status::max_iterations;
  std::vector<Component> components;
  double objective = kInfinity;
  double gradient = kInfinity;  // largest projected derivative
  int evaluations = 0;
};

/// e, e', e'' of a rate on a lane.
inline void rate_sensitivities(const Lane& lane, double alpha, Values& f) {
  const std::vector<double>& u = lane.signal;
  f.resize(lane.size(), 3);
  for (std::size_t s = 0; s + 1 < lane.start.size(); ++s) {
    double e = 0.0, d = 0.0, d2 = 0.0;
    for (int q = lane.start[s]; q < lane.start[s + 1]; ++q) {
      f(q, 0) = e;
      f(q, 1) = d;
      f(q, 2) = d2;
      d2 = (1.0 - alpha) * d2 - 2.0 * d;
      d = (1.0 - alpha) * d + u[q] - e;
      e += alpha * (u[q] - e);
    }
  }
}

/// The loss at parameters, with derivatives in the order alpha_1.., beta_1.. .
class ForgettingLoss {
 public:
  explicit ForgettingLoss(const Design& design) : design_(design) {}

  double value(const std::vector<Component>& components) {
    x_ = Values::Zero(design_.n_trials, design_.n_options);
    for (const Component& c : components)
      if (c.beta != 0.0)
        add_column(make_column(design_, c.row, Family::rate, c.alpha), c.beta, x_);
    return choice_loss(design_, x_, scratch_);
  }

  double derivatives(const std::vector<Component>& components,
                     Eigen::VectorXd& g, Eigen::MatrixXd& h) {
    const int n = static_cast<int>(components.size());
    sensitivities(components);
    x_ = Values::Zero(design_.n_trials, design_.n_options);
    for (int i = 0; i < n; ++i)
      add_column(columns_[n + i], components[i].beta, x_);
    evaluate(design_, x_, point_);
    g.resize(2 * n);
    Eigen::VectorXd second(n);
    for (int i = 0; i < n; ++i) {
      g[n + i] = slope(point_.residual, columns_[n + i]);
      g[i] = slope(point_.residual, columns_[i]);
      second[i] = slope(point_.residual, curved_[i]);
    }
    // columns_[i] holds e'; the direction of alpha is beta e'.
    for (int i = 0; i < n; ++i) columns_[i].feature *= components[i].beta;
    h = curvature(design_, point_.probability, columns_);
    for (int i = 0; i < n; ++i) {
      h(i, i) += components[i].beta * second[i];
      h(i, n + i) += g[i];
      h(n + i, i) += g[i];
      g[i] *= components[i].beta;
    }
    return point_.loss;
  }

 private:
  void sensitivities(const std::vector<Component>& components) {
    const int n = static_cast<int>(components.size());
    columns_.resize(2 * n);
    curved_.resize(n);
    for (int i = 0; i < n; ++i) {
      const int row = components[i].row;
      const int first = design_.first_option(row), last = design_.last_option(row);
      Column* parts[3] = {&columns_[n + i], &columns_[i], &curved_[i]};
      for (Column* part : parts) {
        part->row = row;
        part->option = design_.rows[row].option;
        part->feature.resize(design_.n_trials, last - first);
      }
      for (int j = first; j < last; ++j) {
        const Lane& lane = design_.lane(row, j);
        rate_sensitivities(lane, components[i].alpha, sensitivity_);
        for (int k = 0; k < 3; ++k)
          for (int t = 0; t < design_.n_trials; ++t)
            parts[k]->feature(t, j - first) = sensitivity_(lane.at[t], k);
      }
    }
  }

  const Design& design_;
  std::vector<Column> columns_, curved_;
  Values x_, scratch_, sensitivity_;
  Point point_;
};

class LocalSearch {
 public:
  LocalSearch(const Design& design, const std::vector<Box>& boxes)
      : loss_(design), n_(static_cast<int>(boxes.size())), lower_(2 * n_),
        upper_(2 * n_) {
    for (int i = 0; i < n_; ++i) {
      lower_[i] = boxes[i].alpha.lower;
      upper_[i] = boxes[i].alpha.upper;
      lower_[n_ + i] = boxes[i].beta.lower;
      upper_[n_ + i] = boxes[i].beta.upper;
    }
  }

  /// Stops when a step promises less than `enough` nats.
  LocalFit fit(const std::vector<Component>& start, int max_iterations = 100,
               double enough = 0.0) {
    LocalFit result;
    components_ = start;
    theta_.resize(2 * n_);
    for (int i = 0; i < n_; ++i) {
      theta_[i] = start[i].alpha;
      theta_[n_ + i] = start[i].beta;
    }
    theta_ = theta_.cwiseMax(lower_).cwiseMin(upper_);
    double damping = 1e-3;
    double loss = loss_.derivatives(at(theta_), g_, h_);
    for (result.evaluations = 1; result.evaluations < max_iterations;) {
      result.gradient = projected_gradient();
      if (result.gradient <= 1e-9) { result.status = Status::converged; break; }
      const Eigen::VectorXd next = proposal(&damping);
      const Eigen::VectorXd s = next - theta_;
      const double predicted = -(g_.dot(s) + 0.5 * s.dot(h_ * s));
      ++result.evaluations;
      const double trial = loss_.value(at(next));
      if (predicted > 0.0 && loss - trial >= 1e-3 * predicted - 1e-13 * loss) {
        const double ratio = (loss - trial) / predicted;
        damping = ratio > 0.75 ? damping * 0.1 : ratio < 0.25 ? damping * 4 : damping;
        const bool still = predicted <= 1e-13 * (1.0 + loss) ||
                           (predicted <= enough && damping < 0.1);
        theta_ = next;
        loss = loss_.derivatives(at(theta_), g_, h_);
        if (still) { result.status = Status::converged; break; }
      } else {
        damping = std::max(damping * 8.0, 1e-6);
        if (damping > 1e12) { result.status = Status::no_progress; break; }
      }
    }
    result.gradient = projected_gradient();
    result.components = at(theta_);
    result.objective = loss;
    return result;
  }

 private:
  const std::vector<Component>& at(const Eigen::VectorXd& theta) {
    for (int i = 0; i < n_; ++i) {
      components_[i].alpha = theta[i];
      components_[i].beta = theta[n_ + i];
    }
    return components_;
  }

  bool held(int i) const {
    return (theta_[i] <= lower_[i] && g_[i] >= 0.0) ||
           (theta_[i] >= upper_[i] && g_[i] <= 0.0);
  }

  double projected_gradient() const {
    double worst = 0.0;
    for (int i = 0; i < 2 * n_; ++i)
      if (!held(i)) worst = std::max(worst, std::fabs(g_[i]));
    return worst;
  }

  /// Damped Newton step on the parameters that are not held, cut to the box.
  Eigen::VectorXd proposal(double* damping) const {
    std::vector<int> free;
    for (int i = 0; i < 2 * n_; ++i)
      if (!held(i)) free.push_back(i);
    const int n = static_cast<int>(free.size());
    Eigen::MatrixXd h(n, n);
    Eigen::VectorXd g(n), scale(n);
    for (int i = 0; i < n; ++i) {
      g[i] = g_[free[i]];
      scale[i] = std::fabs(h_(free[i], free[i])) + 1e-6;
      for (int j = 0; j < n; ++j) h(i, j) = h_(free[i], free[j]);
    }
    for (;; *damping = std::max(*damping * 4.0, 1e-6)) {
      Eigen::MatrixXd damped = h;
      damped.diagonal() += *damping * scale;
      const Eigen::LLT<Eigen::MatrixXd> factor(damped);
      if (factor.info() != Eigen::Success && *damping < 1e12) continue;
      const Eigen::VectorXd step = factor.solve(g);
      Eigen::VectorXd next = theta_;
      for (int i = 0; i < n; ++i) next[free[i]] -= step[i];
      return next.cwiseMax(lower_).cwiseMin(upper_);
    }
  }

  ForgettingLoss loss_;
  int n_;
  Eigen::VectorXd lower_, upper_, theta_, g_;
  Eigen::MatrixXd h_;
  std::vector<Component> components_;
};

}  // namespace convex
}  // namespace psyrl
