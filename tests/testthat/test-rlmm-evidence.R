test_that("sweeps and their derivatives agree with differences", {
  for (task in evidence_tasks()) for (backup in c("soft", "mellow")) {
    set.seed(2)
    n <- length(task$layout$pair_action)
    reward <- task$layout$reward / value_rms(task) + rnorm(n, 0, 0.3)
    d <- rnorm(n)
    g <- rnorm(n)
    q <- function(x) {
      sweeps_at(task, backup, reward + x[1] * d, x[2], x[3], d, g)$q
    }
    at <- sweeps_at(task, backup, reward, 0.3, 0.9, d, g)
    x <- c(0, 0.3, 0.9)
    expect_true(at$good)
    expect_equal(at$tangent, central(q, x, 1, 1e-5), tolerance = 1e-7)
    expect_equal(at$temperature, central(q, x, 2, 1e-5), tolerance = 1e-7)
    expect_equal(at$discount, central(q, x, 3, 1e-5), tolerance = 1e-6)
    expect_equal(sum(at$adjoint * d), sum(g * at$tangent), tolerance = 1e-10)
  }
})

test_that("values agree with the exact solution of the task", {
  for (task in evidence_tasks()) for (backup in c("soft", "mellow")) {
    zero <- numeric(length(task$layout$pair_action))
    at <- sweeps_at(task, backup, task$layout$reward, 0.4, task$discount, zero, zero)
    exact <- solve_task(task, 0.4, backup)
    expect_equal(at$q, exact$q, tolerance = 1e-9)
    expect_equal(at$v, exact$v, tolerance = 1e-9)
  }
})

test_that("gradient and Hessian products agree with differences", {
  cases <- expand.grid(
    task = evidence_tasks(), backup = c("soft", "mellow"),
    residual_as = c("reward", "value"), stringsAsFactors = FALSE
  )
  for (i in seq_len(nrow(cases))) {
    task <- cases$task[[i]]
    data <- simulated_counts(task)
    n <- length(task$layout$pair_action)
    set.seed(3)
    u <- rnorm(n)
    x <- rnorm(n)
    at <- function(u, eta = eta_in_the_middle) {
      evidence_at(task, data, eta, u,
        x = x, rank = 12, backup = cases$backup[i],
        spec = list(residual_as = cases$residual_as[i])
      )
    }
    here <- at(u)
    up <- at(u + 1e-5 * x)
    down <- at(u - 1e-5 * x)
    expect_equal(sum(here$gradient * x), (up$f - down$f) / 2e-5, tolerance = 1e-6)
    expect_equal(here$product, (up$gradient - down$gradient) / 2e-5, tolerance = 1e-6)
    by_setting <- vapply(1:5, function(i) {
      central(function(eta) at(u, eta)$f, eta_in_the_middle, i, 1e-5)
    }, 0)
    expect_equal(here$partial, by_setting, tolerance = 1e-5)
  }
})

test_that("what is fixed in reward units moves with the unit", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task)
  u <- rnorm(length(task$layout$pair_action))
  fixed <- list(mu = -4, residual_sd = 5, temperature = 6)
  for (one in c(
    lapply(names(fixed), function(i) fixed[i]), list(fixed),
    list(c(fixed, residual_as = "value"))
  )) {
    f <- function(eta) evidence_at(task, data, eta, u, spec = one)$f
    expect_equal(
      evidence_at(task, data, eta_in_the_middle, u, spec = one)$partial[5],
      central(f, eta_in_the_middle, 5, 1e-5), tolerance = 1e-5
    )
  }
})

test_that("log determinant agrees with a dense one", {
  task <- peg_solitaire("tiny_cross")
  data <- simulated_counts(task)
  exact <- evidence_at(task, data, eta_in_the_middle, solve = TRUE, dense = TRUE)
  dense <- as.numeric(determinant(exact$dense)$modulus)
  expect_equal(exact$dense, t(exact$dense), tolerance = 1e-10)
  expect_equal(exact$log_det, dense, tolerance = 1e-3)
  expect_equal(exact$trace_inverse, sum(diag(solve(exact$dense))), tolerance = 1e-3)
  # Random probes are right on average: 400 blocks are 3,200 of them.
  random <- evidence_at(
    task, data, eta_in_the_middle, solve = TRUE, blocks = 400
  )
  expect_equal(random$log_det, dense, tolerance = 0.01)
})

