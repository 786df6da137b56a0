# Free tables: values learned from behaviour alone, held by a ridge and integrated out
# (src/core/measurement/free_table.h). Nothing but the ridge fixes their scale, so
# either the ridge is given and mu is 0 while searching, or values have unit variance
# and mu carries the scale. The rule of identification is applied at the end.
#
# A round: the traits' mode and everybody's curve, the log likelihood of the trait
# with the table integrated out; then the population that suits the curves. The
# objective, minus the log likelihood with table and traits integrated out, falls.

uses_free_table <- function(problem) {
  ridge <- problem$value$l2
  is_free_table(problem) && !rewards_are_learned(problem) &&
    inherits(problem$value, "q_table") && is.null(problem$value$tie) &&
    (identical(ridge, "estimate") || ridge > 0) &&
    problem$identify %in% c("center", "global_rms") &&
    problem$control$m_step == "newton" && is.null(problem$control$batch_persons)
}

fit_free_table <- function(problem) {
  working <- problem
  ridge <- problem$value$l2
  if (is.numeric(ridge)) working$control$mu <- 0
  variance <- if (is.numeric(ridge)) 1 / (2 * ridge) else 1
  started <- proc.time()[["elapsed"]]
  row <- function(i, state) {
    trace_row(i, state$objective,
      effective = state$effective, gradient_norm = state$gradient_norm,
      seconds = proc.time()[["elapsed"]] - started
    )
  }
  state <- free_table_round(working, variance, list(
    z = numeric(length(problem$patterns$first)), population = list(
      effects = c(working$control$mu %||% 0, numeric(ncol(problem$design) - 1)),
      log_sigma = log(working$control$sigma %||% 1)
    )
  ))
  rows <- list(row(0L, state))
  status <- if (state$status == "interrupted") "interrupted"
  while (is.null(status)) {
    if (length(rows) > problem$control$max_iterations) {
      status <- "max_iterations"
      break
    }
    trial <- interruptible(next_table_round(working, variance, state))
    gain <- state$objective - trial$objective
    if (is.null(trial) || trial$status == "interrupted") {
      status <- "interrupted"
    } else if (!(gain > least_gain(problem, state$objective))) {
      status <- "converged"
    }
    if (is.null(status) && gain > 0) {
      state <- trial
      rows <- c(rows, list(row(length(rows), state)))
      if (!notify(problem$control, rows[[length(rows)]])) status <- "interrupted"
    }
  }
  unit <- table_unit(problem)
  finish_free_table(
    problem, in_unit(state, unit), unit^2 * variance, status, do.call(rbind, rows)
  )
}

# Centred values are reported as spread as the task's own, in expectation over their
# prior and in random play, so that beta means what it means elsewhere.
table_unit <- function(problem) {
  task <- problem$task
  open <- problem$identify == "center" && is.character(problem$value$l2)
  if (!open || is.null(task$layout$reward) || is_on_demand(task)) return(1)
  own <- center_by_state(solve_values(task, 0, task$discount)$q, task)
  state <- task_pairs(task)$state
  weight <- play_weights(task)
  spread <- sum(weight * (1 - 1 / tabulate(state)[state]))
  unit <- sqrt(sum(weight * own^2) / spread)
  if (is.finite(unit) && unit > 0) unit else 1
}

in_unit <- function(state, unit) {
  state$q <- unit * state$q
  state$variance <- unit^2 * state$variance
  state$z <- state$z - log(unit)
  state$nodes <- state$nodes - log(unit)
  state$population$effects[1] <- state$population$effects[1] - log(unit)
  state
}

# The population follows the traits and the traits the population, so rounds close in
# at a steady rate. Every third leaps to where that leads, if the objective falls there.
next_table_round <- function(problem, variance, state) {
  parameters <- c("effects", "log_sigma")
  far <- leap(state$path)
  if (!is.null(far)) {
    there <- state
    there$population <- far
    trial <- free_table_round(problem, variance, there)
    trial$path <- list(trial$population[parameters])
    better <- isTRUE(trial$objective < state$objective)
    if (better || trial$status == "interrupted") return(trial)
  }
  trial <- free_table_round(problem, variance, state)
  trial$path <- c(last_steps(state$path), list(trial$population[parameters]))
  trial
}

