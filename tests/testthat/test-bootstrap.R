test_that("replicates vary as the standard errors say", {
  x <- validity_example()
  withr::local_seed(1)
  for (type in c("parametric", "persons")) {
    found <- bootstrap(x$fit, 60, type)
    expect_identical(colnames(found$estimates), names(coef(x$fit)))
    expect_identical(nrow(found$estimates), 60L)
    expect_equal(
      sqrt(diag(vcov(found))), sqrt(diag(vcov(x$fit))), tolerance = .4
    )
    expect_output(print(found), type)
  }
})

test_that("draws do not depend on the cluster, nor disturb the generator", {
  x <- validity_example()
  alone <- withr::with_seed(3, {
    found <- bootstrap(x$fit, 3)
    list(found, stats::runif(1))
  })
  skip_on_cran()
  cluster <- parallel::makeCluster(2)
  withr::defer(parallel::stopCluster(cluster))
  together <- withr::with_seed(3, {
    found <- bootstrap(x$fit, 3, cluster = cluster)
    list(found, stats::runif(1))
  })
  expect_identical(alone, together)
})

test_that("simulated people play as simulate_trajectories() makes them", {
  x <- validity_example()
  withr::local_seed(6)
  fit <- x$fit
  trait <- rep(.4, 40)
  played <- lapply(1:40, function(i) play_episodes(fit, trait)$pair)
  beta <- stats::setNames(rep(exp(.4), 1600), sprintf("p%04d", 1:1600))
  log <- simulate_trajectories(
    x$task, beta, episodes = 3, values = x$values, max_steps = 8
  )
  share <- function(pair) tabulate(pair + 1, n_pairs(x$task)) / length(pair)
  mine <- share(unlist(played))
  theirs <- share(align_to_task(log, x$task)$decision_pair)
  # Starts are those that were logged, so states differ a little; choices do not.
  state <- task_pairs(x$task)$state
  given <- function(p) p / rowsum(p, state)[state]
  expect_equal(given(mine), given(theirs), tolerance = .06)
})

test_that("episodes end where the task does or where they were cut off", {
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(2)
  beta <- c(a = .01, b = .2)
  fit <- quietly(rlmm(
    simulate_trajectories(task, beta, episodes = 20), task,
    q_task(temperature = 0), control = rlmm_control(mu = -3, sigma = 1)
  ))
  played <- play_episodes(fit, log(beta))
  last <- !duplicated(
    played$decisions[c("person", "episode")], fromLast = TRUE
  )
  expect_true(all(task$terminal[played$next_state[last]]))
  expect_identical(sum(last), 40L)
})

test_that("fits of counts redraw choices where they were made", {
  x <- validity_example()
  withr::local_seed(2)
  counted <- quietly(rlmm(counts(x$log), x$task, q_known(x$values)))
  again <- redrawn_counts(counted, rep(0, 40))
  states <- function(counts) {
    person <- rep(1:40, diff(counts$person_start))
    state <- task_pairs(x$task)$state[counts$pair + 1]
    stats::xtabs(counts$count ~ person + state)
  }
  expect_equal(states(again), states(counted$counts), ignore_attr = TRUE)
  expect_identical(nrow(bootstrap(counted, 3)$estimates), 3L)
  expect_error(bootstrap(x$fit, 1), class = "psyrl_error_input")
})
