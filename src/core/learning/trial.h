// Choice data as the learning models read them, in place: columns of codes that
// count from 1 (below 1: missing), outcomes NaN where nothing was observed.
#pragma once

#include <cmath>

#include "core/base/view.h"

namespace psyrl {
namespace learning {

/// One trial; options, stimuli and states count from 0, -1 is missing.
struct Trial {
  int choice;
  int stimulus;
  int state2;             // second-stage state of a two-step trial
  int choice2;            // second-stage choice 0..3
  double outcome;         // NaN: not observed
  double counterfactual;  // outcome of the other of two options; NaN
  bool new_block;
  const int* available = nullptr;  // first of `n_options` flags, `stride` apart; or null
  int stride = 0;

  bool has_outcome() const { return !std::isnan(outcome); }
  bool offers(int option) const {
    return !available || available[static_cast<long>(option) * stride] != 0;
  }
};

/// All persons' trials, sorted by person, block, trial. Empty views: not given.
struct ChoiceData {
  View<int> person_start;  // [persons + 1]
  View<int> block, choice, stimulus, state2, choice2;
  View<double> outcome, counterfactual;
  View<int> available;     // [trials x options], by column
  int n_options = 0;
  int n_stimuli = 1;

  int n_persons() const { return static_cast<int>(person_start.size()) - 1; }
  int n_trials() const { return static_cast<int>(choice.size()); }
};

/// One person's trials.
class Trials {
 public:
  Trials(const ChoiceData& data, int person)
      : data_(data), begin_(data.person_start[person]),
        size_(data.person_start[person + 1] - begin_) {}

  int size() const { return size_; }
  int first_row() const { return begin_; }

  Trial operator[](int t) const {
    const int row = begin_ + t;
    Trial trial;
    trial.choice = code(data_.choice, row, -1);
    trial.stimulus = code(data_.stimulus, row, 0);
    trial.state2 = code(data_.state2, row, -1);
    trial.choice2 = code(data_.choice2, row, -1);
    trial.outcome = data_.outcome[row];
    trial.counterfactual = data_.counterfactual.empty()
        ? std::nan("") : data_.counterfactual[row];
    trial.new_block = t == 0 || data_.block[row] != data_.block[row - 1];
    trial.available = data_.available.empty() ? nullptr : data_.available.data() + row;
    trial.stride = data_.n_trials();
    return trial;
  }

 private:
  static int code(const View<int>& column, int row, int absent) {
    if (column.empty()) return absent;
    return column[row] < 1 ? -1 : column[row] - 1;
  }

  const ChoiceData& data_;
  int begin_;
  int size_;
};

}  // namespace learning
}  // namespace psyrl
