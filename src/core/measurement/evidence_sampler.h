// Draws of everything the evidence model estimates, around what the search found.
//
// The Laplace evidence says where the posterior is but less about how wide it is: what
// rare choices tell about values is one-sided, so that a Gaussian around the mode makes
// residuals too small and traits too large, by .1-.5 in log beta where people left the
// task's values far behind. Draws have no such bias.
//
// Where people left the task's values far behind, small residuals have sharp modes from
// which no chain escapes. Where choices clearly depart from the exact model
// (evidence_start.h) chains therefore come down from large residuals, each from others;
// elsewhere they begin where the search ended.
//
// Chains run side by side, each on one thread with its own random numbers, so that
// results do not depend on threads. Draws on which the chains disagree (split R-hat;
// Gelman et al. 2013, section 11.4) count as more warm-up, and as many follow at the ends
// of paths twice as long.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/measurement/evidence_chain.h"
#include "core/measurement/evidence_mixture.h"

namespace psyrl {

struct SamplerControl {
  int chains = 2;
  int warm_up = 12;       // draws of a chain in each stage
  int keep = 60;          // draws of a chain
  int max_rounds = 3;     // each with paths twice as long as the one before
  double agreement = 1.2; // largest R-hat
  int store = 60;         // draws of the values that are stored
  double clear_departure = 4.0;   // standard errors from which on chains begin at
  double wide[2] = {0.25, 0.06};  // these residual SD
  ChainControl chain;
};

namespace detail {

/// Of columns of draws, chain after chain.
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
  return std::sqrt((half - 1.0) / half + between / within);
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

class Sampler {
 public:
  Sampler(const EvidenceData& data, const SamplerControl& control,
          const SearchResult& found)
      : outer_(data), control_(control), which_(found.which),
        unit_(constant_unit(data, found)),
        data_{data.task, data.order, data.people, data.design, unit_, data.spec,
              data.nodes, Runtime{one_thread_, quiet_}, data.rank},
        eta_(found.best.eta), departs_(found.departure > control.clear_departure),
        root_(first_root(found)) {
    ChainControl chain = control.chain;
    chain.seed += fingerprint(data.people);
    // Where people keep to the task's values, residuals are too small to bend anything.
    chain.bent = departs_;
    if (!departs_) chain.jitter = 0.0;
    chains_.reserve(control.chains);
    for (int c = 0; c < control.chains; ++c) begin_chain(found, chain, c);
  }

  /// Empty when interrupted, or when no draw could be made.
  Mixture run(SearchResult& found) {
    for (const Chain& chain : chains_)
      if (!chain.good()) return Mixture();
    if (!warm_up()) return Mixture();
    double worst = kInfinity;
    for (int i = 0; i < control_.max_rounds && worst > control_.agreement; ++i) {
      if (i > 0 && !adapt()) return Mixture();
      if (!keep_draws()) return Mixture();
      worst = disagreement();
    }
    const bool agree = worst <= control_.agreement;
    found.status = agree ? Status::converged : Status::max_iterations;
    Mixture out = summary();
    found.hessian = covariance(out.parameters).inverse();
    return out;
  }

 private:
  static std::function<double(double)> constant_unit(const EvidenceData& data,
                                                     const SearchResult& found) {
    const double unit = data.unit(found.best.point.setting.discount);
    return [unit](double) { return unit; };
  }

  void begin_chain(const SearchResult& found, const ChainControl& control, int number) {
    Vector eta = eta_;
    Point mode = found.best.point;
    if (departs_) widen(control_.wide[number % 2], eta, mode);
    Reference reference = reference_at(data_, eta, mode, which_, root_, departs_);
    // Every value that the data know tells about the scale of all.
    const double known = 1.0 / std::sqrt(2.0 * reference.effective());
    for (std::size_t i = 0; i < which_.size(); ++i)
      if (which_[i] == layout().residual_sd())
        reference.root.row(i) *= std::min(1.0, known / reference.root.row(i).norm());
    chains_.emplace_back(data_, wide_bounds(), mode, eta, which_, reference, control,
                         number);
  }

