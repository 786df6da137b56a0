// What a model is told once: its parameters by name, their links to the
// unconstrained scale, its switches, and the size of the task.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/base/dual.h"
#include "core/base/require.h"

namespace psyrl {
namespace learning {

/// Natural scale from the unconstrained u: identity u; log lower + exp(u);
/// logit lower + (upper - lower) / (1 + exp(-u)).
struct Link {
  enum Kind { identity, log, logit } kind;
  double lower;
  double upper;

  template <class T>
  T inverse(const T& u) const {
    using std::exp;
    using psyrl::exp;
    if (kind == identity) return u;
    if (kind == log) return exp(u) + lower;
    return logistic(u) * (upper - lower) + lower;
  }
};

struct Setting {
  std::string model;
  std::vector<std::string> parameters;
  std::vector<Link> links;
  std::vector<std::string> switch_names;
  std::vector<double> switch_values;
  int n_options = 2;
  int n_stimuli = 1;

  int n_parameters() const { return static_cast<int>(parameters.size()); }

  /// Position of a parameter, -1 if the model is without it.
  int find(const std::string& name) const {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (parameters[i] == name) return static_cast<int>(i);
    return -1;
  }
  /// Position of `name`, or of `shared`, which stands for several.
  int find(const std::string& name, const std::string& shared) const {
    const int at = find(name);
    return at >= 0 ? at : find(shared);
  }
  double option(const std::string& name, double absent) const {
    for (std::size_t i = 0; i < switch_names.size(); ++i)
      if (switch_names[i] == name) return switch_values[i];
    return absent;
  }
};

/// The parameter at `slot`, or a constant where the model is without it.
template <class T>
T parameter(const T* theta, int slot, double absent) {
  return slot >= 0 ? theta[slot] : T(absent);
}

}  // namespace learning
}  // namespace psyrl
