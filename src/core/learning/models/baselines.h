// Models without values, against which the others must win.
#pragma once

#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

/// Win-stay lose-shift: after a win (r > 0) the last choice is repeated with
/// probability p_ws, after anything else left with probability p_ls; the other options
/// share the rest. Uniform where nothing was seen yet. Worthy & Maddox 2014.
template <class T>
class WinStayLoseShift : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_options(s.n_options), n_stimuli(s.n_stimuli), n_logits(s.n_options),
          p_ws(s.find("p_ws")), p_ls(s.find("p_ls")) {}
    int n_options, n_stimuli, n_logits, p_ws, p_ls;
  };
  WinStayLoseShift(const Layout& layout, const T* theta)
      : at_(layout), win_(stay_logit(theta[layout.p_ws])),
        loss_(stay_logit(1.0 - theta[layout.p_ls])), last_(layout.n_stimuli),
        won_(layout.n_stimuli) { reset(); }
  void reset() { last_.assign(last_.size(), -1); }
  int n_options(int) const { return at_.n_options; }
  void logits(const Trial& trial, int, T* x) const {
    for (int k = 0; k < at_.n_options; ++k) x[k] = T(0.0);
    const int last = last_[trial.stimulus];
    if (last >= 0) x[last] = won_[trial.stimulus] ? win_ : loss_;
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    last_[trial.stimulus] = trial.choice;
    won_[trial.stimulus] = trial.outcome > 0.0;
  }
  double value(const Trial& trial, int, int k) const {
    return k == last_[trial.stimulus] && won_[trial.stimulus] ? 1.0 : 0.0;
  }

 private:
  /// The logit, against K - 1 zeros, of probability p.
  T stay_logit(const T& p) const {
    using std::log;
    using psyrl::log;
    return log(p * (at_.n_options - 1.0) / (1.0 - p));
  }
  const Layout& at_;
  T win_, loss_;
  std::vector<int> last_;
  std::vector<char> won_;
};

/// Random responding with a preference among options: softmax(0, bias_2, ...).
template <class T>
class BiasedRandom : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_options(s.n_options), n_logits(s.n_options), bias(s.find("bias_2")) {}
    int n_options, n_logits, bias;
  };
  BiasedRandom(const Layout& layout, const T* theta) : at_(layout), theta_(theta) {}
  void reset() {}
  int n_options(int) const { return at_.n_options; }
  void logits(const Trial&, int, T* x) const {
    x[0] = T(0.0);
    for (int k = 1; k < at_.n_options; ++k) x[k] = theta_[at_.bias + k - 1];
  }
  void learn(const Trial&) {}
  double value(const Trial&, int, int) const { return 0.0; }

 private:
  const Layout& at_;
  const T* theta_;
};

}  // namespace learning
}  // namespace psyrl
