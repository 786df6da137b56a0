// Draws of everything the evidence model estimates, around what the search found.
//
// The Laplace evidence says where the posterior is but less about how wide it is: what
// rare choices tell about values is one-sided, so that a Gaussian around the mode makes
// residuals too small and traits too large, by .1-.5 in log beta where people left the
// task's values far behind. Draws have no such bias.
//
// Where people left the task's values far behind, small residuals have sharp modes from
// which no chain escapes. Where choices clearly depart from the exact model
// (evidence_start.h) chains therefore come down from large residuals, each from others,
// and no chain begins far below the search; elsewhere they begin where it ended.
//
// Chains run side by side, each on one thread with its own random numbers, so that
// results do not depend on threads. They go in stages, and all that passes from one to
// the next is a SamplerState, which a caller can keep. Each stage has chains move in the
// coordinates of a Gaussian close to where they are, with the covariance of the
// parameters seen on the way. Rounds of draws that count follow in the same way, until
// the chains agree on the later half of them (split R-hat; Gelman et al. 2013, section
// 11.4): the earlier half were more warm-up. From the second round on paths are twice as
// long; longer ones would leave the place that their Gaussian is close to, and must then
// go in small steps.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "core/measurement/evidence_chain.h"
#include "core/measurement/evidence_mixture.h"

namespace psyrl {

struct SamplerControl {
  int chains = 2;
  int warm_up = 12;       // draws of a chain in each stage
  int stages = 4;         // of warm-up, the last of which goes on to draws that count
  int far_stages = 7;     // where chains come from far
  int settle = 8;         // draws before a round, in which steps adapt most
  int keep = 60;          // draws of a chain in a round
  int seen = 5;           // about how many of a stage's draws the next learns from,
  int seen_cyclic = 10;   // where states come back, so that draws differ more
  int store = 60;         // draws of the values that are stored
  double clear_departure = 4.0;   // standard errors, from which on chains begin at
  double wide[2] = {0.25, 0.06};  // these residual SD, or if that is more, at
  double share[2] = {0.7, 0.5};   // these shares of the search's
  double ridge = 0.2;             // SD along the ridge that is believed at first
  ChainControl chain;
};

/// What draws begin from: where the search ended.
struct SearchedMode {
  Vector eta, u, v;
  Eigen::MatrixXd hessian;  // of the evidence, free parameters
  double departure;
};

/// Of one chain in one round.
struct ChainDraws {
  Table weight;            // sums over draws
  Vector q;
  SharedDraws stored;
  Eigen::MatrixXd traces;  // [draws x (q + 1)]: parameters, mean of z
};

struct Round {
  std::vector<ChainDraws> chains;
  double variance = 0.0;  // of u, summed over pairs: chains know nothing of each other
};

/// Between stages.
struct SamplerState {
  int stage = 0;                      // stages that are done
  bool departs = false;               // from the task's values, clearly
  bool discount_free = false;
  Vector eta;                         // what is not free stays
  Eigen::MatrixXd root;               // factor of the parameters' covariance
  std::vector<ChainState> chains;
  std::vector<Eigen::MatrixXd> seen;  // parameters in the last stage, a row a draw
  std::vector<Round> rounds;          // the later half
};

/// What is known of the posterior after a stage.
struct StageDraws {
  TraceRow row;               // at the mean of the parameters
  Mixture mixture;            // empty during warm-up
  double disagreement = NAN;  // R-hat
};

namespace detail {

/// Of columns of draws, chain after chain. Chains that never moved agree on nothing.
inline double split_rhat(const Vector& x, int n_chains) {
  const Eigen::Index half = x.size() / (2 * n_chains);
  Vector mean(2 * n_chains), variance(2 * n_chains);
  for (int h = 0; h < 2 * n_chains; ++h) {
    const Vector part = x.segment(h * half, half);
    mean[h] = part.mean();
    variance[h] = (part.array() - mean[h]).square().sum() / (half - 1);
  }
  const double within = variance.mean();
  const double between = (mean.array() - mean.mean()).square().sum() / (2 * n_chains - 1);
  return within > 0.0 ? std::sqrt((half - 1.0) / half + between / within) : kInfinity;
}

/// Of the choices: the same for the same data, so that fits can be repeated, and another
/// for others, so that replicates of a study share no random numbers.
inline std::uint64_t fingerprint(const People& people) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  const auto mix = [&](double x) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    hash = (hash ^ bits ^ (bits >> 32)) * 0x100000001b3ULL;
  };
  for (int v = 0; v < people.n_visits(); ++v) mix(people.visit_person[v]);
  for (double n : people.count) mix(n);
  return hash;
}

