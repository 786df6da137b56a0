// Glue of the evidence model: convert in, call core/measurement/evidence.h,
// convert out.
#include <RcppEigen.h>

#include "core/measurement/evidence.h"
#include "core/measurement/evidence_unit.h"
#include "runtime.h"
#include "task_view.h"

using namespace psyrl;
using Rcpp::List;
using Rcpp::Named;

namespace {

double number_or_nan(const List& x, const char* name) {
  return Rf_isNull(x[name]) ? NAN : Rcpp::as<double>(x[name]);
}

EvidenceSpec as_spec(const List& x, double discount) {
  EvidenceSpec out;
  const bool mellow = Rcpp::as<std::string>(x["backup"]) == "mellow";
  out.backup = mellow ? Backup::mellow : Backup::soft;
  if (Rcpp::as<std::string>(x["residual_as"]) == "value") out.residual = Residual::value;
  out.mu = number_or_nan(x, "mu");
  out.sigma = number_or_nan(x, "sigma");
  out.residual_sd = number_or_nan(x, "residual_sd");
  out.temperature = number_or_nan(x, "temperature");
  out.residual_sd_max = Rcpp::as<double>(x["residual_sd_max"]);
  out.discount = discount;
  return out;
}

/// Everything an EvidenceData refers to, for the length of one call. The R lists
/// outlive it; `data` has vectors of the right types.
struct DataHolder {
  Task task;
  SweepOrder order;
  RewardUnit reward_unit;
  People people;
  Eigen::MatrixXd design;
  std::function<double(double)> unit;
  glue::RuntimeOwner runtime;

  DataHolder(const List& task_list, const List& data, int threads)
      : task(glue::task_view(task_list)), order(task),
        reward_unit(task, order.blocks, glue::double_view(data, "weight")),
        design(Rcpp::as<Eigen::MatrixXd>(data["design"])),
        unit([this](double discount) { return reward_unit(discount); }), runtime(threads) {
    people = arrange(task, PersonCounts{glue::int_view(data, "person_start"),
                                        glue::int_view(data, "pair"),
                                        glue::double_view(data, "count")});
  }

