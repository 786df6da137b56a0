# Habit and value: logit = h(s, a) + beta_j A(s, a).
#
# h is a table of action preferences that people share and that no trait multiplies;
# A are exact or known values. The trait is the slope beta_j itself, normal and of
# either sign. A temperature to be estimated has the largest evidence beside the habit; a
# discount is that of the model without one, and then held.
#
# EM: the population and the slopes' posteriors on a grid, then h by Newton steps on the
# likelihood with node-weighted counts and a ridge on h, until the evidence no longer
# gains. The ridge's precision follows MacKay's rule for the Laplace evidence,
#
#   precision = g / |h|^2,   g = sum of l / (l + precision)
#
# over the eigenvalues l of B(s), the curvature of the likelihood in h of state s.
# Values are in units of their root mean square while searching.

# Nats at which a round gains too little to go on.
habit_gain <- .01

check_habit <- function(spec) {
  if (!spec$habit) return(invisible())
  if (!inherits(spec$value, c("q_task", "q_known")) ||
    identical(spec$value$temperature, "person")) {
    abort_input("habit", c(
      "`habit = TRUE` stands beside values that are exact or known.",
      "Use q_task() with one temperature for all, or q_known()."
    ))
  }
}

fit_habit <- function(problem, search) {
  stopped <- identical(search$status, "interrupted")
  path <- list(learned_habit(problem, search$values))
  if (identical(problem$value$temperature, "estimate") && !stopped) {
    path <- habit_path(problem, path)
  }
  objective <- vapply(path, function(one) one$state$objective, numeric(1))
  best <- path[[which.min(objective)]]
  last <- path[[length(path)]]$status
  found <- finish_habit(problem, best)
  found$status <- if (stopped || last == "interrupted") "interrupted" else best$status
  found$values$at_temperatures <- at_temperatures(path, objective)
  found
}

# The habits at a grid of temperatures, and about the best of them.
habit_path <- function(problem, path) {
  discount <- path[[1]]$values$discount
  unit <- reward_unit(problem, discount)
  visit <- function(log_relative) {
    last <- path[[length(path)]]
    if (last$status == "interrupted") return(.Machine$double.xmax)
    values <- task_values(problem, exp(log_relative) * unit, discount)
    path[[length(path) + 1]] <<- learned_habit(problem, values, last$state)
    path[[length(path)]]$state$objective
  }
  grid <- log(temperature_grid)
  best <- which.min(vapply(grid, visit, numeric(1)))
  stats::optimize(visit, grid[pmin(pmax(best + c(-1, 1), 1), length(grid))], tol = .1)
  path
}

# Persons' mean slopes [persons x temperatures] with the temperatures' weights: the
# evidence under a prior that is flat in log temperature.
at_temperatures <- function(path, objective) {
  if (length(path) == 1) return(NULL)
  log_temperature <- log(vapply(path, function(one) one$values$temperature, numeric(1)))
  use <- order(log_temperature)[!duplicated(sort(log_temperature))]
  step <- diff(log_temperature[use])
  weight <- exp(min(objective) - objective[use]) * (c(step, 0) + c(0, step))
  list(
    temperature = exp(log_temperature[use]), weight = weight / sum(weight),
    mean = vapply(path[use], `[[`, path[[1]]$mean, "mean")
  )
}

# Adds to the arrow of a habit how far persons' slopes move with the temperature.
over_temperatures <- function(found, fit) {
  at <- fit$values$at_temperatures
  if (is.null(found) || is.null(at)) return(found)
  moved <- t(at$mean - posterior_summary(fit$posterior)[, "mean"]) * sqrt(at$weight)
  found$shared <- found$shared + colSums(moved^2)
  if (length(found$covariance)) {
    found$covariance <- found$covariance + crossprod(moved)
  }
  found
}

# One habit, from that of similar values.
learned_habit <- function(problem, values, from = NULL) {
  problem <- in_unit_of_values(problem, values)
  state <- start_habit(problem, values$advantage / values$rms)
  learned <- c("habit", "precision", "population")
  if (!is.null(from)) state[learned] <- from[learned]
  state <- judge_habit(problem, state)
  started <- proc.time()[["elapsed"]]
  row <- function(i, state) {
    trace_row(i, state$objective,
      habit_sd = 1 / sqrt(state$precision),
      seconds = proc.time()[["elapsed"]] - started
    )
  }
  rows <- list(row(0L, state))
  status <- "max_iterations"
  for (i in seq_len(problem$control$max_iterations)) {
    trial <- interruptible(judge_habit(problem, moved_habit(problem, state)))
    if (is.null(trial)) {
      status <- "interrupted"
      break
    }
    gain <- state$objective - trial$objective
    if (gain > 0) {
      state <- trial
      rows <- c(rows, list(row(i, state)))
    }
    if (gain < habit_gain) {
      status <- "converged"
      break
    }
    if (!notify(problem$control, rows[[length(rows)]])) {
      status <- "interrupted"
      break
    }
  }
  list(
    values = values, state = state, status = status, trace = do.call(rbind, rows),
    mean = slope_means(problem, state) / values$rms
  )
}

