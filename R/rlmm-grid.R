# The trait on a grid: likelihoods of persons at the nodes, the population on top
# of them, posteriors of persons. Everything here is in the units the advantages
# are in.

# The choice model on nodes of the trait. With a habit the trait is the slope
# itself, of either sign; otherwise it is log beta. Where everybody plans with the
# own temperature, every node has its own advantages.
choice_model <- function(problem, values, nodes) {
  if (!is.null(values$habit)) {
    return(list(
      advantage = values$advantage, habit = values$habit, beta = nodes
    ))
  }
  list(
    advantage = if (isTRUE(values$own_temperature)) {
      own_temperature_advantages_(
        problem$task, exp(nodes), values$backup, values$identify,
        problem$control$threads
      )
    } else {
      values$advantage
    },
    habit = numeric(), beta = exp(nodes)
  )
}

grid_log_lik <- function(problem, values, nodes, counts = problem$counts) {
  person_log_lik_(
    problem$task, counts, choice_model(problem, values, nodes),
    problem$control$threads
  )
}

# Nodes that cover every person's prior by seven SDs, spaced below the smallest
# posterior SD: the trapezoid rule then errs by less than 1e-8.
trait_nodes <- function(mu, sigma, posterior_sd, nodes = NULL) {
  lower <- min(mu) - 7 * sigma
  upper <- max(mu) + 7 * sigma
  spacing <- min(posterior_sd, sigma / 2)
  n <- nodes %||% max(41, min(1001, ceiling((upper - lower) / spacing) + 1))
  seq(lower, upper, length.out = n)
}

# Before anything is known, with advantages of root mean square `rms`: from
# indifferent (beta rms = e^-8) to always the best (e^6).
first_nodes <- function(rms) {
  seq(-8, 6, length.out = 95) - log(rms)
}

fit_population <- function(problem, nodes, log_lik, start) {
  fixed <- problem$control[c("mu", "sigma")]
  effects <- start$effects
  if (!is.null(fixed$mu)) effects <- c(fixed$mu, 0 * effects[-1])
  fit_population_(
    list(
      nodes = nodes, log_lik = log_lik, design = problem$design,
      person_weight = rep(1, nrow(problem$design)),
      estimate_mu = is.null(fixed$mu), estimate_sigma = is.null(fixed$sigma)
    ),
    effects, log(fixed$sigma %||% exp(start$log_sigma)), problem$control$threads
  )
}

start_population <- function(problem, rms) {
  list(
    effects = c(-log(rms), numeric(ncol(problem$design) - 1)), log_sigma = 0
  )
}

# Persons' posteriors: list(nodes, weight [nodes x persons], log_marginal, mu).
trait_posterior <- function(nodes, log_lik, mu, sigma, threads) {
  posterior <- grid_posterior_(nodes, log_lik, mu, sigma, threads)
  c(list(nodes = nodes, mu = mu), posterior)
}

posterior_summary <- function(posterior, probs = numeric()) {
  summary <- posterior_summary_(posterior$nodes, posterior$weight, probs)
  colnames(summary) <- c("mean", "sd", sprintf("q%g", probs))
  summary
}

# Population and grid, refined together until the grid suits the population it
# gave: list(population, posterior).
refine_grid <- function(problem, values, nodes, population) {
  posterior <- NULL
  for (round in 1:2) {
    mu <- drop(problem$design %*% population$effects)
    sigma <- exp(population$log_sigma)
    if (is.null(posterior)) {
      log_lik <- grid_log_lik(problem, values, nodes)
      posterior <- trait_posterior(
        nodes, log_lik, mu, sigma, problem$control$threads
      )
    }
    smallest <- min(posterior_summary(posterior)[, "sd"])
    nodes <- trait_nodes(
      mu, sigma, max(smallest, 0.01 * sigma), problem$control$nodes
    )
    log_lik <- grid_log_lik(problem, values, nodes)
    population <- fit_population(problem, nodes, log_lik, population)
    posterior <- trait_posterior(
      nodes, log_lik, drop(problem$design %*% population$effects),
      exp(population$log_sigma), problem$control$threads
    )
  }
  list(population = population, posterior = posterior)
}
