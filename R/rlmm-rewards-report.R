# What a fit of learned rewards says: values and rewards in the user's units, their
# standard errors, what the data identify.

# In the user's units: rewards as anchored, or such that values have unit root mean
# square.
finish_rewards <- function(problem, run) {
  at <- run$at
  unscaled <- identified(search_rule(problem), at$q)
  scale <- if (settled_by_rms(problem)) centred_rms(problem$task, at$q) else 1
  problem$task <- at_discount(problem$task, at$discount)
  problem$task$layout$reward <- at$reward / scale
  problem$task["next_reward"] <- list(NULL)
  values <- identified(problem, at$q / scale, at$v / scale,
    temperature = at$temperature / scale, discount = at$discount
  )
  shift <- log(unscaled$rms / values$rms)
  population <- list(
    effects = at$effects + c(shift, numeric(length(at$effects) - 1)),
    log_sigma = at$log_sigma, status = run$status
  )
  posterior <- settled_posterior(problem, values, population)
  inference <- reward_inference(problem, at, scale, shift != 0)
  c(
    list(
      values = values, population = population, posterior = posterior,
      log_lik = sum(posterior$log_marginal), status = run$status,
      trace = run$trace, task = problem$task
    ),
    inference
  )
}

centred_rms <- function(task, q) {
  rms <- identify_(task, q, "center")$rms
  if (rms > 0) rms else 1
}

# Parameters of the fit, their covariance and the learned rewards with their standard
# errors: list(more_parameters, vcov, rewards).
reward_inference <- function(problem, at, scale, shifted) {
  if (length(at$theta) > identification_limit) {
    return(unexamined_rewards(problem, at, scale))
  }
  information <- reward_information(problem, at)
  known <- identification(information)
  if (!known$is_minimum) known <- structural_identification(problem, at, information)
  map <- reported_rewards(problem, at, scale, colnames(information))
  rows <- function(slope) {
    list(
      std_error = spread_along(known, slope),
      identified = is_identified(known, slope)
    )
  }
  pairs <- rows(map$reward_slope)
  population <- reported_population(problem, map, shifted)
  weights <- if (problem$reward$kind == "linear") {
    c(list(feature = map$feature, weight = map$weight), rows(map$weight_slope))
  }
  vcov <- covariance_along(known, rbind(population, map$weight_slope))
  list(
    vcov = vcov,
    more_parameters = rbind(
      if (!is.null(weights)) {
        parameter_row(rownames(map$weight_slope), "rewards", "identity", weights$weight)
      },
      planning_rows(problem, at, scale)
    ),
    rewards = list(
      pairs = reward_table_of(problem, map$reward, pairs),
      weights = if (!is.null(weights)) as.data.frame(weights),
      report = identification_report(problem, known, map),
      search = list(
        at = at[c(
          "theta", "effects", "log_sigma", "temperature", "discount", "nodes",
          "reward", "q"
        )],
        scale = problem$scale, unit = scale, open = problem$open
      )
    )
  )
}

# Too many parameters to look into.
unexamined_rewards <- function(problem, at, scale) {
  list(
    vcov = matrix(0, 0, 0, dimnames = list(character(), character())),
    more_parameters = planning_rows(problem, at, scale),
    rewards = list(pairs = reward_table_of(problem, at$reward / scale, list(
      std_error = NA_real_, identified = NA
    )))
  )
}

# Where the likelihood has no curvature to go by, such as in a kink: what could be
# identified, by the slope of the advantages; without standard errors.
structural_identification <- function(problem, at, information) {
  warn("hessian", c(
    "The information about the rewards is not positive definite, so they have no",
    "standard errors. Did the search converge? A backup with temperature > 0 is smooth."
  ))
  names <- colnames(information)
  slope <- advantage_slope_(
    at_discount(problem$task, at$discount), reward_spec(problem, at), at$theta
  )
  colnames(slope) <- c(rep("reward", length(at$theta)), "temperature", "discount")
  structure <- diag(length(names))
  shared <- names %in% colnames(slope)
  structure[shared, shared] <- crossprod(slope[, colnames(slope) %in% names])
  utils::modifyList(identification(structure), list(is_minimum = FALSE))
}

planning_rows <- function(problem, at, scale) {
  free <- free_planning(problem) %||% c(temperature = FALSE, discount = FALSE)
  parameter_row(
    c("temperature", "discount"), "values", c("log", "logit"),
    c(at$temperature / scale, at$discount),
    fixed = unname(!free), lower = 0, upper = c(Inf, 1)
  )
}

