test_that("points have the moments of a standard normal", {
  for (d in c(1, 4)) {
    z <- normal_points(d)
    expect_equal(colMeans(z), numeric(d))
    expect_equal(crossprod(z) / nrow(z), diag(d))
  }
  expect_identical(first_primes(5), c(2L, 3L, 5L, 7L, 11L))
})

test_that("joint intervals are wider, plug-in ones are those of persons()", {
  x <- validity_example()
  scores <- persons(x$fit)
  plugin <- confint(x$fit, method = "plugin")
  expect_equal(unname(plugin[, 1]), scores$conf_low)
  joint <- confint(x$fit)
  width <- function(ends) mean(log(ends[, 2] / ends[, 1]))
  expect_gt(width(joint), width(plugin))
  expect_identical(joint, confint(x$fit))
  expect_identical(
    confint(x$fit, scale = "log"), log(joint), tolerance = 1e-12
  )
})

test_that("the averaged posterior is that of many random draws", {
  x <- validity_example()
  withr::local_seed(3)
  fit <- x$fit
  deviates <- matrix(stats::rnorm(800), ncol = 2) %*% chol(fit$vcov)
  colnames(deviates) <- rownames(fit$vcov)
  weight <- 0
  for (i in 1:400) weight <- weight + moved_posterior(shifted_fit(fit, deviates[i, ]))$weight
  brute <- posterior_summary(
    list(nodes = fit$posterior$nodes, weight = weight / 400), c(.025, .975)
  )
  found <- posterior_summary(joint_posterior(fit), c(.025, .975))
  expect_equal(found, brute, tolerance = .02)
})

test_that("weights correct the normal approximation where persons are few", {
  x <- validity_example()
  withr::local_seed(4)
  few <- as.data.frame(x$log)
  few <- few[few$person %in% unique(few$person)[1:6], ]
  fit <- quietly(rlmm(few, x$task, x$fit$spec$value))
  # Brute force: the population's posterior on a grid.
  nodes <- seq(-9, 9, length.out = 1501) + coef(fit)[["mu"]]
  population <- expand.grid(
    mu = coef(fit)[["mu"]] + seq(-4, 4, length.out = 61),
    log_sigma = seq(log(.02), log(5), length.out = 41)
  )
  log_lik <- grid_log_lik(fit, fit$values, nodes)
  average <- list(weight = 0, total = 0, log_scale = -Inf)
  for (i in seq_len(nrow(population))) {
    sigma <- exp(population$log_sigma[i])
    at <- trait_posterior(nodes, log_lik, rep(population$mu[i], 6), sigma, 1)
    average <- add_weighted(
      average, at$weight, sum(at$log_marginal) + log_prior(sigma)
    )
  }
  brute <- posterior_summary(
    list(nodes = nodes, weight = average$weight / average$total), c(.025, .975)
  )
  found <- posterior_summary(joint_posterior(fit), c(.025, .975))
  expect_lt(mean(abs(found - brute)), .1 * mean(brute[, "sd"]))
  plugin <- posterior_summary(fit$posterior, c(.025, .975))
  expect_gt(mean(abs(plugin - brute)), .3 * mean(brute[, "sd"]))
})

test_that("temperature and discount are carried where they are estimated", {
  x <- validity_example()
  fit <- quietly(rlmm(x$log, x$task))
  expect_true("temperature" %in% rownames(fit$vcov))
  moved <- shifted_fit(fit, c(temperature = .1))
  expect_equal(
    coef(moved)[["temperature"]], coef(fit)[["temperature"]] * exp(.1)
  )
  expect_false(isTRUE(all.equal(moved$values$advantage, fit$values$advantage)))
  expect_true(all(is.finite(confint(fit))))
})

test_that("bootstrap intervals serve every kind of values", {
  x <- validity_example()
  withr::local_seed(1)
  ends <- confint(x$fit, method = "bootstrap", n = 10)
  expect_true(all(ends[, 1] < ends[, 2]))
  population <- confint(x$fit, "population", method = "bootstrap", n = 10)
  expect_identical(rownames(population), names(coef(x$fit)))
  learned <- quietly(rlmm(
    x$log, x$task, q_table(l2 = 1), consistency = bellman_none(),
    control = rlmm_control(sigma = .6)
  ))
  plugin <- confint(learned, method = "plugin")
  joint <- confint(learned)
  width <- function(ends) log(ends[, 2] / ends[, 1])
  expect_gt(stats::median(width(joint) / width(plugin)), 1.01)
})
