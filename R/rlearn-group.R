# The hierarchical fit: a group whose mean and covariance are estimated.

fit_hierarchical <- function(problem, formula) {
  table <- problem$table
  d <- nrow(table)
  formulas <- check_formulas(formula, table$parameter)
  design <- group_design(
    problem$data, table$parameter, formulas, problem$control$persons
  )
  typical <- as.vector(to_link(matrix(table$typical, 1), table))
  coefficients <- ifelse(design$intercept, typical[design$owner], 0)
  control <- core_control(problem, wide_box(table), problem$control$starts %||% 4L)
  control <- c(control, list(
    tolerance = problem$control$tolerance,
    max_iterations = problem$control$max_iterations,
    em_only = problem$control$algorithm == "em",
    evidence = problem$control$evidence,
    draws = problem$control$draws, seed = draw_seed()
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
  if (!any(out$included)) {
    abort_input("model", "The log-likelihood is not finite for anybody: nothing to fit.")
  }
  hierarchical_result(out, problem, design)
}

# The group's design: X with a column a coefficient, and the parameter it belongs to.
# `like`: the design of a fit, whose formulas and factor levels new persons follow.
group_design <- function(data, names, formulas, persons = NULL, like = NULL) {
  parts <- lapply(names, function(name) {
    formula <- formulas[[name]] %||% ~ 1
    covariates <- person_covariates(formula, data, persons)
    list(
      x = person_design(formula, covariates, like$levels[[name]] %||% list(), name),
      levels = category_levels(covariates)
    )
  })
  x <- do.call(cbind, lapply(parts, `[[`, "x"))
  width <- vapply(parts, function(part) ncol(part$x), 1L)
  list(
    x = unname(x), owner = rep(seq_along(names), width),
    intercept = sequence(width) == 1L, names = colnames(x), formulas = formulas,
    levels = stats::setNames(lapply(parts, `[[`, "levels"), names)
  )
}

# A list of one-sided formulas named by parameter.
check_formulas <- function(formulas, names) {
  if (inherits(formulas, "formula")) {
    return(stats::setNames(rep(list(formulas), length(names)), names))
  }
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
    psi_vcov = out$vcov, psi_flat = out$flat, held = out$held,
    evidence = ifelse(out$included, out$evidence, NA_real_),
    included = out$included, log_lik = out$value, df = length(out$psi),
    status = out$status, iterations = out$iterations,
    gradient = out$gradient, hessian = out$hessian,
    sampled = !is.null(out$sampling), effective = out$sampling$effective,
    log_lik_error = out$sampling$error, monte_carlo = out$sampling$monte_carlo,
    prior = list(mean = group_means(design, gamma, d), cov = covariance),
    trace = hierarchical_trace(out)
  )
  warn_hierarchical(fit, problem)
  fit
}

# What was minimised, a row an evaluation of the derivatives; Laplace's evidence and
# the sampled one differ.
hierarchical_trace <- function(out) {
  objective <- -c(out$trace, out$sampled_trace)
  data.frame(
    iteration = seq_along(objective) - 1L, objective = objective,
    evidence = rep(c("laplace", "importance"), lengths(out[c("trace", "sampled_trace")])),
    rollbacks = rep(0L, length(objective))
  )
}

# Persons' prior means, parameters x persons.
group_means <- function(design, gamma, d) {
  owned <- outer(seq_len(d), design$owner, `==`)
  owned %*% (t(design$x) * gamma)
}

warn_hierarchical <- function(fit, problem) {
  if (fit$status == "interrupted") {
    warn("interrupted", "The fit was interrupted; what it had is returned.")
  } else if (fit$status == "max_iterations" && fit$sampled) {
    warn("convergence", paste0(
      "The group's parameters were still moving by more than the draws explain; ",
      "raise `draws`, or take `covariance = \"diagonal\"`."
    ))
  } else if (fit$status == "max_iterations") {
    warn("convergence", paste0(
      "The search for the group's parameters ended after ", fit$iterations,
      " iterations; raise `max_iterations`."
    ))
  } else if (fit$status == "no_progress") {
    warn("convergence", c(
      "Laplace's likelihood jumps where the search has come to: no maximum near it.",
      "`rlearn_control(evidence = \"importance\")` integrates persons by sampling."
    ))
  } else if (fit$status == "non_finite") {
    warn("convergence", "The marginal likelihood is not finite at the start.")
  }
  sd <- sqrt(diag(fit$covariance))
  flat <- names(sd)[sd < 0.02]
  if (length(flat) && ncol(fit$persons$mode) == 1) {
    warn("identification", c(
      "One person is no group: the estimate rests on that person's choices alone.",
      "`estimator = \"map\"` adds a prior."
    ))
  } else if (length(flat)) {
    warn("identification", c(
      paste0("The data show no differences between persons in ", quoted(flat),
             " (SD on the unconstrained scale below .02)."),
      "Everybody gets the group's value; standard errors take the SD as known."
    ))
  }
  # Flat directions among covariances of what does not vary are no news.
  diagonal <- problem$control$covariance == "diagonal"
  lost <- setdiff(lost_parameters(fit, diagonal), paste0("sd_", flat))
  if (length(lost)) {
    warn("hessian", c(
      paste0("The marginal likelihood is flat or not concave in ", quoted(lost),
             ": no standard errors there."),
      paste0(
        "A model with fewer parameters",
        if (!diagonal) ", or `rlearn_control(covariance = \"diagonal\")`,",
        " may be identified."
      )
    ))
  }
}
