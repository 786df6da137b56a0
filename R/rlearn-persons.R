# Everybody alone or under a given prior: the searches, their starts, their spread.

fit_ml <- function(problem) {
  box <- search_box(problem$table)
  out <- fit_persons(problem, list(precision = NULL), box, problem$control$starts %||% 6L)
  c(list(persons = out, box = box), list(
    log_lik = sum(out$log_lik[usable(out)]), df = sum(usable(out)) * length(out$names),
    status = joint_status(out)
  ))
}

fit_map <- function(problem, prior) {
  prior <- prior %||% gaussian_prior()
  check_class(prior, "psyrl_prior", "prior", "See gaussian_prior().")
  if (prior$kind == "uniform") return(fit_quadrature(problem, prior))
  prior <- resolve_prior(prior, problem$table)
  box <- wide_box(problem$table)
  out <- fit_persons(problem, core_prior(prior), box, problem$control$starts %||% 3L)
  sampled <- problem$control$evidence == "importance"
  if (sampled) out <- sample_persons(problem, core_prior(prior), out)
  list(
    persons = out, box = box, prior = prior, status = joint_status(out),
    log_lik = sum(out$log_lik[usable(out)]), df = sum(usable(out)) * length(out$names),
    evidence = if (sampled) out$objective else laplace_evidence(out, prior),
    sampled = sampled
  )
}

# Edges of the search for a person alone, on the unconstrained scale: rates within
# 5e-5 of 0 and 1, positive parameters in (6e-6, 1100).
search_box <- function(table) {
  list(
    lower = unname(c(logit = -10, log = -12, identity = -1e3)[table$link]),
    upper = unname(c(logit = 10, log = 7, identity = 1e3)[table$link])
  )
}

wide_box <- function(table) {
  size <- unname(c(logit = 30, log = 30, identity = 1e4)[table$link])
  list(lower = -size, upper = size)
}

# Starts on the unconstrained scale, parameters x starts: the typical values, then
# points of a Halton sequence (or random ones) around them.
start_points <- function(problem, n) {
  table <- problem$table
  d <- nrow(table)
  typical <- as.vector(to_link(matrix(table$typical, 1), table))
  if (n == 1 && problem$control$start == "convex") return(matrix(typical, d, 1))
  unit <- if (problem$control$start == "random") {
    matrix(stats::runif(d * n), d, n)
  } else {
    spread_points(d, n)
  }
  low <- as.vector(to_link(matrix(table$low, 1), table))
  high <- as.vector(to_link(matrix(table$high, 1), table))
  points <- low + unit * (high - low)
  if (problem$control$start == "convex") points[, 1] <- typical
  points
}

# Evenly spread points of the unit cube, a column a point: an additive recurrence
# whose steps are powers of the d-dimensional golden ratio.
spread_points <- function(d, n) {
  ratio <- stats::uniroot(function(x) x^(d + 1) - x - 1, c(1, 2), tol = 1e-12)$root
  (0.5 + outer(ratio^-seq_len(d), seq_len(n))) %% 1
}

core_control <- function(problem, box, n_starts) {
  list(
    n_starts = as.integer(n_starts), starts = start_points(problem, n_starts),
    lower = box$lower, upper = box$upper, person_tolerance = 1e-10,
    person_iterations = 200L
  )
}

# Every person's own start, from the convex relaxations, before the common ones.
add_convex_starts <- function(control, problem) {
  if (problem$control$start != "convex") return(control)
  convex <- convex_start(problem$data, problem$model, problem$threads)
  if (is.null(convex)) return(control)
  own <- t(to_link(convex, problem$table))
  control$starts <- do.call(cbind, lapply(seq_len(ncol(own)), function(j) {
    cbind(own[, j], control$starts)
  }))
  control$n_starts <- control$n_starts + 1L
  control
}

