# Rewards learned from behaviour.

planners <- function(task, persons = 60, temperature = 0, seed = 2, episodes = 4) {
  set.seed(seed)
  beta <- setNames(exp(rnorm(persons, 0, .7)), paste0("p", seq_len(persons)))
  simulate_trajectories(task, beta, episodes, solve_mdp(task, temperature),
    max_steps = 50
  )
}

learned <- function(log, task, reward, temperature = 0, ...) {
  suppressWarnings(
    rlmm(log, task, q_task(temperature = temperature), reward = reward, ...),
    classes = "psyrl_warning"
  )
}

exact_problem <- function(reward, identify, temperature, backup = "soft") {
  task <- featured_task()
  spec <- validate_spec(list(
    value = q_task(temperature, backup = backup), reward = reward,
    consistency = NULL, habit = FALSE, identify = identify, persons = ~1,
    estimator = "marginal"
  ))
  problem <- measurement_problem(
    planners(task, 8), task, spec, rlmm_control(threads = 1)
  )
  problem$map <- list(value = list(), reward = reward_links(problem))
  problem$scale <- "anchors"
  problem
}

test_that("derivatives of exact values in rewards, population and planning are exact", {
  kinds <- list(
    reward_table(bound = 2, l2 = .1), reward_linear(~ x + y),
    reward_network(3), reward_table(anchor = known_action(featured_task()))
  )
  cases <- expand.grid(
    reward = seq_along(kinds), backup = c("soft", "mellow"), temperature = c(0, .4),
    identify = c("center", "state_rms"), stringsAsFactors = FALSE
  )
  set.seed(4)
  for (i in seq_len(nrow(cases))) {
    case <- cases[i, ]
    problem <- exact_problem(
      kinds[[case$reward]], case$identify, case$temperature, case$backup
    )
    n <- n_parameters_(problem$map)
    at <- list(
      theta = rnorm(n), effects = .1, log_sigma = -.2,
      temperature = case$temperature, discount = .85, nodes = seq(-6, 6, .2)
    )
    moved <- function(at, x) {
      at$theta <- x[seq_len(n)]
      at$effects <- x[n + 1]
      at$log_sigma <- x[n + 2]
      evaluated_rewards(problem, at, diag(n + 2))
    }
    x <- c(at$theta, at$effects, at$log_sigma)
    here <- moved(at, x)
    v <- rnorm(n + 2)
    h <- 1e-5
    up <- moved(at, x + h * v)
    down <- moved(at, x - h * v)
    label <- paste(unlist(case), collapse = " ")
    expect_equal(sum(here$gradient * v), (up$value - down$value) / (2 * h),
      tolerance = 1e-6, label = label
    )
    expect_equal(drop(here$products %*% v), (up$gradient - down$gradient) / (2 * h),
      tolerance = 1e-6, label = label
    )
    planning <- function(temperature = at$temperature, discount = at$discount) {
      at$temperature <- temperature
      at$discount <- discount
      evaluated_rewards(problem, at)$value
    }
    expect_equal(here$discount,
      (planning(discount = .85 + h) - planning(discount = .85 - h)) / (2 * h),
      tolerance = 1e-6
    )
    if (case$temperature > 0) {
      expect_equal(here$temperature,
        (planning(.4 + h) - planning(.4 - h)) / (2 * h), tolerance = 1e-6
      )
    }
  }
})

test_that("the objective is the marginal likelihood of the solved task", {
  problem <- exact_problem(reward_table(), "center", .4)
  set.seed(9)
  theta <- rnorm(12)
  at <- list(
    theta = theta, effects = .1, log_sigma = -.2, temperature = .4, discount = .85,
    nodes = seq(-8, 8, .1)
  )
  task <- problem$task
  task$layout$reward <- theta
  advantage <- solve_mdp(task, .4)$advantage
  pairs <- task_pairs(task)
  log_lik <- vapply(seq_along(problem$data$persons), function(j) {
    rows <- (problem$counts$person_start[j] + 1):problem$counts$person_start[j + 1]
    given <- vapply(at$nodes, function(z) {
      x <- exp(z) * advantage
      log_pi <- x - log(ave(exp(x), pairs$state, FUN = sum))
      sum(problem$counts$count[rows] * log_pi[problem$counts$pair[rows] + 1])
    }, 0)
    log(sum(.1 * exp(given) * dnorm(at$nodes, .1, exp(-.2))))
  }, 0)
  expect_equal(evaluated_rewards(problem, at)$value, -sum(log_lik), tolerance = 1e-10)
})

