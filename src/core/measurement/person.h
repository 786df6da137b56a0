// One person's trait given known values: the mode of
//
//   l(z) = sum_s n_s [ e^z abar_s - lse(e^z A_s) ] - (z - mu)^2 / (2 sigma^2)
//   l'   = S - (z - mu) / sigma^2,  S = e^z sum_s n_s (abar_s - E_s)
//   l''  = -F + S - 1 / sigma^2,    F = e^{2z} sum_s n_s Var_s
//
// l is not concave in z and may have two maxima. All stationary points lie between
// mu and the maximum-likelihood value; a scan of that range brackets every maximum,
// safeguarded Newton polishes them, and the best one is kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/numerics.h"
#include "core/measurement/counts.h"

namespace psyrl {

/// A visited state: its row of values and what was chosen there in total.
struct VisitedState {
  const double* value;  // [n_actions]
  int n_actions;
  double visits;        // n_s
  double chosen;        // sum over choices of (value chosen - row maximum)
  double top;           // row maximum, subtracted before any variance
};

struct Likelihood {
  double log_lik = 0.0, score = 0.0, information = 0.0;  // sum, S, F
};

inline Likelihood state_likelihood(const VisitedState& state, double beta) {
  double total = 0.0, mean = 0.0, square = 0.0;
  for (int a = 0; a < state.n_actions; ++a) {
    const double d = state.value[a] - state.top, e = std::exp(beta * d);
    total += e;
    mean += e * d;
  }
  mean /= total;
  for (int a = 0; a < state.n_actions; ++a) {
    const double d = state.value[a] - state.top;
    square += std::exp(beta * d) * (d - mean) * (d - mean);
  }
  return {beta * state.chosen - state.visits * std::log(total),
          beta * (state.chosen - state.visits * mean),
          beta * beta * state.visits * square / total};
}

inline Likelihood likelihood(const std::vector<VisitedState>& states, double beta) {
  Likelihood sum;
  for (const VisitedState& state : states) {
    const Likelihood part = state_likelihood(state, beta);
    sum.log_lik += part.log_lik;
    sum.score += part.score;
    sum.information += part.information;
  }
  return sum;
}

/// The informative states of person j, in the order of the task's states.
inline std::vector<VisitedState> visited_states(const Task& task,
                                                const PersonCounts& counts,
                                                View<double> value,
                                                const std::vector<int>& pair_state, int j) {
  std::vector<VisitedState> states;
  int last = -1;
  for (int i = counts.person_start[j]; i < counts.person_start[j + 1]; ++i) {
    const int p = counts.pair[i], s = pair_state[p], n = task.n_actions(s);
    if (n < 2) continue;
    const double* row = &value[task.first_pair(s)];
    if (s != last) states.push_back({row, n, 0.0, 0.0, *std::max_element(row, row + n)});
    last = s;
    states.back().visits += counts.count[i];
    states.back().chosen += counts.count[i] * (value[p] - states.back().top);
  }
  return states;
}

struct PersonMode {
  double z, log_posterior, gradient, hessian, score, information;
};

class PersonProblem {
 public:
  PersonProblem(const std::vector<VisitedState>& states, double mu, double sigma)
      : states_(states), mu_(mu), precision_(1.0 / (sigma * sigma)) {}

  PersonMode at(double z) const {
    const Likelihood l = likelihood(states_, std::exp(z));
    const double d = z - mu_;
    return {z, l.log_lik - 0.5 * precision_ * d * d, l.score - precision_ * d,
            -l.information + l.score - precision_, l.score, l.information};
  }

  /// The global maximum of l.
  PersonMode mode() const {
    const PersonMode start = at(mu_);
    if (start.gradient == 0.0) return start;
    const double direction = start.gradient > 0 ? 1.0 : -1.0;
    const double far = far_end(direction, start.score);
    const int n = std::max(1, std::min(64, static_cast<int>(std::abs(far - mu_) / 0.25)));
    PersonMode best = start, left = start;
    for (int i = 1; i <= n; ++i) {
      const PersonMode right = i == n ? at(far) : at(mu_ + (far - mu_) * i / n);
      // A maximum lies between two points whose slopes both point inwards.
      if (direction * left.gradient > 0 && direction * right.gradient <= 0) {
        const PersonMode found = polish(left, right);
        if (found.log_posterior > best.log_posterior) best = found;
      }
      left = right;
    }
    return best;
  }

 private:
  // The end of the range of stationary points: where the likelihood alone has its
  // maximum, or where the prior's pull exceeds all that the score can reach.
  double far_end(double direction, double score_at_mu) const {
    const double limit = score_bound(direction, score_at_mu) / precision_;
    double reach = std::min(1.0, limit);
    while (reach < limit &&
           direction * likelihood(states_, std::exp(mu_ + direction * reach)).score > 0)
      reach = std::min(limit, 2.0 * reach);
    return mu_ + direction * reach;
  }

  // S = beta u(beta) with u falling in beta. Below mu, |S| is largest at mu; above,
  // x e^-x (k - 1) / (1 + (k - 1) e^-x) < .28 (k - 1) bounds each visit.
  double score_bound(double direction, double score_at_mu) const {
    if (direction < 0) return -score_at_mu;
    double bound = 0.0;
    for (const VisitedState& state : states_)
      bound += 0.28 * state.visits * (state.n_actions - 1);
    return bound;
  }

  PersonMode polish(PersonMode a, PersonMode b) const {
    PersonMode here = std::abs(a.gradient) < std::abs(b.gradient) ? a : b;
    for (int i = 0; i < 200; ++i) {
      const double curvature =
          here.hessian < 0 ? here.hessian : -here.information - precision_;
      double z = here.z - here.gradient / curvature;
      const double low = std::min(a.z, b.z), high = std::max(a.z, b.z);
      if (!(z > low && z < high)) z = 0.5 * (low + high);
      if (z == here.z || high - low <= 1e-15 * (1 + std::abs(z))) break;
      const double moved = std::abs(z - here.z);
      here = at(z);
      ((here.gradient > 0) == (a.gradient > 0) ? a : b) = here;
      if (here.gradient == 0.0 || moved < 1e-15 * (1 + std::abs(z))) break;
    }
    return here;
  }

  const std::vector<VisitedState>& states_;
  double mu_, precision_;
};

}  // namespace psyrl
