# Values learned from behaviour alone: a table that is integrated out.

# Two states, one with two actions, one with three; persons of known traits.
free_case <- local({
  kept <- NULL
  function() {
    if (is.null(kept)) {
      set.seed(4)
      task <- mdp(data.frame(
        state = rep(c("a", "b"), 2:3), action = c("x", "y", "x", "y", "z"),
        next_state = c("b", "b", "end", "end", "end")
      ), discount = .9)
      q <- c(.7, -.7, 1.2, 0, -1.2)
      z <- rnorm(6, 0, .8)
      values <- data.frame(
        state = rep(c("a", "b"), 2:3), action = c("x", "y", "x", "y", "z"), q = q
      )
      log <- simulate_trajectories(
        task, stats::setNames(exp(z), paste0("p", 1:6)), 8, values
      )
      kept <<- list(task = task, counts = align_to_task(log, task), log = log, z = z)
    }
    kept
  }
})

table_at <- function(z, mu = numeric(length(z)), sigma = 1, variance = 1, steps = 0,
                     case = free_case(), times = rep(1, length(z))) {
  free_table_(case$task, case$counts, times, z, mu, steps, list(
    threads = 1L, sigma = sigma, variance = variance
  ))
}

# Minus the log likelihood of one person's trait, others' known, table integrated out
# by brute force.
brute_curve <- function(case, person, at, z, variance = 1) {
  pairs <- task_pairs(case$task)
  counts <- case$counts
  who <- rep(seq_along(z), diff(counts$person_start))
  grid <- seq(-5, 5, length.out = 41) * sqrt(variance)
  vapply(at, function(x) {
    z[person] <- x
    -sum(vapply(unique(pairs$state), function(s) {
      p <- which(pairs$state == s)
      q <- as.matrix(expand.grid(rep(list(grid), length(p))))
      log_p <- -rowSums(q^2) / (2 * variance)
      for (j in seq_along(z)) {
        logit <- exp(z[j]) * q
        top <- do.call(pmax, as.data.frame(logit))
        normaliser <- top + log(rowSums(exp(logit - top)))
        for (row in which(who == j & (counts$pair + 1) %in% p)) {
          chosen <- match(counts$pair[row] + 1, p)
          log_p <- log_p + counts$count[row] * (logit[, chosen] - normaliser)
        }
      }
      log(sum(exp(log_p - max(log_p)))) + max(log_p)
    }, numeric(1)))
  }, numeric(1))
}

test_that("a mode has no gradient, by differences of the integrated table", {
  case <- free_case()
  found <- table_at(numeric(6), steps = c(-1, 0, 1))
  expect_identical(found$status, "converged")
  expect_lt(found$gradient_norm, .02)
  # The table's part alone: a prior too strong to move anybody.
  held <- function(z) table_at(z, mu = z, sigma = 1e-5)$table
  slope <- numeric_gradient(held, found$z, 1e-3)
  expect_equal(slope, -found$z, tolerance = .01)
})

test_that("curves of persons are the integral over the table, nearly", {
  case <- free_case()
  found <- table_at(numeric(6), steps = c(-1, -.1, 0, .1, 1))
  for (person in c(1, 4)) {
    at <- found$z[person] + found$offset[, person]
    brute <- brute_curve(case, person, at, found$z)
    curve <- found$curve[, person]
    error <- (curve - curve[3]) - (brute - brute[3])
    expect_lt(max(abs(error)), .08)
    expect_lt(max(abs(error[c(2, 4)])), .006)
  }
})

test_that("variances are those of the table given the traits", {
  case <- free_case()
  found <- table_at(numeric(6))
  # State a: one difference d = q_x - q_y of prior variance 2.
  counts <- case$counts
  who <- rep(1:6, diff(counts$person_start))
  n <- function(j, p) sum(counts$count[who == j & counts$pair == p])
  d <- diff(rev(found$q[1:2]))
  p <- stats::plogis(exp(found$z) * d)
  visits <- vapply(1:6, function(j) n(j, 0) + n(j, 1), 0)
  precision <- 1 / 2 + sum(exp(2 * found$z) * visits * p * (1 - p))
  expect_equal(found$variance[1], 1 / precision / 4, tolerance = 1e-6)
})

