// The marginal likelihood as a function of advantages and population, traits
// integrated out on the grid:
//
//   F(A, g, log sigma) = - sum_j log sum_k w_jk exp l_jk(A),   z_j ~ N(x_j' g, sigma^2)
//
// with its exact gradient (Fisher's identity) and Hessian products (Louis 1982):
// with s_jk the complete-data score of person j at node k along v, and u_jk its
// deviation from the posterior mean, times the posterior weight,
//
//   F'' v = E[complete-data Hessian] v - sum_jk u_jk score_jk
//
// Both need only counts of pairs weighted by node, so neither depends on the length
// of the log, and no matrix is formed.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/map.h"
#include "core/base/monitor.h"
#include "core/measurement/choice.h"
#include "core/measurement/grid.h"

namespace psyrl {

/// Counts of every pair by person: the transpose of PersonCounts.
struct PairCounts {
  PairCounts(int n_pairs, const PersonCounts& counts) : start(n_pairs + 1, 0) {
    for (int p : counts.pair) ++start[p + 1];
    for (int p = 0; p < n_pairs; ++p) start[p + 1] += start[p];
    person.resize(counts.pair.size());
    count.resize(counts.pair.size());
    std::vector<int> next(start.begin(), start.end() - 1);
    for (int j = 0; j < counts.n_persons(); ++j)
      for (int i = counts.person_start[j]; i < counts.person_start[j + 1]; ++i) {
        const int at = next[counts.pair[i]]++;
        person[at] = j;
        count[at] = counts.count[i];
      }
  }
  std::vector<int> start, person;
  std::vector<double> count;
};

struct MarginalData {
  PersonCounts counts;
  View<double> nodes;                        // [K]
  Eigen::Map<const Eigen::MatrixXd> design;  // [n_persons x n_effects]
  View<double> times;                        // [n_persons] how many such there are
};

/// A direction or gradient in (A, g, log sigma).
struct MarginalVector {
  Numbers advantage;
  Eigen::VectorXd effects;
  double log_sigma = 0.0;
};

class MarginalLikelihood {
 public:
  MarginalLikelihood(const Task& task, const MarginalData& data, const Runtime& runtime)
      : task_(task), data_(data), runtime_(runtime),
        by_pair_(task.n_pairs(), data.counts),
        states_(informative_states(task, data.counts)),
        K_(data.nodes.size()), J_(data.counts.n_persons()) {
    for (double z : data.nodes) beta_.push_back(std::exp(z));
  }

  double value(const MarginalVector& x) const {
    return evaluate(x, log_table(x.advantage), nullptr);
  }

  double linearise(const MarginalVector& x, MarginalVector& gradient) {
    at_ = x;
    pi_ = log_table(x.advantage);
    const double value = evaluate(x, pi_, &weight_);
    for (double& p : pi_) p = std::exp(p);
    weighted_ = weighted_counts(weight_);
    gradient.advantage = score(weighted_);
    population_gradient(gradient);
    return value;
  }

  MarginalVector multiply(const MarginalVector& v) const {
    const Numbers slope = slopes(v.advantage);
    const Numbers deviation = deviations(v, slope);
    MarginalVector out;
    out.advantage = score(weighted_counts(deviation));
    for (int s : states_)
      for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
        for (std::size_t k = 0; k < K_; ++k)
          out.advantage[p] += beta_[k] * visits(weighted_, s, k) * pi_[p * K_ + k] *
                              slope[p * K_ + k];
    add_population_product(v, deviation, out);
    return out;
  }

 private:
  Numbers log_table(const Numbers& advantage) const {
    return log_choice_table(task_, {View<double>(advantage), {}, View<double>(beta_)},
                            states_, runtime_);
  }

  double mean(int j, const MarginalVector& x) const {
    return data_.design.row(j).dot(x.effects);
  }

  // t = (z - mu_j) / sigma.
  double deviate(int j, std::size_t k) const {
    return (data_.nodes[k] - mean(j, at_)) / std::exp(at_.log_sigma);
  }

  double evaluate(const MarginalVector& x, const Numbers& table, Numbers* weight) const {
    const Numbers log_lik =
        person_log_lik(data_.counts, table, static_cast<int>(K_), runtime_);
    std::vector<double> mu(J_);
    for (std::size_t j = 0; j < J_; ++j) mu[j] = mean(static_cast<int>(j), x);
    GridPosterior posterior = grid_posterior(data_.nodes, View<double>(log_lik),
                                             View<double>(mu), std::exp(x.log_sigma),
                                             runtime_);
    double total = 0.0;
    for (std::size_t j = 0; j < J_; ++j) {
      total -= data_.times[j] * posterior.log_marginal[j];
      for (std::size_t k = 0; weight && k < K_; ++k)
        posterior.weight[j * K_ + k] *= data_.times[j];
    }
    if (weight) *weight = std::move(posterior.weight);
    return total;
  }

