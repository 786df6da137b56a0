// Identification (identify.h) as a map A = f(Q), second derivatives by dual numbers.
#pragma once

#include "core/base/map.h"
#include "core/measurement/identify.h"

namespace psyrl {

class IdentifiedValues : public Map {
 public:
  IdentifiedValues(const Task& task, Identify rule) : task_(task), rule_(rule) {}

  std::size_t n_inputs() const override { return task_.n_pairs(); }
  std::size_t n_outputs() const override { return task_.n_pairs(); }

  Numbers value(const Numbers& q) override {
    q_ = q;
    return identify(task_, rule_, q);
  }

  Numbers push(const Numbers& v) const override {
    return directions(identify(task_, rule_, along(q_, v)));
  }

  Numbers pull(const Numbers& g) const override {
    return identify_pull_back(task_, rule_, q_, g);
  }

  Numbers bend(const Numbers& g, const Numbers& v) const override {
    std::vector<Directional> fixed(g.begin(), g.end());
    return directions(identify_pull_back(task_, rule_, along(q_, v), std::move(fixed)));
  }

  Numbers diagonal(const Numbers& d) const override { return d; }

 private:
  using Directional = Dual<1, 1>;

  static std::vector<Directional> along(const Numbers& x, const Numbers& v) {
    std::vector<Directional> out(x.begin(), x.end());
    for (std::size_t i = 0; i < x.size(); ++i) out[i].g[0] = v[i];
    return out;
  }

  static Numbers directions(const std::vector<Directional>& x) {
    Numbers out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i].g[0];
    return out;
  }

  Task task_;
  Identify rule_;
  Numbers q_;
};

}  // namespace psyrl
