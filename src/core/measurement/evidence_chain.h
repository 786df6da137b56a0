// A chain of draws of values, traits and parameters from the posterior of the evidence
// model by Hamiltonian Monte Carlo.
//
// In the coordinates w of a Gaussian close by (evidence_reference.h) a path rotates
// exactly for what is Gaussian and is kicked by the force beyond it, so that the many
// pairs that nobody visits cost no shorter steps (Shahbaba et al. 2014, "Split
// Hamiltonian Monte Carlo"). What steps are stable the stiffest direction says, and it is
// another for every Gaussian: a stage begins with that step. From there on steps follow
// what is accepted, ever less (Andrieu & Thoms 2008, "A tutorial on adaptive MCMC"): what
// is stable also differs from place to place, and a chain whose steps were settled in calm
// water would be stuck for whole rounds elsewhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/measurement/evidence_shear.h"

namespace psyrl {

constexpr double kQuarterTurn = 1.57;  // of the rotation that a path is

struct ChainControl {
  double length = kQuarterTurn;  // of a path, on average
  double accept = 0.8;   // of proposals
  double jitter = 0.2;   // of steps: by how much the smallest are smaller
  double lost = 100.0;   // range of energies on the way at which a path is given up
  int max_steps = 64;
  std::uint64_t seed = 1;
};

/// What is left of a chain between its stages, and what it begins from.
struct ChainState {
  Vector eta;   // all parameters; those that are free move
  Vector x;     // (u, e); before the first stage a guess of the mode of u
  Vector v;     // values of states close by
  Places seen;  // none before the first stage
};

/// One stage of a chain, around what it saw in the one before. The first is around the
/// mode of residuals and holds the parameters: modes do not say how these move.
class MarkovChain {
 public:
  /// `root`: a factor of the parameters' covariance.
  MarkovChain(const EvidenceData& data, const Bounds& box, const std::vector<int>& which,
              const Eigen::MatrixXd& root, const ChainControl& control,
              const ChainState& from, std::uint64_t number)
      : data_(data), box_(box), control_(control), centre_(data, resolve(data, from.eta)),
        point_(centre_), stream_(control.seed, 0x636861696eULL, number) {
    constexpr double held = 0.01;
    const bool first = from.seen.size() == 0;
    centre_.values.v = from.v;
    if (!(first ? find_mode(from.x) : find_mean(from))) return;
    const Places places =
        first ? Places{from.eta, unknowns(centre_.u, standard_traits(data, centre_))}
              : from.seen;
    reference_ = Reference{places.eta.rowwise().mean(), which, root};
    find_factor(places);
    density_ = posterior_density(data_, reference_.kind, centre_);
    if (first) {
      reference_.root *= held;
      reference_.follow_nothing(places.x.rows());
    } else {
      learn_reference(*density_, places, reference_);
    }
    const Vector t = density_->departure(first ? places.x.col(0) : from.x, from.eta);
    if (!t.allFinite()) return;
    w_ = reference_.coordinates(t, from.eta);
    energy_ = energy(w_, force_);
    keep();
    step_ = std::min(kQuarterTurn, 1.0 / std::sqrt(stiffness()));
  }

  /// One path.
  void advance() {
    constexpr double gain = 0.3;  // stiffness knows the step already
    const double path = control_.length * (0.5 + stream_.uniform());
    const double step = step_ * (1.0 - control_.jitter * stream_.uniform());
    const int n_steps =
        std::min(control_.max_steps, std::max(1, static_cast<int>(path / step + 0.5)));
    const double excess = follow_path(n_steps, step) - control_.accept;
    step_ *= std::exp(gain * excess / std::sqrt(1.0 + 0.5 * n_paths_++));
    step_ = std::min(step_, kQuarterTurn);
  }

  /// Has the next stage learn from here.
  void look() { seen_.add(reference_.parameters(w_), x_); }

  ChainState state() const {
    return ChainState{reference_.parameters(w_), x_, centre_.values.v, seen_};
  }

  /// Where it is, traits integrated out.
  const Point& integrated() {
    fill_posterior(data_.people, data_.nodes, trait_prior(data_, point_.setting),
                   point_.values.q, data_.run, point_.post);
    return point_;
  }

  const Point& point() const { return point_; }
  bool good() const { return std::isfinite(energy_); }
  Vector free_parameters() const { return reference_.free_parameters(w_); }

