# Priors of persons, and the ranges that decide their scale.

test_that("a range decides the scale of a parameter and of its prior", {
  model <- parameter_ranges(rescorla_wagner("dual"), beta = c(-Inf, Inf))
  expect_equal(model$table$link, c("logit", "logit", "identity"))
  expect_equal(parameter_ranges(rescorla_wagner(), beta = c(0, 5))$table$upper[2], 5)
  expect_output(print(model), "beta in \\(-Inf, Inf\\)")
  # The likelihood is the same, the estimate is not: beta of either sign.
  data <- known_group(6, 60)
  theta <- c(alpha = 0.3, beta = 2)
  free <- parameter_ranges(rescorla_wagner(), beta = c(-Inf, Inf))
  expect_identical(log_lik(free, data, theta), log_lik(rescorla_wagner(), data, theta))
  against <- c(alpha = 0.4, beta = -2)
  contrary <- withr::with_seed(
    1, simulate(free, design = bandit_task(6, 60), parameters = against)
  )
  prior <- gaussian_prior(c(alpha = 0, beta = 0), c(2, 10)^2)
  beta <- coef(rlearn(contrary, free, "map", prior = prior))[, "beta"]
  expect_lt(mean(beta), -1)
  # Typical values and what studies draw stay, or move inside.
  narrow <- parameter_ranges(rescorla_wagner(), alpha = c(0.5, 1), beta = c(0, 2))$table
  expect_true(all(narrow$lower < narrow$low & narrow$low < narrow$typical &
                    narrow$typical < narrow$high & narrow$high < narrow$upper))
  expect_equal(free$table[2, c("typical", "low", "high")],
               rescorla_wagner()$table[2, c("typical", "low", "high")])
})

test_that("posterior means under a prior are the integral's", {
  data <- known_group(4, 60)
  model <- parameter_ranges(rescorla_wagner(), beta = c(-Inf, Inf))
  fit <- rlearn(
    data, model, "map", prior = gaussian_prior(c(alpha = 0, beta = 0), c(2, 10)^2),
    control = rlearn_control(evidence = "importance", draws = 10000)
  )
  moments <- vapply(1:4, function(j) posterior_moments(fit, data[j]), numeric(4))
  error <- (fit$persons$mode - moments[1:2, ]) / moments[3:4, ]
  expect_lt(max(abs(error)), 0.1)
  expect_lt(max(abs(spread_by_person(fit) / moments[3:4, ] - 1)), 0.1)
  exact <- vapply(1:4, function(j) quadrature_evidence(fit, data[j]), 1)
  expect_lt(max(abs(fit$evidence - exact)), 0.05)
})

test_that("the authors' estimates of the reversal data come back", {
  data <- choices(reversal_choices)[1:120]
  model <- parameter_ranges(
    rescorla_wagner("dual", initial = 0.5), beta = c(-Inf, Inf)
  )
  prior <- gaussian_prior(
    c(alpha_pos = 0, alpha_neg = 0, beta = 0), c(2.4, 2.4, 10)^2
  )
  fit <- rlearn(data, model, "map", prior = prior,
                control = rlearn_control(evidence = "importance", draws = 400))
  published <- reversal_persons[match(data$persons, reversal_persons$person), ]
  expect_gt(cor(coef(fit)[, "beta"], published$pub_beta), 0.95)
})

test_that("wrong ranges are errors of their class", {
  expect_error(parameter_ranges(rescorla_wagner(), gamma = c(0, 1)),
               class = "psyrl_error_input")
  expect_error(parameter_ranges(rescorla_wagner(), beta = c(-Inf, 1)),
               class = "psyrl_error_input")
  expect_error(parameter_ranges(rescorla_wagner(), c(0, 1)), class = "psyrl_error_input")
  expect_error(parameter_ranges("rw", beta = c(0, 1)), class = "psyrl_error_input")
  expect_error(parameter_ranges(forgetting_bandit(), beta = c(0, 1)),
               class = "psyrl_error_input")
})
