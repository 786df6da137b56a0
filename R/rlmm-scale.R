# The common scale of values. To choices larger values and more decisive people are the
# same; rounds that move values given the traits, and the traits given values, would
# creep towards the scale that the population and the penalty want. So both move at
# once before each round: expectation-maximisation with an expanded parameter (Liu,
# Rubin & Wu, 1998, Biometrika 85, 755-770).

# The state with values on their best scale. The objective does not rise.
rescaled <- function(problem, state) {
  if (keeps_unit_rms(problem)) return(at_unit_scale(problem, state))
  population <- state$population
  if (is_free_table(problem)) {
    population <- free_population(problem, state)
    shift <- population$effects[1]
    population$effects[1] <- 0
  } else if (holds_population(problem)) {
    shift <- held_shift(problem, state)
  } else {
    return(state)
  }
  link <- problem$map$value[[1]]
  state$population <- population
  state <- moved_parameters(state, function(theta) {
    scaled_parameters(link, theta, exp(shift))
  })
  traits <- if (problem$estimator == "joint") {
    mode <- state$mode - shift
    list(mode = mode, groups = slope_groups(exp(mode), problem$counts))
  } else {
    traits_on_grid(problem, state, state$nodes - shift, state$log_lik_table)
  }
  utils::modifyList(state, traits)
}

# Values of unit root mean square do not depend on the scale of their parameters, but
# steps do.
at_unit_scale <- function(problem, state) {
  base <- list(value = problem$map$value[1], reward = list())
  at <- seq_len(n_parameters_(base))
  q <- represent_(base, state$theta[at], problem$control$threads)
  times <- 1 / identify_(problem$task, q, "center")$rms
  moved_parameters(state, function(theta) {
    c(scaled_parameters(base$value[[1]], theta[at], times), theta[-at])
  })
}

# The same for the parameters and, where steps are stochastic, what these remember.
moved_parameters <- function(state, move) {
  state$theta <- move(state$theta)
  moving <- intersect(c("theta", "target"), names(state$adam))
  state$adam[moving] <- lapply(state$adam[moving], move)
  state
}

# Log of the scale that suits the residuals and a population that stays as it is.
held_shift <- function(problem, state) {
  cost <- function(shift) {
    moved <- state$population
    moved$effects[1] <- moved$effects[1] + shift
    penalty_(problem$task, problem$penalty, exp(shift) * state$q) +
      traits_misfit(problem, state, moved)
  }
  found <- stats::optimize(cost, c(-1, 1), tol = 1e-5)
  if (found$objective < cost(0)) found$minimum else 0
}

# Minus the log likelihood of a population, but for constants.
traits_misfit <- function(problem, state, population) {
  if (problem$estimator == "marginal") {
    return(-evaluate_population(
      problem, state$nodes, state$log_lik_table, population
    )$log_lik)
  }
  mean <- drop(problem$design %*% population$effects)
  sum((state$mode - mean)^2) / (2 * exp(2 * population$log_sigma))
}

# The population of the traits as they are, mu free; a ridge pulls it down.
free_population <- function(problem, state) {
  problem$control["mu"] <- list(NULL)
  free <- updated_traits(problem, state)
  if (state$penalty == 0) return(free)
  shift <- stats::optimize(function(shift) {
    state$penalty * exp(2 * shift) +
      population_misfit(problem, population_around(problem, state, shift))
  }, c(min(free$effects[1], 0) - 2, max(free$effects[1], 0)), tol = 1e-6)$minimum
  population_around(problem, state, shift)
}

# The same with its mean given.
population_around <- function(problem, state, mean) {
  state$nodes <- state$nodes - mean
  state$mode <- state$mode - mean
  problem$design <- problem$design[, -1, drop = FALSE]
  state$population$effects <- state$population$effects[-1]
  population <- updated_traits(problem, state)
  population$effects <- c(mean, population$effects)
  population
}

# Minus the log likelihood of the population, but for constants: of modes, that of the
# normal distribution that was fitted to them.
population_misfit <- function(problem, population) {
  if (problem$estimator == "marginal") return(-population$log_lik)
  nrow(problem$design) * population$log_sigma
}

# Parameters of values that are so many times as large.
scaled_parameters <- function(link, theta, times) {
  at <- if (link$kind == "network") {
    n <- length(theta)
    seq(n - utils::tail(link$hidden, 1), n) # weights and bias of the linear output
  } else {
    seq_along(theta)
  }
  theta[at] <- times * theta[at]
  theta
}
