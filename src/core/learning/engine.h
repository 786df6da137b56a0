// A model behind one interface: value, gradient, Hessian, trial-wise values and
// simulation for any person, on the natural or the unconstrained scale.
//
// `EngineOf<Model, Sizes...>` instantiates the model's one definition with `double`
// and with duals of the given numbers of directions. A model with more parameters
// than the largest size is passed over several times: gradients in blocks, Hessians
// in pairs of half blocks.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "core/base/rng.h"
#include "core/learning/likelihood.h"

namespace psyrl {
namespace learning {

enum class Scale { natural, link };

/// Where a trace or a simulation is written: columns over all trials of the data,
/// [trials x options x stages] for probability and value.
struct TraceColumns {
  double* probability;
  double* value;
  double* error;       // [trials x stages] target minus value of the chosen
};
struct SimulatedColumns {
  int* choice;         // codes from 1
  int* state2;
  int* choice2;
  double* outcome;
  double* counterfactual;
};

/// Outcomes that each option would give: [trials x options] by column (second-stage
/// options of a two-step task: four).
struct OutcomeTable {
  const double* value;
  int n_trials;
  double operator()(int row, int option) const {
    return value[static_cast<long>(option) * n_trials + row];
  }
};

class Engine {
 public:
  explicit Engine(const Setting& setting) : setting_(setting) {}
  virtual ~Engine() = default;
  const Setting& setting() const { return setting_; }
  int size() const { return setting_.n_parameters(); }

  /// Log-likelihood of a person's choices at `theta`; with `g` [size] also its gradient.
  virtual double value(const Trials&, const double* theta, Scale) const = 0;
  virtual double gradient(const Trials&, const double* theta, Scale, double* g) const = 0;
  /// The Hessian `h` [size x size], full and symmetric.
  virtual double hessian(const Trials&, const double* theta, Scale, double* g,
                         double* h) const = 0;
  virtual void trace(const Trials&, const double* theta, TraceColumns) const = 0;
  virtual void simulate(const Trials&, const double* theta, const OutcomeTable&, Stream&,
                        SimulatedColumns) const = 0;
  /// False where evaluation must stay on the calling thread.
  virtual bool threads() const { return true; }

  void to_natural(const double* link, double* natural) const {
    for (int i = 0; i < size(); ++i) natural[i] = setting_.links[i].inverse(link[i]);
  }

 private:
  Setting setting_;
};

template <template <class> class Model, int... Sizes>
class EngineOf : public Engine {
 public:
  explicit EngineOf(const Setting& setting) : Engine(setting), layout_(setting) {}

  double value(const Trials& trials, const double* theta, Scale scale) const override {
    std::vector<double> natural(theta, theta + size());
    if (scale == Scale::link) to_natural(theta, natural.data());
    return log_likelihood<Model<double>>(layout_, trials, natural.data());
  }

  double gradient(const Trials& trials, const double* theta, Scale scale,
                  double* g) const override {
    return dispatch<1>(trials, Point{theta, scale}, g, nullptr, Size<Sizes...>());
  }

  double hessian(const Trials& trials, const double* theta, Scale scale, double* g,
                 double* h) const override {
    return dispatch<2>(trials, Point{theta, scale}, g, h, Size<Sizes...>());
  }

  void trace(const Trials& trials, const double* theta, TraceColumns out) const override;
  void simulate(const Trials& trials, const double* theta, const OutcomeTable& outcomes,
                Stream& stream, SimulatedColumns out) const override;

 private:
  using Plain = Model<double>;
  struct Point {
    const double* theta;
    Scale scale;
  };
  template <int... Ns>
  struct Size {};

  /// Picks the smallest instantiated size that holds all parameters.
  template <int Order, int N, int... Ns>
  double dispatch(const Trials& trials, Point at, double* g, double* h,
                  Size<N, Ns...>) const {
    if (size() <= N || sizeof...(Ns) == 0) return passes<N, Order>(trials, at, g, h);
    return dispatch<Order>(trials, at, g, h, Size<Ns...>());
  }
  template <int Order>
  double dispatch(const Trials&, Point, double*, double*, Size<>) const { return 0.0; }

  /// One pass if the parameters fit into N directions, else blocks of them.
  template <int N, int Order>
  double passes(const Trials& trials, Point at, double* g, double* h) const {
    const int n = size();
    std::vector<int> directions;
    if (n <= N) {
      for (int i = 0; i < n; ++i) directions.push_back(i);
      return pass<N, Order>(trials, at, directions, g, h);
    }
    const int half = Order == 1 ? N : std::max(1, N / 2);
    double value = 0.0;
    for (int a = 0; a < n; a += half)
      for (int b = Order == 1 ? a : a + half; b < std::max(n, a + 1); b += half) {
        directions.clear();
        for (int i = a; i < std::min(n, a + half); ++i) directions.push_back(i);
        if (Order == 2)
          for (int i = b; i < std::min(n, b + half); ++i) directions.push_back(i);
        value = pass<N, Order>(trials, at, directions, g, h);
        if (Order == 1) break;
      }
    return value;
  }

