# Values learned from behaviour under a penalty of fixed weight, by generalised EM.
#
# A round: the traits given the values (posterior modes, or posteriors on the grid),
# the values given the traits (Newton steps on the penalised likelihood), the
# population. The round is then judged on the full objective,
#
#   joint     sum_j Laplace's -log L_j (at the persons' modes) + penalty
#   marginal  sum_j -log L_j on the grid + penalty
#
# and shortened until that falls: it never rises.

fit_learned <- function(problem) {
  if (uses_free_table(problem)) return(fit_free_table(problem))
  if (uses_evidence(problem)) {
    problem <- settle_residuals(problem)
    stopped <- anyNA(problem$tuning$nll)
    return(if (stopped) stopped_at_start(problem) else fit_held_or_free(problem))
  }
  check_residuals_are_rewards(problem)
  warn_of_open_scale(problem)
  search_values(settle_weights(problem))
}

# Everything about the penalty is a number now.
search_values <- function(problem) {
  problem$penalty <- value_penalty(problem)
  problem$map <- list(
    value = value_links(problem), reward = reward_links(problem)
  )
  best_of_starts(problem)
}

is_free_table <- function(problem) {
  inherits(problem$consistency, "consistency_none")
}

# The penalty on Q as the core takes it.
value_penalty <- function(problem) {
  consistency <- problem$consistency
  free <- is_free_table(problem)
  l2 <- if (is.numeric(problem$value$l2)) problem$value$l2 else 0
  c(residual_rows(problem), list(
    lambda = if (free) 0 else consistency$lambda,
    temperature = if (free) 0 else consistency$temperature,
    backup = if (free) "soft" else consistency$backup,
    cql = if (free) 0 else consistency$cql,
    pair_count = as.double(pair_totals(problem)), l2 = l2,
    reward_l2 = problem$reward$l2 %||% 0
  ))
}

pair_totals <- function(problem) {
  totals <- numeric(length(problem$task$layout$pair_action))
  sums <- rowsum(problem$counts$count, problem$counts$pair)
  totals[as.integer(rownames(sums)) + 1] <- sums
  totals
}

residual_rows <- function(problem) {
  layout <- problem$task$layout
  consistency <- problem$consistency
  n_pairs <- length(layout$pair_action)
  if (is_free_table(problem)) {
    return(list(
      pair = integer(), weight = numeric(), reward = numeric(),
      next_start = 0L, next_state = integer(), probability = numeric()
    ))
  }
  if (consistency$residual == "sample") return(sampled_rows(problem))
  list(
    pair = seq_len(n_pairs) - 1L,
    weight = if (consistency$pairs == "legal") {
      rep(1, n_pairs)
    } else {
      as.double(pair_totals(problem))
    },
    reward = stated_rewards(problem), next_start = layout$next_start,
    next_state = layout$next_state, probability = layout$probability
  )
}

# Learned rewards take the place of whatever the task states.
stated_rewards <- function(problem) {
  consistency <- problem$consistency
  layout <- closed_region(
    problem$task, consistency$temperature, consistency$backup
  )$layout
  layout$reward %||% numeric(length(layout$pair_action))
}

# One row a logged (pair, next state), weighted by how often it was seen; with
# `pairs = "legal"` every seen pair weighs one.
sampled_rows <- function(problem) {
  require_steps(problem$data, "data")
  next_state <- problem$next_state
  known <- !is.na(next_state)
  seen <- stats::aggregate(
    list(count = rep(1, sum(known))),
    list(pair = problem$pair[known], next_state = next_state[known] - 1L), sum
  )
  weight <- as.double(seen$count)
  if (problem$consistency$pairs == "legal") {
    weight <- weight / stats::ave(weight, seen$pair, FUN = sum)
  }
  list(
    pair = as.integer(seen$pair), weight = weight,
    reward = stated_rewards(problem)[seen$pair + 1],
    next_start = seq(0L, nrow(seen)), next_state = as.integer(seen$next_state),
    probability = rep(1, nrow(seen))
  )
}

# Where the search begins: the task's own values, or what people do (and the rewards
# that would make it optimal), as far as the representation can tell; other starts are
# shaken.
starting_state <- function(problem, shaken = FALSE) {
  q <- if (is_free_table(problem) || rewards_are_learned(problem)) {
    log(state_frequencies(problem))
  } else {
    solve_values(
      problem$task, problem$penalty$temperature, problem$task$discount,
      problem$penalty$backup
    )$q
  }
  if (shaken) q <- q + stats::rnorm(length(q), 0, .5 * stats::sd(q))
  if (keeps_unit_rms(problem)) q <- q / identify_(problem$task, q, "center")$rms
  theta <- first_parameters(problem$map$value[1], q, problem$control)
  if (rewards_are_learned(problem)) {
    reward <- implied_rewards(problem, q)
    theta <- c(
      theta, first_parameters(problem$map$reward, reward, problem$control)
    )
  }
  state <- represented(problem, list(theta = theta))
  values <- working_values(problem, state$q)
  nodes <- first_nodes(values$rms)
  population <- fit_population(
    working_problem(problem), nodes, grid_log_lik(problem, values, nodes),
    start_population(problem, values$rms)
  )
  c(state, list(population = population))
}

