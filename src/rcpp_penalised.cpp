// Glue of values learned from behaviour under a penalty, and of habits; used by
// R/rlmm-penalised.R and R/rlmm-habit.R.
#include "choice_view.h"
#include "core/measurement/habit.h"
#include "core/measurement/mini_batch.h"
#include "core/measurement/represented.h"
#include "map_view.h"
#include "penalty_view.h"

using namespace psyrl;
using glue::as_groups;
using glue::as_numbers;
using glue::as_penalty;
using glue::double_view;
using glue::int_view;
using glue::task_view;

namespace {

// The penalised objective in the parameters of a representation.
struct LearningProblem {
  LearningProblem(const Rcpp::List& mdp, const Rcpp::List& groups,
                  const Rcpp::List& penalty, const Rcpp::List& settings)
      : task(task_view(mdp)), owner(Rcpp::as<int>(settings["threads"])),
        map(glue::as_map(settings["map"], owner.get().executor)),
        values(task, as_groups(groups), as_penalty(penalty),
               identify_rule(Rcpp::as<std::string>(settings["identify"])), owner.get()),
        objective(values, *map) {}
  Task task;
  glue::RuntimeOwner owner;
  std::unique_ptr<Map> map;
  PenalisedValues values;
  RepresentedValues objective;
};

}  // namespace

// Minimises the penalised objective in the parameters of the representation
// `settings$map`, from `theta`.
// [[Rcpp::export]]
Rcpp::List minimise_penalised_(const Rcpp::List& mdp, const Rcpp::List& groups,
                               const Rcpp::List& penalty, const Rcpp::NumericVector& theta,
                               const Rcpp::List& settings) {
  LearningProblem problem(mdp, groups, penalty, settings);
  NewtonCgSettings search;
  search.max_iterations = Rcpp::as<int>(settings["steps"]);
  const Monitor& monitor = problem.owner.get().monitor;
  const bool newton = Rcpp::as<std::string>(settings["m_step"]) == "newton";
  const Numbers start = as_numbers(theta);
  const NewtonCgResult found = newton ? newton_cg(problem.objective, start, search, monitor)
                                      : lbfgs(problem.objective, start, search, monitor);
  return Rcpp::List::create(
      Rcpp::_["theta"] = found.x, Rcpp::_["value"] = found.value,
      Rcpp::_["gradient_norm"] = found.gradient_norm,
      Rcpp::_["status"] = to_string(found.status),
      Rcpp::_["iterations"] = found.iterations, Rcpp::_["products"] = found.products);
}

// Value, gradient and a Hessian-vector product of the objective at `theta`.
// [[Rcpp::export]]
Rcpp::List evaluate_penalised_(const Rcpp::List& mdp, const Rcpp::List& groups,
                               const Rcpp::List& penalty, const Rcpp::NumericVector& theta,
                               const Rcpp::List& settings) {
  LearningProblem problem(mdp, groups, penalty, settings);
  Numbers gradient(theta.size()), product(theta.size());
  const double value = problem.objective.linearise(as_numbers(theta), gradient);
  problem.objective.multiply(as_numbers(settings["direction"]), product);
  return Rcpp::List::create(Rcpp::_["value"] = value, Rcpp::_["gradient"] = gradient,
                            Rcpp::_["product"] = product);
}

// Adam on mini-batches from `state` (theta, target, m, v, adam_steps), which comes
// back moved.
// [[Rcpp::export]]
Rcpp::List adam_steps_(const Rcpp::List& mdp, const Rcpp::List& groups,
                       const Rcpp::List& penalty, const Rcpp::List& state,
                       const Rcpp::List& settings) {
  const Task task = task_view(mdp);
  const glue::RuntimeOwner runtime(Rcpp::as<int>(settings["threads"]));
  const auto map = glue::as_map(settings["map"], runtime.get().executor);
  MiniBatches batches(task, as_groups(groups), as_penalty(penalty),
                      identify_rule(Rcpp::as<std::string>(settings["identify"])));
  MiniBatchSettings search;
  search.steps = Rcpp::as<int>(settings["steps"]);
  search.batch_size = Rcpp::as<int>(settings["batch_size"]);
  search.learning_rate = Rcpp::as<double>(settings["learning_rate"]);
  search.target_update = Rcpp::as<double>(settings["target_update"]);
  search.seed = Rcpp::as<double>(settings["seed"]);
  search.first_step = Rcpp::as<double>(settings["first_step"]);
  Numbers theta = as_numbers(state["theta"]), target = as_numbers(state["target"]);
  AdamState adam{as_numbers(state["m"]), as_numbers(state["v"]),
                 Rcpp::as<double>(state["adam_steps"])};
  batches.run(*map, search, theta, target, adam, runtime.get().monitor);
  return Rcpp::List::create(
      Rcpp::_["theta"] = theta, Rcpp::_["target"] = target, Rcpp::_["m"] = adam.m,
      Rcpp::_["v"] = adam.v, Rcpp::_["adam_steps"] = adam.steps,
      Rcpp::_["status"] = runtime.get().monitor.interrupted() ? "interrupted" : "converged");
}

// The penalty alone, of values (and learned rewards behind them).
// [[Rcpp::export]]
double penalty_(const Rcpp::List& mdp, const Rcpp::List& penalty,
                const Rcpp::NumericVector& q) {
  std::vector<double> unused(q.size(), 0.0);
  return add_penalty(task_view(mdp), as_penalty(penalty), as_numbers(q), unused);
}

// Values of the states behind `q`.
// [[Rcpp::export]]
Rcpp::NumericVector back_up_(const Rcpp::List& mdp, const Rcpp::List& penalty,
                             const Rcpp::NumericVector& q) {
  return Rcpp::wrap(back_up_all(task_view(mdp), as_penalty(penalty), as_numbers(q)).v);
}

// Counts of pairs at the nodes of the grid: persons' counts, `times` as many, weighted by
// their posteriors. Rows by node over the pairs visited by anybody who may be there.
// [[Rcpp::export]]
Rcpp::List node_counts_(const Rcpp::List& mdp, const Rcpp::List& counts,
                        const Rcpp::NumericMatrix& weight,
                        const Rcpp::NumericVector& times) {
  const PersonCounts data = glue::counts_view(counts);
  const CountRows found = node_counts(
      task_view(mdp), data, View<double>(weight.begin(), weight.size()),
      glue::view(times), weight.nrow());
  return glue::as_list(found);
}

// Eigenvalues of the curvature of choices in a habit, state by state; `groups`: counts
// of pairs at the nodes of the model.
// [[Rcpp::export]]
std::vector<double> habit_curvature_(const Rcpp::List& mdp, const Rcpp::List& groups,
                                     const Rcpp::List& model, int threads) {
  const glue::RuntimeOwner runtime(threads);
  return habit_curvature(task_view(mdp), glue::counts_view(groups),
                         glue::choice_view(model), runtime.get());
}