  EvidenceData get(const List& spec, const Rcpp::NumericVector& grid) {
    return EvidenceData{task, order, people, design, unit, as_spec(spec, task.discount),
                        Nodes(grid[0], grid[1], static_cast<int>(grid[2])), runtime.get()};
  }
};

DiscountRule as_rule(const std::string& x) {
  if (x == "estimate") return DiscountRule::estimate;
  return x == "choose" ? DiscountRule::choose : DiscountRule::task;
}

EvidenceControl as_control(const List& spec, const List& x) {
  EvidenceControl out;
  out.discount = as_rule(Rcpp::as<std::string>(spec["discount"]));
  out.search.max_iterations = x["max_iterations"];
  out.mode_iterations = x["mode_iterations"];
  out.search.n_starts = x["starts"];
  out.search.seed = static_cast<std::uint64_t>(Rcpp::as<double>(x["seed"]));
  out.sampler.keep = x["draws"];
  out.sampler.chain.seed = out.search.seed;
  return out;
}

Rcpp::NumericMatrix as_matrix(const std::vector<TraceRow>& trace) {
  const int n = trace.size();
  const char* names[] = {"start", "iteration", "objective", "loglik", "penalty",
                         "half_log_det", "prior", "gradient_norm", "step", "rollbacks",
                         "mu", "sigma", "residual_sd", "temperature", "discount", "seconds"};
  Rcpp::NumericMatrix m(n, 16);
  for (int i = 0; i < n; ++i) {
    const TraceRow& t = trace[i];
    const double row[] = {double(t.start), double(t.round), t.objective, t.loglik, t.penalty,
                          t.half_log_det, t.prior, t.gradient_norm, t.step,
                          double(t.rollbacks), t.mu, t.sigma, t.residual_sd, t.temperature,
                          t.discount, t.seconds};
    for (int j = 0; j < 16; ++j) m(i, j) = row[j];
  }
  Rcpp::CharacterVector labels(names, names + 16);
  Rcpp::colnames(m) = labels;
  return m;
}

SharedDraws as_draws(const List& x) {
  SharedDraws out;
  out.q = Rcpp::as<Eigen::MatrixXd>(x["q"]);
  out.coefficients = Rcpp::as<Eigen::MatrixXd>(x["coefficients"]);
  out.sigma = Rcpp::as<Vector>(x["sigma"]);
  return out;
}

List as_list(const SharedDraws& x) {
  return List::create(Named("q") = x.q, Named("coefficients") = x.coefficients,
                      Named("sigma") = x.sigma);
}

/// What is reported at given values and parameters.
List reported(const Setting& at, const Vector& q, const Vector& v, const Vector& delta,
              const Table& weight, double loglik, double effective) {
  return List::create(
      Named("delta") = delta, Named("q") = q, Named("v") = v,
      Named("coefficients") = at.coefficients, Named("sigma") = at.sigma,
      Named("residual_sd") = at.residual_sd, Named("temperature") = at.temperature,
      Named("discount") = at.discount, Named("reward_scale") = at.scale,
      Named("posterior") = Eigen::MatrixXd(weight.matrix()), Named("loglik") = loglik,
      Named("effective_values") = effective);
}

List reported(const Mixture& x) {
  List out = reported(x.setting, x.q, x.v, x.delta, x.weight, x.loglik, x.effective);
  out["draws"] = as_list(x.draws);
  return out;
}

List reported(const Evidence& x) {
  const Point& at = x.point;
  return reported(at.setting, at.values.q, at.values.v, at.setting.residual_sd * at.u,
                  at.post.weight, at.post.loglik, x.effective_values());
}

List as_list(const EvidenceData& data, const EvidenceFit& fit) {
  const Evidence& best = fit.search.best;
  List out = fit.mixture.known() ? reported(fit.mixture) : reported(best);
  out["node"] = Vector(data.nodes.z.matrix().transpose());
  out["posterior_mode"] = Eigen::MatrixXd(best.point.post.weight.matrix());
  out["evidence"] = best.valid() ? best.value : NA_REAL;
  out["exact"] = fit.exact.value;
  out["information"] = fit.search.hessian;
  out["gradient"] = fit.search.gradient;
  out["parameters"] = fit.search.which;
  out["status"] = to_string(fit.search.status);
  out["discount_gain"] = fit.discount_gain;
  out["departure"] = fit.search.departure;
  out["trace"] = as_matrix(fit.trace);
  return out;
}

// ---- the sampler's state as plain lists, which R can keep in a file ----

template <class From, class Convert>
List list_of(const std::vector<From>& x, const Convert& convert) {
  List out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = convert(x[i]);
  return out;
}

List as_list(const Round& x) {
  return List::create(
      Named("variance") = x.variance,
      Named("chains") = list_of(x.chains, [](const ChainDraws& c) {
        return List::create(Named("weight") = Eigen::MatrixXd(c.weight.matrix()),
                            Named("q") = c.q, Named("stored") = as_list(c.stored),
                            Named("traces") = c.traces);
      }));
}

Round as_round(const List& x) {
  Round out;
  out.variance = x["variance"];
  const List chains = x["chains"];
  for (const List chain : chains)
    out.chains.push_back({Rcpp::as<Eigen::MatrixXd>(chain["weight"]).array(),
                          Rcpp::as<Vector>(chain["q"]), as_draws(chain["stored"]),
                          Rcpp::as<Eigen::MatrixXd>(chain["traces"])});
  return out;
}

List as_list(const SamplerState& x) {
  return List::create(
      Named("stage") = x.stage, Named("departs") = x.departs, Named("eta") = x.eta,
      Named("root") = x.root, Named("discount_free") = x.discount_free,
      Named("chains") = list_of(x.chains, [](const ChainState& c) {
        return List::create(Named("eta") = c.eta, Named("x") = c.x, Named("v") = c.v,
                            Named("seen_eta") = c.seen.eta, Named("seen_x") = c.seen.x);
      }),
      Named("seen") =
          list_of(x.seen, [](const Eigen::MatrixXd& m) { return Rcpp::wrap(m); }),
      Named("rounds") =
          list_of(x.rounds, [](const Round& round) { return as_list(round); }));
}

SamplerState as_state(const List& x) {
  SamplerState out;
  out.stage = x["stage"];
  out.departs = x["departs"];
  out.discount_free = x["discount_free"];
  out.eta = Rcpp::as<Vector>(x["eta"]);
  out.root = Rcpp::as<Eigen::MatrixXd>(x["root"]);
  const List chains = x["chains"], seen = x["seen"];
  for (const List chain : chains)
    out.chains.push_back({Rcpp::as<Vector>(chain["eta"]), Rcpp::as<Vector>(chain["x"]),
                          Rcpp::as<Vector>(chain["v"]),
                          Places{Rcpp::as<Eigen::MatrixXd>(chain["seen_eta"]),
                                 Rcpp::as<Eigen::MatrixXd>(chain["seen_x"])}});
  for (const Rcpp::NumericMatrix draws : seen)
    out.seen.push_back(Rcpp::as<Eigen::MatrixXd>(draws));
  const List rounds = x["rounds"];
  for (const List round : rounds) out.rounds.push_back(as_round(round));
  return out;
}

}  // namespace

