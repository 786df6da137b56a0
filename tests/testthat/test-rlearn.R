# Fits of learning models: what is estimated, and that it is right.

test_that("the marginal likelihood is that of an independent integral", {
  data <- known_group(12, 100, seed = 4)
  sampled <- rlearn(
    data, control = rlearn_control(evidence = "importance", draws = 5000)
  )
  by_person <- vapply(seq_along(data$persons), function(j) {
    quadrature_evidence(sampled, data[j])
  }, 1)
  expect_lt(max(abs(by_person - sampled$evidence)), 0.05)
  expect_lt(abs(sum(by_person) - as.numeric(logLik(sampled))), 0.15)
  # Laplace by its definition, at the modes.
  fit <- rlearn(data)
  expect_false(fit$sampled)
  laplace <- vapply(seq_along(data$persons), function(j) {
    r <- fit$persons$mode[, j] - fit$prior$mean[, j]
    h <- matrix(fit$persons$curvature[, , j], 2) + solve(fit$covariance)
    as.vector(log_lik(fit$model, data[j], coef_of(fit, j))) -
      sum(r * solve(fit$covariance, r)) / 2 - log(det(fit$covariance)) / 2 -
      log(det(h)) / 2
  }, 1)
  expect_equal(fit$evidence, laplace, tolerance = 1e-8)
  expect_equal(as.numeric(logLik(fit)), sum(laplace), tolerance = 1e-8)
})

test_that("the fit is where the marginal likelihood is highest", {
  data <- known_group()
  fit <- rlearn(data)
  expect_equal(fit$status, "converged")
  # What is left to gain, by the quadratic there.
  expect_lt(sum(fit$gradient * solve(-fit$hessian, fit$gradient)), 2e-5)
  expect_true(all(eigen(fit$hessian)$values < 0))
  # EM stops where it ignores how the spread of modes depends on the group.
  em <- rlearn(data, control = rlearn_control(algorithm = "em"))
  expect_lt(fit$loglik - em$loglik, 0.5)
  expect_lte(em$loglik, fit$loglik)
})

test_that("sampled derivatives are those of the sampled likelihood", {
  data <- known_group(12, 100)
  fit <- rlearn(data, control = rlearn_control(evidence = "importance", draws = 4000))
  # Other draws judge where the search has come to.
  expect_lt(sum(fit$gradient * solve(-fit$hessian, fit$gradient)), 0.01)
  # Their Hessian is the curvature of the marginal likelihood by quadrature.
  step <- 0.1
  moved <- function(by) {
    fit$coefficients["alpha"] <- fit$coefficients["alpha"] + by
    sum(vapply(seq_along(data$persons), function(j) {
      quadrature_evidence(fit, data[j])
    }, 1))
  }
  curvature <- (moved(step) - 2 * moved(0) + moved(-step)) / step^2
  expect_equal(fit$hessian[1, 1], curvature, tolerance = 0.05)
  expect_equal(coef(fit), coef(rlearn(data)), tolerance = 0.15)
})

test_that("few draws make the evidence noisy, not low", {
  data <- known_group(6, 60)
  model <- rescorla_wagner("dual", forgetting = TRUE, perseveration = TRUE)
  fit <- withr::with_seed(1, rlearn(
    data, model, "map", control = rlearn_control(evidence = "importance", draws = 20000)
  ))
  many <- data[rep(1:6, each = 200)]
  many$persons <- seq_along(many$persons)
  problem <- scoring_problem(fit, many)
  problem$control$draws <- 20
  prior <- person_prior(fit, many)
  found <- fit_persons(problem, prior, wide_box(fit$table), 1L)
  few <- matrix(sample_persons(problem, prior, found)$objective, 200)
  # The logarithm of an unbiased mean is about half its variance too low: .06.
  expect_gt(mean(apply(few, 2, var)) / 2, 0.05)
  expect_lt(abs(mean(colMeans(few) - fit$evidence)), 0.03)
})

test_that("other draws move a sampled fit by its Monte Carlo error", {
  data <- known_group(30, 100)
  fits <- lapply(1:3, function(seed) {
    set.seed(seed)
    rlearn(data, control = rlearn_control(evidence = "importance", draws = 400))
  })
  estimates <- vapply(fits, coef, numeric(4))
  error <- monte_carlo_error(fits[[1]])
  # The groups come from batches of half the draws.
  expect_lt(max(apply(estimates, 1, sd) / error), 4)
  expect_true(all(error < 0.5 * sqrt(diag(vcov(fits[[1]])))))
  expect_lt(diff(range(vapply(fits, logLik, 1))), 1)
  said <- vapply(fits, `[[`, 1, "log_lik_error")
  expect_lt(stats::sd(vapply(fits, logLik, 1)) / mean(said), 3)
  expect_lt(max(said) / min(said), 2)
  expect_true(all(unlist(lapply(fits, `[[`, "effective")) > 20))
  expect_output(print(fits[[1]]), "monte_carlo")
})

