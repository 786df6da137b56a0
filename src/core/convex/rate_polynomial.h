// The gradient of the loss with respect to the mass of a learning rate, as a
// function of the rate:
//
//   h(alpha) = alpha sum_l c(l) (1 - alpha)^l
//
// h >= 0 on an interval says that no rate in it can lower the loss. A search for
// the minimum finds a candidate; `floor()` bounds it from below for certain: with
// eta = 1 - alpha the sum is a difference P+ - P- of polynomials with non-negative
// coefficients, both convex, so on an interval a tangent of P+ minus the chord of
// P- lies below it. Intervals are halved until they are all above the candidate
// minus a slack; a minimum that the search has missed is met on the way. Rounding
// is allowed for.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/numerics.h"
#include "core/convex/likelihood.h"

namespace psyrl {
namespace convex {

struct Minimum {
  double at;
  double value;
};

/// A number that no h(alpha) between the first and last of `points` lies below,
/// within `slack` of the minimum while the budget of pieces lasts. `candidate` is
/// replaced by lower values met on the way.
template <class Value, class PieceFloor>
double certified_floor(const std::vector<double>& points, double slack, int budget,
                       const Value& value, const PieceFloor& piece_floor,
                       Minimum& candidate) {
  double lowest = kInfinity;
  std::vector<Interval> open;
  for (std::size_t k = points.size(); k-- > 1;)
    open.push_back({points[k - 1], points[k]});
  while (!open.empty()) {
    const Interval piece = open.back();
    open.pop_back();
    const double bound = piece_floor(piece);
    if (bound >= candidate.value - slack || piece.width() <= 1e-13 ||
        --budget < 0) {
      lowest = std::min(lowest, bound);
      continue;
    }
    const double middle = 0.5 * (piece.lower + piece.upper);
    const double h = value(middle);
    if (h < candidate.value) candidate = {middle, h};
    open.push_back({middle, piece.upper});
    open.push_back({piece.lower, middle});
  }
  return std::min(lowest, candidate.value);
}

class RatePolynomial {
 public:
  explicit RatePolynomial(const std::vector<double>& c)
      : c_(c), plus_(c), minus_(c.size()) {
    for (std::size_t l = 0; l < c.size(); ++l) {
      minus_[l] = std::max(-c[l], 0.0);
      plus_[l] = std::max(c[l], 0.0);
      total_ += std::fabs(c[l]);
    }
  }

  double value(double alpha) const {
    const double eta = 1.0 - alpha;
    double p = 0.0;
    for (int l = terms(eta) - 1; l >= 0; --l) p = p * eta + c_[l];
    return alpha * p;
  }

  /// h and its first and second derivatives.
  double derivatives(double alpha, double* first, double* second) const {
    const double eta = 1.0 - alpha;
    double p = 0.0, d = 0.0, d2 = 0.0;
    for (int l = terms(eta) - 1; l >= 0; --l) {
      d2 = d2 * eta + 2.0 * d;
      d = d * eta + p;
      p = p * eta + c_[l];
    }
    *first = p - alpha * d;
    *second = -2.0 * d + alpha * d2;
    return alpha * p;
  }

  /// h at ascending points, all at once.
  std::vector<double> values(const std::vector<double>& points) const {
    const int n = static_cast<int>(points.size());
    std::vector<double> p(n, 0.0), eta(n);
    std::vector<int> needed(n);
    for (int k = 0; k < n; ++k) {
      eta[k] = 1.0 - points[k];
      needed[k] = terms(eta[k]);
    }
    int active = 0;  // slow rates need more lags
    for (int l = static_cast<int>(c_.size()) - 1; l >= 0; --l) {
      while (active < n && needed[active] > l) ++active;
      for (int k = 0; k < active; ++k) p[k] = p[k] * eta[k] + c_[l];
    }
    for (int k = 0; k < n; ++k) p[k] *= points[k];
    return p;
  }

