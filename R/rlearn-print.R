# Prints, summaries and tables of fitted learning models.

#' @export
print.rlearn <- function(x, digits = 3, ...) {
  cat(x$model$title, ", ", estimator_words(x), ": ",
      number_of(length(x$data$persons), "person"), ", ",
      number_of(sum(x$n_decisions), "choice"), " (",
      number_of(sum(x$n_missed), "trial"), " missed).\n", sep = "")
  cat(verdict(x), "\n", sep = "")
  if (x$estimator == "hierarchical") {
    cat("Group, unconstrained scale (log-likelihood ", log_lik_words(x), "):\n",
        sep = "")
    estimate <- coef(x)
    print(rbind(
      estimate = estimate, std_error = suppressWarnings(sqrt(diag(vcov(x)))),
      monte_carlo = monte_carlo_error(x)
    ), digits = digits)
  } else {
    cat("Persons' estimates (log-likelihood ", format(x$loglik, nsmall = 2),
        "):\n", sep = "")
    print(apply(coef(x), 2, stats::quantile, c(0.1, 0.5, 0.9), na.rm = TRUE),
          digits = digits)
  }
  flagged <- sum(nzchar(x$flag))
  if (flagged) {
    cat(number_of(flagged, "person"), " flagged: see persons(fit)$flag.\n", sep = "")
  }
  invisible(x)
}

number_of <- function(n, what) {
  paste0(format(n, scientific = FALSE), " ", what, if (n != 1) "s")
}

# What other draws would change in a sampled fit's population parameters.
monte_carlo_error <- function(x) {
  if (!isTRUE(x$sampled)) return(NULL)
  map <- population_slope(x, x$control$covariance == "diagonal")
  sqrt(pmax(0, diag(map %*% x$monte_carlo %*% t(map))))
}

# NaN where the fit was interrupted before the error was known.
log_lik_words <- function(x) {
  words <- format(x$loglik, nsmall = 2)
  if (is.null(x$log_lik_error)) return(words)
  paste0(words, " by importance sampling, Monte Carlo error ",
         format(x$log_lik_error, digits = 2))
}

estimator_words <- function(x) {
  switch(x$estimator,
    ml = "each person alone",
    map = if (isTRUE(x$sampled)) "posterior means of each person" else {
      "each person with a prior"
    },
    hierarchical = paste0("hierarchical (", x$control$covariance, " covariance, ",
                          x$control$algorithm, ")")
  )
}

#' @export
summary.rlearn <- function(object, ...) {
  out <- list(
    fit = object,
    population = if (object$estimator == "hierarchical") tidy.rlearn(object),
    correlation = if (object$estimator == "hierarchical") {
      stats::cov2cor(object$covariance)
    },
    reliability = model_reliability_by_parameter(object),
    flags = table(object$flag[nzchar(object$flag)])
  )
  structure(out, class = "summary.rlearn")
}

#' @export
print.summary.rlearn <- function(x, digits = 3, ...) {
  print(x$fit)
  if (!is.null(x$population)) {
    cat("\nPopulation:\n")
    print(x$population, digits = digits, row.names = FALSE)
    cat("\nCorrelations between persons' parameters:\n")
    print(x$correlation, digits = digits)
  }
  cat("\nReliability of persons' estimates:\n")
  print(round(x$reliability, digits))
  if (length(x$flags)) {
    cat("\nFlags:\n")
    print(x$flags)
  }
  invisible(x)
}

#' @export
tidy.rlearn <- function(x, conf.level = 0.95, ...) {
  if (x$estimator != "hierarchical") {
    rows <- persons(x, level = conf.level)
    return(data.frame(
      person = rows$person, term = rows$parameter, estimate = rows$estimate,
      std.error = rows$std_error, conf.low = rows$conf_low, conf.high = rows$conf_high
    ))
  }
  interval <- confint(x, "population", level = conf.level)
  data.frame(
    term = names(coef(x)), estimate = unname(coef(x)),
    std.error = sqrt(diag(vcov(x))), conf.low = interval[, 1],
    conf.high = interval[, 2], row.names = NULL
  )
}

#' @export
glance.rlearn <- function(x, ...) {
  data.frame(
    model = x$model$model, estimator = x$estimator, logLik = x$loglik, df = x$df,
    AIC = stats::AIC(x), BIC = stats::BIC(x), nobs = stats::nobs(x),
    n_persons = length(x$data$persons), status = x$status
  )
}

#' @export
augment.rlearn <- function(x, ...) {
  trials <- as.data.frame(x$data)
  cbind(trials, .fitted = stats::fitted(x), .resid = stats::residuals(x))
}