// The mode, in units of `reward_scale`; R converts. `sampler`: the state in which draws
// of the posterior begin, NULL where none follow.
// [[Rcpp::export]]
Rcpp::List search_evidence_(const Rcpp::List& task, const Rcpp::List& data,
                            const Rcpp::List& spec, const Rcpp::List& control,
                            int threads) {
  DataHolder holder(task, data, threads);
  EvidenceData problem = holder.get(spec, control["grid"]);
  const EvidenceControl how = as_control(spec, control);
  const EvidenceFit fit = search_evidence(problem, how);
  if (fit.search.status == Status::non_finite)
    return List::create(Named("status") = to_string(fit.search.status));
  List out = as_list(problem, fit);
  const Evidence& best = fit.search.best;
  if (fit.draws_follow)
    out["sampler"] = as_list(
        begin_sampling(problem, how.sampler,
                       SearchedMode{best.eta, best.point.u, best.point.values.v,
                                    fit.search.hessian, fit.search.departure}));
  return out;
}

// The next stage of draws from `state`: the new state, a row of the trace, and what the
// draws report, of which there is nothing during warm-up. No state where the user stops
// it or no draw can be made.
// [[Rcpp::export]]
Rcpp::List sample_evidence_(const Rcpp::List& task, const Rcpp::List& data,
                            const Rcpp::List& spec, const Rcpp::List& control,
                            const Rcpp::List& state, int threads) {
  DataHolder holder(task, data, threads);
  EvidenceData problem = holder.get(spec, control["grid"]);
  SamplerState at = as_state(state);
  problem.spec.discount_free = at.discount_free;
  StageDraws draws;
  if (!advance_sampling(problem, as_control(spec, control).sampler, at, draws))
    return List::create(Named("interrupted") = problem.run.monitor.interrupted());
  List out = List::create(Named("state") = as_list(at),
                          Named("trace") = as_matrix({draws.row}));
  if (draws.mixture.known()) {
    List reports = reported(draws.mixture);
    reports["drawn"] = draws.mixture.parameters;
    reports["information"] = information(draws.mixture);
    out["reported"] = reports;
    out["disagreement"] = draws.disagreement;
  }
  return out;
}

// Posterior of the nodes for persons who were not in the fit: every draw of the
// values counts by how well it predicts the person.
// [[Rcpp::export]]
Rcpp::List evidence_posterior_(const Rcpp::List& task, const Rcpp::List& data,
                               const Rcpp::List& draws, const Rcpp::List& spec,
                               const Rcpp::List& control, int threads) {
  DataHolder holder(task, data, threads);
  const NewPersons out = new_persons(holder.get(spec, control["grid"]), as_draws(draws));
  return List::create(Named("posterior") = Eigen::MatrixXd(out.weight.matrix()),
                      Named("loglik") = out.loglik);
}

