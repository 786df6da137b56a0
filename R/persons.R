# Scores of persons from their posteriors on the grid.

#' @rdname persons
#' @details
#' For [rlmm()], `log_estimate` is the posterior mean of log beta (with
#' `estimator = "joint"` its mode), `estimate` its exponential, `std_error` the
#' posterior SD of log beta, and the interval the exponentials of its posterior
#' quantiles. `n_informative` counts decisions between actions of different value.
#' `flag` is `""` when all is well, else `"no information"`, `"always greedy"` or
#' `"worse than random"`: then the population decides the score.
#' @export
persons.rlmm <- function(fit, newdata = NULL, level = 0.95, ...) {
  check_number(level, "level", lower = 0, upper = 1)
  scored <- scored_persons(fit, newdata)
  tail <- (1 - level) / 2
  summary <- posterior_summary(scored$posterior, c(tail, 1 - tail))
  log_estimate <- scored$mode %||% summary[, "mean"]
  facts <- person_facts(fit, scored$counts)
  data.frame(
    person = scored$persons,
    estimate = exp(log_estimate), std_error = summary[, "sd"],
    conf_low = exp(summary[, 3]), conf_high = exp(summary[, 4]),
    log_estimate = log_estimate, facts,
    row.names = NULL
  )
}

# The persons of the fit, or of new data with the population and the values fixed:
# list(persons, posterior, counts, mode).
scored_persons <- function(fit, newdata = NULL) {
  if (is.null(newdata)) {
    return(list(
      persons = fit$data$persons, posterior = fit$posterior,
      counts = fit$counts, mode = fit$mode
    ))
  }
  data <- as_decisions(newdata)
  aligned <- align_to_task(data, fit$task)
  list(
    persons = data$persons, counts = aligned,
    posterior = score_counts(fit, aligned, prior_design(fit, data))
  )
}

# Rows of the latent regression for these persons, and the prior means they imply.
prior_design <- function(fit, data) {
  covariates <- person_covariates(fit$spec$persons, data, fit$control$persons)
  person_design(fit$spec$persons, covariates, fit$levels)
}

prior_means <- function(fit, design) {
  drop(design %*% coef(fit)[colnames(design)])
}

# Posteriors of persons with these counts, everything shared fixed.
score_counts <- function(fit, counts, design) {
  if (!is.null(fit$engine)) return(score_by_evidence(fit, counts, design))
  mu <- prior_means(fit, design)
  sigma <- coef(fit)[["sigma"]]
  nodes <- fit$posterior$nodes
  # The fit's grid serves unless a covariate puts somebody beyond it.
  if (min(mu) - 6 * sigma < nodes[1] || max(mu) + 6 * sigma > max(nodes)) {
    nodes <- trait_nodes(mu, sigma, nodes[2] - nodes[1])
  }
  log_lik <- grid_log_lik(fit, fit$values, nodes, counts)
  trait_posterior(nodes, log_lik, mu, sigma, fit$control$threads)
}

# What a reader of scores must know about each person.
person_facts <- function(fit, counts) {
  facts <- person_likelihood_(
    fit$task, counts, fit$values$advantage,
    numeric(length(counts$person_start) - 1)
  )
  total <- c(0, cumsum(counts$count))
  greedy <- facts[, "shortfall"] <= 1e-12 * max(1, abs(fit$values$advantage))
  data.frame(
    n_decisions = as.integer(diff(total[counts$person_start + 1])),
    n_informative = as.integer(facts[, "n_informative"]),
    flag = ifelse(facts[, "n_informative"] == 0, "no information",
      ifelse(greedy, "always greedy",
        ifelse(facts[, "advantage"] <= 0, "worse than random", "")
      )
    )
  )
}

#' Intervals of scores and of population parameters
#'
#' @param object A fit of [rlmm()].
#' @param parm `"persons"` or `"population"`.
#' @param level Level of the intervals.
#' @param scale Persons' intervals on the `"natural"` (beta) or the `"log"` scale.
#' @param method `"joint"` carries the uncertainty of everything that is shared and
#'   estimated: the population's parameters, and with exact values the temperature
#'   and the discount. `"plugin"` takes the shared parameters as known.
#'   `"bootstrap"` averages over `n` parametric [bootstrap()] replicates, whatever
#'   the values. The default is `"joint"` where that is available (exact and known
#'   values without a habit; learned values whose weight is estimated, where it is
#'   the average over draws of the values that [persons()] gives too), otherwise
#'   `"plugin"`.
#' @param n Number of replicates, for `method = "bootstrap"`.
#' @param cluster Any cluster of the `parallel` package, for `method = "bootstrap"`.
#' @param ... Unused.
#' @details
#' Persons' intervals are quantiles of the posterior of log beta, averaged over the
#' shared parameters: for `"joint"` over a fixed set of points of their normal
#' approximation on the link scale, so that intervals are the same every time.
#' Population intervals are normal on the link scale (`"joint"` and `"plugin"` are
#' the same), or percentiles of the bootstrap.
#' @return A matrix, rows named by person or parameter, columns `2.5 %` and `97.5 %`
#'   (for `level = 0.95`).
#' @section Errors: `psyrl_error_input` for a wrong argument, and for `"joint"` where
#'   it is not available.
#' @export
confint.rlmm <- function(object, parm = c("persons", "population"), level = 0.95,
                         scale = c("natural", "log"),
                         method = c("joint", "plugin", "bootstrap"), n = 100,
                         cluster = NULL, ...) {
  parm <- check_choice(parm, c("persons", "population"), "parm")
  scale <- check_choice(scale, c("natural", "log"), "scale")
  if (missing(method) && !carries_uncertainty(object)) method <- "plugin"
  method <- check_choice(method, c("joint", "plugin", "bootstrap"), "method")
  check_number(level, "level", lower = 0, upper = 1)
  if (parm == "population") {
    if (method != "bootstrap") return(population_intervals(object, level))
    return(stats::confint(
      bootstrap(object, n, cluster = cluster), level = level
    ))
  }
  tail <- (1 - level) / 2
  posterior <- interval_posterior(object, method, n, cluster)
  ends <- posterior_summary(posterior, c(tail, 1 - tail))[, 3:4, drop = FALSE]
  if (scale == "natural" && trait_is_log(object)) ends <- exp(ends)
  dimnames(ends) <- list(as.character(object$data$persons), interval_names(level))
  ends
}