test_that("gradient of the evidence agrees with differences", {
  # Large residuals on cycles bend the log det most.
  eta_at_large <- c(0.5, log(0.3), log(0.9), log(0.5), stats::qlogis(0.97))
  for (eta in list(eta_in_the_middle, eta_at_large)) {
    for (task in list(peg_solitaire("tiny_cross"), cyclic_task(12))) {
      data <- simulated_counts(task)
      for (residual_as in c("reward", "value")) {
        at <- function(eta) {
          evidence_at(task, data, eta,
            solve = TRUE, rank = 12, spec = list(residual_as = residual_as)
          )
        }
        slope <- vapply(1:5, function(i) {
          central(function(eta) at(eta)$evidence, eta, i, 0.01)
        }, 0)
        # Both difference an inner optimum and a truncated Lanczos form.
        expect_equal(at(eta)$slope, slope, tolerance = 0.03)
      }
    }
  }
})

test_that("a fit lowers the evidence, recovers people and answers in reward units", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80)
  fit <- fit_evidence(task, data)
  expect_identical(fit$status, "converged")
  rounds <- fit$trace[fit$trace$start > 0, ]
  for (start in split(rounds$objective, rounds$start)) {
    expect_true(all(diff(start) <= 0))
  }
  score <- drop(fit$posterior %*% fit$node)
  expect_gt(cor(score, data$z), 0.7)
  expect_lt(abs(mean(score - (data$z - log(data$unit)))), 0.3)
  expect_equal(fit$reward_scale, data$unit, tolerance = 1e-8)
  expect_equal(rowSums(fit$posterior), rep(1, 80), tolerance = 1e-9)
  # q is the fixed point of the rewards with delta added.
  zero <- numeric(length(fit$delta))
  again <- sweeps_at(
    task, "soft", task$layout$reward + fit$delta, fit$temperature, fit$discount, zero, zero
  )
  expect_equal(fit$q, again$q, tolerance = 1e-9)
  expect_equal(fit$lambda, 1 / (2 * fit$residual_sd^2))
})

test_that("several starts end at one optimum", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80)
  trace <- fit_evidence(
    task, data, control = evidence_control(starts = 5, draws = 0)
  )$trace
  ends <- tapply(trace$objective, trace$start, min)
  expect_gt(length(ends), 2)
  expect_lt(diff(range(ends)), 0.5)
})

test_that("rewards in other units give the same people", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task)
  other <- rescale_rewards(task, 0.1)
  both <- function(draws) {
    control <- evidence_control(draws = draws)
    list(
      fit_evidence(task, data, control = control),
      fit_evidence(other, data, control = control)
    )
  }
  modes <- both(draws = 0)
  expect_equal(modes[[2]]$posterior, modes[[1]]$posterior, tolerance = 1e-6)
  expect_equal(modes[[2]]$mu, modes[[1]]$mu - log(10), tolerance = 1e-6)
  expect_equal(modes[[2]]$q, 10 * modes[[1]]$q, tolerance = 1e-6)
  # Rounding takes chains apart; then they are as good as other draws.
  drawn <- both(draws = 60)
  expect_lt(apart_in_sd(drawn[[1]], drawn[[2]], log(10)), 0.15)
})

test_that("threads change nothing", {
  task <- peg_solitaire("big_L")
  data <- simulated_counts(task, n = 150, episodes = 3)
  control <- evidence_control(threads = 1)
  drop_time <- function(fit) {
    fit$seconds <- fit$seconds_search <- fit$trace$seconds <- NULL
    fit
  }
  one <- fit_evidence(task, data, control = control)
  two <- fit_evidence(
    task, data, control = utils::modifyList(control, list(threads = 2))
  )
  expect_identical(drop_time(one), drop_time(two))
})

test_that("fixed numbers stay fixed, in the user's units", {
  task <- peg_solitaire("tiny_cross")
  data <- simulated_counts(task)
  fit <- fit_evidence(
    task, data, evidence_spec(residual_sd = 4, temperature = 7, mu = -4, sigma = 0.8)
  )
  expect_equal(
    c(fit$residual_sd, fit$temperature, fit$mu, fit$sigma), c(4, 7, -4, 0.8),
    tolerance = 1e-12
  )
  expect_length(fit$parameters, 0)
  capped <- fit_evidence(
    task, data, evidence_spec(residual_sd_max = 2), evidence_control(draws = 0)
  )
  expect_lte(capped$residual_sd, 2 * (1 + 1e-9))
})

