// The gradient of the loss with respect to the mass of a simulated trace, as a function
// of its rate: h(alpha) = sum_t residual(t) . f_alpha(t), with the interface of
// `RatePolynomial`. Between two rates h lies above two lines, from either end, with
// slopes that enclose its derivative.
#pragma once

#include "core/convex/rate_polynomial.h"

namespace psyrl {
namespace convex {

class SimulatedPrice {
 public:
  SimulatedPrice(const Simulated& row, const Values& residual)
      : row_(row), residual_(residual), up_(residual.max(0.0)),
        down_(residual.min(0.0)) {}

  double value(double alpha) const {
    row_.trace(alpha, low_);
    return (residual_ * low_).sum();
  }

  /// The lowest of ascending points, improved between its neighbours.
  Minimum minimum(const std::vector<double>& points) const {
    std::vector<double> h;
    for (const double alpha : points) h.push_back(value(alpha));
    const std::size_t k = std::min_element(h.begin(), h.end()) - h.begin();
    Minimum best{points[k], h[k]};
    double a = points[k > 0 ? k - 1 : 0];
    double b = points[std::min(k + 1, points.size() - 1)];
    while (b - a > 1e-10) {
      const double x = a + 0.382 * (b - a), y = b - 0.382 * (b - a);
      const double hx = value(x), hy = value(y);
      if (hx < best.value) best = {x, hx};
      if (hy < best.value) best = {y, hy};
      (hx < hy ? b : a) = hx < hy ? y : x;
    }
    return best;
  }

  /// See `certified_floor()`.
  double floor(const std::vector<double>& points, double slack,
               Minimum& candidate) const {
    return certified_floor(
        points, slack, 20000, [this](double alpha) { return value(alpha); },
        [this](const Interval& piece) { return piece_floor(piece); }, candidate);
  }

 private:
  double piece_floor(const Interval& piece) const {
    const double left = value(piece.lower), right = value(piece.upper);
    row_.slopes(piece, low_, high_);
    const double rounding =
        1e-13 * ((up_ - down_) * low_.abs().max(high_.abs())).sum();
    const double falls = std::min((up_ * low_ + down_ * high_).sum() - rounding, 0.0);
    const double rises = std::max((up_ * high_ + down_ * low_).sum() + rounding, 0.0);
    const double width = piece.width();
    if (rises - falls <= 0.0) return std::min(left, right) - rounding;
    // Where the lines meet; an end where they do not meet inside.
    const double meet = (left - right + rises * width) / (rises - falls);
    return left + falls * std::min(std::max(meet, 0.0), width) - rounding;
  }

  const Simulated& row_;
  const Values& residual_;
  Values up_, down_;
  mutable Values low_, high_;  // scratch
};

}  // namespace convex
}  // namespace psyrl
