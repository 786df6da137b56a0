# Persons' uncertainty where tables of values are learned from the same people: the
# arrow-shaped information at the persons' modes (src/core/measurement/arrow.h).

# list(person, shared, advantage, border, z): information about each trait alone, what
# sharing adds to its variance, variances of advantages (where there are few enough
# pairs), covariance of the population's parameters, modes.
arrow <- function(fit, covariance = FALSE, dense_pairs = 2500) {
  setting <- arrow_setting(fit)
  sigma <- coef(fit)[["sigma"]]
  mu <- prior_mean(fit) - setting$shift
  advantage <- identify_(setting$task, setting$q, setting$rule)$advantage
  modes <- person_modes_(setting$task, fit$counts, advantage, mu, sigma)
  found <- arrow_(
    setting$task, slope_groups(exp(modes[, "z"]), fit$counts), setting$penalty,
    setting$q, arrow_population(fit, modes, mu, sigma, setting$free_mu),
    list(
      threads = fit$control$threads, identify = setting$rule,
      offset = setting$offset, covariance = covariance,
      dense_pairs = as.integer(dense_pairs)
    )
  )
  if (!found$positive) {
    warn("hessian", c(
      "The information about the learned values is not positive definite, so the",
      "intervals take them as known. The search may have stopped too early."
    ))
    return(NULL)
  }
  c(found, list(z = modes[, "z"] + setting$shift))
}

has_arrow <- function(fit) {
  inherits(fit$spec$value, "q_table") && is.null(fit$spec$value$tie) &&
    !rewards_are_learned(fit$spec) && trait_is_log(fit)
}

# The task, values and penalty in which the search was made, and what it takes from
# there to the reported scale: `shift` of log beta and its gradient, `offset`.
arrow_setting <- function(fit) {
  problem <- problem_of(fit)
  free <- is_free_table(problem)
  setting <- if (is.null(fit$engine)) {
    list(
      task = fit$task, q = fit$values$q, penalty = value_penalty(problem),
      free_mu = !free
    )
  } else {
    engine_setting(problem, fit$engine)
  }
  # Free tables, and all values of the evidence, are centred while searched for.
  centred <- free || !is.null(fit$engine)
  setting$rule <- if (centred) "center" else fit$spec$identify
  setting$shift <- 0
  setting$offset <- numeric(length(setting$q))
  if (centred && fit$spec$identify %in% c("global_rms", "state_rms")) {
    found <- identify_(setting$task, setting$q, "center")
    n_legal <- diff(setting$task$layout$state_start)
    setting$shift <- log(found$rms / fit$values$rms)
    setting$offset <- found$advantage / (sum(n_legal[n_legal > 1]) * found$rms^2)
  }
  setting
}

# What the evidence held its values to, as a penalty.
engine_setting <- function(problem, engine) {
  task <- evidence_question(problem)$task
  task$discount <- engine$discount
  layout <- task$layout
  list(
    task = task, q = engine$q, free_mu = TRUE,
    penalty = list(
      pair = seq_along(layout$pair_action) - 1L,
      weight = rep(1, length(layout$pair_action)), reward = layout$reward,
      next_start = layout$next_start, next_state = layout$next_state,
      probability = layout$probability, lambda = engine$lambda,
      temperature = engine$temperature,
      backup = problem$consistency$backup %||% "soft", cql = 0,
      pair_count = numeric(length(layout$pair_action)), l2 = 0, reward_l2 = 0
    )
  )
}

# The population's part of the arrow: effects and log sigma, those that are free.
arrow_population <- function(fit, modes, mu, sigma, free_mu) {
  x <- fit$design
  t <- (modes[, "z"] - mu) / sigma
  v <- 1 / (pmax(-modes[, "hessian"], 1e-8) * sigma^2)
  between <- colSums(2 * t * x) / sigma
  information <- rbind(
    cbind(crossprod(x) / sigma^2, between),
    c(between, sum(2 * (t^2 + v) - 2 * v^2))
  )
  cross <- rbind(-t(x) / sigma^2, -2 * t / sigma)
  free <- c(
    rep(free_mu && is.null(fit$control$mu), ncol(x)), is.null(fit$control$sigma)
  )
  list(
    precision = rep(1 / sigma^2, nrow(x)),
    information = unname(information[free, free, drop = FALSE]),
    cross = unname(cross[free, , drop = FALSE])
  )
}
