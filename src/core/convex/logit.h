// Loss of the choices given values, and its derivatives along columns.
//
//   J(x)    = sum_t w_t [ log sum_j exp x_j(t) - x_a(t)(t) ]
//   dJ/dx   = w (p - y),      p = softmax(x)
//   H_cd    = sum_t w_t [ sum_j p_j f_c f_d - (sum_j p_j f_c)(sum_j p_j f_d) ]
//
// x is convex in the weights of the columns f, whatever the columns are.
#pragma once

#include <Eigen/Dense>

#include "core/base/numerics.h"
#include "core/convex/design.h"

namespace psyrl {
namespace convex {

using Values = Eigen::ArrayXXd;  // [n_trials x n_options]

/// A direction in value space: of one option ([n_trials x 1]) or of all.
struct Column {
  int row = -1;       // its kernel, -1: none (a covariate of either sign)
  int option = -1;    // -1: all options
  double shape = 0;   // window length or learning rate
  Values feature;
};

/// Loss, probabilities and residuals at one point.
struct Point {
  double loss = 0.0;
  Values probability;
  Values residual;  // dJ/dx
};

inline void forbid(const Design& design, Values& x) {
  for (std::size_t i = 0; i < design.forbidden.size(); ++i)
    if (design.forbidden[i]) x.data()[i] = -kInfinity;
}

/// Writes softmax(x) into `p` and returns the loss.
inline double choice_loss(const Design& design, const Values& x, Values& p) {
  p = x;
  forbid(design, p);
  Eigen::ArrayXd top = p.col(0);
  for (int j = 1; j < design.n_options; ++j) top = top.max(p.col(j));
  double loss = 0.0;
  for (int t = 0; t < design.n_trials; ++t)
    if (design.choice[t] >= 0)
      loss -= design.weight[t] * (p(t, design.choice[t]) - top[t]);
  Eigen::ArrayXd total = Eigen::ArrayXd::Zero(design.n_trials);
  for (int j = 0; j < design.n_options; ++j) {
    p.col(j) = (p.col(j) - top).exp();
    total += p.col(j);
  }
  for (int j = 0; j < design.n_options; ++j) p.col(j) /= total;
  const Eigen::Map<const Eigen::ArrayXd> weight(design.weight.data(),
                                                design.n_trials);
  return loss + (weight * total.log()).sum();
}

inline void evaluate(const Design& design, const Values& x, Point& at) {
  at.loss = choice_loss(design, x, at.probability);
  const Eigen::Map<const Eigen::ArrayXd> weight(design.weight.data(),
                                                design.n_trials);
  at.residual.resize(design.n_trials, design.n_options);
  for (int j = 0; j < design.n_options; ++j)
    at.residual.col(j) = weight * at.probability.col(j);
  for (int t = 0; t < design.n_trials; ++t)
    if (design.choice[t] >= 0)
      at.residual(t, design.choice[t]) -= design.weight[t];
}

/// Weighted Shannon entropy of the fitted choices, in nats.
inline double entropy(const Design& design, const Values& p) {
  double sum = 0.0;
  for (int j = 0; j < design.n_options; ++j)
    for (int t = 0; t < design.n_trials; ++t)
      if (p(t, j) > 0.0) sum -= design.weight[t] * p(t, j) * std::log(p(t, j));
  return sum;
}

inline void add_column(const Column& column, double weight, Values& x) {
  if (column.option >= 0) x.col(column.option) += weight * column.feature.col(0);
  else x += weight * column.feature;
}

/// sum_t a(t) f(t) over the options the column touches.
inline double slope(const Values& residual, const Column& column) {
  return column.option >= 0
             ? (residual.col(column.option) * column.feature.col(0)).sum()
             : (residual * column.feature).sum();
}

inline double common_dot(const Column& a, const Values& scaled, const Column& b) {
  if (a.option < 0 && b.option < 0) return (scaled * b.feature).sum();
  if (a.option < 0) return (scaled.col(b.option) * b.feature.col(0)).sum();
  if (b.option < 0) return (scaled.col(0) * b.feature.col(a.option)).sum();
  return a.option == b.option ? (scaled.col(0) * b.feature.col(0)).sum() : 0.0;
}

/// Curvature of the loss along the columns, [n x n].
inline Eigen::MatrixXd curvature(const Design& design, const Values& p,
                                 const std::vector<Column>& columns) {
  const int n = static_cast<int>(columns.size());
  const Eigen::Map<const Eigen::ArrayXd> weight(design.weight.data(),
                                                design.n_trials);
  Values mean(design.n_trials, n);
  Eigen::MatrixXd h = Eigen::MatrixXd::Zero(n, n);
  Values scaled;
  for (int c = 0; c < n; ++c) {
    const Column& column = columns[c];
    if (column.option >= 0) scaled = p.col(column.option) * column.feature.col(0);
    else scaled = p * column.feature;
    mean.col(c) = scaled.rowwise().sum();
    scaled.colwise() *= weight;
    for (int d = 0; d <= c; ++d) h(c, d) = common_dot(column, scaled, columns[d]);
  }
  const Values weighted = mean.colwise() * weight;
  h.noalias() -= weighted.matrix().transpose() * mean.matrix();
  return h.selfadjointView<Eigen::Lower>();
}

}  // namespace convex
}  // namespace psyrl
