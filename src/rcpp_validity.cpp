// Glue of what is asked of a score once it is there; used by R/person-fit.R,
// R/influence.R, R/information.R, R/dif.R and R/plausible-values.R.
#include "core/measurement/dif.h"
#include "core/measurement/influence.h"
#include "core/measurement/information.h"
#include "core/measurement/person_fit.h"
#include "choice_view.h"

using namespace psyrl;
using glue::choice_view;
using glue::counts_view;
using glue::double_view;
using glue::int_view;
using glue::task_view;
using glue::view;

namespace {

DecisionBlocks blocks_view(const Rcpp::List& blocks) {
  return {int_view(blocks, "person"), int_view(blocks, "start"), int_view(blocks, "pair"),
          double_view(blocks, "count")};
}

View<double> matrix_view(const Rcpp::NumericMatrix& x) {
  return View<double>(x.begin(), x.size());
}

// Log probabilities of the states that persons visited.
std::vector<double> visited_table(const Task& task, const PersonCounts& counts,
                                  const ChoiceModel& model, const Runtime& runtime) {
  return log_choice_table(task, model, informative_states(task, counts), runtime);
}

}  // namespace

// Drift and infit of every person with their p-values: matrix persons x 5.
// `sample` has n, seed; `trait` has nodes, weight, mu, sigma, log.
// [[Rcpp::export]]
Rcpp::NumericMatrix person_fit_(const Rcpp::List& mdp, const Rcpp::List& model,
                                const Rcpp::List& decisions, const Rcpp::List& trait,
                                const Rcpp::List& sample, int threads) {
  const Task task = task_view(mdp);
  const ChoiceModel choice = choice_view(model);
  const View<int> start = int_view(decisions, "person_start");
  const View<int> pair = int_view(decisions, "pair");
  const Rcpp::NumericMatrix weight = trait["weight"];
  const View<double> mu = double_view(trait, "mu");
  const double sigma = Rcpp::as<double>(trait["sigma"]);
  const glue::RuntimeOwner runtime(threads);
  const auto table =
      visited_table(task, {start, pair, View<double>()}, choice, runtime.get());
  const PersonFitProblem problem{
      task, choice, {Rcpp::as<bool>(trait["log"])}, double_view(trait, "nodes"), table,
      Rcpp::as<int>(sample["n"]),
      static_cast<std::uint64_t>(Rcpp::as<double>(sample["seed"]))};
  const std::vector<int> state = state_of_pair(task);
  const int J = weight.ncol(), K = weight.nrow();
  std::vector<PersonFit> fit(J);
  for_chunks(runtime.get().executor, J, 4, [&](std::size_t, std::size_t b, std::size_t e) {
    for (std::size_t j = b; j < e; ++j) {
      const PersonLog log(problem, pair, state, start[j], start[j + 1]);
      fit[j] = person_fit(problem, log, weight.begin() + j * K, mu[j], sigma,
                          static_cast<int>(j));
    }
  });
  Rcpp::NumericMatrix result(J, 5);
  for (int j = 0; j < J; ++j) {
    const double row[] = {static_cast<double>(fit[j].n_decisions), fit[j].observed.drift,
                          fit[j].drift_p, fit[j].observed.infit, fit[j].infit_p};
    for (int i = 0; i < 5; ++i) result(j, i) = row[i];
  }
  return result;
}

// Posterior mean of log beta without each block minus that with it.
// [[Rcpp::export]]
std::vector<double> leave_out_means_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                     const Rcpp::List& model,
                                     const Rcpp::NumericVector& nodes,
                                     const Rcpp::NumericMatrix& log_posterior,
                                     const Rcpp::List& blocks, int threads) {
  const Task task = task_view(mdp);
  const glue::RuntimeOwner runtime(threads);
  const auto table =
      visited_table(task, counts_view(counts), choice_view(model), runtime.get());
  return leave_out_means(view(nodes), matrix_view(log_posterior), table,
                         blocks_view(blocks), runtime.get());
}

// The same for posterior modes: exact, or by one Newton step (single decisions).
// [[Rcpp::export]]
std::vector<double> leave_out_modes_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                     const Rcpp::NumericVector& value,
                                     const Rcpp::NumericVector& mu, double sigma,
                                     const Rcpp::List& blocks, bool one_step,
                                     int threads) {
  const Task task = task_view(mdp);
  if (one_step)
    return leave_out_one_step(task, counts_view(counts), view(value), view(mu), sigma,
                              blocks_view(blocks));
  const glue::RuntimeOwner runtime(threads);
  return leave_out_modes(task, counts_view(counts), view(value), view(mu), sigma,
                         blocks_view(blocks), runtime.get());
}

