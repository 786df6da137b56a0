types <- c("persons", "values", "calibration", "trace", "criterion", "path")

test_that("every picture is drawn, and hands back what it shows", {
  fit <- small_fit()
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  old <- graphics::par("mar", "las", "bty")
  for (type in types) {
    seen <- plot(fit, type, criterion = fit$truth)
    expect_s3_class(seen, "data.frame")
    expect_gt(nrow(seen), 0)
  }
  expect_identical(graphics::par("mar", "las", "bty"), old)
})

test_that("autoplot shows the same data", {
  skip_if_not_installed("ggplot2")
  fit <- small_fit()
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (type in types) {
    picture <- ggplot2::autoplot(fit, type, criterion = fit$truth)
    expect_true(inherits(picture, "ggplot"))
    expect_identical(picture$data, plot(fit, type, criterion = fit$truth))
    expect_no_error(ggplot2::ggplot_build(picture))
  }
})

test_that("scores are in order and inside their intervals", {
  seen <- plot_data(small_fit(), "persons")$data
  expect_false(is.unsorted(seen$log_estimate))
  expect_true(all(seen$conf_low < seen$estimate & seen$estimate < seen$conf_high))
})

test_that("observed and expected shares of a state sum to one", {
  fit <- small_fit()
  for (state in decisive_states(fit, 3)$state) {
    seen <- plot_data(fit, "values", state = state)$data
    expect_equal(sum(seen$observed), 1)
    expect_equal(sum(seen$expected), 1)
  }
})

test_that("expected shares are the averaged predictions", {
  fit <- small_fit()
  state <- decisive_states(fit, 1)$state
  predicted <- predict(fit, type = "probability")
  predicted <- predicted[predicted$state == state, ]
  mean_of <- function(x) tapply(x, as.character(predicted$action), mean)
  seen <- plot_data(fit, "values", state = state)$data
  expect_equal(seen$expected, as.vector(mean_of(predicted$probability)[seen$action]))
  expect_equal(seen$observed, as.vector(mean_of(predicted$chosen)[seen$action]))
})

test_that("information of states is that of the choice model", {
  fit <- small_fit()
  seen <- decisive_states(fit, Inf)
  expect_equal(sum(seen$share), 1)
  expect_equal(sum(seen$n_decisions), nobs(fit))
  beta <- exp(mean(persons(fit)$log_estimate))
  a <- values(fit)
  a <- a$advantage[a$state == seen$state[1]]
  # Minus the expected second derivative of the log-likelihood in log beta is the
  # variance of its first derivative.
  p <- exp(beta * a) / sum(exp(beta * a))
  score <- beta * (a - sum(p * a))
  expect_equal(seen$information[1], sum(p * score^2))
})

test_that("calibration bins agree with counting", {
  fit <- small_fit()
  seen <- plot_data(fit, "calibration")$data
  predicted <- predict(fit, type = "probability")
  predicted <- predicted[predicted$probability < 1 - 1e-9, ]
  expect_equal(sum(seen$n), nrow(predicted))
  expect_equal(sum(seen$n * seen$observed), sum(predicted$chosen))
  expect_equal(sum(seen$n * seen$predicted), sum(predicted$probability))
})

test_that("a path has a row a decision, best actions marked", {
  fit <- small_fit()
  seen <- plot_data(fit, "path", person = "p3")$data
  scores <- persons(fit)
  expect_equal(nrow(seen), scores$n_decisions[scores$person == "p3"])
  expect_true(all(seen$kind[seen$chance == 1] == "only action"))
  expect_equal(range(seen$probability[seen$chance == 1]), c(1, 1))
})

test_that("what cannot be drawn is said", {
  fit <- small_fit()
  expect_error(plot(fit, "pie"), class = "psyrl_error_input")
  expect_error(plot(fit, "criterion"), class = "psyrl_error_input")
  expect_error(plot(fit, "values", state = "nowhere"), class = "psyrl_error_input")
  expect_error(plot(fit, "path", person = "nobody"), class = "psyrl_error_input")
  terminal <- fit$task$states[fit$task$terminal][1]
  expect_error(plot(fit, "values", state = terminal), class = "psyrl_error_input")
})
