// Shared values learned from behaviour under a penalty, at given slopes:
//
//   J(Q) = behaviour(A(Q)) + penalty(Q),   A = identified Q
//
// minimised by Newton-CG with exact Hessian-vector products,
//
//   H v = J_A' B J_A v + (d J_A' along v) g_A + (d penalty gradient along v),
//
// where dual numbers carry the direction v through identification and penalty. The
// unknown may hold learned rewards behind the values (penalty.h).
#pragma once

#include <vector>

#include "core/base/newton_cg.h"
#include "core/measurement/behaviour.h"
#include "core/measurement/identify.h"
#include "core/measurement/penalty.h"

namespace psyrl {

using Directional = Dual<1, 1>;

class PenalisedValues {
 public:
  PenalisedValues(const Task& task, const Groups& groups, const Penalty& penalty,
                  Identify rule, const Runtime& runtime)
      : task_(task), behaviour_(task, groups), penalty_(penalty), rule_(rule),
        runtime_(runtime) {}

  double value(const std::vector<double>& q) const {
    std::vector<double> unused(q.size(), 0.0);
    return behaviour_.evaluate(identify(task_, rule_, values(q)), nullptr, nullptr,
                               runtime_) +
           add_penalty(task_, penalty_, q, unused);
  }

  double linearise(const std::vector<double>& q, std::vector<double>& gradient) {
    q_ = q;
    const double behaviour =
        behaviour_.evaluate(identify(task_, rule_, values(q)), &g_advantage_, &blocks_,
                            runtime_);
    gradient = identify_pull_back(task_, rule_, values(q), g_advantage_);
    gradient.resize(q.size(), 0.0);
    const double value = behaviour + add_penalty(task_, penalty_, q, gradient);
    set_preconditioner();
    return value;
  }

  void multiply(const std::vector<double>& v, std::vector<double>& hv) const {
    if (quadratic()) return multiply_quadratic(v, hv);
    const std::size_t n_pairs = task_.n_pairs();
    std::vector<Directional> q(v.size()), g(n_pairs);
    for (std::size_t p = 0; p < v.size(); ++p) {
      q[p] = Directional(q_[p]);
      q[p].g[0] = v[p];
    }
    const std::vector<Directional> advantage = identify(task_, rule_, values(q));
    std::vector<double> moved(n_pairs);
    for (std::size_t p = 0; p < n_pairs; ++p) moved[p] = advantage[p].g[0];
    const std::vector<double> curved = behaviour_.multiply(blocks_, moved);
    for (std::size_t p = 0; p < n_pairs; ++p) {
      g[p] = Directional(g_advantage_[p]);
      g[p].g[0] = curved[p];
    }
    std::vector<Directional> gradient = identify_pull_back(task_, rule_, values(q), g);
    gradient.resize(v.size());
    add_penalty(task_, penalty_, q, gradient);
    for (std::size_t p = 0; p < v.size(); ++p) hv[p] = gradient[p].g[0];
  }

  void precondition(const std::vector<double>& r, std::vector<double>& z) const {
    for (std::size_t p = 0; p < r.size(); ++p) z[p] = r[p] / diagonal_[p];
  }

  /// A positive guess at the Hessian's diagonal at the last linearisation.
  const std::vector<double>& diagonal() const { return diagonal_; }

 private:
  // Identification linear, no residual: nothing bends but behaviour.
  bool quadratic() const {
    return (rule_ == Identify::none || rule_ == Identify::center) &&
           penalty_.lambda == 0.0 && penalty_.cql == 0.0 && !rewards_learned(task_, q_);
  }

  void multiply_quadratic(const std::vector<double>& v, std::vector<double>& hv) const {
    hv = behaviour_.multiply(blocks_, identify(task_, rule_, v));
    if (rule_ == Identify::center) center_states(task_, hv);
    if (penalty_.l2 == 0.0) return;
    std::vector<double> centred = v;
    center_states(task_, centred);
    add_scaled(2.0 * penalty_.l2, centred, hv);
  }

  template <class T>
  std::vector<T> values(const std::vector<T>& x) const {
    return std::vector<T>(x.begin(), x.begin() + task_.n_pairs());
  }

  // The diagonal of the residual's own term and the ridge; states far from any
  // data still need a positive number.
  void set_preconditioner() {
    const std::size_t n_pairs = task_.n_pairs();
    diagonal_.assign(q_.size(), 1e-3 + 2.0 * penalty_.l2);
    for (std::size_t p = n_pairs; p < q_.size(); ++p)
      diagonal_[p] = 1e-3 + 2.0 * penalty_.reward_l2;
    const ResidualRows& rows = penalty_.residual;
    for (std::size_t i = 0; i < rows.pair.size(); ++i) {
      const double weight = 2.0 * penalty_.lambda * rows.weight[i];
      diagonal_[rows.pair[i]] += weight;
      if (q_.size() > n_pairs) diagonal_[n_pairs + rows.pair[i]] += weight;
    }
    if (rule_ == Identify::none || rule_ == Identify::center) add_behaviour_diagonal();
  }

  void add_behaviour_diagonal() {
    std::size_t at = 0;
    for (int s = 0; s < task_.n_states(); ++s) {
      const int n = task_.n_actions(s);
      for (int a = 0; a < n; ++a)
        diagonal_[task_.first_pair(s) + a] += blocks_[at + a * n + a];
      at += static_cast<std::size_t>(n) * n;
    }
  }

  const Task& task_;
  Behaviour behaviour_;
  Penalty penalty_;
  Identify rule_;
  Runtime runtime_;
  std::vector<double> q_, g_advantage_, blocks_, diagonal_;
};

}  // namespace psyrl
