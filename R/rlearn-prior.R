# Priors of persons' parameters, and the posterior mean under a uniform one.

#' Priors of persons' parameters
#'
#' The unconstrained scale is the logarithm of a positive parameter, the logit of one
#' between two ends, and the parameter itself where its range has none; the range is the
#' registry's ([rl_models()]) unless [parameter_ranges()] gives another.
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
#'   posterior mean is found by quadrature, for models of up to three parameters.
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

#' Ranges of a model's parameters
#'
#' A parameter's range decides the scale on which it is estimated and has its prior:
#' both ends finite, the logit of where it lies between them; the lower end alone, the
#' log of the distance to it; neither, the parameter itself. Papers and packages differ
#' in these, and so do their estimates: an inverse temperature may be any number
#' (`c(-Inf, Inf)`, with a normal prior on the natural scale), or lie in `c(0, 20)`.
#'
#' @param model A model, see [rescorla_wagner()].
#' @param ... Ranges named by parameter: `beta = c(-Inf, Inf)`. The likelihood must be
#'   defined all over a wider range than the registry's, which nobody checks.
#' @return The model with other ranges.
#' @section Errors: `psyrl_error_input` for unknown parameters and wrong ranges.
#' @examples
#' # Everybody with a normal prior on beta itself: choices against the values have a
#' # negative one.
#' model <- parameter_ranges(rescorla_wagner(), beta = c(-Inf, Inf))
#' model
#' prior <- gaussian_prior(c(alpha = 0, beta = 0), c(1.5, 10)^2)
#' set.seed(1)
#' against <- c(alpha = 0.4, beta = -2)
#' data <- simulate(model, design = bandit_task(10, 50), parameters = against)
#' coef(rlearn(data, model, "map", prior = prior))
#' @export
parameter_ranges <- function(model, ...) {
  check_class(model, "psyrl_model", "model", "See rl_models().")
  ranges <- list(...)
  table <- model$table
  known <- !is.null(names(ranges)) && all(names(ranges) %in% table$parameter)
  if (!known || !all(vapply(ranges, is_parameter_range, NA))) {
    abort_input("...", c(
      paste0("Ranges must be named by parameters of the model, ",
             quoted(table$parameter), ", and increase, finite at both"),
      "ends, at the lower end or at none, such as beta = c(-Inf, Inf)."
    ))
  }
  if (model$model == "forgetting_bandit") {
    abort_input("model", "forgetting_bandit() has an argument `beta_range` for this.")
  }
  for (name in names(ranges)) {
    at <- match(name, table$parameter)
    table[at, ] <- with_range(table[at, ], ranges[[name]])
  }
  model$table <- table
  model
}

# Typical values stay where they lie inside the new range.
with_range <- function(row, range) {
  inside <- function(x) x > range[1] && x < range[2]
  out <- custom_parameter(row$parameter, range, if (inside(row$typical)) row$typical)
  if (inside(row$low) && inside(row$high)) out[c("low", "high")] <- row[c("low", "high")]
  out$per <- row$per
  out
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

# Posterior mean under a uniform box, by Gauss-Legendre quadrature on the natural
# scale: models of up to three parameters.
fit_quadrature <- function(problem, prior) {
  table <- problem$table
  d <- nrow(table)
  if (d > 3 || !setequal(names(prior$lower), table$parameter)) {
    abort_input("prior", paste0(
      "A uniform prior is integrated by quadrature: it must name the parameters of a ",
      "model with up to three, not ", quoted(table$parameter), "."
    ))
  }
  rule <- legendre(c(40, 40, 20)[d])
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
