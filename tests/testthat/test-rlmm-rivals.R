# Values held to the task or a free table: the evidences decide.

# People who follow `values(task's own)`, z their log beta.
followers <- function(board, n, episodes, seed, values) {
  set.seed(seed)
  task <- rescale_rewards(peg_solitaire(board))
  followed <- solve_mdp(task, 0)
  followed$q <- values(followed$q)
  z <- stats::setNames(stats::rnorm(n, 0, .8), sprintf("p%02d", seq_len(n)))
  list(
    task = task, values = followed, z = z,
    log = simulate_trajectories(task, exp(z), episodes, followed)
  )
}

noise <- function(q) stats::rnorm(length(q))

open_fit <- function(case, ...) {
  rlmm(case$log, case$task, q_table(), control = rlmm_control(threads = 1, ...))
}

open_problem <- function(case, consistency = bellman(), ...) {
  spec <- validate_spec(list(
    value = q_table(), reward = reward_known(), consistency = consistency,
    habit = FALSE, identify = "auto", persons = ~1, estimator = "marginal"
  ))
  measurement_problem(case$log, case$task, spec, rlmm_control(threads = 1, ...))
}

test_that("people who follow values of their own are a free table, without a search", {
  case <- followers("big_cross", 60, 20, 3, noise)
  expect_warning(
    fit <- open_fit(case), "do not follow the task",
    class = "psyrl_warning_meaning"
  )
  expect_identical(fit$status, "converged")
  expect_identical(fit$lambda, 0)
  expect_identical(coef(fit)[["residual_sd"]], Inf)
  expect_identical(fit$values$residual_sd_relative, Inf)
  expect_true(is.na(fit$rivals[["held"]]))
  expect_gt(fit$rivals[["table"]], fit$rivals[["exact"]] + 100)
  expect_output(print(fit), "do not follow the task; the values are a free table")
  known <- rlmm(case$log, case$task, q_known(case$values))
  r <- function(fit) stats::cor(persons(fit)$log_estimate, case$z)
  expect_gt(r(fit), r(known) - .02)
  # On the scale of values as spread as the task's, which these are.
  expect_equal(coef(fit)[["mu"]], coef(known)[["mu"]], tolerance = .5)
  free <- rlmm(case$log, case$task, q_table(),
    consistency = bellman_none(), identify = "center",
    control = rlmm_control(threads = 1)
  )
  expect_identical(fit$posterior, free$posterior)
  new <- simulate_trajectories(
    case$task, c(a = 1, b = 2, c = .5), 5, case$values
  )
  expect_identical(persons(fit, newdata = new), persons(free, newdata = new))
  expect_identical(confint(fit, "values"), confint(free, "values"))
  expect_lt(heldout(fit, new)$nll[1], heldout(fit, new)$nll[2])
})

test_that("values that are held to the task stay, and say how far the table is", {
  case <- followers("tiny_cross", 100, 5, 2, function(q) {
    q + stats::rnorm(length(q), 0, .6)
  })
  fit <- suppressWarnings(open_fit(case), classes = "psyrl_warning_meaning")
  expect_s3_class(fit$spec$consistency, "consistency_bellman")
  expect_lt(fit$rivals[["table"]], fit$rivals[["held"]] + 15)
  expect_output(print(fit), "evidence of a free table is")
  bounded <- suppressWarnings(
    rlmm(case$log, case$task, q_table(),
      consistency = bellman(residual_sd_max = 1e6), control = rlmm_control(threads = 1)
    ),
    classes = "psyrl_warning_meaning"
  )
  expect_null(bounded$rivals)
  expect_identical(persons(bounded), persons(fit))
})

test_that("chains begin where a search ended that is far from the task", {
  fit <- fit_by_evidence(open_problem(followers("tiny_cross", 60, 10, 3, noise)))
  searched <- fit$trace[fit$trace$start > 0, ]
  drawn <- fit$trace[fit$trace$start == 0, ]
  expect_gt(tail(searched$residual_sd, 1), 1)
  expect_gt(min(drawn$residual_sd), 1)
  expect_identical(fit$status, "converged")
})

test_that("no table competes where the task explains people", {
  case <- followers("tiny_cross", 40, 5, 1, identity)
  fit <- open_fit(case)
  expect_true(is.na(fit$rivals[["table"]]))
  expect_lt(fit$values$residual_sd_relative, .3)
  expect_null(rival_sentence(fit))
})

test_that("what was given leaves no rival", {
  case <- followers("tiny_cross", 12, 2, 1, identity)
  expect_false(is.null(free_rival(open_problem(case))))
  expect_null(free_rival(open_problem(case, bellman(lambda = 5))))
  expect_null(free_rival(open_problem(case, bellman(residual_sd_max = 1))))
  expect_null(free_rival(open_problem(case, mu = 0)))
})

