// Choices given traits, and how traits vary.
//
// Draws have traits of their own, not integrated out: a choice then costs one policy
// instead of one for every node of the grid. Draws that count are integrated over the
// grid afterwards, at one such cost each.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/base/numerics.h"
#include "core/measurement/evidence_factor.h"

namespace psyrl {

/// -log p(choices | Q, z) and its slopes.
struct ChoiceSlopes {
  double f = 0.0;
  Vector by_q;  // [n_pairs of the task]
  Vector by_z;  // [J]
};

inline void fill_choices(const People& people, const Vector& q, const Vector& z,
                         ChoiceSlopes& out) {
  out.f = 0.0;
  out.by_q = Vector::Zero(q.size());
  out.by_z = Vector::Zero(z.size());
  const Vector beta = z.array().exp();
  std::vector<double> policy;
  for (int c = 0; c < people.n_states(); ++c) {
    const int first = people.pair[people.first[c]], n = people.n_actions(c);
    policy.resize(n);
    for (int v = people.visit_start[c]; v < people.visit_start[c + 1]; ++v) {
      const int j = people.visit_person[v];
      const double* count = &people.count[people.entry[v]];
      const double total = people.total[v];
      out.f += total * softmax(&q[first], n, beta[j], policy.data());
      for (int a = 0; a < n; ++a) {
        const double excess = beta[j] * (total * policy[a] - count[a]);
        out.f -= beta[j] * count[a] * q[first + a];
        out.by_q[first + a] += excess;
        out.by_z[j] += excess * q[first + a];
      }
    }
  }
}

/// Standard traits e = (z - x'g) / sigma on average, from traits integrated out.
inline Vector standard_traits(const EvidenceData& data, const Point& at) {
  return (at.post.mean - data.design * at.setting.coefficients) / at.setting.sigma;
}

/// (u, e): residuals, then standard traits.
inline Vector unknowns(const Vector& residuals, const Vector& traits) {
  Vector out(residuals.size() + traits.size());
  out << residuals, traits;
  return out;
}

/// C of values, and of standard traits as they vary at `at`.
class TraitFactor : public Factor {
 public:
  TraitFactor(std::shared_ptr<const Factor> values, const Point& at)
      : values_(std::move(values)), n_(at.u.size()),
        sd_(at.post.var.cwiseSqrt() / at.setting.sigma) {}

  Vector times(const Vector& w) const override {
    return unknowns(values_->times(w.head(n_)), traits(w).cwiseProduct(sd_));
  }
  Vector transposed_times(const Vector& g) const override {
    return unknowns(values_->transposed_times(g.head(n_)), traits(g).cwiseProduct(sd_));
  }
  Vector solve(const Vector& t) const override {
    return unknowns(values_->solve(t.head(n_)), traits(t).cwiseQuotient(sd_));
  }

 private:
  Vector traits(const Vector& x) const { return x.tail(sd_.size()); }

  std::shared_ptr<const Factor> values_;
  Eigen::Index n_;  // pairs
  Vector sd_;       // [J]
};

}  // namespace psyrl
