# Fitting learning models: per person, with a prior, or hierarchically.

#' Fit a learning model
#'
#' Estimates how each person learns and chooses. All search is on an unconstrained
#' scale (logit of (0, 1), log of positive parameters), with exact gradients and
#' Hessians; results come on the natural scale, intervals are made on the
#' unconstrained scale and mapped back.
#'
#' * `"ml"`: each person alone, best of several starts. Parameters at the edge of
#'   their range are flagged.
#' * `"map"`: each person with a Gaussian prior (or a uniform box, by quadrature).
#' * `"hierarchical"`: the prior's mean, with covariates, and covariance are estimated
#'   too. The marginal likelihood by Laplace's approximation is maximised by Newton's
#'   method with its exact Hessian, which also gives the standard errors of the
#'   group's parameters; `rlearn_control(algorithm = "em")` stops at the fixed point
#'   of the EM algorithm instead (Huys et al. 2011). Persons' intervals carry the
#'   uncertainty of the group.
#'
#' @param data [choices()].
#' @param model A model, see [rescorla_wagner()] and [rl_models()].
#' @param estimator See above.
#' @param persons Covariates of the group mean on the unconstrained scale: a one-sided
#'   formula for all parameters, or a named list of formulas (`list(alpha = ~ age)`),
#'   looked up among the columns of `data` that are constant within person and in
#'   `rlearn_control(persons = )`.
#' @param prior For `"map"`: [gaussian_prior()] (default: mean at the registry's
#'   typical values, SD 1.5) or [uniform_prior()].
#' @param control [rlearn_control()].
#' @return An object of class `c("rlearn", "psyrl_fit")`. See [persons()],
#'   `coef()`, `vcov()`, `confint()`, `logLik()`, `anova()`, `predict()`, [values()],
#'   `simulate()`, [heldout()], [cross_validate()], [reliability()], [bootstrap()],
#'   [criterion_cor()], [compare()], [posterior_predictive()], `plot()`.
#' @examples
#' set.seed(1)
#' task <- bandit_task(persons = 10, trials = 60)
#' data <- simulate(rescorla_wagner(), design = task)
#' fit <- rlearn(data, rescorla_wagner())
#' fit
#' persons(fit)
#' @export
rlearn <- function(data, model = rescorla_wagner(),
                   estimator = c("hierarchical", "map", "ml"), persons = ~ 1,
                   prior = NULL, control = rlearn_control()) {
  call <- match.call()
  estimator <- check_choice(estimator, c("hierarchical", "map", "ml"), "estimator")
  check_model(model, data)
  check_class(control, "psyrl_rlearn_control", "control", "See rlearn_control().")
  if (nrow(data$trials) == 0) abort_input("data", "`data` must have trials.")
  spec <- model_spec(model, data)
  problem <- list(
    data = data, core = core_choices(data), model = model, spec = spec,
    table = spec$table, control = control, threads = resolve_threads(control$threads)
  )
  seed <- draw_seed()
  fit <- switch(estimator,
    ml = fit_ml(problem), map = fit_map(problem, prior),
    hierarchical = fit_hierarchical(problem, persons)
  )
  new_rlearn(fit, problem, estimator, call, seed)
}

