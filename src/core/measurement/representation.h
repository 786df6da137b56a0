// Representations of values or rewards: maps from few parameters theta to a number
// for every legal pair.
//
//   table     y_p = theta[class(p)]        pairs of a class share a parameter
//   linear    y = X theta                  features of pairs
//   bounded   y = b tanh(x / b)            |y| < b
//   anchored  y_p = known where known
//   unit_rms  y = x / root mean square of the advantages
//   network   see network.h
#pragma once

#include <Eigen/Dense>
#include <cmath>

#include "core/base/map.h"
#include "core/base/newton_cg.h"
#include "core/base/require.h"
#include "core/measurement/identify.h"

namespace psyrl {

/// Pairs without a class (-1) have value 0 and no parameter.
class TableMap : public Map {
 public:
  TableMap(std::vector<int> classes, std::size_t n_classes)
      : class_(std::move(classes)), n_classes_(n_classes) {}

  std::size_t n_inputs() const override { return n_classes_; }
  std::size_t n_outputs() const override { return class_.size(); }
  Numbers value(const Numbers& x) override { return push(x); }

  Numbers push(const Numbers& v) const override {
    Numbers out(class_.size(), 0.0);
    for (std::size_t p = 0; p < out.size(); ++p)
      if (class_[p] >= 0) out[p] = v[class_[p]];
    return out;
  }

  Numbers pull(const Numbers& g) const override {
    Numbers out(n_classes_, 0.0);
    for (std::size_t p = 0; p < g.size(); ++p)
      if (class_[p] >= 0) out[class_[p]] += g[p];
    return out;
  }

  Numbers bend(const Numbers&, const Numbers&) const override {
    return Numbers(n_classes_, 0.0);
  }

  Numbers diagonal(const Numbers& d) const override { return pull(d); }

  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    std::vector<int> classes;
    for (int p : rows) classes.push_back(class_[p]);
    return std::unique_ptr<Map>(new TableMap(std::move(classes), n_classes_));
  }

 private:
  std::vector<int> class_;  // [n_pairs]
  std::size_t n_classes_;
};

/// Values over the root mean square of their advantages (identify.h): y = x / rho,
/// rho^2 = |m|^2 / n, m the centred x.
class UnitRmsMap : public Map {
 public:
  explicit UnitRmsMap(std::vector<int> state_start)
      : state_start_(std::move(state_start)), next_start_(state_start_.back() + 1, 0) {
    task_.state_start = View<int>(state_start_);
    task_.next_start = View<int>(next_start_);
    n_ = choice_pairs(task_);
  }

  std::size_t n_inputs() const override { return task_.n_pairs(); }
  std::size_t n_outputs() const override { return task_.n_pairs(); }

  Numbers value(const Numbers& x) override {
    x_ = centred_ = x;
    center_states(task_, centred_);
    rho_ = global_rms(task_, centred_);
    if (!(rho_ > 0.0)) rho_ = 1.0;
    Numbers out = x;
    for (double& y : out) y /= rho_;
    return out;
  }

  Numbers push(const Numbers& v) const override {
    return sum(v, 1.0 / rho_, x_, -along(v) / cube());
  }

  Numbers pull(const Numbers& g) const override {
    return sum(g, 1.0 / rho_, centred_, -dot(g, x_) / (n_ * cube()));
  }

  Numbers bend(const Numbers& g, const Numbers& v) const override {
    const double gx = dot(g, x_), gv = dot(g, v), s = along(v);
    Numbers moved = v;
    center_states(task_, moved);
    const double bent = (3.0 * gx * s / (rho_ * rho_) - gv) / (n_ * cube());
    Numbers out = sum(g, -s / cube(), centred_, bent);
    add_scaled(-gx / (n_ * cube()), moved, out);
    return out;
  }

  Numbers diagonal(const Numbers& d) const override {
    return sum(d, 1.0 / (rho_ * rho_), d, 0.0);
  }

 private:
  double cube() const { return rho_ * rho_ * rho_; }
  /// rho times its slope along v.
  double along(const Numbers& v) const { return dot(centred_, v) / n_; }

  static Numbers sum(const Numbers& a, double by_a, const Numbers& b, double by_b) {
    Numbers out(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) out[i] = by_a * a[i] + by_b * b[i];
    return out;
  }

  std::vector<int> state_start_, next_start_;
  Task task_;  // only which pairs belong to a state
  double n_;   // pairs of states with a choice
  Numbers x_, centred_;
  double rho_ = 1.0;
};

class LinearMap : public Map {
 public:
  explicit LinearMap(Eigen::MatrixXd features) : x_(std::move(features)) {}

  std::size_t n_inputs() const override { return x_.cols(); }
  std::size_t n_outputs() const override { return x_.rows(); }
  Numbers value(const Numbers& x) override { return push(x); }
  Numbers push(const Numbers& v) const override { return numbers(x_ * vector(v)); }
  Numbers pull(const Numbers& g) const override {
    return numbers(x_.transpose() * vector(g));
  }
  Numbers bend(const Numbers&, const Numbers&) const override {
    return Numbers(n_inputs(), 0.0);
  }
  Numbers diagonal(const Numbers& d) const override {
    return numbers(x_.cwiseAbs2().transpose() * vector(d));
  }

  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    Eigen::MatrixXd part(rows.size(), x_.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) part.row(i) = x_.row(rows[i]);
    return std::unique_ptr<Map>(new LinearMap(std::move(part)));
  }

 private:
  static Eigen::Map<const Eigen::VectorXd> vector(const Numbers& x) {
    return Eigen::Map<const Eigen::VectorXd>(x.data(), x.size());
  }
  static Numbers numbers(const Eigen::VectorXd& x) {
    return Numbers(x.data(), x.data() + x.size());
  }

  Eigen::MatrixXd x_;  // [n_pairs x n_features]
};

