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

# Persons who chose alike: list(of: everybody's pattern, first: who first had it, counts
# and times of patterns). What differs between persons in a round keeps them apart.
person_patterns <- function(problem) {
  merge <- is.null(problem$control$batch_persons)
  found <- person_patterns_(problem$task, problem$counts, problem$design, merge)
  c(found, list(times = as.double(tabulate(found$of, length(found$first)))))
}

# Likelihoods [nodes x patterns] with the `patterns` as an attribute, if the problem has
# any; [nodes x persons] of other `counts`; or where that is.
grid_log_lik <- function(problem, values, nodes, counts = NULL) {
  shards <- problem$shards
  if (!is.null(shards) && !shards$lost && is.null(counts)) {
    return(sharded_table(shards, values, nodes))
  }
  patterns <- if (is.null(counts)) problem$patterns
  log_lik <- person_log_lik_(
    problem$task, counts %||% patterns$counts %||% problem$counts,
    choice_model(problem, values, nodes), problem$control$threads
  )
  structure(log_lik, patterns = patterns)
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

# Smallest sigma the likelihood is maximised over: below it persons do not differ
# to any purpose.
sigma_floor <- .01

fit_population <- function(problem, nodes, log_lik, start) {
  fixed <- problem$control[c("mu", "sigma")]
  effects <- start$effects
  if (!is.null(fixed$mu)) effects <- c(fixed$mu, 0 * effects[-1])
  best_population(
    problem, nodes, log_lik,
    list(effects = effects, log_sigma = log(fixed$sigma %||% exp(start$log_sigma))),
    is.null(fixed$mu), is.null(fixed$sigma)
  )
}

# A prior narrower than the grid's spacing would fall between the nodes.
best_population <- function(problem, nodes, log_lik, start, estimate_mu,
                            estimate_sigma) {
  settings <- list(
    estimate_mu = estimate_mu, estimate_sigma = estimate_sigma,
    sigma_floor = max(sigma_floor, .75 * (nodes[2] - nodes[1]))
  )
  if (is_sharded(log_lik)) {
    return(population_over_shards(log_lik, nodes, settings, start))
  }
  fit_population_(
    c(
      settings, list(nodes = nodes, log_lik = log_lik),
      by_pattern(problem, attr(log_lik, "patterns"))
    ),
    start$effects, start$log_sigma, problem$control$threads
  )
}

# What is known of persons by their patterns, or where there are none, of persons.
by_pattern <- function(problem, patterns) {
  list(
    counts = patterns$counts %||% problem$counts,
    design = problem$design[patterns$first %||% TRUE, , drop = FALSE],
    times = patterns$times %||% rep(1, nrow(problem$design))
  )
}

start_population <- function(problem, rms) {
  list(
    effects = c(-log(rms), numeric(ncol(problem$design) - 1)), log_sigma = 0
  )
}

# Persons' posteriors: list(nodes, weight [nodes x persons], log_marginal, mu).
trait_posterior <- function(nodes, log_lik, mu, sigma, threads) {
  patterns <- attr(log_lik, "patterns")
  posterior <- if (is_sharded(log_lik)) {
    posterior_over_shards(log_lik, nodes, mu, sigma)
  } else if (is.null(patterns)) {
    grid_posterior_(nodes, log_lik, mu, sigma, threads)
  } else {
    found <- grid_posterior_(nodes, log_lik, mu[patterns$first], sigma, threads)
    list(
      log_marginal = found$log_marginal[patterns$of],
      weight = found$weight[, patterns$of, drop = FALSE]
    )
  }
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
  population <- fit_population(
    problem, nodes, grid_log_lik(problem, values, nodes), population
  )
  for (round in 1:10) {
    posterior <- posterior_at(problem, values, nodes, population)
    sd <- posterior_summary(posterior)[, "sd"]
    nodes <- trait_nodes(
      posterior$mu, exp(population$log_sigma),
      max(min(sd), .05 * exp(population$log_sigma)), problem$control$nodes
    )
    population <- fit_population(
      problem, nodes, grid_log_lik(problem, values, nodes), population
    )
    settled <- exp(population$log_sigma) > nodes[2] - nodes[1] ||
      exp(population$log_sigma) <= 1.01 * sigma_floor
    if (settled && round > 1) break
  }
  list(
    population = population,
    posterior = posterior_at(problem, values, nodes, population)
  )
}

posterior_at <- function(problem, values, nodes, population) {
  trait_posterior(
    nodes, grid_log_lik(problem, values, nodes),
    drop(problem$design %*% population$effects), exp(population$log_sigma),
    problem$control$threads
  )
}

# Minus the log likelihood, and how often pairs were chosen at the nodes of the trait:
# list(behaviour, counts, and but for shards weight [nodes x patterns]). Persons who are
# stale have the weights of `state`.
at_nodes <- function(problem, state, nodes, log_lik) {
  if (is_sharded(log_lik)) {
    return(nodes_over_shards(log_lik, nodes, state$population, n_pairs(problem$task)))
  }
  those <- by_pattern(problem, attr(log_lik, "patterns"))
  posterior <- grid_posterior_(
    nodes, log_lik, drop(those$design %*% state$population$effects),
    exp(state$population$log_sigma), problem$control$threads
  )
  weight <- posterior$weight
  weight[, state$stale] <- state$weight[, state$stale]
  list(
    behaviour = -sum(those$times * posterior$log_marginal),
    counts = node_counts_(problem$task, those$counts, weight, those$times),
    weight = weight
  )
}
