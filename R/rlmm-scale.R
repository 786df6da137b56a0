# The common scale of values that are learned from behaviour alone. To choices larger
# values and more decisive people are the same; with mu fixed at 0, rounds that move
# one given the other would creep. So both move at once before each round, as far as
# the population (and the ridge) want them to: expectation-maximisation with an
# expanded parameter (Liu, Rubin & Wu, 1998, Biometrika 85, 755-770).

# The state with values on the scale that makes mu 0. The objective does not rise.
rescaled <- function(problem, state) {
  if (!is_free_table(problem) || problem$control$m_step == "adam") return(state)
  population <- free_population(problem, state)
  shift <- population$effects[1]
  population$effects[1] <- 0
  state$population <- population
  state$theta <- scaled_parameters(problem$map$value[[1]], state$theta, exp(shift))
  traits <- if (problem$estimator == "joint") {
    mode <- state$mode - shift
    list(mode = mode, groups = slope_groups(exp(mode), problem$counts))
  } else {
    traits_on_grid(problem, state, state$nodes - shift, state$log_lik_table)
  }
  utils::modifyList(state, traits)
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