class BoundedMap : public Map {
 public:
  BoundedMap(std::size_t n, double bound) : bound_(bound), t_(n, 0.0) {}

  std::size_t n_inputs() const override { return t_.size(); }
  std::size_t n_outputs() const override { return t_.size(); }

  Numbers value(const Numbers& x) override {
    Numbers y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      t_[i] = std::tanh(x[i] / bound_);
      y[i] = bound_ * t_[i];
    }
    return y;
  }

  Numbers push(const Numbers& v) const override {
    Numbers out(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) out[i] = v[i] * (1.0 - t_[i] * t_[i]);
    return out;
  }

  Numbers pull(const Numbers& g) const override { return push(g); }

  Numbers bend(const Numbers& g, const Numbers& v) const override {
    Numbers out(v.size());
    for (std::size_t i = 0; i < v.size(); ++i)
      out[i] = -2.0 * g[i] * v[i] * t_[i] * (1.0 - t_[i] * t_[i]) / bound_;
    return out;
  }

  Numbers diagonal(const Numbers& d) const override { return push(push(d)); }

  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    return std::unique_ptr<Map>(new BoundedMap(rows.size(), bound_));
  }

 private:
  double bound_;
  Numbers t_;  // tanh(x / b)
};

/// Known numbers take the place of some of x (NaN: not known).
class AnchoredMap : public Map {
 public:
  explicit AnchoredMap(Numbers known) : known_(std::move(known)) {}

  std::size_t n_inputs() const override { return known_.size(); }
  std::size_t n_outputs() const override { return known_.size(); }

  Numbers value(const Numbers& x) override {
    Numbers y(x);
    for (std::size_t i = 0; i < y.size(); ++i)
      if (!std::isnan(known_[i])) y[i] = known_[i];
    return y;
  }

  Numbers push(const Numbers& v) const override {
    Numbers out(v);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (!std::isnan(known_[i])) out[i] = 0.0;
    return out;
  }

  Numbers pull(const Numbers& g) const override { return push(g); }
  Numbers bend(const Numbers&, const Numbers& v) const override {
    return Numbers(v.size(), 0.0);
  }
  Numbers diagonal(const Numbers& d) const override { return push(d); }

  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    Numbers known;
    for (int p : rows) known.push_back(known_[p]);
    return std::unique_ptr<Map>(new AnchoredMap(std::move(known)));
  }

 private:
  Numbers known_;  // [n_pairs] or NaN
};

/// Two maps of their own parameters side by side: theta = (first's, second's),
/// y = (first's, second's). Values, and rewards where they are learned.
class SideBySide : public Map {
 public:
  SideBySide(std::unique_ptr<Map> first, std::unique_ptr<Map> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  std::size_t n_inputs() const override { return first_->n_inputs() + second_->n_inputs(); }
  std::size_t n_outputs() const override {
    return first_->n_outputs() + second_->n_outputs();
  }
  Numbers value(const Numbers& x) override {
    return joined(first_->value(head(x, first_->n_inputs())),
                  second_->value(tail(x, first_->n_inputs())));
  }
  Numbers push(const Numbers& v) const override {
    return joined(first_->push(head(v, first_->n_inputs())),
                  second_->push(tail(v, first_->n_inputs())));
  }
  Numbers pull(const Numbers& g) const override {
    return joined(first_->pull(head(g, first_->n_outputs())),
                  second_->pull(tail(g, first_->n_outputs())));
  }
  Numbers bend(const Numbers& g, const Numbers& v) const override {
    return joined(
        first_->bend(head(g, first_->n_outputs()), head(v, first_->n_inputs())),
        second_->bend(tail(g, first_->n_outputs()), tail(v, first_->n_inputs())));
  }
  Numbers moved(const Numbers& g, const Numbers& dg, const Numbers& v) const override {
    const std::size_t n = first_->n_outputs(), m = first_->n_inputs();
    return joined(first_->moved(head(g, n), head(dg, n), head(v, m)),
                  second_->moved(tail(g, n), tail(dg, n), tail(v, m)));
  }
  Numbers diagonal(const Numbers& d) const override {
    return joined(first_->diagonal(head(d, first_->n_outputs())),
                  second_->diagonal(tail(d, first_->n_outputs())));
  }
  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    auto a = first_->restricted(rows), b = second_->restricted(rows);
    if (!a || !b) return nullptr;
    return std::unique_ptr<Map>(new SideBySide(std::move(a), std::move(b)));
  }

 private:
  static Numbers head(const Numbers& x, std::size_t n) {
    return Numbers(x.begin(), x.begin() + n);
  }
  static Numbers tail(const Numbers& x, std::size_t n) {
    return Numbers(x.begin() + n, x.end());
  }
  static Numbers joined(Numbers a, const Numbers& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  std::unique_ptr<Map> first_, second_;
};

}  // namespace psyrl
