// Bandit learners other than Rescorla-Wagner's family, one class a model. All but
// the Kalman filter keep a table of values per stimulus and choose by softmax.
#pragma once

#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

/// Values Q[stimulus][option] with softmax(beta Q): what the models here share.
template <class T>
class ValueTable : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_options(s.n_options), n_stimuli(s.n_stimuli), n_logits(s.n_options),
          beta(s.find("beta")), initial(s.option("initial", 0.0)) {}
    int n_options, n_stimuli, n_logits, beta;
    double initial;
  };

  ValueTable(const Layout& layout, const T* theta)
      : size_(layout), theta_(theta), q_(layout.n_options * layout.n_stimuli) {}

  int n_options(int) const { return size_.n_options; }
  void logits(const Trial& trial, int, T* x) const {
    const T* q = &q_[row(trial)];
    for (int k = 0; k < size_.n_options; ++k) x[k] = theta_[size_.beta] * q[k];
  }
  double value(const Trial& trial, int, int k) const {
    return value_of(q_[row(trial) + k]);
  }

 protected:
  void reset_values() { q_.assign(q_.size(), T(size_.initial)); }
  int row(const Trial& trial) const { return trial.stimulus * size_.n_options; }

  const Layout& size_;
  const T* theta_;
  std::vector<T> q_;
};

/// Fictitious update of two options: Q(a) += alpha (r - Q(a)),
/// Q(other) += alpha (-r - Q(other)); with two rates the sign of the chosen option's
/// error picks the rate of both. Hampton et al. 2006; Glaescher et al. 2009.
template <class T>
class Fictitious : public ValueTable<T> {
 public:
  struct Layout : ValueTable<T>::Layout {
    explicit Layout(const Setting& s)
        : ValueTable<T>::Layout(s), pos(s.find("alpha_pos", "alpha")),
          neg(s.find("alpha_neg", "alpha")) {}
    int pos, neg;
  };
  Fictitious(const Layout& layout, const T* theta)
      : ValueTable<T>(layout, theta), at_(layout) { reset(); }
  void reset() { this->reset_values(); }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    T* q = &this->q_[this->row(trial)];
    T& own = q[trial.choice];
    T& other = q[1 - trial.choice];
    const bool positive = at_.pos == at_.neg || branch(trial.outcome >= value_of(own));
    const T& alpha = this->theta_[positive ? at_.pos : at_.neg];
    move_towards(own, alpha, trial.outcome);
    move_towards(other, alpha, -trial.outcome);
  }

 private:
  const Layout& at_;
};

/// Confirmation bias, two options: rate alpha_conf for good news about the chosen and
/// bad news about the other option, alpha_disc for the rest; the other learns where
/// its outcome was shown. Palminteri et al. 2017.
template <class T>
class Confirmation : public ValueTable<T> {
 public:
  struct Layout : ValueTable<T>::Layout {
    explicit Layout(const Setting& s)
        : ValueTable<T>::Layout(s), conf(s.find("alpha_conf")),
          disc(s.find("alpha_disc")) {}
    int conf, disc;
  };
  Confirmation(const Layout& layout, const T* theta)
      : ValueTable<T>(layout, theta), at_(layout) { reset(); }
  void reset() { this->reset_values(); }
  void learn(const Trial& trial) {
    T* q = &this->q_[this->row(trial)];
    if (trial.has_outcome()) update(q[trial.choice], trial.outcome, true);
    if (!std::isnan(trial.counterfactual))
      update(q[1 - trial.choice], trial.counterfactual, false);
  }

 private:
  void update(T& q, double outcome, bool own) {
    const bool confirms = branch(outcome >= value_of(q)) == own;
    move_towards(q, this->theta_[confirms ? at_.conf : at_.disc], outcome);
  }
  const Layout& at_;
};

