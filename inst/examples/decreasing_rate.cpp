// A learner whose rate falls with the number n of outcomes seen of an option,
//
//   Q(a) += (r - Q(a)) / (n(a) + 1)^eta,   P = softmax(beta Q):
//
// eta = 0 keeps the last outcome, eta = 1 averages all of them.

// [[Rcpp::depends(psyrl)]]
#include <psyrl/learning_model.h>

#include <vector>

using psyrl::learning::Setting;
using psyrl::learning::Trial;

template <class T>
struct DecreasingRate : psyrl::learning::OneStage<T> {
  // Found once: where the parameters are, and how many options there are.
  struct Layout {
    explicit Layout(const Setting& s)
        : n_logits(s.n_options), eta(s.find("eta")), beta(s.find("beta")) {}
    int n_logits, eta, beta;
  };

  DecreasingRate(const Layout& layout, const T* theta)
      : eta(theta[layout.eta]), beta(theta[layout.beta]), q(layout.n_logits),
        n(layout.n_logits) {
    reset();
  }

  // A block begins.
  void reset() {
    q.assign(q.size(), T(0.0));
    n.assign(n.size(), 0);
  }
  int n_options(int) const { return static_cast<int>(q.size()); }
  void logits(const Trial&, int, T* x) const {
    for (std::size_t k = 0; k < q.size(); ++k) x[k] = beta * q[k];
  }
  // Options count from 0; the rate is a T, since it depends on a parameter.
  void learn(const Trial& trial) {
    if (!trial.has_outcome()) return;
    const int a = trial.choice;
    const T rate = exp(-eta * std::log(n[a] + 1.0));
    q[a] = q[a] + rate * (trial.outcome - q[a]);
    ++n[a];
  }
  double value(const Trial&, int, int k) const { return psyrl::value_of(q[k]); }

  T eta, beta;
  std::vector<T> q;
  std::vector<int> n;
};

// [[Rcpp::export]]
SEXP psyrl_model() { return psyrl::export_model<DecreasingRate, 2>(); }
