# Persons who chose alike are one pattern: whatever is fitted is what it would be if
# everybody were alone.

some_cells <- ~ r2c3 + r3c3 + r1c2

# Three times each of some short logs, with a covariate.
repeated_log <- function(n = 12, episodes = 2) {
  withr::local_seed(3)
  task <- rescale_rewards(peg_solitaire("tiny_cross", features = TRUE))
  z <- stats::setNames(stats::rnorm(n, .3), sprintf("p%02d", seq_len(n)))
  log <- as.data.frame(simulate_trajectories(task, exp(z), episodes, solve_mdp(task, 0)))
  log$beta <- NULL
  log <- do.call(rbind, lapply(1:3, function(copy) {
    log$person <- paste0(log$person, letters[copy])
    log$age <- c(0, 0, 1)[copy]
    log
  }))
  list(log = log, task = task)
}

patterns_problem <- function(value = q_task(0), reward = reward_known(),
                             consistency = NULL, habit = FALSE, persons = ~1,
                             estimator = "marginal") {
  case <- repeated_log()
  spec <- validate_spec(list(
    value = value, reward = reward, consistency = consistency, habit = habit,
    identify = "auto", persons = persons, estimator = estimator
  ))
  measurement_problem(
    as_decisions(case$log), case$task, spec, rlmm_control(threads = 1)
  )
}

# The same problem with persons by pattern and each alone.
merged <- function(problem) {
  problem$patterns <- person_patterns(problem)
  problem
}

alone <- function(problem) {
  problem$control$batch_persons <- 5L
  patterns <- person_patterns(problem)
  problem$control["batch_persons"] <- list(NULL)
  problem$patterns <- patterns
  problem
}

test_that("a pattern is choices, and what is known of a person", {
  problem <- patterns_problem()
  found <- person_patterns(problem)
  counts <- problem$counts
  state <- task_pairs(problem$task)$state
  choice <- (tabulate(state) > 1)[state]
  rows <- function(counts, j) {
    at <- sequence(diff(counts$person_start)[j], counts$person_start[j] + 1L)
    at <- at[choice[counts$pair[at] + 1]]
    paste(counts$pair[at], counts$count[at], collapse = " ")
  }
  key <- vapply(1:36, rows, "", counts = counts)
  expect_false(all(choice[counts$pair + 1]))
  expect_identical(found$of, match(key, unique(key)))
  expect_identical(found$first, which(!duplicated(key)))
  expect_identical(found$times, as.double(table(found$of)))
  expect_identical(
    vapply(seq_along(found$first), rows, "", counts = found$counts), unique(key)
  )
  expect_true(all(choice[found$counts$pair + 1]))
  expect_lt(length(found$first), 13)

  older <- person_patterns(patterns_problem(persons = ~age))
  age <- patterns_problem(persons = ~age)$design[, 2]
  expect_identical(older$of, match(paste(key, age), unique(paste(key, age))))

  expect_identical(alone(problem)$patterns$of, 1:36)
})

test_that("fits by pattern are those of everybody alone", {
  cases <- list(
    exact = list(q_task("estimate")), covariate = list(q_task(0), persons = ~age),
    own = list(q_task("person")), habit = list(q_task(.5), habit = TRUE),
    features = list(q_linear(some_cells, .2), consistency = bellman(5, .3)),
    free = list(q_table(), consistency = bellman_none(), persons = ~age),
    ridge = list(q_table(l2 = .05), consistency = bellman_none()),
    joint = list(q_table(), consistency = bellman_none(), estimator = "joint"),
    rewards = list(q_task(.5), reward = reward_linear(some_cells))
  )
  for (name in names(cases)) {
    problem <- do.call(patterns_problem, cases[[name]])
    fit <- function(problem) {
      suppressWarnings(
        if (!inherits(problem$value, "q_task")) {
          fit_learned(problem)
        } else if (rewards_are_learned(problem)) {
          fit_rewards(problem)
        } else {
          fit_exact(problem)
        }
      )
    }
    by_pattern <- fit(merged(problem))
    each <- fit(alone(problem))
    # A free table's search ends within 1e-4 nats of the mode.
    near <- if (uses_free_table(problem)) 2e-3 else 1e-4
    same <- function(part) {
      expect_equal(part(by_pattern), part(each), tolerance = near, label = name)
    }
    if (!uses_free_table(problem)) {
      expect_equal(by_pattern$log_lik, each$log_lik, tolerance = 1e-7, label = name)
    }
    same(function(found) unlist(found$population[c("effects", "log_sigma")]))
    same(function(found) found$values$advantage)
    same(function(found) found$mode)
    same(function(found) posterior_summary(found$posterior))
  }
})

test_that("derivatives of learned rewards count everybody", {
  problem <- patterns_problem(q_task(.5), reward_linear(some_cells), persons = ~age)
  problem$map <- list(value = list(), reward = reward_links(problem))
  problem$scale <- "anchors"
  n <- n_parameters_(problem$map)
  withr::local_seed(8)
  at <- list(
    theta = stats::rnorm(n), effects = c(.1, -.3), log_sigma = -.2,
    temperature = .5, discount = .9, nodes = seq(-6, 6, .2)
  )
  directions <- diag(n + 3)
  expect_equal(
    evaluated_rewards(merged(problem), at, directions),
    evaluated_rewards(alone(problem), at, directions), tolerance = 1e-10
  )
})

test_that("counts at nodes and free tables count everybody", {
  problem <- patterns_problem()
  patterns <- person_patterns(problem)
  withr::local_seed(2)
  weight <- matrix(stats::rexp(5 * length(patterns$first)), 5)
  counts <- function(rows, weight, times) {
    dense <- matrix(0, 5, n_pairs(problem$task))
    found <- node_counts_(problem$task, rows, weight, times)
    dense[cbind(rep(1:5, diff(found$person_start)), found$pair + 1)] <- found$count
    dense
  }
  each <- alone(problem)$patterns
  expect_equal(
    counts(patterns$counts, weight, patterns$times),
    counts(each$counts, weight[, patterns$of], each$times), tolerance = 1e-12
  )

  mu <- .1 * seq_len(36)[patterns$of] / 12
  steps <- seq(-4, 4, .25)
  table <- function(patterns, z) {
    free_table_(
      problem$task, patterns$counts, patterns$times, z, mu[patterns$first], steps,
      list(threads = 1L, sigma = .8, variance = 1.3)
    )
  }
  z <- stats::rnorm(length(patterns$first))
  by_pattern <- table(patterns, z)
  everybody <- table(each, z[patterns$of])
  objective <- function(found, patterns) {
    found$table + sum(patterns$times * (found$z - mu[patterns$first])^2) / (2 * .8^2)
  }
  expect_lt(abs(objective(by_pattern, patterns) - objective(everybody, each)), 1e-4)
  expect_lt(max(abs(by_pattern$z[patterns$of] - everybody$z)), 5e-3)
  expect_lt(max(abs(by_pattern$q - everybody$q)), 5e-3)
  # Twins who move together are held by the others: curves are of one alone.
  for (j in seq_along(each$first)) {
    i <- patterns$of[j]
    at <- seq(-1, 1, .1)
    curve <- function(found, j) {
      from <- found$z[j] + found$offset[, j]
      value <- stats::spline(from, found$curve[, j], xout = by_pattern$z[i] + at)$y
      value - value[11]
    }
    expect_lt(max(abs(curve(by_pattern, i) - curve(everybody, j))), .01)
  }
})
