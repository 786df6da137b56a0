// A chain of draws of x = (u, eta) from the posterior of the evidence model by
// Hamiltonian Monte Carlo, the traits integrated out on the grid.
//
// In the coordinates w of a Gaussian close by (evidence_reference.h) a path rotates
// exactly for what is Gaussian and is kicked by the force beyond it, so that the many
// pairs that nobody visits cost no shorter steps (Shahbaba et al. 2014, "Split
// Hamiltonian Monte Carlo"). Paths have random lengths, and some go in smaller steps:
// where few choices tell about a value the posterior is sharp on one side, and a chain
// that got there is let go by small steps only.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/rng.h"
#include "core/measurement/evidence_reference.h"

namespace psyrl {

struct ChainControl {
  double length = 1.57;  // of a path, on average: a quarter of a turn
  double accept = 0.8;   // of proposals
  double jitter = 0.6;   // of steps: by how much the smallest are smaller
  int max_steps = 64;
  bool bent = true;      // the Gaussian close by follows the bend of the modes
  std::uint64_t seed = 1;
};

class Chain {
 public:
  /// From the centre of `reference`, which is `mode` at `eta`.
  Chain(const EvidenceData& data, const Bounds& box, const Point& mode, const Vector& eta,
        const std::vector<int>& which, const Reference& reference,
        const ChainControl& control, int number)
      : data_(data), box_(box), which_(which), control_(control), reference_(reference),
        mode_(mode), trial_(mode), point_(mode), eta_(eta),
        stream_(control.seed, 0x636861696eULL, number) {
    w_ = Vector::Zero(reference_.centre.size());
    energy_ = energy(w_, force_);
    point_ = trial_;
  }

  /// One path. While warming up its steps follow what is accepted.
  void advance(bool warming) {
    const double path = control_.length * (0.5 + stream_.uniform());
    const double step = step_ * (1.0 - control_.jitter * stream_.uniform());
    const int n_steps =
        std::min(control_.max_steps, std::max(1, static_cast<int>(path / step + 0.5)));
    const double excess = follow_path(n_steps, step) - control_.accept;
    if (!warming) return;
    step_ *= std::exp(excess / std::sqrt(1.0 + 0.5 * n_warm_++));
    step_ = std::min(step_, 1.57);
  }

  /// Moves the Gaussian to the mode at the parameters where the chain is; `root` is a
  /// factor of their covariance.
  void renew_reference(const Eigen::MatrixXd& root) {
    const Vector x = reference_.position(w_);
    set_eta(x);
    mode_.setting = resolve(data_, eta_);
    evaluate(data_, mode_.u, mode_);
    if (!mode_.good) return;
    add_gradient(data_, mode_);
    minimise(data_, InnerControl{20, 0.1, 0.1}, mode_);
    reference_ = reference_at(data_, eta_, mode_, which_, root, control_.bent);
    w_ = reference_.coordinates(x);
    energy_ = energy(w_, force_);
    point_ = trial_;
    n_warm_ = 0;
  }

  /// Paths twice as long carry a chain twice as far for twice the cost, where twice the
  /// draws would carry it 1.4 times as far.
  void lengthen() {
    control_.length *= 2.0;
    control_.max_steps *= 2;
  }

  const Point& point() const { return point_; }
  bool good() const { return std::isfinite(energy_); }
  Vector parameters() const { return reference_.parameters(w_); }

 private:
  Vector normals() {
    Vector out(reference_.centre.size());
    for (Eigen::Index i = 0; i < out.size(); ++i) out[i] = stream_.normal();
    return out;
  }

  /// Returns the chance that it was accepted with.
  double follow_path(int n_steps, double step) {
    Vector p = normals(), w = w_, force = force_;
    const double before = energy_ + 0.5 * p.squaredNorm();
    double after = energy_;
    for (int i = 0; i < n_steps && std::isfinite(after); ++i)
      after = leap(step, w, p, force);
    const double rise = after + 0.5 * p.squaredNorm() - before;
    const double chance = std::isfinite(rise) ? std::min(1.0, std::exp(-rise)) : 0.0;
    if (stream_.uniform() < chance) {
      w_ = w;
      force_ = force;
      energy_ = after;
      point_ = trial_;
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

  void set_eta(const Vector& x) {
    const Eigen::Index n = x.size() - which_.size();
    for (std::size_t i = 0; i < which_.size(); ++i) eta_[which_[i]] = x[n + i];
  }

  /// f and hyper-priors at w, into `trial_`; the force is the gradient less w.
  double energy(const Vector& w, Vector& force) {
    const Vector x = reference_.position(w);
    set_eta(x);
    for (int i : which_)
      if (!(eta_[i] >= box_.lower[i] && eta_[i] <= box_.upper[i])) return kInfinity;
    trial_.setting = resolve(data_, eta_);
    evaluate(data_, x.head(x.size() - which_.size()), trial_);
    if (!trial_.good) return kInfinity;
    add_gradient(data_, trial_);
    Vector by_eta = setting_gradient(data_, trial_, eta_);
    const double prior = hyper_prior(data_, eta_, &by_eta);
    Vector gradient(x.size());
    gradient << trial_.gradient, detail::pick(by_eta, which_);
    force = reference_.pull(w, gradient) - w;
    return trial_.f + prior;
  }

  EvidenceData data_;
  Bounds box_;
  std::vector<int> which_;
  ChainControl control_;
  Reference reference_;
  Point mode_, trial_, point_;
  Vector eta_;            // of the point that was tried last
  Stream stream_;
  Vector w_, force_;
  double energy_ = kInfinity, step_ = 0.3;
  int n_warm_ = 0;  // since the reference was renewed
};

}  // namespace psyrl
