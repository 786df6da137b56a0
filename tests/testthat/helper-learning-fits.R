# People of a known population at a bandit that turns.
known_group <- function(n = 30, trials = 150, seed = 1) {
  withr::with_seed(seed, {
    truth <- data.frame(
      person = seq_len(n), alpha = plogis(rnorm(n, -0.4, 0.8)),
      beta = exp(rnorm(n, 1, 0.5))
    )
    task <- bandit_task(n, trials, c(0.8, 0.2), reversal_every = 30)
    simulate(rescorla_wagner(), design = task, parameters = truth)
  })
}

# A person's log evidence under the group of a fit of two parameters, by the
# trapezoidal rule on a wide grid around the mode.
quadrature_evidence <- function(fit, data, n = 41, width = 7) {
  own <- match(data$persons, fit$data$persons)
  mean <- as.vector(fit$prior$mean[, own])
  spread <- t(chol(matrix(fit$persons$covariance[, , own], 2)))
  z <- seq(-width, width, length.out = n)
  grid <- as.matrix(expand.grid(z, z)) %*% t(spread) +
    rep(fit$persons$mode[, own], each = n^2)
  log_density <- function(u) {
    r <- u - mean
    -sum(r * solve(fit$covariance, r)) / 2 - log(2 * pi) -
      determinant(fit$covariance)$modulus / 2
  }
  persons <- data[rep(1, nrow(grid))]
  persons$persons <- seq_len(nrow(grid))
  at <- data.frame(
    person = persons$persons, alpha = plogis(grid[, 1]), beta = exp(grid[, 2])
  )
  joint <- as.vector(log_lik(fit$model, persons, at)) + apply(grid, 1, log_density)
  top <- max(joint)
  top + log(sum(exp(joint - top))) + 2 * log(z[2] - z[1]) + log(det(spread))
}

# A person's estimates on the natural scale, named.
coef_of <- function(fit, j) {
  u <- unname(fit$persons$mode[, j])
  c(alpha = plogis(u[1]), beta = exp(u[2]))
}