 private:
  /// The centre: the mode of u; false where there are no finite values.
  bool find_mode(const Vector& guess) {
    evaluate(data_, guess, centre_);
    if (!centre_.good) return false;
    add_gradient(data_, centre_);
    minimise(data_, InnerControl{20, 0.1, 0.1}, centre_);
    return true;
  }

  /// Where draws were on average, or the last of them.
  bool find_mean(const ChainState& from) {
    const Eigen::Index n = data_.task.n_pairs();
    centre_.setting = resolve(data_, from.seen.eta.rowwise().mean());
    evaluate(data_, from.seen.x.topRows(n).rowwise().mean(), centre_);
    if (!centre_.good) evaluate(data_, from.x.head(n), centre_);
    if (centre_.good) add_gradient(data_, centre_);
    return centre_.good;
  }

  /// Departures are in values where states come back and values have a sparse factor,
  /// which residuals that are values have anyhow.
  void find_factor(const Places& places) {
    const bool rewards = data_.spec.residual == Residual::reward;
    std::shared_ptr<const Factor> values;
    if (!rewards || !data_.order.plan.empty())
      values = factor_of_values(data_, places, centre_);
    if (!values)
      values = factor_of_residuals(data_, centre_);
    else if (rewards)
      reference_.kind = Departure::values;
    reference_.factor = std::make_shared<const TraitFactor>(values, centre_);
  }

  /// The largest curvature of the energy where the chain is, at least 1.
  double stiffness() {
    constexpr int iterations = 15;
    constexpr double h = 1e-3;
    Vector x = normals(), force;
    double largest = 1.0;
    for (int i = 0; i < iterations && good(); ++i) {
      x *= h / x.norm();
      if (!std::isfinite(energy(w_ + x, force))) break;
      x += force - force_;
      largest = std::max(1.0, x.norm() / h);
    }
    return largest;
  }

  Vector normals() {
    Vector out(reference_.size());
    for (Eigen::Index i = 0; i < out.size(); ++i) out[i] = stream_.normal();
    return out;
  }

  /// Returns the chance that it was accepted with.
  double follow_path(int n_steps, double step) {
    Vector p = normals(), w = w_, force = force_;
    const double before = energy_ + 0.5 * p.squaredNorm();
    double after = energy_, total = before, lowest = before, highest = before;
    // The same from both ends, so that a path that is given up has no way back either.
    const auto lost = [&] {
      return !(std::isfinite(total) && highest - lowest < control_.lost);
    };
    for (int i = 0; i < n_steps && !lost(); ++i) {
      after = leap(step, w, p, force);
      total = after + 0.5 * p.squaredNorm();
      lowest = std::min(lowest, total);
      highest = std::max(highest, total);
    }
    const double chance = lost() ? 0.0 : std::min(1.0, std::exp(before - total));
    if (stream_.uniform() < chance) {
      w_ = w;
      force_ = force;
      energy_ = after;
      keep();
    }
    return chance;
  }

  /// Where the energy was asked for last. The posterior of traits is from elsewhere, but
  /// knows where to look for it.
  void keep() {
    Posterior post = std::move(point_.post);
    point_ = density_->point();
    point_.post = std::move(post);
    x_ = density_->x();
  }

  /// Kick, rotation, kick; returns the energy of where it ends.
  double leap(double step, Vector& w, Vector& p, Vector& force) {
    const double c = std::cos(step), s = std::sin(step);
    p -= 0.5 * step * force;
    const Vector turned = c * w + s * p;
    p = c * p - s * w;
    w = turned;
    const double reached = energy(w, force);
    if (std::isfinite(reached)) p -= 0.5 * step * force;
    return reached;
  }

  /// f at w; the force is its gradient less w.
  double energy(const Vector& w, Vector& force) {
    const Vector eta = reference_.parameters(w);
    for (int i : reference_.which)
      if (!(eta[i] >= box_.lower[i] && eta[i] <= box_.upper[i])) return kInfinity;
    DensitySlopes by;
    const double f = (*density_)(reference_.departure(w), eta, by);
    if (std::isfinite(f)) force = reference_.pull(by) - w;
    return f;
  }

  EvidenceData data_;
  Bounds box_;
  ChainControl control_;
  Point centre_, point_;
  std::unique_ptr<PosteriorDensity> density_;
  Reference reference_;
  Stream stream_;
  Vector w_, force_, x_;
  double energy_ = kInfinity, step_ = kQuarterTurn;
  int n_paths_ = 0;
  Places seen_;
};

}  // namespace psyrl
