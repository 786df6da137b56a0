# Rewards learned exactly: the task is solved for every candidate, and the marginal
# likelihood maximised in the rewards' parameters and the population by Newton's
# method with exact derivatives; temperature and discount by a bounded quasi-Newton
# search around it, whose gradient is exact too (envelope theorem).
#
# Only ratios of rewards to 1 / beta leave a trace in choices, and what settles the
# scale (`problem$scale`) is
#
#   "rms"      no known reward other than 0: the search holds mu at 0 with centred
#              values; rewards are divided by the values' root mean square at the end
#   "anchors"  known rewards, a bound, a fixed mu or a fixed temperature
#   "mu"       those turn out to say nothing about it: mu is 0, so that rewards are
#              in units of the typical person's 1 / beta
#
# Where choices say nothing about the temperature either (free rewards explain any
# choices at any temperature) it is 1 / beta of the typical person, who then plans for
# what the typical person will do.

fit_rewards <- function(problem) {
  problem$map <- list(value = list(), reward = reward_links(problem))
  problem$scale <- if (scale_is_free(problem)) "rms" else "anchors"
  starts <- lapply(seq_len(problem$control$starts), function(i) {
    reward_start(problem, shaken = i > 1)
  })
  run <- best_reward_run(problem, starts)
  open <- open_parameters(problem, run$at)
  if (length(open)) {
    if ("mu" %in% open) {
      problem$scale <- "mu"
      run$at$effects[1] <- 0
    }
    if ("temperature" %in% open) {
      problem$value$temperature <- run$at$temperature <- exp(-run$at$effects[1])
    }
    run <- best_reward_run(problem, list(run$at))
  }
  problem$open <- open
  finish_rewards(problem, run)
}

best_reward_run <- function(problem, starts) {
  runs <- cluster_lapply(problem$control$cluster, starts, search_rewards, problem)
  objective <- vapply(runs, function(run) run$at$objective, numeric(1))
  best <- runs[[which.min(objective)]]
  attr(best$trace, "starts") <- objective
  best
}

# Does multiplying all rewards by a number change anything but mu?
scale_is_free <- function(problem) {
  temperature <- problem$value$temperature
  !has_nonzero_anchor(problem) && is.infinite(problem$reward$bound) &&
    (identical(temperature, "estimate") || identical(temperature, 0)) &&
    is.null(problem$control$mu)
}

settled_by_rms <- function(problem) problem$scale == "rms"

# Of mu and the temperature, those that no choice depends on.
open_parameters <- function(problem, at) {
  if (length(at$theta) > identification_limit) return(character())
  information <- reward_information(problem, at)
  asked <- intersect(c("mu", "temperature"), colnames(information))
  slope <- outer(asked, colnames(information), `==`) + 0
  asked[!is_identified(identification(information), slope)]
}

# A point of the search: parameters, population, temperature, discount. Temperatures
# begin at 1 / beta: the typical person plans for what the typical person will do.
reward_start <- function(problem, shaken = FALSE) {
  links <- problem$map$reward
  n <- n_parameters_(problem$map)
  theta <- random_weights(links[[1]], n)
  if (shaken) theta <- theta + stats::rnorm(n, 0, .3)
  known <- anchored_rewards(problem$task, problem$reward$anchor)
  size <- sqrt(mean(known^2, na.rm = TRUE))
  unit <- if (is.finite(size) && size > 0) size else min(1, problem$reward$bound)
  temperature <- problem$value$temperature
  fixed <- problem$control[c("mu", "sigma")]
  list(
    theta = theta,
    effects = c(
      fixed$mu %||% if (settled_by_rms(problem)) 0 else -log(unit),
      numeric(ncol(problem$design) - 1)
    ),
    log_sigma = log(fixed$sigma %||% 1),
    temperature = if (is.numeric(temperature)) temperature else unit,
    discount = problem$task$discount, unit = unit
  )
}

widest_start <- log(3)

search_rewards <- function(at, problem) {
  started <- proc.time()[["elapsed"]]
  rows <- list()
  status <- "converged"
  previous <- Inf
  for (round in 1:6) {
    # Far from the solution people may seem to differ beyond any grid.
    at$log_sigma <- min(at$log_sigma, widest_start)
    at$nodes <- reward_nodes(problem, at, coarse = round == 1)
    moved <- interruptible(reward_round(problem, at))
    if (is.null(moved)) {
      status <- "interrupted"
      at <- if (is.null(at$objective)) reward_step(problem, at, 1L) else at
      break
    }
    at <- moved
    rows[[round]] <- trace_row(round, at$objective,
      behaviour = at$objective - at$ridge, penalty = at$ridge,
      temperature = at$temperature, discount = at$discount,
      gradient_norm = at$gradient_norm, step = at$iterations,
      seconds = proc.time()[["elapsed"]] - started
    )
    status <- at$status
    if (!notify(problem$control, rows[[round]])) status <- "interrupted"
    settled <- abs(previous - at$objective) < 1e-6 * (1 + abs(at$objective))
    if (settled || status == "interrupted") break
    previous <- at$objective
  }
  trace <- do.call(rbind, rows)
  list(at = at, status = status, trace = trace)
}

# Grid of the trait that suits the point (see settled_posterior()).
reward_nodes <- function(problem, at, coarse) {
  if (coarse) return(seq(-8, 6, length.out = 95) + at$effects[1])
  values <- identified(search_rule(problem), at$q)
  settled_posterior(
    search_rule(problem), values, at[c("effects", "log_sigma")]
  )$nodes
}

