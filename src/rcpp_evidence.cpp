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
  out.backup = Rcpp::as<std::string>(x["backup"]) == "mellow" ? Backup::mellow : Backup::soft;
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
  out.search.n_starts = x["starts"];
  out.search.seed = static_cast<std::uint64_t>(Rcpp::as<double>(x["seed"]));
  out.shift.passes = x["shift_passes"];
  out.with_shift = out.shift.passes > 0;
  return out;
}

List as_data_frame(const std::vector<TraceRow>& trace) {
  const int n = trace.size();
  const char* names[] = {"start", "round", "objective", "loglik", "penalty",
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
  return List::create(m);
}

Eigen::MatrixXd bind(const Block* draws) {
  Eigen::MatrixXd out(draws[0].rows(), 2 * kBlock);
  out << draws[0].matrix(), draws[1].matrix();
  return out;
}

List shift_list(const EvidenceFit& fit, double s) {
  return List::create(
      Named("kept") = fit.shift.kept, Named("delta") = Vector(s * fit.shift.u),
      Named("draws") = Eigen::MatrixXd(s * bind(fit.shift.draws)),
      Named("posterior") = Eigen::MatrixXd(fit.shift.weight.matrix()),
      Named("predictive") = fit.shift.predictive,
      Named("predictive_mode") = fit.shift.predictive_mode,
      Named("variance") = fit.shift.variance);
}

List as_list(const EvidenceData& data, const EvidenceFit& fit) {
  const Evidence& best = fit.search.best;
  const Setting& at = best.point.setting;
  const double s = at.residual_sd;
  List out = List::create(
      Named("delta") = Vector(s * best.point.u), Named("q") = best.point.values.q,
      Named("v") = best.point.values.v, Named("coefficients") = at.coefficients,
      Named("sigma") = at.sigma, Named("residual_sd") = s,
      Named("temperature") = at.temperature, Named("discount") = at.discount,
      Named("reward_scale") = at.scale, Named("evidence") = best.value,
      Named("effective_values") = best.effective_values(),
      Named("half_log_det") = 0.5 * best.det.value, Named("prior") = best.prior,
      Named("hessian") = fit.search.hessian, Named("gradient") = fit.search.gradient,
      Named("parameters") = fit.search.which, Named("node") = Vector(data.nodes.z.matrix().transpose()),
      Named("posterior_mode") = Eigen::MatrixXd(best.point.post.weight.matrix()),
      Named("loglik") = best.point.post.loglik, Named("exact") = fit.exact.value);
  out["status"] = to_string(fit.search.status);
  out["discount_gain"] = fit.discount_gain;
  out["trace"] = as_data_frame(fit.trace)[0];
  out["seconds_search"] = fit.seconds_search;
  out["seconds"] = fit.seconds;
  if (fit.has_shift) out["shift"] = shift_list(fit, s);
  return out;
}

Setting as_setting(const List& x) {
  Setting out;
  out.coefficients = Rcpp::as<Vector>(x["coefficients"]);
  out.sigma = x["sigma"];
  out.residual_sd = x["residual_sd"];
  out.temperature = x["temperature"];
  out.discount = x["discount"];
  out.scale = x["reward_scale"];
  return out;
}

}  // namespace

// All in units of `reward_scale`; R converts.
// [[Rcpp::export]]
Rcpp::List fit_evidence_(const Rcpp::List& task, const Rcpp::List& data,
                         const Rcpp::List& spec, const Rcpp::List& control, int threads) {
  DataHolder holder(task, data, threads);
  EvidenceData problem = holder.get(spec, control["grid"]);
  const EvidenceFit fit = fit_evidence(problem, as_control(spec, control));
  return as_list(problem, fit);
}

// Posterior of the nodes for persons who were not in the fit: every draw of the
// values counts by how well it predicts the person.
// [[Rcpp::export]]
Rcpp::List evidence_posterior_(const Rcpp::List& task, const Rcpp::List& data,
                               const Rcpp::List& fit, const Rcpp::List& control,
                               int threads) {
  DataHolder holder(task, data, threads);
  const EvidenceData problem = holder.get(fit["spec"], control["grid"]);
  const NewPersons out = new_persons(problem, as_setting(fit), Rcpp::as<Vector>(fit["delta"]),
                                     Rcpp::as<Eigen::MatrixXd>(fit["draws"]));
  return List::create(Named("posterior") = Eigen::MatrixXd(out.weight.matrix()),
                      Named("loglik") = out.loglik);
}

// Log probabilities of the pairs that `data` chose between, averaged over the draws of
// the values: [nodes x n_pairs], 0 for other pairs.
// [[Rcpp::export]]
Eigen::MatrixXd evidence_policies_(const Rcpp::List& task, const Rcpp::List& data,
                                   const Rcpp::List& fit, const Rcpp::List& control,
                                   int threads) {
  DataHolder holder(task, data, threads);
  const EvidenceData problem = holder.get(fit["spec"], control["grid"]);
  const Table mean = mean_policies(problem, as_setting(fit), Rcpp::as<Vector>(fit["delta"]),
                                   Rcpp::as<Eigen::MatrixXd>(fit["draws"]));
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(mean.cols(), problem.task.n_pairs());
  for (int i = 0; i < mean.rows(); ++i)
    out.col(problem.people.pair[i]) = mean.row(i).max(1e-300).log().matrix().transpose();
  return out;
}

// Values of the task with residuals `delta`, in units of the fit's scale.
// [[Rcpp::export]]
Rcpp::List evidence_values_(const Rcpp::List& task, const Eigen::VectorXd& delta,
                            const Rcpp::List& fit) {
  const Task view = glue::task_view(task);
  const SweepOrder order(view);
  const List spec = fit["spec"];
  const Backup backup = as_spec(spec, NAN).backup;
  const Setting at = as_setting(fit);
  Values values(view, order, backup);
  Vector reward = Eigen::Map<const Vector>(view.reward.data(), delta.size());
  values.solve(reward / at.scale + delta, at.discount, at.temperature);
  return List::create(Named("q") = values.q, Named("v") = values.v);
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
