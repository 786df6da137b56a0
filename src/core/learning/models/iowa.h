// Models of the Iowa gambling task. Utility u = r^alpha for gains, -lambda (-r)^alpha
// for losses; choices follow softmax((3^cons - 1) V).
#pragma once

#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

template <class T>
struct IowaLayout {
  explicit IowaLayout(const Setting& s)
      : n_options(s.n_options), n_logits(s.n_options), A(s.find("A")),
        alpha(s.find("alpha")), cons(s.find("cons")), lambda(s.find("lambda")) {}
  int n_options, n_logits, A, alpha, cons, lambda;
};

/// Expectancies E with prospect utility: what PVL and VPP share.
template <class T>
class Expectancies : public OneStage<T> {
 public:
  Expectancies(const IowaLayout<T>& layout, const T* theta)
      : iowa_(layout), theta_(theta), e_(layout.n_options),
        scale_(consistency(theta[layout.cons])) {}
  int n_options(int) const { return iowa_.n_options; }
  double value(const Trial&, int, int k) const { return value_of(e_[k]); }
  double target(const Trial& trial, int) const { return value_of(utility(trial.outcome)); }

 protected:
  static T consistency(const T& cons) {
    using std::pow;
    using psyrl::pow;
    return pow(3.0, cons) - 1.0;
  }
  T utility(double r) const {
    using std::pow;
    using psyrl::pow;
    const T size = pow(std::fabs(r), theta_[iowa_.alpha]);
    return r >= 0.0 ? size : -(theta_[iowa_.lambda] * size);
  }
  void reset_expectancies() { e_.assign(e_.size(), T(0.0)); }

  const IowaLayout<T>& iowa_;
  const T* theta_;
  std::vector<T> e_;
  T scale_;
};

/// Prospect valence learning, delta rule: E(a) += A (u - E(a)) (Ahn et al. 2008;
/// Steingroever et al. 2014); decay rule: E(k) = A E(k), E(a) += u.
template <class T, bool Decay>
class Pvl : public Expectancies<T> {
 public:
  using Layout = IowaLayout<T>;
  Pvl(const Layout& layout, const T* theta) : Expectancies<T>(layout, theta) { reset(); }
  void reset() { this->reset_expectancies(); }
  void logits(const Trial&, int, T* x) const {
    for (int k = 0; k < this->iowa_.n_options; ++k) x[k] = this->scale_ * this->e_[k];
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    const T& A = this->theta_[this->iowa_.A];
    T& chosen = this->e_[trial.choice];
    if (Decay) {
      for (T& e : this->e_) e *= A;
      chosen += this->utility(trial.outcome);
    } else {
      move_towards(chosen, A, this->utility(trial.outcome));
    }
  }
};
template <class T>
using PvlDelta = Pvl<T, false>;
template <class T>
using PvlDecay = Pvl<T, true>;

/// Value plus perseverance (Worthy et al. 2013): PVL-delta beside P(k) = K P(k),
/// P(a) += epP (r >= 0) or epN; V = w E + (1 - w) P.
template <class T>
class Vpp : public Expectancies<T> {
 public:
  struct Layout : IowaLayout<T> {
    explicit Layout(const Setting& s)
        : IowaLayout<T>(s), epP(s.find("epP")), epN(s.find("epN")), K(s.find("K")),
          w(s.find("w")) {}
    int epP, epN, K, w;
  };
  Vpp(const Layout& layout, const T* theta)
      : Expectancies<T>(layout, theta), at_(layout), p_(layout.n_options) { reset(); }
  void reset() {
    this->reset_expectancies();
    p_.assign(p_.size(), T(0.0));
  }
  void logits(const Trial&, int, T* x) const {
    for (int k = 0; k < at_.n_options; ++k)
      x[k] = this->scale_ * (p_[k] + this->theta_[at_.w] * (this->e_[k] - p_[k]));
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    for (T& p : p_) p *= this->theta_[at_.K];
    p_[trial.choice] += this->theta_[trial.outcome >= 0.0 ? at_.epP : at_.epN];
    move_towards(this->e_[trial.choice], this->theta_[at_.A], this->utility(trial.outcome));
  }

 private:
  const Layout& at_;
  std::vector<T> p_;
};

/// Outcome-representation learning (Haines et al. 2018): expected value EV, expected
/// frequency EF with fictive updates -sgn(r) / (K - 1), perseverance PS(a) = 1 then
/// all PS / 3^K; softmax(EV + betaF EF + betaP PS).
template <class T>
class Orl : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_options(s.n_options), n_logits(s.n_options), Arew(s.find("Arew")),
          Apun(s.find("Apun")), K(s.find("K")), betaF(s.find("betaF")),
          betaP(s.find("betaP")) {}
    int n_options, n_logits, Arew, Apun, K, betaF, betaP;
  };
  Orl(const Layout& layout, const T* theta)
      : at_(layout), theta_(theta), ev_(layout.n_options), ef_(layout.n_options),
        ps_(layout.n_options), keep_(1.0 / power_of_three(theta[layout.K])) { reset(); }
  void reset() {
    for (auto* x : {&ev_, &ef_, &ps_}) x->assign(x->size(), T(0.0));
  }
  int n_options(int) const { return at_.n_options; }
  void logits(const Trial&, int, T* x) const {
    for (int k = 0; k < at_.n_options; ++k)
      x[k] = ev_[k] + theta_[at_.betaF] * ef_[k] + theta_[at_.betaP] * ps_[k];
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    const double r = trial.outcome, sign = r > 0.0 ? 1.0 : (r < 0.0 ? -1.0 : 0.0);
    const T& own = theta_[r >= 0.0 ? at_.Arew : at_.Apun];
    const T& fictive = theta_[r >= 0.0 ? at_.Apun : at_.Arew];
    for (int k = 0; k < at_.n_options; ++k) {
      if (k == trial.choice) move_towards(ef_[k], own, sign);
      else move_towards(ef_[k], fictive, -sign / (at_.n_options - 1));
    }
    move_towards(ev_[trial.choice], own, r);
    ps_[trial.choice] = T(1.0);
    for (T& ps : ps_) ps *= keep_;
  }
  double value(const Trial&, int, int k) const { return value_of(ev_[k]); }

 private:
  static T power_of_three(const T& K) {
    using std::pow;
    using psyrl::pow;
    return pow(3.0, K);
  }
  const Layout& at_;
  const T* theta_;
  std::vector<T> ev_, ef_, ps_;
  T keep_;
};

}  // namespace learning
}  // namespace psyrl
