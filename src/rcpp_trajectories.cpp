#include <Rcpp.h>

#include "core/mdp/tally.h"
#include "runtime.h"

using namespace psyrl;
using glue::view;

// Codes 0-based, negative: unknown. `start`, `column` 0-based.
// [[Rcpp::export]]
Rcpp::List tally_(const Rcpp::IntegerVector& row, int n_rows,
                  const Rcpp::IntegerVector& column, int n_columns) {
  const SparseCounts counts = tally(view(row), n_rows, view(column), n_columns);
  return Rcpp::List::create(Rcpp::_["start"] = counts.start,
                            Rcpp::_["column"] = counts.column,
                            Rcpp::_["count"] = counts.count);
}

// [[Rcpp::export]]
Rcpp::List number_pairs_(const Rcpp::IntegerVector& first, int n_first,
                         const Rcpp::IntegerVector& second, int n_second) {
  const PairNumbers numbers =
      number_pairs(view(first), n_first, view(second), n_second);
  return Rcpp::List::create(Rcpp::_["first"] = numbers.first,
                            Rcpp::_["second"] = numbers.second,
                            Rcpp::_["pair"] = numbers.pair);
}
