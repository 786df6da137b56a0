test_that("an interior-point cone solver finds the same optima, in more time", {
  skip_if_not_installed("ECOSolveR")
  skip_if_not_installed("Matrix")
  seconds <- c(ours = 0, theirs = 0)
  for (setup in c("BSC", "IND")) {
    data <- benchmark_episodes(setup, 2, 5)$data
    share <- setting_share(setup)
    for (person in data$persons) {
      one <- data[as.character(person)]
      problem <- cone_programme(one, share, 20, 200)
      theirs <- system.time(oracle <- solve_cone_programme(problem))[["elapsed"]]
      fit <- convex_relaxation(one, share, horizon = 20)
      trials <- convex_trials(one)
      spec <- convex_spec(share, horizon = 20)
      ours <- system.time(for (i in 1:10) convex_relax_(trials, spec, 1))[["elapsed"]] / 10
      seconds <- seconds + c(ours, theirs)
      expect_lt(abs(oracle$summary[["pcost"]] - fit$objective[[1]]), 1e-6)
    }
  }
  expect_lt(seconds[["ours"]], seconds[["theirs"]] / 10)
})
