// Glue of the convex fits. `trials` is the list made by convex_trials() in
// R/convex-data.R: problems are runs of sequences, sequences are runs of trials.
#include <RcppEigen.h>

#include "core/convex/branch_and_bound.h"
#include "core/convex/misfit.h"
#include "core/convex/posterior.h"
#include "core/convex/two_step.h"
#include "runtime.h"

using namespace psyrl;
using namespace psyrl::convex;

namespace {

// Purposes of random streams.
constexpr std::uint64_t kStarts = 0x636f6e766578ULL;
constexpr std::uint64_t kMisfit = 0x6d6973666974ULL;

Rcpp::IntegerVector integers(SEXP x) { return Rcpp::as<Rcpp::IntegerVector>(x); }

class Problems {
 public:
  explicit Problems(const Rcpp::List& trials)
      : n_options_(Rcpp::as<int>(trials["n_options"])),
        problem_start_(integers(trials["problem_start"])),
        sequence_start_(integers(trials["sequence_start"])),
        choice_(integers(trials["choice"])),
        signal_(Rcpp::as<Rcpp::NumericMatrix>(trials["signal"])),
        covariates_(Rcpp::as<Rcpp::NumericMatrix>(trials["covariates"])),
        weight_(Rcpp::as<Rcpp::NumericVector>(trials["weight"])),
        available_(integers(trials["available"])) {
    if (!trials.containsElementNamed("stage")) return;
    stage_ = integers(trials["stage"]);
    state_ = integers(trials["state"]);
    common_ = Rcpp::as<double>(trials["common"]);
  }

  int size() const { return problem_start_.size() - 1; }
  int n_channels() const { return signal_.nrow(); }
  int n_trials(int problem) const { return end(problem) - begin(problem); }
  int begin(int problem) const { return sequence_start_[problem_start_[problem]]; }
  int end(int problem) const { return sequence_start_[problem_start_[problem + 1]]; }

  Design design(int problem, bool share, Clock clock) const {
    std::vector<int> start;
    const int from = begin(problem), n = n_trials(problem);
    for (int s = problem_start_[problem]; s <= problem_start_[problem + 1]; ++s)
      start.push_back(sequence_start_[s] - from);
    if (clock == Clock::chain) return chain(start, from, n);
    Trials trials;
    trials.n_options = n_options_;
    trials.n_channels = n_channels();
    trials.sequence_start = start;
    trials.choice = trials.acted = View<int>(choice_.begin() + from, n);
    trials.signal = View<double>(signal_.begin() + from * n_channels(),
                                 static_cast<std::size_t>(n) * n_channels());
    if (weight_.size()) trials.weight = View<double>(weight_.begin() + from, n);
    if (available_.size())
      trials.available =
          View<int>(available_.begin() + static_cast<std::size_t>(from) * n_options_,
                    static_cast<std::size_t>(n) * n_options_);
    return make_design(trials, share, clock);
  }

  /// Directions of either sign: covariates come options fastest.
  std::vector<Column> covariates(int problem) const {
    std::vector<Column> columns(covariates_.nrow() / n_options_);
    const int n = n_trials(problem), from = begin(problem);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      columns[c].feature.resize(n, n_options_);
      for (int t = 0; t < n; ++t)
        for (int j = 0; j < n_options_; ++j)
          columns[c].feature(t, j) =
              covariates_[static_cast<R_xlen_t>(from + t) * covariates_.nrow() +
                          c * n_options_ + j];
    }
    return columns;
  }

 private:
  template <class T, class Vector>
  static std::vector<T> part(const Vector& x, int from, int n) {
    return std::vector<T>(x.begin() + from, x.begin() + from + n);
  }

  Design chain(const std::vector<int>& start, int from, int n) const {
    TwoStepLog log;
    log.sequence_start = start;
    log.stage = part<int>(stage_, from, n);
    log.state = part<int>(state_, from, n);
    log.choice = part<int>(choice_, from, n);
    log.outcome = part<double>(signal_, from, n);
    return two_step_design(log, common_,
                           weight_.size() ? part<double>(weight_, from, n)
                                          : std::vector<double>(n, 1.0));
  }

  int n_options_;
  Rcpp::IntegerVector problem_start_, sequence_start_, choice_;
  Rcpp::NumericMatrix signal_, covariates_;
  Rcpp::NumericVector weight_;
  Rcpp::IntegerVector available_, stage_, state_;  // the last two of two-step tasks
  double common_ = 0.0;
};

Clock clock_of(const std::string& name) {
  return name == "visit" ? Clock::visit
         : name == "chain" ? Clock::chain : Clock::trial;
}

