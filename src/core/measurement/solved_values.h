// The exact solution of a task as a map of its rewards, Q = Phi(r), by implicit
// differentiation of the fixed point. With pt = softmax(Q / tau), the policy of the
// backup,
//
//   push:  dQ = dr + gamma T dV,     (I - gamma P_pt) dV = sum_a pt dr
//   pull:  y = g + pt a,             (I - gamma P_pt)' a = gamma T' g
//   bend:  pull of  a dpt,           dpt = pt (dQ - E_pt dQ) / tau
//
// one factorisation for all; acyclic tasks need none, only sweeps. At tau = 0 the
// solution is piecewise linear and does not bend.
//
// Rust (1987), Econometrica 55, 999-1033; implicit derivatives as in Su & Judd
// (2012), Econometrica 80, 2213-2230.
#pragma once

#include "core/base/map.h"
#include "core/base/numerics.h"
#include "core/mdp/solve.h"

namespace psyrl {

class SolvedValues : public Map {
 public:
  /// The task's own rewards are not looked at; its arrays must outlive the map.
  SolvedValues(const Task& task, double temperature, Backup backup)
      : task_(task), blocks_(find_blocks(task)) {
    settings_.temperature = temperature;
    settings_.backup = backup;
  }

  std::size_t n_inputs() const override { return task_.n_pairs(); }
  std::size_t n_outputs() const override { return task_.n_pairs(); }

  Numbers value(const Numbers& reward) override {
    Task task = task_;
    task.reward = View<double>(reward);
    solution_ = solve(task, blocks_, settings_, solution_.v);
    policy_.assign(task.n_pairs(), 0.0);
    for (int s = 0; s < task.n_states(); ++s)
      if (!task.terminal(s))
        back_up(&solution_.q[task.first_pair(s)], task.n_actions(s),
                settings_.temperature, settings_.backup, &policy_[task.first_pair(s)]);
    system_.reset(new PolicySystem(task_, blocks_, View<double>(policy_)));
    return solution_.q;
  }

  Numbers push(const Numbers& v) const override { return moved_by(v, averaged(v)); }

  Numbers pull(const Numbers& g) const override {
    const Vector a = state_adjoint(g);
    Numbers out(g);
    for (int s = 0; s < task_.n_states(); ++s)
      for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
        out[p] += policy_[p] * a[s];
    return out;
  }

  Numbers bend(const Numbers& g, const Numbers& v) const override {
    const double tau = settings_.temperature;
    Numbers source(g.size(), 0.0);
    if (tau == 0.0) return source;
    const Vector a = state_adjoint(g);
    const Numbers dq = push(v);
    const Vector mean = averaged(dq);
    for (int s = 0; s < task_.n_states(); ++s)
      for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
        source[p] = a[s] * policy_[p] * (dq[p] - mean[s]) / tau;
    return pull(source);
  }

  /// dQ / d tau: V gains the entropy of its policy (mellow: minus log n).
  Numbers temperature_direction() const {
    Vector gain = Vector::Zero(task_.n_states());
    for (int s = 0; s < task_.n_states(); ++s) {
      for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
        if (policy_[p] > 0) gain[s] -= policy_[p] * std::log(policy_[p]);
      if (settings_.backup == Backup::mellow && !task_.terminal(s))
        gain[s] -= std::log(static_cast<double>(task_.n_actions(s)));
    }
    return moved_by(Numbers(n_inputs(), 0.0), gain);
  }

  /// dQ / d gamma: what follows counts for more.
  Numbers discount_direction() const {
    return push(ahead(Eigen::Map<const Vector>(solution_.v.data(), solution_.v.size())));
  }

  const Numbers& v() const { return solution_.v; }
  bool solved() const {
    return solution_.status == Status::converged && system_->regular();
  }

 private:
  // E[x(s') | pair].
  Numbers ahead(const Vector& x) const {
    Numbers out(n_inputs(), 0.0);
    for (std::size_t p = 0; p < out.size(); ++p)
      for (int k = task_.next_start[p]; k < task_.next_start[p + 1]; ++k)
        out[p] += task_.probability[k] * x[task_.next_state[k]];
    return out;
  }

  // E_pt[x | state].
  Vector averaged(const Numbers& x) const {
    Vector out = Vector::Zero(task_.n_states());
    for (int s = 0; s < task_.n_states(); ++s)
      for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
        out[s] += policy_[p] * x[p];
    return out;
  }

  // dQ where rewards move by `dr` and, through them or directly, V by `dv`.
  Numbers moved_by(const Numbers& dr, const Vector& dv) const {
    Numbers out = ahead(system_->solve(dv));
    for (std::size_t p = 0; p < out.size(); ++p) out[p] = dr[p] + task_.discount * out[p];
    return out;
  }

  Vector state_adjoint(const Numbers& g) const {
    Vector b = Vector::Zero(task_.n_states());
    for (std::size_t p = 0; p < g.size(); ++p)
      for (int k = task_.next_start[p]; k < task_.next_start[p + 1]; ++k)
        b[task_.next_state[k]] += task_.discount * task_.probability[k] * g[p];
    return system_->solve_transposed(b);
  }

  Task task_;
  Blocks blocks_;
  SolveSettings settings_;
  Solution solution_;
  std::vector<double> policy_;            // [n_pairs] pt
  std::unique_ptr<PolicySystem> system_;  // I - gamma P_pt
};

}  // namespace psyrl
