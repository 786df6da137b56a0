// Glue of the measurement model on the grid; used by R/rlmm-grid.R.
#include "core/measurement/grid.h"
#include "core/measurement/identify.h"
#include "core/measurement/own_temperature.h"
#include "core/measurement/patterns.h"
#include "core/measurement/person.h"
#include "core/measurement/population.h"
#include "core/measurement/predict.h"
#include "choice_view.h"

#include <algorithm>

using namespace psyrl;
using glue::choice_view;
using glue::counts_view;
using glue::double_view;
using glue::int_view;
using glue::task_view;
using glue::view;

namespace {

// Decisions in order, each with its row in a table of log probabilities.
std::vector<double> exponentiated(std::vector<double> x) {
  for (double& one : x) one = std::exp(one);
  return x;
}

struct WalkInput {
  WalkInput(const Rcpp::List& mdp, const Rcpp::List& model, const Rcpp::List& decisions)
      : person_start(int_view(decisions, "person_start")) {
    const ChoiceModel choice = choice_view(model);
    n_nodes = choice.n_nodes();
    ChosenTable chosen = chosen_table(task_view(mdp), choice, int_view(decisions, "pair"),
                                      glue::RuntimeOwner(1).get());
    row = std::move(chosen.row);
    p = exponentiated(std::move(chosen.log_p));
  }
  View<int> person_start;
  int n_nodes;
  std::vector<int> row;   // [decisions] in
  std::vector<double> p;  // [rows * n_nodes]
};

Rcpp::NumericMatrix as_matrix(const std::vector<double>& x, int rows) {
  Rcpp::NumericMatrix m(rows, rows ? static_cast<int>(x.size() / rows) : 0);
  std::copy(x.begin(), x.end(), m.begin());
  return m;
}

Rcpp::NumericVector as_vector(const Eigen::VectorXd& x) {
  return Rcpp::NumericVector(x.data(), x.data() + x.size());
}

Rcpp::NumericMatrix as_matrix(const Eigen::MatrixXd& x) {
  return Rcpp::NumericMatrix(x.rows(), x.cols(), x.data());
}

Eigen::Map<const Eigen::VectorXd> vector_map(const Rcpp::NumericVector& x) {
  return {x.begin(), x.size()};
}

Eigen::Map<const Eigen::MatrixXd> matrix_map(const Rcpp::NumericMatrix& x) {
  return {x.begin(), x.nrow(), x.ncol()};
}

PopulationSettings as_settings(const Rcpp::List& x) {
  return {Rcpp::as<bool>(x["estimate_mu"]), Rcpp::as<bool>(x["estimate_sigma"]),
          Rcpp::as<double>(x["sigma_floor"])};
}

Population as_population(const Rcpp::NumericVector& effects, double log_sigma) {
  return {vector_map(effects), log_sigma};
}

Rcpp::List as_list(const PopulationFit& fit) {
  return Rcpp::List::create(
      Rcpp::_["effects"] = as_vector(fit.at.effects),
      Rcpp::_["log_sigma"] = fit.at.log_sigma, Rcpp::_["log_lik"] = fit.log_lik,
      Rcpp::_["gradient"] = as_vector(fit.gradient),
      Rcpp::_["information"] = as_matrix(fit.information),
      Rcpp::_["status"] = to_string(fit.status), Rcpp::_["iterations"] = fit.iterations);
}

}  // namespace

// log p(choices of j | node k): matrix nodes x persons.
// [[Rcpp::export]]
Rcpp::NumericMatrix person_log_lik_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                    const Rcpp::List& model, int threads) {
  const Task task = task_view(mdp);
  const PersonCounts data = counts_view(counts);
  const ChoiceModel choice = choice_view(model);
  const glue::RuntimeOwner runtime(threads);
  const ChosenTable chosen = chosen_table(task, choice, data.pair, runtime.get());
  const PersonCounts rows{data.person_start, View<int>(chosen.row), data.count};
  return as_matrix(person_log_lik(rows, chosen.log_p, choice.n_nodes(), runtime.get()),
                   choice.n_nodes());
}

// Who chose alike: list(of, first [1-based], counts).
// [[Rcpp::export]]
Rcpp::List person_patterns_(const Rcpp::List& mdp, const Rcpp::List& counts,
                            const Rcpp::NumericMatrix& design, bool merge) {
  PersonPatterns found =
      person_patterns(task_view(mdp), counts_view(counts), matrix_map(design), merge);
  for (int& i : found.of) ++i;
  for (int& i : found.first) ++i;
  return Rcpp::List::create(Rcpp::_["of"] = found.of, Rcpp::_["first"] = found.first,
                            Rcpp::_["counts"] = glue::as_list(found.counts));
}

// Maximum over the population; `problem` has likelihoods [nodes x patterns] of persons
// and how many have each.
// [[Rcpp::export]]
Rcpp::List fit_population_(const Rcpp::List& problem, const Rcpp::NumericVector& effects,
                           double log_sigma, int threads) {
  const glue::RuntimeOwner runtime(threads);
  const Rcpp::NumericMatrix design = problem["design"], log_lik = problem["log_lik"];
  const PersonLikelihoods persons(matrix_map(log_lik), runtime.get());
  const auto derivatives = [&](const Population& at) {
    return population_derivatives(persons, double_view(problem, "nodes"),
                                  matrix_map(design), double_view(problem, "times"), at,
                                  runtime.get());
  };
  return as_list(fit_population(as_settings(problem), as_population(effects, log_sigma),
                                derivatives));
}

