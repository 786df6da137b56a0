# Persons' uncertainty where what they share is learned from the same people: the
# arrow-shaped information at the persons' modes. Tables of values and habits are solved
# in the core (src/core/measurement/arrow.h); representations with few parameters, and
# rewards learned exactly, in arrow-represented.R.

# list(person, shared, covariance, z): information about each trait alone, what sharing
# adds to its variance (and between persons, where asked for), modes. Of advantages the
# variances `advantage` (small enough tables), or a `root` whose cross-product is their
# covariance. NULL, with a warning, where the information is not positive definite.
arrow <- function(fit, covariance = FALSE, ...) {
  found <- switch(arrow_kind(fit),
    table = table_arrow(fit, table_setting(fit), covariance, ...),
    habit = over_temperatures(
      table_arrow(fit, habit_setting(fit), covariance, ...), fit
    ),
    represented = represented_arrow(fit, covariance),
    rewards = reward_arrow(fit, covariance)
  )
  if (is.null(found)) {
    warn("hessian", c(
      "The information about what is learned is not positive definite, so the",
      "intervals take it as known. The search may have stopped too early."
    ))
  }
  found
}

# Which arrow there is: "none" where nothing is learned, or too much.
arrow_kind <- function(fit) {
  spec <- fit$spec
  if (!trait_is_log(fit)) return("habit")
  learned <- rewards_are_learned(spec)
  if (inherits(spec$value, c("q_task", "q_known"))) {
    return(if (learned && !is.null(fit$rewards$search)) "rewards" else "none")
  }
  if (inherits(spec$value, "q_table") && is.null(spec$value$tie) && !learned) {
    return("table")
  }
  n <- length(fit$values$theta)
  if (n > 0 && n <= identification_limit) "represented" else "none"
}

has_arrow <- function(fit) arrow_kind(fit) != "none"

# `values`: covariances between advantages are wanted. As many pairs as
# `max_dense_pairs` have a dense information.
table_arrow <- function(fit, setting, covariance, values = FALSE,
                        dense_pairs = max_dense_pairs) {
  found <- arrow_(
    setting$task, setting$people, setting$penalty, setting$q, setting$population,
    list(
      threads = fit$control$threads, identify = setting$rule,
      offset = setting$offset, covariance = covariance, values = values,
      dense_pairs = as.integer(dense_pairs)
    )
  )
  if (found$positive) c(found, list(z = setting$z + setting$shift))
}

max_dense_pairs <- 2500

table_setting <- function(fit) at_modes(fit, searched_values(fit))

# Persons at their modes under the searched values: adds people, population, z.
at_modes <- function(fit, setting) {
  sigma <- coef(fit)[["sigma"]]
  mu <- prior_mean(fit) - setting$shift
  setting$advantage <- identify_(setting$task, setting$q, setting$rule)$advantage
  modes <- person_modes_(setting$task, fit$counts, setting$advantage, mu, sigma)
  setting$z <- modes[, "z"]
  setting$people <- slope_groups(exp(setting$z), fit$counts)
  setting$population <- arrow_population(
    fit, setting$z, -modes[, "hessian"], mu, setting$free_mu
  )
  setting
}

# The shared table is the habit, under its ridge; slopes stand at their means.
habit_setting <- function(fit) {
  moments <- posterior_summary(fit$posterior)
  z <- moments[, "mean"]
  habit <- fit$values$habit
  list(
    task = fit$task, q = habit, rule = "none", offset = numeric(length(habit)),
    penalty = habit_penalty(problem_of(fit), 1 / coef(fit)[["habit_sd"]]^2),
    people = slope_groups(
      rep(1, length(z)), fit$counts, fit$values$advantage, z
    ),
    population = arrow_population(
      fit, z, 1 / moments[, "sd"]^2, prior_mean(fit), free_mu = TRUE
    ),
    z = z, shift = 0
  )
}

# The task, values and penalty in which the search was made, and what it takes from
# there to the reported scale: `shift` of log beta and its gradient, `offset`.
searched_values <- function(fit) {
  problem <- problem_of(fit)
  free <- is_free_table(problem)
  setting <- if (is.null(fit$engine)) {
    list(
      task = fit$task, q = fit$values$q, penalty = value_penalty(problem),
      free_mu = !free || identical(problem$value$l2, "estimate")
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
  if (!is.null(fit$values$ridge)) {
    setting$penalty$l2 <- fit$values$ridge * exp(-2 * setting$shift)
  }
  setting
}

# What the evidence held its values to, as a penalty.
engine_setting <- function(problem, engine) {
  task <- evidence_task(problem$task, problem$consistency)
  layout <- task$layout
  reward <- layout$reward
  task$discount <- engine$discount
  if (engine$spec$residual_as == "value") {
    # A residual of a value is one of a reward that nothing follows.
    reward <- engine$q - engine$delta
    task$discount <- 0
  }
  list(
    task = task, q = engine$q, free_mu = TRUE,
    penalty = list(
      pair = seq_along(layout$pair_action) - 1L,
      weight = rep(1, length(layout$pair_action)), reward = reward,
      next_start = layout$next_start, next_state = layout$next_state,
      probability = layout$probability, lambda = engine$lambda,
      temperature = engine$temperature,
      backup = problem$consistency$backup %||% "soft", cql = 0,
      pair_count = numeric(length(layout$pair_action)), l2 = 0, reward_l2 = 0
    )
  )
}

# The population's part of the arrow: effects and log sigma, those that are free.
# `precision` is that of each trait, its prior included.
arrow_population <- function(fit, z, precision, mu, free_mu) {
  x <- fit$design
  sigma <- coef(fit)[["sigma"]]
  t <- (z - mu) / sigma
  v <- 1 / (pmax(precision, 1e-8) * sigma^2)
  between <- colSums(2 * t * x) / sigma
  information <- rbind(
    cbind(crossprod(x) / sigma^2, between),
    c(between, sum(2 * (t^2 + v) - 2 * v^2))
  )
  free <- c(
    rep(free_mu && is.null(fit$control$mu), ncol(x)), is.null(fit$control$sigma)
  )
  list(
    precision = rep(1 / sigma^2, nrow(x)),
    information = unname(information[free, free, drop = FALSE]),
    cross = unname(population_cross(fit, z, mu)[free, , drop = FALSE])
  )
}

# Information about effects and log sigma together with each trait.
population_cross <- function(fit, z, mu) {
  sigma <- coef(fit)[["sigma"]]
  cross <- rbind(-t(fit$design) / sigma^2, -2 * (z - mu) / sigma^2)
  rownames(cross) <- c(colnames(fit$design), "sigma")
  cross
}
