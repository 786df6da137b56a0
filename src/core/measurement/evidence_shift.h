// From the mode of u to its mean, and person posteriors averaged over draws: a fast
// stand-in for the sampler (evidence_sampler.h) where all but the population is given.
//
// At the mode values are shrunk, so that traits come out too large (.1-.55 in log
// beta) with intervals too short. The mean of the Gaussian variational posterior
// whose covariance is Laplace's minimises
//
//   F(m) = 1/32 sum_d [ f(m + e_d) + f(m - e_d) ],   e_d = H^-1/2 z_d, 16 probes
//
// by Newton with a merit function. The draws are few beside the values: F falls on with
// more than two steps, but then the values follow these draws and no longer the
// posterior.
//
// On cyclic tasks iid residuals are collected for ever and a draw can land far
// outside the range of the Laplace approximation. Whether they did is judged by what
// choices of other people can be expected to cost, from the training choices alone:
// at the mode their log likelihood less the effective number of values g, under the
// draws less the variance of the log probabilities over the draws, summed over
// choices (WAIC; Watanabe 2010), which is about g inside the range and many times g
// far outside. The shift may cost g / 2, for it frees scores of bias.
#pragma once

#include <cmath>
#include <vector>

#include "core/measurement/evidence_laplace.h"
#include "core/measurement/evidence_mixture.h"

namespace psyrl {

namespace detail {

/// How choices of the fitted persons are predicted, each under the person's own
/// posterior, by an average over values.
class Predictive {
 public:
  explicit Predictive(const People& people)
      : people_(people), mean_(Vector::Zero(people.entry.back())), log_mean_(mean_),
        log_square_(mean_) {}

  void add(const Posterior& post) {
    ++n_;
    for (int v = 0; v < people_.n_visits(); ++v) {
      const int j = people_.visit_person[v];
      const NodeRange in = post.window[j];
      const int first = people_.first[people_.visit_state[v]];
      const auto w = post.weight.row(j).segment(in.begin, in.size());
      for (int i = people_.entry[v]; i < people_.entry[v + 1]; ++i) {
        if (!(people_.count[i] > 0)) continue;
        const int pair = first + i - people_.entry[v];
        const double p = (w * post.pi.row(pair).segment(in.begin, in.size())).sum();
        mean_[i] += (p - mean_[i]) / n_;
        const double off = std::log(p) - log_mean_[i];
        log_mean_[i] += off / n_;
        log_square_[i] += off * (std::log(p) - log_mean_[i]);
      }
    }
  }

  /// Of all choices under the average, in nats.
  double loglik() const {
    double sum = 0.0;
    for (int i = 0; i < mean_.size(); ++i)
      if (people_.count[i] > 0) sum += people_.count[i] * std::log(mean_[i]);
    return sum;
  }

  /// Of log probabilities over what was added, summed over choices.
  double variance() const {
    double sum = 0.0;
    for (int i = 0; i < mean_.size(); ++i)
      if (people_.count[i] > 0) sum += people_.count[i] * log_square_[i] / (n_ - 1);
    return sum;
  }

