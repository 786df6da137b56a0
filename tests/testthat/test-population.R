# The population on a grid, against sums in R.

people <- function(seed) {
  set.seed(seed)
  design <- cbind(1, rep(0:1, 6), stats::rnorm(12))
  # The last two far from any population.
  middle <- c(stats::rnorm(10), -7.5, 5.5)
  width <- c(stats::runif(10, 0.2, 2), 0.05, 0.05)
  nodes <- first_nodes(1)
  list(
    control = list(threads = 1), design = design, nodes = nodes,
    log_lik = -0.5 * (outer(nodes, middle, "-") / rep(width, each = length(nodes)))^2
  )
}

by_hand <- function(x, effects, log_sigma) {
  mu <- drop(x$design %*% effects)
  spacing <- diff(x$nodes[1:2])
  sum(vapply(seq_along(mu), function(j) {
    w <- x$log_lik[, j] + log(spacing) +
      stats::dnorm(x$nodes, mu[j], exp(log_sigma), log = TRUE)
    max(w) + log(sum(exp(w - max(w))))
  }, 0))
}

test_that("marginal likelihoods and their slopes are right, near and far", {
  x <- people(1)
  for (log_sigma in c(log(0.15), log(0.8))) {
    effects <- c(0.3, -0.5, 0.2)
    at <- evaluate_population(
      x, x$nodes, x$log_lik, list(effects = effects, log_sigma = log_sigma)
    )
    f <- function(p) by_hand(x, p[1:3], p[4])
    p <- c(effects, log_sigma)
    expect_equal(at$log_lik, f(p), tolerance = 1e-12)
    gradient <- vapply(1:4, function(i) central(f, p, i, 1e-5), 0)
    expect_equal(at$gradient, gradient, tolerance = 1e-6)
    slopes <- function(p) {
      evaluate_population(
        x, x$nodes, x$log_lik, list(effects = p[1:3], log_sigma = p[4])
      )$gradient
    }
    information <- -vapply(1:4, function(i) central(slopes, p, i, 1e-5), numeric(4))
    expect_equal(at$information, information, tolerance = 1e-6)
  }
  # There a likelihood relative to its own largest is no number.
  expect_identical(min(exp(x$log_lik[, 11] - max(x$log_lik[, 11]))), 0)
})

test_that("the population's maximum is that of an optimiser in R", {
  x <- people(2)
  x$design <- x$design[1:10, 1:2]
  x$log_lik <- x$log_lik[, 1:10]
  fit <- fit_population(
    x, x$nodes, x$log_lik, list(effects = numeric(2), log_sigma = 0)
  )
  expect_identical(fit$status, "converged")
  expect_gt(exp(fit$log_sigma), 0.3)
  by_optim <- stats::optim(
    c(fit$effects, fit$log_sigma) + 0.2, function(p) -by_hand(x, p[1:2], p[3]),
    method = "BFGS", control = list(reltol = 1e-14)
  )
  expect_equal(c(fit$effects, fit$log_sigma), by_optim$par, tolerance = 1e-4)
  expect_gte(fit$log_lik, -by_optim$value - 1e-9)
})

test_that("units are ranked among a person's own", {
  set.seed(3)
  person <- sample(5, 200, TRUE)
  unit <- sample(9, 200, TRUE)
  rank <- stats::ave(unit, person, FUN = function(u) match(u, sort(unique(u))))
  expect_equal(rank_within(unit, person), rank)
  expect_equal(largest_within(rank, person), stats::ave(rank, person, FUN = max))
  expect_identical(rank_within(integer(), integer()), integer())
  expect_equal(mean_several(c(1, 1, 2, 3), c(1, 1, 2, 2)), 0.5)
})
