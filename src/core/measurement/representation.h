// Representations of values or rewards: maps from few parameters theta to a number
// for every legal pair.
//
//   table     y_p = theta[class(p)]        pairs of a class share a parameter
//   linear    y = X theta                  features of pairs
//   bounded   y = b tanh(x / b)            |y| < b
//   anchored  y_p = known where known
//   network   see network.h
#pragma once

#include <Eigen/Dense>
#include <cmath>

#include "core/base/map.h"
#include "core/base/require.h"

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