test_that("people follow random values of a board; unvisited pairs say nothing", {
  set.seed(5)
  task <- peg_solitaire("big_cross")
  values <- solve_mdp(task, 0)
  values$q <- stats::rnorm(nrow(values))
  z <- stats::rnorm(60, 0, .8)
  beta <- stats::setNames(exp(z), sprintf("p%02d", 1:60))
  log <- simulate_trajectories(task, beta, 20, values)
  fit <- rlmm(log, task, q_table(), consistency = bellman_none())
  known <- rlmm(log, task, q_known(values))
  expect_identical(fit$status, "converged")
  expect_true(all(diff(fit$trace$objective) < 0))
  r <- function(fit) stats::cor(persons(fit)$log_estimate, z)
  expect_gt(r(fit), r(known) - .01)
  expect_equal(sqrt(mean(values(fit)$advantage[task_pairs(task)$state %in%
    which(diff(task$layout$state_start) > 1)]^2)), 1)
  expect_equal(coef(fit)[["sigma"]], coef(known)[["sigma"]], tolerance = .2)
  # The spread of persons' posteriors is that of their errors.
  error <- persons(fit)$log_estimate - z
  expect_equal(
    stats::sd(error) / sqrt(mean(posterior_summary(fit$posterior)[, "sd"]^2)), 1,
    tolerance = .25
  )
  joint <- rlmm(log, task, q_table(1), consistency = bellman_none(), estimator = "joint")
  expect_gt(r(joint), r(known) - .015)
  one <- rlmm(log, task, q_table(),
    consistency = bellman_none(), control = rlmm_control(threads = 1)
  )
  expect_identical(one$posterior, fit$posterior)
})

test_that("sigma and mu stay where they were put", {
  case <- free_case()
  fit <- rlmm(case$log, case$task, q_table(),
    consistency = bellman_none(), control = rlmm_control(sigma = .7)
  )
  expect_equal(coef(fit)[["sigma"]], .7)
  expect_identical(rownames(fit$vcov), "mu")
})

test_that("people who follow other values than the task's are pointed out", {
  set.seed(7)
  task <- peg_solitaire("big_cross")
  values <- solve_mdp(task, 0)
  values$q <- stats::rnorm(nrow(values))
  log <- simulate_trajectories(
    task, stats::setNames(rep(1, 30), sprintf("p%02d", 1:30)), 10, values
  )
  expect_warning(
    fit <- rlmm(log, task, q_task(backup = "mellow")),
    "hardly better than chance",
    class = "psyrl_warning_meaning"
  )
  expect_lt(fit$meaning$checks$chance$chance - fit$meaning$checks$chance$nll, .02)
})

test_that("few people with few decisions do not make the scale run away", {
  task <- peg_solitaire("big_L")
  hard <- solve_mdp(task, 0)
  for (seed in c(2, 4, 6)) {
    set.seed(seed)
    values <- hard
    values$q <- values$q / 20 + stats::rnorm(nrow(values), 0, .5)
    beta <- stats::setNames(exp(stats::rnorm(15, -.5, 1)), sprintf("p%02d", 1:15))
    log <- simulate_trajectories(task, beta, 2, values)
    fit <- rlmm(log, task, q_table(), consistency = bellman_none())
    expect_identical(fit$status, "converged")
    # Better than chance, but no choice is more than certain.
    expect_gt(utils::tail(fit$trace$objective, 1), 100)
    expect_lt(utils::tail(fit$trace$objective, 1), 320)
    expect_lt(coef(fit)[["sigma"]], 4)
  }
})