// Log probabilities of the pairs that `data` chose between, averaged over the draws of
// the values: [nodes x n_pairs], 0 for other pairs.
// [[Rcpp::export]]
Eigen::MatrixXd evidence_policies_(const Rcpp::List& task, const Rcpp::List& data,
                                   const Rcpp::List& draws, const Rcpp::List& spec,
                                   const Rcpp::List& control, int threads) {
  DataHolder holder(task, data, threads);
  const EvidenceData problem = holder.get(spec, control["grid"]);
  const Table mean = mean_policies(problem, as_draws(draws));
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(mean.cols(), problem.task.n_pairs());
  for (int i = 0; i < mean.rows(); ++i)
    out.col(problem.people.pair[i]) = mean.row(i).max(1e-300).log().matrix().transpose();
  return out;
}

// The sweeps at one reward vector, for the tests: columns of `d` go through L,
// columns of `g` through L'.
// [[Rcpp::export]]
Rcpp::List evidence_sweeps_(const Rcpp::List& task, const Rcpp::List& at,
                            const Eigen::VectorXd& d, const Eigen::VectorXd& g) {
  const Task view = glue::task_view(task);
  const SweepOrder order(view);
  const bool mellow = Rcpp::as<std::string>(at["backup"]) == "mellow";
  Values values(view, order, mellow ? Backup::mellow : Backup::soft);
  const bool good = values.solve(Rcpp::as<Vector>(at["reward"]), at["discount"],
                                 at["temperature"]);
  Columns<1> dq, y, a, by_tau, by_gamma;
  const Columns<1> zero = Columns<1>::Zero(d.size());
  const Columns<1> extra = values.temperature_direction().array();
  values.tangent<1>(d.array(), dq);
  values.adjoint<1>(g.array(), y, a);
  values.tangent<1>(zero, &extra, by_tau);
  values.tangent<1>(values.discount_direction().array(), by_gamma);
  return List::create(Named("good") = good, Named("q") = values.q, Named("v") = values.v,
                      Named("tangent") = Vector(dq.matrix()),
                      Named("adjoint") = Vector(y.matrix()),
                      Named("temperature") = Vector(by_tau.matrix()),
                      Named("discount") = Vector(by_gamma.matrix()));
}

// The evidence and its parts at one eta, for the tests. `at`: eta, u, rank, blocks
// of probes, x (a direction for Hessian products), solve (move u to the mode).
// [[Rcpp::export]]
Rcpp::List evidence_at_(const Rcpp::List& task, const Rcpp::List& data,
                        const Rcpp::List& spec, const Rcpp::List& control,
                        const Rcpp::List& at) {
  DataHolder holder(task, data, 1);
  EvidenceData problem = holder.get(spec, control["grid"]);
  problem.rank = at["rank"];
  problem.spec.discount_free = Rcpp::as<bool>(at["discount_free"]);
  const Vector eta = Rcpp::as<Vector>(at["eta"]);
  const int blocks = at["blocks"];  // 0: as a fit would choose
  const auto probes = blocks > 0 ? rademacher_probes(problem.task.n_pairs(), blocks, 1)
                                 : evidence_probes(problem.task.n_pairs(), 3, 1);
  InnerControl inner{100, 1e-7, 0.0};
  if (!Rcpp::as<bool>(at["solve"])) inner.max_iterations = 0;
  const Setting setting = resolve(problem, eta);
  const Evidence e = evidence(problem, eta, setting.residual_sd * Rcpp::as<Vector>(at["u"]),
                              Vector::Zero(problem.task.n_states()), probes, inner);
  const auto which = free_parameters(problem);
  Curvature h = curvature(problem, e.point);
  const Columns<1> x = Rcpp::as<Vector>(at["x"]).array();
  const Vector hx = h.apply<1>(x).matrix();
  h.with_backup = false;
  h.with_persons = e.det.with_persons;
  Eigen::MatrixXd dense(x.size(), Rcpp::as<bool>(at["dense"]) ? x.size() : 0);
  for (int i = 0; i < dense.cols(); ++i) {
    Columns<1> unit = Columns<1>::Zero(x.size());
    unit[i] = 1.0;
    dense.col(i) = h.apply<1>(unit).matrix();
  }
  return List::create(
      Named("f") = e.point.f, Named("gradient") = e.point.gradient, Named("u") = e.point.u,
      Named("product") = hx, Named("dense") = dense, Named("evidence") = e.value,
      Named("log_det") = e.det.value, Named("trace_inverse") = e.det.trace_inverse,
      Named("partial") = setting_gradient(problem, e.point, eta),
      Named("slope") = evidence_gradient(problem, e, which, probes, at["h"]).value,
      Named("which") = which, Named("with_persons") = e.det.with_persons,
      Named("status") = to_string(e.inner.status));
}

