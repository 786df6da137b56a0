# The rounds of a search for learned values: starts, steps, acceptance, checkpoints.

# The best of several searches, the first from the best guess, the others shaken.
best_of_starts <- function(problem) {
  states <- lapply(seq_len(problem$control$starts), function(i) {
    list(number = i, state = starting_state(problem, shaken = i > 1))
  })
  runs <- cluster_lapply(problem$control$cluster, states, run_from, problem)
  objective <- vapply(runs, function(run) run$state$objective, numeric(1))
  best <- runs[[which.min(objective)]]
  trace <- do.call(rbind, best$rows)
  attr(trace, "starts") <- objective
  found <- finish_learned(problem, best$state, best$status, trace)
  found$seed <- best$seed
  found
}

run_from <- function(start, problem) {
  file <- numbered_file(problem$control$checkpoint, start$number)
  key <- problem_key(problem)
  run <- resumed_run(file, key) %||% new_run(problem, start$state)
  while (is.null(run$status)) {
    run <- next_round(problem, run)
    keep_run(file, key, run)
  }
  run
}

new_run <- function(problem, state) {
  state <- judge(problem, state)
  state$rate <- problem$control$learning_rate
  run <- list(
    state = state, seed = draw_seed(), seconds = 0,
    order = sample.int(nrow(problem$design))
  )
  run$rows <- list(round_row(problem, run, NA, 0L))
  run
}

# One more round, or the reason why there is none.
next_round <- function(problem, run) {
  done <- length(run$rows) - 1L
  if (done >= problem$control$max_iterations) {
    run$status <- "max_iterations"
    return(run)
  }
  started <- proc.time()[["elapsed"]]
  moved <- interruptible(
    leaped_round(problem, run) %||% one_round(problem, run, done),
    or = list(status = "interrupted")
  )
  if (is.null(moved$state)) {
    run$status <- moved$status
    return(run)
  }
  gain <- run$state$objective - moved$state$objective
  run$state <- moved$state
  leaped <- is.na(moved$step)
  run$path <- c(if (!leaped) last_steps(run$path), list(run$state[searched_for]))
  run$seconds <- run$seconds + proc.time()[["elapsed"]] - started
  run$rows[[done + 2L]] <- round_row(problem, run, moved$step, moved$rollbacks)
  if (!notify(problem$control, run$rows[[done + 2L]])) {
    run$status <- "interrupted"
  } else if (!leaped && gain < least_gain(problem, run$state$objective)) {
    run$status <- "converged"
  }
  run
}

# Values follow traits and traits values, so that rounds close in at a steady rate.
# Every third is followed by a leap to where they lead, if the objective falls by more
# than it did in the round before.
leaped_round <- function(problem, run) {
  steady <- problem$control$m_step != "adam" && is.null(problem$control$batch_persons)
  far <- if (steady) leap(run$path)
  if (is.null(far)) return(NULL)
  trial <- judge(problem, c(far, run$state[c("mode", "weight", "nodes", "rate")]))
  last <- vapply(utils::tail(run$rows, 2), `[[`, numeric(1), "objective")
  if (!isTRUE(trial$objective < last[2] + diff(last))) return(NULL)
  list(state = trial, step = NA_real_, rollbacks = 0L)
}

# Parameters that make the path of a search.
searched_for <- c("theta", "population")

# Of a path of rounds what the next leap is judged by.
last_steps <- function(path) if (length(path) < 3) path else path[3]

# Where a path of three closes in on at the rate of its two steps; NULL if at none.
leap <- function(path) {
  if (length(path) < 3) return(NULL)
  step <- diff(do.call(rbind, lapply(path, unlist)))
  rate <- sum(step[1, ] * step[2, ]) / sum(step[1, ]^2)
  if (!isTRUE(rate > .1)) return(NULL)
  rate <- min(rate, .95)
  utils::relist(unlist(path[[3]]) + rate / (1 - rate) * step[2, ], path[[3]])
}

# Steps on samples cannot see gains below their noise.
least_gain <- function(problem, objective) {
  relative <- if (problem$control$m_step == "adam") 1e-6 else 1e-9
  max(problem$control$tolerance, relative * abs(objective))
}

round_row <- function(problem, run, step, rollbacks) {
  state <- run$state
  row <- trace_row(length(run$rows), state$objective,
    behaviour = state$behaviour, penalty = state$penalty,
    gradient_norm = state$gradient_norm %||% NA_real_, step = step,
    rollbacks = rollbacks, seconds = run$seconds
  )
  validation <- problem$control$validation
  if (!is.null(validation)) row$validation_nll <- validation_nll(problem, state)
  row
}

