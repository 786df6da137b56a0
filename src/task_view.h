// The glue's side of core/mdp/task.h: a `psyrl_mdp` of R seen as a Task, without
// a copy. The R object must outlive it.
#pragma once

#include <Rcpp.h>

#include "core/base/require.h"
#include "core/mdp/task.h"
#include "runtime.h"

namespace psyrl {
namespace glue {

inline View<int> int_view(const Rcpp::List& layout, const char* name) {
  const SEXP x = layout[name];
  require(TYPEOF(x) == INTSXP, name);
  return View<int>(INTEGER(x), Rf_xlength(x));
}

inline View<double> double_view(const Rcpp::List& layout, const char* name) {
  const SEXP x = layout[name];
  require(TYPEOF(x) == REALSXP, name);
  return View<double>(REAL(x), Rf_xlength(x));
}

/// `task` is the whole R object; rewards may be unknown (an empty view).
inline Task task_view(const Rcpp::List& task) {
  const Rcpp::List layout = task["layout"];
  Task view;
  view.state_start = int_view(layout, "state_start");
  view.next_start = int_view(layout, "next_start");
  view.next_state = int_view(layout, "next_state");
  view.probability = double_view(layout, "probability");
  if (layout.containsElementNamed("reward") &&
      !Rf_isNull(static_cast<SEXP>(layout["reward"])))
    view.reward = double_view(layout, "reward");
  view.discount = Rcpp::as<double>(task["discount"]);
  return view;
}

}  // namespace glue
}  // namespace psyrl