test_that("numbers far out of range are an error, not a crash", {
  task <- evidence_tasks()[["cyclic"]]
  data <- simulated_counts(task)
  for (residual_sd in c(1e15, 1e150)) {
    expect_error(
      fit_evidence(task, data, evidence_spec(residual_sd = residual_sd)), "not finite",
      class = "psyrl_error_input"
    )
  }
  given <- fit_evidence(task, data, evidence_spec(residual_sd = 1, temperature = 1))
  expect_identical(given$evidence, NA_real_)
})

test_that("no residuals is the exact model; a free table needs no task", {
  task <- peg_solitaire("tiny_cross")
  data <- simulated_counts(task, noise = 0)
  tight <- fit_evidence(
    task, data, evidence_spec(residual_sd = 1e-4, temperature = 5),
    evidence_control(draws = 0)
  )
  expect_equal(tight$q, solve_task(task, 5)$q, tolerance = 1e-4)
  free <- task
  free$layout$reward[] <- 0
  free$discount <- 0
  fit <- fit_evidence(free, data, evidence_spec(residual_sd = 1, temperature = 1))
  expect_identical(fit$reward_scale, 1)
  expect_true(all(is.finite(fit$posterior)))
})

test_that("new persons with the data of old ones get nearly their posterior", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80)
  fit <- fit_evidence(task, data)
  again <- evidence_posterior(fit, task, data)
  expect_equal(
    drop(again$posterior %*% fit$node), drop(fit$posterior %*% fit$node),
    tolerance = 0.05
  )
  expect_length(again$loglik, 80)
  none <- list(person_start = c(0L, 0L), pair = integer(), count = numeric())
  prior <- evidence_posterior(fit, task, none)
  drawn <- mean(fit$draws$coefficients) - log(fit$reward_scale)
  expect_equal(drop(prior$posterior %*% fit$node), drawn, tolerance = 1e-3)
})

test_that("predictions average over draws of the values", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80)
  fit <- fit_evidence(task, data)
  state <- task_pairs(task)$state
  policies <- function(q) {
    p <- exp(outer(exp(fit$node) * fit$reward_scale, q - ave(q, state, FUN = max)))
    p / t(apply(p, 1, function(row) ave(row, state, FUN = sum)))
  }
  draws <- fit$draws$q
  mean <- Reduce(`+`, lapply(seq_len(ncol(draws)), function(d) {
    policies(draws[, d]) / ncol(draws)
  }))
  chosen <- sort(unique(data$pair))
  asked <- list(
    person_start = c(0L, length(chosen)), pair = chosen, count = rep(1, length(chosen))
  )
  found <- evidence_policies(fit, task, asked)
  visited <- state %in% state[chosen + 1]
  expect_equal(exp(found[, visited]), mean[, visited], tolerance = 1e-8)
  expect_true(all(found[, !visited] == 0))
})

test_that("draws free scores of the bias that values have at their mode", {
  task <- peg_solitaire("big_L")
  data <- simulated_counts(task, n = 100, episodes = 20, noise = 0.5)
  fit <- fit_evidence(task, data)
  truth <- data$z - log(data$unit)
  bias <- function(weight) mean(drop(weight %*% fit$node) - truth)
  expect_gt(bias(fit$posterior_mode), 0.2)
  expect_lt(abs(bias(fit$posterior)), 0.12)
  below <- rowSums(fit$posterior * outer(truth, fit$node, `>`))
  expect_gt(mean(below > .025 & below < .975), 0.89)
  # The search alone finds too small a scale of residuals and too small an SD.
  mode <- fit_evidence(task, data, control = evidence_control(draws = 0))
  expect_gt(fit$residual_sd, mode$residual_sd)
  expect_lt(abs(fit$sigma - 1), abs(mode$sigma - 1))
})

test_that("a score test tells whether choices depart from the task's values", {
  task <- peg_solitaire("big_cross")
  departure <- function(noise, seed) {
    data <- simulated_counts(task, n = 40, noise = noise, seed = seed)
    fit_evidence(task, data, control = evidence_control(draws = 0))$departure
  }
  none <- vapply(1:12, departure, numeric(1), noise = 0)
  expect_lt(abs(mean(none)), 1)
  expect_lt(stats::sd(none), 2)
  expect_gt(departure(0.3, 1), 4)
  given <- fit_evidence(
    task, simulated_counts(task), evidence_spec(residual_sd = 1),
    control = evidence_control(draws = 0)
  )
  expect_true(is.na(given$departure))
})

