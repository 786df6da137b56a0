// Go or no-go with Pavlovian bias (Guitart-Masip et al. 2012). Option 0 is no-go,
// option 1 go; values per cue s:
//
//   p(go) = (1 - xi) logistic(Q(s, go) + b + pi V(s) - Q(s, no-go)) + xi / 2
//   Q(s, a) += epsilon (rho r - Q(s, a)),  V(s) += epsilon (rho r - V(s))
//
// with one sensitivity rho, or rho_rew for r >= 0 and rho_pun for r < 0.
#pragma once

#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

template <class T>
class GoNogo : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_stimuli(s.n_stimuli), epsilon(s.find("epsilon")), xi(s.find("xi")),
          rho_rew(s.find("rho_rew", "rho")), rho_pun(s.find("rho_pun", "rho")),
          b(s.find("b")), pi(s.find("pi")) {}
    int n_stimuli, epsilon, xi, rho_rew, rho_pun, b, pi;
    int n_logits = 2;
  };

  GoNogo(const Layout& layout, const T* theta)
      : at_(layout), theta_(theta), q_(2 * layout.n_stimuli), v_(layout.n_stimuli) {
    reset();
  }
  void reset() {
    q_.assign(q_.size(), T(0.0));
    v_.assign(v_.size(), T(0.0));
  }
  int n_options(int) const { return 2; }
  const T* lapse() const { return at_.xi >= 0 ? theta_ + at_.xi : nullptr; }
  void logits(const Trial& trial, int, T* x) const {
    x[0] = q_[2 * trial.stimulus];
    x[1] = q_[2 * trial.stimulus + 1];
    if (at_.b >= 0) x[1] += theta_[at_.b];
    if (at_.pi >= 0) x[1] += theta_[at_.pi] * v_[trial.stimulus];
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    const T felt = theta_[sensitivity(trial)] * trial.outcome;
    T& q = q_[2 * trial.stimulus + trial.choice];
    move_towards(q, theta_[at_.epsilon], felt);
    move_towards(v_[trial.stimulus], theta_[at_.epsilon], felt);
  }
  double value(const Trial& trial, int, int k) const {
    return value_of(q_[2 * trial.stimulus + k]);
  }
  double target(const Trial& trial, int) const {
    return value_of(theta_[sensitivity(trial)]) * trial.outcome;
  }

 private:
  int sensitivity(const Trial& trial) const {
    return trial.outcome >= 0.0 ? at_.rho_rew : at_.rho_pun;
  }
  const Layout& at_;
  const T* theta_;
  std::vector<T> q_, v_;
};

}  // namespace learning
}  // namespace psyrl
