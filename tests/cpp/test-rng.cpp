#include <catch.h>

#include <cmath>
#include <vector>

#include "core/base/rng.h"

using psyrl::Stream;

namespace {

constexpr int kDraws = 200000;

// Correlation of what two streams draw, in standard errors.
double z_of_correlation(Stream a, Stream b) {
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) sum += (a.uniform() - 0.5) * (b.uniform() - 0.5);
  return sum / kDraws * 12 * std::sqrt(kDraws);
}

}  // namespace

TEST_CASE("a stream is its name") {
  Stream a(1, 2, 3), b(1, 2, 3);
  for (int i = 0; i < 100; ++i) CHECK(a.bits() == b.bits());
  for (Stream other : {Stream(2, 2, 3), Stream(1, 3, 3), Stream(1, 2, 4), Stream(3, 2, 1),
                       Stream(2, 1, 3)}) {
    Stream again(1, 2, 3);
    CHECK(again.bits() != other.bits());
  }
}

TEST_CASE("uniform numbers fill the open unit interval evenly") {
  const int n_cells = 100;
  for (std::uint64_t seed : {0ULL, 1ULL, 9007199254740991ULL}) {
    Stream stream(seed, 0, 0);
    std::vector<double> count(n_cells);
    double smallest = 1, largest = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double u = stream.uniform();
      smallest = std::min(smallest, u);
      largest = std::max(largest, u);
      count[static_cast<int>(u * n_cells)] += 1;
    }
    CHECK(smallest > 0);
    CHECK(largest < 1);
    const double expected = static_cast<double>(kDraws) / n_cells;
    double chi_square = 0;
    for (double c : count) chi_square += (c - expected) * (c - expected) / expected;
    // 99 degrees of freedom: mean 99, SD 14.
    CHECK(std::fabs(chi_square - 99) < 4 * 14);
  }
}

TEST_CASE(
    "streams of neighbouring names, and a stream and itself later, are uncorrelated") {
  const Stream reference(7, 1, 100);
  CHECK(std::fabs(z_of_correlation(reference, Stream(7, 1, 101))) < 4);
  CHECK(std::fabs(z_of_correlation(reference, Stream(7, 2, 100))) < 4);
  CHECK(std::fabs(z_of_correlation(reference, Stream(8, 1, 100))) < 4);
  Stream later = reference;
  later.bits();
  CHECK(std::fabs(z_of_correlation(reference, later)) < 4);
}

TEST_CASE("first draws over indices are as uniform as draws of one stream") {
  double sum = 0, sum_squares = 0, lagged = 0, previous = 0;
  for (int index = 0; index < kDraws; ++index) {
    const double u = Stream(11, 5, index).uniform() - 0.5;
    sum += u;
    sum_squares += u * u;
    lagged += u * previous;
    previous = u;
  }
  const double root = std::sqrt(static_cast<double>(kDraws));
  CHECK(std::fabs(sum / root * std::sqrt(12.0)) < 4);
  CHECK(std::fabs(sum_squares / kDraws - 1.0 / 12) < 4 / (root * std::sqrt(180.0)));
  CHECK(std::fabs(lagged / root * 12) < 4);
}

TEST_CASE("normal numbers have the moments and tails of the normal distribution") {
  Stream stream(3, 0, 0);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, beyond_2 = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal();
    m1 += x;
    m2 += x * x;
    m3 += x * x * x;
    m4 += x * x * x * x;
    beyond_2 += std::fabs(x) > 2;
  }
  const double root = std::sqrt(static_cast<double>(kDraws));
  CHECK(std::fabs(m1 / root) < 4);
  CHECK(std::fabs(m2 / kDraws - 1) < 4 * std::sqrt(2.0) / root);
  CHECK(std::fabs(m3 / kDraws) < 4 * std::sqrt(15.0) / root);
  CHECK(std::fabs(m4 / kDraws - 3) < 4 * std::sqrt(96.0) / root);
  CHECK(std::fabs(beyond_2 / kDraws - 0.0455) < 4 * std::sqrt(0.0455) / root);
}

TEST_CASE("categorical draws follow their probabilities") {
  const std::vector<double> p = {0.5, 0.0, 0.2, 0.3};
  Stream stream(5, 0, 0);
  std::vector<double> count(4);
  for (int i = 0; i < kDraws; ++i) count[stream.categorical(p.data(), 4)] += 1;
  CHECK(count[1] == 0);
  for (int k : {0, 2, 3}) {
    const double sd = std::sqrt(p[k] * (1 - p[k]) / kDraws);
    CHECK(std::fabs(count[k] / kDraws - p[k]) < 4 * sd);
  }
  const double certain = 1.0;
  CHECK(stream.categorical(&certain, 1) == 0);
}