# Rewards under which these values are consistent.
implied_rewards <- function(problem, q) {
  layout <- problem$task$layout
  v <- back_up_values(problem, q)
  q - problem$task$discount *
    sum_by_pair(layout$probability * v[layout$next_state + 1], layout$next_start)
}

# What the parameters say: the values of all pairs, and learned rewards.
represented <- function(problem, state) {
  x <- represent_(problem$map, state$theta, problem$control$threads)
  values <- seq_len(n_pairs(problem$task))
  state$x <- x
  state$q <- x[values]
  state["reward"] <- list(if (length(x) > length(values)) x[-values])
  state
}

# Nothing but the ridge fixes the scale of a free table: while searching it is
# centred only and mu is 0; the rule of identification is applied at the end.
working_problem <- function(problem) {
  if (is_free_table(problem)) problem$control$mu <- 0
  problem
}

working_values <- function(problem, q) {
  if (is_free_table(problem)) problem$identify <- "center"
  identified(problem, q)
}

# The full objective of a state, with the traits that belong to it.
judge <- function(problem, state) {
  state <- represented(problem, state)
  state$values <- working_values(problem, state$q)
  traits <- if (problem$estimator == "joint") {
    modal_traits(problem, state)
  } else {
    grid_traits(problem, state)
  }
  state <- utils::modifyList(state, traits)
  state$penalty <- penalty_(problem$task, problem$penalty, state$x)
  state$objective <- state$behaviour + state$penalty
  state
}

modal_traits <- function(problem, state) {
  mu <- drop(problem$design %*% state$population$effects)
  sigma <- exp(state$population$log_sigma)
  modes <- person_modes_(
    problem$task, problem$counts, state$values$advantage, mu, sigma
  )
  z <- modes[, "z"]
  if (!is.null(state$stale)) {
    z[state$stale] <- state$mode[state$stale]
    return(traits_at(problem, state, z, mu, sigma))
  }
  precision <- pmax(-modes[, "hessian"], 1e-8)
  list(
    behaviour = sum(-modes[, "log_posterior"] + log(sigma) + log(precision) / 2),
    mode = z, mode_variance = 1 / precision,
    groups = slope_groups(exp(z), problem$counts)
  )
}

# The same where some persons' traits are those of an earlier round; the expected
# information is positive everywhere.
traits_at <- function(problem, state, z, mu, sigma) {
  at <- person_likelihood_(
    problem$task, problem$counts, state$values$advantage, exp(z)
  )
  precision <- at[, "information"] + 1 / sigma^2
  log_posterior <- at[, "log_lik"] - (z - mu)^2 / (2 * sigma^2)
  list(
    behaviour = sum(-log_posterior + log(sigma) + log(precision) / 2),
    mode = z, mode_variance = 1 / precision,
    groups = slope_groups(exp(z), problem$counts)
  )
}

# Decisions that share a slope, as the core takes them.
slope_groups <- function(slope, counts, known = numeric(),
                         known_slope = numeric()) {
  c(
    counts[c("person_start", "pair", "count")],
    list(slope = slope, known = known, known_slope = known_slope)
  )
}

grid_traits <- function(problem, state) {
  # Posteriors of an earlier round are on that round's grid.
  nodes <- if (is.null(state$stale)) first_nodes(state$values$rms) else state$nodes
  traits_on_grid(problem, state, nodes, grid_log_lik(problem, state$values, nodes))
}

traits_on_grid <- function(problem, state, nodes, log_lik) {
  found <- at_nodes(problem, state, nodes, log_lik)
  list(
    behaviour = found$behaviour, log_lik_table = log_lik, nodes = nodes,
    weight = found$weight, groups = slope_groups(exp(nodes), found$counts)
  )
}

# Where nothing but the residual gives values their scale, a larger beta buys likelihood
# round by round: the population then stays that of the task's own values.
holds_population <- function(problem) {
  !is_free_table(problem) && !rewards_are_learned(problem) &&
    problem$consistency$cql == 0 && problem$identify %in% c("center", "none")
}

# Joint: the posterior variances enter sigma, whose update from the modes alone
# would collapse to 0. Marginal: maximum of the marginal likelihood.
updated_population <- function(problem, state) {
  # That of a free scale was updated with the scale (rlmm-scale.R).
  if (is_free_table(problem) || holds_population(problem)) return(state$population)
  updated_traits(problem, state)
}

