small_log <- function() {
  choices(data.frame(
    person = rep(c("a", "b"), each = 6), block = rep(c(1, 1, 1, 1, 2, 2), 2),
    choice = c(1, 1, 2, NA, 2, 2, 1, 2, NA, 2, 1, 2),
    outcome = c(1, 0, 1, NA, 0, 1, 1, 0, NA, 1, 0, 0),
    group = rep(c("x", "y"), each = 6)
  ))
}

test_that("observed shares are counted from the trials", {
  fit <- rlearn(small_log(), rescorla_wagner(), "map")
  set.seed(1)
  check <- posterior_predictive(fit, nsim = 5)
  curve <- subset(check$curves, option == "1")
  # Position 1: choices 1, 2 of a, 1, 1 of b; position 3: 2 of a; position 4: 2 of b.
  expect_equal(curve$observed, c(3 / 4, 1 / 4, 0, 0))
  expect_equal(subset(check$curves, option == "2")$observed, 1 - curve$observed)
  # After wins: a 1 -> 1 stays; b 1 -> 2 shifts. After losses: a 1 -> 2 and b's
  # block 2 shift; a's block 2 and b's 2 -> 2 over a missed trial stay.
  expect_equal(check$stays$after, c("win", "loss"))
  expect_equal(check$stays$n, c(2, 4))
  expect_equal(check$stays$observed, c(1 / 2, 2 / 4))
  expect_true(all(check$stays$p_value > 0 & check$stays$p_value <= 1))

  split <- posterior_predictive(fit, nsim = 2, condition = "group")
  expect_setequal(as.character(split$curves$condition), c("x", "y"))
  expect_equal(
    subset(split$stays, condition == "y")$observed, c(0, 1 / 2)
  )
  right <- posterior_predictive(
    fit, nsim = 2, correct = rep(2, 12), position = rep(1:2, 6)
  )
  expect_identical(unique(right$curves$option), "correct")
  expect_equal(right$curves$observed, c(2 / 5, 4 / 5))
})

test_that("the true model's bands hold the data, a wrong model's do not", {
  set.seed(8)
  task <- bandit_task(40, 100)
  sticky <- rescorla_wagner(perseveration = TRUE)
  theta <- data.frame(
    person = 1:40, alpha = plogis(rnorm(40, -0.5, 0.5)), beta = exp(rnorm(40, 1, 0.3)),
    kappa = rnorm(40, 1.2, 0.2)
  )
  data <- simulate(sticky, design = task, parameters = theta)
  good <- posterior_predictive(rlearn(data, sticky), nsim = 60, design = task)
  bad <- posterior_predictive(rlearn(data, biased_random()), nsim = 60, design = task)
  inside <- function(x) mean(with(x$curves, observed >= low & observed <= high))
  expect_gt(inside(good), 0.75)
  expect_true(all(good$stays$p_value > 0.04))
  expect_lt(inside(bad), inside(good))
  expect_true(all(bad$stays$p_value < 0.04))
  # Played again with outcomes like those that were seen, much is the same.
  set.seed(1)
  replayed <- posterior_predictive(rlearn(data, sticky), nsim = 30)
  expect_equal(replayed$stays$mean, good$stays$mean, tolerance = 0.03)
  set.seed(1)
  again <- posterior_predictive(rlearn(data, sticky), nsim = 30)
  expect_identical(again, replayed)
})

test_that("designs may be functions along the rows of the data", {
  set.seed(3)
  data <- simulate(rescorla_wagner(), design = bandit_task(5, 20))
  fit <- rlearn(data, rescorla_wagner(), "ml")
  always <- function() cbind(rep(1, 100), 0)
  check <- posterior_predictive(fit, nsim = 5, design = always)
  late <- subset(check$curves, option == "1" & position > 10)
  expect_gt(mean(late$mean), mean(subset(check$curves, position == 1)$mean))
  expect_error(
    posterior_predictive(fit, design = function() matrix(0, 3, 2)),
    class = "psyrl_error_input"
  )
  expect_error(posterior_predictive(fit, design = 1), class = "psyrl_error_input")
  expect_error(
    posterior_predictive(fit, design = bandit_task(4, 20)), class = "psyrl_error_input"
  )
})

test_that("two-step choices are split by the transition", {
  set.seed(2)
  data <- simulate(two_step(4), design = two_step_task(12, 80))
  fit <- rlearn(data, two_step(4), "map")
  check <- posterior_predictive(fit, nsim = 10)
  expect_equal(
    check$stays$after, c("win common", "win rare", "loss common", "loss rare")
  )
  trials <- data$trials
  before <- head(which(trials$trial < 80), 1e5)
  win_rare <- before[trials$outcome[before] == 1 &
                       trials$next_state[before] != trials$choice[before]]
  expect_equal(check$stays$n[2], length(win_rare))
  expect_equal(
    check$stays$observed[2], mean(trials$choice[win_rare + 1] == trials$choice[win_rare])
  )
})

test_that("a check prints, plots and says what is wrong", {
  fit <- rlearn(small_log(), rescorla_wagner(), "map")
  check <- posterior_predictive(fit, nsim = 3, condition = "block")
  expect_output(print(check), "Probability of staying")
  pdf(NULL)
  on.exit(dev.off())
  expect_invisible(plot(check))
  expect_invisible(plot(check, "stays"))
  expect_error(posterior_predictive(1), class = "psyrl_error_input")
  expect_error(
    posterior_predictive(fit, condition = "colour"), class = "psyrl_error_input"
  )
  expect_error(posterior_predictive(fit, correct = 1:3), class = "psyrl_error_input")
  expect_error(posterior_predictive(fit, nsim = 1), class = "psyrl_error_input")
  expect_error(posterior_predictive(fit, widths = 1), class = "psyrl_error_input")
})

test_that("threshold of wins lies at the mean where all outcomes are positive", {
  data <- small_log()
  data$trials$outcome <- data$trials$outcome + 50
  fit <- rlearn(data, rescorla_wagner(initial = 50), "map")
  expect_equal(
    posterior_predictive(fit, nsim = 2)$stays$observed,
    posterior_predictive(
      rlearn(small_log(), rescorla_wagner(), "map"), nsim = 2
    )$stays$observed
  )
})
