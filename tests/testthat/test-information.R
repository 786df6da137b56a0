test_that("information is the variance of the score in simulated play", {
  x <- validity_example()
  z <- .3
  found <- information(x$fit, at = z)
  withr::local_seed(1)
  beta <- stats::setNames(rep(exp(z), 4000), sprintf("p%04d", 1:4000))
  log <- simulate_trajectories(
    x$task, beta, episodes = 3, values = x$values, max_steps = 8
  )
  counted <- align_to_task(log, x$task)
  score <- person_likelihood_(x$task, counted, x$fit$values$advantage, beta)[, "score"]
  expect_equal(found$information, stats::var(score), tolerance = .08)
  expect_equal(found$std_error, 1 / sqrt(found$information))
  expect_equal(found$beta, exp(z))
})

test_that("steps, states and starts add up to the episode", {
  x <- validity_example()
  at <- c(-1, 0, 1)
  episode <- information(x$fit, at = at)$information / 3
  for (by in c("step", "state")) {
    part <- information(x$fit, at = at, by = by)
    expect_equal(as.numeric(tapply(part$information, part$trait, sum)), episode)
  }
  start <- information(x$fit, at = at, by = "start")
  share <- start_distribution(x$fit)[match(start$state, x$task$states)]
  expect_equal(
    as.numeric(tapply(start$information * share, start$trait, sum)), episode
  )
  expect_false(is.unsorted(-start$information[start$trait == 0]))
})

test_that("episodes are averaged over the states that were visited", {
  x <- validity_example()
  found <- information(x$fit, at = c(0, .5), by = "episode")
  expect_identical(nrow(found), 6L)
  counted <- counts_by_person(
    x$fit$pair[x$log$decisions$episode == 2],
    x$log$decisions$person[x$log$decisions$episode == 2], 40
  )
  brute <- mean(person_likelihood_(
    x$task, counted, x$fit$values$advantage, rep(exp(.5), 40)
  )[, "information"])
  expect_equal(found$information[found$trait == .5][2], brute)
  expect_identical(nrow(information(x$fit, by = "episode")), 3L)
})

test_that("a test of the wanted length reaches the wanted reliability", {
  x <- validity_example()
  found <- test_length(x$fit, c(.6, .8))
  expect_lt(found$episodes[1], found$episodes[2])
  now <- information(x$fit, population_draws(x$fit))
  sigma2 <- coef(x$fit)[["sigma"]]^2
  now <- 1 - mean(1 / (1 + sigma2 * now$information))
  expect_equal(test_length(x$fit, now)$episodes, 3, tolerance = 1)
  expect_error(test_length(x$fit, 1), class = "psyrl_error_input")
  expect_error(test_length(x$fit, start = "nowhere"), class = "psyrl_error_input")
})

test_that("information speaks and draws", {
  x <- validity_example()
  expect_output(print(information(x$fit)), "highest at")
  expect_output(print(information(x$fit, by = "start")), "begin in")
  withr::with_pdf(NULL, {
    expect_no_error(plot(information(x$fit)))
    expect_no_error(plot(information(x$fit, by = "state")))
  })
  expect_error(information(x$fit, at = "high"), class = "psyrl_error_input")
})
