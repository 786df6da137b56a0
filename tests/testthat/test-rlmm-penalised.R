# Values learned under a penalty: exact derivatives of every combination, and an
# objective that never rises.

cyclic_task <- function() {
  mdp(data.frame(
    state = rep(c("a", "b", "c"), c(2, 3, 2)),
    action = c("x", "y", "x", "y", "z", "x", "y"),
    next_state = c("b", "end", "end", "a", "c", "end", "b"),
    reward = c(0, 1, 2, 0, .5, 3, -1)
  ), discount = .9)
}

# Decisions drawn uniformly: every pair is visited, nothing is special.
uniform_log <- function(n = 12, steps = 15, seed = 2) {
  set.seed(seed)
  task <- cyclic_task()
  moves <- as.data.frame(task)
  rows <- lapply(seq_len(n), function(j) {
    state <- "a"
    out <- list()
    for (i in seq_len(steps)) {
      legal <- moves[as.character(moves$state) == state, ]
      out[[i]] <- cbind(person = paste0("p", j), episode = length(out), step = 0,
        legal[sample(nrow(legal), 1), c("state", "action", "next_state")]
      )
      state <- as.character(out[[i]]$next_state)
      if (state == "end") state <- "a"
    }
    do.call(rbind, out)
  })
  log <- do.call(rbind, rows)
  log$episode <- ave(seq_len(nrow(log)), log$person, FUN = seq_along)
  trajectories(log)
}

the_log <- uniform_log()

combinations <- expand.grid(
  identify = c("none", "center", "global_rms", "state_rms"),
  temperature = c(0, .5), backup = c("soft", "mellow"),
  pairs = c("legal", "observed"), residual = c("expected", "sample"),
  cql = c(0, .3), stringsAsFactors = FALSE
)

problem_of <- function(case) {
  spec <- validate_spec(list(
    value = q_table(l2 = .2), reward = reward_known(),
    consistency = bellman(
      lambda = .7, temperature = case$temperature, backup = case$backup,
      pairs = case$pairs, residual = case$residual, cql = case$cql
    ),
    habit = FALSE, identify = case$identify, persons = ~1, estimator = "joint"
  ))
  problem <- measurement_problem(the_log, cyclic_task(), spec, rlmm_control())
  problem$penalty <- value_penalty(problem)
  problem$map <- list(
    value = value_links(problem), reward = reward_links(problem)
  )
  problem
}

test_that("gradient and Hessian products agree with differences, all combinations", {
  set.seed(3)
  q <- stats::rnorm(7)
  v <- stats::rnorm(7)
  beta <- exp(stats::rnorm(12, 0, .5))
  for (i in seq_len(nrow(combinations))) {
    case <- combinations[i, ]
    problem <- problem_of(case)
    groups <- slope_groups(beta, problem$counts)
    at <- function(q) {
      evaluate_penalised_(problem$task, groups, problem$penalty, q, list(
        threads = 1L, identify = case$identify, direction = v, map = problem$map
      ))
    }
    here <- at(q)
    numeric <- numeric_gradient(function(x) at(x)$value, q, 1e-5)
    expect_equal(here$gradient, numeric, tolerance = 1e-6)
    h <- 1e-5
    product <- (at(q + h * v)$gradient - at(q - h * v)$gradient) / (2 * h)
    expect_equal(here$product, product, tolerance = 1e-6)
  }
})

test_that("value equals a plain R reference", {
  case <- list(
    identify = "center", temperature = .5, backup = "soft", pairs = "legal",
    residual = "expected", cql = .3
  )
  problem <- problem_of(case)
  set.seed(4)
  q <- stats::rnorm(7)
  beta <- exp(stats::rnorm(12, 0, .5))
  task <- problem$task
  pairs <- task_pairs(task)
  centred <- q - ave(q, pairs$state)
  v <- tapply(q, pairs$state, function(x) .5 * log(sum(exp(x / .5))))
  v <- c(v, end = 0)
  moves <- as.data.frame(task)
  next_code <- match(as.character(moves$next_state), as.character(task$states))
  next_v <- ifelse(is.na(v[as.character(next_code)]), 0, v[as.character(next_code)])
  delta <- q - moves$reward - .9 * next_v
  counts <- problem$counts
  person <- rep(seq_along(beta), diff(counts$person_start))
  log_p <- function(b, p) {
    s <- pairs$state[p]
    b * centred[p] - log(sum(exp(b * centred[pairs$state == s])))
  }
  behaviour <- -sum(mapply(
    function(j, p, n) n * log_p(beta[j], p + 1), person, counts$pair, counts$count
  ))
  totals <- pair_totals(problem)
  visits <- tapply(totals, pairs$state, sum)
  conservative <- sum(visits * v[seq_along(visits)]) - sum(totals * q)
  expected <- behaviour + .7 * sum(delta^2) + .3 * conservative + .2 * sum(centred^2)
  found <- evaluate_penalised_(
    task, slope_groups(beta, counts), problem$penalty, q,
    list(threads = 1L, identify = "center", direction = q, map = problem$map)
  )
  expect_equal(found$value, expected, tolerance = 1e-10)
})

test_that("the objective never rises and the fit converges", {
  log <- uniform_log(30, 30)
  for (estimator in c("joint", "marginal")) {
    for (identify in c("center", "global_rms", "state_rms", "none")) {
      fit <- suppressWarnings(rlmm(log, cyclic_task(), q_table(l2 = 0),
        consistency = bellman(lambda = 5, temperature = .5, pairs = "observed"),
        identify = identify, estimator = estimator
      ))
      expect_true(all(diff(fit$trace$objective) <= 0))
      expect_equal(fit$status, "converged")
    }
  }
})

test_that("a free table with a ridge is fitted without rewards", {
  moves <- as.data.frame(cyclic_task())[c("state", "action", "next_state")]
  task <- mdp(moves, discount = .9)
  log <- uniform_log(30, 30)
  fit <- suppressWarnings(rlmm(log, task, q_table(l2 = 1),
    consistency = bellman_none(), estimator = "joint"
  ))
  expect_equal(fit$status, "converged")
  expect_true(all(diff(fit$trace$objective) <= 0))
  advantage <- values(fit)$advantage
  expect_equal(sqrt(mean(advantage^2)), 1)
})

test_that("a strong penalty ends at the task's own values", {
  log <- uniform_log(30, 30)
  fit <- suppressWarnings(rlmm(log, cyclic_task(), q_table(l2 = 0),
    consistency = bellman(lambda = 1e6, temperature = .5), estimator = "joint"
  ))
  exact <- solve_mdp(cyclic_task(), .5)
  expect_equal(values(fit)$q, exact$q, tolerance = 1e-4)
})

test_that("scores under a strong penalty are those of the exact values", {
  log <- uniform_log(30, 30)
  held <- suppressWarnings(rlmm(log, cyclic_task(), q_table(l2 = 0),
    consistency = bellman(lambda = 1e9, temperature = .5),
    control = rlmm_control(sigma = .5)
  ), classes = "psyrl_warning")
  exact <- suppressWarnings(rlmm(log, cyclic_task(), q_task(temperature = .5),
    control = rlmm_control(sigma = .5)
  ), classes = "psyrl_warning")
  expect_equal(persons(held)$log_estimate, persons(exact)$log_estimate, tolerance = 1e-5)
})
