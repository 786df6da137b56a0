# People of several models in one sample, named after their model.
mixed_people <- function(models, n, trials) {
  parts <- Map(function(model, size, name) {
    part <- simulate(model, design = bandit_task(size, trials, c(0.75, 0.25)))
    part$persons <- paste0(name, seq_len(size))
    part
  }, models, n, names(models))
  do.call(c, unname(parts))
}

three_models <- function() {
  list(
    rw = rescorla_wagner(), wsls = win_stay_lose_shift(), random = biased_random()
  )
}

test_that("frequencies of a mixture of three models are recovered", {
  set.seed(11)
  models <- three_models()
  n <- c(rw = 60, wsls = 30, random = 15)
  data <- mixed_people(models, n, 200)
  for (estimator in c("map", "ml", "hierarchical")) {
    fits <- suppressWarnings(lapply(models, rlearn, data = data, estimator = estimator))
    x <- compare(fits)
    expect_identical(x$model, names(models))
    expect_lt(max(abs(x$frequency - n / sum(n))), 0.1)
    expect_gt(x$exceedance[1], 0.99)
    expect_gt(x$protected_exceedance[1], 0.9)
    assigned <- names(models)[max.col(attr(x, "responsibility"))]
    expect_gt(mean(assigned == sub("[0-9]+$", "", data$persons)), 0.8)
  }
})

test_that("exceedance probabilities are those of the Dirichlet", {
  # Stephan et al. (2009): counts of 11.8 and 2.2 have exceedance 99.7 %.
  expect_equal(
    exceedance_probability(c(11.8, 2.2)),
    c(1, 0) + c(-1, 1) * pbeta(0.5, 11.8, 2.2), tolerance = 1e-8
  )
  expect_equal(round(exceedance_probability(c(11.8, 2.2))[1], 3), 0.997)
  alpha <- c(3, 7, 6.5, 1)
  set.seed(1)
  draws <- matrix(rgamma(4e5, rep(alpha, each = 1e5)), ncol = 4)
  share <- tabulate(max.col(draws), 4) / 1e5
  expect_lt(max(abs(exceedance_probability(alpha) - share)), 0.005)
  # Shares far apart, and large samples.
  for (alpha in list(c(250, 1, 1, 40), c(66.4, 29.1, 12.5), c(5e4, 4.9e4), c(1, 1))) {
    p <- exceedance_probability(alpha)
    expect_equal(sum(p), 1)
    if (length(alpha) == 2) {
      expect_equal(
        p[1], pbeta(0.5, alpha[1], alpha[2], lower.tail = FALSE), tolerance = 1e-8
      )
    }
  }
})

# The published updates, step by step, one person and model at a time.
published_selection <- function(L) {
  n <- nrow(L)
  K <- ncol(L)
  alpha <- rep(1, K)
  g <- matrix(0, n, K)
  for (step in 1:500) {
    for (i in seq_len(n)) {
      for (k in seq_len(K)) {
        g[i, k] <- exp(L[i, k] + digamma(alpha[k]) - digamma(sum(alpha)))
      }
      g[i, ] <- g[i, ] / sum(g[i, ])
    }
    alpha <- 1 + apply(g, 2, sum)
  }
  log_r <- digamma(alpha) - digamma(sum(alpha))
  prior <- lgamma(K) + sum(0 * log_r)
  posterior <- lgamma(sum(alpha)) - sum(lgamma(alpha)) + sum((alpha - 1) * log_r)
  f1 <- sum(g * L) + sum(g %*% log_r) - sum(g * log(g)) + prior - posterior
  g0 <- exp(L) / rowSums(exp(L))
  f0 <- sum(g0 * (L - log(K) - log(g0)))
  list(alpha = alpha, risk = 1 / (1 + exp(f1 - f0)))
}

test_that("selection is as published", {
  set.seed(3)
  L <- matrix(rnorm(16 * 3, sd = 1.5), 16) + rep(c(1, 0.2, 0), each = 16)
  x <- compare(L)
  published <- published_selection(L)
  expect_equal(unname(attr(x, "alpha")), published$alpha, tolerance = 1e-7)
  expect_equal(x$frequency, published$alpha / sum(published$alpha), tolerance = 1e-7)
  expect_equal(attr(x, "omnibus_risk"), published$risk, tolerance = 1e-7)
  expect_equal(
    x$protected_exceedance, x$exceedance * (1 - published$risk) + published$risk / 3,
    tolerance = 1e-7
  )
  # A constant of a person is no evidence for any model.
  expect_equal(compare(L + rnorm(16, sd = 500))$frequency, x$frequency)
})

test_that("the bound is close to the exact evidence and frequency of two models", {
  set.seed(5)
  L <- cbind(rnorm(12, 2), rnorm(12, 1))
  likelihood <- function(r) {
    vapply(r, function(p) prod(p * exp(L[, 1]) + (1 - p) * exp(L[, 2])), 1)
  }
  exact <- integrate(likelihood, 0, 1)$value
  mean_r <- integrate(function(r) r * likelihood(r), 0, 1)$value / exact
  x <- select_models(L)
  expect_lte(x$free_energy, log(exact))
  expect_gt(x$free_energy, log(exact) - 0.5)
  expect_equal(x$frequency[1], mean_r, tolerance = 0.05)
  null <- prod(rowMeans(exp(L)))
  expect_equal(x$omnibus_risk, null / (null + exp(x$free_energy)), tolerance = 1e-8)
})