# While searching, values are centred only, unless each state has its own scale.
search_rule <- function(problem) {
  if (problem$identify != "state_rms") problem$identify <- "center"
  problem
}

reward_spec <- function(problem, at) {
  fixed <- problem$control[c("mu", "sigma")]
  list(
    map = problem$map, temperature = at$temperature,
    backup = problem$value$backup, identify = search_rule(problem)$identify,
    threads = problem$control$threads, l2 = problem$reward$l2,
    sigma_floor = max(sigma_floor, .75 * (at$nodes[2] - at$nodes[1])),
    estimate_mu = is.null(fixed$mu) && problem$scale == "anchors",
    estimate_sigma = is.null(fixed$sigma),
    max_iterations = problem$control$max_iterations
  )
}

reward_data <- function(problem, at) {
  those <- by_pattern(problem, problem$patterns)
  c(those$counts, those[c("design", "times")], list(nodes = at$nodes))
}

at_discount <- function(task, discount) {
  task$discount <- discount
  task
}

# Rewards, and population, at the point's temperature and discount.
reward_step <- function(problem, at, max_iterations = NULL, population = TRUE) {
  spec <- reward_spec(problem, at)
  spec$estimate_mu <- spec$estimate_mu && population
  spec$estimate_sigma <- spec$estimate_sigma && population
  spec$max_iterations <- max_iterations %||% spec$max_iterations
  at$log_sigma <- max(at$log_sigma, log(1.01 * spec$sigma_floor))
  found <- learn_rewards_(
    at_discount(problem$task, at$discount), reward_data(problem, at), spec,
    c(at$theta, at$effects, at$log_sigma)
  )
  n <- length(at$theta)
  at$theta <- found$x[seq_len(n)]
  at$effects <- found$x[n + seq_along(at$effects)]
  at$log_sigma <- found$x[length(found$x)]
  at$ridge <- problem$reward$l2 * sum(found$reward^2)
  # A step that rounding hides is the end of the search.
  if (found$status == "no_progress") found$status <- "converged"
  utils::modifyList(at, found[c(
    "objective", "gradient_norm", "status", "iterations", "reward", "q", "v"
  )])
}

# Rewards first, for a population that is given: while values say nothing yet, mu and
# sigma would run away. With hard maxima the likelihood has kinks in which a search
# gets stuck: one is led there from softer backups, and the better of the two goes on.
first_rewards <- function(problem, at) {
  direct <- reward_step(problem, at, 50L, population = FALSE)
  softer <- c(1, .3, .1, .03) * exp(-at$effects[1])
  softer <- softer[softer > at$temperature]
  if (!length(softer)) return(direct)
  led <- at
  for (temperature in softer) {
    led$temperature <- temperature
    led <- reward_step(problem, led, 30L, population = FALSE)
  }
  led$temperature <- at$temperature
  led <- reward_step(problem, led, 50L, population = FALSE)
  if (led$objective < direct$objective) led else direct
}

# The step, inside the search for temperature and discount where those are free.
reward_round <- function(problem, at) {
  free <- free_planning(problem)
  if (is.null(at$objective)) at <- first_rewards(problem, at)
  best <- reward_step(problem, at)
  if (!length(free)) return(best)
  point <- function(x) {
    moved <- best
    if (free["temperature"]) moved$temperature <- exp(x[[1]])
    if (free["discount"]) moved$discount <- stats::plogis(x[[length(x)]])
    found <- reward_step(problem, moved)
    if (found$objective < best$objective) best <<- found
    found
  }
  last <- NULL
  evaluate <- function(x) {
    if (!identical(last$x, x)) last <<- list(x = x, at = point(x))
    last$at
  }
  start <- planning_links(best, free)
  stats::nlminb(start, function(x) evaluate(x)$objective,
    gradient = function(x) planning_slope(problem, evaluate(x), free),
    lower = planning_bounds(best, free)$lower,
    upper = planning_bounds(best, free)$upper,
    control = list(iter.max = 30, rel.tol = 1e-8, step.max = 1)
  )
  best
}

# Which of temperature and discount are searched for.
free_planning <- function(problem) {
  free <- c(
    temperature = identical(problem$value$temperature, "estimate"),
    discount = problem$value$discount == "estimate"
  )
  if (any(free)) free
}

planning_links <- function(at, free) {
  c(
    temperature = log(at$temperature), discount = stats::qlogis(at$discount)
  )[free]
}

planning_bounds <- function(at, free) {
  list(
    lower = c(
      log(temperature_bounds[1] * at$unit), stats::qlogis(.05)
    )[free],
    upper = c(log(temperature_bounds[2] * at$unit), stats::qlogis(.9995))[free]
  )
}

planning_slope <- function(problem, at, free) {
  found <- evaluated_rewards(problem, at)
  c(
    at$temperature * found$temperature,
    at$discount * (1 - at$discount) * found$discount
  )[free]
}

# Value, gradient and Hessian products at a point.
evaluated_rewards <- function(problem, at, directions = NULL) {
  x <- c(at$theta, at$effects, at$log_sigma)
  evaluate_rewards_(
    at_discount(problem$task, at$discount), reward_data(problem, at),
    reward_spec(problem, at), x, directions %||% matrix(0, length(x), 0)
  )
}
