// Traces that are simulated: their derivatives stay in the enclosures, and floors
// below all values.
#include <catch.h>

#include "core/base/rng.h"
#include "core/convex/simulated_price.h"
#include "core/convex/two_step.h"

using namespace psyrl;
using namespace psyrl::convex;

namespace {

TwoStepLog random_log(int trials, Stream& stream) {
  TwoStepLog log;
  for (int t = 0; t < trials; ++t) {
    if (t % 40 == 0) log.sequence_start.push_back(log.size());
    const double missing = std::nan("");
    for (int stage = 0; stage < 2; ++stage) {
      log.stage.push_back(stage);
      log.state.push_back(stage * (stream.uniform() < 0.5));
      log.choice.push_back(stream.uniform() < 0.5);
      log.outcome.push_back(stage == 0 || t % 17 == 5 ? missing
                                                      : 2.0 * stream.uniform() - 1.0);
    }
  }
  log.sequence_start.push_back(log.size());
  return log;
}

}  // namespace

TEST_CASE("slopes of planned values enclose their differences") {
  Stream stream(1, 2, 3);
  const PlannedRow row(random_log(80, stream), 0.7);
  Values low, high, left, right;
  for (const double lower : {0.0, 1e-3, 0.05, 0.3, 0.7, 0.9}) {
    for (const double width : {1e-4, 1e-2, 0.1}) {
      const Interval piece{lower, lower + width};
      row.slopes(piece, low, high);
      REQUIRE((low <= high).all());
      for (int k = 0; k < 4; ++k) {
        const double a = piece.lower + width * k / 4, b = a + width / 4;
        row.trace(a, left);
        row.trace(b, right);
        const Values slope = (right - left) / (b - a);
        REQUIRE((slope >= low - 1e-8).all());
        REQUIRE((slope <= high + 1e-8).all());
      }
    }
  }
}

TEST_CASE("the floor of a simulated price lies below it and close") {
  Stream stream(4, 5, 6);
  const TwoStepLog log = random_log(120, stream);
  const PlannedRow row(log, 0.7);
  for (int repeat = 0; repeat < 5; ++repeat) {
    Values residual(log.size(), 2);
    for (int i = 0; i < residual.size(); ++i)
      residual.data()[i] = 2.0 * stream.uniform() - 1.0;
    const SimulatedPrice price(row, residual);
    const std::vector<double> points{0.0, 0.01, 0.1, 0.3, 0.6, 1.0};
    Minimum found = price.minimum(points);
    const double floor = price.floor(points, 1e-4, found);
    double lowest = kInfinity;
    for (int k = 0; k <= 2000; ++k) lowest = std::min(lowest, price.value(k / 2000.0));
    REQUIRE(floor <= lowest);
    REQUIRE(floor >= lowest - 2e-2);
    REQUIRE(found.value <= lowest + 1e-3);
  }
}
