#include <Rcpp.h>

#include "core/base/numerics.h"

// [[Rcpp::export]]
double log_sum_exp_(const Rcpp::NumericVector& x) {
  return psyrl::log_sum_exp(x.begin(), x.size());
}
