# A person who follows two learning rates at once, in the way of a mixture.
two_rate_choices <- function(n, seed) {
  withr::with_seed(seed, {
    fast <- slow <- c(0, 0)
    choice <- outcome <- integer(n)
    good <- rep(rep(1:2, each = 50), length.out = n)
    for (t in seq_len(n)) {
      p <- stats::plogis(diff(fast + slow))
      choice[t] <- 1 + stats::rbinom(1, 1, p)
      outcome[t] <- stats::rbinom(1, 1, if (choice[t] == good[t]) 0.8 else 0.2)
      u <- (1:2 == choice[t]) * outcome[t]
      fast <- fast + 0.9 * (2 * u - fast)
      slow <- slow + 0.02 * (12 * u - slow)
    }
    choices(data.frame(person = 1, choice = choice, outcome = outcome))
  })
}

test_that("two learning rates are noticed, one is not", {
  two <- convex_relaxation(two_rate_choices(2000, 1), relaxation = "mixture")
  withr::local_seed(1)
  found <- misfit_test(two, 39)
  expect_s3_class(found, "psyrl_misfit")
  expect_gt(found$gap, 3 * found$expected_gap)
  expect_equal(found$p_value, 1 / 40)
  expect_output(print(found), "departs from one learning rate")

  one <- convex_relaxation(benchmark_episodes("BSC", 2, 10)$data)
  expect_gt(max(misfit_test(one, 19)$p_value), 0.2)
})

test_that("the seed governs the replicates, threads do not", {
  data <- small_choices()
  run <- function(threads, seed) {
    fit <- convex_relaxation(data, control = convex_control(threads = threads))
    withr::with_seed(seed, misfit_test(fit, 9))
  }
  expect_identical(run(1, 1), run(2, 1))
})

test_that("a truncated or weighted fit has no such test", {
  data <- small_choices()
  expect_error(
    misfit_test(convex_relaxation(data, horizon = 5)),
    class = "psyrl_error_input"
  )
  biased <- convex_relaxation(data, control = convex_control(bias = TRUE))
  expect_error(misfit_test(biased), class = "psyrl_error_input")
})
