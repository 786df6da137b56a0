// The glue's side of core/measurement/penalty.h and behaviour.h: lists of R seen
// without a copy. The R objects must outlive them.
#pragma once

#include <string>

#include "core/measurement/behaviour.h"
#include "core/measurement/penalty.h"
#include "task_view.h"

namespace psyrl {
namespace glue {

inline Penalty as_penalty(const Rcpp::List& x) {
  Penalty penalty;
  penalty.residual = {int_view(x, "pair"),       double_view(x, "weight"),
                      double_view(x, "reward"),  int_view(x, "next_start"),
                      int_view(x, "next_state"), double_view(x, "probability")};
  penalty.lambda = Rcpp::as<double>(x["lambda"]);
  penalty.temperature = Rcpp::as<double>(x["temperature"]);
  penalty.backup =
      Rcpp::as<std::string>(x["backup"]) == "mellow" ? Backup::mellow : Backup::soft;
  penalty.cql = Rcpp::as<double>(x["cql"]);
  penalty.pair_count = double_view(x, "pair_count");
  penalty.l2 = Rcpp::as<double>(x["l2"]);
  penalty.reward_l2 = Rcpp::as<double>(x["reward_l2"]);
  return penalty;
}

inline Groups as_groups(const Rcpp::List& x) {
  return {double_view(x, "slope"),
          {int_view(x, "person_start"), int_view(x, "pair"), double_view(x, "count")},
          double_view(x, "known"), double_view(x, "known_slope")};
}

}  // namespace glue
}  // namespace psyrl