test_that("anchors identify rewards; standard errors say how well", {
  set.seed(1)
  task <- random_mdp(8, 3, discount = .9)
  log <- planners(task)
  anchor <- rbind(known_action(task), known_action(task, "a2")[1:2, ])
  fit <- learned(log, task, reward_table(anchor = anchor))
  expect_equal(fit$status, "converged")
  found <- rewards(fit)
  expect_true(all(found$identified))
  known <- paste(found$state, found$action) %in% paste(anchor$state, anchor$action)
  expect_true(all(found$std_error[known] == 0))
  expect_gte(cor(found$reward[!known], task$layout$reward[!known]), .98)
  z <- (found$reward - task$layout$reward)[!known] / found$std_error[!known]
  expect_lt(max(abs(z)), 4)
  expect_gt(sd(z), .5)
  expect_equal(attr(found, "identification")$rank, sum(!known))
})

test_that("without anchors the warning names what is free", {
  set.seed(1)
  task <- random_mdp(6, 2, discount = .9)
  log <- planners(task, 30)
  expect_warning(
    fit <- rlmm(log, task, q_task(temperature = 0), reward = reward_table()),
    class = "psyrl_warning_identification"
  )
  report <- attr(rewards(fit), "identification")
  expect_equal(report$rank, 6)
  expect_equal(nrow(report$anchors), 6)
  expect_false(any(rewards(fit)$identified))
  # Potentials of states are free: one moves no advantage.
  expect_equal(dim(report$directions), c(12, 6))
  expect_output(print(rewards(fit)), "6 are free")
  expect_output(print(summary(fit)), "6 of 12 directions")
  # Anchoring what the report asks for settles all.
  at <- match(
    paste(report$anchors$state, report$anchors$action),
    paste(rewards(fit)$state, rewards(fit)$action)
  )
  anchor <- cbind(report$anchors, reward = task$layout$reward[at])
  settled <- learned(log, task, reward_table(anchor = anchor))
  expect_true(all(rewards(settled)$identified))
})

test_that("linear rewards are coefficients with standard errors", {
  task <- featured_task(12, 3, .9)
  task$layout$reward <- 1.5 * task$features$x - .8 * task$features$y
  log <- planners(task, 60)
  fit <- learned(log, task, reward_linear(~ 0 + x + y))
  found <- rewards(fit)
  expect_equal(found$feature, c("x", "y"))
  expect_true(all(found$identified))
  ratio <- found$weight[1] / found$weight[2]
  expect_equal(ratio, 1.5 / -.8, tolerance = .1)
  expect_equal(coef(fit)[["reward:x"]], found$weight[1])
  expect_equal(unname(sqrt(diag(vcov(fit))[["reward:y"]])), found$std_error[2])
  # Scale-free: values have unit root mean square.
  expect_equal(sqrt(mean(values(fit)$advantage^2)), 1)
  expect_equal(
    centred_rms(fit$task, solve_mdp(fit$task, 0)$q), 1, tolerance = 1e-8
  )
})

test_that("bounded and network rewards can be learned; habits and known values not", {
  task <- featured_task(8, 3, .9)
  log <- planners(task, 30)
  bounded <- learned(log, task, reward_linear(~ x + y, bound = 1))
  expect_true(all(abs(bounded$task$layout$reward) <= 1))
  network <- learned(log, task, reward_network(3), temperature = .2)
  expect_equal(nrow(rewards(network)), 24)
  expect_error(
    rlmm(log, task, q_known(solve_mdp(task)), reward = reward_table()),
    class = "psyrl_error_input"
  )
  expect_error(
    rlmm(log, task, q_task("person"), reward = reward_table()),
    class = "psyrl_error_input"
  )
  expect_error(
    rlmm(log, task, q_table(1), reward_table(), bellman_none()),
    class = "psyrl_error_input"
  )
  expect_error(
    learned(log, task, reward_table(anchor = data.frame(
      state = "nowhere", action = "a1", reward = 1
    ))),
    class = "psyrl_error_task"
  )
})

