# The scale of values learned from behaviour alone: found at once, not round by round.

few_cells <- ~ r2c3 + r3c3 + r3c2 + r1c2

scale_problem <- function(value, estimator = "marginal", persons = ~1,
                          consistency = bellman_none(), ...) {
  set.seed(6)
  task <- rescale_rewards(peg_solitaire("tiny_cross", features = TRUE))
  beta <- stats::setNames(exp(stats::rnorm(40, .5)), sprintf("p%02d", 1:40))
  log <- simulate_trajectories(task, beta, 6, solve_mdp(task, 0))
  age <- data.frame(person = names(beta), age = log(beta) + stats::rnorm(40))
  problem <- measurement_problem(log, task, validate_spec(list(
    value = value, reward = reward_known(), consistency = consistency,
    habit = FALSE, identify = "auto", persons = persons, estimator = estimator
  )), rlmm_control(persons = age, ...))
  problem$penalty <- value_penalty(problem)
  problem$map <- list(
    value = value_links(problem), reward = reward_links(problem)
  )
  problem
}

search_from_start <- function(problem) {
  set.seed(7)
  run_from(list(number = 1, state = starting_state(problem)), problem)
}

test_that("no other scale of the values is better, with a ridge or without", {
  for (ridge in c(0, .2)) {
    problem <- scale_problem(q_linear(few_cells, ridge))
    run <- search_from_start(problem)
    expect_equal(run$status, "converged")
    expect_lt(length(run$rows), 15)
    objective <- vapply(run$rows, `[[`, 0, "objective")
    expect_true(all(diff(objective) <= 0))
    # Free to be larger or smaller together with sigma, values stay as they are.
    moved <- vapply(c(-.05, .05), function(step) {
      state <- run$state
      state$theta <- exp(step) * state$theta
      state <- judge(problem, state)
      -fit_population(
        working_problem(problem), state$nodes, state$log_lik_table, state$population
      )$log_lik + state$penalty
    }, 0)
    expect_gt(min(moved), min(objective) - 1e-4)
  }
})

test_that("a start far off costs no more than a few rounds", {
  for (estimator in c("marginal", "joint")) {
    problem <- scale_problem(q_linear(few_cells), estimator)
    near <- search_from_start(problem)
    state <- near$state
    state$theta <- state$theta / 20
    again <- run_from(list(number = 1, state = state), problem)
    expect_lt(length(again$rows), 15)
    # Rounds of modes end where their update of sigma no longer helps.
    expect_equal(again$state$objective, near$state$objective,
      tolerance = if (estimator == "joint") 1e-4 else 1e-6
    )
  }
})

test_that("values under a weak penalty are not better on another scale", {
  for (estimator in c("marginal", "joint")) {
    problem <- scale_problem(q_linear(few_cells), estimator,
      consistency = bellman(1e-3, 0)
    )
    run <- search_from_start(problem)
    expect_lt(length(run$rows), 15)
    moved <- vapply(c(-.02, .02), function(step) {
      state <- run$state
      state$theta <- exp(step) * state$theta
      judge(problem, state)$objective
    }, 0)
    expect_gt(min(moved), run$state$objective)
  }
})

test_that("steps on samples start where the scale was found", {
  problem <- scale_problem(q_linear(few_cells), m_step = "adam", steps = 5)
  set.seed(11)
  state <- judge(problem, starting_state(problem))
  state$adam <- list(theta = state$theta, target = state$theta, m = 0 * state$theta)
  moved <- rescaled(problem, state)
  expect_false(isTRUE(all.equal(moved$theta, state$theta)))
  expect_equal(moved$adam$theta, moved$theta)
  expect_equal(moved$adam$target, moved$theta)
  # The same probabilities, from larger or smaller values and people.
  of <- function(state) outer(exp(state$nodes), represented(problem, state)$q)
  expect_equal(of(moved), of(state))
})

test_that("the output of a network is what scales its values", {
  problem <- scale_problem(q_network(c(4, 3), few_cells), m_step = "lbfgs")
  set.seed(8)
  theta <- stats::rnorm(n_parameters_(problem$map))
  at <- function(theta) represent_(problem$map, theta, 1L)
  link <- problem$map$value[[1]]
  expect_equal(at(scaled_parameters(link, theta, 3)), 3 * at(theta))
})

test_that("the population's regression is estimated beside a free scale", {
  problem <- scale_problem(q_linear(few_cells), persons = ~age)
  effects <- search_from_start(problem)$state$population$effects
  expect_equal(effects[1], 0)
  expect_gt(effects[2], .1)
})

test_that("counts at nodes leave out nothing that matters", {
  problem <- scale_problem(q_linear(few_cells))
  set.seed(9)
  weight <- matrix(stats::rexp(5 * 40), 5)
  weight[1, ] <- weight[1, ] * 1e-16
  weight <- t(t(weight) / colSums(weight))
  counts <- problem$counts
  found <- node_counts_(problem$task, counts, weight, rep(1, ncol(weight)))
  node <- rep(1:5, diff(found$person_start))
  dense <- matrix(0, 5, n_pairs(problem$task))
  dense[cbind(node, found$pair + 1)] <- found$count
  person <- rep(1:40, diff(counts$person_start))
  whole <- matrix(0, 40, n_pairs(problem$task))
  whole[cbind(person, counts$pair + 1)] <- counts$count
  expect_lt(max(abs(dense - weight %*% whole)), 1e-10)
  expect_false(any(node == 1))
  expect_true(all(diff(found$pair)[diff(node) == 0] > 0))
})

test_that("products of the free objective agree with differences", {
  for (rule in c("center", "none", "global_rms")) {
    problem <- scale_problem(q_linear(few_cells, .3))
    set.seed(10)
    theta <- stats::rnorm(n_parameters_(problem$map))
    v <- stats::rnorm(length(theta))
    groups <- slope_groups(exp(stats::rnorm(40)), problem$counts)
    gradient <- function(theta) {
      evaluate_penalised_(problem$task, groups, problem$penalty, theta, list(
        threads = 1L, identify = rule, direction = v, map = problem$map
      ))
    }
    h <- 1e-5
    product <- (gradient(theta + h * v)$gradient - gradient(theta - h * v)$gradient) /
      (2 * h)
    expect_equal(gradient(theta)$product, product, tolerance = 1e-6)
  }
})