  template <int N, int Order>
  double pass(const Trials& trials, Point at, const std::vector<int>& directions,
              double* g, double* h) const {
    using D = Dual<N, Order>;
    const int n = size(), m = static_cast<int>(directions.size());
    std::vector<D> theta(n);
    for (int i = 0; i < n; ++i) theta[i] = D(at.theta[i]);
    for (int j = 0; j < m; ++j) theta[directions[j]].g[j] = 1.0;
    if (at.scale == Scale::link)
      for (int i = 0; i < n; ++i) theta[i] = setting().links[i].inverse(theta[i]);
    const D out = log_likelihood<Model<D>>(typename Model<D>::Layout(setting()), trials,
                                           theta.data());
    for (int j = 0; j < m; ++j) g[directions[j]] = out.g[j];
    if (Order == 2)
      for (int i = 0, packed = 0; i < m; ++i)
        for (int j = 0; j <= i; ++j, ++packed)
          h[directions[i] * n + directions[j]] =
              h[directions[j] * n + directions[i]] = out.h[packed];
    return out.v;
  }

  typename Plain::Layout layout_;
};

template <template <class> class Model, int... Sizes>
void EngineOf<Model, Sizes...>::trace(const Trials& trials, const double* theta,
                                      TraceColumns out) const {
  Plain model(layout_, theta);
  Offer<double> offer(layout_.n_logits);
  const int K = layout_.n_logits, S = Plain::kStages;
  for (int t = 0; t < trials.size(); ++t) {
    const Trial trial = trials[t];
    if (trial.new_block) model.reset();
    const long row = trials.first_row() + t;
    for (int stage = 0; stage < S; ++stage) {
      double* p = out.probability + (row * S + stage) * K;
      double* q = out.value + (row * S + stage) * K;
      for (int k = 0; k < K; ++k) p[k] = 0.0, q[k] = model.value(trial, stage, k);
      model.logits(trial, stage, offer.x.data());
      offer.gather(stage == 0 ? trial : Trial(), K, 0);
      softmax_values(offer.x.data(), offer.n, offer.scratch.data());
      const double xi = model.lapse() ? *model.lapse() : 0.0;
      for (int j = 0; j < offer.n; ++j)
        p[offer.option[j]] = (1.0 - xi) * offer.scratch[j] + xi / offer.n;
      const int a = trial.choice < 0 ? -1 : Plain::chosen(trial, stage);
      out.error[row * S + stage] =
          a < 0 ? std::nan("") : model.target(trial, stage) - q[a];
    }
    if (trial.choice >= 0) model.learn(trial);
  }
}

template <template <class> class Model, int... Sizes>
void EngineOf<Model, Sizes...>::simulate(const Trials& trials, const double* theta,
                                         const OutcomeTable& outcomes, Stream& stream,
                                         SimulatedColumns out) const {
  Plain model(layout_, theta);
  Offer<double> offer(layout_.n_logits);
  const int K = layout_.n_logits;
  for (int t = 0; t < trials.size(); ++t) {
    Trial trial = trials[t];
    if (trial.new_block) model.reset();
    if (trial.choice < 0) continue;
    const int row = trials.first_row() + t;
    const auto draw = [&](int stage) {
      model.logits(trial, stage, offer.x.data());
      offer.gather(stage == 0 ? trial : Trial(), K, 0);
      softmax_values(offer.x.data(), offer.n, offer.scratch.data());
      const double xi = model.lapse() ? *model.lapse() : 0.0;
      for (int j = 0; j < offer.n; ++j)
        offer.scratch[j] = (1.0 - xi) * offer.scratch[j] + xi / offer.n;
      return offer.option[stream.categorical(offer.scratch.data(), offer.n)];
    };
    trial.choice = draw(0);
    out.choice[row] = trial.choice + 1;
    int shown = trial.choice;
    if (Plain::kStages == 2) {
      const bool common = stream.uniform() < setting().option("common", 0.7);
      trial.state2 = common ? trial.choice : 1 - trial.choice;
      trial.choice2 = 2 * trial.state2;  // the state the second stage is in
      trial.choice2 = 2 * trial.state2 + draw(1);
      out.state2[row] = trial.state2 + 1;
      out.choice2[row] = trial.choice2 + 1;
      shown = trial.choice2;
    }
    trial.outcome = out.outcome[row] = outcomes(row, shown);
    if (K == 2 && Plain::kStages == 1)
      trial.counterfactual = out.counterfactual[row] = outcomes(row, 1 - shown);
    model.learn(trial);
  }
}

}  // namespace learning
}  // namespace psyrl
