# Scores of persons from their posteriors on the grid.

#' @rdname persons
#' @details
#' For [rlmm()], `log_estimate` is the posterior mean of log beta (with
#' `estimator = "joint"` its mode), `estimate` its exponential, `std_error` the
#' posterior SD of log beta, and the interval the exponentials of its posterior
#' quantiles; with a habit all are about the slope beta itself. Under values that were
#' drawn, as by default those of [q_table()] are, the quantiles average over what all
#' persons share; elsewhere they take it as known, and [confint.rlmm()] carries its
#' uncertainty. `n_informative` counts decisions between actions of different value.
#' `flag` is `""` when all is well, else `"no information"`, `"always greedy"` or
#' `"worse than random"`: then the population decides the score.
#' @export
persons.rlmm <- function(fit, newdata = NULL, level = 0.95, ...) {
  check_number(level, "level", lower = 0, upper = 1)
  fit <- fit_reaching(fit, newdata)
  scored <- scored_persons(fit, newdata)
  tail <- (1 - level) / 2
  summary <- posterior_summary(scored$posterior, c(tail, 1 - tail))
  log_estimate <- scored$mode %||% summary[, "mean"]
  natural <- if (trait_is_log(fit)) exp else identity
  facts <- person_facts(fit, scored$counts)
  data.frame(
    person = scored$persons,
    estimate = natural(log_estimate), std_error = summary[, "sd"],
    conf_low = natural(summary[, 3]), conf_high = natural(summary[, 4]),
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
