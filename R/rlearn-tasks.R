# Simulated tasks: what outcome each option would give on each trial.

#' Simulated learning tasks
#'
#' Each returns a task for `simulate()`, [recover()] and [compare()] studies. Outcomes
#' are drawn anew, with R's generator, in each simulation.
#'
#' @param persons Number of persons.
#' @param trials Trials of a person (and block).
#' @param probability Probability of a reward for each option.
#' @param outcome Outcome without and with reward.
#' @param reversal_every Every so many trials the probabilities move on by one option.
#' @param walk_sd Standard deviation of the step of a Gaussian random walk of each
#'   probability, reflected at .2 and .8 (`NULL`: none).
#' @param blocks Number of blocks, each starting learning afresh.
#' @return An object of class `psyrl_learning_task`.
#' @examples
#' bandit_task(persons = 5, trials = 90, probability = c(.8, .2, .2), reversal_every = 15)
#' @export
bandit_task <- function(persons = 20, trials = 100, probability = c(0.7, 0.3),
                        outcome = c(0, 1), reversal_every = NULL, walk_sd = NULL,
                        blocks = 1) {
  persons <- check_count(persons, "persons")
  trials <- check_count(trials, "trials")
  blocks <- check_count(blocks, "blocks")
  if (!is.numeric(probability) || length(probability) < 2 ||
        any(probability < 0 | probability > 1)) {
    abort_input("probability", paste0(
      "`probability` must hold two or more probabilities, not ",
      describe(probability), "."
    ))
  }
  shift <- if (is.null(reversal_every)) trials else {
    check_count(reversal_every, "reversal_every")
  }
  draw <- function() {
    n <- persons * blocks * trials
    at <- (seq_len(trials) - 1) %/% shift
    K <- length(probability)
    chance <- outer(at, seq_len(K), function(s, k) probability[(k - 1 - s) %% K + 1])
    chance <- chance[rep(seq_len(trials), persons * blocks), ]
    if (!is.null(walk_sd)) chance <- random_walk(chance, trials, walk_sd)
    matrix(outcome[1 + (stats::runif(n * K) < chance)], n)
  }
  new_learning_task(
    skeleton(persons, trials, length(probability), blocks), draw,
    if (is.null(walk_sd) && is.null(reversal_every)) "static bandit" else {
      if (is.null(walk_sd)) "reversal bandit" else "random-walk bandit"
    }
  )
}

random_walk <- function(chance, trials, sd) {
  steps <- matrix(stats::rnorm(length(chance), 0, sd), nrow(chance))
  first <- (seq_len(nrow(chance)) - 1) %% trials == 0
  steps[first, ] <- chance[first, ]
  path <- apply(steps, 2, function(x) {
    stats::ave(x, cumsum(first), FUN = cumsum)
  })
  # Reflection at .2 and .8: fold the line.
  folded <- (path - 0.2) %% 1.2
  0.2 + ifelse(folded > 0.6, 1.2 - folded, folded)
}

#' @rdname bandit_task
#' @export
two_step_task <- function(persons = 20, trials = 200, walk_sd = 0.025) {
  data <- skeleton(check_count(persons, "persons"), check_count(trials, "trials"), 2)
  data$trials$choice2 <- 1L
  data$trials$next_state <- 1L
  draw <- function() {
    n <- persons * trials
    start <- matrix(stats::runif(n * 4, 0.25, 0.75), n)
    chance <- random_walk(start, trials, walk_sd)
    matrix(as.numeric(stats::runif(n * 4) < chance), n)
  }
  new_learning_task(data, draw, "two-step task")
}

#' @rdname bandit_task
#' @export
go_nogo_task <- function(persons = 20, trials = 160, probability = 0.8) {
  data <- skeleton(check_count(persons, "persons"), check_count(trials, "trials"), 2)
  data$options <- c(0, 1)
  cue <- rep(1:4, length.out = trials)
  data$trials$stimulus <- rep(cue, persons)
  data$labels$stimulus <- c("go to win", "no-go to win", "go to avoid", "no-go to avoid")
  draw <- function() {
    cue <- data$trials$stimulus
    right <- ifelse(cue %in% c(1, 3), 2L, 1L)
    good <- stats::runif(length(cue)) < probability
    outcome <- function(action) {
      hit <- ifelse(action == right, good, !good)
      ifelse(cue <= 2, as.numeric(hit), as.numeric(hit) - 1)
    }
    cbind(outcome(1L), outcome(2L))
  }
  new_learning_task(data, draw, "go/no-go task")
}

#' @rdname bandit_task
#' @param scale Payoffs are divided by this.
#' @export
iowa_task <- function(persons = 20, trials = 100, scale = 100) {
  data <- skeleton(check_count(persons, "persons"), check_count(trials, "trials"), 4)
  draw <- function() {
    n <- persons * trials
    loss <- cbind(
      -(stats::runif(n) < 0.5) * 250, -(stats::runif(n) < 0.1) * 1250,
      -(stats::runif(n) < 0.5) * 50, -(stats::runif(n) < 0.1) * 250
    )
    (loss + rep(c(100, 100, 50, 50), each = n)) / scale
  }
  new_learning_task(data, draw, "Iowa gambling task")
}

# Trials without content; every choice is to be made.
skeleton <- function(persons, trials, n_options, blocks = 1) {
  n <- blocks * trials
  new_choices(
    seq_len(persons), seq_len(n_options),
    data.frame(
      person = rep(seq_len(persons), each = n),
      block = rep(rep(seq_len(blocks), each = trials), persons),
      trial = rep(rep(seq_len(trials), blocks), persons), choice = 1L,
      outcome = 0, row = seq_len(persons * n)
    ),
    labels = list(blocks = seq_len(blocks))
  )
}

new_learning_task <- function(data, draw, title) {
  structure(list(data = data, draw = draw, title = title), class = "psyrl_learning_task")
}

draw_outcomes <- function(task) {
  list(data = task$data, outcomes = task$draw())
}

#' @export
print.psyrl_learning_task <- function(x, ...) {
  cat(x$title, ": ", length(x$data$persons), " persons, ", nrow(x$data$trials),
      " trials, ", length(x$data$options), " options\n", sep = "")
  invisible(x)
}