  // sum_j x_jk n_j(p), [n_pairs * K].
  Numbers weighted_counts(const Numbers& x) const {
    Numbers out(task_.n_pairs() * K_, 0.0);
    for_chunks(runtime_.executor, task_.n_pairs(), 256,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t p = begin; p < end; ++p)
        for (int i = by_pair_.start[p]; i < by_pair_.start[p + 1]; ++i)
          for (std::size_t k = 0; k < K_; ++k)
            out[p * K_ + k] += by_pair_.count[i] * x[by_pair_.person[i] * K_ + k];
    });
    return out;
  }

  double visits(const Numbers& counts, int s, std::size_t k) const {
    double sum = 0.0;
    for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
      sum += counts[p * K_ + k];
    return sum;
  }

  // - sum_k beta_k ( n_k(p) - n_k(s) pi_k(p) ), [n_pairs].
  Numbers score(const Numbers& counts) const {
    Numbers out(task_.n_pairs(), 0.0);
    for (int s : states_)
      for (std::size_t k = 0; k < K_; ++k) {
        const double n = visits(counts, s, k);
        for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
          out[p] -= beta_[k] * (counts[p * K_ + k] - n * pi_[p * K_ + k]);
      }
    return out;
  }

  // d log pi_k(p) along v, [n_pairs * K].
  Numbers slopes(const Numbers& v) const {
    Numbers out(task_.n_pairs() * K_, 0.0);
    for (int s : states_)
      for (std::size_t k = 0; k < K_; ++k) {
        double average = 0.0;
        for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
          average += pi_[p * K_ + k] * v[p];
        for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p)
          out[p * K_ + k] = beta_[k] * (v[p] - average);
      }
    return out;
  }

  // u_jk, person-major [n_persons * K].
  Numbers deviations(const MarginalVector& v, const Numbers& slope) const {
    Numbers out = person_log_lik(data_.counts, slope, static_cast<int>(K_), runtime_);
    const double sigma = std::exp(at_.log_sigma);
    for (std::size_t j = 0; j < J_; ++j) {
      double* u = &out[j * K_];
      const double* w = &weight_[j * K_];
      double average = 0.0;
      for (std::size_t k = 0; k < K_; ++k) {
        const double t = deviate(static_cast<int>(j), k);
        u[k] += t / sigma * mean(static_cast<int>(j), v) + (t * t - 1.0) * v.log_sigma;
        average += w[k] * u[k];
      }
      average /= data_.times[j];
      for (std::size_t k = 0; k < K_; ++k) u[k] = w[k] * (u[k] - average);
    }
    return out;
  }

  void population_gradient(MarginalVector& gradient) const {
    gradient.effects = Eigen::VectorXd::Zero(data_.design.cols());
    gradient.log_sigma = 0.0;
    subtract_scores(weight_, gradient);
  }

  // Takes sum_jk x_jk (score in g, score in log sigma) away from `out`.
  void subtract_scores(const Numbers& x, MarginalVector& out) const {
    const double sigma = std::exp(at_.log_sigma);
    for (std::size_t j = 0; j < J_; ++j) {
      double in_mean = 0.0;
      for (std::size_t k = 0; k < K_; ++k) {
        const double t = deviate(static_cast<int>(j), k);
        in_mean += x[j * K_ + k] * t / sigma;
        out.log_sigma -= x[j * K_ + k] * (t * t - 1.0);
      }
      out.effects -= in_mean * data_.design.row(j).transpose();
    }
  }

  void add_population_product(const MarginalVector& v, const Numbers& deviation,
                              MarginalVector& out) const {
    out.effects = Eigen::VectorXd::Zero(data_.design.cols());
    out.log_sigma = 0.0;
    subtract_scores(deviation, out);
    const double sigma = std::exp(at_.log_sigma);
    for (std::size_t j = 0; j < J_; ++j) {
      double first = 0.0, second = 0.0;
      for (std::size_t k = 0; k < K_; ++k) {
        const double t = deviate(static_cast<int>(j), k);
        first += weight_[j * K_ + k] * t;
        second += weight_[j * K_ + k] * t * t;
      }
      const double along = mean(static_cast<int>(j), v);
      out.effects += (data_.times[j] * along / (sigma * sigma) +
                      2.0 * first / sigma * v.log_sigma) *
                     data_.design.row(j).transpose();
      out.log_sigma += 2.0 * first / sigma * along + 2.0 * second * v.log_sigma;
    }
  }

  const Task& task_;
  MarginalData data_;
  Runtime runtime_;
  PairCounts by_pair_;
  std::vector<int> states_;
  std::size_t K_, J_;
  std::vector<double> beta_;  // [K]
  MarginalVector at_;
  Numbers pi_;        // [n_pairs * K] probabilities
  Numbers weight_;    // [n_persons * K] posteriors, as often as there are such
  Numbers weighted_;  // [n_pairs * K] posterior-weighted counts
};

}  // namespace psyrl