#' Control of [rlearn()]
#'
#' @param start Where searches start: `"convex"` uses the convex relaxation for
#'   [forgetting_bandit()] models and the registry's typical values for others;
#'   `"random"` draws starts inside the registry's ranges.
#' @param starts Number of starts a person (default: 6 for `"ml"`, 3 for `"map"`, 2
#'   for the first round of `"hierarchical"`).
#' @param covariance Covariance of persons: `"full"` or `"diagonal"`.
#' @param algorithm `"newton"` maximises the Laplace marginal likelihood, `"em"`
#'   iterates EM to its fixed point.
#' @param evidence `"laplace"`, or `"importance"`: the log-likelihood of the final fit
#'   is also estimated by importance sampling for every person (`draws` each).
#' @param draws Draws of importance sampling.
#' @param tolerance On the log marginal likelihood.
#' @param max_iterations Of the group's search.
#' @param threads Threads; results do not depend on them.
#' @param cluster Cluster of the parallel package, over which persons are split for
#'   `"ml"` and `"map"`.
#' @param persons Data frame of covariates with a column `person`.
#' @param callback Function called with the fit's trace at the end.
#' @param verbose Print what is done.
#' @param ... Nothing: unknown names are an error.
#' @return A list of class `psyrl_rlearn_control`.
#' @export
rlearn_control <- function(start = c("convex", "random"), starts = NULL,
                           covariance = c("full", "diagonal"),
                           algorithm = c("newton", "em"),
                           evidence = c("laplace", "importance"), draws = 1000,
                           tolerance = 1e-7, max_iterations = 100, threads = NULL,
                           cluster = NULL, persons = NULL, callback = NULL,
                           verbose = FALSE, ...) {
  check_dots_empty(..., what = "rlearn_control()")
  structure(
    list(
      start = check_choice(start, c("convex", "random"), "start"),
      starts = if (!is.null(starts)) check_count(starts, "starts"),
      covariance = check_choice(covariance, c("full", "diagonal"), "covariance"),
      algorithm = check_choice(algorithm, c("newton", "em"), "algorithm"),
      evidence = check_choice(evidence, c("laplace", "importance"), "evidence"),
      draws = check_count(draws, "draws"),
      tolerance = check_number(tolerance, "tolerance", lower = 0),
      max_iterations = check_count(max_iterations, "max_iterations"),
      threads = threads, cluster = cluster,
      persons = if (!is.null(persons)) check_data_frame(persons, "persons", "person"),
      callback = callback, verbose = check_flag(verbose, "verbose")
    ),
    class = "psyrl_rlearn_control"
  )
}

#' Priors of persons' parameters
#'
#' @param mean,cov Mean vector (named by parameter, or in the model's order) and
#'   covariance matrix on the unconstrained scale. `mean = NULL`: the registry's typical
#'   values; `cov` a number: that variance for all, independent.
#' @return An object of class `psyrl_prior`.
#' @export
gaussian_prior <- function(mean = NULL, cov = 1.5^2) {
  if (!is.null(mean) && !is.numeric(mean)) {
    abort_input("mean", paste0("`mean` must be numeric, not ", describe(mean), "."))
  }
  if (!is.numeric(cov) || anyNA(cov)) {
    abort_input("cov", paste0("`cov` must be numeric, not ", describe(cov), "."))
  }
  structure(list(kind = "gaussian", mean = mean, cov = cov), class = "psyrl_prior")
}

#' @rdname gaussian_prior
#' @param lower,upper Named vectors: a uniform prior on a box on the natural scale; the
#'   posterior mean is found by quadrature, for models of one or two parameters.
#' @export
uniform_prior <- function(lower, upper) {
  ok <- is.numeric(lower) && is.numeric(upper) && length(lower) == length(upper) &&
    !is.null(names(lower)) && setequal(names(lower), names(upper)) &&
    all(lower < upper[names(lower)]) && all(is.finite(c(lower, upper)))
  if (!ok) {
    abort_input("lower", paste(
      "`lower` and `upper` must be finite, named by parameter, with lower < upper."
    ))
  }
  structure(
    list(kind = "uniform", lower = lower, upper = upper[names(lower)]),
    class = "psyrl_prior"
  )
}

#' @export
print.psyrl_prior <- function(x, ...) {
  if (x$kind == "uniform") {
    cat("Uniform prior (natural scale)\n")
    print(rbind(lower = x$lower, upper = x$upper))
  } else {
    cat("Gaussian prior on the unconstrained scale; mean:",
        if (is.null(x$mean)) "typical values" else format(x$mean, digits = 3),
        "; SD:", format(sqrt(diag(as.matrix(x$cov))), digits = 3), "\n")
  }
  invisible(x)
}

# ---- per person --------------------------------------------------------------

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
  list(
    persons = out, box = box, prior = prior, status = joint_status(out),
    log_lik = sum(out$log_lik[usable(out)]), df = sum(usable(out)) * length(out$names),
    evidence = laplace_evidence(out, prior)
  )
}