inline Eigen::MatrixXd covariance(const Eigen::MatrixXd& draws) {
  const Eigen::MatrixXd away = draws.rowwise() - draws.colwise().mean();
  return away.transpose() * away / (draws.rows() - 1.0);
}

inline Eigen::MatrixXd first_root(const Eigen::MatrixXd& hessian) {
  Eigen::MatrixXd root = Eigen::MatrixXd(hessian.inverse()).llt().matrixL();
  // Guesses of a short search: no wider than the hyper-priors.
  for (Eigen::Index i = 0; i < root.rows(); ++i)
    root.row(i) *= std::min(1.0, 2.0 / root.row(i).norm());
  return root;
}

/// Larger sensitivities are much the same as smaller residuals and temperatures and a
/// longer horizon: along that ridge, where the Laplace evidence is too narrow, an SD of
/// `size` in log beta.
inline void add_ridge(const EvidenceData& data, double size, Eigen::MatrixXd& root) {
  if (!std::isnan(data.spec.mu)) return;
  const Layout at = layout_of(data);
  const std::vector<int> which = free_parameters(data);
  Vector a = Vector::Zero(which.size());
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (which[i] == 0) a[i] = size;
    if (which[i] == at.residual_sd()) a[i] = -size;
    if (which[i] == at.temperature()) a[i] = -0.5 * size;
    if (which[i] == at.discount()) a[i] = 0.5 * size;
  }
  root = Eigen::MatrixXd(root * root.transpose() + a * a.transpose()).llt().matrixL();
}

/// The residuals of `mode`, in reward units, at residual SD s.
inline ChainState widened(const EvidenceData& data, const SearchedMode& mode, double s) {
  const int at = layout_of(data).residual_sd();
  ChainState out{mode.eta, mode.u, mode.v};
  out.eta[at] = std::min(std::log(s), bounds(data).upper[at]);
  out.x *= resolve(data, mode.eta).residual_sd / resolve(data, out.eta).residual_sd;
  return out;
}

/// One stage.
class Sampler {
 public:
  Sampler(const EvidenceData& data, const SamplerControl& control, SamplerState& state)
      : outer_(data), control_(control), state_(state), which_(free_parameters(data)),
        unit_(constant_unit(data, state.eta)), round_(state.stage - (n_warm() - 1)),
        data_{data.task, data.order, data.people, data.design, unit_, data.spec,
              data.nodes, Runtime{one_thread_, quiet_}, data.rank} {}

  /// Advances the state; false when interrupted, or when no draw can be made.
  bool run(StageDraws& out) {
    if (state_.stage > 1) learn_root();
    if (!begin_chains() || !(round_ > 0 ? settle() : warm_up())) return false;
    if (round_ >= 0) {
      if (!keep_draws()) return false;
      out.disagreement = disagreement();
      out.mixture = summary();
      for (std::size_t c = 0; c < chains_.size(); ++c)
        state_.seen[c] = state_.rounds.back().chains[c].traces.leftCols(which_.size());
    }
    for (std::size_t c = 0; c < chains_.size(); ++c) state_.chains[c] = chains_[c]->state();
    ++state_.stage;
    out.row = row(out.mixture);
    return true;
  }

 private:
  static std::function<double(double)> constant_unit(const EvidenceData& data,
                                                     const Vector& eta) {
    const double unit = data.unit(resolve(data, eta).discount);
    return [unit](double) { return unit; };
  }

  int n_warm() const { return state_.departs ? control_.far_stages : control_.stages; }

  bool begin_chains() {
    ChainControl control = control_.chain;
    control.seed += fingerprint(data_.people);
    if (round_ > 0) {
      control.length *= 2.0;
      control.max_steps *= 2;
    }
    const std::size_t n = state_.chains.size();
    chains_.resize(n);
    const bool go_on = each([&](std::size_t c) {
      chains_[c].reset(new MarkovChain(data_, wide_bounds(), which_, state_.root, control,
                                       state_.chains[c], state_.stage * n + c));
    });
    for (const auto& chain : chains_)
      if (!chain->good()) return false;
    return go_on;
  }

