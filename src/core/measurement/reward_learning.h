// Rewards learned from behaviour, exactly: nested inverse reinforcement learning.
//
//   G(theta, g, log sigma) = F(A(Phi(r(theta))), g, log sigma) + l2 sum_p r_p^2
//
// where r(theta) represents the rewards, Phi solves the task and A identifies the
// values. Minimised by Newton-CG with exact Hessian products; the whole Hessian at
// the solution says which directions the data identify.
#pragma once

#include "core/base/newton_cg.h"
#include "core/measurement/marginal.h"
#include "core/measurement/population.h"
#include "core/measurement/solved_values.h"

namespace psyrl {

/// The unknown is x = (theta, g, log sigma); fixed parts do not move.
class RewardLearning {
 public:
  struct Parts {
    Map& reward;            // theta -> r
    SolvedValues& solved;   // r -> Q
    Map& identified;        // Q -> A
    MarginalLikelihood& likelihood;
  };
  struct Settings {
    double l2 = 0.0;
    double sigma_floor = 0.01;
    bool estimate_mu = true, estimate_sigma = true;
  };

  RewardLearning(const Parts& parts, const Settings& settings)
      : parts_(parts), settings_(settings) {}

  double value(const Numbers& x) {
    const double log_sigma = x.back();
    if (log_sigma < std::log(settings_.sigma_floor) || log_sigma > std::log(kSigmaCeiling))
      return kInfinity;
    const MarginalVector at = advantages(x);
    if (!parts_.solved.solved()) return kInfinity;
    return parts_.likelihood.value(at) + ridge();
  }

  double linearise(const Numbers& x, Numbers& gradient) {
    const MarginalVector at = advantages(x);
    const double value = parts_.likelihood.linearise(at, likelihood_gradient_) + ridge();
    g_value_ = parts_.identified.pull(likelihood_gradient_.advantage);
    g_reward_ = parts_.solved.pull(g_value_);
    for (std::size_t p = 0; p < reward_.size(); ++p)
      g_reward_[p] += 2.0 * settings_.l2 * reward_[p];
    gradient = joined(parts_.reward.pull(g_reward_), likelihood_gradient_);
    return value;
  }

  void multiply(const Numbers& v, Numbers& hv) const {
    const std::size_t n = parts_.reward.n_inputs();
    const Numbers theta(v.begin(), v.begin() + n);
    const Numbers dr = parts_.reward.push(theta), dq = parts_.solved.push(dr);
    MarginalVector along = population(v);
    along.advantage = parts_.identified.push(dq);
    const MarginalVector curved = parts_.likelihood.multiply(along);
    Numbers h = sum(parts_.identified.pull(curved.advantage),
                    parts_.identified.bend(likelihood_gradient_.advantage, dq));
    h = sum(parts_.solved.pull(h), parts_.solved.bend(g_value_, dr));
    for (std::size_t p = 0; p < h.size(); ++p) h[p] += 2.0 * settings_.l2 * dr[p];
    hv = joined(sum(parts_.reward.pull(h), parts_.reward.bend(g_reward_, theta)), curved);
  }

  void precondition(const Numbers& r, Numbers& z) const { z = r; }

  /// Derivatives of the objective in tau and gamma, at the last linearisation.
  double temperature_slope() const {
    return dot(g_value_, parts_.solved.temperature_direction());
  }
  double discount_slope() const {
    return dot(g_value_, parts_.solved.discount_direction());
  }

  const Numbers& rewards() const { return reward_; }
  const Numbers& values() const { return q_; }

 private:
  MarginalVector population(const Numbers& x) const {
    const std::size_t n = parts_.reward.n_inputs();
    MarginalVector out;
    out.effects = Eigen::Map<const Eigen::VectorXd>(&x[n], x.size() - n - 1);
    out.log_sigma = x.back();
    return out;
  }

  MarginalVector advantages(const Numbers& x) {
    MarginalVector at = population(x);
    reward_ = parts_.reward.value(Numbers(x.begin(), x.begin() + parts_.reward.n_inputs()));
    q_ = parts_.solved.value(reward_);
    at.advantage = parts_.identified.value(q_);
    return at;
  }

  double ridge() const { return settings_.l2 * dot(reward_, reward_); }

  static Numbers sum(Numbers a, const Numbers& b) {
    add_scaled(1.0, b, a);
    return a;
  }

  Numbers joined(Numbers theta, const MarginalVector& population) const {
    for (int i = 0; i < population.effects.size(); ++i)
      theta.push_back(settings_.estimate_mu ? population.effects[i] : 0.0);
    theta.push_back(settings_.estimate_sigma ? population.log_sigma : 0.0);
    return theta;
  }

  Parts parts_;
  Settings settings_;
  Numbers reward_, q_, g_value_, g_reward_;
  MarginalVector likelihood_gradient_;
};

}  // namespace psyrl
