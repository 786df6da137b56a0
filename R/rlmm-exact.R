# Exact values: the solution of the task, or values that are known. Only the
# population, the backup temperature and, on request, the discount are estimated,
# by maximum marginal likelihood.
#
# Rewards are divided by one scalar for each discount, the root mean square of the
# ordinary-max advantages over all legal pairs, so that bounds and grids mean the
# same on every task; everything is reported in the user's units.

temperature_grid <- c(.001, .003, .01, .03, .1, .3, 1, 3)
discount_grid <- c(.995, .99, .97, .9, .75, .6, .45, .3)
temperature_bounds <- c(.001, 5)

fit_exact <- function(problem) {
  search <- if (inherits(problem$value, "q_known")) {
    list(values = known_values(problem))
  } else if (identical(problem$value$temperature, "person")) {
    own_temperature_values(problem)
  } else {
    search_task_values(problem)
  }
  if (isTRUE(problem$habit)) return(fit_habit(problem, search))
  values <- search$values
  at <- refine_grid(
    problem, values, first_nodes(values$rms),
    search$population %||% start_population(problem, values$rms)
  )
  status <- search$status %||% "converged"
  if (status == "converged") status <- at$population$status
  list(
    values = values, population = at$population, posterior = at$posterior,
    log_lik = at$population$log_lik, status = status,
    trace = search$trace %||% trace_row(1L, -at$population$log_lik)
  )
}

# Everybody plans with the own temperature 1 / beta: nothing shared is estimated
# but the population. Reported are the values of the typical person.
own_temperature_values <- function(problem) {
  discount <- problem$task$discount
  unit <- reward_unit(problem, discount)
  at <- list(values = list(
    own_temperature = TRUE, backup = problem$value$backup,
    identify = problem$identify
  ))
  nodes <- first_nodes(unit)
  population <- fit_population(
    problem, nodes, grid_log_lik(problem, at$values, nodes),
    start_population(problem, unit)
  )
  typical <- task_values(problem, exp(-population$effects[1]), discount)
  list(
    values = utils::modifyList(typical, c(at$values, list(temperature = NULL))),
    population = population
  )
}

# Identified advantages of values, with what else the fit needs of them.
identified <- function(problem, q, v = NULL, ...) {
  found <- identify_(problem$task, q, problem$identify)
  if (!is.finite(found$rms)) {
    abort_input("task", paste0(
      "Values must be finite, and so must their squares: see that the rewards of the ",
      "task and the temperature are no larger than they have to be."
    ))
  }
  c(list(
    q = q, v = v, advantage = found$advantage,
    rms = if (found$rms > 0) found$rms else 1
  ), list(...))
}

known_values <- function(problem) {
  task <- problem$task
  given <- problem$value$values
  pairs <- task_pairs(task)
  at <- match(
    paste(pairs$state, pairs$action),
    paste(
      match(as.character(given$state), as.character(task$states)),
      match(as.character(given$action), as.character(task$actions))
    )
  )
  missing <- is.na(at)
  visited <- problem$counts$pair + 1
  needed <- missing & pairs$state %in% pairs$state[visited]
  if (any(needed)) {
    abort_input("value", c(paste0(
      "`q_known()` must give a value for every legal action of the states in ",
      "which persons decide; ", sum(needed), " are missing."
    ), paste0(
      "First missing: state ", task$states[pairs$state[needed][1]],
      ", action ", task$actions[pairs$action[needed][1]], "."
    )))
  }
  q <- given$q[at]
  q[missing] <- 0
  identified(problem, q, v = state_maximum(task, q))
}

state_maximum <- function(task, q) {
  state <- task_pairs(task)$state
  v <- numeric(length(task$states))
  best <- tapply(q, state, max)
  v[as.integer(names(best))] <- best
  v
}

# The task's solution with another discount.
solve_values <- function(task, temperature, discount, backup = "soft") {
  task$discount <- discount
  solve_task(task, temperature, backup)
}

# Root mean square of the ordinary-max advantages: the unit of the search.
reward_unit <- function(problem, discount) {
  q <- solve_values(problem$task, 0, discount)$q
  rms <- identify_(problem$task, q, "center")$rms
  if (rms > 0) rms else 1
}

# Values of the task at (temperature in reward units, discount).
task_values <- function(problem, temperature, discount) {
  solution <- solve_values(
    problem$task, temperature, discount, problem$value$backup
  )
  identified(problem, solution$q, solution$v,
    temperature = temperature, discount = discount
  )
}

# Marginal likelihood of the task's values, population maximised.
task_profile <- function(problem, temperature, discount) {
  values <- task_values(problem, temperature, discount)
  nodes <- first_nodes(values$rms)
  log_lik <- grid_log_lik(problem, values, nodes)
  population <- fit_population(
    problem, nodes, log_lik, start_population(problem, values$rms)
  )
  list(values = values, population = population, objective = -population$log_lik)
}