updated_traits <- function(problem, state) {
  if (problem$estimator == "marginal") {
    return(fit_population(
      problem, state$nodes, state$log_lik_table, state$population
    ))
  }
  fixed <- problem$control[c("mu", "sigma")]
  design <- problem$design
  effects <- if (!ncol(design)) {
    numeric()
  } else if (is.null(fixed$mu)) {
    drop(solve(crossprod(design), crossprod(design, state$mode)))
  } else {
    c(fixed$mu, numeric(ncol(design) - 1))
  }
  spread <- mean(state$mode_variance + (state$mode - drop(design %*% effects))^2)
  list(
    effects = effects,
    log_sigma = log(fixed$sigma %||% max(sqrt(spread), 1e-3))
  )
}

# Identified values in the user's units, posteriors on a grid that suits them.
finish_learned <- function(problem, state, status, trace) {
  learned <- if (rewards_are_learned(problem)) learned_rewards(problem, state)
  if (!is.null(learned)) problem$task <- learned$task
  solution <- back_up_values(problem, state$q)
  values <- identified(problem, state$q, solution)
  population <- state$population
  mode <- state$mode
  if (is_free_table(problem)) {
    shift <- log(state$values$rms / identify_(
      problem$task, values$advantage, "center"
    )$rms)
    population$effects[1] <- population$effects[1] + shift
    if (!is.null(mode)) mode <- mode + shift
  }
  population$status <- status
  free <- is_free_table(problem)
  # The rounds were judged on a common grid; the last word has one that suits.
  posterior <- if (problem$estimator == "marginal" && !free) {
    last <- refine_grid(problem, values, first_nodes(values$rms), population)
    population[c("effects", "log_sigma")] <-
      last$population[c("effects", "log_sigma")]
    last$posterior
  } else {
    settled_posterior(problem, values, population)
  }
  list(
    values = c(values, list(theta = state$theta), if (!free) {
      list(
        residual_sd_relative = sd_of(problem$penalty$lambda) /
          reward_unit(problem, problem$task$discount)
      )
    }),
    population = population, posterior = posterior, mode = mode,
    log_lik = sum(posterior$log_marginal), status = status, trace = trace,
    lambda = problem$penalty$lambda, objective = state$objective,
    task = learned$task, rewards = learned$rewards, tuning = problem$tuning,
    settled = problem$settled,
    representation = function_of_features(problem),
    more_parameters = if (!free) {
      parameter_row(
        c("residual_sd", "temperature", "discount"), "values",
        c("log", "log", "logit"),
        c(
          sd_of(problem$penalty$lambda), problem$penalty$temperature,
          problem$task$discount
        ),
        fixed = !c("lambda", "temperature", "discount") %in% names(problem$settled),
        lower = 0
      )
    }
  )
}

sd_of <- function(lambda) 1 / sqrt(2 * lambda)

back_up_values <- function(problem, q) {
  if (is_free_table(problem)) return(state_maximum(problem$task, q))
  back_up_(problem$task, problem$penalty, q)
}

# Posteriors at a given population, on a grid refined to their width.
settled_posterior <- function(problem, values, population) {
  sigma <- exp(population$log_sigma)
  coarse <- posterior_at(problem, values, first_nodes(values$rms), population)
  nodes <- trait_nodes(
    coarse$mu, sigma, max(min(posterior_summary(coarse)[, "sd"]), .05 * sigma),
    problem$control$nodes
  )
  posterior_at(problem, values, nodes, population)
}

# Rewards learned beside values, with what the task says about which directions of
# them could be identified if the values were consistent.
learned_rewards <- function(problem, state) {
  task <- problem$task
  task$layout$reward <- state$reward
  task["next_reward"] <- list(NULL)
  links <- problem$map$reward
  map <- list(value = list(), reward = links)
  n <- n_parameters_(map)
  theta <- utils::tail(state$theta, n)
  spec <- list(
    map = map, temperature = problem$penalty$temperature,
    backup = problem$penalty$backup, identify = "center",
    threads = problem$control$threads
  )
  slope <- advantage_slope_(task, spec, theta)[, seq_len(n), drop = FALSE]
  known <- identification(crossprod(slope))
  raw <- representation_slope_(map, theta, problem$control$threads)
  unknown <- function(slope) {
    list(std_error = NA_real_, identified = is_identified(known, slope))
  }
  weights <- if (problem$reward$kind == "linear") {
    feature <- colnames(pair_features(task, problem$reward$formula))
    data.frame(feature = feature, weight = theta, unknown(diag(1, n)))
  }
  list(task = task, rewards = list(
    pairs = reward_table_of(problem, state$reward, unknown(raw)),
    weights = weights,
    report = identification_report(problem, known, list(raw_slope = raw))
  ))
}
