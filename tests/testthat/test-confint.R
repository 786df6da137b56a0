test_that("covariances of persons are those behind their joint intervals", {
  x <- validity_example()
  covariance <- vcov(x$fit, "persons")
  ends <- confint(x$fit, scale = "log")
  sd <- (ends[, 2] - ends[, 1]) / (2 * stats::qnorm(.975))
  expect_equal(sqrt(diag(covariance)), sd, tolerance = .05)
  expect_identical(rownames(covariance), names(x$beta))
  beta <- persons(x$fit)$estimate
  expect_equal(
    vcov(x$fit, "persons", scale = "natural"), covariance * outer(beta, beta)
  )
})

test_that("the sandwich agrees with the information where the model is right", {
  x <- validity_example()
  withr::local_seed(3)
  beta <- stats::setNames(exp(stats::rnorm(500, 0, .6)), sprintf("p%03d", 1:500))
  log <- simulate_trajectories(
    x$task, beta, episodes = 2, values = x$values, max_steps = 8
  )
  fit <- quietly(rlmm(log, x$task, q_known(x$values)))
  expect_equal(vcov(fit, type = "sandwich"), vcov(fit), tolerance = .2)
  # Scores sum to zero at the maximum.
  expect_lt(max(abs(colSums(person_scores(fit, rownames(fit$vcov))))), 1e-3)
  ends <- confint(fit, "sigma", method = "sandwich")
  expect_identical(dimnames(ends), list("sigma", c("2.5 %", "97.5 %")))
})

test_that("effects of covariates have standard errors that cover them", {
  x <- validity_example()
  withr::local_seed(6)
  age <- stats::rnorm(300)
  z <- .5 * age + stats::rnorm(300, 0, .4)
  persons <- data.frame(person = sprintf("p%03d", 1:300), age = age)
  log <- simulate_trajectories(
    x$task, stats::setNames(exp(z), persons$person), episodes = 2,
    values = x$values, max_steps = 8
  )
  fit <- quietly(rlmm(
    log, x$task, q_known(x$values), persons = ~age,
    control = rlmm_control(persons = persons)
  ))
  ends <- confint(fit, "population")
  expect_true(ends["mu:age", 1] < .5 && .5 < ends["mu:age", 2])
  expect_lt(ends["mu:age", 2] - ends["mu:age", 1], .4)
  plain <- quietly(rlmm(log, x$task, q_known(x$values)))
  table <- anova(plain, fit)
  expect_identical(table$Df, c(NA, 1))
  expect_equal(table$Chisq[2], 2 * (fit$loglik - plain$loglik))
  expect_lt(table[["Pr(>Chisq)"]][2], 1e-6)
  expect_identical(anova(fit, plain)$npar, table$npar)
  expect_output(print(table), "same decisions")
})

test_that("advantages have standard errors", {
  x <- validity_example()
  expect_identical(values(x$fit)$std_error, numeric(36))
  fit <- quietly(rlmm(x$log, x$task))
  moved <- quietly(rlmm(x$log, x$task, q_task(
    temperature = coef(fit)[["temperature"]] * exp(.01)
  )))
  slope <- (values(moved)$advantage - values(fit)$advantage) / .01
  expect_equal(
    values(fit)$std_error, abs(slope) * sqrt(fit$vcov["temperature", "temperature"]),
    tolerance = .05
  )
  table <- quietly(rlmm(x$log, x$task, q_table()))
  found <- values(table)$std_error
  expect_true(all(found > 0))
  ends <- confint(table, "values")
  expect_equal(
    unname(ends[, 2] - ends[, 1]), 2 * stats::qnorm(.975) * found
  )
  expect_identical(
    confint(table, "values", method = "plugin")[, 1], 
    stats::setNames(values(table)$advantage, rownames(ends))
  )
})

test_that("advantages spread over the draws as the arrow says", {
  x <- validity_example()
  fit <- quietly(rlmm(x$log, x$task, q_table()))
  expect_identical(shared_by(fit), "mixture")
  ratio <- sqrt(rowSums(drawn_root(fit)^2)) / values(fit)$std_error
  expect_gt(stats::median(ratio), .7)
  expect_lt(stats::median(ratio), 1.4)
})

test_that("what the data leave open is NA and named", {
  information <- matrix(
    c(2, 2, 0, 2, 2, 0, 0, 0, 4), 3,
    dimnames = rep(list(c("mu", "temperature", "sigma")), 2)
  )
  expect_warning(
    vcov <- inverse_information(information), "\"mu\", \"temperature\"",
    class = "psyrl_warning_hessian"
  )
  expect_identical(is.na(diag(vcov)), c(mu = TRUE, temperature = TRUE, sigma = FALSE))
  expect_equal(vcov["sigma", "sigma"], .25)
  expect_equal(inverse_information(information[3, 3, drop = FALSE])[1], .25)
})

test_that("wrong questions about intervals are said", {
  x <- validity_example()
  ask <- function(...) confint(x$fit, ...)
  expect_error(ask("nobody"), class = "psyrl_error_input")
  expect_error(ask("rewards"), class = "psyrl_error_input")
  expect_error(ask(method = "sandwich"), class = "psyrl_error_input")
  expect_error(anova(x$fit), class = "psyrl_error_input")
  other <- x$fit
  other$counts$count[1] <- other$counts$count[1] + 1
  expect_error(anova(x$fit, other), class = "psyrl_error_input")
  learned <- quietly(rlmm(x$log, x$task, q_table()))
  expect_error(vcov(learned, type = "sandwich"), class = "psyrl_error_input")
})

test_that("short searches of the evidence know how well they know the population", {
  withr::local_seed(5)
  task <- rescale_rewards(peg_solitaire("tiny_cross"))
  beta <- stats::setNames(exp(stats::rnorm(60, -.5, .7)), sprintf("p%02d", 1:60))
  values <- solve_mdp(task, .2)
  log <- simulate_trajectories(task, beta, episodes = 5, values = values)
  learned <- quietly(rlmm(log, task, q_table()))
  exact <- quietly(rlmm(log, task, q_known(values)))
  ratio <- diag(learned$vcov)[c("mu", "sigma")] / diag(exact$vcov)[c("mu", "sigma")]
  expect_gt(min(ratio), .6)
  expect_lt(max(ratio), 2)
})