# A grid of starts, then bounded quasi-Newton from the best cell.
search_task_values <- function(problem) {
  path <- search_path(problem)
  free_temperature <- identical(problem$value$temperature, "estimate")
  free_discount <- identical(problem$value$discount, "estimate")
  discounts <- if (free_discount) {
    unique(c(problem$task$discount, discount_grid))
  } else {
    problem$task$discount
  }
  for (discount in discounts[discounts < 1 | !free_discount]) {
    unit <- reward_unit(problem, discount)
    temperatures <- if (free_temperature) {
      temperature_grid * unit
    } else {
      problem$value$temperature
    }
    for (temperature in temperatures) path$visit(temperature, discount)
  }
  status <- "converged"
  if (free_temperature || free_discount) {
    status <- polish_path(problem, path, free_temperature, free_discount)
  }
  c(path$best(), list(trace = path$trace(), status = path$stopped() %||% status))
}

# Keeps the best point visited and a trace row for every improvement.
search_path <- function(problem) {
  best <- NULL
  rows <- list()
  rejected <- 0L
  stopped <- NULL
  started <- proc.time()[["elapsed"]]
  visit <- function(temperature, discount) {
    if (!is.null(stopped)) return(Inf)
    point <- if (is.null(best)) {
      task_profile(problem, temperature, discount)
    } else {
      interruptible(task_profile(problem, temperature, discount))
    }
    if (is.null(point)) {
      stopped <<- "interrupted"
      return(Inf)
    }
    if (is.null(best) || point$objective < best$objective) {
      row <- trace_row(
        length(rows) + 1L, point$objective,
        behaviour = point$objective, temperature = temperature,
        discount = discount, rollbacks = rejected,
        seconds = proc.time()[["elapsed"]] - started
      )
      best <<- point
      rows[[length(rows) + 1L]] <<- row
      rejected <<- 0L
      if (!notify(problem$control, row)) stopped <<- "interrupted"
    } else {
      rejected <<- rejected + 1L
    }
    point$objective
  }
  list(
    visit = visit, best = function() best,
    stopped = function() stopped,
    trace = function() do.call(rbind, rows)
  )
}

# From the best point visited to the optimum beside it; returns the status.
polish_path <- function(problem, path, free_temperature, free_discount) {
  at <- path$best()$values
  unit <- reward_unit(problem, at$discount)
  start <- c(
    if (free_temperature) log(max(at$temperature / unit, temperature_bounds[1])),
    if (free_discount) stats::qlogis(at$discount)
  )
  objective <- function(x) {
    discount <- if (free_discount) stats::plogis(x[length(x)]) else at$discount
    unit <- if (free_discount) reward_unit(problem, discount) else unit
    path$visit(
      if (free_temperature) exp(x[1]) * unit else at$temperature, discount
    )
  }
  found <- stats::nlminb(start, objective,
    lower = c(
      if (free_temperature) log(temperature_bounds[1]),
      if (free_discount) stats::qlogis(.05)
    ),
    upper = c(
      if (free_temperature) log(temperature_bounds[2]),
      if (free_discount) stats::qlogis(.9995)
    ),
    control = list(
      rel.tol = 1e-9, x.tol = 1e-5, step.min = .05, step.max = 1,
      iter.max = problem$control$max_iterations
    )
  )
  if (grepl("limit", found$message)) "max_iterations" else "converged"
}

# `or` if the user interrupts.
interruptible <- function(expr, or = NULL) {
  tryCatch(expr, interrupt = function(condition) or)
}

trace_row <- function(iteration, objective, ..., gradient_norm = NA_real_,
                      step = NA_real_, rollbacks = 0L, seconds = 0) {
  data.frame(
    iteration = iteration, objective = objective, ...,
    gradient_norm = gradient_norm, step = step, rollbacks = rollbacks,
    seconds = seconds
  )
}

# What the user's callback says; an error in it or an interrupt counts as FALSE, so that
# what was found is not lost.
call_back <- function(callback, trace) {
  tryCatch(interruptible(callback(trace), or = FALSE), error = function(e) {
    warn("interrupted", paste0(
      "`callback` failed: ", conditionMessage(e),
      "\nWhat had been found by then is returned."
    ))
    FALSE
  })
}

# Tells the user's callback about a round; FALSE means stop.
notify <- function(control, row) {
  if (control$verbose) {
    message(sprintf("%4d  ", row$iteration), if (is.na(row$objective)) {
      sprintf("draws: mu %.3f, sigma %.3f", row$mu, row$sigma)
    } else {
      sprintf("objective %.4f", row$objective)
    })
  }
  is.null(control$callback) || !identical(call_back(control$callback, row), FALSE)
}
