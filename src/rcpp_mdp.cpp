#include <Rcpp.h>

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