  /// Moves to the mode at residual SD s, if there are values.
  void widen(double s, Vector& eta, Point& mode) const {
    const int at = layout().residual_sd();
    Vector wide = eta;
    wide[at] = std::min(std::log(s), bounds(outer_).upper[at]);
    Point there(data_, resolve(data_, wide));
    there.values.v = mode.values.v;
    evaluate(data_, mode.setting.residual_sd / there.setting.residual_sd * mode.u, there);
    if (!there.good) return;
    add_gradient(data_, there);
    minimise(data_, InnerControl{20, 0.1, 0.1}, there);
    eta = wide;
    mode = there;
  }

  static Eigen::MatrixXd first_root(const SearchResult& found) {
    const Eigen::MatrixXd covariance = found.hessian.inverse();
    Eigen::MatrixXd root = covariance.llt().matrixL();
    // Guesses of a short search: no wider than the hyper-priors.
    for (Eigen::Index i = 0; i < root.rows(); ++i)
      root.row(i) *= std::min(1.0, 2.0 / root.row(i).norm());
    return root;
  }

  Layout layout() const { return Layout{static_cast<int>(data_.design.cols())}; }

  /// Hyper-priors bound scales from below, where nothing depends on them.
  Bounds wide_bounds() const {
    Bounds box = bounds(outer_);
    box.lower[layout().residual_sd()] -= 5.0;
    box.lower[layout().temperature()] -= 5.0;
    return box;
  }

  static Eigen::MatrixXd covariance(const Eigen::MatrixXd& draws) {
    const Eigen::MatrixXd away = draws.rowwise() - draws.colwise().mean();
    return away.transpose() * away / (draws.rows() - 1.0);
  }

  /// `use(chain)` on every chain, side by side; false when the user wants to stop.
  template <class Use>
  bool each(const Use& use) {
    for_chunks(outer_.run.executor, chains_.size(), 1,
               [&](std::size_t c, std::size_t, std::size_t) { use(chains_[c], c); });
    return !outer_.run.monitor.interrupted();
  }

  /// After each stage the chains' Gaussian is brought to where they are, later with the
  /// covariance of the parameters seen on the way. Chains that come from far need more.
  bool warm_up() {
    const int n_stages = departs_ ? 7 : 4;
    for (int stage = 0; stage < n_stages; ++stage) {
      if (stage > 1) learn_root();
      if (stage > 0 && !renew_references()) return false;
      if (!warm_paths()) return false;
    }
    return true;
  }

  bool renew_references() {
    return each([&](Chain& chain, std::size_t) { chain.renew_reference(root_); });
  }

  bool warm_paths() {
    const int n = control_.warm_up;
    seen_.assign(chains_.size(), Eigen::MatrixXd(n, which_.size()));
    for (int i = 0; i < n; ++i)
      if (!each([&](Chain& chain, std::size_t c) {
            chain.advance(true);
            seen_[c].row(i) = chain.parameters().transpose();
          }))
        return false;
    return true;
  }

  /// To what the last round has shown.
  bool adapt() {
    for (std::size_t c = 0; c < chains_.size(); ++c) {
      seen_[c] = records_[c].traces.leftCols(which_.size());
      chains_[c].lengthen();
    }
    learn_root();
    return renew_references() && warm_paths();
  }

  /// From what each chain saw, and twice as wide: it was still on its way.
  void learn_root() {
    constexpr double widening = 4.0;
    constexpr double weight = 5.0;  // of what was believed before, in draws
    double n = weight;
    Eigen::MatrixXd sum = weight * root_ * root_.transpose();
    for (const Eigen::MatrixXd& seen : seen_) {
      n += seen.rows();
      sum += widening * seen.rows() * covariance(seen);
    }
    root_ = (sum / n).llt().matrixL();
  }