test_that("models without evidence are equally frequent", {
  x <- compare(matrix(0, 40, 4))
  expect_equal(x$frequency, rep(0.25, 4))
  expect_equal(x$protected_exceedance, rep(0.25, 4))
  expect_gt(attr(x, "omnibus_risk"), 0.5)
})

test_that("families share an even prior", {
  L <- matrix(0, 10, 3, dimnames = list(NULL, c("a", "b", "c")))
  families <- c(a = "one", b = "one", c = "two")
  x <- compare(L, families = families)
  # Variational Bayes leans a little to the model with more prior counts.
  expect_lt(max(abs(attr(x, "families")$frequency - 0.5)), 0.08)
  L[, "c"] <- 6
  y <- compare(L, families = list(one = c("a", "b"), two = "c"))
  expect_gt(attr(y, "families")$frequency[2], 0.85)
  expect_gt(attr(y, "families")$protected_exceedance[2], 0.95)
  expect_error(compare(L, families = c(a = "one")), class = "psyrl_error_input")
})

test_that("criteria are those of the fits", {
  set.seed(2)
  data <- simulate(rescorla_wagner(), design = bandit_task(12, 60))
  single <- rlearn(data, rescorla_wagner())
  random <- rlearn(data, biased_random())
  x <- compare(single, random, heldout = "person", folds = 3)
  expect_identical(x$model, c("single", "random"))
  expect_equal(x$AIC, c(AIC(single), AIC(random)))
  expect_equal(x$BIC, c(BIC(single), BIC(random)))
  # The persons' evidence adds up to the integrated BIC.
  expect_equal(-2 * x$evidence, x$iBIC)
  expect_equal(sum(x$weight), 1)
  expect_lt(x$nll[1], x$nll[2])
  expect_true(all(x$nll_se > 0))
  own <- rlearn(data, rescorla_wagner(), "ml")
  y <- compare(own, ml = rlearn(data, biased_random(), "ml"))
  expect_identical(y$model, c("own", "ml"))
  bic <- -2 * own$persons$log_lik + 2 * log(60)
  expect_equal(unname(attr(y, "evidence")[, "own"]), -bic / 2)
  expect_output(print(y), "Most frequent")
  pdf(NULL)
  on.exit(dev.off())
  expect_invisible(plot(y))
})

test_that("sampled fits are compared with sampled evidence", {
  data <- known_group(20, 100)
  laplace <- rlearn(data)
  sampled <- rlearn(data, control = rlearn_control(evidence = "importance"))
  table <- compare(laplace, sampled)
  # The same model: what Laplace leaves out would tell them apart.
  expect_lt(abs(diff(table$log_lik)), 0.25)
  expect_gt(sampled$loglik - laplace$loglik, 0.4)
  expect_equal(
    anova(laplace, sampled)$logLik, table$log_lik
  )
})

test_that("only comparable fits are compared", {
  set.seed(2)
  data <- simulate(rescorla_wagner(), design = bandit_task(4, 30))
  a <- rlearn(data, rescorla_wagner(), "map")
  b <- rlearn(data, rescorla_wagner(), "ml")
  d <- rlearn(data[1:3], rescorla_wagner(), "map")
  expect_error(compare(a, b), class = "psyrl_error_input")
  expect_error(compare(a, d), class = "psyrl_error_input")
  expect_error(compare(a, 1), class = "psyrl_error_input")
  expect_error(compare(), class = "psyrl_error_input")
  expect_error(compare(matrix(c(1, NA), 1)), class = "psyrl_error_input")
})

test_that("whom one model fails to fit is left out for all", {
  set.seed(2)
  data <- simulate(rescorla_wagner(), design = bandit_task(5, 30))
  a <- rlearn(data, rescorla_wagner(), "map")
  b <- rlearn(data, biased_random(), "map")
  b$evidence[2] <- NA
  expect_warning(x <- compare(a, b), class = "psyrl_warning_convergence")
  expect_equal(rownames(attr(x, "evidence")), c("1", "3", "4", "5"))
})

test_that("measurement fits are compared by their criteria", {
  set.seed(1)
  task <- peg_solitaire("tiny_cross")
  beta <- setNames(exp(rnorm(15, -3, 0.5)), paste0("p", 1:15))
  log <- simulate_trajectories(task, beta, episodes = 2)
  hard <- rlmm(log, task, q_task(temperature = 0))
  soft <- rlmm(log, task)
  x <- compare(hard, soft)
  expect_equal(x$AIC, c(AIC(hard), AIC(soft)))
  expect_true(all(is.na(x$frequency)))
  expect_equal(x$evidence, -x$BIC / 2)
  expect_output(print(x), "hard")
})