  /// Hyper-priors bound scales from below, where nothing depends on them.
  Bounds wide_bounds() const {
    Bounds box = bounds(outer_);
    const Layout at = layout_of(data_);
    box.lower[at.residual_sd()] -= 5.0;
    box.lower[at.temperature()] -= 5.0;
    return box;
  }

  /// `use(number)` for every chain, side by side; false when the user wants to stop.
  template <class Use>
  bool each(const Use& use) {
    for_chunks(outer_.run.executor, chains_.size(), 1,
               [&](std::size_t c, std::size_t, std::size_t) { use(c); });
    return !outer_.run.monitor.interrupted();
  }

  /// The next stage learns from some of `n` draws; this is draw `i`.
  void look(std::size_t c, int i, int n) {
    const int seen = data_.order.plan.empty() ? control_.seen : control_.seen_cyclic;
    if (i % std::max(1, n / seen) == 0) chains_[c]->look();
  }

  bool warm_up() {
    state_.seen.assign(chains_.size(), Eigen::MatrixXd(control_.warm_up, which_.size()));
    for (int i = 0; i < control_.warm_up; ++i)
      if (!each([&](std::size_t c) {
            chains_[c]->advance();
            if (round_ < 0) look(c, i, control_.warm_up);
            state_.seen[c].row(i) = chains_[c]->free_parameters().transpose();
          }))
        return false;
    return true;
  }

  /// From what each chain saw; twice as wide while chains are on their way from far.
  void learn_root() {
    const double widening = state_.departs && round_ <= 0 ? 4.0 : 1.0;
    constexpr double weight = 5.0;  // of what was believed before, in draws
    double n = weight;
    Eigen::MatrixXd sum = weight * state_.root * state_.root.transpose();
    for (const Eigen::MatrixXd& seen : state_.seen) {
      n += seen.rows();
      sum += widening * seen.rows() * covariance(seen);
    }
    state_.root = (sum / n).llt().matrixL();
  }

  void note(const MarkovChain& chain, const Point& at, int draw, ChainDraws& out) const {
    if (draw == 0) {
      out.weight = Table::Zero(at.post.weight.rows(), at.post.weight.cols());
      out.q = Vector::Zero(at.u.size());
      out.stored = SharedDraws(at.u.size(), at.setting.coefficients.size(), n_stored());
      out.traces.resize(control_.keep, which_.size() + 1);
    }
    out.weight += at.post.weight;
    out.q += at.values.q;
    if (draw % spacing() == 0 && draw / spacing() < n_stored())
      out.stored.put(draw / spacing(), at.values.q, at.setting);
    out.traces.row(draw) << chain.free_parameters().transpose(), at.post.mean.mean();
  }

  int spacing() const {
    return std::max(1, control_.keep * control_.chains / control_.store);
  }
  int n_stored() const { return control_.keep / spacing(); }

  bool settle() {
    for (int i = 0; i < control_.settle; ++i)
      if (!each([&](std::size_t c) { chains_[c]->advance(); })) return false;
    return true;
  }

  bool keep_draws() {
    Round round;
    round.chains.resize(chains_.size());
    for (int i = 0; i < control_.keep; ++i) {
      if (!each([&](std::size_t c) {
            chains_[c]->advance();
            look(c, i, control_.keep);
            note(*chains_[c], chains_[c]->integrated(), i, round.chains[c]);
          }))
        return false;
      const Vector apart = chains_[0]->point().u - chains_[1]->point().u;
      round.variance += 0.5 * apart.squaredNorm() / control_.keep;
    }
    std::vector<Round>& rounds = state_.rounds;
    rounds.push_back(std::move(round));
    const std::size_t later_half = (round_ + 2) / 2;
    rounds.erase(rounds.begin(), rounds.end() - later_half);
    return true;
  }

  Eigen::Index n_draws() const {
    return control_.keep * static_cast<Eigen::Index>(state_.rounds.size());
  }

  /// Column `i` of the traces, chain after chain.
  Vector trace(Eigen::Index i) const {
    Vector out(n_draws() * chains_.size());
    Eigen::Index at = 0;
    for (std::size_t c = 0; c < chains_.size(); ++c)
      for (const Round& round : state_.rounds) {
        out.segment(at, control_.keep) = round.chains[c].traces.col(i);
        at += control_.keep;
      }
    return out;
  }

