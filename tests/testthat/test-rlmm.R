# A small cyclic task, people who follow it more or less.
maze_task <- function(discount = .9) {
  mdp(data.frame(
    state = rep(c("a", "b", "c"), c(2, 3, 2)),
    action = c("x", "y", "x", "y", "z", "x", "y"),
    next_state = c("b", "end", "end", "a", "c", "end", "b"),
    reward = c(0, 1, 2, 0, .5, 3, -1)
  ), discount = discount)
}

maze_log <- function(n = 60, episodes = 8, task = maze_task(), seed = 1,
                     temperature = .1, sd = .7) {
  set.seed(seed)
  beta <- stats::setNames(exp(stats::rnorm(n, 0, sd)), paste0("p", seq_len(n)))
  list(
    beta = beta,
    log = simulate_trajectories(task, beta, episodes,
      values = solve_mdp(task, temperature)
    )
  )
}

# Marginal log-likelihood by plain integration: every decision at every node.
reference_log_lik <- function(log, values, mu, sigma) {
  d <- as.data.frame(log)
  nodes <- seq(mu - 9 * sigma, mu + 9 * sigma, length.out = 601)
  at_state <- split(values$advantage, as.character(values$state))
  log_sum <- vapply(at_state, function(a) {
    log(colSums(exp(outer(a, exp(nodes)))))
  }, numeric(601))
  taken <- match(paste(d$state, d$action), paste(values$state, values$action))
  lp <- outer(exp(nodes), values$advantage[taken]) - log_sum[, as.character(d$state)]
  lp <- rowsum(t(lp), as.character(d$person))
  lp <- t(lp) + stats::dnorm(nodes, mu, sigma, log = TRUE)
  top <- apply(lp, 2, max)
  sum(top + log(colSums(exp(t(t(lp) - top))) * (nodes[2] - nodes[1])))
}

test_that("the marginal likelihood equals plain integration and is at its maximum", {
  task <- maze_task()
  log <- maze_log(15)$log
  fit <- rlmm(log, task, q_task(temperature = .1))
  expect_equal(fit$status, "converged")
  p <- coef(fit)
  at <- function(mu, sigma) {
    reference_log_lik(log, values(fit), mu, sigma)
  }
  expect_equal(fit$loglik, at(p[["mu"]], p[["sigma"]]), tolerance = 1e-7)
  expect_lt(at(p[["mu"]] + .05, p[["sigma"]]), fit$loglik)
  expect_lt(at(p[["mu"]] - .05, p[["sigma"]]), fit$loglik)
  expect_lt(at(p[["mu"]], p[["sigma"]] * 1.1), fit$loglik)
  expect_lt(at(p[["mu"]], p[["sigma"]] / 1.1), fit$loglik)
})

test_that("standard errors are those of the likelihood's curvature", {
  log <- maze_log(40)$log
  fit <- rlmm(log, maze_task(), q_task(temperature = .1))
  p <- coef(fit)
  f <- function(x) {
    fixed <- rlmm(log, maze_task(), q_task(temperature = .1),
      control = rlmm_control(mu = x[1], sigma = exp(x[2]))
    )
    fixed$loglik
  }
  x <- c(p[["mu"]], log(p[["sigma"]]))
  h <- .02
  second <- function(i, k) {
    e <- diag(2) * h
    (f(x + e[i, ] + e[k, ]) - f(x + e[i, ] - e[k, ]) - f(x - e[i, ] + e[k, ]) +
      f(x - e[i, ] - e[k, ])) / (4 * h^2)
  }
  hessian <- outer(1:2, 1:2, Vectorize(second))
  expect_equal(unname(fit$vcov), solve(-hessian), tolerance = .01)
})

test_that("results do not depend on threads, bit for bit", {
  log <- maze_log()$log
  fits <- lapply(1:2, function(n) {
    rlmm(log, maze_task(), control = rlmm_control(threads = n))
  })
  for (part in c("loglik", "parameters", "posterior", "values", "vcov")) {
    expect_identical(fits[[1]][[part]], fits[[2]][[part]])
  }
})

test_that("doubling the grid changes nothing in the sixth digit", {
  log <- maze_log()$log
  fit <- rlmm(log, maze_task(), q_task(temperature = .1))
  n <- length(fit$posterior$nodes)
  finer <- update(fit, control = rlmm_control(nodes = 2 * n))
  expect_equal(coef(fit), coef(finer), tolerance = 1e-6)
  expect_equal(persons(fit)$log_estimate, persons(finer)$log_estimate,
    tolerance = 1e-6
  )
})

test_that("counts and trajectories give the same fit", {
  log <- maze_log()$log
  by_steps <- rlmm(log, maze_task())
  by_counts <- rlmm(counts(log), maze_task())
  expect_equal(coef(by_steps), coef(by_counts))
  expect_equal(persons(by_steps), persons(by_counts))
})

test_that("the order of persons changes nothing", {
  log <- maze_log(20)$log
  d <- as.data.frame(log)
  turned <- d[order(-as.integer(factor(d$person)), d$episode, d$step), ]
  a <- persons(rlmm(log, maze_task()))
  b <- persons(rlmm(turned, maze_task()))
  expect_equal(a[order(a$person), -1], b[order(b$person), -1],
    tolerance = 1e-6, ignore_attr = TRUE
  )
})