 private:
  const People& people_;
  Vector mean_, log_mean_, log_square_;  // [entries of People::count]
  int n_ = 0;
};

/// Calls `use(point, d)` for the 32 points m +- e_d in order; points are computed
/// in parallel, two at a time, and seen one after the other.
template <class Use>
void for_draws(const EvidenceData& data, const Point& centre, const Block* draws,
               bool with_gradient, const Use& use) {
  const SerialExecutor one_thread;
  const EvidenceData serial = data.on(Runtime{one_thread, data.run.monitor});
  std::vector<Point> pair(2, Point(data, centre.setting));
  for (int d = 0; d < 2 * kBlock; ++d) {
    const Vector e = draws[d / kBlock].col(d % kBlock).matrix();
    for_chunks(data.run.executor, 2, 1, [&](std::size_t i, std::size_t, std::size_t) {
      pair[i].values.v = centre.values.v;
      pair[i].post.window = centre.post.window;
      evaluate(serial, i == 0 ? Vector(centre.u + e) : Vector(centre.u - e), pair[i]);
      if (pair[i].good && with_gradient) add_gradient(serial, pair[i]);
    });
    for (const Point& point : pair) use(point);
  }
}

struct MeanObjective {
  double f = 0.0;
  Vector gradient;
  bool good = true;
};

inline MeanObjective mean_objective(const EvidenceData& data, const Point& centre,
                                    const Block* draws) {
  MeanObjective out;
  out.gradient = Vector::Zero(centre.u.size());
  for_draws(data, centre, draws, true, [&](const Point& point) {
    out.good = out.good && point.good;
    if (!point.good) return;
    out.f += point.f / (4 * kBlock);
    // Light: f's own gradient without the draw's share of the penalty.
    out.gradient += (point.setting.residual_sd * point.by_residual) / (4 * kBlock);
  });
  out.gradient += centre.u;
  return out;
}

/// Newton on F at fixed draws; `centre` moves.
inline void descend_mean(const EvidenceData& data, const Block* draws, Point& centre) {
  constexpr int n_steps = 2;
  MeanObjective now = mean_objective(data, centre, draws);
  bool curved = true;  // until the full H turns out indefinite
  double length = 1.0;
  for (int i = 0; i < n_steps && now.good; ++i) {
    add_gradient(data, centre);
    Curvature h = curvature(data, centre);
    CgControl cg_control;
    cg_control.tolerance = 0.03;
    const Columns<1> rhs = -now.gradient.array();
    Vector step;
    if (curved) {
      const auto cg = conjugate_gradients<1>(h, rhs, cg_control);
      step = cg.x.matrix();
      curved = !cg.indefinite;
    }
    if (!curved) step = Direction::without_curvature(h, rhs, cg_control);
    const double slope = now.gradient.dot(step);
    if (slope > -std::max(0.1, 5e-4 * centre.u.size())) return;
    bool moved = false;
    for (int cut = 0; cut < 3 && !moved; ++cut, length *= 0.4) {
      Point trial = centre;
      evaluate(data, centre.u + length * step, trial);
      if (!trial.good) continue;
      const MeanObjective next = mean_objective(data, trial, draws);
      if (!next.good || next.f > now.f + 0.05 * length * slope) continue;
      centre = std::move(trial);
      now = next;
      moved = true;
    }
    // A step that was taken may be longer next time.
    length = std::min(1.0, length / 0.16);
    if (!moved || data.run.monitor.interrupted()) return;
  }
}

inline LogDet draw(const EvidenceData& data, const Point& centre,
                   const std::vector<Block>& probes, Block* draws) {
  Curvature h = curvature(data, centre);
  LogDet det = log_determinant(h, probes, true);
  if (!std::isfinite(det.value)) return det;
  for (int b = 0; b < 2; ++b) draws[b] = inverse_root(det.cg[b]);
  return det;
}

/// Averages over the draws around `centre`; empty if these predict worse than the mode.
inline Mixture average(const EvidenceData& data, const Evidence& mode, const Point& centre,
                       const Block* draws) {
  constexpr int n_draws = 4 * kBlock;
  Predictive at_mode(data.people), by_draws(data.people);
  at_mode.add(mode.point.post);
  Mixture out;
  out.setting = centre.setting;
  out.q = centre.values.q;
  out.weight = Table::Zero(data.people.n_persons, data.nodes.size());
  out.draws = SharedDraws(centre.u.size(), out.setting.coefficients.size(), n_draws);
  int d = 0;
  for_draws(data, centre, draws, false, [&](const Point& point) {
    if (!point.good) return;
    out.weight += point.post.weight / n_draws;
    by_draws.add(point.post);
    out.draws.put(d++, point.values.q, point.setting);
  });
  out.effective = std::max(0.0, mode.effective_values());
  const bool kept = d == n_draws && by_draws.loglik() - by_draws.variance() >=
                                        at_mode.loglik() - 1.5 * out.effective - 1.0;
  if (!kept) return Mixture();
  report_values(data, out);
  return out;
}

}  // namespace detail

/// The shift at the mode held by `mode`; `probes` are two random blocks. `mode` gets its
/// log det, and `centre` is moved to the mean.
inline Mixture shifted(const EvidenceData& data, const std::vector<Block>& probes,
                       Evidence& mode, Point& centre) {
  Block draws[2];
  mode.det = detail::draw(data, centre, probes, draws);
  if (!std::isfinite(mode.det.value)) return Mixture();
  detail::descend_mean(data, draws, centre);
  return detail::average(data, mode, centre, draws);
}

}  // namespace psyrl
