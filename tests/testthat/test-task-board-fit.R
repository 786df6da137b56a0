# Fits on boards on demand beside the same fits where all positions are laid out.
boards <- c("4x4", "diamond")

study_on_board <- function(board, n = 40, episodes = 6, seed = 5) {
  set.seed(seed)
  whole <- peg_solitaire(board, features = TRUE)
  log <- simulate_trajectories(
    whole, people_on_boards(n), episodes, solve_mdp(whole, 0)
  )
  list(whole = whole, task = on_demand(board), log = log)
}

test_that("exact values give the same fit", {
  for (board in boards) {
    s <- study_on_board(board)
    whole <- rlmm(s$log, s$whole, q_task(temperature = 0))
    region <- rlmm(s$log, s$task, q_task(temperature = 0))
    expect_equal(coef(region), coef(whole), tolerance = 1e-6)
    expect_equal(persons(region), persons(whole), tolerance = 1e-6)
    expect_equal(as.double(logLik(region)), as.double(logLik(whole)), tolerance = 1e-8)
    expect_equal(
      predict(region)$probability, predict(whole)$probability,
      tolerance = 1e-6
    )
    table <- values(region)
    expect_false(anyNA(table$q))
    expect_setequal(table$state, setdiff(region$task$states[!region$task$terminal], NA))
  }
})

test_that("the temperature is found by exact solutions of the whole board", {
  s <- study_on_board("4x4", n = 30)
  whole <- rlmm(s$log, s$whole)
  region <- rlmm(s$log, s$task)
  expect_equal(as.double(logLik(region)), as.double(logLik(whole)), tolerance = 1e-5)
  expect_equal(
    persons(region)$log_estimate, persons(whole)$log_estimate,
    tolerance = 1e-2
  )
  expect_output(print(summary(region)), "exact task")
})

test_that("other logs are scored by values of their own positions", {
  s <- study_on_board("4x4")
  set.seed(6)
  other <- simulate_trajectories(
    s$whole, people_on_boards(5, -2), 4, solve_mdp(s$whole, 0)
  )
  whole <- rlmm(s$log, s$whole, q_task(temperature = 0))
  region <- rlmm(s$log, s$task, q_task(temperature = 0))
  expect_false(all(used_states(other) %in% region$task$states))
  expect_equal(
    persons(region, newdata = other), persons(whole, newdata = other),
    tolerance = 1e-6
  )
  expect_equal(
    heldout(region, other)[1:2, ], heldout(whole, other)[1:2, ],
    tolerance = 1e-6
  )
  expect_equal(
    predict(region, other)$probability, predict(whole, other)$probability,
    tolerance = 1e-6
  )
  set.seed(7)
  expect_equal(nrow(cross_validate(region, 2)), 4)
})

test_that("functions of cells are learned, and know every position", {
  s <- study_on_board("diamond", n = 30, episodes = 4)
  set.seed(8)
  other <- simulate_trajectories(
    s$whole, people_on_boards(5, -2), 4, solve_mdp(s$whole, 0)
  )
  for (value in list(q_linear(), q_network(4))) {
    set.seed(9)
    fit <- suppressWarnings(rlmm(s$log, s$task, value,
      consistency = bellman_none(), estimator = "joint",
      control = rlmm_control(m_step = "lbfgs", steps = 20, max_iterations = 5)
    ))
    reached <- fit_reaching(fit, other)
    # What was known is what it was.
    known <- seq_along(fit$values$q)
    expect_equal(reached$values$q[known], fit$values$q, tolerance = 1e-10)
    expect_equal(
      reached$values$advantage[known], fit$values$advantage,
      tolerance = 1e-10
    )
    expect_gt(length(reached$values$q), length(known))
    expect_equal(persons(fit, newdata = s$log)$std_error,
      persons(fit)$std_error, tolerance = .05
    )
    nll <- heldout(fit, other)
    expect_lt(nll$nll[1], nll$nll[2])
    again <- simulate(fit, seed = 1)[[1]]
    expect_equal(length(again$persons), 30)
  }
})

test_that("a penalty holds a network to the whole board", {
  s <- study_on_board("diamond", n = 30, episodes = 4)
  fit <- function(task, pairs = "legal") {
    set.seed(10)
    suppressWarnings(rlmm(s$log, task, q_table(l2 = 0),
      consistency = bellman(1e6, temperature = 0, pairs = pairs), identify = "center"
    ))
  }
  # So hard that the values are the task's.
  exact <- rlmm(s$log, s$whole, q_task(temperature = 0))
  expect_equal(
    persons(fit(s$task))$log_estimate, persons(exact)$log_estimate,
    tolerance = 1e-4
  )
})

test_that("steps suit what is learned, where they are left open", {
  open <- rlmm_control()
  of <- function(value, ...) list(value = value, reward = reward_known(), ...)
  task <- list(layout = list(pair_action = integer(60000)))
  found <- suited_control(open, of(q_network()), task, 1e5)
  expect_identical(found$m_step, "adam")
  expect_equal(found$tolerance, 20)
  given <- rlmm_control(m_step = "lbfgs", steps = 5)
  expect_identical(suited_control(given, of(q_network()), task, 1e5), given)
  rate <- suited_control(rlmm_control(learning_rate = .1), of(q_network()), task, 1e5)
  expect_equal(rate$learning_rate, .1)
  expect_identical(suited_control(open, of(q_linear()), task, 1e5), open)
  task$layout$pair_action <- integer(100)
  expect_identical(suited_control(open, of(q_network()), task, 1e5), open)
  hard <- of(q_linear(), consistency = bellman(1, 0))
  expect_identical(suited_control(open, hard, task, 1e5), open)
  hard$reward <- reward_table()
  expect_identical(suited_control(open, hard, task, 1e5)$m_step, "lbfgs")
  newton <- rlmm_control(m_step = "newton")
  expect_identical(suited_control(newton, hard, task, 1e5), newton)
})

test_that("what cannot be had says so", {
  s <- study_on_board("diamond", n = 12, episodes = 2)
  expect_error(
    rlmm(s$log, s$task, reward = reward_linear()), "rewards must be known",
    class = "psyrl_error_input"
  )
  expect_error(
    rlmm(s$log, s$task, q_task(temperature = "person")), "one",
    class = "psyrl_error_input"
  )
  fit <- rlmm(s$log, s$task, q_task(temperature = 0))
  expect_error(information(fit), "enumerated on demand", class = "psyrl_error_input")
  expect_error(test_length(fit), "enumerated on demand", class = "psyrl_error_input")
  expect_equal(nrow(information(fit, by = "episode")) > 0, TRUE)
  set.seed(11)
  other <- simulate_trajectories(s$whole, c(z = .01), 4, solve_mdp(s$whole, 0))
  known <- solve_mdp(s$task, 0, states = used_states(s$log))
  by_table <- rlmm(s$log, s$task, q_known(known))
  expect_error(
    persons(by_table, newdata = other), "stay within", class = "psyrl_error_input"
  )
  expect_error(simulate(by_table), "simulate", class = "psyrl_error_input")
  expect_equal(
    persons(by_table, newdata = s$log)$n_decisions, persons(by_table)$n_decisions
  )
  boot <- bootstrap(fit, n = 3)
  expect_false(anyNA(boot$estimates[, "mu"]))
})