struct Spec {
  bool share;
  Clock clock;
  Family family;
  int horizon;
  Rcpp::NumericVector beta_lower, beta_upper;  // by channel, recycled
  double tolerance;

  explicit Spec(const Rcpp::List& spec)
      : share(Rcpp::as<std::string>(spec["share"]) == "all"),
        clock(clock_of(Rcpp::as<std::string>(spec["clock"]))),
        family(Rcpp::as<std::string>(spec["relaxation"]) == "mixture"
                   ? Family::rate
                   : Family::window),
        horizon(Rcpp::as<int>(spec["horizon"])),
        beta_lower(Rcpp::as<Rcpp::NumericVector>(spec["beta_lower"])),
        beta_upper(Rcpp::as<Rcpp::NumericVector>(spec["beta_upper"])),
        tolerance(Rcpp::as<double>(spec["tolerance"])) {}

  std::vector<Box> boxes(const Design& design) const {
    std::vector<Box> out;
    for (const Row& row : design.rows)
      out.push_back({Interval(), Interval{beta_lower[row.channel % beta_lower.size()],
                                          beta_upper[row.channel % beta_upper.size()]}});
    return out;
  }

  int n_rows(const Rcpp::List& trials) const {
    if (clock == Clock::chain) return 3;
    const int channels = Rcpp::as<Rcpp::NumericMatrix>(trials["signal"]).nrow();
    return channels * (share ? 1 : Rcpp::as<int>(trials["n_options"]));
  }
};

/// Calls `body(problem)` for all problems, in threads, in batches between which the
/// user may interrupt; returns how many were done.
template <class Body>
int for_problems(int n, int threads, const Body& body) {
  const glue::RuntimeOwner owner(threads);
  const Runtime runtime = owner.get();
  const int batch = 128;
  for (int from = 0; from < n; from += batch) {
    if (runtime.monitor.interrupted()) return from;
    const int size = std::min(batch, n - from);
    for_chunks(runtime.executor, size, 1, [&](std::size_t, std::size_t i,
                                              std::size_t) { body(from + i); });
  }
  return n;
}

std::vector<Component> components_at(const Rcpp::NumericMatrix& alpha,
                                     const Rcpp::NumericMatrix& beta, int problem) {
  std::vector<Component> components;
  for (int r = 0; r < alpha.ncol(); ++r)
    components.push_back({r, alpha(problem, r), beta(problem, r)});
  return components;
}

/// Parameters of many problems, problems x rows.
struct Parameters {
  Rcpp::NumericMatrix alpha, beta;
  Parameters(int n, int rows) : alpha(n, rows), beta(n, rows) {
    std::fill(alpha.begin(), alpha.end(), NA_REAL);
    std::fill(beta.begin(), beta.end(), NA_REAL);
  }
  void set(int problem, const std::vector<Component>& components) {
    for (const Component& c : components) {
      alpha(problem, c.row) = c.alpha;
      beta(problem, c.row) = c.beta;
    }
  }
};

Relaxation task_of(const Design& design, const Spec& spec) {
  Relaxation task = relaxation_in(design, spec.family, spec.boxes(design));
  task.horizon = std::min(task.horizon, spec.horizon);
  task.tolerance = spec.tolerance;
  return task;
}

Rcpp::List atoms_of(const std::vector<Relaxed>& solved) {
  std::vector<int> problem, row;
  std::vector<double> shape, mass;
  for (std::size_t p = 0; p < solved.size(); ++p)
    for (const Atom& atom : solved[p].atoms) {
      problem.push_back(p + 1);
      row.push_back(atom.row + 1);
      shape.push_back(atom.shape);
      mass.push_back(atom.mass);
    }
  return Rcpp::List::create(Rcpp::_["problem"] = problem, Rcpp::_["row"] = row,
                            Rcpp::_["shape"] = shape, Rcpp::_["mass"] = mass);
}

std::vector<double> covariates_of(const std::vector<Relaxed>& solved) {
  std::vector<double> weights;
  for (const Relaxed& one : solved)
    weights.insert(weights.end(), one.covariates.begin(), one.covariates.end());
  return weights;
}