test_that("rewards can be learned beside values", {
  task <- featured_task(6, 3, .9)
  log <- planners(task, 30)
  fit <- suppressWarnings(rlmm(log, task, q_table(l2 = 0),
    reward = reward_linear(~ 0 + x + y), consistency = bellman(50, .2),
    estimator = "joint"
  ), classes = "psyrl_warning")
  expect_true(all(diff(fit$trace$objective) < 0))
  expect_true(all(rewards(fit)$identified))
  expect_true(all(rewards(fit)$std_error > 0))
})

test_that("rewards beside values are those of the truth, however they are searched for", {
  task <- featured_task(12, 3, .9)
  task$layout$reward <- 1.5 * task$features$x - .8 * task$features$y
  task["next_reward"] <- list(NULL)
  withr::local_seed(3)
  log <- planners(task, 60)
  for (consistency in list(bellman(50, .2), bellman(5, 0))) {
    fits <- lapply(c("newton", "lbfgs"), function(m_step) {
      suppressWarnings(rlmm(log, task, q_table(l2 = 0), reward_linear(~ 0 + x + y),
        consistency,
        control = rlmm_control(m_step = m_step)
      ), classes = "psyrl_warning_meaning")
    })
    for (fit in fits) {
      expect_identical(fit$status, "converged")
      weight <- rewards(fit, "weights")$weight
      expect_equal(weight[1] / weight[2], -1.5 / .8, tolerance = .1)
      # Neither values nor residuals have shrunk to nothing.
      expect_equal(sqrt(mean(fit$values$advantage^2)), 1, tolerance = 1e-6)
      expect_gt(weight[1], .5)
    }
    expect_equal(
      min(fits[[1]]$trace$objective), min(fits[[2]]$trace$objective), tolerance = 1e-6
    )
  }
})

test_that("a scale that nothing settles is pointed out", {
  task <- featured_task(6, 3, .9)
  log <- planners(task, 30)
  fit <- function(reward = reward_linear(~ 0 + x + y), ...) {
    rlmm(log, task, q_table(l2 = 0), reward, bellman(50, .2),
      estimator = "joint", ...
    )
  }
  short <- function(...) rlmm_control(max_iterations = 3, ...)
  expect_warning(
    suppressWarnings(fit(identify = "center", control = short()),
      classes = c("psyrl_warning_convergence", "psyrl_warning_meaning")
    ), "scale of values", class = "psyrl_warning_identification"
  )
  settled <- list(
    list(control = short()), list(identify = "center", control = short(mu = 0)),
    list(reward_table(anchor = data.frame(state = task$states[1], action = "a1", reward = 1)),
      identify = "center", control = short()
    )
  )
  for (how in settled) {
    warned <- character()
    withCallingHandlers(do.call(fit, how), warning = function(w) {
      warned <<- c(warned, conditionMessage(w))
      invokeRestart("muffleWarning")
    })
    expect_false(any(grepl("scale of values", warned)))
  }
})

test_that("hard maxima and free rewards beside values do not stop the search", {
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(5)
  beta <- stats::setNames(exp(stats::rnorm(40, -3, .7)), 1:40)
  log <- simulate_trajectories(task, beta, 5)
  fit <- function(temperature) {
    suppressWarnings(rlmm(log, task, q_table(), reward_table(), bellman(1, temperature)))
  }
  # Free rewards make any values consistent, so nothing but behaviour is left.
  hard <- fit(0)
  expect_lt(utils::tail(hard$trace$penalty, 1), .01)
  expect_lt(min(hard$trace$objective), min(fit(.5)$trace$objective) + .5)
})

test_that("kinks of hard maxima do not stop the search short of the truth", {
  task <- rescale_rewards(peg_solitaire("big_cross", features = TRUE))
  left <- rowSums(task$features)
  over <- diff(task$layout$state_start)[task$layout$next_state + 1] == 0
  task$features <- data.frame(
    solved = as.numeric(left == 1), stuck = over * (left - 1), jump = 1
  )
  log <- planners(task, 40)
  fit <- learned(log, task, reward_linear(~ 0 + solved + stuck + jump))
  exact <- rlmm(log, task, q_task(temperature = 0))
  expect_equal(fit$status, "converged")
  expect_gt(fit$loglik, exact$loglik)
  expect_lt(fit$loglik, exact$loglik + 8)
})
