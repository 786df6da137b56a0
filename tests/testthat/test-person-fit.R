test_that("drift and infit are what their formulas say", {
  x <- validity_example()
  found <- person_fit(x$fit, n = 19)
  d <- x$log$decisions[x$log$decisions$person == 3, ]
  z <- persons(x$fit)$log_estimate[3]
  advantage <- values(x$fit)$advantage
  pairs <- task_pairs(x$task)
  terms <- t(vapply(seq_len(nrow(d)), function(t) {
    legal <- which(pairs$state == d$state[t])
    p <- exp(exp(z) * advantage[legal])
    p <- p / sum(p)
    mean <- sum(p * advantage[legal])
    chosen <- advantage[legal][pairs$action[legal] == d$action[t]]
    exp(z) * c(chosen - mean, sqrt(sum(p * (advantage[legal] - mean)^2)))
  }, numeric(2)))
  g <- terms[, 1]
  v <- terms[, 2]^2
  time <- seq_along(g) - sum(seq_along(g) * v) / sum(v)
  expect_equal(found$drift[3], sum(time * g) / sqrt(sum(time^2 * v)))
  expect_equal(found$infit[3], sum(g^2) / sum(v))
  expect_identical(found$n_decisions[3], nrow(d))
})

test_that("p-values are reproducible, whatever the threads", {
  x <- validity_example()
  p <- function(threads) {
    x$fit$control$threads <- threads
    withr::with_seed(1, person_fit(x$fit, n = 49))
  }
  expect_identical(p(1L), p(2L))
  found <- p(1L)
  expect_true(all(found$drift_p_value >= 1 / 50 & found$drift_p_value <= 1))
  expect_named(found, c(
    "person", "n_decisions", "drift", "drift_p_value", "infit", "infit_p_value",
    "drift_p_adjusted", "infit_p_adjusted"
  ))
  expect_output(print(found), "erratic")
})

test_that("somebody who stops looking half-way is found", {
  x <- validity_example()
  withr::local_seed(2)
  beta <- c(fades = 3, stays = 3)
  play <- function(beta) {
    as.data.frame(simulate_trajectories(
      x$task, beta, values = x$values, max_steps = 60
    ))
  }
  first <- play(beta)
  second <- play(beta * c(0.05, 1))
  second$step <- second$step + max(first$step)
  both <- rbind(first, second)
  log <- trajectories(
    both[order(both$person, both$step), c("person", "state", "action", "step")]
  )
  fit <- quietly(rlmm(
    log, x$task, q_known(x$values), control = rlmm_control(mu = 0, sigma = 1)
  ))
  found <- person_fit(fit, n = 199)
  expect_lt(found$drift[found$person == "fades"], -3)
  expect_lt(found$drift_p_value[found$person == "fades"], .02)
  expect_gt(found$drift_p_value[found$person == "stays"], .02)
})

test_that("persons who never decided have no fit, counts have no order", {
  x <- validity_example()
  data <- data.frame(
    person = c("a", "b", "b"), episode = 1:3, state = c(1, 1, 2), action = 1
  )
  task <- mdp(data.frame(
    state = c(1, 1, 2), action = c(1, 2, 1), next_state = 3, reward = c(1, 0, 1)
  ))
  fit <- quietly(rlmm(
    trajectories(data), task, q_task(temperature = 0),
    control = rlmm_control(mu = 0, sigma = 1)
  ))
  found <- person_fit(fit, n = 19)
  expect_true(all(is.na(found$drift)))
  counted <- quietly(rlmm(counts(x$log), x$task, q_known(x$values)))
  expect_error(person_fit(counted), class = "psyrl_error_input")
})