template <class Get>
auto column(const std::vector<Relaxed>& solved, const Get& get) {
  std::vector<decltype(get(solved[0]))> out;
  for (const Relaxed& one : solved) out.push_back(get(one));
  return out;
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List convex_relax_(const Rcpp::List& trials, const Rcpp::List& spec_,
                         int threads) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const int n = problems.size();
  std::vector<Relaxed> solved(n);
  Parameters found(n, spec.n_rows(trials));
  const int done = for_problems(n, threads, [&](int p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    Relaxation task = task_of(design, spec);
    task.covariates = problems.covariates(p);
    solved[p] = ConeSolver(design, task).solve();
    solved[p].x.resize(0, 0);
    found.set(p, recover(design, task, solved[p].atoms,
                         spec.boxes(design)));
  });
  for (int p = done; p < n; ++p) solved[p].status = Status::interrupted;
  using R = const Relaxed&;
  return Rcpp::List::create(
      Rcpp::_["status"] =
          column(solved, [](R s) { return std::string(to_string(s.status)); }),
      Rcpp::_["objective"] = column(solved, [](R s) { return s.objective; }),
      Rcpp::_["bound"] = column(solved, [](R s) { return s.bound; }),
      Rcpp::_["kkt"] = column(solved, [](R s) { return s.kkt; }),
      Rcpp::_["entropy"] = column(solved, [](R s) { return s.entropy; }),
      Rcpp::_["multiplier_mass"] =
          column(solved, [](R s) { return s.multiplier_mass; }),
      Rcpp::_["rounds"] = column(solved, [](R s) { return s.rounds; }),
      Rcpp::_["alpha"] = found.alpha, Rcpp::_["beta"] = found.beta,
      Rcpp::_["covariates"] = covariates_of(solved),
      Rcpp::_["pieces"] = atoms_of(solved));
}

// Local fits: best of the convex and a few random starts.
// [[Rcpp::export]]
Rcpp::List convex_ml_(const Rcpp::List& trials, const Rcpp::List& spec_,
                      int n_random, double seed, int threads) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const int n = problems.size();
  Parameters found(n, spec.n_rows(trials));
  Rcpp::NumericVector objective(n, NA_REAL), gradient(n, NA_REAL);
  for_problems(n, threads, [&](int p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    Stream stream(static_cast<std::uint64_t>(seed), kStarts, p);
    const LocalFit fit = multi_start_fit(
        design, spec.boxes(design), n_random, stream);
    found.set(p, fit.components);
    objective[p] = fit.objective;
    gradient[p] = fit.gradient;
  });
  return Rcpp::List::create(
      Rcpp::_["objective"] = objective, Rcpp::_["gradient"] = gradient,
      Rcpp::_["alpha"] = found.alpha, Rcpp::_["beta"] = found.beta);
}

// The loss and its gradient at parameters, problems x rows.
// [[Rcpp::export]]
Rcpp::List convex_loss_(const Rcpp::List& trials, const Rcpp::List& spec_,
                        const Rcpp::NumericMatrix& alpha,
                        const Rcpp::NumericMatrix& beta) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const int n = problems.size(), rows = alpha.ncol();
  Rcpp::NumericVector loss(n);
  Rcpp::NumericMatrix gradient(n, 2 * rows);
  for (int p = 0; p < n; ++p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    Eigen::VectorXd g;
    Eigen::MatrixXd h;
    loss[p] = ForgettingLoss(design).derivatives(components_at(alpha, beta, p), g, h);
    for (int i = 0; i < 2 * rows; ++i) gradient(p, i) = g[i];
  }
  return Rcpp::List::create(Rcpp::_["loss"] = loss, Rcpp::_["gradient"] = gradient);
}

// [[Rcpp::export]]
Rcpp::List convex_certify_(const Rcpp::List& trials, const Rcpp::List& spec_,
                           const Rcpp::List& start, const Rcpp::List& limits,
                           int threads) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const Rcpp::NumericMatrix alpha = start["alpha"], beta = start["beta"];
  const double tolerance = limits["tolerance"];
  const int max_nodes = limits["max_nodes"], n = problems.size();
  Parameters found(n, alpha.ncol());
  Rcpp::NumericVector objective(n, NA_REAL), best(n, NA_REAL), bound(n, NA_REAL);
  Rcpp::IntegerVector nodes(n, NA_INTEGER);
  for_problems(n, threads, [&](int p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    const std::vector<Box> boxes = spec.boxes(design);
    LocalFit incumbent;
    incumbent.components = components_at(alpha, beta, p);
    incumbent.objective = ForgettingLoss(design).value(incumbent.components);
    const Certificate certificate =
        BranchAndBound(design, boxes, tolerance).run(incumbent, max_nodes);
    objective[p] = incumbent.objective;
    best[p] = certificate.best.objective;
    bound[p] = certificate.bound;
    nodes[p] = certificate.nodes;
    found.set(p, certificate.best.components);
  });
  return Rcpp::List::create(
      Rcpp::_["objective"] = objective, Rcpp::_["best"] = best,
      Rcpp::_["bound"] = bound, Rcpp::_["nodes"] = nodes,
      Rcpp::_["alpha"] = found.alpha, Rcpp::_["beta"] = found.beta);
}

