// Adam: stochastic gradient steps with running moments of the gradient.
//
//   m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2
//   x <- x - rate m^ / (sqrt v^ + eps),  m^, v^ freed of their start at 0
//
// Kingma & Ba (2015), "Adam: a method for stochastic optimization".
#pragma once

#include <cmath>
#include <vector>

namespace psyrl {

struct AdamState {
  std::vector<double> m, v;  // [n] running moments, empty before the first step
  double steps = 0.0;
};

inline void adam_step(const std::vector<double>& g, double rate, AdamState& state,
                      std::vector<double>& x) {
  constexpr double b1 = 0.9, b2 = 0.999, eps = 1e-8;
  if (state.m.empty()) state.m.assign(x.size(), 0.0), state.v.assign(x.size(), 0.0);
  state.steps += 1.0;
  const double c1 = 1.0 - std::pow(b1, state.steps), c2 = 1.0 - std::pow(b2, state.steps);
  for (std::size_t i = 0; i < x.size(); ++i) {
    state.m[i] = b1 * state.m[i] + (1.0 - b1) * g[i];
    state.v[i] = b2 * state.v[i] + (1.0 - b2) * g[i] * g[i];
    x[i] -= rate * (state.m[i] / c1) / (std::sqrt(state.v[i] / c2) + eps);
  }
}

}  // namespace psyrl