// Information that each entry of the counts carries at every node: matrix nodes x
// entries.
// [[Rcpp::export]]
Rcpp::NumericMatrix entry_information_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                       const Rcpp::List& model, bool log_slope,
                                       int threads) {
  const Task task = task_view(mdp);
  const PersonCounts data = counts_view(counts);
  const ChoiceModel choice = choice_view(model);
  const TraitScale scale{log_slope};
  const std::vector<int> state = state_of_pair(task);
  const glue::RuntimeOwner runtime(threads);
  const auto table =
      moment_table(task, choice, informative_states(task, data), runtime.get());
  const int K = choice.n_nodes();
  Rcpp::NumericMatrix result(K, data.pair.size());
  for (std::size_t i = 0; i < data.pair.size(); ++i)
    for (int k = 0; k < K; ++k) {
      const double rate = scale.rate(choice.beta[k]);
      result(k, i) = data.count[i] * rate * rate *
                     table[static_cast<std::size_t>(state[data.pair[i]]) * K + k].variance;
    }
  return result;
}

// Moments of what persons' classes of states add to their scores: matrix blocks x 4.
// `blocks` has person, start (offsets into order), order (entries of the counts).
// [[Rcpp::export]]
Rcpp::NumericMatrix class_moments_(const Rcpp::List& mdp, const Rcpp::List& counts,
                                   const Rcpp::List& model, const Rcpp::List& trait,
                                   const Rcpp::List& blocks, int threads) {
  const Task task = task_view(mdp);
  const View<int> person = int_view(blocks, "person"), start = int_view(blocks, "start");
  std::vector<ClassBlock> block;
  for (std::size_t b = 0; b < person.size(); ++b)
    block.push_back({person[b], start[b], start[b + 1]});
  const Rcpp::NumericMatrix weight = trait["weight"];
  const glue::RuntimeOwner runtime(threads);
  const auto found = block_moments(
      task, choice_view(model), {Rcpp::as<bool>(trait["log"])}, counts_view(counts),
      double_view(trait, "nodes"), matrix_view(weight), double_view(trait, "mu"),
      Rcpp::as<double>(trait["sigma"]), int_view(blocks, "order"), block, runtime.get());
  Rcpp::NumericMatrix result(found.size(), 4);
  for (std::size_t b = 0; b < found.size(); ++b) {
    const double row[] = {found[b].score, found[b].information, found[b].with_trait,
                          found[b].with_square};
    for (int i = 0; i < 4; ++i) result(b, i) = row[i];
  }
  Rcpp::colnames(result) =
      Rcpp::CharacterVector::create("score", "information", "with_trait", "with_square");
  return result;
}

// Expected information of an episode at every node of the model: list of matrices
// by_step, by_state, by_start (columns nodes) and decisions.
// [[Rcpp::export]]
Rcpp::List expected_information_(const Rcpp::List& mdp, const Rcpp::List& model,
                                 bool log_slope, const Rcpp::NumericVector& start,
                                 int horizon, int threads) {
  const Task task = task_view(mdp);
  const ChoiceModel choice = choice_view(model);
  const TraitScale scale{log_slope};
  const glue::RuntimeOwner runtime(threads);
  std::vector<int> open;
  for (int s = 0; s < task.n_states(); ++s)
    if (!task.terminal(s)) open.push_back(s);
  const int K = choice.n_nodes(), S = task.n_states();
  const auto table = log_choice_table(task, choice, open, runtime.get());
  const auto moments = moment_table(task, choice, open, runtime.get());
  std::vector<ExpectedInformation> found(K);
  for_chunks(runtime.get().executor, K, 1, [&](std::size_t k, std::size_t, std::size_t) {
    const double rate = scale.rate(choice.beta[k]);
    std::vector<double> information(S, 0.0);
    for (int s : open) information[s] = rate * rate * moments[s * K + k].variance;
    found[k] = expected_information(task, policy_at(table, K, static_cast<int>(k)),
                                    information, view(start), horizon);
  });
  Rcpp::NumericMatrix by_step(horizon, K), by_state(S, K), by_start(S, K);
  Rcpp::NumericVector decisions(K);
  for (int k = 0; k < K; ++k) {
    std::copy(found[k].by_step.begin(), found[k].by_step.end(), by_step.column(k).begin());
    std::copy(found[k].by_state.begin(), found[k].by_state.end(),
              by_state.column(k).begin());
    std::copy(found[k].by_start.begin(), found[k].by_start.end(),
              by_start.column(k).begin());
    decisions[k] = found[k].decisions;
  }
  return Rcpp::List::create(Rcpp::_["by_step"] = by_step, Rcpp::_["by_state"] = by_state,
                            Rcpp::_["by_start"] = by_start,
                            Rcpp::_["decisions"] = decisions);
}

// Quantiles of every person's posterior at the person's own probabilities: matrix
// as `probability`, columns persons.
// [[Rcpp::export]]
Rcpp::NumericMatrix posterior_quantiles_(const Rcpp::NumericVector& nodes,
                                         const Rcpp::NumericMatrix& weight,
                                         const Rcpp::NumericMatrix& probability) {
  const R_xlen_t K = weight.nrow();
  Rcpp::NumericMatrix result(probability.nrow(), probability.ncol());
  for (int j = 0; j < probability.ncol(); ++j) {
    const PosteriorQuantile quantile(view(nodes), weight.begin() + j * K);
    for (int i = 0; i < probability.nrow(); ++i)
      result(i, j) = quantile(probability(i, j));
  }
  return result;
}