// The posterior density that draws come from and its slopes, for the tests. `at`: eta,
// departure [pairs, then persons], values (what it is in), and what it is from, by its
// parameters and residuals centre_eta and centre_u. `x`: residuals and standard traits
// there; `back`: the departure found again.
// [[Rcpp::export]]
Rcpp::List evidence_density_(const Rcpp::List& task, const Rcpp::List& data,
                             const Rcpp::List& spec, const Rcpp::List& control,
                             const Rcpp::List& at) {
  DataHolder holder(task, data, 1);
  EvidenceData problem = holder.get(spec, control["grid"]);
  problem.spec.discount_free = true;
  const Vector eta = Rcpp::as<Vector>(at["eta"]);
  Point centre(problem, resolve(problem, Rcpp::as<Vector>(at["centre_eta"])));
  evaluate(problem, Rcpp::as<Vector>(at["centre_u"]), centre);
  const auto density = posterior_density(
      problem, Rcpp::as<bool>(at["values"]) ? Departure::values : Departure::residuals,
      centre);
  DensitySlopes by;
  const double f = (*density)(Rcpp::as<Vector>(at["departure"]), eta, by);
  const Vector x = density->x();
  const Values& values = density->point().values;
  return List::create(Named("f") = f, Named("departure") = by.departure,
                      Named("eta") = by.parameters, Named("x") = x, Named("q") = values.q,
                      Named("policy") = values.policy,
                      Named("back") = density->departure(x, eta));
}

// The posterior density in the coordinates of a Gaussian around places, for the tests.
// `at`: seen_eta and seen_x [a column each], root, w, values (whether departures are in
// these), learn (whether the Gaussian learns from the places). `by_w`: the gradient.
// `seen`: w of the places.
// [[Rcpp::export]]
Rcpp::List evidence_reference_(const Rcpp::List& task, const Rcpp::List& data,
                               const Rcpp::List& spec, const Rcpp::List& control,
                               const Rcpp::List& at) {
  DataHolder holder(task, data, 1);
  EvidenceData problem = holder.get(spec, control["grid"]);
  problem.spec.discount_free = true;
  const Places places{Rcpp::as<Eigen::MatrixXd>(at["seen_eta"]),
                      Rcpp::as<Eigen::MatrixXd>(at["seen_x"])};
  Point centre(problem, resolve(problem, places.eta.rowwise().mean()));
  evaluate(problem, places.x.rowwise().mean().head(problem.task.n_pairs()), centre);
  add_gradient(problem, centre);
  const bool values = Rcpp::as<bool>(at["values"]);
  const auto factor = values ? factor_of_values(problem, places, centre)
                             : factor_of_residuals(problem, centre);
  Reference reference{places.eta.rowwise().mean(), free_parameters(problem),
                      Rcpp::as<Eigen::MatrixXd>(at["root"]),
                      std::make_shared<const TraitFactor>(factor, centre),
                      values ? Departure::values : Departure::residuals};
  reference.follow_nothing(places.x.rows());
  const auto density = posterior_density(problem, reference.kind, centre);
  if (Rcpp::as<bool>(at["learn"])) learn_reference(*density, places, reference);
  const Vector w = Rcpp::as<Vector>(at["w"]), t = reference.departure(w);
  const Vector eta = reference.parameters(w);
  DensitySlopes by;
  const double f = (*density)(t, eta, by);
  Eigen::MatrixXd seen(reference.size(), places.size());
  for (Eigen::Index k = 0; k < places.size(); ++k)
    seen.col(k) = reference.coordinates(
        density->departure(places.x.col(k), places.eta.col(k)), places.eta.col(k));
  return List::create(Named("f") = f, Named("by_w") = reference.pull(by),
                      Named("eta") = eta, Named("x") = density->x(), Named("seen") = seen);
}
