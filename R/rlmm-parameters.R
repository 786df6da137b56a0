# One table of parameters drives coef(), vcov(), confint() and the tidiers.
# Standard errors are made on the link scale (identity, log, logit) from the
# observed information of the marginal likelihood.

links <- list(
  identity = list(to = identity, from = identity, slope = function(x) 1),
  log = list(to = log, from = exp, slope = function(x) x),
  logit = list(
    to = stats::qlogis, from = stats::plogis, slope = function(x) x * (1 - x)
  )
)

parameter_row <- function(term, block, link, estimate, fixed = FALSE,
                          lower = -Inf, upper = Inf) {
  data.frame(
    term = term, block = block, link = link, lower = lower, upper = upper,
    fixed = fixed, estimate = unname(estimate), std_error = NA_real_
  )
}

# list(table, vcov): `vcov` on the link scale, of the parameters that are free.
parameter_table <- function(problem, found) {
  control <- problem$control
  effects <- colnames(problem$design)
  rows <- list(
    parameter_row(
      effects, "population", "identity", found$population$effects,
      fixed = !is.null(control$mu)
    ),
    parameter_row(
      "sigma", "population", "log", exp(found$population$log_sigma),
      fixed = !is.null(control$sigma), lower = 0
    ),
    found$more_parameters
  )
  if (is.numeric(found$values$temperature) && is.null(found$more_parameters)) {
    rows <- c(rows, list(
      parameter_row(
        "temperature", "values", "log", found$values$temperature,
        fixed = !identical(problem$value$temperature, "estimate"), lower = 0
      ),
      parameter_row(
        "discount", "values", "logit", found$values$discount,
        fixed = problem$value$discount != "estimate", lower = 0, upper = 1
      )
    ))
  }
  table <- do.call(rbind, rows)
  vcov <- found$vcov %||% population_vcov(problem, found, table)
  at <- match(rownames(vcov), table$term)
  slope <- vapply(at, function(i) {
    links[[table$link[i]]]$slope(table$estimate[i])
  }, numeric(1))
  table$std_error[at] <- sqrt(diag(vcov)) * slope
  list(table = table, vcov = vcov)
}

# Inverse observed information of the free parameters on the link scale. The block
# of (mu, log sigma) is exact; those of the temperature and the discount are
# differences of the exact likelihood and its gradient.
population_vcov <- function(problem, found, table) {
  free <- table$term[!table$fixed]
  population <- c(colnames(problem$design), "sigma")
  # What was settled before the values were searched for has no standard error.
  shared <- if (inherits(problem$value, "q_task")) setdiff(free, population)
  at_bound <- c(
    shared_at_bound(problem, found, shared),
    if (exp(found$population$log_sigma) <= 1.01 * sigma_floor) "sigma"
  )
  shared <- setdiff(shared, at_bound)
  information <- found_information(problem, found, shared)
  keep <- setdiff(intersect(free, c(population, shared)), at_bound)
  information <- information[keep, keep, drop = FALSE]
  inverse_information(information)
}

# Covariances of parameters; NA for those about which the data say nothing, which are
# named. Others keep what is known of them.
inverse_information <- function(information) {
  if (!nrow(information)) return(information)
  information[!is.finite(information)] <- 0
  size <- sqrt(pmax(abs(diag(information)), 1e-300))
  parts <- eigen(information / outer(size, size), symmetric = TRUE)
  flat <- !(parts$values > 1e-9)
  inverse <- parts$vectors[, !flat, drop = FALSE]
  vcov <- inverse %*% (t(inverse) / parts$values[!flat]) / outer(size, size)
  dimnames(vcov) <- dimnames(information)
  if (!any(flat)) return(vcov)
  loading <- sqrt(rowSums(parts$vectors[, flat, drop = FALSE]^2))
  unknown <- loading > 1e-3
  vcov[unknown, ] <- vcov[, unknown] <- NA_real_
  warn("hessian", paste0(
    "The data say nothing about ", sum(flat), " direction",
    if (sum(flat) > 1) "s", " of the population parameters, mostly ",
    quoted(rownames(information)[loading >= .3 * max(loading)]),
    ". Their standard errors are NA."
  ))
  vcov
}

# A temperature that ran to the end of its range has no standard error.
shared_at_bound <- function(problem, found, shared) {
  if (!"temperature" %in% shared) return(character())
  relative <- found$values$temperature / reward_unit(problem, found$values$discount)
  if (relative < 1.05 * temperature_bounds[1] ||
    relative > temperature_bounds[2] / 1.05) {
    "temperature"
  }
}

found_information <- function(problem, found, shared) {
  population <- c(colnames(problem$design), "sigma")
  names <- c(population, shared)
  at <- function(shift) likelihood_at(problem, found, shift)
  information <- matrix(0, length(names), length(names), dimnames = list(names, names))
  centre <- at(list())
  information[population, population] <- centre$information
  h <- .02
  one <- function(name, x) stats::setNames(list(x), name)
  for (name in shared) {
    up <- at(one(name, h))
    down <- at(one(name, -h))
    cross <- -(up$gradient - down$gradient) / (2 * h)
    information[name, population] <- information[population, name] <- cross
    information[name, name] <-
      -(up$log_lik + down$log_lik - 2 * centre$log_lik) / h^2
  }
  if (length(shared) == 2) {
    corner <- function(a, b) at(stats::setNames(list(a * h, b * h), shared))$log_lik
    mixed <- (corner(1, 1) - corner(1, -1) - corner(-1, 1) + corner(-1, -1)) /
      (4 * h^2)
    information[shared[1], shared[2]] <- information[shared[2], shared[1]] <- -mixed
  }
  information
}

# Marginal likelihood with its derivatives in (mu, log sigma) where the temperature
# and the discount are moved on their link scales.
likelihood_at <- function(problem, found, shift) {
  values <- found$values
  nodes <- found$posterior$nodes
  if (length(shift)) {
    values <- task_values(
      problem, values$temperature * exp(shift$temperature %||% 0),
      if (is.null(shift$discount)) {
        values$discount
      } else {
        stats::plogis(stats::qlogis(values$discount) + shift$discount)
      }
    )
  }
  log_lik <- grid_log_lik(problem, values, nodes)
  fixed <- problem
  fixed$control$mu <- fixed$control$sigma <- NULL
  evaluate_population(fixed, nodes, log_lik, found$population)
}

evaluate_population <- function(problem, nodes, log_lik, population) {
  best_population(problem, nodes, log_lik, population, FALSE, FALSE)
}

#' @export
coef.rlmm <- function(object, ...) {
  stats::setNames(object$parameters$estimate, object$parameters$term)
}

#' @export
logLik.rlmm <- function(object, ...) {
  structure(object$loglik,
    df = sum(!object$parameters$fixed) + (object$values$effective %||% 0),
    nobs = stats::nobs(object), class = "logLik"
  )
}

#' @export
nobs.rlmm <- function(object, ...) {
  sum(object$counts$count)
}
