# A verdict in a sentence, then numbers.

#' @export
print.rlmm <- function(x, ...) {
  writeLines(headline(x))
  cat(verdict(x), "\n", sep = "")
  writeLines(strwrap(rival_sentence(x), 80))
  cat("\n")
  print_parameters(x)
  cat("\nReliability of the scores (model): ",
    sprintf("%.2f", model_reliability(x)), "\n",
    sep = ""
  )
  invisible(x)
}

headline <- function(fit) {
  strwrap(width = 80, paste0(
    "Measurement model of ", big_number(length(fit$data$persons)),
    " persons, ", big_number(stats::nobs(fit)), " decisions, values ",
    format(fit$spec$value),
    if (!is.null(fit$spec$consistency)) {
      paste0(" under ", format(fit$spec$consistency))
    }
  ))
}

verdict <- function(fit) {
  switch(fit$status,
    converged = "The search converged.",
    interrupted = "The fit was interrupted; these are the values it had.",
    max_iterations = "The search stopped at its limit of rounds.",
    paste0("The search stopped: ", fit$status, ".")
  )
}

print_parameters <- function(fit) {
  table <- fit$parameters[c("term", "estimate", "std_error")]
  table$estimate <- sprintf("%.4g", table$estimate)
  table$std_error <- ifelse(fit$parameters$fixed, "fixed",
    ifelse(is.na(table$std_error), "NA", sprintf("%.3g", table$std_error))
  )
  print(table, row.names = FALSE)
}

#' @export
summary.rlmm <- function(object, ...) {
  structure(list(
    fit = object, reliability = reliability(object),
    flags = table(persons(object)$flag),
    meaning = object$meaning, crowd = crowd_correlations(object)
  ), class = "summary.rlmm")
}

# The score beside the one that follows the task exactly and the one that follows
# what most people do.
crowd_correlations <- function(fit) {
  score <- posterior_summary(fit$posterior)[, "mean"]
  other <- function(q) {
    values <- identified(fit_problem(fit), q)
    found <- refine_grid(
      fit_problem(fit), values, first_nodes(values$rms),
      start_population(fit_problem(fit), values$rms)
    )
    posterior_summary(found$posterior)[, "mean"]
  }
  correlation <- function(x) {
    if (stats::sd(x) > 0 && stats::sd(score) > 0) stats::cor(score, x) else NA_real_
  }
  exact <- if (!is.null(fit$task$layout$reward)) {
    unit <- reward_unit(fit_problem(fit), fit$task$discount)
    correlation(other(solve_values(fit$task, .1 * unit, fit$task$discount)$q))
  } else {
    NA_real_
  }
  c(exact = exact, crowd = correlation(other(log(state_frequencies(fit)))))
}

# A fit seen as the problem it answered, its population free.
fit_problem <- function(fit) {
  problem <- c(fit$spec, fit[c("data", "task", "counts", "design", "control")])
  problem$control$mu <- problem$control$sigma <- NULL
  problem$identify <- "center"
  problem
}

#' @export
print.summary.rlmm <- function(x, ...) {
  fit <- x$fit
  writeLines(c(headline(fit), verdict(fit)))
  writeLines(strwrap(c(
    rival_sentence(fit), departure_sentence(fit), discount_sentence(fit)
  ), 80))
  cat(strwrap(x$meaning$sentence, 80), sep = "\n")
  for (name in names(x$crowd)[!is.na(x$crowd)]) {
    cat("  correlation with the ",
      c(exact = "exact task's", crowd = "crowd's")[[name]], " score: ",
      sprintf("%.2f", x$crowd[[name]]), "\n",
      sep = ""
    )
  }
  cat("\n")
  print_parameters(fit)
  cat("\nlog-likelihood (summed over decisions, traits integrated out): ",
    format(fit$loglik, nsmall = 2), "\n", identification_sentence(fit), "\n",
    sep = ""
  )
  if (!is.null(fit$tuning)) cat(strwrap(tuning_sentence(fit$tuning), 80), sep = "\n")
  if (!is.null(fit$rewards$report)) {
    cat(strwrap(identification_sentences(fit$rewards$report), 80), sep = "\n")
  }
  cat("\nReliability of the scores:\n")
  print(x$reliability)
  flags <- x$flags[names(x$flags) != ""]
  if (length(flags)) {
    cat("\nFlagged persons: ",
      paste(flags, names(flags), collapse = ", "), "\n",
      sep = ""
    )
  }
  for (text in x$meaning$warnings) cat("\n", strwrap(text, 80), sep = "\n")
  invisible(x)
}

# The score test of residuals, where they were estimated.
departure_sentence <- function(fit) {
  z <- fit$values$departure
  if (is.null(z) || is.na(z)) return(NULL)
  paste0(
    if (z > 4) {
      "Choices depart clearly from those by the task's own values"
    } else {
      "Choices do not depart clearly from those by the task's own values"
    },
    " (score test of residuals: ", sprintf("%.1f", z), " standard errors)."
  )
}

# What a discount of its own would gain or gains, where that was to be chosen.
discount_sentence <- function(fit) {
  gain <- fit$values$discount_gain
  if (is.null(gain) || is.na(gain) || gain < 3) return(NULL)
  paste0(
    "Estimating the discount gains ", big_number(round(gain)), " nats of evidence",
    if (gain > 15) "." else "; the task's is kept, since it takes more than 15."
  )
}

tuning_sentence <- function(tuning) {
  best <- which(tuning$chosen)
  paste0(
    names(tuning)[1], " = ", format(tuning[best, 1], digits = 3),
    " predicts persons who were left out best (negative log likelihood ",
    format(tuning$nll[best], digits = 4), " a decision, of ", nrow(tuning),
    " candidates tried)."
  )
}

identification_sentence <- function(fit) {
  spread <- is_free_table(fit$spec) && !is.null(fit$values$ridge) &&
    !is.null(fit$task$layout$reward)
  if (spread && fit$spec$identify == "center") {
    return(paste(
      "Each state's mean was removed, and values made as spread as the task's own:",
      "behaviour alone gives beta no unit."
    ))
  }
  switch(fit$spec$identify,
    center = "Each state's mean was removed; beta is in units of 1 / reward.",
    global_rms = paste(
      "Each state's mean and one common root mean square were removed; beta has",
      "no units."
    ),
    state_rms = paste(
      "Each state's mean and its own root mean square were removed; beta has no",
      "units, and its scale is not kept."
    ),
    none = "Nothing was removed from the values."
  )
}