test_that("scores of new persons equal those of the fit", {
  log <- maze_log()$log
  fit <- rlmm(log, maze_task())
  again <- persons(fit, newdata = log)
  expect_equal(again, persons(fit), tolerance = 1e-8)
})

test_that("q_known with the task's values is the task", {
  log <- maze_log()$log
  task <- maze_task()
  exact <- rlmm(log, task, q_task(temperature = .1))
  known <- rlmm(log, task, q_known(solve_mdp(task, .1)))
  expect_equal(known$loglik, exact$loglik)
  expect_equal(persons(known), persons(exact), tolerance = 1e-6)
})

test_that("latent regression recovers the effect of a covariate", {
  set.seed(5)
  x <- stats::rnorm(300)
  beta <- stats::setNames(
    exp(.2 + .6 * x + stats::rnorm(300, 0, .5)), paste0("p", 1:300)
  )
  task <- maze_task()
  log <- simulate_trajectories(task, beta, 10, values = solve_mdp(task, .1))
  people <- data.frame(person = names(beta), x = x)
  fit <- rlmm(log, task, q_task(temperature = .1),
    persons = ~x, control = rlmm_control(persons = people)
  )
  expect_named(coef(fit)[1:3], c("mu", "mu:x", "sigma"))
  se <- sqrt(diag(vcov(fit)))
  expect_lt(abs(coef(fit)[["mu:x"]] - .6), 3 * se[["mu:x"]])
  expect_lt(abs(coef(fit)[["sigma"]] - .5), 3 * se[["sigma"]])
})

test_that("predicted probabilities sum to one over the legal actions", {
  fit <- rlmm(maze_log()$log, maze_task())
  p <- predict(fit)
  sums <- rowsum(p$probability, cumsum(!duplicated(p[c("person", "episode", "step")])))
  expect_equal(as.double(sums), rep(1, length(sums)))
  nll <- predict(fit, type = "nll")
  expect_equal(exp(-nll$nll), p$probability[p$chosen])
  expect_equal(fitted(fit), exp(-nll$nll))
})

test_that("new persons are predicted by the population, then by their own past", {
  log <- maze_log(30)$log
  fit <- rlmm(log["p1"], maze_task(), q_task(temperature = .1),
    control = rlmm_control(mu = 0, sigma = .7)
  )
  one <- log["p2"]
  p <- predict(fit, one)
  nll <- predict(fit, one, type = "nll")
  expect_equal(exp(-nll$nll), p$probability[p$chosen])
  # The product of the one-step predictions is the marginal likelihood.
  expect_equal(
    -sum(nll$nll), reference_log_lik(one, values(fit), 0, .7),
    tolerance = 1e-6
  )
})

test_that("people without information get the prior and a flag", {
  task <- maze_task()
  log <- as.data.frame(maze_log(30)$log)[
    c("person", "episode", "step", "state", "action", "next_state")
  ]
  forced <- mdp(rbind(
    as.data.frame(task)[c("state", "action", "next_state", "reward")],
    data.frame(state = "corridor", action = "x", next_state = "end", reward = 0)
  ), discount = .9)
  silent <- data.frame(
    person = "silent", episode = 1, step = 0, state = "corridor", action = "x",
    next_state = "end"
  )
  greedy <- data.frame(
    person = "greedy", episode = 1:6, step = 0, state = "c", action = "x",
    next_state = "end"
  )
  fit <- rlmm(rbind(log, silent, greedy), forced, q_task(temperature = .1))
  scores <- persons(fit)
  row <- scores[scores$person == "silent", ]
  expect_equal(row$flag, "no information")
  expect_equal(row$log_estimate, coef(fit)[["mu"]], tolerance = 1e-6)
  expect_equal(row$std_error, coef(fit)[["sigma"]], tolerance = 1e-6)
  expect_equal(scores$flag[scores$person == "greedy"], "always greedy")
})

test_that("parts of a model print as the calls that make them", {
  expect_output(print(bellman_none()), "bellman_none()", fixed = TRUE)
  expect_output(print(bellman(lambda = 2)), "bellman(lambda = 2, ", fixed = TRUE)
  expect_output(print(q_table(l2 = 1)), "q_table(l2 = 1)", fixed = TRUE)
})

test_that("quantiles do not mind tails that were cut off or fall steeply", {
  nodes <- seq(-6, 6, by = .15)
  weight <- stats::dnorm(nodes, 1, .4)
  cut <- cbind(
    ifelse(nodes < -2, 0, weight), ifelse(nodes > 3.8, 0, weight),
    weight * exp(-exp(8 * (nodes - 3)))
  )
  ends <- posterior_summary(list(nodes = nodes, weight = cut), c(.025, .975))[, 3:4]
  whole <- stats::qnorm(c(.025, .975), 1, .4)
  for (i in 1:3) expect_equal(unname(ends[i, ]), whole, tolerance = 1e-3)
})