# SDs from the mode at which curves are evaluated; between them they are splines.
curve_steps <- seq(-6, 6, by = .75)

free_table_round <- function(problem, variance, state) {
  sigma <- exp(state$population$log_sigma)
  those <- by_pattern(problem, problem$patterns)
  mu <- drop(those$design %*% state$population$effects)
  found <- free_table_(
    problem$task, those$counts, those$times, state$z, mu, curve_steps,
    list(threads = problem$control$threads, sigma = sigma, variance = variance)
  )
  nodes <- trait_nodes(
    c(mu, found$z), sigma, max(min(found$offset[nrow(found$offset), ]) / 6, .05 * sigma)
  )
  log_lik <- structure(curves_at(found, nodes), patterns = problem$patterns)
  population <- fit_population(problem, nodes, log_lik, state$population)
  c(found[c("z", "q", "variance", "effective", "gradient_norm", "status")], list(
    population = population, nodes = nodes, log_lik = log_lik,
    objective = found$table - population$log_lik
  ))
}

# Log likelihoods [nodes x patterns], relative to that at each one's mode. A choice
# against the values costs as much as beta grows, which no spline in log beta follows
# without waves; its inverse hyperbolic sine falls along a line.
curves_at <- function(found, nodes) {
  middle <- (nrow(found$curve) + 1) / 2
  vapply(seq_along(found$z), function(j) {
    curve <- found$curve[middle, j] - found$curve[, j]
    at <- found$z[j] + found$offset[, j]
    10 * sinh(pmax(bounded_spline(at, asinh(curve / 10), nodes), -30))
  }, numeric(length(nodes)))
}

# Natural spline that does not go on rising beyond its ends: probabilities do not.
bounded_spline <- function(x, y, xout) {
  n <- length(x)
  out <- stats::spline(x, y, xout = xout, method = "natural")$y
  below <- xout < x[1]
  above <- xout > x[n]
  out[below] <- pmin(out[below], y[1])
  out[above] <- pmin(out[above], y[n])
  out
}

# Identified values, and the trait's nodes on their scale.
finish_free_table <- function(problem, state, variance, status, trace) {
  values <- identified(problem, state$q, state_maximum(problem$task, state$q))
  rms <- c(
    identify_(problem$task, state$q, "center")$rms,
    identify_(problem$task, values$advantage, "center")$rms
  )
  scale <- if (all(rms > 0)) rms[1] / rms[2] else 1
  population <- state$population
  information <- evaluate_population(
    problem, state$nodes, state$log_lik, population
  )$information
  posterior <- trait_posterior(
    state$nodes, state$log_lik, drop(problem$design %*% population$effects),
    exp(population$log_sigma), problem$control$threads
  )
  population$effects[1] <- population$effects[1] + log(scale)
  posterior$nodes <- posterior$nodes + log(scale)
  posterior$mu <- posterior$mu + log(scale)
  list(
    values = c(values, list(
      effective = state$effective, std_error = sqrt(state$variance) / scale,
      ridge = scale^2 / (2 * variance)
    )),
    population = population, posterior = posterior,
    mode = if (problem$estimator == "joint") state$z[problem$patterns$of] + log(scale),
    vcov = free_table_vcov(problem, information),
    log_lik = plugin_log_lik(problem, values, population), lambda = 0,
    objective = state$objective, status = status, trace = trace
  )
}

free_table_vcov <- function(problem, information) {
  names <- c(colnames(problem$design), "sigma")
  dimnames(information) <- list(names, names)
  fixed <- names(Filter(Negate(is.null), problem$control[c("mu", "sigma")]))
  free <- setdiff(names, fixed)
  inverse_information(information[free, free, drop = FALSE])
}

# The likelihood of the table that is reported, traits integrated out.
plugin_log_lik <- function(problem, values, population) {
  nodes <- first_nodes(values$rms)
  sum(posterior_at(problem, values, nodes, population)$log_marginal)
}