test_that("sampled fits settle where little is known of the group", {
  data <- choices(twostep_choices)[1:25]
  control <- rlearn_control(evidence = "importance", draws = 500)
  fits <- lapply(1:2, function(seed) {
    withr::with_seed(seed, rlearn(data, two_step(4), control = control))
  })
  for (fit in fits) {
    expect_equal(fit$status, "converged")
    expect_true(all(is.finite(vcov(fit))))
  }
  expect_lt(abs(fits[[1]]$loglik - fits[[2]]$loglik), 1)
  error <- sqrt(diag(vcov(fits[[1]])))
  expect_lt(max(abs(coef(fits[[1]]) - coef(fits[[2]])) / error), 0.6)
})

test_that("a likelihood that jumps or is flat is integrated by sampling", {
  data <- known_group(12, 60, seed = 4)
  fit_with <- function(threads) {
    set.seed(1)
    suppressWarnings(
      rlearn(data, control = rlearn_control(threads = threads)),
      classes = "psyrl_warning"
    )
  }
  fit <- fit_with(2)
  expect_true(fit$sampled)
  expect_output(print(fit), "importance sampling")
  # The same under the same seed, on any number of threads.
  again <- fit_with(1)
  expect_identical(again$psi, fit$psi)
  expect_identical(again$persons, fit$persons)
  # Unless Laplace is asked for; the fit says where that has no maximum.
  stay <- rlearn_control(evidence = "laplace")
  suppressWarnings(classes = "psyrl_warning_hessian", expect_warning(
    laplace <- rlearn(data, control = stay), class = "psyrl_warning_convergence"
  ))
  expect_false(laplace$sampled)
  expect_equal(laplace$status, "no_progress")
})

test_that("a person's highest mode is found, and found again when the group widens", {
  # One of these people has two modes, 35 nats apart, the higher one far from the rest.
  data <- choices(reversal_choices)[c(252, 1:40)]
  model <- rescorla_wagner("dual", initial = 0.5)
  for (evidence in c("laplace", "importance")) {
    fit <- suppressWarnings(
      rlearn(data, model, control = rlearn_control(evidence = evidence)),
      classes = "psyrl_warning"
    )
    expect_gt(fit$evidence[1], -75)
    expect_lt(fit$persons$mode["alpha_neg", 1], -2)
  }
})

test_that("new persons of a sampled fit get posterior means by sampling too", {
  data <- known_group(12, 60, seed = 4)
  fit <- rlearn(data, control = rlearn_control(evidence = "importance", draws = 4000))
  fresh <- known_group(4, 60, seed = 5)
  fresh$persons <- paste("new", 1:4)
  scored <- persons(fit, newdata = fresh)
  expect_identical(persons(fit, newdata = fresh), scored)
  moments <- vapply(1:4, function(j) posterior_moments(fit, fresh[j]), numeric(4))
  spread <- moments[3:4, ]
  expect_lt(max(abs(matrix(scored$log_estimate, 2) - moments[1:2, ]) / spread), 0.1)
  se <- scored$std_error / as.vector(t(link_slope(
    t(matrix(scored$log_estimate, 2)), fit$table
  )))
  expect_lt(max(abs(se / spread - 1)), 0.1)
  # Persons of the fit as new ones: the same posterior, but for the group's own error.
  again <- persons(fit, newdata = data)
  expect_lt(max(abs(again$log_estimate - persons(fit)$log_estimate) / se), 0.15)
  # Held-out persons by the same integral.
  exact <- vapply(1:4, function(j) quadrature_evidence(fit, fresh[j]), 1)
  expect_equal(-person_nll(fit, fresh), exact, tolerance = 1e-3)
})

test_that("persons' modes are those of a general optimiser", {
  data <- known_group(3, 80)
  prior <- gaussian_prior(c(alpha = 0, beta = 1), matrix(c(1, 0.3, 0.3, 0.5), 2))
  fit <- rlearn(data, estimator = "map", prior = prior)
  for (j in 1:3) {
    objective <- function(u) {
      p <- c(alpha = plogis(u[1]), beta = exp(u[2]))
      r <- u - prior$mean
      -as.vector(log_lik(rescorla_wagner(), data[j], p)) +
        sum(r * solve(prior$cov, r)) / 2
    }
    found <- optim(c(0, 1), objective, method = "BFGS", control = list(reltol = 1e-14))
    expect_equal(unname(fit$persons$mode[, j]), found$par, tolerance = 1e-4)
    expect_equal(
      matrix(fit$persons$covariance[, , j], 2),
      unname(solve(optimHess(found$par, objective))), tolerance = 1e-3
    )
  }
})
