# Certificate of global optimality of maximum-likelihood fits.

#' Certify that a fit is the global maximum of the likelihood
#'
#' The likelihood of a forgetting bandit has several local maxima, and a local search
#' cannot know which one it found. `certify()` proves it: branch and bound on the
#' learning rates, with the mixture relaxation as bound (see [convex_relaxation()]),
#' until no parameters in the model's range can be better than the best ones known by
#' more than `tolerance`.
#'
#' @param fit A fit of [rlearn()] with `estimator = "ml"` and a
#'   [forgetting_bandit()], or the plain [rescorla_wagner()] (one rate, `initial = 0`),
#'   which is the same in every option's own visits.
#' @param tolerance Largest gap that counts as certified, in nats.
#' @param max_nodes Largest number of boxes of learning rates that are looked at, per
#'   person.
#' @param ... Not used.
#' @return A classed data frame, a row a person with a choice:
#'
#'   | column | what |
#'   |---|---|
#'   | `person` | label |
#'   | `objective` | negative log-likelihood of the fit, in nats |
#'   | `lower_bound` | no parameters in the range have a smaller one |
#'   | `gap` | `objective - lower_bound` |
#'   | `certified` | `gap <= tolerance` |
#'   | `nodes` | boxes looked at |
#'   | `best` | smallest negative log-likelihood met on the way: below `objective` by more than the tolerance if the fit was not global |
#'
#'   The parameters of `best` are in `attr(, "parameters")`.
#' @section Errors: `psyrl_error_input` for another model, or a range of beta with
#'   negative values.
#' @seealso [convex_relaxation()]
#' @export
certify <- function(fit, tolerance = 0.01, max_nodes = 3000, ...) {
  UseMethod("certify")
}

#' @export
certify.default <- function(fit, tolerance = 0.01, max_nodes = 3000, ...) {
  abort_input("fit", paste0(
    "`fit` must be a fit of rlearn() with a forgetting_bandit(), not ",
    describe(fit), "."
  ))
}

#' @export
certify.rlearn <- function(fit, tolerance = 0.01, max_nodes = 3000, ...) {
  if (fit$estimator != "ml") {
    abort_input("fit", c(
      paste0("`fit` must be fitted with `estimator = \"ml\"`, not ", dQuote(
        fit$estimator, FALSE
      ), "."),
      "A certificate is about the maximum of the likelihood."
    ))
  }
  trace <- certified_traces(fit)
  trials <- convex_trials(fit$data, trace$channels, "person")
  at <- match(as.character(trials$problems$person), as.character(fit$data$persons))
  natural <- to_natural(t(fit$persons$mode), fit$table)[at, , drop = FALSE]
  part <- function(names) {
    unname(natural[, match(names, fit$table$parameter), drop = FALSE])
  }
  start <- list(alpha = part(trace$alpha), beta = part(trace$beta))
  spec <- trace_spec(trace)
  # A search may end beyond the range that stands in for an infinite one.
  spec$beta_upper <- max(spec$beta_upper, start$beta, na.rm = TRUE)
  certify_problems(
    trials, spec, start, tolerance, max_nodes, fit$control$threads
  )
}

certified_traces <- function(fit) {
  trace <- trace_model(fit$model, fit$table)
  if (is.null(trace) || !trace$exact) {
    abort_input("fit", c(
      paste0("`fit` must be a fit of a forgetting_bandit(), not of ",
        dQuote(fit$model$model, FALSE), " with ", quoted(fit$table$parameter), "."),
      "Of other models only the plain rescorla_wagner() has a convex relaxation."
    ))
  }
  if (trace$range[1] < 0) {
    abort_input("fit", paste0(
      "The range of beta must not be negative; it starts at ",
      format(trace$range[1]), "."
    ))
  }
  trace
}

# One row a problem; `start` holds matrices alpha and beta, problems x kernels.
certify_problems <- function(trials, spec, start, tolerance, max_nodes, threads) {
  tolerance <- check_number(tolerance, "tolerance", 1e-6)
  max_nodes <- check_count(max_nodes, "max_nodes")
  found <- convex_certify_(
    trials, spec, start, list(tolerance = tolerance, max_nodes = max_nodes),
    resolve_threads(threads)
  )
  gap <- found$objective - found$bound
  structure(
    data.frame(
      person = trials$problems$person, objective = found$objective,
      lower_bound = found$bound, gap = gap, certified = gap <= tolerance,
      nodes = found$nodes, best = found$best
    ),
    class = c("psyrl_certificate", "data.frame"), tolerance = tolerance,
    parameters = list(alpha = found$alpha, beta = found$beta)
  )
}

#' @export
print.psyrl_certificate <- function(x, ...) {
  tolerance <- attr(x, "tolerance")
  better <- sum(x$objective - x$best > tolerance, na.rm = TRUE)
  cat(
    sum(x$certified, na.rm = TRUE), " of ", nrow(x), " fits are the global maximum, ",
    "proved to ", format(tolerance), " nats",
    if (better) paste0("; ", better, " improved by a better one (column `best`)"),
    "\n", sep = ""
  )
  print(structure(x, class = "data.frame"), digits = 5, row.names = FALSE)
  invisible(x)
}
