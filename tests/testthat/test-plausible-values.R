test_that("draws have the moments of the posteriors", {
  x <- validity_example()
  withr::local_seed(1)
  fit <- quietly(rlmm(
    x$log, x$task, q_known(x$values),
    control = rlmm_control(mu = 0, sigma = .6)
  ))
  drawn <- plausible_values(fit, 800)
  expect_identical(drawn$person, persons(fit)$person)
  draws <- as.matrix(drawn[-1])
  scores <- persons(fit)
  expect_equal(rowMeans(draws), scores$log_estimate, tolerance = .05)
  expect_equal(apply(draws, 1, stats::sd), scores$std_error, tolerance = .05)
})

test_that("conditioned draws relate to the criterion as the traits do", {
  x <- validity_example()
  withr::local_seed(2)
  z <- stats::setNames(stats::rnorm(400, 0, .6), sprintf("p%03d", 1:400))
  criterion <- .6 * z / .6 + .8 * stats::rnorm(400)
  log <- simulate_trajectories(
    x$task, exp(z), episodes = 2, values = x$values, max_steps = 8
  )
  fit <- quietly(rlmm(log, x$task, q_known(x$values)))
  data <- data.frame(person = names(z), criterion = 1000 * criterion)
  drawn <- plausible_values(fit, 10, conditioning = ~criterion, data = data)
  r <- mean(stats::cor(as.matrix(drawn[-1]), criterion))
  shrunk <- stats::cor(persons(fit)$log_estimate, criterion)
  expect_equal(r, stats::cor(z, criterion), tolerance = .15)
  expect_gt(r, shrunk)
})

test_that("draws follow the seed, and wrong conditioning is said", {
  x <- validity_example()
  draw <- function() withr::with_seed(5, plausible_values(x$fit, 2))
  expect_identical(draw(), draw())
  expect_error(plausible_values(x$fit, 0), class = "psyrl_error_input")
  expect_error(
    plausible_values(x$fit, 2, conditioning = ~age), class = "psyrl_error_input"
  )
})
