// Values of a task as a function of its rewards, and the derivatives of that
// function as sweeps over the pairs.
//
//   Q(s,a) = r(s,a) + gamma sum_s' T(s'|s,a) V(s')
//   V(s)   = tau log sum_a exp(Q(s,a) / tau)         soft backup
//   V(s)   = tau log mean_a exp(Q(s,a) / tau)        mellow backup
//
// With pt = softmax(Q / tau), the same for both backups, the linear map
// L = dQ/dr, its transpose and the partial derivatives are
//
//   L d:   dQ = d + gamma T dV,              dV(s) = sum_a pt dQ
//   L'g:   y(s,a) = g(s,a) + pt(a|s) a(s),   a = gamma T' y
//   d/dtau:    dV(s) gains entropy(pt(.|s))  (mellow: minus log n(s))
//   d/dgamma:  dQ gains T V
//
// States are visited block by block (core/mdp/blocks.h). A state that cannot come
// back costs one pass over its pairs; a cyclic block costs an LU of I - gamma P_pi
// (core/mdp/policy_lu.h), shared by the solution (Newton-Kantorovich, that is, policy
// iteration with a smooth maximum: monotone and quadratic), L and L'.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/numerics.h"
#include "core/mdp/backup.h"
#include "core/mdp/blocks.h"
#include "core/mdp/policy_lu.h"
#include "core/mdp/policy_system.h"
#include "core/mdp/task.h"

namespace psyrl {

/// Order of solution: blocks, the place of a state in its block, and how a block that
/// needs an LU is eliminated.
struct SweepOrder {
  explicit SweepOrder(const Task& task)
      : blocks(find_blocks(task)), place(positions_in_blocks(blocks)) {
    for (int b = 0; b < size(); ++b) {
      factor.push_back(blocks.cyclic[b] ? static_cast<int>(plan.size()) : -1);
      if (blocks.cyclic[b])
        plan.emplace_back(blocks.n_states(b), steps_within(task, blocks, b, place));
    }
  }

  int size() const { return blocks.size(); }
  bool cyclic(int b) const { return factor[b] >= 0; }

  Blocks blocks;
  std::vector<int> place;             // [n_states]
  std::vector<int> factor;            // [n_blocks] or -1: no solve needed
  std::vector<EliminationPlan> plan;  // [factors]
};

/// log det(I - gamma P) of the policy of the backup, and its slopes.
struct PolicyDeterminant {
  double log = 0.0;
  Vector by_q;  // [n_pairs]
  double by_temperature = 0.0, by_discount = 0.0;
};

/// The fixed point at one reward vector, with what its derivatives need. Holds
/// references to the task and the order, which outlive it.
class Values {
 public:
  Values(const Task& task, const SweepOrder& order, Backup backup)
      : v(Vector::Zero(task.n_states())),
        q(Vector::Zero(task.n_pairs())),
        policy(Vector::Zero(task.n_pairs())),
        task_(&task),
        order_(&order),
        backup_(backup),
        v_by_temperature_(Vector::Zero(task.n_states())),
        factor_(order.plan.size()) {}

  /// Solves for `q`, `v`, `policy`; false when a value is not finite or Newton
  /// did not converge. The current `v` is the start.
  bool solve(const Vector& reward, double discount, double temperature) {
    discount_ = discount;
    temperature_ = temperature;
    bool good = true;
    for (int c = 0; c < order_->size(); ++c) {
      if (order_->cyclic(c)) good = newton(c, reward) && good;
      else backup_state(order_->blocks.state[order_->blocks.start[c]], reward);
    }
    return good && v.allFinite();
  }

  /// Takes `q` instead, from which follow `v`, `policy` and a reward vector; false when
  /// a value is not finite.
  bool place(const Vector& values, double discount, double temperature) {
    discount_ = discount;
    temperature_ = temperature;
    q = values;
    for (int s = 0; s < v.size(); ++s) v[s] = backed_up(s);
    bool good = v.allFinite();
    for (int c = 0; c < order_->size() && good; ++c)
      if (order_->cyclic(c)) good = factorise(c);
    return good;
  }

  /// The density of rewards is that of values times this determinant.
  PolicyDeterminant determinant() const {
    PolicyDeterminant out;
    out.by_q = Vector::Zero(task_->n_pairs());
    for (int c = 0; c < order_->size(); ++c)
      if (order_->cyclic(c)) add_determinant(c, out);
    return out;
  }

  /// Rewards of which `q` are the values, [n_pairs].
  Vector reward() const { return q - discount_ * discount_direction(); }

