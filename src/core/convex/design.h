// What a bandit log looks like to the convex fits: which option was scored on
// every trial, and what every option's time line had received before it.
//
//   x_j(t) = sum_i sum_l g_ij(l) u_ij(t - 1 - l),      P(a(t) = j) ~ exp x_j(t)
//
// u_ij(t) is what channel i (outcome, choice) delivered to option j on trial t,
// g_ij the lag kernel of a row: of one option, or shared by all of them. The model
// is a forgetting bandit when g(l) = alpha beta (1 - alpha)^l (Zhu, Hoffmann, Zhang
// & Boedecker 2026, arXiv 2511.04454, eq. 2.1-2.6). Values before the first trial
// of a sequence are zero.
//
// A `Lane` is an option's time line. On the trial clock all options move on with
// every trial (all forget); on the visit clock an option moves on only when it is
// chosen, which is the ordinary Rescorla-Wagner rule. Where nothing was observed
// (NaN) a channel stands still.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/base/require.h"
#include "core/base/view.h"

namespace psyrl {
namespace convex {

enum class Clock { trial, visit, chain };  // chain: see two_step.h

/// One problem, borrowed from the caller: trials in order, sequences one after
/// another. Sequences start from zero values and share the kernels.
struct Trials {
  int n_options = 0;
  int n_channels = 1;
  View<int> sequence_start;  // [n_sequences + 1] offsets into the trials
  View<int> choice;          // [n_trials] scored choice, -1: no likelihood
  View<int> acted;           // [n_trials] option that received `signal`, -1: none
  View<double> signal;       // [n_trials x n_channels], NaN: nothing observed
  View<double> weight;       // [n_trials] weight of the likelihood, or empty: 1
  View<int> available;       // [n_trials x n_options] non-zero: legal; or empty
};

struct Event {
  int at;       // position on the lane
  double size;  // what was delivered
};

/// What one channel brought to one option.
struct Lane {
  std::vector<int> start;      // [n_sequences + 1] offsets into positions
  std::vector<int> at;         // [n_trials] position whose past is a trial's past
  std::vector<double> signal;  // [n_positions]
  std::vector<Event> events;   // non-zero signals

  int size() const { return start.back(); }
};

class Simulated;

/// A kernel to be estimated: one channel of one option, or of all (`option` -1). Its
/// traces are lags of its lanes, or simulated for every rate.
struct Row {
  int channel;
  int option;
  std::shared_ptr<const Simulated> simulated;
};

struct Design {
  int n_trials = 0;
  int n_options = 0;
  bool shared = true;
  std::vector<int> choice;      // [n_trials], -1: not scored
  std::vector<double> weight;   // [n_trials], 0 where not scored
  std::vector<char> forbidden;  // [n_options x n_trials] option-major, or empty
  std::vector<Lane> lanes;      // [n_channels x n_options] options adjacent
  std::vector<Row> rows;        // channel-major
  int longest = 0;              // longest past of a scored trial, in positions

  const Lane& lane(int row, int option) const {
    return lanes[rows[row].channel * n_options + option];
  }
  int n_rows() const { return static_cast<int>(rows.size()); }
  int first_option(int row) const { return shared ? 0 : rows[row].option; }
  int last_option(int row) const {
    return shared ? n_options : rows[row].option + 1;
  }
};

/// Does the lane of `option` move on with trial t? Not where nothing was observed.
inline bool moves_on(const Trials& trials, int t, int channel, int option,
                     Clock clock) {
  if (std::isnan(trials.signal[t * trials.n_channels + channel])) return false;
  return clock == Clock::trial || trials.acted[t] == option;
}

inline Lane make_lane(const Trials& trials, int channel, int option, Clock clock) {
  Lane lane;
  lane.at.reserve(trials.choice.size());
  const auto position = [&] { return static_cast<int>(lane.signal.size()); };
  for (std::size_t s = 0; s + 1 < trials.sequence_start.size(); ++s) {
    lane.start.push_back(position());
    for (int t = trials.sequence_start[s]; t < trials.sequence_start[s + 1]; ++t) {
      lane.at.push_back(position());
      if (!moves_on(trials, t, channel, option, clock)) continue;
      const double u = trials.acted[t] == option
                           ? trials.signal[t * trials.n_channels + channel]
                           : 0.0;
      if (u != 0.0) lane.events.push_back({position(), u});
      lane.signal.push_back(u);
    }
    // Trials after the last event need a position too.
    if (!lane.at.empty() && lane.at.back() == position()) lane.signal.push_back(0.0);
  }
  lane.start.push_back(position());
  return lane;
}

inline std::vector<Row> make_rows(const Trials& trials, bool shared) {
  std::vector<Row> rows;
  for (int i = 0; i < trials.n_channels; ++i) {
    if (shared) rows.push_back({i, -1, nullptr});
    else for (int j = 0; j < trials.n_options; ++j) rows.push_back({i, j, nullptr});
  }
  return rows;
}

inline void set_longest(Design& design) {
  for (const Lane& lane : design.lanes)
    for (std::size_t s = 0; s + 1 < lane.start.size(); ++s)
      design.longest =
          std::max(design.longest, lane.start[s + 1] - lane.start[s] - 1);
}

inline Design make_design(const Trials& trials, bool shared,
                          Clock clock = Clock::trial) {
  require(trials.n_options >= 2, "a choice needs two options");
  Design design;
  const int n = design.n_trials = static_cast<int>(trials.choice.size());
  design.n_options = trials.n_options;
  design.shared = shared;
  design.choice.assign(trials.choice.begin(), trials.choice.end());
  design.weight.assign(n, 1.0);
  for (int t = 0; t < n; ++t) {
    if (!trials.weight.empty()) design.weight[t] = trials.weight[t];
    if (design.choice[t] < 0) design.weight[t] = 0.0;
  }
  if (!trials.available.empty()) {
    design.forbidden.resize(static_cast<std::size_t>(n) * trials.n_options);
    for (int t = 0; t < n; ++t)
      for (int j = 0; j < trials.n_options; ++j)
        design.forbidden[static_cast<std::size_t>(j) * n + t] =
            trials.available[static_cast<std::size_t>(t) * trials.n_options + j] == 0;
  }
  for (int i = 0; i < trials.n_channels; ++i)
    for (int j = 0; j < trials.n_options; ++j)
      design.lanes.push_back(make_lane(trials, i, j, clock));
  design.rows = make_rows(trials, shared);
  set_longest(design);
  return design;
}

}  // namespace convex
}  // namespace psyrl
