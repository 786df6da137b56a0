# Recovery on simulated people: the population, calibrated intervals.

# Decisions in independent states of four actions with known values.
choice_task <- function(steps, seed = 1) {
  set.seed(seed)
  pairs <- expand.grid(action = letters[1:4], state = seq_len(steps))
  task <- mdp(
    data.frame(
      state = sprintf("s%03d", pairs$state), action = as.character(pairs$action),
      next_state = ifelse(pairs$state == steps, "end",
        sprintf("s%03d", pairs$state + 1)
      ), reward = 0
    ),
    discount = 1
  )
  values <- solve_mdp(task, 0)
  values$q <- stats::rnorm(nrow(values))
  list(task = task, values = values)
}

one_study <- function(steps, sigma, n = 200, seed = 1,
                      control = rlmm_control()) {
  design <- choice_task(steps, seed)
  set.seed(1000 + seed)
  z <- stats::rnorm(n, 0, sigma)
  beta <- stats::setNames(exp(z), sprintf("p%03d", seq_len(n)))
  start <- design$task
  start$starts <- match("s001", as.character(start$states))
  log <- simulate_trajectories(start, beta, values = design$values, max_steps = 1000)
  fit <- suppressWarnings(rlmm(log, design$task, q_known(design$values),
    control = control
  ))
  scores <- persons(fit)
  true <- log(beta[as.character(scores$person)])
  c(
    sigma = coef(fit)[["sigma"]], mu = coef(fit)[["mu"]],
    coverage = mean(log(scores$conf_low) < true & true < log(scores$conf_high))
  )
}

test_that("sigma does not collapse on short logs", {
  skip_unless_extended()
  for (steps in c(5, 20, 200)) {
    sigma <- vapply(1:50, function(seed) one_study(steps, .5, seed = seed)[[1]], 0)
    expect_lt(abs(mean(sigma) - .5), .03)
  }
})

test_that("posterior quantiles cover, persons drawn from the prior", {
  skip_unless_extended()
  for (sigma in c(.5, 1)) {
    for (steps in c(5, 20, 200)) {
      coverage <- vapply(1:50, function(seed) {
        one_study(steps, sigma, seed = seed,
          control = rlmm_control(mu = 0, sigma = sigma)
        )[["coverage"]]
      }, 0)
      expect_gt(mean(coverage), .94)
      expect_lt(mean(coverage), .96)
    }
  }
})

test_that("sigma and coverage are about right in a few studies", {
  studies <- vapply(1:8, function(seed) one_study(20, .5, seed = seed), numeric(3))
  expect_lt(abs(mean(studies["sigma", ]) - .5), .06)
  expect_lt(abs(mean(studies["mu", ])), .06)
  expect_gt(mean(studies["coverage", ]), .93)
  expect_lt(mean(studies["coverage", ]), .97)
})

test_that("people who do not differ give a small sigma, not a wrong one", {
  design <- choice_task(20)
  set.seed(3)
  beta <- stats::setNames(rep(1, 100), sprintf("p%03d", 1:100))
  task <- design$task
  task$starts <- match("s001", as.character(task$states))
  log <- simulate_trajectories(task, beta, values = design$values, max_steps = 100)
  fit <- suppressWarnings(rlmm(log, design$task, q_known(design$values)))
  expect_equal(fit$status, "converged")
  expect_lt(coef(fit)[["sigma"]], .2)
  expect_lt(abs(coef(fit)[["mu"]]), .15)
  # The likelihood of nobody differing, by plain summation, is about the same.
  v <- design$values
  d <- as.data.frame(log)
  at <- paste(v$state, v$action)
  slope <- exp(coef(fit)[["mu"]])
  denominator <- tapply(exp(slope * v$q), v$state, sum)
  plain <- sum(slope * v$q[match(paste(d$state, d$action), at)] -
    log(denominator[as.character(d$state)]))
  expect_lt(abs(plain - fit$loglik), 2)
})

test_that("an interrupted fit is a usable fit", {
  task <- peg_solitaire("tiny_cross")
  set.seed(1)
  beta <- stats::setNames(exp(stats::rnorm(30, -3, .5)), sprintf("p%02d", 1:30))
  log <- simulate_trajectories(task, beta, 5)
  suppressWarnings(expect_warning(
    fit <- rlmm(log, task, control = rlmm_control(callback = function(row) FALSE)),
    class = "psyrl_warning_interrupted"
  ))
  expect_equal(fit$status, "interrupted")
  expect_equal(nrow(persons(fit)), 30)
  suppressWarnings(expect_warning(
    fit <- rlmm(log, task, control = rlmm_control(callback = function(row) stop("oops"))),
    "`callback` failed: oops", class = "psyrl_warning_interrupted"
  ))
  expect_equal(fit$status, "interrupted")
  expect_equal(nrow(persons(fit)), 30)
  signalled <- 0
  suppressWarnings(expect_warning(
    fit <- rlmm(log, task, control = rlmm_control(callback = function(row) {
      signalled <<- signalled + 1
      if (signalled == 2) {
        # What R signals when the user presses Ctrl-C.
        signalCondition(structure(
          class = c("interrupt", "condition"), list(message = "", call = NULL)
        ))
      }
      TRUE
    })),
    class = "psyrl_warning_interrupted"
  ))
  expect_equal(fit$status, "interrupted")
})