# All persons by themselves; over a cluster in shards, with the same result.
fit_persons <- function(problem, prior, box, n_starts) {
  control <- add_convex_starts(core_control(problem, box, n_starts), problem)
  cluster <- problem$control$cluster
  out <- if (is.null(cluster)) {
    learning_fit_persons_(problem$core, problem$spec, prior, control, problem$threads)
  } else {
    fit_on_cluster(problem, prior, control, cluster)
  }
  finish_persons(out, problem)
}

fit_on_cluster <- function(problem, prior, control, cluster) {
  shards <- parallel::splitIndices(length(problem$data$persons), length(cluster))
  shards <- Filter(length, shards)
  parts <- cluster_lapply(
    cluster, shards, fit_shard, problem = problem[c("data", "model")], prior = prior,
    control = control
  )
  bind <- function(name) do.call(c, lapply(parts, `[[`, name))
  d <- nrow(problem$table)
  n <- length(problem$data$persons)
  list(
    mode = matrix(bind("mode"), d, n), log_lik = bind("log_lik"),
    objective = bind("objective"), curvature = array(bind("curvature"), c(d, d, n)),
    status = bind("status"), iterations = bind("iterations")
  )
}

fit_shard <- function(persons, problem, prior, control) {
  data <- problem$data[persons]
  if (!is.null(prior$mean) && ncol(prior$mean) > 1) {
    prior$mean <- prior$mean[, persons, drop = FALSE]
  }
  if (ncol(control$starts) > control$n_starts) {
    first <- (persons - 1) * control$n_starts
    columns <- as.vector(outer(seq_len(control$n_starts), first, `+`))
    control$starts <- control$starts[, columns, drop = FALSE]
  }
  learning_fit_persons_(
    core_choices(data), model_spec(problem$model, data), prior, control, 1L
  )
}

# Posterior means and evidence by importance sampling around the modes `found`; by the
# seed of the fit, so that the same person always gets the same score.
sample_persons <- function(problem, prior, found) {
  finish_persons(learning_sample_persons_(
    problem$core, problem$spec, prior, found, problem$control$draws, problem$seed,
    problem$threads
  ), problem)
}

# Names, and the spread of each person's estimate on the unconstrained scale.
finish_persons <- function(out, problem) {
  out$names <- problem$table$parameter
  rownames(out$mode) <- out$names
  out
}

usable <- function(persons) is.finite(persons$objective)

joint_status <- function(persons) {
  if (all(persons$status %in% c("converged", "no_progress"))) "converged" else {
    names(sort(table(setdiff(persons$status, "converged")), decreasing = TRUE))[1]
  }
}

# Inverse of the curvature with the prior's precision added; NA where not positive, or
# so flat that nothing is known (an SD of 10,000 on the unconstrained scale).
person_covariance <- function(curvature, precision = 0) {
  d <- dim(curvature)[1]
  out <- apply(curvature, 3, function(a) {
    a <- matrix(a, d, d) + precision
    root <- tryCatch(chol(a), error = function(e) NULL)
    flat <- is.null(root) || any(diag(root) < 1e-4)
    if (flat) matrix(NA_real_, d, d) else chol2inv(root)
  })
  array(out, dim(curvature))
}

# log N-prior evidence by Laplace, a number a person.
laplace_evidence <- function(persons, prior) {
  precision <- solve(prior$cov)
  d <- nrow(precision)
  half <- as.numeric(determinant(precision)$modulus) / 2
  vapply(seq_along(persons$log_lik), function(j) {
    a <- matrix(persons$curvature[, , j], d, d) + precision
    persons$objective[j] + half - as.numeric(determinant(a)$modulus) / 2
  }, 1)
}

# d natural / d unconstrained.
link_slope <- function(u, table) {
  u <- as.matrix(u)
  for (k in seq_len(nrow(table))) {
    u[, k] <- switch(table$link[k],
      identity = 1, log = exp(u[, k]),
      logit = (table$upper[k] - table$lower[k]) * stats::dlogis(u[, k])
    )
  }
  u
}
