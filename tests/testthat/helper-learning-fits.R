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

# A person's posterior under the prior of a fit of two parameters, on a wide grid around
# the mode: points, and logarithms of what the trapezoidal rule sums.
posterior_grid <- function(fit, data, n = 41, width = 7) {
  prior <- person_prior(fit, data)
  scored <- score_new(fit, data)$persons
  spread <- t(chol(matrix(scored$covariance, 2)))
  z <- seq(-width, width, length.out = n)
  grid <- as.matrix(expand.grid(z, z)) %*% t(spread) + rep(scored$mode, each = n^2)
  log_density <- function(u) {
    r <- u - prior$mean
    -sum(r * (prior$precision %*% r)) / 2 - log(2 * pi) +
      determinant(prior$precision)$modulus / 2
  }
  persons <- data[rep(1, nrow(grid))]
  persons$persons <- seq_len(nrow(grid))
  natural <- to_natural(grid, fit$table)
  at <- data.frame(person = persons$persons, alpha = natural[, 1], beta = natural[, 2])
  list(
    points = grid,
    joint = as.vector(log_lik(fit$model, persons, at)) + apply(grid, 1, log_density) +
      2 * log(z[2] - z[1]) + log(det(spread))
  )
}

quadrature_evidence <- function(fit, data) {
  joint <- posterior_grid(fit, data)$joint
  max(joint) + log(sum(exp(joint - max(joint))))
}

# Means, then SDs.
posterior_moments <- function(fit, data) {
  at <- posterior_grid(fit, data)
  share <- exp(at$joint - max(at$joint)) / sum(exp(at$joint - max(at$joint)))
  mean <- colSums(at$points * share)
  c(mean, sqrt(colSums(sweep(at$points, 2, mean)^2 * share)))
}

# A person's estimates on the natural scale, named.
coef_of <- function(fit, j) {
  u <- unname(fit$persons$mode[, j])
  c(alpha = plogis(u[1]), beta = exp(u[2]))
}
