// Values learned from behaviour, held to the task by residuals that are rewards:
// the fit of the evidence model from counts to person posteriors.
//
//   Q = Phi(r + delta; tau, gamma),  delta(s,a) ~ N(0, s^2) for every legal pair
//   choices of j at s: softmax(exp(z_j) Q(s, .)),  z_j ~ N(x_j'g, sigma^2)
//
// Search: evidence_start.h and evidence_search.h. Then, if asked for, the discount
// rule (keep the task's unless estimating it gains more than 15 nats) and the
// shift of evidence_shift.h.
#pragma once

#include <vector>

#include "core/measurement/evidence_given.h"
#include "core/measurement/evidence_search.h"
#include "core/measurement/evidence_shift.h"

namespace psyrl {

enum class DiscountRule { task, estimate, choose };

struct EvidenceControl {
  SearchControl search;
  ShiftControl shift;
  InnerControl polish{60, 3e-3};
  DiscountRule discount = DiscountRule::task;
  double discount_gain = 15.0;
  bool with_shift = true;
};

struct EvidenceFit {
  explicit EvidenceFit(SearchResult found) : search(std::move(found)) {}
  SearchResult search;
  EvidenceSpec spec;               // as used: with the discount free or not
  Start exact;                     // the best exact model
  Shift shift;
  bool has_shift = false;
  double discount_gain = NAN;      // nats, when both were fitted
  std::vector<TraceRow> trace;
  double seconds_search = 0.0, seconds = 0.0;
};

namespace detail {

inline EvidenceFit search_fit(EvidenceData data, bool discount_free,
                              const EvidenceControl& control,
                              const std::vector<Block>& probes, const Clock& clock) {
  data.spec.discount_free = discount_free;
  std::vector<TraceRow> trace;
  Start exact;
  EvidenceFit out(search(data, control.search, probes, clock, trace, &exact));
  out.spec = data.spec;
  out.exact = exact;
  out.trace = std::move(trace);
  return out;
}

}  // namespace detail

/// Residual SD, temperature and discount are numbers.
inline EvidenceFit fit_given(EvidenceData& data, const EvidenceControl& control) {
  const Clock clock;
  data.spec.sigma_prior = false;
  const Start start = exact_search(data, bounds(data));
  std::vector<TraceRow> trace;
  EvidenceFit fit(mode_at_start(data, start, clock, trace));
  fit.spec = data.spec;
  fit.exact = start;
  fit.trace = std::move(trace);
  fit.seconds_search = clock.seconds();
  if (control.with_shift && !data.run.monitor.interrupted()) {
    const auto probes = rademacher_probes(data.task.n_pairs(), 2, control.search.seed);
    fit.shift = short_shift(data, probes, fit.search);
    fit.has_shift = true;
  } else {
    fit.search.hessian =
        detail::population_information(data, fit.search.best.point, fit.search.which);
  }
  fit.seconds = clock.seconds();
  return fit;
}

inline EvidenceFit fit_evidence(EvidenceData& data, const EvidenceControl& control) {
  if (control.discount == DiscountRule::task && only_population_open(data))
    return fit_given(data, control);
  const Clock clock;
  const int n_pairs = data.task.n_pairs();
  const auto probes =
      evidence_probes(n_pairs, control.search.n_probe_blocks, control.search.seed);
  EvidenceFit fit = detail::search_fit(data, control.discount == DiscountRule::estimate,
                                       control, probes, clock);
  if (control.discount == DiscountRule::choose) {
    EvidenceFit other = detail::search_fit(data, true, control, probes, clock);
    const double gain = fit.search.best.value - other.search.best.value;
    if (gain > control.discount_gain) fit = std::move(other);
    fit.discount_gain = gain;
  }
  data.spec = fit.spec;
  minimise(data, control.polish, fit.search.best.point);
  fit.seconds_search = clock.seconds();
  if (control.with_shift && !data.run.monitor.interrupted()) {
    fit.shift = variational_shift(data, fit.search.best,
                                  rademacher_probes(n_pairs, 2, control.search.seed),
                                  control.shift);
    fit.has_shift = true;
  }
  fit.seconds = clock.seconds();
  return fit;
}

/// Calls `use(values)` at every draw delta +- e, in units of the setting's scale; no
/// draws: at delta alone.
template <class Use>
void at_each_draw(const EvidenceData& data, const Setting& setting, const Vector& delta,
                  const Eigen::MatrixXd& draws, const Use& use) {
  const Vector reward = scaled_reward(data, setting) + delta;
  Values values(data.task, data.order, data.spec.backup);
  values.solve(reward, setting.discount, setting.temperature);
  if (draws.cols() == 0) use(values);
  for (int d = 0; d < draws.cols(); ++d)
    for (const double sign : {1.0, -1.0}) {
      values.solve(reward + sign * draws.col(d), setting.discount, setting.temperature);
      use(values);
    }
}

struct NewPersons {
  Table weight;   // [J x K]
  Vector loglik;  // [J] log p(choices)
};

/// Posterior of persons who were not in the fit: a mixture over the draws, each
/// counting by how well it predicts the person.
inline NewPersons new_persons(const EvidenceData& data, const Setting& setting,
                              const Vector& delta, const Eigen::MatrixXd& draws) {
  const int n = data.people.n_persons;
  const Population who = population(data, setting);
  NewPersons out{Table::Zero(n, data.nodes.size()), Vector::Constant(n, -kInfinity)};
  at_each_draw(data, setting, delta, draws, [&](const Values& values) {
    Posterior post;
    fill_posterior(data.people, data.nodes, who, values.q, data.run, post);
    for (int j = 0; j < n; ++j) {
      const double top = std::max(out.loglik[j], post.person[j]);
      const double before = std::exp(out.loglik[j] - top), now = std::exp(post.person[j] - top);
      out.weight.row(j) =
          (before * out.weight.row(j) + now * post.weight.row(j)) / (before + now);
      out.loglik[j] = top + std::log(before + now);
    }
  });
  out.loglik.array() -= std::log(std::max(1.0, 2.0 * draws.cols()));
  return out;
}

/// Probabilities of the pairs that `data.people` chose between, at every node,
/// averaged over the draws: [n_pairs of People x K].
inline Table mean_policies(const EvidenceData& data, const Setting& setting,
                           const Vector& delta, const Eigen::MatrixXd& draws) {
  Table out = Table::Zero(data.people.n_pairs(), data.nodes.size());
  at_each_draw(data, setting, delta, draws, [&](const Values& values) {
    Posterior post;
    fill_policies(data.people, data.nodes, values.q, data.run, post);
    out += post.pi;
  });
  return out / std::max(1.0, 2.0 * draws.cols());
}

}  // namespace psyrl