// The same where `derivatives(effects, log_sigma)` are sums over shards of persons.
// [[Rcpp::export]]
Rcpp::List fit_population_over_(const Rcpp::Function& derivatives,
                                const Rcpp::List& settings,
                                const Rcpp::NumericVector& effects, double log_sigma) {
  const auto asked = [&](const Population& at) {
    const Rcpp::List d = derivatives(as_vector(at.effects), at.log_sigma);
    return PopulationDerivatives{Rcpp::as<double>(d["log_lik"]), vector_map(d["gradient"]),
                                 matrix_map(d["hessian"])};
  };
  return as_list(fit_population(as_settings(settings), as_population(effects, log_sigma),
                                asked));
}

// Of one shard: likelihoods, an external pointer that keeps `log_lik`; and derivatives.
// [[Rcpp::export]]
SEXP person_likelihoods_(const Rcpp::NumericMatrix& log_lik, int threads) {
  const glue::RuntimeOwner runtime(threads);
  return Rcpp::XPtr<PersonLikelihoods>(
      new PersonLikelihoods(matrix_map(log_lik), runtime.get()), true, R_NilValue, log_lik);
}

// [[Rcpp::export]]
Rcpp::List population_derivatives_(SEXP likelihoods, const Rcpp::NumericVector& nodes,
                                   const Rcpp::NumericMatrix& design,
                                   const Rcpp::NumericVector& times,
                                   const Rcpp::NumericVector& effects, double log_sigma,
                                   int threads) {
  const glue::RuntimeOwner runtime(threads);
  const PopulationDerivatives d = population_derivatives(
      *Rcpp::XPtr<PersonLikelihoods>(likelihoods), view(nodes), matrix_map(design),
      view(times), as_population(effects, log_sigma), runtime.get());
  return Rcpp::List::create(Rcpp::_["log_lik"] = d.log_lik,
                            Rcpp::_["gradient"] = as_vector(d.gradient),
                            Rcpp::_["hessian"] = as_matrix(d.hessian));
}

// [[Rcpp::export]]
Rcpp::List grid_posterior_(const Rcpp::NumericVector& nodes,
                           const Rcpp::NumericMatrix& log_lik,
                           const Rcpp::NumericVector& mu, double sigma, int threads) {
  const glue::RuntimeOwner runtime(threads);
  const GridPosterior posterior = grid_posterior(
      view(nodes), View<double>(log_lik.begin(), log_lik.size()), view(mu), sigma,
      runtime.get());
  return Rcpp::List::create(
      Rcpp::_["log_marginal"] = Rcpp::wrap(posterior.log_marginal),
      Rcpp::_["weight"] = as_matrix(posterior.weight, nodes.size()));
}

// Mean, SD and quantiles of every column of `weight`: matrix persons x (2 + q).
// [[Rcpp::export]]
Rcpp::NumericMatrix posterior_summary_(const Rcpp::NumericVector& nodes,
                                       const Rcpp::NumericMatrix& weight,
                                       const Rcpp::NumericVector& probability) {
  const int J = weight.ncol(), K = weight.nrow();
  Rcpp::NumericMatrix result(J, 2 + probability.size());
  for (int j = 0; j < J; ++j) {
    const double* w = &weight[static_cast<R_xlen_t>(j) * K];
    const Moments m = moments(view(nodes), w);
    result(j, 0) = m.mean;
    result(j, 1) = std::sqrt(m.variance);
    if (probability.size() == 0) continue;
    const PosteriorQuantile quantile(view(nodes), w);
    for (int i = 0; i < probability.size(); ++i) result(j, 2 + i) = quantile(probability[i]);
  }
  return result;
}

// Global posterior mode of every person: matrix persons x 6.
// [[Rcpp::export]]
Rcpp::NumericMatrix person_modes_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                  const Rcpp::NumericVector& value,
                                  const Rcpp::NumericVector& mu, double sigma) {
  const Task task = task_view(mdp);
  const PersonCounts data = counts_view(counts);
  const std::vector<int> pair_state = state_of_pair(task);
  Rcpp::NumericMatrix result(data.n_persons(), 6);
  for (int j = 0; j < data.n_persons(); ++j) {
    const auto states = visited_states(task, data, view(value), pair_state, j);
    const PersonMode m = PersonProblem(states, mu.at(j), sigma).mode();
    const double row[] = {m.z, m.log_posterior, m.gradient, m.hessian, m.score,
                          m.information};
    for (int i = 0; i < 6; ++i) result(j, i) = row[i];
  }
  Rcpp::colnames(result) = Rcpp::CharacterVector::create(
      "z", "log_posterior", "gradient", "hessian", "score", "information");
  return result;
}

