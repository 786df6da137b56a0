# Representations of values and rewards: exact derivatives of all that can be
# combined, and fits that use them.

log_on <- function(task, persons = 10, steps = 25, seed = 3) {
  set.seed(seed)
  beta <- setNames(exp(rnorm(persons, 0, .5)), paste0("p", seq_len(persons)))
  simulate_trajectories(task, beta, 1, max_steps = steps)
}

value_kinds <- list(
  table = q_table(l2 = .2), tied = NULL, linear = q_linear(~ x + y, l2 = .1),
  network = q_network(c(4, 3))
)
reward_kinds <- list(
  known = reward_known(), table = reward_table(bound = 2, l2 = .3),
  linear = reward_linear(~ y + z), network = reward_network(3, bound = 1.5)
)

learning_problem <- function(task, log, value, reward, case) {
  spec <- validate_spec(list(
    value = value, reward = reward, consistency = bellman(
      lambda = .7, temperature = case$temperature, backup = case$backup,
      pairs = case$pairs, residual = case$residual, cql = case$cql
    ), habit = FALSE, identify = case$identify, persons = ~1, estimator = "joint"
  ))
  problem <- measurement_problem(log, task, spec, rlmm_control())
  problem$penalty <- value_penalty(problem)
  problem$map <- list(
    value = value_links(problem), reward = reward_links(problem)
  )
  problem
}

consistencies <- list(
  list(temperature = .5, backup = "soft", pairs = "legal", residual = "expected", cql = 0),
  list(temperature = .5, backup = "mellow", pairs = "observed", residual = "sample", cql = .3),
  list(temperature = 0, backup = "soft", pairs = "observed", residual = "expected", cql = .3)
)

test_that("derivatives of every value x reward x consistency x identify are exact", {
  task <- featured_task()
  log <- log_on(task)
  value_kinds$tied <- q_table(l2 = 0, tie = paired_classes(task))
  cases <- expand.grid(
    value = names(value_kinds), reward = names(reward_kinds),
    consistency = seq_along(consistencies),
    identify = c("none", "center", "global_rms", "state_rms"),
    stringsAsFactors = FALSE
  )
  set.seed(8)
  for (i in seq_len(nrow(cases))) {
    case <- cases[i, ]
    problem <- learning_problem(
      task, log, value_kinds[[case$value]], reward_kinds[[case$reward]],
      c(consistencies[[case$consistency]], list(identify = case$identify))
    )
    groups <- slope_groups(exp(rnorm(10, 0, .5)), problem$counts)
    n <- n_parameters_(problem$map)
    theta <- rnorm(n)
    v <- rnorm(n)
    at <- function(theta) {
      evaluate_penalised_(problem$task, groups, problem$penalty, theta, list(
        threads = 1L, identify = case$identify, direction = v, map = problem$map
      ))
    }
    here <- at(theta)
    # Four points: near ties `state_rms` bends sharply.
    h <- 1e-5
    around <- lapply(c(-2, -1, 1, 2) * h, function(step) at(theta + step * v))
    slope <- function(name) {
      Reduce(`+`, Map(function(x, c) c * x[[name]], around, c(1, -8, 8, -1))) / (12 * h)
    }
    label <- paste(unlist(case), collapse = " ")
    expect_equal(sum(here$gradient * v), slope("value"), tolerance = 1e-6, label = label)
    expect_equal(here$product, slope("gradient"), tolerance = 1e-6, label = label)
  }
})

test_that("representations equal plain R", {
  task <- featured_task()
  set.seed(2)
  spec <- list(
    value = q_network(c(4, 3)), task = task, reward = reward_linear(~ y, bound = 2)
  )
  link <- value_links(spec)
  theta <- rnorm(n_parameters_(list(value = link, reward = list())))
  x <- link[[1]]$x
  at <- 0
  layer <- function(a, n, last = FALSE) {
    force(a)
    w <- matrix(theta[at + seq_len(ncol(a) * n)], ncol(a))
    at <<- at + length(w)
    b <- theta[at + seq_len(n)]
    at <<- at + n
    z <- sweep(a %*% w, 2, b, `+`)
    if (last) drop(z) else tanh(z)
  }
  expected <- layer(layer(layer(x, 4), 3), 1, TRUE)
  found <- represent_(list(value = link, reward = list()), theta, 1L)
  expect_equal(found, expected, tolerance = 1e-12)
  weights <- c(.3, -1.2)
  bounded <- represent_(list(value = list(), reward = reward_links(spec)), weights, 1L)
  expect_equal(bounded, 2 * tanh((.3 - 1.2 * task$features$y) / 2), tolerance = 1e-12)
  spec[c("value", "identify")] <- list(q_table(), "global_rms")
  q <- rnorm(n_pairs(task))
  unit <- represent_(list(value = value_links(spec), reward = list()), q, 1L)
  expect_equal(unit, q / sqrt(mean(center_by_state(q, task)^2)), tolerance = 1e-12)
})

