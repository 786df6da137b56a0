// Glue of the arrow-shaped information; used by R/arrow.R.
#include <RcppEigen.h>

#include "core/measurement/arrow.h"
#include "penalty_view.h"

using namespace psyrl;

// Variances by the arrow-shaped information at persons' modes. `population` has the
// border: precision [n_persons], information [m x m], cross [m x n_persons];
// `settings` threads, identify, offset,
// covariance (also between persons?), dense_pairs.
// [[Rcpp::export]]
Rcpp::List arrow_(const Rcpp::List& mdp, const Rcpp::List& people,
                  const Rcpp::List& penalty, const Rcpp::NumericVector& q,
                  const Rcpp::List& population, const Rcpp::List& settings) {
  const Task task = glue::task_view(mdp);
  const glue::RuntimeOwner runtime(Rcpp::as<int>(settings["threads"]));
  const std::vector<double> at = Rcpp::as<std::vector<double>>(q);
  const ArrowProblem problem{task,
                             glue::as_groups(people),
                             identify_rule(Rcpp::as<std::string>(settings["identify"])),
                             at,
                             glue::double_view(population, "precision"),
                             Rcpp::as<Eigen::MatrixXd>(population["information"]),
                             Rcpp::as<Eigen::MatrixXd>(population["cross"]),
                             Rcpp::as<std::vector<double>>(settings["offset"]),
                             Rcpp::as<bool>(settings["covariance"]),
                             Rcpp::as<int>(settings["dense_pairs"])};
  const ArrowResult out = Arrow(problem, glue::as_penalty(penalty), runtime.get()).solve();
  return Rcpp::List::create(
      Rcpp::_["person"] = out.person, Rcpp::_["shared"] = out.shared,
      Rcpp::_["covariance"] = out.covariance,
      Rcpp::_["advantage"] = out.advantage, Rcpp::_["border"] = out.border,
      Rcpp::_["positive"] = out.positive);
}
