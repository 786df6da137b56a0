#include <catch.h>

#include <cmath>
#include <vector>

#include "core/base/dual.h"
#include "core/learning/choice_rule.h"

using namespace psyrl;

namespace {

// Something that uses every operation, of three numbers.
struct Everything {
  template <class T>
  T operator()(const T* x) const {
    using psyrl::exp;
    using psyrl::log;
    using std::exp;
    using std::log;
    T y = exp(x[0] * 0.3) * log(2.0 + x[1] * x[1]) - x[2] / (1.5 + x[0] * x[0]);
    y += logistic(x[1] - x[2]) * 2.0;
    y *= 1.0 - x[0] / 4.0;
    y -= -x[1] + 0.5;
    return y + 3.0 / (2.0 + x[2] * x[2]);
  }
};

struct Power {
  template <class T>
  T operator()(const T* x) const {
    using psyrl::pow;
    using std::pow;
    return pow(0.7, x[0] + x[1] * x[2]);
  }
};

// Three logits, two or all of them on offer, with and without lapses.
struct Choice {
  int n;
  bool lapse;
  template <class T>
  T operator()(const T* x) const {
    std::vector<double> scratch(3);
    const T logits[3] = {x[0] * x[1], x[1] + x[2], x[2] * 0.5};
    const T log_p = learning::log_choice(logits, n, 1, scratch.data());
    return lapse ? learning::with_lapse(log_p, logistic(x[2]), n) : log_p;
  }
};

template <class F>
double shifted(const F& f, std::vector<double> x, int i, double a, int j, double b) {
  x[i] += a;
  x[j] += b;
  return f(x.data());
}

template <class F>
void check_derivatives(const F& f) {
  const std::vector<double> x = {0.4, -0.9, 1.3};
  Dual<3, 2> at[3];
  Dual<3, 1> first[3];
  for (int i = 0; i < 3; ++i) {
    at[i] = Dual<3, 2>(x[i]);
    first[i] = Dual<3, 1>(x[i]);
    at[i].g[i] = first[i].g[i] = 1.0;
  }
  const Dual<3, 2> y = f(at);
  const Dual<3, 1> y1 = f(first);
  CHECK(y.v == Approx(f(x.data())).epsilon(1e-14));
  CHECK(y1.v == Approx(y.v).epsilon(1e-14));
  const double h = 1e-4;
  int packed = 0;
  for (int i = 0; i < 3; ++i) {
    const double slope =
        (shifted(f, x, i, h, i, 0) - shifted(f, x, i, -h, i, 0)) / (2 * h);
    CHECK(y.g[i] == Approx(slope).epsilon(1e-6));
    CHECK(y1.g[i] == Approx(y.g[i]).epsilon(1e-14));
    for (int j = 0; j <= i; ++j, ++packed) {
      const double bend = (shifted(f, x, i, h, j, h) - shifted(f, x, i, h, j, -h) -
                           shifted(f, x, i, -h, j, h) + shifted(f, x, i, -h, j, -h)) /
                          (4 * h * h);
      CHECK(y.h[packed] == Approx(bend).epsilon(1e-5).scale(1.0));
    }
  }
}

}  // namespace

TEST_CASE("dual numbers differentiate whatever is written in them") {
  check_derivatives(Everything());
  check_derivatives(Power());
}

TEST_CASE("log-probabilities of choices have exact derivatives") {
  for (int n : {2, 3})
    for (bool lapse : {false, true}) check_derivatives(Choice{n, lapse});
}

TEST_CASE("log-probabilities of choices survive extreme logits") {
  std::vector<double> scratch(3);
  for (double far : {1e3, 1e300}) {
    const double two[2] = {-far, far};
    CHECK(learning::log_choice(two, 2, 1, scratch.data()) == 0.0);
    CHECK(learning::log_choice(two, 2, 0, scratch.data()) == -2 * far);
  }
  const double three[3] = {-1e3, 1e3, 1e3};
  CHECK(learning::log_choice(three, 3, 1, scratch.data()) == Approx(-std::log(2.0)));
  const double certain[1] = {7.0};
  CHECK(learning::log_choice(certain, 1, 0, scratch.data()) == 0.0);
}

TEST_CASE("a power of a base that is zero has no slope") {
  Dual<1, 2> x(2.0);
  x.g[0] = 1.0;
  const Dual<1, 2> y = pow(0.0, x);
  CHECK(y.v == 0.0);
  CHECK(y.g[0] == 0.0);
  CHECK(y.h[0] == 0.0);
}