test_that("every value can be fitted, by both estimators, and never gets worse", {
  task <- featured_task()
  log <- log_on(task, 20, 40)
  kinds <- list(
    q_table(l2 = 0, tie = paired_classes(task)), q_linear(~ x + y + action),
    q_network(4)
  )
  for (value in kinds) {
    for (estimator in c("joint", "marginal")) {
      m_step <- if (inherits(value, "q_network")) "lbfgs" else "newton"
      fit <- suppressWarnings(rlmm(log, task, value,
        consistency = bellman(lambda = 1, temperature = .5), estimator = estimator,
        control = rlmm_control(m_step = m_step, max_iterations = 60)
      ), classes = "psyrl_warning")
      expect_true(all(diff(fit$trace$objective) < 0))
      expect_equal(nrow(values(fit)), 12)
    }
  }
})

test_that("tied pairs share their values, linear ones follow their features", {
  task <- featured_task()
  log <- log_on(task, 20, 40)
  fit <- function(value) {
    suppressWarnings(rlmm(log, task, value,
      consistency = bellman(lambda = 1, temperature = .5), estimator = "joint"
    ), classes = "psyrl_warning")
  }
  tied <- values(fit(q_table(l2 = 0, tie = paired_classes(task))))$q
  expect_equal(tied[c(1, 3, 5)], tied[c(2, 4, 6)])
  q <- values(fit(q_linear(~ x + y)))$q
  expect_lt(max(abs(residuals(lm(q ~ x + y, task$features)))), 1e-8)
})

test_that("what cannot be represented is an error that says so", {
  task <- featured_task()
  log <- log_on(task)
  fit <- function(value) rlmm(log, task, value, consistency = bellman(1, .5))
  expect_error(fit(q_linear(~ nowhere)), class = "psyrl_error_input")
  expect_error(
    rlmm(log, random_mdp(4, 3), q_linear(), consistency = bellman(1, .5)),
    class = "psyrl_error"
  )
  expect_error(q_network(c(3, -1)), class = "psyrl_error_input")
  expect_error(q_linear("x"), class = "psyrl_error_input")
  few <- paired_classes(task)[-1, ]
  expect_error(fit(q_table(1, tie = few)), class = "psyrl_error_task")
  foreign <- transform(paired_classes(task), action = "jump")
  expect_error(fit(q_table(1, tie = foreign)), class = "psyrl_error_task")
})

test_that("weights left open are settled by persons who were left out", {
  set.seed(3)
  task <- rescale_rewards(peg_solitaire("tiny_cross", features = TRUE))
  beta <- stats::setNames(exp(stats::rnorm(40)), sprintf("p%02d", 1:40))
  log <- simulate_trajectories(task, beta, 5, solve_mdp(task, 0))
  quiet <- function(...) suppressWarnings(rlmm(log, task, ...), classes = "psyrl_warning")
  fit <- quiet(q_linear())
  best <- fit$tuning[fit$tuning$chosen, ]
  expect_equal(fit$lambda, best$lambda)
  expect_lt(best$nll, fit$tuning$nll[1] + 1e-12)
  expect_equal(coef(fit)[["residual_sd"]], 1 / sqrt(2 * fit$lambda))
  expect_equal(
    coef(fit)[["temperature"]], coef(quiet(q_task()))[["temperature"]]
  )
  expect_output(print(summary(fit)), "left out best")
  # The same again by hand: what is chosen is a fit like any other.
  again <- quiet(q_linear(),
    consistency = bellman(fit$lambda, coef(fit)[["temperature"]])
  )
  expect_equal(values(again)$q, values(fit)$q)
  free <- quiet(q_linear(l2 = "estimate"), consistency = bellman_none())
  expect_true(free$tuning$l2[free$tuning$chosen] %in% ridge_candidates)
  network <- quiet(q_network(3, ~ r2c3 + r3c3),
    control = rlmm_control(m_step = "lbfgs", max_iterations = 4)
  )
  expect_true(any(network$tuning$chosen))
})
