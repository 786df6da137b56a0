// The published M-step: Adam on mini-batches of decisions and residual rows, with
// target values that follow behind. An unbiased estimate of the gradient of the
// penalised objective (penalised.h), divided by the number of decisions, needs only
// the states that a batch touches: theirs are the rows of the representation that
// are computed.
//
// Target values V' in  delta = Q - r - gamma E V'  do not move with the step:
//
//   hard       copied from the current values every k steps
//   averaged   theta' <- theta' + share (theta - theta') after every step
//   none       the current values, differentiated through
//
// Frozen targets have no objective, so that rounds are judged on the full one by
// the caller. With `global_rms` the common root mean square is that of the start.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "core/base/adam.h"
#include "core/base/map.h"
#include "core/base/require.h"
#include "core/base/rng.h"
#include "core/measurement/behaviour.h"
#include "core/measurement/identify.h"
#include "core/measurement/penalty.h"

namespace psyrl {

struct MiniBatchSettings {
  int steps = 200, batch_size = 256;
  double learning_rate = 1e-3;
  double target_update = 1.0;  // >= 1: hard, every so many steps; < 1: share; 0: none
  double seed = 0.0;
  double first_step = 0.0;     // steps made in earlier rounds: their draws are past
};

/// Draws indices in proportion to their weights.
class WeightedDraw {
 public:
  explicit WeightedDraw(View<double> weight) {
    double total = 0.0;
    for (double w : weight) cumulated_.push_back(total += w);
  }
  double total() const { return cumulated_.empty() ? 0.0 : cumulated_.back(); }
  int operator()(Stream& stream) const {
    const double u = stream.uniform() * total();
    const auto at = std::upper_bound(cumulated_.begin(), cumulated_.end(), u);
    return static_cast<int>(std::min<std::ptrdiff_t>(at - cumulated_.begin(),
                                                     cumulated_.size() - 1));
  }

 private:
  std::vector<double> cumulated_;
};

/// The states a batch touches, as a task of their own (without what follows).
class TouchedStates {
 public:
  explicit TouchedStates(const Task& task) : task_(task), local_(task.n_states(), -1) {}

  void clear() {
    for (int s : states_) local_[s] = -1;
    states_.clear();
    pairs.clear();
    state_start_.assign(1, 0);
  }

  void add(int s) {
    if (local_[s] >= 0) return;
    local_[s] = static_cast<int>(states_.size());
    states_.push_back(s);
    for (int p = task_.first_pair(s); p < task_.state_start[s + 1]; ++p) pairs.push_back(p);
    state_start_.push_back(static_cast<int>(pairs.size()));
  }

  /// Valid until the next state is added.
  Task task() {
    next_start_.assign(pairs.size() + 1, 0);
    Task part;
    part.state_start = View<int>(state_start_);
    part.next_start = View<int>(next_start_);
    part.discount = task_.discount;
    return part;
  }

  int state(int s) const { return local_[s]; }
  int pair(int s, int p) const { return state_start_[local_[s]] + p - task_.first_pair(s); }

  std::vector<int> pairs;  // of the touched states, state by state

 private:
  const Task& task_;
  std::vector<int> local_;   // [n_states] or -1
  std::vector<int> states_;
  std::vector<int> state_start_{0}, next_start_;
};

class MiniBatches {
 public:
  MiniBatches(const Task& task, const Groups& groups, const Penalty& penalty, Identify rule)
      : task_(task), groups_(groups), penalty_(penalty), rule_(rule),
        state_(state_of_pair(task)), decisions_(groups.counts.count),
        residuals_(penalty.residual.weight), touched_(task) {
    for (int i = 0; i < groups.counts.n_persons(); ++i)
      group_.insert(group_.end(),
                    groups.counts.person_start[i + 1] - groups.counts.person_start[i], i);
  }

  /// Moves `theta` (and the target behind it) by `settings.steps` steps.
  void run(Map& map, const MiniBatchSettings& settings, Numbers& theta, Numbers& target,
           AdamState& adam, const Monitor& monitor) {
    set_scale(map.value(theta));
    for (int i = 0; i < settings.steps && !monitor.interrupted(); ++i) {
      const double step = settings.first_step + i;
      const double update = settings.target_update;
      if (update >= 1.0 && std::fmod(step, update) < 1.0) target = theta;
      Stream stream(static_cast<std::uint64_t>(settings.seed), 7,
                    static_cast<std::uint64_t>(step));
      draw(settings.batch_size, stream);
      adam_step(gradient(map, theta, update > 0.0 ? &target : nullptr),
                settings.learning_rate, adam, theta);
      if (update > 0.0 && update < 1.0)
        for (std::size_t k = 0; k < theta.size(); ++k)
          target[k] += update * (theta[k] - target[k]);
    }
  }

 private:
  bool ridged() const { return penalty_.l2 > 0.0 || penalty_.reward_l2 > 0.0; }

  void set_scale(const Numbers& x) {
    scale_ = 1.0;
    if (rule_ != Identify::global_rms) return;
    Numbers q(x.begin(), x.begin() + task_.n_pairs());
    center_states(task_, q);
    const double rms = global_rms(task_, q);
    if (rms > 0.0) scale_ = 1.0 / rms;
  }