  /// g' dr/dq, and `flow` [n_states]: minus g' dr/dv.
  Vector reward_adjoint(const Vector& g, Vector& flow) const {
    flow = Vector::Zero(task_->n_states());
    for (int p = 0; p < g.size(); ++p)
      for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e)
        flow[task_->next_state[e]] += discount_ * task_->probability[e] * g[p];
    Vector out = g;
    for (int s = 0; s < flow.size(); ++s)
      for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p)
        out[p] -= policy[p] * flow[s];
    return out;
  }

  double temperature() const { return temperature_; }
  double discount() const { return discount_; }

  /// dq = L d, [n_pairs x W].
  template <int W>
  void tangent(const Columns<W>& d, Columns<W>& dq) const {
    tangent(d, static_cast<const Columns<W>*>(nullptr), dq);
  }

  /// The same with `dv_extra` [n_states x W] added to every dV: the direction of
  /// a parameter of the backup.
  template <int W>
  void tangent(const Columns<W>& d, const Columns<W>* dv_extra, Columns<W>& dq) const {
    Columns<W> dv = Columns<W>::Zero(task_->n_states(), d.cols());
    dq.resize(d.rows(), d.cols());
    for (int c = 0; c < order_->size(); ++c) {
      for (int i = order_->blocks.start[c]; i < order_->blocks.start[c + 1]; ++i)
        tangent_state(order_->blocks.state[i], d, dv_extra, dv, dq, order_->cyclic(c));
      if (order_->cyclic(c)) tangent_block(c, d, dv_extra, dv, dq);
    }
  }

  /// y = L'g [n_pairs x W] and `a` [n_states x W], the derivative in V.
  template <int W>
  void adjoint(const Columns<W>& g, Columns<W>& y, Columns<W>& a) const {
    a = Columns<W>::Zero(task_->n_states(), g.cols());
    y.resize(g.rows(), g.cols());
    for (int c = order_->size() - 1; c >= 0; --c) {
      if (order_->cyclic(c)) adjoint_block(c, g, a);
      for (int i = order_->blocks.start[c]; i < order_->blocks.start[c + 1]; ++i)
        adjoint_state(order_->blocks.state[i], c, order_->cyclic(c), g, y, a);
    }
  }

  /// dV(s)/dtau at fixed Q, [n_states].
  const Vector& temperature_direction() const { return v_by_temperature_; }

  /// dQ/dgamma at fixed V, [n_pairs]: the expected next value.
  Vector discount_direction() const {
    Vector out(task_->n_pairs());
    for (int p = 0; p < out.size(); ++p) out[p] = expected_next(p);
    return out;
  }

  Vector v;       // [n_states]
  Vector q;       // [n_pairs]
  Vector policy;  // [n_pairs] pt, the policy of the backup

 private:
  PolicyLu& lu(int c) { return factor_[order_->factor[c]]; }
  const PolicyLu& lu(int c) const { return factor_[order_->factor[c]]; }

  double expected_next(int p) const {
    double sum = 0.0;
    for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e)
      sum += task_->probability[e] * v[task_->next_state[e]];
    return sum;
  }

  /// Q of a state from the current v; returns its V and writes its policy.
  double backed_up(int s, const Vector& reward) {
    const int first = task_->first_pair(s), n = task_->n_actions(s);
    if (n == 0) return 0.0;
    for (int p = first; p < first + n; ++p) q[p] = reward[p] + discount_ * expected_next(p);
    return backed_up(s);
  }

  /// V of a state from its q; writes its policy.
  double backed_up(int s) {
    const int first = task_->first_pair(s), n = task_->n_actions(s);
    if (n == 0) return 0.0;
    const double scaled = softmax(&q[first], n, 1.0 / temperature_, &policy[first]) -
                          (backup_ == Backup::mellow ? std::log(n) : 0.0);
    double mean = 0.0;
    for (int p = first; p < first + n; ++p) mean += policy[p] * q[p];
    v_by_temperature_[s] = scaled - mean / temperature_;  // V = E(Q) + tau dV/dtau
    return temperature_ * scaled;
  }

  void backup_state(int s, const Vector& reward) { v[s] = backed_up(s, reward); }

  /// Newton-Kantorovich on one block: v <- v - (I - gamma P)^-1 (v - Tv).
  /// From the second iterate on v rises to the fixed point, so no line search.
  bool newton(int c, const Vector& reward) {
    const int begin = order_->blocks.start[c], n = order_->blocks.start[c + 1] - begin;
    Columns<1> residual(n);
    double previous = kInfinity;
    for (int round = 0; round < 200; ++round) {
      double size = 1.0;
      for (int i = 0; i < n; ++i) {
        const int s = order_->blocks.state[begin + i];
        residual[i] = backed_up(s, reward) - v[s];
        size = std::max(size, std::abs(v[s]));
      }
      const double worst = residual.abs().maxCoeff();
      if (!std::isfinite(worst)) return false;
      if (!factorise(c)) return false;
      lu(c).solve<1>(residual);
      for (int i = 0; i < n; ++i) v[order_->blocks.state[begin + i]] += residual[i];
      // The step after a residual this small is rounding: q and policy are final.
      if (worst < 1e-11 * size || (worst < 1e-8 * size && worst >= previous)) return true;
      previous = worst;
    }
    return false;
  }

  bool factorise(int c) {
    const int begin = order_->blocks.start[c];
    return lu(c).compute(order_->plan[order_->factor[c]], [&](int row, const auto& add) {
      add(row, 1.0);
      const int s = order_->blocks.state[begin + row];
      for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p)
        for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e) {
          const int next = task_->next_state[e];
          if (order_->blocks.block[next] == c)
            add(order_->place[next], -discount_ * policy[p] * task_->probability[e]);
        }
    });
  }

  /// Slopes are those of the policy times how often a step is followed by a return.
  void add_determinant(int c, PolicyDeterminant& out) const {
    const PolicyInverse visits = lu(c).inverse();
    out.log += lu(c).log_determinant();
    for (int i = order_->blocks.start[c]; i < order_->blocks.start[c + 1]; ++i) {
      const int s = order_->blocks.state[i];
      const int first = task_->first_pair(s), n = task_->n_actions(s);
      Vector returns = Vector::Zero(n);
      for (int p = first; p < first + n; ++p)
        for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e) {
          const int next = task_->next_state[e];
          if (order_->blocks.block[next] == c)
            returns[p - first] +=
                task_->probability[e] * visits(order_->place[next], order_->place[s]);
        }
      const auto chosen = policy.segment(first, n).array();
      const double mean = (chosen * returns.array()).sum();
      const Vector slope = discount_ / temperature_ * chosen * (returns.array() - mean);
      out.by_q.segment(first, n) = -slope;
      out.by_temperature += slope.dot(q.segment(first, n)) / temperature_;
      out.by_discount -= mean;
    }
  }

  template <int W>
  void tangent_state(int s, const Columns<W>& d, const Columns<W>* dv_extra,
                     Columns<W>& dv, Columns<W>& dq, bool cyclic) const {
    Eigen::Array<double, 1, W> sum = Eigen::Array<double, 1, W>::Zero(1, d.cols());
    for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p) {
      Eigen::Array<double, 1, W> row = d.row(p);
      for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e)
        row += discount_ * task_->probability[e] * dv.row(task_->next_state[e]);
      dq.row(p) = row;
      sum += policy[p] * row;
    }
    if (dv_extra) sum += dv_extra->row(s);
    // In a block that is still to be solved dv stays 0 until all are known.
    if (!cyclic) dv.row(s) = sum;
  }

  template <int W>
  void tangent_block(int c, const Columns<W>& d, const Columns<W>* dv_extra,
                         Columns<W>& dv, Columns<W>& dq) const {
    const int begin = order_->blocks.start[c], n = order_->blocks.start[c + 1] - begin;
    Columns<W> x = Columns<W>::Zero(n, d.cols());
    for (int i = 0; i < n; ++i) {
      const int s = order_->blocks.state[begin + i];
      for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p)
        x.row(i) += policy[p] * dq.row(p);
      if (dv_extra) x.row(i) += dv_extra->row(s);
    }
    lu(c).template solve<W>(x);
    for (int i = 0; i < n; ++i) dv.row(order_->blocks.state[begin + i]) = x.row(i);
    for (int i = 0; i < n; ++i)
      tangent_state(order_->blocks.state[begin + i], d, dv_extra, dv, dq, true);
  }

  /// On entry the rows of `a` hold what flows in from earlier blocks.
  template <int W>
  void adjoint_block(int c, const Columns<W>& g, Columns<W>& a) const {
    const int begin = order_->blocks.start[c], n = order_->blocks.start[c + 1] - begin;
    Columns<W> x(n, g.cols());
    for (int i = 0; i < n; ++i) x.row(i) = a.row(order_->blocks.state[begin + i]);
    for (int i = 0; i < n; ++i) {
      const int s = order_->blocks.state[begin + i];
      for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p)
        for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e) {
          const int next = task_->next_state[e];
          if (order_->blocks.block[next] == c)
            x.row(order_->place[next]) += discount_ * task_->probability[e] * g.row(p);
        }
    }
    lu(c).template solve_transposed<W>(x);
    for (int i = 0; i < n; ++i) a.row(order_->blocks.state[begin + i]) = x.row(i);
  }

  template <int W>
  void adjoint_state(int s, int c, bool cyclic, const Columns<W>& g, Columns<W>& y,
                     Columns<W>& a) const {
    const Eigen::Array<double, 1, W> mine = a.row(s);
    for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p) {
      const Eigen::Array<double, 1, W> row = g.row(p) + policy[p] * mine;
      y.row(p) = row;
      for (int e = task_->next_start[p]; e < task_->next_start[p + 1]; ++e) {
        const int next = task_->next_state[e];
        if (!cyclic || order_->blocks.block[next] != c)
          a.row(next) += discount_ * task_->probability[e] * row;
      }
    }
  }

  const Task* task_;
  const SweepOrder* order_;
  Backup backup_;
  double discount_ = 0.99;
  double temperature_ = 1.0;
  Vector v_by_temperature_;  // [n_states]
  std::vector<PolicyLu> factor_;
};

}  // namespace psyrl
