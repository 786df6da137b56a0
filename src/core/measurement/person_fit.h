// Do a person's decisions look like the model's?
//
//   drift  U = sum (t - tbar) g_t / sqrt(sum (t - tbar)^2 v_t),  tbar = sum v t / sum v
//   infit  sum g_t^2 / sum v_t
//
// at the posterior mean of the trait. The weighted tbar makes U insensitive to the
// trait itself. (The standardised log-likelihood is a function of the score here and
// says nothing.) Both are calibrated by replicates: a trait from the posterior,
// choices in the states in which the person decided, and the trait scored again.
#pragma once

#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/measurement/grid.h"
#include "core/measurement/score.h"

namespace psyrl {

struct FitStatistics {
  double drift, infit;
};

struct PersonFit {
  int n_decisions = 0;
  FitStatistics observed{std::numeric_limits<double>::quiet_NaN(),
                         std::numeric_limits<double>::quiet_NaN()};
  double drift_p = std::numeric_limits<double>::quiet_NaN();
  double infit_p = std::numeric_limits<double>::quiet_NaN();
};

/// What the statistics need of model and sample.
struct PersonFitProblem {
  const Task& task;
  const ChoiceModel& model;
  TraitScale scale;
  View<double> nodes;                 // [K]
  const std::vector<double>& table;   // log probabilities, [n_pairs * K]
  int n_replicates;
  std::uint64_t seed;
};

/// One person's informative decisions, states numbered as they are met.
class PersonLog {
 public:
  PersonLog(const PersonFitProblem& problem, View<int> pair, const std::vector<int>& state,
            int begin, int end)
      : problem_(problem) {
    for (int i = begin; i < end; ++i) {
      const int s = state[pair[i]];
      if (!distinguishes(problem.task, problem.model.advantage, s)) continue;
      local_.push_back(local_state(s));
      chosen_.push_back(pair[i]);
      time_.push_back(i - begin + 1);
    }
  }

  int size() const { return static_cast<int>(chosen_.size()); }
  const std::vector<int>& chosen() const { return chosen_; }

  FitStatistics statistics(const std::vector<int>& chosen, double z) const {
    const double slope = problem_.scale.slope(z);
    std::vector<AdvantageMoments> moments(states_.size());
    for (std::size_t i = 0; i < states_.size(); ++i)
      moments[i] = advantage_moments(problem_.task, problem_.model.advantage,
                                     problem_.model.habit, states_[i], slope);
    // The rate d slope / dz cancels in both.
    double v_sum = 0.0, vt_sum = 0.0, g2_sum = 0.0;
    for (int t = 0; t < size(); ++t) {
      const AdvantageMoments& m = moments[local_[t]];
      const double g = problem_.model.advantage[chosen[t]] - m.mean;
      v_sum += m.variance;
      vt_sum += m.variance * time_[t];
      g2_sum += g * g;
    }
    const double centre = vt_sum / v_sum;
    double slope_sum = 0.0, slope_var = 0.0;
    for (int t = 0; t < size(); ++t) {
      const AdvantageMoments& m = moments[local_[t]];
      const double d = time_[t] - centre;
      slope_sum += d * (problem_.model.advantage[chosen[t]] - m.mean);
      slope_var += d * d * m.variance;
    }
    return {slope_sum / std::sqrt(slope_var), g2_sum / v_sum};
  }

  /// Posterior mean of the trait after these choices; nodes first .. last - 1.
  double rescore(const std::vector<int>& chosen, const std::vector<double>& log_prior,
                 int first, int last) const {
    const int K = static_cast<int>(problem_.nodes.size());
    std::vector<double> w(log_prior.begin() + first, log_prior.begin() + last);
    for (int p : chosen) {
      const double* row = &problem_.table[static_cast<std::size_t>(p) * K];
      for (int k = first; k < last; ++k) w[k - first] += row[k];
    }
    const double top = log_sum_exp(w.data(), last - first);
    double mean = 0.0;
    for (int k = first; k < last; ++k)
      mean += problem_.nodes[k] * std::exp(w[k - first] - top);
    return mean;
  }

  /// New choices in the same states, by the model at node k.
  void redraw(int k, Stream& stream, std::vector<int>& chosen) const {
    const std::size_t K = problem_.nodes.size();
    for (int t = 0; t < size(); ++t) {
      const int s = states_[local_[t]], n = problem_.task.n_actions(s);
      int p = problem_.task.first_pair(s);
      double u = stream.uniform();
      for (int a = 0; a + 1 < n; ++a, ++p)
        if ((u -= std::exp(problem_.table[p * K + k])) < 0) break;
      chosen[t] = p;
    }
  }

 private:
  int local_state(int s) {
    const auto found = number_.emplace(s, static_cast<int>(states_.size()));
    if (found.second) states_.push_back(s);
    return found.first->second;
  }

  const PersonFitProblem& problem_;
  std::vector<int> states_, local_, chosen_;
  std::unordered_map<int, int> number_;
  std::vector<double> time_;
};

/// Nodes within ten posterior SDs: replicates of this person are scored there.
inline std::pair<int, int> near_nodes(View<double> nodes, Moments posterior) {
  const int K = static_cast<int>(nodes.size());
  const double reach = 10.0 * std::sqrt(posterior.variance);
  int first = 0, last = K;
  while (first < K - 3 && nodes[first] < posterior.mean - reach) ++first;
  while (last > first + 3 && nodes[last - 1] > posterior.mean + reach) --last;
  return {first, last};
}

/// Statistics and p-values of person j, whose posterior weights start at `weight`.
inline PersonFit person_fit(const PersonFitProblem& problem, const PersonLog& log,
                            const double* weight, double mu, double sigma, int j) {
  PersonFit fit;
  fit.n_decisions = log.size();
  if (log.size() < 2) return fit;
  const int K = static_cast<int>(problem.nodes.size());
  std::vector<double> prior(K);
  log_prior(problem.nodes, mu, sigma, prior.data());
  const Moments posterior = moments(problem.nodes, weight);
  const auto range = near_nodes(problem.nodes, posterior);
  fit.observed = log.statistics(log.chosen(), posterior.mean);
  if (!std::isfinite(fit.observed.drift)) return fit;
  Stream stream(problem.seed, 401, static_cast<std::uint64_t>(j));
  const double shift = stream.uniform();
  std::vector<int> chosen(log.chosen());
  int as_large_drift = 0, as_large_infit = 0, k = 0;
  double below = weight[0];
  for (int r = 0; r < problem.n_replicates; ++r) {
    // Systematic draws: the replicates' traits spread as the posterior does.
    const double u = (r + shift) / problem.n_replicates;
    while (k + 1 < K && below < u) below += weight[++k];
    log.redraw(k, stream, chosen);
    const double z = log.rescore(chosen, prior, range.first, range.second);
    const FitStatistics s = log.statistics(chosen, z);
    as_large_drift += std::abs(s.drift) >= std::abs(fit.observed.drift);
    as_large_infit += s.infit >= fit.observed.infit;
  }
  fit.drift_p = (1.0 + as_large_drift) / (1.0 + problem.n_replicates);
  fit.infit_p = (1.0 + as_large_infit) / (1.0 + problem.n_replicates);
  return fit;
}

}  // namespace psyrl
