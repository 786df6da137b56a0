# Traits, a criterion that correlates .6 with them, and what both depend on.
criterion_example <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      x <- validity_example()
      made <<- withr::with_seed(11, {
        persons <- names(x$beta)
        age <- stats::rnorm(40)
        z <- log(x$beta)
        data.frame(
          person = rev(persons), raven = rev(z / .6 + age + stats::rnorm(40)),
          crt = rev(z + stats::rnorm(40)), age = rev(age),
          sex = rep(c("f", "m"), 20)
        )
      })
    }
    made
  }
})

test_that("Pearson's correlation and interval are those of cor.test()", {
  x <- validity_example()
  people <- criterion_example()
  people$raven[3] <- NA
  found <- criterion_cor(x$fit, ~ raven + crt, people, level = .9)
  scores <- persons(x$fit)
  for (i in 1:2) {
    y <- people[[found$criterion[i]]][match(scores$person, people$person)]
    truth <- stats::cor.test(scores$log_estimate, y, conf.level = .9)
    expect_equal(found$estimate[i], unname(truth$estimate))
    expect_equal(c(found$conf_low[i], found$conf_high[i]), c(truth$conf.int))
    expect_equal(found$p_value[i], truth$p.value)
  }
  expect_identical(found$n, c(39L, 40L))
  natural <- criterion_cor(x$fit, "crt", people, scale = "natural")
  expect_equal(
    natural$estimate,
    stats::cor(scores$estimate, people$crt[match(scores$person, people$person)])
  )
})

test_that("Spearman's correlation is bootstrapped, reproducibly", {
  x <- validity_example()
  people <- criterion_example()
  ask <- function() {
    withr::with_seed(1, criterion_cor(x$fit, "crt", people, method = "spearman"))
  }
  found <- ask()
  expect_identical(found, ask())
  scores <- persons(x$fit)
  y <- people$crt[match(scores$person, people$person)]
  expect_equal(
    found$estimate, stats::cor(scores$log_estimate, y, method = "spearman")
  )
  # The large-sample interval of Bonett and Wright is near.
  r <- found$estimate
  near <- tanh(atanh(r) + c(-1.96, 1.96) * sqrt((1 + r^2 / 2) / 37))
  expect_equal(c(found$conf_low, found$conf_high), near, tolerance = .2)
})

test_that("partial correlations are those of residuals", {
  x <- validity_example()
  people <- criterion_example()
  found <- criterion_cor(x$fit, ~ raven | age + sex, people)
  scores <- persons(x$fit)
  rows <- people[match(scores$person, people$person), ]
  left <- function(y) stats::resid(stats::lm(y ~ age + sex, rows))
  r <- stats::cor(left(scores$log_estimate), left(rows$raven))
  expect_equal(found$estimate, r)
  expect_equal(
    c(found$conf_low, found$conf_high),
    tanh(atanh(r) + c(-1, 1) * stats::qnorm(.975) / sqrt(40 - 3 - 2))
  )
  expect_identical(found$given, "age, sex")
  model <- stats::lm(raven ~ age + sex + scores$log_estimate, rows)
  expect_equal(found$p_value, summary(model)$coefficients[4, 4])
})

test_that("disattenuated correlations divide by the root of the reliability", {
  x <- validity_example()
  people <- criterion_example()
  withr::local_seed(1)
  found <- criterion_cor(x$fit, "crt", people, disattenuate = TRUE)
  rel <- reliability(x$fit)
  expect_equal(found$reliability, rel$estimate[rel$type == "model"])
  expect_equal(found$disattenuated, found$estimate / sqrt(found$reliability))
  expect_lt(found$disattenuated_low, found$disattenuated)
  expect_gt(found$disattenuated_high, found$disattenuated)
  given <- criterion_cor(x$fit, ~ crt | age, people, disattenuate = TRUE)
  expect_lte(given$reliability, found$reliability)
})

test_that("plausible values give the correlation with the trait", {
  x <- validity_example()
  withr::local_seed(2)
  z <- stats::setNames(stats::rnorm(400, 0, .6), sprintf("p%03d", 1:400))
  criterion <- .6 * z / .6 + .8 * stats::rnorm(400)
  log <- simulate_trajectories(
    x$task, exp(z), episodes = 1, values = x$values, max_steps = 8
  )
  fit <- quietly(rlmm(log, x$task, q_known(x$values)))
  found <- criterion_cor(fit, criterion, plausible = 20, disattenuate = TRUE)
  truth <- stats::cor(z, criterion)
  expect_lt(found$estimate, truth - .05)
  expect_equal(found$latent, truth, tolerance = .12)
  expect_equal(found$disattenuated, truth, tolerance = .12)
  width <- function(low, high) found[[high]] - found[[low]]
  expect_gt(width("latent_low", "latent_high"), width("conf_low", "conf_high"))
})

test_that("Rubin's rules add the variance between draws", {
  r <- tanh(c(.2, .4))
  between <- stats::var(c(.2, .4)) * 1.5
  within <- 1 / 97
  df <- (1 + within / between)^2
  half <- stats::qt(.975, df) * sqrt(within + between)
  expect_equal(pool_correlations(r, 100, .95), tanh(.3 + c(0, -half, half)))
})

test_that("a line can be pasted, a picture drawn", {
  x <- validity_example()
  people <- criterion_example()
  found <- criterion_cor(x$fit, ~ raven | age, people, disattenuate = TRUE)
  expect_output(
    print(found), "raven given age: r = -?\\.\\d\\d \\[-?\\.\\d\\d, -?\\.\\d\\d\\], n = 40"
  )
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  expect_identical(plot(found), found)
  grDevices::dev.off()
  constant <- criterion_cor(x$fit, stats::setNames(rep(1, 40), names(x$beta)))
  expect_identical(constant$estimate, NA_real_)
  expect_output(print(constant), "n = 40")
})

test_that("wrong questions are said", {
  x <- validity_example()
  people <- criterion_example()
  ask <- function(...) criterion_cor(x$fit, "crt", people, ...)
  expect_error(ask(plausible = -1), class = "psyrl_error_input")
  expect_error(ask(replicates = 3), class = "psyrl_error_input")
  expect_error(ask(level = 2), class = "psyrl_error_input")
  expect_error(
    criterion_cor(x$fit, ~ crt | height, people), class = "psyrl_error_input"
  )
})