/// Hybrid Pearce-Hall: Q(a) += kappa A(a) d, A(a) = eta |d| + (1 - eta) A(a), A starts
/// at 1. Pearce & Hall 1980; Li et al. 2011.
template <class T>
class PearceHall : public ValueTable<T> {
 public:
  struct Layout : ValueTable<T>::Layout {
    explicit Layout(const Setting& s)
        : ValueTable<T>::Layout(s), kappa(s.find("kappa")), eta(s.find("eta")) {}
    int kappa, eta;
  };
  PearceHall(const Layout& layout, const T* theta)
      : ValueTable<T>(layout, theta), at_(layout), associability_(this->q_.size()) {
    reset();
  }
  void reset() {
    this->reset_values();
    associability_.assign(associability_.size(), T(1.0));
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    const int k = this->row(trial) + trial.choice;
    const T error = trial.outcome - this->q_[k];
    this->q_[k] += this->theta_[at_.kappa] * associability_[k] * error;
    associability_[k] += this->theta_[at_.eta] * 
        ((branch(value_of(error) >= 0.0) ? error : -error) - associability_[k]);
  }

 private:
  const Layout& at_;
  std::vector<T> associability_;
};

/// Experience-weighted attraction: n'(a) = rho n(a) + 1,
/// Q(a) = (phi n(a) Q(a) + r) / n'(a), n starts at 0. Camerer & Ho 1999; den Ouden et
/// al. 2013.
template <class T>
class ExperienceWeighted : public ValueTable<T> {
 public:
  struct Layout : ValueTable<T>::Layout {
    explicit Layout(const Setting& s)
        : ValueTable<T>::Layout(s), phi(s.find("phi")), rho(s.find("rho")) {}
    int phi, rho;
  };
  ExperienceWeighted(const Layout& layout, const T* theta)
      : ValueTable<T>(layout, theta), at_(layout), n_(this->q_.size()) { reset(); }
  void reset() {
    this->reset_values();
    n_.assign(n_.size(), T(0.0));
  }
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    const int k = this->row(trial) + trial.choice;
    const T before = n_[k];
    n_[k] = this->theta_[at_.rho] * before + 1.0;
    this->q_[k] = (this->theta_[at_.phi] * before * this->q_[k] + trial.outcome) / n_[k];
  }

 private:
  const Layout& at_;
  std::vector<T> n_;
};

/// Kalman filter on arms that drift: gain k = s2 / (s2 + 16), m += k (r - m),
/// s2 = (1 - k) s2 for the chosen arm; then m = lambda m + (1 - lambda) theta,
/// s2 = lambda^2 s2 + sigma_d^2 for all. Daw et al. 2006.
template <class T>
class KalmanBandit : public ValueTable<T> {
 public:
  struct Layout : ValueTable<T>::Layout {
    explicit Layout(const Setting& s)
        : ValueTable<T>::Layout(s), lambda(s.find("lambda")), theta(s.find("theta")),
          mu0(s.find("mu0")), sigma0(s.find("sigma0")), sigma_d(s.find("sigma_d")),
          noise(s.option("observation_sd", 4.0) * s.option("observation_sd", 4.0)) {}
    int lambda, theta, mu0, sigma0, sigma_d;
    double noise;
  };
  KalmanBandit(const Layout& layout, const T* theta)
      : ValueTable<T>(layout, theta), at_(layout), s2_(this->q_.size()),
        drift2_(theta[at_.sigma_d] * theta[at_.sigma_d]) { reset(); }
  void reset() {
    const T& sigma0 = this->theta_[at_.sigma0];
    this->q_.assign(this->q_.size(), this->theta_[at_.mu0]);
    s2_.assign(s2_.size(), sigma0 * sigma0);
  }
  void learn(const Trial& trial) {
    const int first = this->row(trial), a = first + trial.choice;
    if (trial.has_outcome()) {
      const T gain = s2_[a] / (s2_[a] + at_.noise);
      this->q_[a] += gain * (trial.outcome - this->q_[a]);
      s2_[a] -= gain * s2_[a];
    }
    const T& lambda = this->theta_[at_.lambda];
    const T& theta = this->theta_[at_.theta];
    for (int k = first; k < first + at_.n_options; ++k) {
      this->q_[k] = theta + lambda * (this->q_[k] - theta);
      s2_[k] = lambda * lambda * s2_[k] + drift2_;
    }
  }

