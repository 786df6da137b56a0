# Is one learning rate enough? Parametric bootstrap of the gap.

#' Test of a forgetting bandit against a freer memory
#'
#' The gap between the best forgetting bandit and its relaxation says how much
#' likelihood a memory of another shape gains. Under the model it is small but not
#' zero, so its distribution is simulated: new choices are drawn from the fitted
#' probabilities, trial by trial, given the history that was observed (which needs no
#' model of the task), and both fits repeated. A large gap indicates that memory is
#' not exponential, for example that somebody learns on two time scales.
#'
#' @param object A fit of [convex_relaxation()] over the whole past. Its relaxation
#'   is the alternative: `"monotone"` any decreasing memory, `"mixture"` a mixture of
#'   learning rates.
#' @param n Number of replicates.
#' @param ... Not used.
#' @return A classed data frame, a row a problem: `problem`, `objective` of the best
#'   forgetting bandit with `beta <= beta_max` and `gap` to the relaxation (nats),
#'   `expected_gap` under the model, `p_value`. Several people are tested at once:
#'   adjust with [stats::p.adjust()].
#' @section Errors: `psyrl_error_input` for a truncated fit, or one with weights,
#'   biases or covariates.
#' @examples
#' set.seed(1)
#' choice <- sample(1:2, 80, replace = TRUE)
#' data <- choices(data.frame(
#'   person = rep(c("ann", "bob"), each = 40), choice = choice,
#'   outcome = rbinom(80, 1, c(0.8, 0.2)[choice])
#' ))
#' misfit_test(convex_relaxation(data, relaxation = "mixture"), n = 19)
#' @export
misfit_test <- function(object, n = 199, ...) {
  check_class(object, "psyrl_convex", "object")
  n <- check_count(n, "n", 1)
  control <- object$control
  plain <- is.null(control$weights) && !control$bias && is.null(control$covariates)
  if (object$spec$clock == "chain" || is_truncated(object) || !plain) {
    abort_input("object", paste0(
      "`object` must be fitted with `horizon = Inf`, to choices of one stage, and ",
      "without weights, biases or covariates, which the bandit does not have."
    ))
  }
  trials <- problem_trials(object)
  found <- convex_misfit_(
    trials, object$spec, n, draw_seed(), resolve_threads(control$threads)
  )
  structure(
    data.frame(problem = trials$problems$name, found),
    class = c("psyrl_misfit", "data.frame"), n = n
  )
}

#' @export
print.psyrl_misfit <- function(x, ...) {
  low <- sum(x$p_value < 0.05, na.rm = TRUE)
  cat(
    "Memory of ", low, " of ", nrow(x), " problems departs from one learning rate\n",
    "(p < .05, ", attr(x, "n"), " replicates; ",
    format(0.05 * nrow(x)), " expected by chance)\n",
    sep = ""
  )
  print(structure(x, class = "data.frame"), digits = 3, row.names = FALSE)
  invisible(x)
}