# Mean negative log-likelihood of decisions of persons who are not fitted.
validation_nll <- function(problem, state) {
  counts <- problem$validation
  nodes <- first_nodes(state$values$rms)
  posterior <- trait_posterior(
    nodes, grid_log_lik(problem, state$values, nodes, counts),
    rep(state$population$effects[1], length(counts$person_start) - 1),
    exp(state$population$log_sigma), problem$control$threads
  )
  -sum(posterior$log_marginal) / sum(counts$count)
}

# New values given the traits, and the population's update, shortened together until
# the full objective falls. Steps on mini-batches are not shortened but made again at
# half the rate.
one_round <- function(problem, run, done) {
  objective <- run$state$objective
  state <- run$state
  state$stale <- stale_persons(problem, run$order, done)
  run$state <- state <- rescaled(problem, state)
  population <- updated_population(working_problem(problem), state)
  adam <- problem$control$m_step == "adam"
  found <- if (!adam) newton_step(problem, state)
  for (halving in 0:12) {
    step <- 2^-halving
    if (adam) found <- adam_round(problem, run, done, state$rate * step)
    if (found$status == "interrupted") return(list(status = "interrupted"))
    trial <- state[c("stale", "mode", "weight", "nodes")]
    trial$theta <- if (adam) {
      found$theta
    } else {
      state$theta + step * (found$theta - state$theta)
    }
    trial$gradient_norm <- found$gradient_norm
    trial$population <- between(state$population, population, step)
    trial <- judge(problem, trial)
    if (is.finite(trial$objective) && trial$objective < objective) {
      trial$rate <- state$rate * if (adam) step else 1
      trial$adam <- if (adam) found
      return(list(state = trial, step = step, rollbacks = halving))
    }
  }
  list(status = "converged")
}

between <- function(from, to, step) {
  list(
    effects = from$effects + step * (to$effects - from$effects),
    log_sigma = from$log_sigma + step * (to$log_sigma - from$log_sigma)
  )
}

# Persons whose traits wait for a later round; the others take turns.
stale_persons <- function(problem, order, done) {
  size <- problem$control$batch_persons
  if (is.null(size) || size >= length(order)) return(NULL)
  at <- (done * size + seq_len(size) - 1L) %% length(order) + 1L
  order[-at]
}

step_settings <- function(problem) {
  c(problem$control[c("threads", "m_step")], list(
    identify = if (is_free_table(problem)) "center" else problem$identify,
    map = problem$map, steps = problem$control$steps %||%
      c(newton = 3L, lbfgs = 50L, adam = 200L)[[problem$control$m_step]]
  ))
}

newton_step <- function(problem, state) {
  minimise_penalised_(
    problem$task, state$groups, problem$penalty, state$theta,
    step_settings(problem)
  )
}

# Moments and target of the last accepted round; a smaller rate begins anew.
adam_round <- function(problem, run, done, rate) {
  state <- run$state
  settings <- step_settings(problem)
  fresh <- is.null(state$adam) || rate < state$rate
  found <- adam_steps_(
    problem$task, state$groups, problem$penalty,
    if (fresh) {
      list(
        theta = state$theta, target = state$theta, m = numeric(), v = numeric(),
        adam_steps = 0
      )
    } else {
      state$adam
    },
    c(settings, problem$control[c("batch_size", "target_update")], list(
      learning_rate = rate, seed = run$seed, first_step = done * settings$steps
    ))
  )
  found$gradient_norm <- NA_real_
  found
}

# ---- checkpoints -------------------------------------------------------------

numbered_file <- function(file, number) {
  if (is.null(file) || number == 1) file else paste0(file, ".", number)
}

# The run that was kept in the file, if it belongs to the fit of this key. A run that
# stopped at its limit of rounds, or was interrupted, goes on.
resumed_run <- function(file, key) {
  if (is.null(file) || !file.exists(file)) return(NULL)
  kept <- tryCatch(readRDS(file), error = function(e) NULL)
  if (!identical(kept$key, key)) {
    abort_input("checkpoint", c(
      paste0("`checkpoint` ", dQuote(file, FALSE), " belongs to another fit."),
      "Name another file, or delete this one."
    ))
  }
  run <- kept$run
  if (!identical(run$status, "converged")) run$status <- NULL
  run
}

keep_run <- function(file, key, run) {
  if (is.null(file)) return(invisible())
  # Whole or not at all: a fit may be killed at any time.
  partial <- paste0(file, ".part")
  saveRDS(list(key = key, run = run), partial)
  file.rename(partial, file)
}

# What a search for learned values depends on, but for where it stops.
problem_key <- function(problem) {
  c(
    problem[c("map", "penalty", "counts", "design", "identify", "estimator")],
    problem$task[c("layout", "discount")],
    problem$control[c(
      "mu", "sigma", "m_step", "learning_rate", "steps", "batch_persons",
      "batch_size", "target_update"
    )]
  )
}