// Likelihood, score and information of every person at slope `beta`, and how far
// the choices stay below the best: matrix persons x 5.
// [[Rcpp::export]]
Rcpp::NumericMatrix person_likelihood_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                       const Rcpp::NumericVector& value,
                                       const Rcpp::NumericVector& beta) {
  const Task task = task_view(mdp);
  const PersonCounts data = counts_view(counts);
  const std::vector<int> pair_state = state_of_pair(task);
  Rcpp::NumericMatrix result(data.n_persons(), 6);
  for (int j = 0; j < data.n_persons(); ++j) {
    const auto states = visited_states(task, data, view(value), pair_state, j);
    const Likelihood l = likelihood(states, beta.at(j));
    double informative = 0.0, shortfall = 0.0, advantage = 0.0;
    for (const VisitedState& state : states) {
      const double low = *std::min_element(state.value, state.value + state.n_actions);
      if (low == state.top) continue;
      double mean = 0.0;
      for (int a = 0; a < state.n_actions; ++a) mean += state.value[a] - state.top;
      informative += state.visits;
      shortfall -= state.chosen;
      advantage += state.chosen - state.visits * mean / state.n_actions;
    }
    const double row[] = {l.log_lik, l.score, l.information, informative, shortfall,
                          advantage};
    for (int i = 0; i < 6; ++i) result(j, i) = row[i];
  }
  Rcpp::colnames(result) = Rcpp::CharacterVector::create(
      "log_lik", "score", "information", "n_informative", "shortfall", "advantage");
  return result;
}

// Probabilities of all legal pairs of states[i] for persons[i] (0-based), averaged
// over the columns of `weight`.
// [[Rcpp::export]]
Rcpp::NumericVector predictive_(const Rcpp::List& mdp, const Rcpp::List& model,
                                const Rcpp::NumericMatrix& weight,
                                const Rcpp::IntegerVector& person,
                                const Rcpp::IntegerVector& state) {
  const Task task = task_view(mdp);
  const ChoiceModel choice = choice_view(model);
  std::vector<int> states(state.begin(), state.end());
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  const glue::RuntimeOwner runtime(1);
  const auto table = exponentiated(log_choice_table(task, choice, states, runtime.get()));
  return Rcpp::wrap(predictive_probabilities(task, table,
                                             View<double>(weight.begin(), weight.size()),
                                             choice.n_nodes(), view(person), view(state)));
}

// -log p of every decision; `decisions` has person_start and pair, in order. The
// weights of persons with `update` learn from each decision in turn.
// [[Rcpp::export]]
Rcpp::NumericVector decision_nll_(const Rcpp::List& mdp, const Rcpp::List& model,
                                  const Rcpp::List& decisions,
                                  const Rcpp::NumericMatrix& weight,
                                  const Rcpp::LogicalVector& update) {
  const WalkInput in(mdp, model, decisions);
  Rcpp::NumericVector nll(in.row.size());
  walk(in.p, in.n_nodes, View<double>(weight.begin(), weight.size()), in.person_start,
       View<int>(in.row), View<int>(update.begin(), update.size()),
       [&](int i, const Weights&, double p) { nll[i] = -std::log(p); });
  return nll;
}

// The weights with which each decision is predicted: matrix nodes x decisions.
// [[Rcpp::export]]
Rcpp::NumericMatrix replayed_weights_(const Rcpp::List& mdp, const Rcpp::List& model,
                                      const Rcpp::List& decisions,
                                      const Rcpp::NumericMatrix& weight,
                                      const Rcpp::LogicalVector& update) {
  const WalkInput in(mdp, model, decisions);
  Rcpp::NumericMatrix result(in.n_nodes, in.row.size());
  walk(in.p, in.n_nodes, View<double>(weight.begin(), weight.size()), in.person_start,
       View<int>(in.row), View<int>(update.begin(), update.size()),
       [&](int i, const Weights& w, double) {
         std::copy(w.data(), w.data() + w.size(), result.column(i).begin());
       });
  return result;
}

// Advantages of `q` under a rule of identification, and their root mean square.
// [[Rcpp::export]]
Rcpp::List identify_(const Rcpp::List& mdp, const Rcpp::NumericVector& q,
                     const std::string& rule) {
  const Task task = task_view(mdp);
  const auto advantage =
      identify(task, identify_rule(rule), std::vector<double>(q.begin(), q.end()));
  std::vector<double> centred = advantage;
  center_states(task, centred);
  return Rcpp::List::create(Rcpp::_["advantage"] = Rcpp::wrap(advantage),
                            Rcpp::_["rms"] = global_rms(task, centred));
}

// Advantages of planners whose backup temperature is 1 / beta, pair-major.
// [[Rcpp::export]]
Rcpp::NumericVector own_temperature_advantages_(const Rcpp::List& mdp,
                                                const Rcpp::NumericVector& beta,
                                                const std::string& backup,
                                                const std::string& rule, int threads) {
  const glue::RuntimeOwner runtime(threads);
  return Rcpp::wrap(own_temperature_advantages(
      task_view(mdp), view(beta), backup == "mellow" ? Backup::mellow : Backup::soft,
      identify_rule(rule), runtime.get()));
}
