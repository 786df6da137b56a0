fitted_bandit <- function() {
  set.seed(1)
  rlearn(simulate(rescorla_wagner(), design = bandit_task(12, 60)))
}

test_that("pictures show the fit's own numbers", {
  pdf(NULL)
  on.exit(dev.off())
  fit <- fitted_bandit()
  persons <- plot(fit)
  expect_equal(nrow(persons), 24)
  alpha <- subset(persons, parameter == "alpha")
  expect_false(is.unsorted(alpha$estimate[order(alpha$rank)]))
  expect_equal(unique(alpha$middle), plogis(coef(fit)[["alpha"]]))
  expect_equal(nrow(plot(fit, parameter = "beta")), 12)
  u <- plot(fit, "parameters")
  expect_equal(unname(exp(u[, "beta"])), subset(persons, parameter == "beta")$estimate)
  curves <- plot(fit, "curves", nsim = 5, bins = 6)
  expect_equal(length(unique(curves$position)), 6)
  expect_equal(plot(fit, "stays", nsim = 5)$after, c("win", "loss"))
  expect_error(plot(fit, "pie"), class = "psyrl_error_input")
  expect_error(plot(fit, parameter = "gamma"), class = "psyrl_error_input")
  expect_error(plot(fit, "parameters", parameter = "beta"), class = "psyrl_error_input")
})

test_that("ggplot2 draws the same", {
  skip_if_not_installed("ggplot2")
  fit <- fitted_bandit()
  for (type in rlearn_plot_types) {
    picture <- if (type %in% c("curves", "stays")) {
      autoplot.rlearn(fit, type, nsim = 3)
    } else {
      autoplot.rlearn(fit, type)
    }
    expect_s3_class(ggplot2::ggplot_build(picture)$plot, "ggplot")
  }
})