  /// The largest R-hat of what persons depend on. Residual SD and temperature may
  /// wander where the data say nothing about them: small ones change no value.
  double disagreement() const {
    const Eigen::Index n = which_.size();
    double worst = 0.0;
    for (Eigen::Index i = 0; i <= n; ++i)
      if (i == n || which_[i] <= layout_of(data_).sigma())
        worst = std::max(worst, split_rhat(trace(i), control_.chains));
    return worst;
  }

  Eigen::MatrixXd parameters() const {
    Eigen::MatrixXd out(n_draws() * chains_.size(), which_.size());
    for (Eigen::Index i = 0; i < out.cols(); ++i) out.col(i) = trace(i);
    return out;
  }

  TraceRow row(const Mixture& mixture) const {
    Vector eta = state_.eta;
    for (std::size_t i = 0; i < which_.size(); ++i) {
      eta[which_[i]] = 0.0;
      for (const Eigen::MatrixXd& seen : state_.seen)
        eta[which_[i]] += seen.col(i).mean() / state_.seen.size();
    }
    TraceRow out{0, state_.stage, NAN, mixture.known() ? mixture.loglik : NAN,
                 NAN, NAN, NAN, NAN, NAN, 0};
    out.put(resolve(data_, eta));
    return out;
  }

  Mixture summary() const {
    const double n = static_cast<double>(n_draws() * chains_.size());
    const Eigen::Index n_rounds = state_.rounds.size();
    Mixture out;
    out.parameters = parameters();
    Vector eta = state_.eta;
    for (std::size_t i = 0; i < which_.size(); ++i)
      eta[which_[i]] = out.parameters.col(i).mean();
    out.setting = resolve(data_, eta);
    out.q = Vector::Zero(data_.task.n_pairs());
    out.weight = Table::Zero(data_.people.n_persons, data_.nodes.size());
    const Eigen::Index thin = (n_stored() + n_rounds - 1) / n_rounds;  // of a chain's round
    out.draws = SharedDraws(out.q.size(), out.setting.coefficients.size(),
                            thin * n_rounds * control_.chains);
    out.effective = out.q.size();
    Eigen::Index at = 0;
    for (const Round& round : state_.rounds) {
      out.effective -= round.variance / n_rounds;
      for (const ChainDraws& chain : round.chains) {
        out.weight += chain.weight / n;
        out.q += chain.q / n;
        out.draws.put(at, chain.stored.thinned(n_rounds));
        at += thin;
      }
    }
    out.effective = std::max(0.0, out.effective);
    report_values(data_, out);
    return out;
  }

  const EvidenceData& outer_;
  const SamplerControl control_;
  SamplerState& state_;
  const std::vector<int> which_;
  const SerialExecutor one_thread_;
  const Monitor quiet_;  // interrupts are asked for between draws, on the calling thread
  const std::function<double(double)> unit_;
  const int round_;  // of draws that count; negative: warm-up alone
  const EvidenceData data_;
  std::vector<std::unique_ptr<MarkovChain>> chains_;
};

}  // namespace detail

inline SamplerState begin_sampling(const EvidenceData& data, const SamplerControl& control,
                                   const SearchedMode& mode) {
  SamplerState out;
  out.departs = mode.departure > control.clear_departure;
  out.discount_free = data.spec.discount_free;
  out.eta = mode.eta;
  out.root = detail::first_root(mode.hessian);
  if (out.departs) detail::add_ridge(data, control.ridge, out.root);
  const double found = resolve(data, mode.eta).residual_sd;
  for (int c = 0; c < control.chains; ++c) {
    const double s = std::max(control.wide[c % 2], control.share[c % 2] * found);
    out.chains.push_back(out.departs ? detail::widened(data, mode, s)
                                     : ChainState{mode.eta, mode.u, mode.v});
  }
  return out;
}

/// One stage more. False when the user stopped it or no draw can be made: the state is
/// then of no use.
inline bool advance_sampling(const EvidenceData& data, const SamplerControl& control,
                             SamplerState& state, StageDraws& draws) {
  return detail::Sampler(data, control, state).run(draws);
}

/// The inverse of the parameters' covariance.
inline Eigen::MatrixXd information(const Mixture& mixture) {
  return detail::covariance(mixture.parameters).inverse();
}

}  // namespace psyrl