# Mean and covariance in the model's order.
resolve_prior <- function(prior, table) {
  d <- nrow(table)
  mean <- prior$mean
  if (is.null(mean)) mean <- as.vector(to_link(matrix(table$typical, 1), table))
  if (!is.null(names(mean))) {
    if (!setequal(names(mean), table$parameter)) {
      abort_input("prior", paste0(
        "The prior's mean must name the parameters ", quoted(table$parameter), "."
      ))
    }
    mean <- mean[table$parameter]
  }
  cov <- prior$cov
  if (length(cov) == 1) cov <- diag(as.numeric(cov), d)
  if (is.null(dim(cov)) && length(cov) == d) cov <- diag(cov, d)
  ok <- length(mean) == d && identical(dim(cov), c(d, d)) && isSymmetric(unname(cov)) &&
    all(eigen(cov, TRUE, TRUE)$values > 0)
  if (!ok) {
    abort_input("prior", paste0(
      "The prior needs a mean of ", d, " numbers and a positive definite ", d, " x ",
      d, " covariance, for ", quoted(table$parameter), "."
    ))
  }
  if (!is.null(rownames(prior$cov)) && setequal(rownames(cov), table$parameter)) {
    cov <- cov[table$parameter, table$parameter]
  }
  gaussian_prior(stats::setNames(as.vector(mean), table$parameter), unname(cov))
}

core_prior <- function(prior) {
  list(mean = matrix(prior$mean, ncol = 1), precision = solve(prior$cov))
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
    matrix(halton(n * d, 2L), d, n)
  }
  low <- as.vector(to_link(matrix(table$low, 1), table))
  high <- as.vector(to_link(matrix(table$high, 1), table))
  points <- low + unit * (high - low)
  if (problem$control$start == "convex") points[, 1] <- typical
  points
}

halton <- function(n, base) {
  vapply(seq_len(n), function(i) {
    f <- 1
    x <- 0
    while (i > 0) {
      f <- f / base
      x <- x + f * (i %% base)
      i <- i %/% base
    }
    x
  }, 1)
}

core_control <- function(problem, box, n_starts) {
  starts <- start_points(problem, n_starts)
  convex <- convex_starts(problem)
  if (!is.null(convex)) {
    # The convex start beside the common ones, for every person.
    n <- length(problem$data$persons)
    starts <- do.call(cbind, lapply(seq_len(n), function(j) {
      cbind(convex[, j], starts)
    }))
    n_starts <- n_starts + 1L
  }
  list(
    n_starts = as.integer(n_starts), starts = starts, lower = box$lower,
    upper = box$upper, person_tolerance = 1e-10, person_iterations = 200L
  )
}

# Starts from the convex relaxation, parameters x persons; NULL for other families.
convex_starts <- function(problem) NULL

