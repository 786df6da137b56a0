// Two-step task, hybrid of model-based and model-free control (Daw et al. 2011;
// Otto et al. 2013; Gillan et al. 2016):
//
//   MB(a) = .7 max Q2(state a leads to) + .3 max Q2(other state)
//   x1(a) = beta1 (w MB(a) + (1 - w) Q1(a)) + pi 1[a = previous first choice]
//   x2(b) = beta2 Q2(s, b)
//   Q1(a) += alpha1 (Q2(s, b) - Q1(a)) + lambda alpha1 (r - Q2(s, b))
//   Q2(s, b) += alpha2 (r - Q2(s, b))
//
// The eligibility term's Q2 is that "before" its update (Daw et al.) or "after" it
// (smaller by 1 - alpha2; Stan programs in wide use). The max is a branch: its
// derivative is that of the larger value.
#pragma once

#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

template <class T>
class TwoStep {
 public:
  static constexpr int kStages = 2;

  struct Layout {
    explicit Layout(const Setting& s)
        : alpha1(s.find("alpha1", "alpha")), alpha2(s.find("alpha2", "alpha")),
          beta1(s.find("beta1", "beta")), beta2(s.find("beta2", "beta")),
          lambda(s.find("lambda")), w(s.find("w")), pi(s.find("pi")),
          after(s.option("after", 0.0) != 0.0), common(s.option("common", 0.7)) {}
    int alpha1, alpha2, beta1, beta2, lambda, w, pi;
    bool after;
    double common;
    int n_logits = 2;
  };

  TwoStep(const Layout& layout, const T* theta) : at_(layout), theta_(theta) { reset(); }

  void reset() {
    for (T& q : q1_) q = T(0.0);
    for (T& q : q2_) q = T(0.0);
    previous_ = -1;
  }
  int n_options(int) const { return 2; }
  const T* lapse() const { return nullptr; }
  static int chosen(const Trial& trial, int stage) {
    if (stage == 0) return trial.choice;
    return trial.choice2 < 0 ? -1 : trial.choice2 % 2;
  }

  void logits(const Trial& trial, int stage, T* x) const {
    if (stage == 1) {
      for (int b = 0; b < 2; ++b) x[b] = theta_[at_.beta2] * q2_[2 * state(trial) + b];
      return;
    }
    const T best[2] = {max(q2_[0], q2_[1]), max(q2_[2], q2_[3])};
    for (int a = 0; a < 2; ++a) {
      const T planned = at_.common * best[a] + (1.0 - at_.common) * best[1 - a];
      x[a] = theta_[at_.beta1] * (q1_[a] + theta_[at_.w] * (planned - q1_[a]));
    }
    if (previous_ >= 0) x[previous_] += theta_[at_.pi];
  }

  void learn(const Trial& trial) {
    previous_ = trial.choice;
    if (trial.choice2 < 0 || !trial.has_outcome()) return;
    T& q1 = q1_[trial.choice];
    T& q2 = q2_[trial.choice2];
    T aim = q2;  // what the first stage moves to
    if (!at_.after) carry(aim, trial.outcome - q2);
    move_towards(q2, theta_[at_.alpha2], trial.outcome);
    if (at_.after) carry(aim, trial.outcome - q2);
    move_towards(q1, theta_[at_.alpha1], aim);
  }

  double value(const Trial& trial, int stage, int k) const {
    return value_of(stage == 0 ? q1_[k] : q2_[2 * state(trial) + k]);
  }
  double target(const Trial& trial, int stage) const {
    if (stage == 1) return trial.outcome;
    return trial.choice2 < 0 ? std::nan("") : value_of(q2_[trial.choice2]);
  }

 private:
  /// The eligibility trace: lambda of the second stage's error reaches the first.
  void carry(T& aim, const T& error) const {
    if (at_.lambda >= 0) aim += theta_[at_.lambda] * error;
    else aim += error;
  }
  static int state(const Trial& trial) {
    return trial.choice2 >= 0 ? trial.choice2 / 2 : (trial.state2 > 0 ? 1 : 0);
  }
  static const T& max(const T& a, const T& b) {
    return branch(value_of(a) >= value_of(b)) ? a : b;
  }

  const Layout& at_;
  const T* theta_;
  T q1_[2], q2_[4];
  int previous_;
};

}  // namespace learning
}  // namespace psyrl
