// A chain of draws of x = (u, eta) from the posterior of the evidence model by
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
#include <vector>

#include "core/base/rng.h"
#include "core/measurement/evidence_reference.h"

namespace psyrl {

struct ChainControl {
  double length = 1.57;  // of a path, on average: a quarter of a turn
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
        mode_(data, resolve(data, from.eta)), trial_(mode_), point_(mode_),
        eta_(from.eta), stream_(control.seed, 0x636861696eULL, number), step_(from.step) {
    if (!find_mode(from)) return;
    reference_ = reference_at(data_, eta_, mode_, which_, root, control_.bent);
    trial_ = mode_;
    if (from.u.size() > 0) {
      Vector x(reference_.centre.size());
      x << from.u, detail::pick(eta_, which_);
      w_ = reference_.coordinates(x);
    } else {
      limit_scale();
      w_ = Vector::Zero(reference_.centre.size());
    }
    energy_ = energy(w_, force_);
    point_ = trial_;
  }

  /// One path. While warming up its steps follow what is accepted.
  void advance(bool warming) {
    const double path = control_.length * (0.5 + stream_.uniform());
    const double step = step_ * (1.0 - control_.jitter * stream_.uniform());
    const int n_steps =
        std::min(control_.max_steps, std::max(1, static_cast<int>(path / step + 0.5)));
    const bool careful = stream_.uniform() < control_.careful;
    const double chance = follow_path(n_steps, careful ? step * control_.smaller : step);
    if (!warming || careful) return;
    const double excess = chance - control_.accept;
    step_ *= std::exp(excess / std::sqrt(1.0 + 0.5 * n_warm_++));
    step_ = std::min(step_, 1.57);
  }

  ChainState state() const {
    const Vector x = reference_.position(w_);
    ChainState out{eta_, x.head(mode_.u.size()), mode_.u, mode_.values.v, step_};
    put_parameters(x, out.eta);
    return out;
  }

  const Point& point() const { return point_; }
  bool good() const { return std::isfinite(energy_); }
  Vector parameters() const { return reference_.parameters(w_); }

 private:
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
    const double known = 1.0 / std::sqrt(2.0 * reference_.effective());
    const Layout layout = layout_of(data_);
    for (std::size_t i = 0; i < which_.size(); ++i)
      if (which_[i] == layout.residual_sd())
        reference_.root.row(i) *= std::min(1.0, known / reference_.root.row(i).norm());
  }

  Vector normals() {
    Vector out(reference_.centre.size());
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

  void put_parameters(const Vector& x, Vector& eta) const {
    const Eigen::Index n = x.size() - which_.size();
    for (std::size_t i = 0; i < which_.size(); ++i) eta[which_[i]] = x[n + i];
  }

  /// f and hyper-priors at w, into `trial_`; the force is the gradient less w.
  double energy(const Vector& w, Vector& force) {
    const Vector x = reference_.position(w);
    put_parameters(x, eta_);
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
  double energy_ = kInfinity, step_;
  int n_warm_ = 0;
};

}  // namespace psyrl
