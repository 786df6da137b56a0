# What is to be estimated beside values under a penalty, where there is no evidence for
# it: functions of features, tied tables, the published forms of the residual.
#
#   temperature   that of the exact model
#   lambda, l2    by cross-validation over persons: half of them learn the values, the
#                 others, of whom nothing is known but the population, are predicted
#
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

# The problem with these weights (lambda, temperature, l2) as numbers.
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
    if (i > 1 && !(nll[i] < .999 * nll[best])) break
    best <- i
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
  total <- vapply(halves, function(half) {
    found <- search_values(only_persons(problem, -half))
    validated <- problem
    validated$validation <- align_to_task(problem$data[half], problem$task)
    validation_nll(validated, found) * sum(validated$validation$count)
  }, numeric(1))
  sum(total) / sum(problem$counts$count)
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
  silenced(problem)
}
