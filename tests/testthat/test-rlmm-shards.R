# Persons over a cluster of processes.

two_workers <- function(env = parent.frame()) {
  cluster <- parallel::makeCluster(2)
  # One who was killed cannot be told to stop.
  withr::defer(try(parallel::stopCluster(cluster), silent = TRUE), env)
  cluster
}

held_by_workers <- function(cluster) {
  unlist(parallel::clusterEvalQ(cluster, {
    psyrl_state <- get("psyrl_state", asNamespace("psyrl"))
    length(psyrl_state$shards)
  }))
}

test_that("fits are the same with persons over a cluster", {
  skip_on_cran()
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(11)
  beta <- stats::setNames(exp(stats::rnorm(31, -3, .7)), sprintf("p%02d", 1:31))
  log <- as.data.frame(simulate_trajectories(task, beta, 4))
  log$group <- ifelse(log$person < "p12", "a", "b")
  log <- trajectories(log)
  cluster <- two_workers()
  models <- list(
    default = list(), covariate = list(persons = ~group),
    discount = list(value = q_task("estimate", "estimate")),
    own = list(value = q_task("person")), habit = list(q_task(.5), habit = TRUE),
    held = list(value = q_table(), consistency = bellman(1, 0, cql = .1))
  )
  for (model in models) {
    fit <- function(...) {
      suppressWarnings(do.call(rlmm, c(
        list(log, task), model, list(control = rlmm_control(...))
      )))
    }
    here <- fit()
    there <- fit(cluster = cluster)
    expect_equal(coef(there), coef(here), tolerance = 1e-6)
    expect_equal(there$loglik, here$loglik, tolerance = 1e-10)
    expect_equal(vcov(there), vcov(here), tolerance = 1e-5)
    expect_equal(persons(there), persons(here), tolerance = 1e-6)
    expect_identical(there$status, "converged")
  }
  expect_identical(held_by_workers(cluster), c(0L, 0L))
  # More workers than persons.
  one <- as.data.frame(log)[as.data.frame(log)$person == "p01", ]
  alone <- suppressWarnings(rlmm(one, task, control = rlmm_control(cluster = cluster)))
  expect_equal(
    coef(alone), coef(suppressWarnings(rlmm(one, task))), tolerance = 1e-6
  )
  expect_error(
    rlmm(log, task, control = rlmm_control(cluster = 2)), "parallel package",
    class = "psyrl_error_input"
  )
})

test_that("workers answer about the table that is asked for, and let go after errors", {
  skip_on_cran()
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(12)
  beta <- stats::setNames(exp(stats::rnorm(9, -3, .7)), letters[1:9])
  problem <- measurement_problem(
    simulate_trajectories(task, beta, 3), task, validate_spec(list(
      value = q_task(1), reward = reward_known(), consistency = NULL, habit = FALSE,
      identify = "auto", persons = ~1, estimator = "marginal"
    )), rlmm_control()
  )
  problem$patterns <- person_patterns(problem)
  values <- task_values(problem, 1, task$discount)
  other <- task_values(problem, 9, task$discount)
  nodes <- first_nodes(values$rms)
  state <- list(population = start_population(problem, values$rms))
  both <- list(grid_log_lik(problem, values, nodes), grid_log_lik(problem, other, nodes))
  problem$control$cluster <- cluster <- two_workers()
  on_workers <- with_shards(problem, function(problem) {
    tables <- list(
      grid_log_lik(problem, values, nodes), grid_log_lik(problem, other, nodes)
    )
    expect_identical(held_by_workers(cluster), c(1L, 1L))
    lapply(c(1, 2, 1), function(i) {
      list(
        at_nodes(problem, state, nodes, tables[[i]]),
        evaluate_population(problem, nodes, tables[[i]], state$population)$log_lik
      )
    })
  })
  for (i in 1:3) {
    log_lik <- both[[c(1, 2, 1)[i]]]
    here <- at_nodes(problem, state, nodes, log_lik)
    expect_equal(on_workers[[i]][[1]]$behaviour, here$behaviour, tolerance = 1e-12)
    expect_equal(on_workers[[i]][[1]]$counts, here$counts, tolerance = 1e-12)
    expect_equal(on_workers[[i]][[2]], -here$behaviour, tolerance = 1e-12)
  }
  # Where workers fail, or are not waited for, the rest is done here.
  expect_warning(
    rest <- with_shards(problem, function(problem) {
      table <- grid_log_lik(problem, values, nodes)
      expect_error(
        ask_shards(table, function(shard) stop("no more")), "no more",
        class = "psyrl_error_input"
      )
      grid_log_lik(problem, values, nodes)
    }), "make another", class = "psyrl_warning_interrupted"
  )
  expect_identical(rest, both[[1]])
  cluster <- problem$control$cluster <- two_workers()
  expect_error(with_shards(problem, function(problem) stop("no")), "no")
  expect_identical(held_by_workers(cluster), c(0L, 0L))
  tools::pskill(parallel::clusterCall(cluster, Sys.getpid)[[2]], tools::SIGKILL)
  expect_error(
    with_shards(problem, function(problem) grid_log_lik(problem, values, nodes)),
    "A worker of the cluster failed", class = "psyrl_error_input"
  )
})
