// One pass over a person's trials: choose, then learn.
//
// A model is a class template over its number type T:
//
//   template <class T> struct M {
//     struct Layout { explicit Layout(const Setting&); ... };  // once per model
//     M(const Layout&, const T* theta);       // parameters on the natural scale
//     void reset();                           // a block begins
//     int n_options(int stage) const;         // logits it writes
//     void logits(const Trial&, int stage, T* x) const;
//     void learn(const Trial&);               // the trial has a choice
//     double value(const Trial&, int stage, int k) const;   // what is learned
//     double target(const Trial&, int stage) const;         // what it moves to
//   };
//
// Deriving from `OneStage<T>` fills in what most models share. A trial without a
// choice has no likelihood and changes nothing.
#pragma once

#include <vector>

#include "core/learning/branches.h"
#include "core/learning/choice_rule.h"
#include "core/learning/setting.h"
#include "core/learning/trial.h"

namespace psyrl {
namespace learning {

template <class T>
struct OneStage {
  static constexpr int kStages = 1;
  /// The lapse rate, or null.
  const T* lapse() const { return nullptr; }
  double target(const Trial& trial, int) const { return trial.outcome; }
  static int chosen(const Trial& trial, int) { return trial.choice; }
};

/// Options on offer and their logits, gathered side by side.
template <class T>
struct Offer {
  explicit Offer(int n) : x(n), option(n), scratch(n) {}

  /// Moves the logits of the options on offer to the front; where `chosen` went.
  int gather(const Trial& trial, int total, int chosen) {
    n = 0;
    int at = -1;
    for (int k = 0; k < total; ++k) {
      if (!trial.offers(k)) continue;
      if (k == chosen) at = n;
      if (n != k) x[n] = x[k];
      option[n++] = k;
    }
    return at;
  }

  std::vector<T> x;
  std::vector<int> option;
  std::vector<double> scratch;
  int n = 0;
};

/// Adds the log-probability of the choice of a stage.
template <class Model, class T>
void add_choice(const Model& model, const Trial& trial, int stage, Offer<T>& offer,
                ChoiceSum<T>& sum) {
  const int chosen = Model::chosen(trial, stage), total = model.n_options(stage);
  model.logits(trial, stage, offer.x.data());
  const int a = trial.available && stage == 0
      ? offer.gather(trial, total, chosen) : (offer.n = total, chosen);
  sum.add(offer.x.data(), offer.n, a, model.lapse(), offer.scratch.data());
}

template <class Model, class T>
T log_likelihood(const typename Model::Layout& layout, const Trials& trials,
                 const T* theta) {
  Model model(layout, theta);
  Offer<T> offer(layout.n_logits);
  ChoiceSum<T> sum;
  for (int t = 0; t < trials.size(); ++t) {
    const Trial trial = trials[t];
    if (trial.new_block) model.reset();
    if (trial.choice < 0) continue;
    for (int stage = 0; stage < Model::kStages; ++stage)
      if (Model::chosen(trial, stage) >= 0)
        add_choice(model, trial, stage, offer, sum);
    model.learn(trial);
  }
  return sum.total();
}

}  // namespace learning
}  // namespace psyrl
