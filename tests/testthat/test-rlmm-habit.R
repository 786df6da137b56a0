# Habit and value: logit = h(s, a) + beta_j A(s, a).

# `relative`: temperature of the values in units of their root mean square.
habit_log <- function(n = 120, episodes = 6, seed = 4, board = "big_cross",
                      relative = 0) {
  task <- peg_solitaire(board)
  unit <- sqrt(mean(solve_mdp(task, 0)$advantage^2))
  q <- solve_mdp(task, relative * unit)
  set.seed(seed)
  h <- stats::rnorm(nrow(q), 0, 1)
  h <- h - stats::ave(h, q$state)
  b <- stats::setNames(stats::rnorm(n, .8, .6), sprintf("p%03d", seq_len(n)))
  log <- do.call(rbind, lapply(names(b), function(person) {
    q$q <- h + b[[person]] * q$advantage / unit
    one <- stats::setNames(1, person)
    d <- as.data.frame(simulate_trajectories(task, one, episodes, q))
    d$beta <- NULL
    d
  }))
  list(task = task, log = trajectories(log), b = b / unit, h = h)
}

test_that("habit and slopes of either sign are recovered", {
  made <- habit_log()
  fit <- rlmm(made$log, made$task, q_task(temperature = 0), habit = TRUE)
  expect_equal(fit$status, "converged")
  expect_true(all(diff(fit$trace$objective) <= 0))
  scores <- persons(fit)
  b <- made$b[as.character(scores$person)]
  expect_gt(stats::cor(scores$estimate, b), .85)
  # The mean slope and the habit compete for what everybody does.
  expect_lt(abs(mean(scores$estimate - b)), .2 * stats::sd(b))
  inside <- mean(scores$conf_low < b & b < scores$conf_high)
  expect_gt(inside, .88)
  expect_identical(scores$estimate, scores$log_estimate)
  expect_gt(stats::cor(fit$values$habit, made$h), .6)
  expect_lt(abs(coef(fit)[["habit_sd"]] - 1), .25)
})

test_that("a temperature is the best beside the habit, and not taken as known", {
  made <- habit_log(50, 10, 2, "tiny_cross", .3)
  fit_at <- function(...) rlmm(made$log, made$task, q_task(...), habit = TRUE)
  fit <- fit_at()
  at <- fit$values$at_temperatures
  expect_equal(sum(at$weight), 1)
  # Without a habit the best would be lower than any that is worth to be tried.
  expect_lt(coef(rlmm(made$log, made$task))[["temperature"]], min(at$temperature[-1]))
  for (temperature in at$temperature[at$temperature < 50]) {
    given <- fit_at(temperature = temperature)
    expect_gt(min(given$trace$objective), min(fit$trace$objective) - .05)
  }
  known <- fit_at(temperature = coef(fit)[["temperature"]])
  expect_equal(persons(known)$estimate, persons(fit)$estimate, tolerance = .02)
  width <- function(fit) rowSums(confint(fit, "persons") %*% c(-1, 1))
  expect_gt(mean(width(fit) / width(known)), 1.02)
  between <- function(fit) mean(vcov(fit, "persons")[1, -1])
  expect_gt(between(fit), between(known))
  inside <- confint(fit, "persons")
  b <- made$b[rownames(inside)]
  expect_gt(mean(inside[, 1] < b & b < inside[, 2]), .88)
})

test_that("a search for the temperature that is stopped is a usable fit", {
  made <- habit_log(20, 4, 2, "tiny_cross")
  for (last in c(1, 8)) {
    rounds <- 0
    expect_warning(
      fit <- rlmm(made$log, made$task, habit = TRUE,
        control = rlmm_control(callback = function(row) {
          rounds <<- rounds + 1
          rounds < last
        })
      ),
      class = "psyrl_warning_interrupted"
    )
    expect_identical(fit$status, "interrupted")
    expect_equal(nrow(persons(fit)), 20)
    expect_true(all(is.finite(confint(fit, "persons"))))
  }
})