  /// The lowest of the minima found between some ascending points.
  Minimum minimum(const std::vector<double>& points) const {
    if (total_ == 0.0) return {points[0], 0.0};  // nothing was delivered
    const std::size_t n = points.size();
    const std::vector<double> h = values(points);
    const std::size_t lowest = std::min_element(h.begin(), h.end()) - h.begin();
    Minimum best{points[lowest], h[lowest]};
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t before = k > 0 ? k - 1 : 0, after = std::min(k + 1, n - 1);
      if (h[k] > h[before] || h[k] > h[after]) continue;
      // A parabola through the three points falls by less than half its bend.
      const double bend = h[before] + h[after] - 2.0 * h[k];
      const bool inside = before < k && k < after;
      if (inside && h[k] - 0.5 * bend > best.value) continue;
      const Minimum found = valley(points[k], {points[before], points[after]});
      if (found.value < best.value) best = found;
    }
    return best;
  }

  /// See `certified_floor()`.
  double floor(const std::vector<double>& points, double slack,
               Minimum& candidate) const {
    slack = std::max(slack, 2e-13 * (1.0 + total_));  // no finer than rounding
    if (total_ == 0.0) return 0.0;
    return certified_floor(
        points, slack, 20000, [this](double alpha) { return value(alpha); },
        [this](const Interval& piece) { return piece_floor(piece); }, candidate);
  }

 private:
  /// Local minimum inside an interval: safeguarded Newton on the slope.
  Minimum valley(double alpha, Interval around) const {
    for (int i = 0; i < 30 && around.width() > 1e-13; ++i) {
      double first, second;
      const double h = derivatives(alpha, &first, &second);
      (first > 0.0 ? around.upper : around.lower) = alpha;
      double next = second > 0.0 ? alpha - first / second : -1.0;
      if (!(next > around.lower && next < around.upper))
        next = 0.5 * (around.lower + around.upper);
      const bool close =
          second > 0.0 &&
          first * first < second * std::max(1e-12, 1e-3 * std::fabs(h));
      alpha = next;
      if (close) break;
    }
    return {alpha, value(alpha)};
  }

  /// Lags that still count at a decay of eta.
  int terms(double eta) const {
    const int n = static_cast<int>(c_.size());
    if (eta <= 0.0) return std::min(n, 1);
    if (eta >= 1.0) return n;
    return static_cast<int>(std::min<double>(n, 2.0 - 42.0 / std::log(eta)));
  }

  static double horner(const std::vector<double>& c, double eta, int n) {
    double p = 0.0;
    for (int l = n - 1; l >= 0; --l) p = p * eta + c[l];
    return p;
  }

  /// Lower bound of h on a piece: (1 - eta) (tangent of P+ - chord of P-).
  double piece_floor(const Interval& piece) const {
    const double e0 = 1.0 - piece.upper, e1 = 1.0 - piece.lower;
    const int n = terms(e1);
    const double middle = 0.5 * (e0 + e1);
    double p = 0.0, d = 0.0;
    for (int l = n - 1; l >= 0; --l) {
      d = d * middle + p;
      p = p * middle + plus_[l];
    }
    const double m0 = horner(minus_, e0, n), m1 = horner(minus_, e1, n);
    const double half = 0.5 * (e1 - e0);
    const double rounding =
        4.5e-16 * (n + 8) * (p + m1 + d * half) + 1e-18 * total_;
    const double l0 = p - d * half - m0 - rounding;
    const double l1 = p + d * half - m1 - rounding;
    return product_minimum(e0, e1, l0, l1);
  }

  /// Minimum of (1 - eta) L(eta), L linear from l0 at e0 to l1 at e1.
  static double product_minimum(double e0, double e1, double l0, double l1) {
    double lowest = std::min((1.0 - e0) * l0, (1.0 - e1) * l1);
    const double s = e1 > e0 ? (l1 - l0) / (e1 - e0) : 0.0;
    if (s < 0.0) {
      const double vertex = (s + s * e0 - l0) / (2.0 * s);
      if (vertex > e0 && vertex < e1)
        lowest = std::min(lowest, (1.0 - vertex) * (l0 + s * (vertex - e0)));
    }
    return lowest;
  }

  std::vector<double> c_, plus_, minus_;
  double total_ = 0.0;
};

}  // namespace convex
}  // namespace psyrl
