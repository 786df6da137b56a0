# Trial by trial: values, probabilities, simulated choices.

# The core's trace of all trials at persons' estimates (natural, parameters x persons).
trace_trials <- function(model, data, theta) {
  if (model$model == "custom_r") return(trace_custom(model, data, theta))
  spec <- model_spec(model, data)
  stages <- if (model$model == "two_step") 2L else 1L
  options <- if (stages == 2L) 2L else length(data$options)
  out <- learning_trace_(core_choices(data), spec, theta, stages, options)
  n <- nrow(data$trials)
  list(
    probability = array(out$probability, c(options, stages, n)),
    value = array(out$value, c(options, stages, n)),
    error = matrix(out$error, stages, n)
  )
}

natural_modes <- function(fit) t(to_natural(t(fit$persons$mode), fit$table))

# A row a trial (and stage) and option, in the order of the input rows.
trace_rows <- function(fit, newdata = NULL) {
  scored <- if (is.null(newdata)) fit else known_or_new(fit, newdata)
  data <- scored$data
  trace <- trace_trials(fit$model, data, natural_modes(scored))
  dims <- dim(trace$value)
  index <- expand.grid(
    option = seq_len(dims[1]), stage = seq_len(dims[2]), trial = seq_len(dims[3])
  )
  trials <- data$trials[index$trial, ]
  out <- data.frame(
    person = data$persons[trials$person], block = trials$block, trial = trials$trial,
    option = data$options[index$option], value = as.vector(trace$value),
    prediction_error = trace$error[cbind(index$stage, index$trial)],
    probability = as.vector(trace$probability), row = trials$row
  )
  out$chosen <- index$option == trials$choice
  if (dims[2] == 2) out <- second_stage_rows(out, index, trials)
  out <- out[order(out$row, index$stage, index$option), ]
  rownames(out) <- NULL
  out
}

# Two-step: the second stage's options are 1..4, those of the state that was reached.
second_stage_rows <- function(out, index, trials) {
  out$stage <- index$stage
  second <- index$stage == 2
  state <- ifelse(is.na(trials$next_state), 1L, trials$next_state)
  out$option <- ifelse(second, 2L * (state - 1L) + index$option, index$option)
  out$chosen <- ifelse(second, out$option == trials$choice2, out$chosen)
  if (!is.null(trials$row2)) out$row <- ifelse(second, trials$row2, out$row)
  out
}

# Persons of the fit keep their estimates; new ones are scored.
known_or_new <- function(fit, newdata) {
  check_class(newdata, "psyrl_choices", "newdata", "See choices().")
  known <- match(as.character(newdata$persons), as.character(fit$data$persons))
  if (!anyNA(known)) {
    check_same_options(fit, newdata)
    fit$persons$mode <- fit$persons$mode[, known, drop = FALSE]
    fit$data <- newdata
    return(fit)
  }
  score_new(fit, newdata)
}

#' @rdname values
#' @export
values.rlearn <- function(fit, ...) {
  out <- trace_rows(fit)
  out[c("person", "trial", "option", "value", "prediction_error", "probability",
        "block", "row", intersect("stage", names(out)))]
}

#' @rdname rlearn-methods
#' @param newdata [choices()] to predict; persons of the fit keep their estimates.
#' @param type What to predict.
#' @return `predict()`: a data frame `person, block, trial, option` and `probability`,
#'   `value` or `advantage` (value minus its mean over options), a row a trial and option;
#'   `"action"`: the most probable option; `"nll"`: one row a decision.
#' @export
predict.rlearn <- function(object, newdata = NULL,
                           type = c("probability", "action", "value", "advantage",
                                    "nll"), ...) {
  type <- check_choice(
    type, c("probability", "action", "value", "advantage", "nll"), "type"
  )
  rows <- trace_rows(object, newdata)
  stage <- intersect("stage", names(rows))
  key <- c("person", "block", "trial", stage, "option")
  decision <- paste(rows$row, rows$stage %||% 1)
  if (type == "nll") {
    made <- which(rows$chosen)
    out <- rows[made, setdiff(key, "option")]
    out$nll <- -log(rows$probability[made])
  } else if (type == "action") {
    best <- unlist(tapply(seq_len(nrow(rows)), factor(decision, unique(decision)),
                          function(i) i[which.max(rows$probability[i])]))
    out <- rows[best, key]
  } else {
    out <- rows[key]
    out[[type]] <- switch(type,
      probability = rows$probability, value = rows$value,
      advantage = rows$value - stats::ave(rows$value, decision)
    )
  }
  rownames(out) <- NULL
  out
}

#' @rdname rlearn-methods
#' @return `fitted()`: probability of each trial's choice, in the order of
#'   `fit$data$trials` (the product over the stages of a two-step trial; `NA` where
#'   missed). `residuals()`: deviance residuals.
#' @export
fitted.rlearn <- function(object, ...) {
  trace <- trace_trials(object$model, object$data, natural_modes(object))
  trials <- object$data$trials
  i <- seq_len(nrow(trials))
  out <- trace$probability[cbind(trials$choice, 1, i)]
  if (dim(trace$probability)[2] == 2) {
    second <- trace$probability[cbind((trials$choice2 - 1) %% 2 + 1, 2, i)]
    out <- out * ifelse(is.na(second), 1, second)
  }
  out
}

