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
  if (uses_evidence(problem)) return(fit_by_evidence(problem))
  require_numbers(problem)
  problem$penalty <- value_penalty(problem)
  rounds(problem, starting_state(problem))
}

# What cannot be estimated without the evidence must be a number.
require_numbers <- function(problem) {
  consistency <- problem$consistency
  open <- names(Filter(
    function(x) identical(x, "estimate"), consistency[c("lambda", "temperature")]
  ))
  if (inherits(consistency, "consistency_none")) {
    open <- if (identical(problem$value$l2, "estimate")) "l2"
  }
  if (length(open)) {
    abort_input("consistency", c(
      paste0(
        "With this specification ", quoted(open), " must be a number: only ",
        "`estimator = \"marginal\"` with legal pairs, expected residuals and ",
        "`identify = \"center\"` can estimate it."
      ),
      "For example bellman(lambda = 50, temperature = 0), or q_table(l2 = 1)."
    ))
  }
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
    pair_count = as.double(pair_totals(problem)), l2 = l2
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
    reward = layout$reward, next_start = layout$next_start,
    next_state = layout$next_state, probability = layout$probability
  )
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
    reward = problem$task$layout$reward[seen$pair + 1],
    next_start = seq(0L, nrow(seen)), next_state = as.integer(seen$next_state),
    probability = rep(1, nrow(seen))
  )
}

# Where the search begins: the task's own values, or what people do.
starting_state <- function(problem) {
  q <- if (is_free_table(problem)) {
    log(state_frequencies(problem))
  } else {
    solve_values(
      problem$task, problem$penalty$temperature, problem$task$discount,
      problem$penalty$backup
    )$q
  }
  values <- working_values(problem, q)
  nodes <- first_nodes(values$rms)
  population <- fit_population(
    working_problem(problem), nodes, grid_log_lik(problem, values, nodes),
    start_population(problem, values$rms)
  )
  list(q = q, values = values, population = population)
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

rounds <- function(problem, state) {
  started <- proc.time()[["elapsed"]]
  state <- judge(problem, state)
  rows <- list(round_row(0L, state, NA, 0L, started))
  status <- "max_iterations"
  for (i in seq_len(problem$control$max_iterations)) {
    moved <- interruptible(
      one_round(problem, state), or = list(status = "interrupted")
    )
    if (is.null(moved$state)) {
      status <- moved$status
      break
    }
    gain <- state$objective - moved$state$objective
    state <- moved$state
    rows[[i + 1]] <- round_row(i, state, moved$step, moved$rollbacks, started)
    if (!notify(problem$control, rows[[i + 1]])) {
      status <- "interrupted"
      break
    }
    if (gain < max(problem$control$tolerance, 1e-9 * abs(state$objective))) {
      status <- "converged"
      break
    }
  }
  finish_learned(problem, state, status, do.call(rbind, rows))
}

round_row <- function(i, state, step, rollbacks, started) {
  trace_row(i, state$objective,
    behaviour = state$behaviour, penalty = state$penalty,
    gradient_norm = state$gradient_norm %||% NA_real_, step = step,
    rollbacks = rollbacks, seconds = proc.time()[["elapsed"]] - started
  )
}

# The full objective of a state, with the traits that belong to it.
judge <- function(problem, state) {
  state$values <- working_values(problem, state$q)
  traits <- if (problem$estimator == "joint") {
    modal_traits(problem, state)
  } else {
    grid_traits(problem, state)
  }
  state <- utils::modifyList(state, traits)
  state$penalty <- penalty_(problem$task, problem$penalty, state$q)
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
  precision <- pmax(-modes[, "hessian"], 1e-8)
  list(
    behaviour = sum(-modes[, "log_posterior"] + log(sigma) + log(precision) / 2),
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
  mu <- drop(problem$design %*% state$population$effects)
  sigma <- exp(state$population$log_sigma)
  nodes <- first_nodes(state$values$rms)
  log_lik <- grid_log_lik(problem, state$values, nodes)
  posterior <- trait_posterior(
    nodes, log_lik, mu, sigma, problem$control$threads
  )
  list(
    behaviour = -sum(posterior$log_marginal), log_lik_table = log_lik,
    nodes = nodes,
    groups = slope_groups(
      exp(nodes), node_counts_(problem$task, problem$counts, posterior$weight)
    )
  )
}

# The values' Newton step and the population's update, shortened together until
# the full objective falls.
one_round <- function(problem, state) {
  found <- minimise_penalised_(
    problem$task, state$groups, problem$penalty, state$q,
    list(
      threads = problem$control$threads,
      identify = if (is_free_table(problem)) "center" else problem$identify,
      steps = problem$control$steps
    )
  )
  if (found$status == "interrupted") return(list(status = "interrupted"))
  population <- updated_population(working_problem(problem), state)
  for (halving in 0:12) {
    step <- 2^-halving
    trial <- judge(problem, list(
      q = state$q + step * (found$q - state$q),
      gradient_norm = found$gradient_norm,
      population = between(state$population, population, step)
    ))
    if (is.finite(trial$objective) && trial$objective < state$objective) {
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

# Joint: the posterior variances enter sigma, whose update from the modes alone
# would collapse to 0. Marginal: maximum of the marginal likelihood.
updated_population <- function(problem, state) {
  if (problem$estimator == "marginal") {
    return(fit_population(
      problem, state$nodes, state$log_lik_table, state$population
    ))
  }
  fixed <- problem$control[c("mu", "sigma")]
  design <- problem$design
  effects <- if (is.null(fixed$mu)) {
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
  posterior <- settled_posterior(problem, values, population)
  free <- is_free_table(problem)
  list(
    values = c(values, if (!free) {
      list(
        residual_sd_relative = sd_of(problem$penalty$lambda) /
          reward_unit(problem, problem$task$discount)
      )
    }),
    population = population, posterior = posterior, mode = mode,
    log_lik = sum(posterior$log_marginal), status = status, trace = trace,
    lambda = problem$penalty$lambda,
    more_parameters = if (!free) {
      parameter_row(
        c("residual_sd", "temperature", "discount"), "values",
        c("log", "log", "logit"),
        c(
          sd_of(problem$penalty$lambda), problem$penalty$temperature,
          problem$task$discount
        ),
        fixed = TRUE, lower = 0
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
