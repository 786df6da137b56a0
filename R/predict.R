# Predictions of decisions: probabilities averaged over each person's posterior.

#' Predictions, fitted values and residuals of a measurement model
#'
#' @param object A fit of [rlmm()].
#' @param newdata [trajectories()] (or a data frame that becomes them) of other
#'   decisions. Persons who are in the fit are predicted by their posterior, new
#'   persons by the population, updated along their own earlier decisions. `NULL`:
#'   the decisions that were fitted, by the persons' posteriors.
#' @param type `"probability"`, `"value"` and `"advantage"` have a row a decision and
#'   legal action; `"nll"` (negative log-likelihood of the choice) and `"action"` (the
#'   most probable) a row a decision.
#' @param ... Unused.
#' @details Values learned from behaviour with everything estimated are not known
#'   exactly: probabilities average over draws of them and are less sure than those of
#'   the values reported, unless the draws were found to predict badly.
#' @return A data frame `person, episode, step, state, action`, and a column
#'   `probability`, `value`, `advantage` or `nll`; where every legal action has a row
#'   also `chosen`.
#' @name predict.rlmm
#' @export
predict.rlmm <- function(object, newdata = NULL,
                         type = c(
                           "probability", "action", "value", "advantage", "nll"
                         ), ...) {
  type <- check_choice(type, eval(formals()$type), "type")
  object <- fit_reaching(object, newdata)
  at <- decisions_to_predict(object, newdata)
  if (type == "nll") {
    return(cbind(decision_labels(at), nll = decision_nll(object, at)))
  }
  predicted <- predict_pairs(object, at)
  switch(type,
    action = most_probable(object, at, predicted),
    probability = cbind(predicted$rows, probability = predicted$probability),
    value = cbind(predicted$rows, value = object$values$q[predicted$pair]),
    advantage = cbind(
      predicted$rows,
      advantage = object$values$advantage[predicted$pair]
    )
  )
}

#' @rdname predict.rlmm
#' @details `fitted()` gives the probability of each chosen action.
#' @export
fitted.rlmm <- function(object, ...) {
  exp(-stats::predict(object, type = "nll")$nll)
}

#' @rdname predict.rlmm
#' @details `residuals()` are one minus the probability of the chosen action
#'   (`"response"`), signed-root deviances do not exist for choices among many, so
#'   `"deviance"` is the square root of twice the negative log-likelihood.
#' @export
residuals.rlmm <- function(object, type = c("response", "deviance"), ...) {
  type <- check_choice(type, c("response", "deviance"), "type")
  nll <- stats::predict(object, type = "nll")$nll
  if (type == "response") 1 - exp(-nll) else sqrt(2 * nll)
}

# Decisions with their pairs and the weights that predict them: list(data, pair,
# nodes, weight, update).
decisions_to_predict <- function(fit, newdata = NULL) {
  data <- if (is.null(newdata)) fit$data else as_decisions(newdata)
  require_steps(data, "newdata")
  pair <- if (is.null(newdata)) fit$pair else align_to_task(data, fit$task)$decision_pair
  weight <- starting_weights(fit, data, known = is.null(newdata))
  c(list(data = data, pair = pair), weight)
}

require_steps <- function(data, arg) {
  if (!inherits(data, "psyrl_trajectories")) {
    abort_input(arg, paste0(
      "This needs the order of the steps: `", arg, "` must be trajectories(), ",
      "not counts()."
    ))
  }
}

# The posterior of persons who are in the fit, the population for others, whose
# weights then learn from each decision (`update`, by person).
starting_weights <- function(fit, data, known = FALSE) {
  nodes <- fit$posterior$nodes
  at <- if (known) {
    seq_along(data$persons)
  } else {
    match(as.character(data$persons), as.character(fit$data$persons))
  }
  new <- is.na(at)
  weight <- matrix(0, length(nodes), length(at))
  weight[, !new] <- fit$posterior$weight[, at[!new]]
  if (any(new)) {
    mu <- prior_means(fit, prior_design(fit, data))[new]
    prior <- stats::dnorm(outer(nodes, mu, `-`), sd = coef(fit)[["sigma"]])
    weight[, new] <- prior / rep(colSums(prior), each = length(nodes))
  }
  list(weight = weight, update = new)
}

fit_model <- function(fit, nodes = fit$posterior$nodes) {
  choice_model(fit, fit$values, nodes)
}

# The model that predicts these pairs.
predictive_model <- function(fit, pair) {
  model <- fit_model(fit)
  if (!is.null(fit$engine$draws)) model$advantage <- averaged_advantages(fit, pair)
  model
}

