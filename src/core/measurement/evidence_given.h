// Values held to the task by given numbers: residual SD, temperature and discount are
// fixed, and only the population is open. Then nothing needs a search over E(eta).
//
// The population is that of the exact model: it maximises the likelihood under the
// task's own values. Maximised together with learned values beta would run away. The
// values' mode and a short variational shift follow.
#pragma once

#include "core/measurement/evidence_search.h"
#include "core/measurement/evidence_shift.h"

namespace psyrl {

/// Without a future the values are a free table, whose scale the population carries:
/// no exact model says where that begins, so it belongs to the search.
inline bool only_population_open(const EvidenceData& data) {
  return !std::isnan(data.spec.residual_sd) && !std::isnan(data.spec.temperature) &&
         !data.spec.discount_free && data.spec.discount > 0.0;
}

namespace detail {

/// Information about the free ones of (g, log sigma) given the values.
inline Eigen::MatrixXd population_information(const EvidenceData& data, const Point& at,
                                              const std::vector<int>& which) {
  Posterior post;
  fill_all_policies(data.people, data.nodes, at.values.q, data.run, post);
  const Eigen::MatrixXd full =
      population_step(data, loglik_table(data, post), at.setting.coefficients,
                      std::log(at.setting.sigma)).hessian;
  Eigen::MatrixXd out(which.size(), which.size());
  for (std::size_t i = 0; i < which.size(); ++i)
    for (std::size_t k = 0; k < which.size(); ++k) out(i, k) = full(which[i], which[k]);
  return out;
}

}  // namespace detail

/// The mode of the residuals under the exact model's population, to a small fraction
/// of a nat a value: all that a shift needs to start from. Where values are not finite
/// the status says so, and nothing else is known.
inline SearchResult mode_at_start(const EvidenceData& data, const Start& start,
                                  int max_iterations, const Clock& clock,
                                  std::vector<TraceRow>& trace) {
  Evidence at(data, resolve(data, start.eta));
  at.eta = start.eta;
  for (int i = 0; i < data.design.cols(); ++i)
    at.eta[i] = at.point.setting.coefficients[i];
  at.point.values.v = start.v;
  evaluate(data, Vector::Zero(data.task.n_pairs()), at.point);
  if (!at.point.good) {
    SearchResult out(std::move(at));
    out.status = Status::non_finite;
    return out;
  }
  add_gradient(data, at.point);
  const auto record = [&](int round) {
    TraceRow row{1, round, at.point.f, at.point.post.loglik,
                 0.5 * at.point.u.squaredNorm(), NAN, NAN, at.point.gradient.norm(),
                 NAN, at.inner.rollbacks};
    row.put(at.point.setting);
    row.seconds = clock.seconds();
    trace.push_back(row);
  };
  record(0);
  InnerControl inner;
  inner.max_iterations = max_iterations;
  inner.gain = std::max(1e-3, 5e-4 * data.task.n_pairs());
  at.inner = minimise(data, inner, at.point);
  record(1);
  SearchResult out(std::move(at));
  out.which = free_parameters(data);
  out.gradient = Vector::Zero(out.which.size());
  out.status = out.best.inner.status;
  return out;
}

}  // namespace psyrl
