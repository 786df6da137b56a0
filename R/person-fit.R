# Do a person's decisions look like the model's?

#' @rdname person_fit
#' @param n Number of replicates behind each p-value.
#' @details
#' With g the derivative of a decision's log-probability in log beta and v its
#' variance, both at the person's posterior mean,
#' `drift` = sum (t - tbar) g / sqrt(sum (t - tbar)^2 v), tbar weighted by v: above
#' zero a person becomes more decisive in the course of the log, below zero less
#' (fatigue, giving up). `infit` = sum g^2 / sum v is 1 on average; above 1 decisions
#' are more erratic than anybody of this decisiveness would make them, as when some
#' of them are made without looking.
#'
#' P-values are calibrated by a parametric bootstrap: for each replicate a trait is
#' drawn from the person's posterior, choices are drawn anew in the states in which
#' the person decided, and the trait is scored again. Drift is tested on both sides,
#' infit for being too large. `drift_p_adjusted` and `infit_p_adjusted` control the
#' false discovery rate over persons (Benjamini and Hochberg).
#'
#' The standardised log-likelihood lz is not offered: in this model it is a function
#' of the score and says nothing about fit.
#' @return Columns `person, n_decisions` (between actions of different value)`,
#'   drift, drift_p_value, infit, infit_p_value, drift_p_adjusted,
#'   infit_p_adjusted`. `NA` for persons with fewer than two such decisions.
#' @section Errors: `psyrl_error_input` for a fit of counts, which have no order, and
#'   for `q_task(temperature = "person")`.
#' @references
#' Wright, B. D. and Masters, G. N. (1982). *Rating scale analysis*. MESA Press.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 8), task)
#' person_fit(fit, n = 99)
#' @export
person_fit.rlmm <- function(fit, n = 500, ...) {
  n <- check_count(n, "n", lower = 19)
  require_steps(fit$data, "data")
  require_shared_values(fit, "person_fit()")
  found <- person_fit_(
    fit$task, fit_model(fit),
    list(person_start = fit$data$person_start, pair = fit$pair),
    fitted_trait(fit), list(n = n, seed = draw_seed()), fit$control$threads
  )
  colnames(found) <- c(
    "n_decisions", "drift", "drift_p_value", "infit", "infit_p_value"
  )
  found[!is.finite(found)] <- NA
  result <- data.frame(person = fit$data$persons, found)
  result$n_decisions <- as.integer(result$n_decisions)
  for (name in c("drift", "infit")) {
    result[[paste0(name, "_p_adjusted")]] <-
      stats::p.adjust(result[[paste0(name, "_p_value")]], "BH")
  }
  structure(result, class = c("psyrl_person_fit", "data.frame"), replicates = n)
}

# The persons' posteriors as the core takes them.
fitted_trait <- function(fit) {
  list(
    nodes = fit$posterior$nodes, weight = fit$posterior$weight,
    mu = prior_mean(fit), sigma = coef(fit)[["sigma"]], log = trait_is_log(fit)
  )
}

prior_mean <- function(fit) {
  drop(fit$design %*% coef(fit)[colnames(fit$design)])
}

# Is the trait log beta? With a habit it is the slope itself, of either sign.
trait_is_log <- function(fit) is.null(fit$values$habit)

# The slope on the advantages that a trait stands for.
slope_of <- function(fit, trait) if (trait_is_log(fit)) exp(trait) else trait

# What is added to beta times the advantage of each pair.
habit_of <- function(fit) fit$values$habit %||% numeric(length(fit$values$advantage))

# Derivatives in the trait are written for values that all persons share.
require_shared_values <- function(fit, what) {
  if (identical(fit$spec$value$temperature, "person")) {
    abort_input("fit", paste0(
      what, " needs values that all persons share; with `temperature = ",
      "\"person\"` everybody has their own."
    ))
  }
}

#' @export
print.psyrl_person_fit <- function(x, level = 0.05, n = 6, ...) {
  tested <- sum(!is.na(x$drift_p_value))
  cat("Person fit of ", big_number(nrow(x)), " persons", if (tested < nrow(x)) {
    paste0(" (", nrow(x) - tested, " with too few decisions)")
  }, "\n", sep = "")
  cat(fit_sentence(x, "drift", "drift in the course of the log", level), "\n")
  cat(fit_sentence(x, "infit", "are more erratic than the model", level), "\n\n")
  worst <- order(pmin(x$drift_p_value, x$infit_p_value))
  print_frame(x[utils::head(worst, n), 1:6])
  if (nrow(x) > n) cat("... and ", big_number(nrow(x) - n), " more\n", sep = "")
  invisible(x)
}

fit_sentence <- function(x, name, what, level) {
  p <- x[[paste0(name, "_p_value")]]
  p <- p[!is.na(p)]
  adjusted <- sum(x[[paste0(name, "_p_adjusted")]] < level, na.rm = TRUE)
  sprintf(
    "  %d %s (p < %s; %.0f expected by chance), %d after adjustment", sum(p < level),
    what, format(level), level * length(p), adjusted
  )
}

# A data frame with three digits.
print_frame <- function(x) {
  table <- as.data.frame(x)
  class(table) <- "data.frame"
  numeric <- vapply(table, is.double, logical(1))
  table[numeric] <- lapply(table[numeric], formatC, digits = 3, format = "g")
  print(table, row.names = FALSE)
}
