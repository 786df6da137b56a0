// A chain of draws of values and parameters from the posterior of the evidence model by
// Hamiltonian Monte Carlo, the traits integrated out on the grid.
//
// In the coordinates w of a Gaussian close by (evidence_reference.h) a path rotates
// exactly for what is Gaussian and is kicked by the force beyond it, so that the many
// pairs that nobody visits cost no shorter steps (Shahbaba et al. 2014, "Split
// Hamiltonian Monte Carlo"). Paths have random lengths, and some go in much smaller
// steps: where few choices tell about a value the posterior is sharp on one side, and a
// chain that got there is let go by small steps only.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/base/rng.h"
#include "core/measurement/evidence_reference.h"

namespace psyrl {

constexpr double kQuarterTurn = 1.57;  // of the rotation that a path is

struct ChainControl {
  double length = kQuarterTurn;  // of a path, on average
  double accept = 0.8;   // of proposals
  double jitter = 0.6;   // of steps: by how much the smallest are smaller
  double careful = 0.2;  // share of paths that go in as many steps, but
  double smaller = 0.2;  // of this share of their size
  double lost = 100.0;   // range of energies on the way at which a path is given up
  int max_steps = 64;
  bool bent = true;      // the Gaussian close by follows the bend of the modes
  std::uint64_t seed = 1;
};

/// What is left of a chain between its stages, and what it begins from.
struct ChainState {
  Vector eta;         // all parameters; those that are free move
  Vector u;           // empty: at the mode
  Vector mode_u, v;   // a mode close by, or a guess of one, with its values of states
  double step = 0.3;
};

/// One stage of a chain, around the mode at the parameters where it begins.
class MarkovChain {
 public:
  /// `root`: a factor of the parameters' covariance.
  MarkovChain(const EvidenceData& data, const Bounds& box, const std::vector<int>& which,
              const Eigen::MatrixXd& root, const ChainControl& control,
              const ChainState& from, std::uint64_t number)
      : data_(data), box_(box), which_(which), control_(control),
        mode_(data, resolve(data, from.eta)), point_(mode_), eta_(from.eta),
        stream_(control.seed, 0x636861696eULL, number), step_(from.step) {
    if (!find_mode(from)) return;
    reference_ = reference_at(data_, eta_, mode_, which_, root, control_.bent);
    density_ = posterior_density(data_, reference_.kind, mode_);
    w_ = Vector::Zero(reference_.size());
    if (from.u.size() > 0) {
      const Vector away = density_->departure(mode_.u, from.u, eta_);
      if (!away.allFinite()) return;
      w_.head(away.size()) = reference_.factor->solve(away);
    } else {
      limit_scale();
    }
    energy_ = energy(w_, force_);
    point_ = density_->point();
  }

  /// One path. Steps follow what is accepted: while warming up at once, else when a next
  /// stage begins.
  void advance(bool warming) {
    const double path = control_.length * (0.5 + stream_.uniform());
    const double step = step_ * (1.0 - control_.jitter * stream_.uniform());
    const int n_steps =
        std::min(control_.max_steps, std::max(1, static_cast<int>(path / step + 0.5)));
    const bool careful = stream_.uniform() < control_.careful;
    const double chance = follow_path(n_steps, careful ? step * control_.smaller : step);
    if (careful) return;
    const double excess = chance - control_.accept;
    if (!warming) {
      excess_ += excess;
      ++n_kept_;
      return;
    }
    step_ = changed_step(excess / std::sqrt(1.0 + 0.5 * n_warm_++));
  }

  ChainState state() const {
    const double excess = n_kept_ > 0 ? excess_ / n_kept_ : 0.0;
    return ChainState{at(w_), point_.u, mode_.u, mode_.values.v,
                      changed_step(2.0 * excess)};
  }

  const Point& point() const { return point_; }
  bool good() const { return std::isfinite(energy_); }
  Vector parameters() const { return reference_.parameters(w_); }

 private:
  double changed_step(double by) const {
    return std::min(step_ * std::exp(by), kQuarterTurn);
  }

  /// False where there are no finite values.
  bool find_mode(const ChainState& from) {
    mode_.values.v = from.v;
    evaluate(data_, from.mode_u, mode_);
    if (!mode_.good && from.u.size() > 0) evaluate(data_, from.u, mode_);
    if (!mode_.good) return false;
    add_gradient(data_, mode_);
    minimise(data_, InnerControl{20, 0.1, 0.1}, mode_);
    return true;
  }

  /// Every value that the data know tells about the scale of all.
  void limit_scale() {
    const double known = 1.0 / std::sqrt(2.0 * reference_.factor->effective());
    const Layout layout = layout_of(data_);
    for (std::size_t i = 0; i < which_.size(); ++i)
      if (which_[i] == layout.residual_sd())
        reference_.root.row(i) *= std::min(1.0, known / reference_.root.row(i).norm());
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
      point_ = density_->point();
    }
    return chance;
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

  /// All parameters at w.
  Vector at(const Vector& w) const {
    Vector out = eta_;
    const Vector free = reference_.parameters(w);
    for (std::size_t i = 0; i < which_.size(); ++i) out[which_[i]] = free[i];
    return out;
  }

  /// f at w; the force is its gradient less w.
  double energy(const Vector& w, Vector& force) {
    const Vector eta = at(w);
    for (int i : which_)
      if (!(eta[i] >= box_.lower[i] && eta[i] <= box_.upper[i])) return kInfinity;
    DensitySlopes by;
    const double f =
        (*density_)(reference_.residuals(w), reference_.departure(w), eta, by);
    if (std::isfinite(f)) force = reference_.pull(w, by, which_) - w;
    return f;
  }

  EvidenceData data_;
  Bounds box_;
  std::vector<int> which_;
  ChainControl control_;
  Point mode_, point_;
  std::unique_ptr<PosteriorDensity> density_;
  Reference reference_;
  const Vector eta_;  // where the chain began; what is not free stays
  Stream stream_;
  Vector w_, force_;
  double energy_ = kInfinity, step_;
  double excess_ = 0.0;  // of what is accepted of paths that count, summed
  int n_warm_ = 0, n_kept_ = 0;
};

}  // namespace psyrl
