// Traits integrated out on a grid shared by all persons.
//
//   log L_j = log sum_k exp(l_jk) w_jk,   w_jk = h N(z_k; mu_j, sigma^2)
//
// on equally spaced nodes z_k: the trapezoid rule, whose error for a posterior of
// SD v is of order exp(-2 pi^2 v^2 / h^2), i.e. 3e-9 at h = v.
#pragma once

#include <cmath>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/numerics.h"
#include "core/base/view.h"

namespace psyrl {

constexpr double kLogSqrt2Pi = 0.91893853320467274178;

/// log(h N(z_k; mu, sigma^2)) into `out` [K].
inline void log_prior(View<double> nodes, double mu, double sigma, double* out) {
  const double spacing = nodes.size() > 1 ? nodes[1] - nodes[0] : 1.0;
  const double constant = std::log(spacing / sigma) - kLogSqrt2Pi;
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const double t = (nodes[k] - mu) / sigma;
    out[k] = constant - 0.5 * t * t;
  }
}

struct GridPosterior {
  std::vector<double> log_marginal;  // [n_persons]
  std::vector<double> weight;        // [n_persons * n_nodes], rows sum to one
};

/// Posterior of every person's trait; `log_lik` is person-major.
inline GridPosterior grid_posterior(View<double> nodes, View<double> log_lik,
                                    View<double> mu, double sigma,
                                    const Runtime& runtime) {
  const std::size_t J = mu.size(), K = nodes.size();
  GridPosterior posterior{std::vector<double>(J), std::vector<double>(J * K)};
  for_chunks(runtime.executor, J, 64, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t j = begin; j < end; ++j) {
      double* w = &posterior.weight[j * K];
      log_prior(nodes, mu[j], sigma, w);
      for (std::size_t k = 0; k < K; ++k) w[k] += log_lik[j * K + k];
      const double total = log_sum_exp(w, static_cast<int>(K));
      posterior.log_marginal[j] = total;
      for (std::size_t k = 0; k < K; ++k) w[k] = std::exp(w[k] - total);
    }
  });
  return posterior;
}

struct Moments {
  double mean = 0.0, variance = 0.0;
};

inline Moments moments(View<double> nodes, const double* weight) {
  Moments m;
  for (std::size_t k = 0; k < nodes.size(); ++k) m.mean += weight[k] * nodes[k];
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const double d = nodes[k] - m.mean;
    m.variance += weight[k] * d * d;
  }
  return m;
}

/// Quantiles of one posterior: the density between nodes is the exponential of a
/// quadratic through three neighbouring log weights, summed over sub-cells.
class PosteriorQuantile {
 public:
  PosteriorQuantile(View<double> nodes, const double* weight)
      : spacing_((nodes[1] - nodes[0]) / kSub), first_(nodes[0]) {
    const int K = static_cast<int>(nodes.size());
    // Weights cut to zero, or falling by many orders from node to node, would bend
    // the quadratic upwards beside them; nothing below this floor counts.
    const double floor = 1e-16 * *std::max_element(weight, weight + K);
    std::vector<double> lw(K);
    for (int k = 0; k < K; ++k) lw[k] = std::log(std::max(weight[k], floor));
    cumulated_.assign(1, 0.0);
    double previous = weight[0];
    for (int k = 0; k + 1 < K; ++k)
      for (int i = 1; i <= kSub; ++i) {
        const double density = std::exp(between(lw, k, static_cast<double>(i) / kSub));
        cumulated_.push_back(cumulated_.back() + 0.5 * (previous + density));
        previous = density;
      }
  }

  double operator()(double probability) const {
    const double target = probability * cumulated_.back();
    const auto it = std::lower_bound(cumulated_.begin(), cumulated_.end(), target);
    const std::size_t i = std::max<std::ptrdiff_t>(1, it - cumulated_.begin());
    const double step = cumulated_[i] - cumulated_[i - 1];
    const double part = step > 0 ? (target - cumulated_[i - 1]) / step : 0.5;
    return first_ + spacing_ * (i - 1 + part);
  }

 private:
  static constexpr int kSub = 8;

  // Mean of the two quadratics through (k-1, k, k+1) and (k, k+1, k+2).
  static double between(const std::vector<double>& y, int k, double x) {
    const int K = static_cast<int>(y.size());
    const double linear = (1 - x) * y[k] + x * y[k + 1];
    const double bend = 0.5 * x * (x - 1);
    double curvature = 0.0;
    int n = 0;
    if (k > 0) curvature += y[k - 1] - 2 * y[k] + y[k + 1], ++n;
    if (k + 2 < K) curvature += y[k] - 2 * y[k + 1] + y[k + 2], ++n;
    return linear + (n ? bend * curvature / n : 0.0);
  }

  double spacing_, first_;
  std::vector<double> cumulated_;
};

}  // namespace psyrl
