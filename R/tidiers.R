# broom conventions.

#' Tidy a measurement fit
#'
#' @param x A fit of [rlmm()].
#' @param conf.int,conf.level Add intervals of this level.
#' @param ... Unused.
#' @return `tidy()` a data frame `term, estimate, std.error` (and `conf.low,
#'   conf.high`), `glance()` one row of the fit, `augment()` the decisions with the
#'   probability of the chosen action (`.fitted`) and its residual (`.resid`).
#' @name tidy.rlmm
#' @export
tidy.rlmm <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  table <- data.frame(
    term = x$parameters$term, estimate = x$parameters$estimate,
    std.error = x$parameters$std_error
  )
  if (check_flag(conf.int, "conf.int")) {
    ends <- population_intervals(x, conf.level)
    table$conf.low <- ends[, 1]
    table$conf.high <- ends[, 2]
  }
  table
}

#' @rdname tidy.rlmm
#' @export
glance.rlmm <- function(x, ...) {
  data.frame(
    logLik = x$loglik, AIC = stats::AIC(x), BIC = stats::BIC(x),
    nobs = stats::nobs(x), persons = length(x$data$persons),
    reliability = model_reliability(x), status = x$status
  )
}

#' @rdname tidy.rlmm
#' @param data Other decisions, as in [predict()]; `NULL`: those of the fit.
#' @export
augment.rlmm <- function(x, data = NULL, ...) {
  nll <- stats::predict(x, data, type = "nll")
  names(nll)[names(nll) == "nll"] <- ".fitted"
  nll$.fitted <- exp(-nll$.fitted)
  nll$.resid <- 1 - nll$.fitted
  nll
}