// [[Rcpp::export]]
Rcpp::List convex_posterior_(const Rcpp::List& trials, const Rcpp::List& spec_,
                             int nodes, int threads) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const int n = problems.size();
  Parameters found(n, 1);
  Rcpp::NumericVector log_evidence(n, NA_REAL);
  for_problems(n, threads, [&](int p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    const Box box = spec.boxes(design)[0];
    const PosteriorMean posterior = posterior_mean(design, box, nodes);
    found.set(p, {posterior.mean});
    log_evidence[p] = posterior.log_evidence;
  });
  return Rcpp::List::create(
      Rcpp::_["alpha"] = found.alpha, Rcpp::_["beta"] = found.beta,
      Rcpp::_["log_evidence"] = log_evidence);
}

// [[Rcpp::export]]
Rcpp::List convex_misfit_(const Rcpp::List& trials, const Rcpp::List& spec_,
                          int n_replicates, double seed, int threads) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const int n = problems.size();
  Rcpp::NumericVector loss(n, NA_REAL), gap(n, NA_REAL), expected(n, NA_REAL),
      p_value(n, NA_REAL);
  for_problems(n, threads, [&](int p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    const std::vector<Box> boxes = spec.boxes(design);
    Stream stream(static_cast<std::uint64_t>(seed), kMisfit, p);
    const Misfit test = MisfitTest(design, spec.family, boxes).run(n_replicates, stream);
    loss[p] = test.fit.objective;
    gap[p] = test.gap;
    expected[p] = test.expected_gap;
    p_value[p] = (1.0 + test.n_at_least) / (1.0 + test.n_replicates);
  });
  return Rcpp::List::create(
      Rcpp::_["objective"] = loss, Rcpp::_["gap"] = gap,
      Rcpp::_["expected_gap"] = expected, Rcpp::_["p_value"] = p_value);
}

// Choice probabilities [n_options x n_trials] of kernels made of pieces.
// [[Rcpp::export]]
Rcpp::NumericMatrix convex_probability_(const Rcpp::List& trials,
                                        const Rcpp::List& spec_,
                                        const Rcpp::List& pieces,
                                        const Rcpp::NumericMatrix& covariates) {
  const Problems problems(trials);
  const Spec spec(spec_);
  const Rcpp::IntegerVector problem = pieces["problem"], row = pieces["row"];
  const Rcpp::NumericVector shape = pieces["shape"], mass = pieces["mass"];
  const int m = trials["n_options"], total = problems.end(problems.size() - 1);
  Rcpp::NumericMatrix out(m, total);
  int i = 0;
  for (int p = 0; p < problems.size(); ++p) {
    const Design design = problems.design(p, spec.share, spec.clock);
    Values x = Values::Zero(design.n_trials, m), probability;
    for (; i < problem.size() && problem[i] == p + 1; ++i)
      add_column(make_column(design, row[i] - 1, spec.family, shape[i]), mass[i], x);
    const std::vector<Column> extra = problems.covariates(p);
    for (std::size_t c = 0; c < extra.size(); ++c)
      add_column(extra[c], covariates(p, c), x);
    choice_loss(design, x, probability);
    for (int t = 0; t < design.n_trials; ++t)
      for (int j = 0; j < m; ++j)
        out(j, problems.begin(p) + t) = probability(t, j);
  }
  return out;
}

// Weights of the kernels by lag: lags fastest, then rows, then problems.
// [[Rcpp::export]]
Rcpp::NumericVector convex_kernel_(const Rcpp::List& pieces,
                                   const std::string& relaxation,
                                   const Rcpp::IntegerVector& lags, int n_rows) {
  const Rcpp::IntegerVector problem = pieces["problem"], row = pieces["row"];
  const Rcpp::NumericVector shape = pieces["shape"], mass = pieces["mass"];
  std::vector<R_xlen_t> start{0};
  for (const int n : lags) start.push_back(start.back() + R_xlen_t(n) * n_rows);
  Rcpp::NumericVector weight(start.back());
  for (R_xlen_t i = 0; i < problem.size(); ++i) {
    const int n = lags[problem[i] - 1];
    add_kernel(relaxation == "mixture" ? Family::rate : Family::window, shape[i],
               mass[i], n,
               weight.begin() + start[problem[i] - 1] + R_xlen_t(row[i] - 1) * n);
  }
  return weight;
}