# Numbers of the user's are per reward, the search's in the values' own unit.
in_unit_of_values <- function(problem, values) {
  for (name in c("mu", "sigma")) {
    if (!is.null(problem$control[[name]])) {
      problem$control[[name]] <- problem$control[[name]] * values$rms
    }
  }
  problem
}

slope_means <- function(problem, state) {
  posterior_summary(
    posterior_at(problem, habit_values(state), state$nodes, state$population)
  )[, "mean"]
}

start_habit <- function(problem, advantage) {
  list(
    habit = numeric(length(advantage)), advantage = advantage, precision = 1,
    map = list(
      value = list(table_link(seq_along(advantage) - 1L)), reward = list()
    ),
    nodes = seq(-6, 10, length.out = 161), objective = Inf,
    population = list(
      effects = c(1, numeric(ncol(problem$design) - 1)), log_sigma = log(.5)
    )
  )
}

habit_values <- function(state) state[c("advantage", "habit")]

# What belongs to a habit and a precision: the population, the slopes' posteriors,
# the curvature, and minus the evidence of h but for constants.
judge_habit <- function(problem, state) {
  values <- habit_values(state)
  log_lik <- grid_log_lik(problem, values, state$nodes)
  state$population <- fit_population(
    problem, state$nodes, log_lik, state$population
  )
  found <- at_nodes(problem, state, state$nodes, log_lik)
  state$groups <- slope_groups(
    rep(1, length(state$nodes)), found$counts, state$advantage, state$nodes
  )
  curvature <- habit_curvature_(
    problem$task, state$groups, choice_model(problem, values, state$nodes),
    problem$control$threads
  )
  state$effective <- sum(curvature / (curvature + state$precision))
  state$objective <- found$behaviour +
    state$precision * sum(state$habit^2) / 2 +
    sum(log1p(curvature / state$precision)) / 2
  state
}

# Newton steps on h, then MacKay's precision.
moved_habit <- function(problem, state) {
  found <- minimise_penalised_(
    problem$task, state$groups, habit_penalty(problem, state$precision), state$habit,
    list(
      threads = problem$control$threads, m_step = "newton", identify = "none",
      map = state$map, steps = 5L
    )
  )
  state$habit <- center_by_state(found$theta, problem$task)
  if (is.null(problem$control$mu)) state <- without_values(problem, state)
  size <- max(sum(state$habit^2), 1e-8)
  if (any(state$effective > 0)) {
    state$precision <- min(1e4, max(1e-4, state$effective / size))
  }
  state
}

# A habit in proportion to the values does what everybody's slope does, for a price; it
# goes over to their mean. Without this step EM would creep there (parameter expansion,
# Liu, Rubin & Wu 1998).
without_values <- function(problem, state) {
  of_pair <- task_pairs(problem$task)$state
  visited <- of_pair %in% of_pair[pair_totals(problem) > 0]
  values <- visited * center_by_state(state$advantage, problem$task)
  if (!any(values != 0)) return(state)
  share <- sum(state$habit * values) / sum(values^2)
  state$habit <- state$habit - share * values
  state$population$effects[1] <- state$population$effects[1] + share
  state
}

habit_penalty <- function(problem, precision) {
  list(
    pair = integer(), weight = numeric(), reward = numeric(), next_start = 0L,
    next_state = integer(), probability = numeric(), lambda = 0, temperature = 0,
    backup = "soft", cql = 0, pair_count = as.double(pair_totals(problem)),
    l2 = precision / 2, reward_l2 = 0
  )
}

# Back to the user's units: the slope is per reward.
finish_habit <- function(problem, found) {
  values <- found$values
  state <- found$state
  rms <- values$rms
  fitted <- habit_values(state)
  population <- state$population
  sd <- posterior_summary(
    posterior_at(problem, fitted, state$nodes, population)
  )[, "sd"]
  nodes <- trait_nodes(
    drop(problem$design %*% population$effects), exp(population$log_sigma),
    max(min(sd), .02)
  )
  posterior <- posterior_at(problem, fitted, nodes, population)
  posterior$nodes <- posterior$nodes / rms
  posterior$mu <- posterior$mu / rms
  population$effects <- population$effects / rms
  population$log_sigma <- population$log_sigma - log(rms)
  values$habit <- state$habit
  values$effective <- state$effective
  known <- Filter(is.numeric, list(
    habit_sd = 1 / sqrt(state$precision), temperature = values$temperature,
    discount = values$discount
  ))
  list(
    values = values, population = population, posterior = posterior,
    log_lik = sum(posterior$log_marginal), trace = found$trace,
    more_parameters = parameter_row(
      names(known), "values", "log", unlist(known), fixed = TRUE, lower = 0
    )
  )
}
