# What is to be estimated beside values under a penalty, where there is no evidence for
# it: functions of features, tied tables, the published forms of the residual.
#
#   temperature   that of the exact model
#   lambda, l2    by cross-validation over persons: half of them learn the values, the
#                 others, of whom nothing is known but the population, are predicted
#
# and, where there is evidence, what residuals are, in the same way, if that is asked for.
# Candidates go from the strictest to the weakest until one no longer predicts persons
# better by a thousandth: freedom that buys nothing only lets beta drift.

# Residual SDs, in units of the root mean square of the task's values.
residual_sd_candidates <- c(.01, .03, .1, .3, 1)
ridge_candidates <- c(10, 1, .1, .01)

settle_weights <- function(problem) {
  require_settled(problem)
  consistency <- problem$consistency
  if (identical(consistency$temperature, "estimate")) {
    problem <- settle_as(problem, list(temperature = exact_temperature(problem)))
  }
  if (identical(consistency$lambda, "estimate")) {
    unit <- reward_unit(problem, problem$task$discount)
    sds <- unique(pmin(residual_sd_candidates * unit, consistency$residual_sd_max))
    problem <- best_weight(problem, "lambda", 1 / (2 * sds^2))
  }
  if (is_free_table(problem) && identical(problem$value$l2, "estimate")) {
    problem <- best_weight(problem, "l2", ridge_candidates)
  }
  problem
}

# What residuals are, where that is to be chosen, which the evidence does not tell
# reliably: Laplace's is far from that of the draws where states come back.
settle_residuals <- function(problem) {
  if (!identical(problem$consistency$residual_as, "choose")) return(problem)
  if (nrow(problem$design) < 4) {
    abort_input("consistency", c(
      "`residual_as` is chosen by predicting persons, of whom there are too few.",
      "Say \"reward\" or \"value\"."
    ))
  }
  best_weight(problem, "residual_as", c("reward", "value"))
}

check_residuals_are_rewards <- function(problem) {
  residual_as <- problem$consistency$residual_as %||% "reward"
  if (residual_as != "reward") {
    abort_input("consistency", c(
      paste0(
        "`bellman(residual_as = \"", residual_as, "\")` is for fits by the evidence."
      ),
      "These need q_table() with known rewards, legal pairs, expected residuals,",
      "no conservative term and the marginal estimator."
    ))
  }
}

# The problem with these weights (lambda, temperature, l2, residual_as) settled.
settle_as <- function(problem, weights) {
  for (name in names(weights)) {
    part <- if (name == "l2") "value" else "consistency"
    problem[[part]][[name]] <- weights[[name]]
  }
  problem$settled <- utils::modifyList(as.list(problem$settled), as.list(weights))
  problem
}

# Where neither the task nor held-out persons could say, the user must.
require_settled <- function(problem) {
  consistency <- problem$consistency
  if (is_free_table(problem)) {
    if (rewards_are_learned(problem)) {
      abort_input("reward", c(
        "With `bellman_none()` rewards play no part, so none can be learned.",
        "Hold the values to the task with bellman(), or use q_task()."
      ))
    }
    return(invisible())
  }
  if (consistency$discount != "task") {
    abort_input("consistency", c(
      "`discount` can be estimated for q_table() with known rewards, `estimator =",
      "\"marginal\"`, legal pairs, expected residuals and `identify = \"center\"`.",
      "Here it must be \"task\"."
    ))
  }
  open <- names(Filter(
    function(x) identical(x, "estimate"), consistency[c("lambda", "temperature")]
  ))
  if (length(open) && rewards_are_learned(problem)) {
    abort_input("consistency", c(
      paste0(
        "Where rewards are learned beside values, ", quoted(open), " must be a number."
      ),
      "For example bellman(lambda = 50, temperature = 0); or use q_task()."
    ))
  }
  if ("lambda" %in% open && nrow(problem$design) < 4) {
    abort_input("consistency", c(
      "`lambda` is estimated by predicting persons, of whom there are too few.",
      "Give a number, for example bellman(lambda = 50)."
    ))
  }
}

exact_temperature <- function(problem) {
  problem$value <- q_task(backup = problem$consistency$backup)
  search_task_values(silenced(problem))$values$temperature
}

# The problem with the candidate that predicts held-out persons best, and `tuning`,
# what every candidate tried achieved.
best_weight <- function(problem, name, candidates) {
  with <- function(x) settle_as(problem, stats::setNames(list(x), name))
  nll <- numeric()
  best <- 0
  for (i in seq_along(candidates)) {
    nll[i] <- heldout_persons_nll(with(candidates[i]))
    if (i > 1 && !isTRUE(nll[i] < .999 * nll[best])) break
    best <- i
    if (is.na(nll[i])) break
  }
  tried <- seq_along(nll)
  problem <- with(candidates[best])
  problem$tuning <- stats::setNames(
    data.frame(candidates[tried], nll, tried == best), c(name, "nll", "chosen")
  )
  problem
}

# Negative log-likelihood per decision: odd persons predicted by even ones, and back.
heldout_persons_nll <- function(problem) {
  halves <- split(seq_len(nrow(problem$design)), seq_len(nrow(problem$design)) %% 2)
  nll <- if (uses_evidence(problem)) nll_by_evidence else nll_by_penalty
  total <- vapply(halves, function(half) {
    nll(only_persons(problem, -half), only_persons(problem, half))
  }, numeric(1))
  sum(total) / sum(problem$counts$count)
}

# Of `others`, of whom nothing is known but the population of the `learners`.
nll_by_penalty <- function(learners, others) {
  others$validation <- others$counts
  validation_nll(others, search_values(learners)) * sum(others$counts$count)
}

# NA where the user stopped it.
nll_by_evidence <- function(learners, others) {
  found <- fit_by_evidence(learners)
  if (found$status == "interrupted") return(NA_real_)
  -sum(evidence_posterior(
    found$engine, evidence_task(others$task, others$consistency),
    c(others$counts, list(design = others$design)), others$control$threads
  )$loglik)
}

only_persons <- function(problem, at) {
  problem$data <- problem$data[at]
  aligned <- align_to_task(problem$data, problem$task)
  problem$counts <- aligned[c("person_start", "pair", "count")]
  problem$pair <- aligned$decision_pair
  problem$next_state <- aligned$next_state
  problem$design <- problem$design[at, , drop = FALSE]
  problem$control["validation"] <- list(NULL)
  problem$control$starts <- 1L
  problem$patterns <- person_patterns(problem)
  silenced(problem)
}
