#include <Rcpp.h>

#include "core/mdp/simulate.h"
#include "core/mdp/solve.h"
#include "task_view.h"

using namespace psyrl;

// [[Rcpp::export]]
Rcpp::List solve_task_(const Rcpp::List& task, double temperature, bool mellow) {
  SolveSettings settings;
  settings.temperature = temperature;
  settings.backup = mellow ? Backup::mellow : Backup::soft;
  const Solution solution = solve(glue::task_view(task), settings);
  return Rcpp::List::create(
      Rcpp::_["v"] = solution.v, Rcpp::_["q"] = solution.q,
      Rcpp::_["status"] = to_string(solution.status),
      Rcpp::_["factorisations"] = solution.factorisations,
      Rcpp::_["residuals"] = solution.residuals);
}

// States (codes) in which a policy could stay for ever.
// [[Rcpp::export]]
std::vector<int> endless_states_(const Rcpp::List& task) {
  std::vector<int> states = endless_states(glue::task_view(task));
  for (int& s : states) ++s;
  return states;
}

// Expected visits to every state of somebody who acts at random, by `policy` (a
// positive probability a pair), from `start` (a probability a state) until the task
// ends; empty if it need not end.
// [[Rcpp::export]]
std::vector<double> expected_visits_(const Rcpp::List& task,
                                     const Rcpp::NumericVector& policy,
                                     const Rcpp::NumericVector& start) {
  Task undiscounted = glue::task_view(task);
  undiscounted.discount = 1.0;
  const Blocks blocks = find_blocks(undiscounted);
  if (!random_play_ends(undiscounted, blocks)) return {};
  PolicySystem system(undiscounted, blocks, glue::view(policy));
  const Vector visits =
      system.solve_transposed(Eigen::Map<const Vector>(start.begin(), start.size()));
  return std::vector<double>(visits.data(), visits.data() + visits.size());
}

// [[Rcpp::export]]
Rcpp::List simulate_task_(const Rcpp::List& task, const Rcpp::NumericVector& q,
                          const Rcpp::NumericVector& beta, const Rcpp::List& spec) {
  const Task view = glue::task_view(task);
  const Rcpp::IntegerVector starts = spec["starts"];
  const std::vector<std::string> names =
      Rcpp::as<std::vector<std::string>>(spec["names"]);
  const auto seed = static_cast<std::uint64_t>(Rcpp::as<double>(spec["seed"]));
  Simulator simulator(view, glue::view(q), glue::view(starts),
                      Rcpp::as<int>(spec["episodes"]),
                      Rcpp::as<int>(spec["max_steps"]));
  SimulatedLog log;
  const std::uint64_t purpose = 1;
  for (int j = 0; j < beta.size(); ++j) {
    Rcpp::checkUserInterrupt();
    simulator.add_person(j, beta[j], Stream(seed, purpose, stream_index(names[j])),
                         log);
  }
  return Rcpp::List::create(
      Rcpp::_["person"] = log.person, Rcpp::_["episode"] = log.episode,
      Rcpp::_["step"] = log.step, Rcpp::_["pair"] = log.pair,
      Rcpp::_["transition"] = log.transition,
      Rcpp::_["done"] = Rcpp::LogicalVector(log.done.begin(), log.done.end()),
      Rcpp::_["truncated"] =
          Rcpp::LogicalVector(log.truncated.begin(), log.truncated.end()));
}
