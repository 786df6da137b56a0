# Rounds of a search for learned values: the published algorithm, starts,
# checkpoints, validation.

played <- local({
  kept <- NULL
  function() {
    if (is.null(kept)) {
      set.seed(6)
      task <- rescale_rewards(peg_solitaire("big_cross"))
      beta <- setNames(exp(rnorm(40, 0, .8)), paste0("p", 1:40))
      log <- simulate_trajectories(task, beta, 6, solve_mdp(task, 0))
      kept <<- list(task = task, beta = beta, log = log)
    }
    kept
  }
})

published <- function(..., lambda = 20, identify = "state_rms") {
  case <- played()
  set.seed(9)
  suppressWarnings(rlmm(case$log, case$task, q_table(0),
    consistency = bellman(lambda, .1,
      pairs = "observed", residual = "sample", cql = .5
    ),
    estimator = "joint", identify = identify,
    control = rlmm_control(
      m_step = "adam", learning_rate = .01, steps = 40, batch_size = 64, ...
    )
  ), classes = "psyrl_warning")
}

# The same fit, but for the time it took.
without_time <- function(fit) {
  fit$trace$seconds <- NULL
  fit[c("values", "parameters", "posterior", "trace", "status", "mode")]
}

test_that("steps on mini-batches never raise the full objective", {
  for (target in c(1, 10, .05, 0)) {
    fit <- published(max_iterations = 6, target_update = target)
    expect_true(all(diff(fit$trace$objective) < 0))
    expect_gte(nrow(fit$trace), 3)
  }
  # A rate that is far too large is halved until a round helps.
  wild <- published(max_iterations = 4, identify = "global_rms")
  expect_true(all(diff(wild$trace$objective) < 0))
})

test_that("values learned from sampled residuals can be read", {
  fit <- published(max_iterations = 2)
  expect_equal(nrow(values(fit)), length(fit$values$q))
})

test_that("all rules reach the minimum that Newton's method finds", {
  case <- played()
  fit <- function(m_step, steps, ...) {
    set.seed(2)
    suppressWarnings(rlmm(case$log, case$task, q_table(.1),
      consistency = bellman(5, .3), estimator = "joint",
      control = rlmm_control(m_step = m_step, steps = steps, ...)
    ), classes = "psyrl_warning")
  }
  newton <- fit("newton", 5)
  quasi <- fit("lbfgs", 100)
  adam <- fit("adam", 200, learning_rate = .02, max_iterations = 60, target_update = 0)
  best <- tail(newton$trace$objective, 1)
  expect_equal(tail(quasi$trace$objective, 1), best, tolerance = 1e-4)
  expect_equal(tail(adam$trace$objective, 1), best, tolerance = 2e-3)
})

test_that("persons can take turns", {
  fit <- published(max_iterations = 6, batch_persons = 15)
  expect_true(all(diff(fit$trace$objective) < 0))
  case <- played()
  online <- suppressWarnings(rlmm(case$log, case$task, q_table(.1),
    consistency = bellman(5, .3), control = rlmm_control(
      batch_persons = 20, max_iterations = 5
    ), identify = "global_rms", estimator = "marginal"
  ), classes = "psyrl_warning")
  expect_true(all(diff(online$trace$objective) <= 0))
})

test_that("a fit resumed from its checkpoint has the bits of an uninterrupted one", {
  whole <- published(max_iterations = 6, batch_persons = 20)
  file <- tempfile(fileext = ".rds")
  published(max_iterations = 3, batch_persons = 20, checkpoint = file)
  resumed <- published(max_iterations = 6, batch_persons = 20, checkpoint = file)
  expect_identical(without_time(resumed), without_time(whole))
  expect_error(published(lambda = 3, checkpoint = file), class = "psyrl_error_input")
})

test_that("rounds that close in steadily are followed by a leap", {
  path <- lapply(c(1, .5, .25), function(x) list(theta = c(x, -2 * x), population = 3))
  expect_equal(leap(path), list(theta = c(0, 0), population = 3))
  # Nothing to go by, and steps that hardly shrink.
  expect_null(leap(path[1:2]))
  expect_null(leap(rev(path[c(1, 3, 2)])))
  slow <- lapply(c(0, 1, 1.999), function(x) list(x))
  expect_equal(leap(slow)[[1]], 1.999 + 19 * .999)

  case <- played()
  fit <- function(...) {
    suppressWarnings(rlmm(case$log, case$task, q_table(),
      consistency = bellman(5, .3, cql = .1), control = rlmm_control(...)
    ), classes = "psyrl_warning")
  }
  whole <- fit()
  expect_identical(whole$status, "converged")
  expect_gt(sum(is.na(whole$trace$step[-1])), 2)
  expect_true(all(diff(whole$trace$objective) < 0))
  file <- tempfile(fileext = ".rds")
  for (rounds in c(5, 200)) {
    resumed <- fit(max_iterations = rounds, checkpoint = file)
  }
  expect_identical(without_time(resumed), without_time(whole))
})

test_that("threads and clusters do not change a bit; starts keep the best", {
  case <- played()
  fit <- function(...) {
    set.seed(5)
    suppressWarnings(rlmm(case$log, case$task, q_table(.1),
      consistency = bellman(5, .3), estimator = "joint",
      control = rlmm_control(max_iterations = 4, ...)
    ), classes = "psyrl_warning")
  }
  one <- fit(threads = 1, starts = 2)
  two <- fit(threads = 2, starts = 2)
  expect_identical(without_time(one), without_time(two))
  cluster <- parallel::makeCluster(1)
  on.exit(parallel::stopCluster(cluster))
  expect_identical(without_time(fit(starts = 2, cluster = cluster)), without_time(one))
  found <- attr(one$trace, "starts")
  expect_length(found, 2)
  expect_equal(min(found), tail(one$trace$objective, 1))
})

test_that("validation persons are predicted after every round", {
  case <- played()
  fit <- published(max_iterations = 3, validation = case$log[1:10])
  expect_true(all(is.finite(fit$trace$validation_nll)))
  expect_lt(tail(fit$trace$validation_nll, 1), log(4))
  expect_error(rlmm_control(target_update = 1.5), class = "psyrl_error_input")
  expect_error(rlmm_control(m_step = "sgd"), class = "psyrl_error_input")
})

test_that("an interrupted search is a usable fit", {
  expect_warning(
    {
      case <- played()
      fit <- rlmm(case$log, case$task, q_table(.1),
        consistency = bellman(5, .3), estimator = "joint",
        control = rlmm_control(callback = function(row) row$iteration < 2)
      )
    },
    class = "psyrl_warning_interrupted"
  )
  expect_equal(fit$status, "interrupted")
  expect_equal(nrow(persons(fit)), 40)
})