# `code` with an interrupt, of which it tells, at the `at`-th call of psyrl's `name`.
interrupted_at <- function(name, at, code, press = press_ctrl_c) {
  real <- get(name, asNamespace("psyrl"))
  on.exit(utils::assignInNamespace(name, real, "psyrl"))
  calls <- 0
  utils::assignInNamespace(name, function(...) {
    calls <<- calls + 1
    if (calls == at) press()
    real(...)
  }, "psyrl")
  suppressWarnings(
    expect_warning(code, class = "psyrl_warning_interrupted"),
    classes = "psyrl_warning_meaning"
  )
  code
}

# The signal that Ctrl-C sends, which the core polls; R on Windows has none, but
# signals the same condition.
press_ctrl_c <- function() {
  if (.Platform$OS.type == "unix") {
    tools::pskill(Sys.getpid(), tools::SIGINT)
  } else {
    signal_interrupt()
  }
}

signal_interrupt <- function() {
  signalCondition(structure(
    class = c("interrupt", "condition"), list(message = "", call = NULL)
  ))
}

expect_usable_but_interrupted <- function(fit, n) {
  expect_identical(fit$status, "interrupted")
  expect_identical(nrow(persons(fit)), n)
  expect_true(all(is.finite(persons(fit)$log_estimate)))
  expect_true(all(is.finite(coef(fit)[c("mu", "sigma")])))
  expect_output(print(fit), "interrupted")
}

test_that("a fit interrupted while its rival is fitted is the mode it had", {
  case <- followers("tiny_cross", 100, 5, 2, function(q) {
    q + stats::rnorm(length(q), 0, .6)
  })
  mode <- fit_by_evidence(open_problem(case), draws = 0)
  for (at in 1:2) {
    fit <- interrupted_at("free_table_", at, open_fit(case))
    expect_usable_but_interrupted(fit, 100L)
    expect_true(is.na(fit$rivals[["table"]]))
    expect_identical(fit$posterior, mode$posterior)
    expect_identical(fit$values$q, mode$values$q)
  }
})

test_that("an interrupted table is the answer to whom the task means nothing", {
  case <- followers("big_cross", 60, 20, 3, noise)
  fit <- interrupted_at("free_table_", 3, open_fit(case))
  expect_usable_but_interrupted(fit, 60L)
  expect_true(is_free_table(fit$spec))
})

test_that("an interrupt before the search begins is not lost", {
  case <- followers("tiny_cross", 40, 5, 1, identity)
  fit <- interrupted_at("task_profile", 3, open_fit(case), signal_interrupt)
  expect_usable_but_interrupted(fit, 40L)
  expect_null(fit$rivals)
})

test_that("an interrupt of the search leaves what it had begun with", {
  skip_on_os("windows")
  case <- followers("big_cross", 60, 5, 2, identity)
  fit <- interrupted_at("search_evidence_", 1, open_fit(case))
  expect_usable_but_interrupted(fit, 60L)
})

test_that("the crowd's evidence is the integral over everybody's choices", {
  task <- mdp(data.frame(
    state = rep(c("a", "b"), 2:3), action = c("x", "y", "x", "y", "z"),
    next_state = c("b", "b", "end", "end", "end"), reward = c(0, 1, 0, 1, 2)
  ), discount = .9)
  log <- simulate_trajectories(task, stats::setNames(rep(1, 10), letters[1:10]), 2)
  problem <- open_problem(list(log = log, task = task))
  n <- pair_totals(problem)
  at <- function(a) {
    p <- seq(5e-4, 1, 1e-3)
    two <- mean(p^n[1] * (1 - p)^n[2] * stats::dbeta(p, a, a))
    # The first of three, and the second's share of the rest.
    first <- mean(p^n[3] * (1 - p)^(n[4] + n[5]) * stats::dbeta(p, a, 2 * a))
    rest <- mean(p^n[4] * (1 - p)^n[5] * stats::dbeta(p, a, a))
    log(two) + log(first) + log(rest)
  }
  best <- stats::optimize(function(x) at(exp(x)), c(-.5, 6), maximum = TRUE)
  expect_equal(crowd_evidence(problem), best$objective, tolerance = 1e-4)
  expect_equal(
    chance_log_lik(problem), -sum(n[1:2]) * log(2) - sum(n[3:5]) * log(3)
  )
})

test_that("both evidences are of the same choices, constants and all", {
  # Without rewards and a future, values held to the task are a free table.
  case <- followers("tiny_cross", 60, 20, 1, noise)
  case$task$layout$reward[] <- 0
  case$task$discount <- 0
  problem <- open_problem(case, bellman_none(), mu = 0, sigma = .8)
  table <- free_table_round(problem, 1, list(
    z = numeric(60), population = list(effects = 0, log_sigma = log(.8))
  ))
  held <- fit_evidence(
    case$task, c(problem$counts, list(design = problem$design)),
    evidence_spec(residual_sd = 1, temperature = 1, mu = 0, sigma = .8),
    evidence_control(draws = 0)
  )
  expect_lt(abs(held$evidence - table$objective), 2)
  expect_lt(abs(held$effective_values - table$effective), 1)
})
