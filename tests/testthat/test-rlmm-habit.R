# Habit and value: logit = h(s, a) + beta_j A(s, a).

habit_log <- function(n = 120, episodes = 6, seed = 4) {
  task <- peg_solitaire("big_cross")
  q <- solve_mdp(task, 0)
  unit <- sqrt(mean(q$advantage^2))
  set.seed(seed)
  h <- stats::rnorm(nrow(q), 0, 1)
  h <- h - stats::ave(h, q$state)
  b <- stats::setNames(stats::rnorm(n, .8, .6), sprintf("p%03d", seq_len(n)))
  log <- do.call(rbind, lapply(names(b), function(person) {
    q$q <- h + b[[person]] * q$advantage / unit
    one <- stats::setNames(1, person)
    d <- as.data.frame(simulate_trajectories(task, one, episodes, q))
    d$beta <- NULL
    d
  }))
  list(task = task, log = trajectories(log), b = b / unit, h = h)
}

test_that("habit and slopes of either sign are recovered", {
  made <- habit_log()
  fit <- rlmm(made$log, made$task, q_task(temperature = 0), habit = TRUE)
  expect_equal(fit$status, "converged")
  expect_true(all(diff(fit$trace$objective) <= 0))
  scores <- persons(fit)
  b <- made$b[as.character(scores$person)]
  expect_gt(stats::cor(scores$estimate, b), .85)
  # The mean slope and the habit compete for what everybody does.
  expect_lt(abs(mean(scores$estimate - b)), .2 * stats::sd(b))
  inside <- mean(scores$conf_low < b & b < scores$conf_high)
  expect_gt(inside, .88)
  expect_identical(scores$estimate, scores$log_estimate)
  expect_gt(stats::cor(fit$values$habit, made$h), .6)
  expect_lt(abs(coef(fit)[["habit_sd"]] - 1), .25)
})

test_that("a habit works through prediction, new persons and known values", {
  made <- habit_log(60)
  q <- solve_mdp(made$task, 0)[c("state", "action", "q")]
  fit <- rlmm(made$log[1:40], made$task, q_known(q), habit = TRUE)
  without <- rlmm(made$log[1:40], made$task, q_known(q))
  new <- made$log[41:60]
  nll <- function(x) heldout(x, new)$nll[1]
  expect_lt(nll(fit), nll(without))
  p <- predict(fit, new)
  expect_equal(
    as.numeric(tapply(p$probability, paste(p$person, p$episode, p$step), sum)),
    rep(1, nrow(unique(p[c("person", "episode", "step")])))
  )
  expect_equal(nrow(persons(fit, new)), 20)
  expect_output(print(summary(fit)), "habits that")
})

test_that("a given population stays given, per reward", {
  made <- habit_log(30, 2)
  fit <- rlmm(made$log, made$task, q_task(temperature = 0),
    habit = TRUE, control = rlmm_control(mu = .02, sigma = .01)
  )
  expect_equal(unname(coef(fit)[c("mu", "sigma")]), c(.02, .01))
})

test_that("a habit stands beside exact or known values only", {
  made <- habit_log(10, 1)
  for (value in list(q_table(), q_task(temperature = "person"))) {
    expect_error(
      rlmm(made$log, made$task, value, habit = TRUE), class = "psyrl_error_input"
    )
  }
})

test_that("pictures and simulated logs know the habit", {
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(5)
  z <- stats::setNames(stats::rnorm(40, -3, .4), sprintf("p%02d", 1:40))
  log <- simulate_trajectories(task, exp(z), episodes = 20)
  fit <- quietly(rlmm(log, task, habit = TRUE))
  # A habit that overrules the values in the first state.
  first <- task_pairs(task)$state == task$starts[1]
  fit$values$habit[first] <- c(20, numeric(sum(first) - 1))
  again <- simulate(fit, 1, seed = 1, episodes = 5)[[1]]
  expect_equal(again$persons, fit$data$persons)
  taken <- as.data.frame(again)
  taken <- taken[taken$state == task$states[task$starts[1]], ]
  wanted <- task$actions[task_pairs(task)$action[which(first)[1]]]
  expect_gt(mean(taken$action == wanted), .9)
  expect_gt(
    state_shares(fit, which(first))$expected[1], .9
  )
  expect_false(plot_data(fit, "persons")$log)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (type in c("persons", "values", "calibration", "criterion")) {
    expect_s3_class(plot(fit, type, criterion = z), "data.frame")
  }
})