# All persons by themselves; over a cluster in shards, with the same result.
fit_persons <- function(problem, prior, box, n_starts) {
  control <- core_control(problem, box, n_starts)
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

# Inverse of the curvature with the prior's precision added; NA where not positive.
person_covariance <- function(curvature, precision = 0) {
  d <- dim(curvature)[1]
  out <- apply(curvature, 3, function(a) {
    a <- matrix(a, d, d) + precision
    root <- tryCatch(chol(a), error = function(e) NULL)
    if (is.null(root)) matrix(NA_real_, d, d) else chol2inv(root)
  })
  array(out, dim(curvature))
}

# log N-prior evidence by Laplace, a number a person.
laplace_evidence <- function(persons, prior, mean = NULL) {
  precision <- solve(prior$cov)
  d <- nrow(precision)
  half <- as.numeric(determinant(precision)$modulus) / 2
  vapply(seq_along(persons$log_lik), function(j) {
    a <- matrix(persons$curvature[, , j], d, d) + precision
    persons$objective[j] + half - as.numeric(determinant(a)$modulus) / 2
  }, 1)
}

# Posterior mean under a uniform box, by Gauss-Legendre quadrature on the natural
# scale: models of one or two parameters.
fit_quadrature <- function(problem, prior, nodes = 40) {
  table <- problem$table
  d <- nrow(table)
  if (d > 2 || !setequal(names(prior$lower), table$parameter)) {
    abort_input("prior", paste0(
      "A uniform prior is integrated by quadrature: it must name the parameters of a ",
      "model with one or two, not ", quoted(table$parameter), "."
    ))
  }
  rule <- legendre(nodes)
  lower <- prior$lower[table$parameter]
  upper <- prior$upper[table$parameter]
  axes <- lapply(seq_len(d), function(k) lower[k] + (upper[k] - lower[k]) * rule$x)
  grid <- as.matrix(expand.grid(axes))
  weight <- log(Reduce(`*`, expand.grid(rep(list(rule$w), d))))
  n <- length(problem$data$persons)
  log_lik <- vapply(seq_len(nrow(grid)), function(g) {
    learning_log_lik_(
      problem$core, problem$spec, matrix(grid[g, ], d, n), 0L,
      list(threads = problem$threads, link = FALSE)
    )$value
  }, numeric(n))
  log_lik <- matrix(log_lik, n)
  joint <- sweep(log_lik, 2, weight, `+`)
  top <- apply(joint, 1, max)
  evidence <- top + log(rowSums(exp(joint - top)))
  posterior <- exp(joint - evidence)
  quadrature_result(problem, prior, grid, posterior, evidence)
}

quadrature_result <- function(problem, prior, grid, posterior, evidence) {
  table <- problem$table
  d <- nrow(table)
  n <- nrow(posterior)
  mean <- posterior %*% grid
  covariance <- vapply(seq_len(n), function(j) {
    centred <- sweep(grid, 2, mean[j, ])
    crossprod(centred * posterior[j, ], centred)
  }, matrix(0, d, d))
  at <- learning_log_lik_(
    problem$core, problem$spec, t(mean), 0L,
    list(threads = problem$threads, link = FALSE)
  )$value
  slope <- t(link_slope(to_link(mean, table), table))
  scaled <- vapply(seq_len(n), function(j) {
    matrix(covariance, d * d)[, j] / as.vector(slope[, j] %o% slope[, j])
  }, numeric(d * d))
  persons <- list(
    mode = t(to_link(mean, table)), log_lik = at, objective = evidence,
    covariance = array(scaled, c(d, d, n)), curvature = array(NA_real_, c(d, d, n)),
    status = rep("converged", n), iterations = rep(0L, n), names = table$parameter
  )
  list(
    persons = persons, box = wide_box(table), prior = prior, evidence = evidence,
    log_lik = sum(at), df = n * d, status = "converged"
  )
}

# Nodes and weights on (0, 1) by the Golub-Welsch eigenproblem.
legendre <- function(n) {
  i <- seq_len(n - 1)
  off <- i / sqrt(4 * i^2 - 1)
  jacobi <- matrix(0, n, n)
  jacobi[cbind(i, i + 1)] <- jacobi[cbind(i + 1, i)] <- off
  e <- eigen(jacobi, symmetric = TRUE)
  list(x = (e$values + 1) / 2, w = e$vectors[1, ]^2)
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

# ---- hierarchical ------------------------------------------------------------

fit_hierarchical <- function(problem, formula) {
  table <- problem$table
  d <- nrow(table)
  design <- group_design(problem, formula)
  typical <- as.vector(to_link(matrix(table$typical, 1), table))
  coefficients <- ifelse(design$intercept, typical[design$owner], 0)
  control <- core_control(problem, wide_box(table), problem$control$starts %||% 2L)
  control <- c(control, list(
    tolerance = problem$control$tolerance,
    max_iterations = problem$control$max_iterations,
    em_only = problem$control$algorithm == "em"
  ))
  out <- learning_hierarchical_(
    problem$core, problem$spec,
    list(
      x = design$x, owner = design$owner - 1L,
      diagonal = problem$control$covariance == "diagonal",
      prior = list(mean = matrix(typical, d, 1), precision = diag(d) / 1.5^2),
      coefficients = coefficients, covariance = diag(d)
    ),
    control, problem$threads
  )
  hierarchical_result(out, problem, design)
}

# The group's design: X with a column a coefficient, and the parameter it belongs to.
group_design <- function(problem, formula) {
  names <- problem$table$parameter
  formulas <- if (inherits(formula, "formula")) {
    stats::setNames(rep(list(formula), length(names)), names)
  } else {
    check_formulas(formula, names)
  }
  data <- person_covariates(problem$data, problem$control$persons)
  parts <- lapply(seq_along(names), function(k) {
    x <- person_matrix(formulas[[names[k]]] %||% ~ 1, data, problem$data$persons)
    plain <- colnames(x) == "(Intercept)"
    list(
      x = x, owner = rep(k, ncol(x)), intercept = plain,
      names = ifelse(plain, names[k], paste0(names[k], ":", colnames(x)))
    )
  })
  bind <- function(part) unlist(lapply(parts, `[[`, part))
  list(
    x = unname(do.call(cbind, lapply(parts, `[[`, "x"))), owner = bind("owner"),
    intercept = bind("intercept"), names = bind("names"), formulas = formulas
  )
}

check_formulas <- function(formulas, names) {
  ok <- is.list(formulas) && all(vapply(formulas, inherits, NA, "formula")) &&
    all(names(formulas) %in% names)
  if (!ok) {
    abort_input("persons", paste0(
      "`persons` must be a one-sided formula, or a list of formulas named by the ",
      "parameters ", quoted(names), "."
    ))
  }
  formulas
}

person_covariates <- function(data, given) {
  out <- data$person_data
  if (is.null(given)) return(out)
  rows <- match(as.character(data$persons), as.character(given$person))
  extra <- given[rows, setdiff(names(given), c("person", names(out))), drop = FALSE]
  if (ncol(out)) cbind(out, extra) else extra
}

person_matrix <- function(formula, data, persons) {
  unknown <- setdiff(all.vars(formula), names(data))
  if (length(unknown)) {
    abort_input("persons", c(
      paste0("No covariate ", quoted(unknown), " among the columns that are constant ",
             "within person: ", quoted(names(data)), "."),
      "Give it in rlearn_control(persons = )."
    ))
  }
  if (!length(all.vars(formula))) {
    return(stats::model.matrix(formula, data.frame(one = rep(1, length(persons)))))
  }
  frame <- stats::model.frame(formula, data, na.action = stats::na.pass)
  bad <- which(!stats::complete.cases(frame))
  if (length(bad)) {
    abort_data(all.vars(formula)[1], bad, paste0(
      "Covariates must not be missing; persons ", quoted(as.character(persons[bad])), "."
    ))
  }
  stats::model.matrix(formula, frame)
}

hierarchical_result <- function(out, problem, design) {
  d <- nrow(problem$table)
  n_coef <- length(design$names)
  names <- problem$table$parameter
  persons <- finish_persons(out$persons, problem)
  persons$covariance <- out$covariance
  covariance <- out$group_covariance
  dimnames(covariance) <- list(names, names)
  gamma <- stats::setNames(out$psi[seq_len(n_coef)], design$names)
  fit <- list(
    persons = persons, box = wide_box(problem$table), design = design,
    coefficients = gamma, covariance = covariance, psi = out$psi,
    psi_vcov = out$vcov, psi_flat = out$flat, held = out$held, evidence = out$evidence,
    included = out$included, log_lik = out$value, df = length(out$psi),
    status = out$status, iterations = out$iterations,
    gradient = out$gradient, hessian = out$hessian,
    gaussian = out$gaussian, n_irregular = out$n_irregular,
    prior = list(mean = group_means(design, gamma, d), cov = covariance),
    trace = data.frame(
      iteration = seq_along(out$trace) - 1L, objective = -out$trace, rollbacks = 0L
    )
  )
  fit$importance <- importance_log_lik(fit, problem)
  warn_hierarchical(fit, problem)
  fit
}

# Persons' prior means, parameters x persons.
group_means <- function(design, gamma, d) {
  owned <- outer(seq_len(d), design$owner, `==`)
  owned %*% (t(design$x) * gamma)
}

importance_log_lik <- function(fit, problem) {
  if (problem$control$evidence != "importance") return(NULL)
  learning_importance_(
    problem$core, problem$spec, fit$persons,
    list(mean = fit$prior$mean, precision = solve(fit$prior$cov)),
    list(threads = problem$threads, seed = draw_seed(), draws = problem$control$draws)
  )
}

warn_hierarchical <- function(fit, problem) {
  if (fit$status == "interrupted") {
    warn("interrupted", "The fit was interrupted; what it had is returned.")
  } else if (fit$status == "max_iterations") {
    warn("convergence", paste0(
      "The search for the group's parameters ended after ", fit$iterations,
      " iterations; raise `max_iterations`."
    ))
  } else if (fit$status == "non_finite") {
    warn("convergence", "The marginal likelihood is not finite at the start.")
  }
  sd <- sqrt(diag(fit$covariance))
  flat <- names(sd)[sd < 0.02]
  if (length(flat)) {
    warn("identification", c(
      paste0("The data show no differences between persons in ", quoted(flat),
             " (SD on the unconstrained scale below .02)."),
      "Everybody gets the group's value; standard errors take the SD as known."
    ))
  }
  # Flat directions among covariances of what does not vary are no news.
  lost <- lost_parameters(fit, problem$control$covariance == "diagonal")
  lost <- setdiff(lost, paste0("sd_", flat))
  if (length(lost)) {
    warn("hessian", c(
      paste0("The marginal likelihood is flat or not concave in ", quoted(lost),
             ": no standard errors there."),
      "A model with fewer parameters, or",
      "`rlearn_control(covariance = \"diagonal\")`, may be identified."
    ))
  }
}

# ---- the object --------------------------------------------------------------

new_rlearn <- function(fit, problem, estimator, call, seed) {
  persons <- fit$persons
  if (is.null(persons$covariance)) {
    precision <- if (estimator == "map") solve(fit$prior$cov) else 0
    persons$covariance <- person_covariance(persons$curvature, precision)
  }
  fit$persons <- persons
  counts <- decision_counts(problem$data, problem$model)
  out <- c(
    list(call = call, version = utils::packageVersion("psyrl"), seed = seed,
         model = problem$model, estimator = estimator, data = problem$data,
         table = problem$table, control = problem$control, n_decisions = counts$n,
         n_missed = counts$missed),
    fit
  )
  names(out)[names(out) == "log_lik"] <- "loglik"
  out$flag <- person_flags(out)
  out <- structure(out, class = c("rlearn", "psyrl_fit"))
  if (is.function(problem$control$callback)) problem$control$callback(out$trace)
  if (problem$control$verbose) print(out)
  out
}

# Decisions with a likelihood, and trials without, by person.
decision_counts <- function(data, model) {
  trials <- data$trials
  made <- !is.na(trials$choice)
  second <- if (model$model == "two_step") made & !is.na(trials$choice2) else FALSE
  person <- factor(trials$person, seq_along(data$persons))
  list(
    n = as.vector(tapply(made + second, person, sum, default = 0)),
    missed = as.vector(tapply(!made, person, sum, default = 0))
  )
}

# Words on what is wrong with a person's estimates; "" where nothing is.
person_flags <- function(fit) {
  persons <- fit$persons
  trials <- fit$data$trials
  person <- factor(trials$person, seq_along(fit$data$persons))
  n_options <- as.vector(tapply(trials$choice, person, function(x) {
    length(unique(x[!is.na(x)]))
  }, default = 0))
  flags <- list(
    ifelse(!usable(persons), "failed", ""),
    ifelse(fit$n_decisions == 0, "no choices", ifelse(
      fit$n_decisions < 5 * nrow(fit$table), "few trials", ""
    )),
    ifelse(n_options == 1 & fit$n_decisions > 0, "always the same choice", ""),
    ifelse(persons$status == "max_iterations", "not converged", "")
  )
  if (fit$estimator == "ml") flags <- c(flags, list(edge_flags(fit), flat_flags(fit)))
  apply(do.call(cbind, flags), 1, function(x) paste(x[nzchar(x)], collapse = "; "))
}

edge_flags <- function(fit) {
  u <- fit$persons$mode
  edge <- abs(u - fit$box$lower) < 1e-6 | abs(u - fit$box$upper) < 1e-6
  # A logit of 7 is within .001 of the edge: the search would go on if it could.
  edge <- edge | (fit$table$link == "logit" & abs(u) > 7)
  name_by_person(edge, fit$table$parameter, "at bound: ")
}

# Parameters that carry the flat directions of a person's likelihood.
flat_flags <- function(fit) {
  d <- nrow(fit$table)
  flat <- vapply(seq_along(fit$n_decisions), function(j) {
    e <- eigen(matrix(fit$persons$curvature[, , j], d, d), symmetric = TRUE)
    directions <- e$vectors[, e$values < 1e-4, drop = FALSE]
    if (ncol(directions)) apply(abs(directions) > 0.5, 1, any) else rep(FALSE, d)
  }, logical(d))
  name_by_person(matrix(flat, d), fit$table$parameter, "not identified: ")
}

name_by_person <- function(yes, names, prefix) {
  apply(yes, 2, function(on) {
    if (any(on)) paste0(prefix, paste(names[on], collapse = ", ")) else ""
  })
}
