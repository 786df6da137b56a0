// Values learned from behaviour, held to the task by residuals, as a rule of rewards:
// the fit of the evidence model from counts to person posteriors.
//
//   Q = Phi(r + delta; tau, gamma),  delta(s,a) ~ N(0, s^2) for every legal pair
//   choices of j at s: softmax(exp(z_j) Q(s, .)),  z_j ~ N(x_j'g, sigma^2)
//
// or, where residuals are values, Q = Phi(r; tau, gamma) + delta.
//
// Search: evidence_start.h and evidence_search.h; then the discount rule (keep the
// task's unless estimating it gains more than 15 nats). Then, stage by stage, draws of
// the posterior around what was found (evidence_sampler.h).
#pragma once

#include <vector>

#include "core/measurement/evidence_given.h"
#include "core/measurement/evidence_sampler.h"
#include "core/measurement/evidence_search.h"
#include "core/measurement/evidence_shift.h"

namespace psyrl {

enum class DiscountRule { task, estimate, choose };

struct EvidenceControl {
  SearchControl search;
  int mode_iterations = 200;  // Newton steps of a mode that is all that is asked
  SamplerControl sampler;     // no draws kept: values at their mode
  InnerControl polish{60, 3e-3};
  DiscountRule discount = DiscountRule::task;
  double discount_gain = 15.0;
};

struct EvidenceFit {
  explicit EvidenceFit(SearchResult found) : search(std::move(found)) {}
  SearchResult search;
  EvidenceSpec spec;               // as used: with the discount free or not
  Start exact;                     // the best exact model
  Mixture mixture;                 // shifted; empty: values at their mode
  bool draws_follow = false;       // of the posterior, by stages
  double discount_gain = NAN;      // nats, when both were fitted
  std::vector<TraceRow> trace;
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
  EvidenceFit fit(mode_at_start(data, start, control.mode_iterations, clock, trace));
  if (fit.search.status == Status::non_finite) return fit;
  fit.spec = data.spec;
  fit.exact = start;
  fit.trace = std::move(trace);
  Point centre = fit.search.best.point;
  if (control.sampler.keep > 0 && !data.run.monitor.interrupted()) {
    const auto probes = rademacher_probes(data.task.n_pairs(), 2, control.search.seed);
    fit.mixture = shifted(data, probes, fit.search.best, centre);
  }
  fit.search.hessian = detail::population_information(
      data, fit.mixture.known() ? centre : fit.search.best.point, fit.search.which);
  return fit;
}

inline EvidenceFit search_evidence(EvidenceData& data, const EvidenceControl& control) {
  if (control.discount == DiscountRule::task && only_population_open(data))
    return fit_given(data, control);
  const Clock clock;
  const auto probes = evidence_probes(data.task.n_pairs(), control.search.n_probe_blocks,
                                      control.search.seed);
  EvidenceFit fit = detail::search_fit(data, control.discount == DiscountRule::estimate,
                                       control, probes, clock);
  if (control.discount == DiscountRule::choose) {
    EvidenceFit other = detail::search_fit(data, true, control, probes, clock);
    const double gain = fit.search.best.value - other.search.best.value;
    if (gain > control.discount_gain) fit = std::move(other);
    fit.discount_gain = gain;
  }
  if (fit.search.status == Status::non_finite) return fit;
  data.spec = fit.spec;
  minimise(data, control.polish, fit.search.best.point);
  fit.draws_follow = control.sampler.keep > 0;
  if (data.run.monitor.interrupted()) fit.search.status = Status::interrupted;
  return fit;
}

}  // namespace psyrl