#' @rdname rlearn-methods
#' @export
residuals.rlearn <- function(object, ...) sqrt(-2 * log(stats::fitted(object)))

#' @rdname rlearn-methods
#' @param nsim Number of data sets.
#' @param seed Seed of R's generator.
#' @param design A task ([bandit_task()] and others) for simulated people to play;
#'   `NULL`: the task of the fit, with outcomes drawn from those that the same person saw
#'   for the same option around the same trial.
#' @return `simulate()`: a `psyrl_choices`, for `nsim > 1` a list of them.
#' @export
simulate.rlearn <- function(object, nsim = 1, seed = NULL, design = NULL, ...) {
  if (!is.null(seed)) set.seed(seed)
  theta <- natural_modes(object)
  draw <- function(i) {
    task <- design %||% replay_task(object$data, object$model)
    simulate_choices(object$model, as_played(task), theta)
  }
  out <- lapply(seq_len(nsim), draw)
  if (nsim == 1) out[[1]] else out
}

#' Simulate people
#'
#' @param object A model, see [rescorla_wagner()].
#' @param nsim Number of data sets.
#' @param seed Seed of R's generator.
#' @param design A task, see [bandit_task()].
#' @param parameters A data frame with a column a parameter on the natural scale (and
#'   `person`), or a named vector for all; `NULL` draws uniformly from the registry's
#'   ranges.
#' @param ... Not used.
#' @return A `psyrl_choices` (for `nsim > 1` a list of them) with the true parameters in
#'   its element `truth`.
#' @examples
#' set.seed(1)
#' simulate(rescorla_wagner("dual"), design = bandit_task(persons = 3, trials = 20))
#' @export
simulate.psyrl_model <- function(object, nsim = 1, seed = NULL, design,
                                 parameters = NULL, ...) {
  if (!is.null(seed)) set.seed(seed)
  if (missing(design)) {
    abort_input("design", "`design` must be a task to play, such as bandit_task().")
  }
  check_class(design, "psyrl_learning_task", "design", "See bandit_task().")
  table <- model_parameters(object, task_options(object, design$data))
  n <- length(design$data$persons)
  draw <- function(i) {
    theta <- if (is.null(parameters)) {
      matrix(stats::runif(n * nrow(table), table$low, table$high), nrow(table))
    } else {
      t(read_parameters(parameters, design$data$persons, table$parameter))
    }
    out <- simulate_choices(object, draw_outcomes(design), theta)
    out$truth <- data.frame(
      person = out$persons, matrix(t(theta), n, dimnames = list(NULL, table$parameter)),
      check.names = FALSE
    )
    out
  }
  out <- lapply(seq_len(nsim), draw)
  if (nsim == 1) out[[1]] else out
}

# The core plays `task$data`'s trials with `task$outcomes`.
simulate_choices <- function(model, task, theta) {
  data <- task$data
  check_model(model, data)
  if (model$model == "custom_r") {
    return(simulate_custom(model, data, task$outcomes, theta))
  }
  out <- learning_simulate_(
    core_choices(data), model_spec(model, data), theta, task$outcomes, draw_seed()
  )
  trials <- data$trials
  trials$choice <- out$choice
  trials$outcome <- out$outcome
  if (!is.null(trials$choice2)) {
    trials$choice2 <- out$choice2
    trials$next_state <- out$next_state
  }
  if (!is.null(trials$counterfactual)) trials$counterfactual <- out$counterfactual
  trials$gain <- trials$loss <- NULL
  data$trials <- trials
  data
}

# The task of observed data: every option's outcome on every trial is drawn from the
# outcomes that the person (or, for options never chosen, anybody) saw nearby.
replay_task <- function(data, model) {
  trials <- data$trials
  two_step <- model$model == "two_step"
  n_columns <- if (two_step) 4L else length(data$options)
  shown <- if (two_step) trials$choice2 else trials$choice
  group <- paste(trials$person, trials$block, trials$stimulus %||% 1)
  outcomes <- matrix(NA_real_, nrow(trials), n_columns)
  seen <- which(!is.na(shown) & !is.na(trials$outcome))
  for (k in seq_len(n_columns)) {
    at <- seen[shown[seen] == k]
    outcomes[, k] <- nearby(trials$outcome, at, group)
    empty <- is.na(outcomes[, k])
    pool <- if (length(at)) at else seen
    outcomes[empty, k] <- trials$outcome[pool[sample.int(length(pool), sum(empty), TRUE)]]
  }
  list(data = data, outcomes = outcomes)
}

# For every trial one of the outcomes at the five positions of `at`, in the same group,
# that lie around it; NA where the group has none.
nearby <- function(outcome, at, group) {
  out <- rep(NA_real_, length(outcome))
  rows <- split(seq_along(outcome), group)
  pools <- split(at, group[at])
  for (g in names(pools)) {
    pool <- pools[[g]]
    own <- rows[[g]]
    near <- findInterval(own, pool) + sample.int(5, length(own), TRUE) - 2L
    out[own] <- outcome[pool[pmin(pmax(near, 1L), length(pool))]]
  }
  out
}

# A task whose outcomes are drawn, whichever way it came.
as_played <- function(task) {
  if (inherits(task, "psyrl_learning_task")) draw_outcomes(task) else task
}
