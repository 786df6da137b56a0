# A learner by the standard rule: only the chosen option's value moves.
rescorla_choices <- function(n, alpha, beta, seed) {
  withr::with_seed(seed, {
    q <- c(0, 0)
    choice <- outcome <- integer(n)
    for (t in seq_len(n)) {
      choice[t] <- 1 + stats::rbinom(1, 1, stats::plogis(beta * diff(q)))
      good <- 1 + (t %/% 40) %% 2
      outcome[t] <- stats::rbinom(1, 1, if (choice[t] == good) 0.8 else 0.2)
      q[choice[t]] <- q[choice[t]] + alpha * (outcome[t] - q[choice[t]])
    }
    choices(data.frame(person = "a", choice = choice, outcome = outcome))
  })
}

# Blocks, stimuli, missed trials and outcomes that nobody saw.
awkward_choices <- function(seed = 5, n = 120) {
  withr::with_seed(seed, {
    choices(data.frame(
      person = rep(c("a", "b"), each = n / 2), block = rep(1:2, each = n / 4),
      stimulus = sample(c("x", "y"), n, TRUE),
      choice = ifelse(stats::runif(n) < 0.1, NA, sample(3, n, TRUE)),
      outcome = ifelse(stats::runif(n) < 0.1, NA, stats::rnorm(n))
    ), options = 1:3)
  })
}

convex_loss_of <- function(data, trace, alpha, beta) {
  trials <- convex_trials(data, trace$channels, "person")
  n <- nrow(trials$problems)
  repeated <- function(x) matrix(x, n, length(x), byrow = TRUE)
  convex_loss_(trials, trace_spec(trace), repeated(alpha), repeated(beta))
}

test_that("the convex core and the learning models mean the same", {
  data <- awkward_choices()
  models <- list(
    forgetting_bandit(), forgetting_bandit("arm"), rescorla_wagner(),
    forgetting_bandit("arm", c("outcome", "choice"))
  )
  for (model in models) {
    table <- model_spec(model, data)$table
    trace <- trace_model(model, table)
    n <- length(trace$alpha)
    alpha <- seq(0.2, 0.8, length.out = n)
    beta <- seq(1, 2, length.out = n)
    theta <- c(
      stats::setNames(alpha, trace$alpha), stats::setNames(beta, trace$beta)
    )
    ours <- convex_loss_of(data, trace, alpha, beta)
    theirs <- log_lik(model, data, theta, gradient = TRUE)
    expect_equal(ours$loss, -as.vector(theirs), tolerance = 1e-12)
    gradient <- attr(theirs, "gradient")[, names(theta)]
    expect_equal(ours$gradient, -unname(gradient), tolerance = 1e-10)
  }
})

test_that("starting values are the best local fits, inside the ranges", {
  data <- small_choices(n = 200)
  model <- forgetting_bandit("arm", c("outcome", "choice"))
  start <- convex_start(data, model)
  table <- model_spec(model, data)$table
  expect_equal(dimnames(start), list(c("a", "b"), table$parameter))
  expect_true(all(start[, 1:4] >= 1e-4 & start[, 1:4] <= 1 - 1e-4))
  expect_true(all(start[, 5:8] > 0 & start[, 5:8] < 200))
  best <- certify(rlearn(data, model, "ml"))$best
  at <- -log_lik(model, data, cbind(person = c("a", "b"), as.data.frame(start)))
  expect_lt(max(at - best), 0.05)
})

test_that("visit-clock starts find the Rescorla-Wagner rule that made the choices", {
  data <- rescorla_choices(3000, alpha = 0.3, beta = 4, seed = 3)
  for (model in list(rescorla_wagner(), rescorla_wagner("dual", lapse = TRUE))) {
    start <- convex_start(data, model)["a", ]
    alpha <- start[startsWith(names(start), "alpha")]
    expect_equal(unname(alpha), rep(0.3, length(alpha)), tolerance = 0.2)
    expect_equal(start[["beta"]], 4, tolerance = 0.2)
  }
  expect_equal(start[["xi"]], 0.05)
})

test_that("a search that begins there leaves no person in a wrong valley", {
  data <- benchmark_episodes("SUB", 2, 20)$data
  fit <- rlearn(data, rescorla_wagner(), "ml")
  expect_true(all(certify(fit)$certified))
  # A rate of .58 is a local optimum of the first person, 21 nats above that of .04.
  expect_lt(coef(fit)[1, "alpha"], 0.1)
})

test_that("models without traces, and persons without choices, have other starts", {
  data <- small_choices()
  expect_null(convex_start(data, kalman_bandit()))
  frame <- rbind(
    as.data.frame(data), data.frame(person = "z", block = 1, trial = 1:2, choice = NA,
      outcome = NA)
  )
  start <- convex_start(choices(frame, options = 1:2), rescorla_wagner())
  expect_equal(unname(start["z", ]), rescorla_wagner()$table$typical)
})

test_that("a relaxation on the visit clock bounds the standard rule", {
  data <- rescorla_choices(400, alpha = 0.3, beta = 4, seed = 4)
  control <- convex_control(traces = "rescorla_wagner")
  monotone <- convex_relaxation(data, control = control)
  mixture <- convex_relaxation(data, relaxation = "mixture", control = control)
  expect_output(print(monotone), "No Rescorla-Wagner learner")
  expect_lte(monotone$objective, mixture$lower_bound + 1e-6)
  truth <- -log_lik(rescorla_wagner(), data, c(alpha = 0.3, beta = 4))
  expect_lte(mixture$lower_bound, truth)
  for (alpha in c(0.01, 0.1, 0.3, 0.6, 1)) {
    for (beta in c(0.5, 2, 4, 50)) {
      at <- log_lik(rescorla_wagner(), data, c(alpha = alpha, beta = beta))
      expect_lte(mixture$lower_bound, -at)
    }
  }
  for (fit in list(monotone, mixture)) {
    expect_lt(fit$certificate$kkt, 1e-8)
    expect_lt(abs(fit$certificate$entropy_gap), 1e-6)
  }
})
