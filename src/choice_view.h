// Read-only views of R's lists as the core's counts and choice model.
#pragma once

#include "core/measurement/choice.h"
#include "core/measurement/counts.h"
#include "task_view.h"

namespace psyrl {
namespace glue {

inline PersonCounts counts_view(const Rcpp::List& counts) {
  return {int_view(counts, "person_start"), int_view(counts, "pair"),
          double_view(counts, "count")};
}

inline Rcpp::List as_list(const CountRows& rows) {
  return Rcpp::List::create(Rcpp::_["person_start"] = rows.start,
                            Rcpp::_["pair"] = rows.pair, Rcpp::_["count"] = rows.count);
}

inline ChoiceModel choice_view(const Rcpp::List& model) {
  return {double_view(model, "advantage"), double_view(model, "habit"),
          double_view(model, "beta")};
}

}  // namespace glue
}  // namespace psyrl