  void draw(int n, Stream& stream) {
    touched_.clear();
    rows_.clear();
    residual_rows_.clear();
    ridge_pairs_.clear();
    const ResidualRows& residual = penalty_.residual;
    for (int i = 0; i < n; ++i) {
      rows_.push_back(decisions_(stream));
      touched_.add(state_[groups_.counts.pair[rows_.back()]]);
      if (ridged()) {
        ridge_pairs_.push_back(static_cast<int>(stream.uniform() * task_.n_pairs()));
        touched_.add(state_[ridge_pairs_.back()]);
      }
      if (penalty_.lambda == 0.0 || residuals_.total() == 0.0) continue;
      const int row = residuals_(stream);
      residual_rows_.push_back(row);
      touched_.add(state_[residual.pair[row]]);
      for (int k = residual.next_start[row]; k < residual.next_start[row + 1]; ++k)
        touched_.add(residual.next_state[k]);
    }
  }

  Numbers gradient(const Map& whole, const Numbers& theta, const Numbers* target) {
    const std::unique_ptr<Map> map = whole.restricted(touched_.pairs);
    require(map != nullptr, "the representation works row by row");
    const Task part = touched_.task();
    // A target that has just been copied needs no values of its own.
    const bool behind = target && *target != theta;
    Numbers frozen;
    if (behind) frozen = back_up_all(part, penalty_, values(map->value(*target))).v;
    const Numbers x = map->value(theta);
    const Numbers q = values(x);
    Numbers g(x.size(), 0.0);
    add_behaviour(part, q, g);
    const BackedUp<double> at = back_up_all(part, penalty_, q);
    Numbers v_gradient(part.n_states(), 0.0);
    add_residuals(x, behind ? frozen : at.v, target ? nullptr : &v_gradient, g);
    if (penalty_.cql > 0.0) add_conservative(v_gradient, g);
    for (int s = 0; s < part.n_states(); ++s)
      for (int p = part.first_pair(s); p < part.state_start[s + 1]; ++p)
        g[p] += at.policy[p] * v_gradient[s];
    if (ridged()) add_ridge(part, x, g);
    return map->pull(g);
  }

  Numbers values(const Numbers& x) const {
    return Numbers(x.begin(), x.begin() + touched_.pairs.size());
  }

  int local_pair(int p) const { return touched_.pair(state_[p], p); }

  void add_behaviour(const Task& part, const Numbers& q, Numbers& g) {
    const Identify rule = rule_ == Identify::global_rms ? Identify::center : rule_;
    const Numbers advantage = identify(part, rule, q);
    Numbers slope(q.size(), 0.0), logit, pi;
    for (int row : rows_) {
      const int p = groups_.counts.pair[row], s = touched_.state(state_[p]);
      const int first = part.first_pair(s), n = part.n_actions(s);
      const double beta = groups_.slope[group_[row]] * scale_;
      logit.resize(n);
      pi.resize(n);
      for (int k = 0; k < n; ++k) logit[k] = beta * advantage[first + k];
      softmax(logit.data(), n, 1.0, pi.data());
      for (int k = 0; k < n; ++k) slope[first + k] += beta * pi[k] / rows_.size();
      slope[local_pair(p)] -= beta / rows_.size();
    }
    const Numbers pulled = identify_pull_back(part, rule, q, slope);
    for (std::size_t p = 0; p < pulled.size(); ++p) g[p] += pulled[p];
  }

  void add_residuals(const Numbers& x, const Numbers& v, Numbers* v_gradient, Numbers& g) {
    const ResidualRows& rows = penalty_.residual;
    const std::size_t n = touched_.pairs.size();
    const bool learned = x.size() > n;
    const double weight =
        2.0 * penalty_.lambda * residuals_.total() / decisions_.total();
    for (int i : residual_rows_) {
      const int p = local_pair(rows.pair[i]);
      double delta = x[p] - (learned ? x[n + p] : rows.reward[i]);
      for (int k = rows.next_start[i]; k < rows.next_start[i + 1]; ++k)
        delta -= task_.discount * rows.probability[k] *
            v[touched_.state(rows.next_state[k])];
      const double slope = weight * delta / residual_rows_.size();
      g[p] += slope;
      if (learned) g[n + p] -= slope;
      for (int k = rows.next_start[i]; v_gradient && k < rows.next_start[i + 1]; ++k)
        (*v_gradient)[touched_.state(rows.next_state[k])] -=
            slope * task_.discount * rows.probability[k];
    }
  }

  void add_conservative(Numbers& v_gradient, Numbers& g) const {
    for (int row : rows_) {
      const int p = groups_.counts.pair[row];
      v_gradient[touched_.state(state_[p])] += penalty_.cql / rows_.size();
      g[local_pair(p)] -= penalty_.cql / rows_.size();
    }
  }

  void add_ridge(const Task& part, const Numbers& x, Numbers& g) const {
    const std::size_t n = touched_.pairs.size();
    const double weight = 2.0 * task_.n_pairs() / decisions_.total() / ridge_pairs_.size();
    Numbers centred = values(x), slope(n, 0.0);
    center_states(part, centred);
    for (int pair : ridge_pairs_) {
      const int p = local_pair(pair);
      slope[p] += weight * penalty_.l2 * centred[p];
      if (x.size() > n) g[n + p] += weight * penalty_.reward_l2 * x[n + p];
    }
    center_states(part, slope);
    for (std::size_t p = 0; p < n; ++p) g[p] += slope[p];
  }

  const Task& task_;
  Groups groups_;
  Penalty penalty_;
  Identify rule_;
  std::vector<int> state_, group_;  // of every pair; of every row of the counts
  WeightedDraw decisions_, residuals_;
  TouchedStates touched_;
  std::vector<int> rows_, residual_rows_, ridge_pairs_;
  double scale_ = 1.0;
};

}  // namespace psyrl