test_that("a habit works through prediction, new persons and known values", {
  made <- habit_log(60)
  q <- solve_mdp(made$task, 0)[c("state", "action", "q")]
  fit <- rlmm(made$log[1:40], made$task, q_known(q), habit = TRUE)
  without <- rlmm(made$log[1:40], made$task, q_known(q))
  new <- made$log[41:60]
  nll <- function(x) heldout(x, new)$nll[1]
  expect_lt(nll(fit), nll(without))
  p <- predict(fit, new)
  expect_equal(
    as.numeric(tapply(p$probability, paste(p$person, p$episode, p$step), sum)),
    rep(1, nrow(unique(p[c("person", "episode", "step")])))
  )
  expect_equal(nrow(persons(fit, new)), 20)
  expect_output(print(summary(fit)), "habits that")
})

test_that("a given population stays given, per reward", {
  made <- habit_log(30, 2)
  fit <- rlmm(made$log, made$task, q_task(temperature = 0),
    habit = TRUE, control = rlmm_control(mu = .02, sigma = .01)
  )
  expect_equal(unname(coef(fit)[c("mu", "sigma")]), c(.02, .01))
})

test_that("a habit stands beside exact or known values only", {
  made <- habit_log(10, 1)
  for (value in list(q_table(), q_task(temperature = "person"))) {
    expect_error(
      rlmm(made$log, made$task, value, habit = TRUE), class = "psyrl_error_input"
    )
  }
})

test_that("pictures and simulated logs know the habit", {
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(5)
  z <- stats::setNames(stats::rnorm(40, -3, .4), sprintf("p%02d", 1:40))
  log <- simulate_trajectories(task, exp(z), episodes = 20)
  fit <- quietly(rlmm(log, task, habit = TRUE))
  # A habit that overrules the values in the first state.
  first <- task_pairs(task)$state == task$starts[1]
  fit$values$habit[first] <- c(20, numeric(sum(first) - 1))
  again <- simulate(fit, 1, seed = 1, episodes = 5)[[1]]
  expect_equal(again$persons, fit$data$persons)
  taken <- as.data.frame(again)
  taken <- taken[taken$state == task$states[task$starts[1]], ]
  wanted <- task$actions[task_pairs(task)$action[which(first)[1]]]
  expect_gt(mean(taken$action == wanted), .9)
  expect_gt(
    state_shares(fit, which(first))$expected[1], .9
  )
  expect_false(plot_data(fit, "persons")$log)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (type in c("persons", "values", "calibration", "criterion")) {
    expect_s3_class(plot(fit, type, criterion = z), "data.frame")
  }
})

test_that("the curvature in a habit is that of its softmax, state by state", {
  task <- peg_solitaire("big_cross")
  state <- task_pairs(task)$state
  nodes <- c(-1, 0.5, 2)
  set.seed(7)
  habit <- stats::rnorm(length(state))
  advantage <- stats::rnorm(length(state))
  pair <- lapply(nodes, function(z) sort(sample(length(state), 90)))
  count <- lapply(pair, function(p) stats::rexp(length(p)))
  found <- habit_curvature_(
    task, slope_groups(rep(1, 3), list(
      person_start = c(0L, cumsum(lengths(pair))), pair = unlist(pair) - 1L,
      count = unlist(count)
    )), list(advantage = advantage, habit = habit, beta = nodes), 2
  )
  visited <- sort(unique(state[unlist(pair)]))
  expected <- lapply(visited, function(s) {
    here <- which(state == s)
    n <- length(here)
    if (n == 1) return(numeric())
    block <- 0
    for (k in seq_along(nodes)) {
      pi <- exp(habit[here] + nodes[k] * advantage[here])
      pi <- pi / sum(pi)
      visits <- sum(count[[k]][state[pair[[k]]] == s])
      block <- block + visits * (diag(pi) - tcrossprod(pi))
    }
    sort(eigen(block, TRUE, only.values = TRUE)$values)[-1]
  })
  expect_equal(found, unlist(expected), tolerance = 1e-10)
})
