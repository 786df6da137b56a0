// Two-step tasks as a convex problem (Daw et al. 2011; Otto et al. 2013). With the full
// eligibility trace (lambda = 1) all values are linear in three sensitivities:
//
//   first stage    x(a) = b_free E[r | a] + b_based M(a) + pi 1[repeat a]
//   second stage   x(b) = b_second E[r | state, b]
//   M(a) = common max_b E[r | a, b] + (1 - common) max_b E[r | other, b]
//
// E[r | .] is the trace of outcomes on an option's own visits. The rates of the three
// are free, so the relaxation holds for hybrid models with one rate or two; the
// planned values M go through a maximum and are simulated.
//
// A trial is two items, one a stage; an item without a choice is left out.
#pragma once

#include "core/convex/simulated.h"

namespace psyrl {
namespace convex {

struct TwoStepLog {
  std::vector<int> sequence_start;  // offsets into the items
  std::vector<int> stage;           // [n_items] 0, 1
  std::vector<int> state;           // [n_items] second-stage state, 0 or 1
  std::vector<int> choice;          // [n_items] 0 or 1
  std::vector<double> outcome;      // [n_items] of second stages; NaN: not observed

  int size() const { return static_cast<int>(choice.size()); }
  bool learns(int t) const { return stage[t] == 1 && !std::isnan(outcome[t]); }
};

/// The model-based row.
class PlannedRow : public Simulated {
 public:
  PlannedRow(const TwoStepLog& log, double common) : log_(log), common_(common) {}

  void trace(double alpha, Values& f) const override {
    f = Values::Zero(log_.size(), 2);
    run<double>(
        [alpha](double& q, double r) { q += alpha * (r - q); },
        [](double a, double b) { return std::max(a, b); },
        [&](int t, int a, double likely, double rare) {
          f(t, a) = common_ * likely + (1.0 - common_) * rare;
        });
  }

  void slopes(const Interval& alpha, Values& low, Values& high) const override {
    low = high = Values::Zero(log_.size(), 2);
    run<Enclosure>(
        [&alpha](Enclosure& q, double r) { q.learn(alpha, r); }, Enclosure::best,
        [&](int t, int a, const Enclosure& likely, const Enclosure& rare) {
          low(t, a) = common_ * likely.falls + (1.0 - common_) * rare.falls;
          high(t, a) = common_ * likely.rises + (1.0 - common_) * rare.rises;
        });
  }

 private:
  /// A value and its derivative by the rate, for all rates of an interval.
  struct Enclosure {
    double low = 0.0, high = 0.0;
    double falls = 0.0, rises = 0.0;

    /// q + alpha (r - q) rises with q; its derivative is (1 - alpha) q' + r - q.
    void learn(const Interval& alpha, double r) {
      const double keep = 1.0 - alpha.upper, most = 1.0 - alpha.lower;
      falls = (falls >= 0.0 ? keep : most) * falls + r - high;
      rises = (rises >= 0.0 ? most : keep) * rises + r - low;
      low += std::min(alpha.lower * (r - low), alpha.upper * (r - low));
      high += std::max(alpha.lower * (r - high), alpha.upper * (r - high));
    }
    static Enclosure best(const Enclosure& a, const Enclosure& b) {
      if (a.low >= b.high) return a;
      if (b.low >= a.high) return b;
      return {std::max(a.low, b.low), std::max(a.high, b.high),
              std::min(a.falls, b.falls), std::max(a.rises, b.rises)};
    }
  };

  template <class Value, class Learn, class Best, class Write>
  void run(const Learn& learn, const Best& best, const Write& write) const {
    for (std::size_t s = 0; s + 1 < log_.sequence_start.size(); ++s) {
      Value q[2][2] = {};
      for (int t = log_.sequence_start[s]; t < log_.sequence_start[s + 1]; ++t) {
        if (log_.stage[t] == 0) {
          const Value top[2] = {best(q[0][0], q[0][1]), best(q[1][0], q[1][1])};
          for (int a = 0; a < 2; ++a) write(t, a, top[a], top[1 - a]);
        } else if (log_.learns(t)) {
          learn(q[log_.state[t]][log_.choice[t]], log_.outcome[t]);
        }
      }
    }
  }

  TwoStepLog log_;
  double common_;
};

/// The time line of one option: of a first-stage option (`stage` 0), or of a
/// second-stage option in both states, one after the other. Items of the other stage
/// stand at the beginning of a line, where nothing has happened.
inline Lane two_step_lane(const TwoStepLog& log, int stage, int option) {
  Lane lane;
  lane.at.resize(log.size());
  int first = 0;  // first-stage choice of the trial
  for (std::size_t s = 0; s + 1 < log.sequence_start.size(); ++s) {
    for (int state = 0; state <= stage; ++state) {
      const int from = static_cast<int>(lane.signal.size());
      lane.start.push_back(from);
      lane.signal.push_back(0.0);
      for (int t = log.sequence_start[s]; t < log.sequence_start[s + 1]; ++t) {
        if (log.stage[t] == 0) first = log.choice[t];
        const bool here = stage == 0 || log.state[t] == state;
        if (log.stage[t] != stage) lane.at[t] = from;
        else if (here) lane.at[t] = static_cast<int>(lane.signal.size()) - 1;
        if (!log.learns(t) || !here) continue;
        if ((stage == 0 ? first : log.choice[t]) != option) continue;
        if (log.outcome[t] != 0.0)
          lane.events.push_back(
              {static_cast<int>(lane.signal.size()) - 1, log.outcome[t]});
        lane.signal.back() = log.outcome[t];
        lane.signal.push_back(0.0);
      }
    }
  }
  lane.start.push_back(static_cast<int>(lane.signal.size()));
  return lane;
}

/// Rows: model-free, second stage, model-based.
inline Design two_step_design(const TwoStepLog& log, double common,
                              const std::vector<double>& weight) {
  Design design;
  design.n_trials = log.size();
  design.n_options = 2;
  design.choice = log.choice;
  design.weight = weight;
  for (int stage = 0; stage < 2; ++stage) {
    for (int option = 0; option < 2; ++option)
      design.lanes.push_back(two_step_lane(log, stage, option));
    design.rows.push_back({stage, -1, nullptr});
  }
  design.rows.push_back({2, -1, std::make_shared<PlannedRow>(log, common)});
  set_longest(design);
  return design;
}

}  // namespace convex
}  // namespace psyrl