# Minus the second derivatives of the log-likelihood in (theta, mu ..., log sigma,
# log temperature, logit discount), of what is estimated.
reward_information <- function(problem, at) {
  spec <- reward_spec(problem, at)
  names <- c(
    rep("reward", length(at$theta)), colnames(problem$design), "sigma"
  )
  keep <- c(
    rep(TRUE, length(at$theta)),
    rep(spec$estimate_mu, length(at$effects)),
    spec$estimate_sigma && exp(at$log_sigma) > 1.02 * spec$sigma_floor
  )
  directions <- diag(length(names))[, keep, drop = FALSE]
  products <- evaluated_rewards(problem, at, directions)$products
  information <- products[keep, , drop = FALSE]
  dimnames(information) <- list(names[keep], names[keep])
  free <- free_planning(problem)
  for (name in names(free)[free]) {
    information <- bordered(problem, at, information, keep, name)
  }
  (information + t(information)) / 2
}

# The information with temperature or discount added: differences of the exact
# gradient on the link scale.
bordered <- function(problem, at, information, keep, name) {
  h <- 1e-2
  gradient <- function(step) {
    moved <- at
    if (name == "temperature") {
      moved$temperature <- at$temperature * exp(step)
    } else {
      moved$discount <- stats::plogis(stats::qlogis(at$discount) + step)
    }
    found <- evaluated_rewards(problem, moved)
    planning <- c(
      temperature = moved$temperature * found$temperature,
      discount = moved$discount * (1 - moved$discount) * found$discount
    )
    c(found$gradient[keep], planning)
  }
  # Four points: what is not identified must come out as zero, not as noise.
  column <- (8 * (gradient(h) - gradient(-h)) - gradient(2 * h) + gradient(-2 * h)) /
    (12 * h)
  before <- intersect("temperature", colnames(information))
  cross <- c(
    column[seq_len(nrow(information) - length(before))], column[before]
  )
  out <- rbind(cbind(information, cross), c(cross, column[name]))
  dimnames(out) <- rep(list(c(colnames(information), name)), 2)
  out
}

# Rewards as they are reported and their derivative in the parameters `names`; with a
# free scale c(theta) the derivative of 1 / c is part of it.
reported_rewards <- function(problem, at, scale, names) {
  n <- length(at$theta)
  theta <- seq_len(n)
  log_scale <- scale_slope(problem, at, names)
  map <- problem$map
  slope <- matrix(0, length(at$reward), length(names))
  slope[, theta] <- representation_slope_(map, at$theta, problem$control$threads)
  scaled <- function(slope, value) {
    if (!settled_by_rms(problem)) return(slope)
    slope / scale - outer(value / scale, log_scale)
  }
  weight_slope <- if (problem$reward$kind == "linear") {
    raw <- diag(1, n, length(names))
    rownames(raw) <- paste0(
      "reward:", colnames(pair_features(problem$task, problem$reward$formula))
    )
    scaled(raw, at$theta)
  }
  list(
    reward = at$reward / scale, reward_slope = scaled(slope, at$reward),
    raw_slope = slope, weight = at$theta / scale, weight_slope = weight_slope,
    feature = sub("^reward:", "", rownames(weight_slope)),
    log_scale = log_scale
  )
}

# Derivative of the log root mean square of the centred values.
scale_slope <- function(problem, at, names) {
  spec <- reward_spec(problem, at)
  spec$identify <- "center"
  slope <- advantage_slope_(
    at_discount(problem$task, at$discount), spec, at$theta
  )
  advantage <- identify_(problem$task, at$q, "center")$advantage
  found <- drop(advantage %*% slope) / max(sum(advantage^2), 1e-300)
  n <- length(at$theta)
  out <- stats::setNames(numeric(length(names)), names)
  out[seq_len(n)] <- found[seq_len(n)]
  if ("temperature" %in% names) out["temperature"] <- found[n + 1] * at$temperature
  if ("discount" %in% names) {
    out["discount"] <- found[n + 2] * at$discount * (1 - at$discount)
  }
  out
}

# Derivatives of the reported population and planning parameters on their link scales.
reported_population <- function(problem, map, shifted) {
  names <- names(map$log_scale)
  own <- setdiff(names, "reward")
  mu_moves <- shifted && settled_by_rms(problem)
  rows <- union(if (mu_moves) "mu", own)
  slope <- matrix(0, length(rows), length(names), dimnames = list(rows, NULL))
  for (name in own) slope[name, match(name, names)] <- 1
  if (mu_moves) slope["mu", ] <- slope["mu", ] + map$log_scale
  if (settled_by_rms(problem) && "temperature" %in% own) {
    slope["temperature", ] <- slope["temperature", ] - map$log_scale
  }
  slope
}

reward_table_of <- function(problem, reward, spread) {
  pairs <- task_pairs(problem$task)
  data.frame(
    state = problem$task$states[pairs$state],
    action = problem$task$actions[pairs$action],
    reward = reward, spread
  )
}
