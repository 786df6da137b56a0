# The path from exact to free values.

path_log <- function() {
  set.seed(3)
  task <- rescale_rewards(peg_solitaire("tiny_cross"))
  beta <- setNames(exp(rnorm(30, 0, .7)), paste0("p", 1:30))
  list(task = task, beta = beta, log = simulate_trajectories(
    task, beta, 6, solve_mdp(task, 0)
  ))
}

test_that("a path begins at the exact score and ends at the crowd's", {
  case <- path_log()
  fit <- rlmm(case$log, case$task, q_task(temperature = 0))
  set.seed(1)
  path <- value_path(fit, log(case$beta), residual_sd = c(0, .1, Inf))
  expect_s3_class(path, "psyrl_path")
  expect_equal(path$residual_sd, c(0, .1, Inf))
  expect_equal(path$exact[1], 1)
  expect_equal(path$crowd[3], 1, tolerance = 1e-6)
  expect_true(all(is.finite(path$nll)) && all(path$std_error > 0))
  expect_equal(path$criterion[1], criterion_cor(fit, log(case$beta))$estimate[1])
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  expect_identical(plot(path), path)
  grDevices::dev.off()
  expect_gt(file.size(file), 1000)
})

test_that("a path needs known rewards, trajectories and sensible numbers", {
  case <- path_log()
  fit <- rlmm(case$log, case$task, q_task(temperature = 0))
  expect_error(value_path(fit, residual_sd = -1), class = "psyrl_error_input")
  expect_error(value_path(fit, held_out = 2), class = "psyrl_error_input")
  of_counts <- rlmm(counts(case$log), case$task, q_task(temperature = 0))
  expect_error(value_path(of_counts), class = "psyrl_error_input")
  learned <- suppressWarnings(rlmm(case$log, case$task, q_task(temperature = 0),
    reward = reward_table()
  ), classes = "psyrl_warning")
  expect_error(value_path(learned), class = "psyrl_error_input")
})
