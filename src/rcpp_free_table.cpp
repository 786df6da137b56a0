// Glue of free tables; used by R/rlmm-free-table.R.
#include <RcppEigen.h>

#include "core/measurement/free_table.h"
#include "runtime.h"
#include "choice_view.h"

using namespace psyrl;

namespace {

Eigen::MatrixXd in_sds(const Rcpp::NumericVector& steps, const std::vector<double>& sd) {
  Eigen::MatrixXd out(steps.size(), sd.size());
  for (std::size_t j = 0; j < sd.size(); ++j)
    for (int k = 0; k < steps.size(); ++k) out(k, j) = steps[k] * sd[j];
  return out;
}

}  // namespace

// The mode of the traits from `z`, one for each pattern of persons (how many have it is
// in `times`), under the population `mu`, `settings$sigma` and the
// table behind it. Each person's curve, minus the log likelihood of the trait with the
// table integrated out, is given `steps` SDs from the mode, in columns.
// [[Rcpp::export]]
Rcpp::List free_table_(const Rcpp::List& mdp, const Rcpp::List& counts,
                       const Rcpp::NumericVector& times, const Rcpp::NumericVector& z,
                       const Rcpp::NumericVector& mu, const Rcpp::NumericVector& steps, const Rcpp::List& settings) {
  const Task task = glue::task_view(mdp);
  const glue::RuntimeOwner runtime(Rcpp::as<int>(settings["threads"]));
  const double sigma = Rcpp::as<double>(settings["sigma"]);
  FreeTable table(task, glue::counts_view(counts), glue::view(times),
                  Rcpp::as<double>(settings["variance"]), runtime.get());
  table.set_population(std::vector<double>(mu.begin(), mu.end()), sigma);
  NewtonCgSettings search;
  search.tolerance = 1e-4;
  const NewtonCgResult found = newton_cg(table, std::vector<double>(z.begin(), z.end()),
                                         search, runtime.get().monitor);
  std::vector<double> sd = table.own_curvature();
  for (std::size_t j = 0; j < sd.size(); ++j)
    sd[j] = 1.0 / std::sqrt(std::max(sd[j] / times[j], 0.1 / (sigma * sigma)));
  const Eigen::MatrixXd offset = in_sds(steps, sd);
  return Rcpp::List::create(
      Rcpp::_["z"] = found.x, Rcpp::_["gradient_norm"] = found.gradient_norm,
      Rcpp::_["status"] = to_string(found.status), Rcpp::_["table"] = table.table_part(),
      Rcpp::_["offset"] = offset, Rcpp::_["curve"] = table.curves(found.x, offset),
      Rcpp::_["q"] = table.q(), Rcpp::_["variance"] = table.variances(),
      Rcpp::_["effective"] = table.effective_values());
}
