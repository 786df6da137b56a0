// Glue of representations of values and rewards; used by R/rlmm-representation.R.
#include "core/measurement/represented.h"
#include "map_view.h"

using namespace psyrl;

// The numbers a representation gives to all pairs.
// [[Rcpp::export]]
Rcpp::NumericVector represent_(const Rcpp::List& map, const Rcpp::NumericVector& theta,
                               int threads) {
  const glue::RuntimeOwner runtime(threads);
  return Rcpp::wrap(
      glue::as_map(map, runtime.get().executor)->value(glue::as_numbers(theta)));
}

// How many parameters it has.
// [[Rcpp::export]]
double n_parameters_(const Rcpp::List& map) {
  return static_cast<double>(
      glue::as_map(map, glue::RuntimeOwner(1).get().executor)->n_inputs());
}

// Its derivative: matrix numbers x parameters.
// [[Rcpp::export]]
Rcpp::NumericMatrix representation_slope_(const Rcpp::List& map,
                                          const Rcpp::NumericVector& theta, int threads) {
  const glue::RuntimeOwner runtime(threads);
  const auto f = glue::as_map(map, runtime.get().executor);
  f->value(glue::as_numbers(theta));
  Rcpp::NumericMatrix out(f->n_outputs(), f->n_inputs());
  for (int i = 0; i < out.ncol(); ++i) {
    Numbers unit(f->n_inputs(), 0.0);
    unit[i] = 1.0;
    const Numbers column = f->push(unit);
    std::copy(column.begin(), column.end(), out.column(i).begin());
  }
  return out;
}

// Parameters whose numbers come closest to `target`, from `start`.
// [[Rcpp::export]]
Rcpp::NumericVector project_(const Rcpp::List& map, const Rcpp::NumericVector& target,
                             const Rcpp::NumericVector& start,
                             const Rcpp::List& settings) {
  const glue::RuntimeOwner runtime(Rcpp::as<int>(settings["threads"]));
  const auto f = glue::as_map(map, runtime.get().executor);
  Projection problem(*f, glue::as_numbers(target));
  NewtonCgSettings search;
  search.max_iterations = Rcpp::as<int>(settings["steps"]);
  const bool newton = Rcpp::as<std::string>(settings["m_step"]) == "newton";
  const Monitor& monitor = runtime.get().monitor;
  return Rcpp::wrap(
      newton ? newton_cg(problem, glue::as_numbers(start), search, monitor).x
             : lbfgs(problem, glue::as_numbers(start), search, monitor).x);
}