  /// What a chain has seen since warm-up or the last disagreement.
  struct Record {
    Table weight;            // sums over draws
    Vector q;
    SharedDraws stored;
    Eigen::MatrixXd traces;  // [keep x (q + 1)]: parameters, mean of z
  };

  void note(const Chain& chain, int draw, Record& out) const {
    const Point& at = chain.point();
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
    out.traces.row(draw) << chain.parameters().transpose(), at.post.mean.mean();
  }

  int spacing() const {
    return std::max(1, control_.keep * control_.chains / control_.store);
  }
  int n_stored() const { return control_.keep / spacing(); }

  bool keep_draws() {
    records_.assign(chains_.size(), Record());
    variance_ = 0.0;
    for (int i = 0; i < control_.keep; ++i) {
      if (!each([&](Chain& chain, std::size_t c) {
            chain.advance(false);
            note(chain, i, records_[c]);
          }))
        return false;
      const Vector apart = chains_[0].point().u - chains_[1].point().u;
      variance_ += 0.5 * apart.squaredNorm() / control_.keep;
    }
    return true;
  }

  /// Column `i` of the traces, chain after chain.
  Vector trace(Eigen::Index i) const {
    Vector out(control_.keep * chains_.size());
    for (std::size_t c = 0; c < chains_.size(); ++c)
      out.segment(c * control_.keep, control_.keep) = records_[c].traces.col(i);
    return out;
  }

  /// The largest R-hat of what persons depend on. Residual SD and temperature may
  /// wander where the data say nothing about them: small ones change no value.
  double disagreement() const {
    const Eigen::Index n = which_.size();
    double worst = 0.0;
    for (Eigen::Index i = 0; i <= n; ++i)
      if (i == n || which_[i] <= layout().sigma())
        worst = std::max(worst, split_rhat(trace(i), control_.chains));
    return worst;
  }

  Eigen::MatrixXd parameters() const {
    Eigen::MatrixXd out(control_.keep * chains_.size(), which_.size());
    for (Eigen::Index i = 0; i < out.cols(); ++i) out.col(i) = trace(i);
    return out;
  }

  Mixture summary() const {
    const double n = static_cast<double>(control_.keep * chains_.size());
    Mixture out;
    out.parameters = parameters();
    Vector eta = eta_;
    for (std::size_t i = 0; i < which_.size(); ++i)
      eta[which_[i]] = out.parameters.col(i).mean();
    out.setting = resolve(data_, eta);
    out.q = Vector::Zero(data_.task.n_pairs());
    out.weight = Table::Zero(data_.people.n_persons, data_.nodes.size());
    out.draws = SharedDraws(out.q.size(), out.setting.coefficients.size(),
                            n_stored() * control_.chains);
    for (std::size_t c = 0; c < records_.size(); ++c) {
      const Record& record = records_[c];
      out.weight += record.weight / n;
      out.q += record.q / n;
      out.draws.put(c * n_stored(), record.stored);
    }
    out.effective = std::max(0.0, out.q.size() - variance_);
    report_values(data_, out);
    return out;
  }

  const EvidenceData& outer_;
  const SamplerControl control_;
  const std::vector<int> which_;
  const SerialExecutor one_thread_;
  const Monitor quiet_;  // interrupts are asked for between draws, on the calling thread
  const std::function<double(double)> unit_;
  const EvidenceData data_;
  const Vector eta_;     // what is not free stays
  const bool departs_;   // from the task's values, clearly
  Eigen::MatrixXd root_;
  std::vector<Chain> chains_;
  std::vector<Eigen::MatrixXd> seen_;
  std::vector<Record> records_;
  double variance_ = 0.0;  // of u, summed: chains know nothing of each other
};

}  // namespace detail

/// Draws of the posterior around `found`, which gets its status and the inverse of the
/// parameters' covariance.
inline Mixture sample_posterior(const EvidenceData& data, const SamplerControl& control,
                                SearchResult& found) {
  return detail::Sampler(data, control, found).run(found);
}

}  // namespace psyrl
