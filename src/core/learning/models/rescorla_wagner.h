// Rescorla-Wagner learning with its usual companions, each a switch:
//
//   Q(a) += alpha (r - Q(a)),     alpha by the sign of r - Q(a) or of r, if dual
//   Q(k) += phi (Q_0 - Q(k)),     k != a   (forgetting)
//   C(k) += alpha_ck (1[k = a] - C(k))     (choice kernel)
//   x(k)  = beta Q(k) + kappa 1[k = previous choice] + beta_ck C(k) + bias_k
//   P     = (1 - xi) softmax(x) + xi / K
//
// Rescorla & Wagner 1972; Sutton & Barto 2018; Niv et al. 2012 (dual); Ito & Doya
// 2009 (forgetting); Lau & Glimcher 2005 (history); Wilson & Collins 2019.
#pragma once

#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

template <class T>
class RescorlaWagner : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_options(s.n_options), n_stimuli(s.n_stimuli), n_logits(s.n_options),
          by_outcome(s.option("by_outcome", 0.0) != 0.0),
          alpha_pos(s.find(by_outcome ? "alpha_rew" : "alpha_pos", "alpha")),
          alpha_neg(s.find(by_outcome ? "alpha_pun" : "alpha_neg", "alpha")),
          beta(s.find("beta")), phi(s.find("phi")), kappa(s.find("kappa")),
          alpha_ck(s.find("alpha_ck")), beta_ck(s.find("beta_ck")),
          xi(s.find("xi")), bias(s.find("bias_2")),
          initial(s.option("initial", 0.0)) {}

    int n_options, n_stimuli, n_logits;
    bool by_outcome;
    int alpha_pos, alpha_neg, beta, phi, kappa, alpha_ck, beta_ck, xi, bias;
    double initial;
  };

  RescorlaWagner(const Layout& layout, const T* theta)
      : at_(layout), theta_(theta), q_(layout.n_options * layout.n_stimuli),
        c_(layout.alpha_ck >= 0 ? layout.n_options : 0) {
    reset();
  }

  void reset() {
    q_.assign(q_.size(), T(at_.initial));
    c_.assign(c_.size(), T(0.0));
    previous_ = -1;
  }

  int n_options(int) const { return at_.n_options; }
  const T* lapse() const { return at_.xi >= 0 ? theta_ + at_.xi : nullptr; }

  void logits(const Trial& trial, int, T* x) const {
    const T* q = values(trial);
    for (int k = 0; k < at_.n_options; ++k) {
      x[k] = theta_[at_.beta] * q[k];
      if (at_.alpha_ck >= 0) x[k] += theta_[at_.beta_ck] * c_[k];
      if (at_.bias >= 0 && k > 0) x[k] += theta_[at_.bias + k - 1];
    }
    if (at_.kappa >= 0 && previous_ >= 0) x[previous_] += theta_[at_.kappa];
  }

  void learn(const Trial& trial) {
    T* q = &q_[offset(trial)];
    if (trial.has_outcome()) {
      move_towards(q[trial.choice], rate(trial, q[trial.choice]), trial.outcome);
    }
    if (at_.phi >= 0)
      for (int k = 0; k < at_.n_options; ++k)
        if (k != trial.choice) move_towards(q[k], theta_[at_.phi], at_.initial);
    for (std::size_t k = 0; k < c_.size(); ++k)
      move_towards(c_[k], theta_[at_.alpha_ck],
                   static_cast<int>(k) == trial.choice ? 1.0 : 0.0);
    previous_ = trial.choice;
  }

  double value(const Trial& trial, int, int k) const { return value_of(values(trial)[k]); }

 private:
  const T& rate(const Trial& trial, const T& q) const {
    if (at_.alpha_pos == at_.alpha_neg) return theta_[at_.alpha_pos];
    const bool positive = at_.by_outcome ? trial.outcome >= 0.0
                                         : branch(trial.outcome >= value_of(q));
    return theta_[positive ? at_.alpha_pos : at_.alpha_neg];
  }
  int offset(const Trial& trial) const { return trial.stimulus * at_.n_options; }
  const T* values(const Trial& trial) const { return &q_[offset(trial)]; }

  const Layout& at_;
  const T* theta_;
  std::vector<T> q_, c_;
  int previous_;
};

}  // namespace learning
}  // namespace psyrl