 private:
  const Layout& at_;
  std::vector<T> s2_;
  T drift2_;
};

/// Forgetting bandit: z(k, c) += alpha (beta u - z(k, c)) on every arm k and channel c,
/// u the outcome of the chosen arm (channel outcome) or 1 (channel choice), else 0;
/// softmax of the sum over channels. The family of the convex method.
template <class T>
class ForgettingBandit : public OneStage<T> {
 public:
  struct Layout {
    explicit Layout(const Setting& s)
        : n_options(s.n_options), n_stimuli(s.n_stimuli), n_logits(s.n_options) {
      for (const char* name : {"outcome", "choice"}) {
        if (s.option(name, 0.0) == 0.0) continue;
        is_outcome.push_back(name[0] == 'o');
        add_slots(s, name);
      }
    }
    int n_channels() const { return static_cast<int>(is_outcome.size()); }

    int n_options, n_stimuli, n_logits;
    std::vector<char> is_outcome;  // [channels]
    std::vector<int> alpha, beta;  // [channels x options]

   private:
    static std::string slot_name(const Setting& s, const char* what, const char* channel,
                                 int k) {
      std::string name(what);
      if (s.option("outcome", 0.0) != 0.0 && s.option("choice", 0.0) != 0.0)
        name += std::string("_") + channel;
      return k > 0 ? name + "_" + std::to_string(k) : name;
    }
    void add_slots(const Setting& s, const char* channel) {
      for (int k = 1; k <= n_options; ++k) {
        alpha.push_back(s.find(slot_name(s, "alpha", channel, k),
                               slot_name(s, "alpha", channel, 0)));
        beta.push_back(s.find(slot_name(s, "beta", channel, k),
                              slot_name(s, "beta", channel, 0)));
      }
    }
  };

  ForgettingBandit(const Layout& layout, const T* theta)
      : at_(layout), theta_(theta),
        z_(layout.n_stimuli * layout.n_channels() * layout.n_options) { reset(); }

  void reset() { z_.assign(z_.size(), T(0.0)); }
  int n_options(int) const { return at_.n_options; }
  void logits(const Trial& trial, int, T* x) const {
    const T* z = &z_[row(trial)];
    for (int k = 0; k < at_.n_options; ++k) {
      x[k] = z[k];
      for (int c = 1; c < at_.n_channels(); ++c) x[k] += z[c * at_.n_options + k];
    }
  }
  void learn(const Trial& trial) {
    T* z = &z_[row(trial)];
    for (int c = 0; c < at_.n_channels(); ++c) {
      if (at_.is_outcome[c] && !trial.has_outcome()) continue;
      const double shown = at_.is_outcome[c] ? trial.outcome : 1.0;
      for (int k = 0; k < at_.n_options; ++k) {
        const int j = c * at_.n_options + k;
        const T& alpha = theta_[at_.alpha[j]];
        if (k == trial.choice) move_towards(z[j], alpha, shown * theta_[at_.beta[j]]);
        else move_towards(z[j], alpha, 0.0);
      }
    }
  }
  double value(const Trial& trial, int, int k) const {
    double sum = 0.0;
    for (int c = 0; c < at_.n_channels(); ++c)
      sum += value_of(z_[row(trial) + c * at_.n_options + k]);
    return sum;
  }
  /// What the first channel's value of the chosen arm moves towards.
  double target(const Trial& trial, int) const {
    const double shown = at_.is_outcome[0] ? trial.outcome : 1.0;
    return shown * value_of(theta_[at_.beta[trial.choice]]);
  }

 private:
  int row(const Trial& trial) const {
    return trial.stimulus * at_.n_channels() * at_.n_options;
  }
  const Layout& at_;
  const T* theta_;
  std::vector<T> z_;
};

}  // namespace learning
}  // namespace psyrl
