// Glue of the arrow-shaped information; used by R/arrow.R.
#include <RcppEigen.h>

#include "core/measurement/arrow.h"
#include "core/measurement/arrow_represented.h"
#include "map_view.h"
#include "penalty_view.h"

using namespace psyrl;

// Variances by the arrow-shaped information at persons' modes. `population` has the
// border: precision [n_persons], information [m x m], cross [m x n_persons];
// `settings` threads, identify, offset,
// covariance (also between persons?), values (also between advantages?), dense_pairs.
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
                             Rcpp::as<bool>(settings["values"]),
                             Rcpp::as<int>(settings["dense_pairs"])};
  const ArrowResult out = Arrow(problem, glue::as_penalty(penalty), runtime.get()).solve();
  return Rcpp::List::create(
      Rcpp::_["person"] = out.person, Rcpp::_["shared"] = out.shared,
      Rcpp::_["covariance"] = out.covariance,
      Rcpp::_["advantage"] = out.advantage,
      Rcpp::_["advantage_covariance"] = out.advantages, Rcpp::_["border"] = out.border,
      Rcpp::_["positive"] = out.positive);
}

// What the penalised likelihood at given slopes says about the parameters `theta` of
// the representation `settings$map`, and how advantages move with them.
// [[Rcpp::export]]
Rcpp::List represented_information_(const Rcpp::List& mdp, const Rcpp::List& people,
                                    const Rcpp::List& penalty,
                                    const Rcpp::NumericVector& theta,
                                    const Rcpp::List& settings) {
  const Task task = glue::task_view(mdp);
  const glue::RuntimeOwner runtime(Rcpp::as<int>(settings["threads"]));
  const Identify rule = identify_rule(Rcpp::as<std::string>(settings["identify"]));
  const auto map = glue::as_map(settings["map"], runtime.get().executor);
  PenalisedValues values(task, glue::as_groups(people), glue::as_penalty(penalty), rule,
                         runtime.get());
  IdentifiedValues identified(task, rule);
  const RepresentedInformation out =
      represented_information(values, *map, identified, glue::as_numbers(theta));
  return Rcpp::List::create(Rcpp::_["information"] = out.information,
                            Rcpp::_["advantage"] = out.advantage);
}

// What persons' choices and priors (`precision`) say about their traits, and about these
// together with the advantages: `person` [n_persons], `cross` [n_pairs x n_persons].
// [[Rcpp::export]]
Rcpp::List persons_information_(const Rcpp::List& mdp, const Rcpp::List& people,
                                const Rcpp::NumericVector& precision,
                                const Rcpp::NumericVector& advantage, int threads) {
  const Task task = glue::task_view(mdp);
  const glue::RuntimeOwner runtime(threads);
  Eigen::MatrixXd cross(task.n_pairs(), precision.size());
  const Eigen::VectorXd own = persons_information(
      task, glue::as_groups(people), View<double>(precision.begin(), precision.size()),
      Identify::none, glue::as_numbers(advantage), runtime.get(), cross);
  return Rcpp::List::create(Rcpp::_["person"] = own, Rcpp::_["cross"] = cross);
}