test_that("residuals may be values, of which nothing follows", {
  for (task in list(peg_solitaire("big_L"), cyclic_task())) {
    off <- vapply(1:4, function(seed) {
      data <- simulated_counts(task, n = 60, episodes = 15, noise = 0.5, seed = seed)
      fit <- fit_evidence(task, data, evidence_spec(residual_as = "value"))
      expect_identical(fit$status, "converged")
      exact <- solve_task(task, fit$temperature)
      expect_equal(fit$v, exact$v, tolerance = 1e-7)
      expect_equal(fit$q, exact$q + fit$delta, tolerance = 1e-7)
      score <- drop(fit$posterior %*% fit$node)
      truth <- data$z - log(data$unit)
      expect_gt(cor(score, truth), 0.9)
      c(mean(score - truth), log(fit$residual_sd / data$unit / 0.5))
    }, numeric(2))
    expect_lt(abs(mean(off[1, ])), 0.15)
    expect_lt(abs(mean(off[2, ])), 0.2)
  }
})

test_that("what residuals are is chosen by what predicts others better", {
  task <- peg_solitaire("big_L")
  for (kind in c("reward", "value")) {
    people <- simulated_people(task,
      n = 60, episodes = 10, noise = 0.8, noise_on = kind
    )
    fit <- quietly(
      rlmm(people$log, task, q_table(), consistency = bellman(residual_as = "choose"))
    )
    expect_identical(fit$tuning$residual_as[fit$tuning$chosen], kind)
    expect_identical(fit$engine$spec$residual_as, kind)
    expect_output(print(summary(fit)), paste("residual_as =", kind))
  }
})

test_that("what a discount of its own gains is told where it matters", {
  gaining <- function(gain) discount_sentence(list(values = list(discount_gain = gain)))
  expect_null(gaining(NULL))
  expect_null(gaining(NaN))
  expect_null(gaining(2))
  expect_match(gaining(5), "5 nats of evidence; the task's is kept")
  expect_match(gaining(20), "20 nats of evidence\\.$")
})

test_that("residuals of values are for fits by the evidence", {
  task <- cyclic_task()
  log <- simulate_trajectories(task, c(a = 1, b = 2, c = 1), 2)
  fit <- function(...) quietly(rlmm(log, task, q_table(), consistency = bellman(...)))
  expect_error(bellman(residual_as = "both"), class = "psyrl_error_input")
  expect_error(
    fit(lambda = 3, residual_as = "value", pairs = "observed"),
    class = "psyrl_error_input"
  )
  expect_error(fit(residual_as = "choose"), "too few", class = "psyrl_error_input")
})

test_that("more iterations allow more rounds until chains agree", {
  allowed <- vapply(c(1, 100, 200, 399, 400, 800), sampling_rounds, numeric(1))
  expect_identical(allowed, c(1, 8, 16, 32, 32, 64))
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 20)
  # Of so few draws chains agree by chance only: a round is another chance.
  n_agree <- function(rounds) {
    fits <- lapply(1:12, function(seed) {
      control <- evidence_control(draws = 4, rounds = rounds, seed = seed)
      fit_evidence(task, data, control = control)
    })
    agree <- vapply(fits, `[[`, "", "status") == "converged"
    n <- vapply(fits, function(fit) nrow(fit$drawn), 1L)
    # Two chains of four draws a round, of which the later half counts.
    expect_true(all(n %in% (8L * seq_len(ceiling(rounds / 2)))))
    expect_true(all(n[!agree] == 8 * ceiling(rounds / 2)))
    sum(agree)
  }
  agree <- vapply(c(1, 3, 8), n_agree, 1L)
  expect_lt(agree[1], 12)
  expect_true(all(diff(agree) > 0))
})

test_that("other draws give the same people", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80)
  fits <- lapply(1:2, function(seed) {
    fit_evidence(task, data, control = evidence_control(seed = seed))
  })
  expect_identical(fits[[1]]$status, "converged")
  expect_identical(fits[[2]]$status, "converged")
  # A tenth of a posterior SD is what 120 draws leave of what persons share.
  expect_lt(apart_in_sd(fits[[1]], fits[[2]]), 0.15)
})

test_that("more parameters than columns of a sweep are no trouble", {
  task <- peg_solitaire("tiny_cross")
  data <- simulated_counts(task, n = 60)
  data$design <- cbind(1, matrix(rnorm(60 * 6), 60))
  fit <- fit_evidence(task, data)
  expect_length(fit$coefficients, 7)
  expect_true(all(diag(solve(fit$information)) > 0))
})

