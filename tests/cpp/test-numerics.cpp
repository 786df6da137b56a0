#include <catch.h>

#include <cmath>
#include <vector>

#include "core/base/numerics.h"

using psyrl::kInfinity;
using psyrl::log_sum_exp;
using psyrl::softmax;

namespace {

double lse(const std::vector<double>& x) {
  return log_sum_exp(x.data(), static_cast<int>(x.size()));
}

}  // namespace

TEST_CASE("log_sum_exp agrees with the plain formula where that is safe") {
  CHECK(lse({0.1, -0.7, 1.3}) ==
        Approx(std::log(std::exp(0.1) + std::exp(-0.7) + std::exp(1.3))).epsilon(1e-15));
  CHECK(lse({2.5}) == 2.5);
}

TEST_CASE("log_sum_exp neither overflows nor underflows") {
  CHECK(lse({1000, 1000}) == Approx(1000 + std::log(2.0)).epsilon(1e-15));
  CHECK(lse({-1000, -1000}) == Approx(-1000 + std::log(2.0)).epsilon(1e-15));
  CHECK(lse({-1000, 1000}) == 1000);
  CHECK(lse({1e308, -1e308}) == 1e308);
}

TEST_CASE("log_sum_exp of nothing is log of zero") {
  CHECK(lse({}) == -kInfinity);
  CHECK(lse({-kInfinity}) == -kInfinity);
  CHECK(lse({-kInfinity, -kInfinity}) == -kInfinity);
  CHECK(lse({-kInfinity, 0}) == 0);
  CHECK(lse({kInfinity, 0}) == kInfinity);
}

TEST_CASE("softmax gives probabilities and their normaliser") {
  const std::vector<double> x = {0.3, -1.2, 2.0, 0.0};
  for (double scale : {0.0, 1e-3, 1.0, 7.0, 1e5}) {
    std::vector<double> p(4), scaled(4);
    const double normaliser = softmax(x.data(), 4, scale, p.data());
    for (int i = 0; i < 4; ++i) scaled[i] = scale * x[i];
    CHECK(normaliser == Approx(lse(scaled)).epsilon(1e-14));
    double total = 0;
    for (int i = 0; i < 4; ++i) {
      CHECK(p[i] == Approx(std::exp(scaled[i] - normaliser)).epsilon(1e-10));
      total += p[i];
    }
    CHECK(total == Approx(1).epsilon(1e-15));
  }
}

TEST_CASE("softmax does not move with a constant") {
  const std::vector<double> x = {0.3, -1.2, 2.0}, shifted = {1024.3, 1022.8, 1026.0};
  std::vector<double> p(3), q(3);
  softmax(x.data(), 3, 2.0, p.data());
  softmax(shifted.data(), 3, 2.0, q.data());
  for (int i = 0; i < 3; ++i) CHECK(p[i] == Approx(q[i]).epsilon(1e-12));
}

TEST_CASE("softmax at infinite scale shares the mass among ties at the top") {
  const std::vector<double> x = {1, 3, 3, -1};
  std::vector<double> p(4);
  softmax(x.data(), 4, kInfinity, p.data());
  CHECK(p == (std::vector<double>{0, 0.5, 0.5, 0}));
}

TEST_CASE("softmax of an empty row writes nothing") {
  CHECK(softmax(nullptr, 0, 1.0, nullptr) == -kInfinity);
}