decision_nll <- function(fit, at) {
  decision_nll_(
    fit$task, predictive_model(fit, at$pair), ordered_pairs(at), at$weight, at$update
  )
}

ordered_pairs <- function(at) {
  list(person_start = at$data$person_start, pair = at$pair)
}

decision_labels <- function(at, rows = TRUE) {
  d <- at$data$decisions
  data.frame(
    person = at$data$persons[d$person], episode = at$data$episodes[d$episode],
    step = d$step, state = at$data$states[d$state],
    action = at$data$actions[d$action]
  )[rows, , drop = FALSE]
}

# Every legal pair of every decision, with its averaged probability.
predict_pairs <- function(fit, at) {
  layout <- fit$task$layout
  state <- task_pairs(fit$task)$state[at$pair + 1]
  n <- diff(layout$state_start)[state]
  row <- rep(seq_along(state), n)
  pair <- sequence(n, layout$state_start[state] + 1L)
  labels <- decision_labels(at)[row, c("person", "episode", "step", "state")]
  rownames(labels) <- NULL
  labels$action <- fit$task$actions[layout$pair_action[pair] + 1L]
  labels$chosen <- pair == at$pair[row] + 1L
  list(
    rows = labels, row = row, pair = pair,
    probability = pair_probabilities(fit, at, state, n)
  )
}

# Persons meet the same state again and again: each (person, state) once. New
# persons' weights move between decisions, so theirs are replayed.
pair_probabilities <- function(fit, at, state, n) {
  if (any(at$update)) {
    return(replayed_probabilities(fit, at, state))
  }
  person <- at$data$decisions$person
  key <- (person - 1) * length(fit$task$states) + state
  first <- which(!duplicated(key))
  probability <- predictive_(
    fit$task, predictive_model(fit, at$pair), at$weight, person[first] - 1L,
    state[first] - 1L
  )
  start <- c(0L, cumsum(n[first]))[match(key, key[first])]
  probability[sequence(n, start + 1L)]
}

replayed_probabilities <- function(fit, at, state) {
  d <- at$data$decisions
  model <- predictive_model(fit, at$pair)
  weights <- replayed_weights_(fit$task, model, ordered_pairs(at), at$weight, at$update)
  predictive_(fit$task, model, weights, seq_along(d$person) - 1L, state - 1L)
}

most_probable <- function(fit, at, predicted) {
  best <- !duplicated(predicted$row[order(
    predicted$row, -predicted$probability
  )])
  at_best <- order(predicted$row, -predicted$probability)[best]
  labels <- decision_labels(at)
  labels$action <- predicted$rows$action[at_best]
  labels
}

#' Simulate from a measurement model
#'
#' New logs of the fitted persons (their posterior means) in the fitted task, with as
#' many episodes each as they had.
#'
#' @param object A fit of [rlmm()].
#' @param nsim Number of data sets.
#' @param seed Seed for [set.seed()], or `NULL`.
#' @param ... Passed to [simulate_trajectories()].
#' @return A list of [trajectories()].
#' @export
simulate.rlmm <- function(object, nsim = 1, seed = NULL, ...) {
  check_count(nsim, "nsim")
  if (!is.null(seed)) set.seed(seed)
  scores <- persons(object)
  slope <- stats::setNames(scores$estimate, scores$person)
  on_demand <- if (is_on_demand(object$task)) values_to_replay(object)
  lapply(seq_len(nsim), function(i) {
    if (trait_is_log(object)) {
      values <- on_demand %||% pair_values(object, object$values$advantage)
      return(simulate_trajectories(object$task, slope, values = values, ...))
    }
    # With a habit everybody has values of the own, which include the slope.
    do.call(c, lapply(names(slope), function(person) {
      own <- habit_of(object) + slope[[person]] * object$values$advantage
      simulate_trajectories(
        object$task, stats::setNames(1, person), values = pair_values(object, own), ...
      )
    }))
  })
}

# A number a pair as the table that simulate_trajectories() takes.
pair_values <- function(fit, q) {
  pairs <- task_pairs(fit$task)
  data.frame(
    state = fit$task$states[pairs$state], action = fit$task$actions[pairs$action],
    q = q
  )
}

#' @rdname values
#' @export
values.rlmm <- function(fit, ...) {
  pairs <- task_pairs(fit$task)
  data.frame(
    state = fit$task$states[pairs$state], action = fit$task$actions[pairs$action],
    q = fit$values$q, advantage = fit$values$advantage,
    v = fit$values$v[pairs$state],
    std_error = value_std_error(fit)
  )
}