test_that("covariates move the mean of log beta", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80)
  data$design <- cbind(1, data$z)
  fit <- fit_evidence(task, data)
  expect_gt(fit$coefficients[2], 0.6)
  expect_lt(fit$sigma, 0.6)
})

test_that("cyclic tasks are fitted, by either backup", {
  task <- cyclic_task()
  data <- simulated_counts(task, n = 60, episodes = 6)
  for (backup in c("soft", "mellow")) {
    fit <- fit_evidence(task, data, evidence_spec(backup = backup))
    expect_identical(fit$status, "converged")
    expect_gt(cor(drop(fit$posterior %*% fit$node), data$z), 0.7)
  }
})

test_that("given numbers need no search: people as under the true values", {
  task <- peg_solitaire("big_cross")
  data <- simulated_counts(task, n = 80, episodes = 20, noise = 0)
  spec <- evidence_spec(residual_sd = .1 * data$unit, temperature = .2 * data$unit)
  fit <- fit_evidence(task, data, spec)
  exact <- fit_evidence(task, data, utils::modifyList(spec, list(residual_sd = 1e-6)))
  expect_identical(fit$status, "converged")
  expect_true(all(diff(fit$trace$objective) <= 0))
  r <- function(x) cor(drop(x$posterior %*% x$node), data$z)
  expect_gt(r(fit), r(exact) - .01)
  # The ordinary maximum has kinks: it is approached, and the search still ends.
  hard <- fit_evidence(task, data, utils::modifyList(spec, list(temperature = 0)))
  expect_identical(hard$status, "converged")
})

test_that("values held ever tighter end at the exact solution", {
  log <- simulate_trajectories(
    cyclic_task(), stats::setNames(exp(seq(-1, 1, length.out = 30)), 1:30), 4,
    solve_mdp(cyclic_task(), .5)
  )
  fine <- rlmm_control(nodes = 301)
  held <- rlmm(log, cyclic_task(), q_table(),
    consistency = bellman(lambda = 1e16, temperature = .5), control = fine
  )
  exact <- rlmm(log, cyclic_task(), q_task(temperature = .5), control = fine)
  aside <- rlmm(log, cyclic_task(), q_table(), control = fine, consistency = bellman(
    lambda = 1e16, temperature = .5, residual_as = "value"
  ))
  expect_equal(values(aside)$q, values(exact)$q, tolerance = 1e-6)
  expect_equal(values(held)$q, values(exact)$q, tolerance = 1e-6)
  expect_lt(max(abs(persons(held)$log_estimate - persons(exact)$log_estimate)), 1e-6)
  expect_lt(max(abs(coef(held)[c("mu", "sigma")] - coef(exact)[c("mu", "sigma")])), 1e-6)
})

test_that("a fit resumed from its checkpoint has the bits of an uninterrupted one", {
  task <- peg_solitaire("big_cross")
  set.seed(4)
  beta <- stats::setNames(exp(stats::rnorm(40, -3)), seq_len(40))
  log <- simulate_trajectories(task, beta, 4)
  file <- tempfile(fileext = ".rds")
  fit <- function(...) {
    suppressWarnings(
      rlmm(log, task, q_table(), control = rlmm_control(...)),
      classes = "psyrl_warning"
    )
  }
  # Stopped after so many calls: once the search, then stages of draws.
  stopping_after <- function(n) {
    called <- 0
    function(row) {
      called <<- called + 1
      called < n
    }
  }
  without_time <- function(fit) {
    fit$trace$seconds <- NULL
    fit[c("values", "parameters", "posterior", "vcov", "loglik", "trace", "status")]
  }
  whole <- without_time(fit())
  expect_identical(whole$status, "converged")
  expect_gt(sum(whole$trace$start == 0), 3)
  for (n in 1:2) {
    stopped <- fit(checkpoint = file, callback = stopping_after(n))
    expect_identical(stopped$status, "interrupted")
    expect_true(all(is.finite(persons(stopped)$estimate)))
  }
  resumed <- fit(checkpoint = file)
  expect_identical(without_time(resumed), whole)
  # What is converged is not fitted again; other people are another fit.
  expect_identical(without_time(fit(checkpoint = file)), whole)
  log <- log[1:30]
  expect_error(fit(checkpoint = file), class = "psyrl_error_input")
  # Fits to other data leave the file alone.
  expect_length(bootstrap(resumed, n = 2)$seeds, 2)
})
