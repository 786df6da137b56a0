fit_episodes <- function(data, setup, beta = c(0, 50)) {
  trials <- convex_trials(data, setting_channels(setup), "person")
  spec <- convex_spec(setting_share(setup), beta = beta)
  list(trials = trials, spec = spec, fit = convex_ml_(trials, spec, 2L, 1, 1))
}

test_that("loss and gradient agree with the aligned check points, not the shifted", {
  for (episode in convex_fixtures()) {
    trials <- convex_trials(episode_choices(episode), setting_channels(episode$setup))
    n <- length(kernel_rows(
      setting_share(episode$setup), setting_channels(episode$setup),
      seq_len(episode$arms)
    )$arm)
    at <- convex_loss_(
      trials, convex_spec(setting_share(episode$setup)), matrix(0.3, 1, n),
      matrix(2, 1, n)
    )
    check <- episode$check_point
    expect_equal(at$loss, check$nll, tolerance = 1e-9)
    shifted <- check$nll_if_values_are_wrongly_paired_with_next_choice
    expect_gt(abs(at$loss - shifted), 0.1)
    if (episode$setup != "BSC") {
      stored <- c(unlist(check$grad_alpha), unlist(check$grad_beta))
      expect_equal(as.vector(at$gradient), stored, tolerance = 1e-8)
    }
  }
})

test_that("a hand-computed episode of three trials", {
  data <- choices(data.frame(person = 1, choice = c(1, 2, 1), outcome = c(1, 0, 1)))
  at <- convex_loss_(convex_trials(data), convex_spec("all"), matrix(0.5), matrix(2))
  # Values before trials: (0, 0), (1, 0), (.5, 0).
  expect_equal(at$loss, log(2) + log(1 + exp(1)) + log(1 + exp(-0.5)))
})

test_that("gradients are those of the loss", {
  data <- small_choices(persons = 1, n_options = 3)
  trials <- convex_trials(data, c("outcome", "choice"))
  spec <- convex_spec("arm")
  theta <- c(seq(0.1, 0.9, length.out = 6), seq(0.5, 3, length.out = 6))
  loss <- function(theta) {
    convex_loss_(trials, spec, matrix(theta[1:6], 1), matrix(theta[7:12], 1))
  }
  expect_equal(
    as.vector(loss(theta)$gradient), numeric_gradient(function(x) loss(x)$loss, theta),
    tolerance = 1e-6
  )
})

test_that("local fits reach the stored global optima, and certificates prove it", {
  for (episode in convex_fixtures()) {
    made <- fit_episodes(episode_choices(episode), episode$setup)
    found <- certify_problems(
      made$trials, made$spec, made$fit[c("alpha", "beta")], 0.01, 3000, 1
    )
    expect_s3_class(found, "psyrl_certificate")
    expect_true(found$best - found$lower_bound <= 0.01)
    expect_lte(found$best, episode$mle$nll + 1e-7)
    expect_lte(found$lower_bound, episode$mle$nll)
    expect_gte(found$best, episode$mle$nll - 0.2) # the stored one of sub10 is local
  }
})

test_that("a local optimum is not certified, and the better one is given", {
  episode <- convex_fixtures()$ind2
  made <- fit_episodes(episode_choices(episode), "IND")
  worse <- list(alpha = matrix(c(0.9, 0.9), 1), beta = matrix(c(1, 1), 1))
  found <- certify_problems(made$trials, made$spec, worse, 0.01, 3000, 1)
  expect_false(found$certified)
  expect_equal(found$best, episode$mle$nll, tolerance = 1e-7)
  expect_equal(
    as.vector(attr(found, "parameters")$alpha), unlist(episode$mle$alpha),
    tolerance = 1e-4
  )
  expect_output(print(found), "0 of 1 fits")
})

test_that("bounds hold at every budget of nodes and rise with it", {
  made <- fit_episodes(benchmark_episodes("IND", 2, 4)$data, "IND")
  bound <- vapply(c(1, 3, 30, 3000), function(nodes) {
    certify_problems(
      made$trials, made$spec, made$fit[c("alpha", "beta")], 1e-3, nodes, 1
    )$lower_bound
  }, numeric(4))
  expect_true(all(apply(bound, 1, diff) >= -1e-6))
  expect_true(all(bound[, 4] <= made$fit$objective + 1e-9))
})

test_that("no random parameters beat a certified bound", {
  made <- fit_episodes(benchmark_episodes("SUB", 2, 2)$data, "SUB")
  found <- certify_problems(
    made$trials, made$spec, made$fit[c("alpha", "beta")], 0.01, 3000, 1
  )
  withr::local_seed(1)
  for (i in 1:200) {
    draw <- function(top) matrix(stats::runif(8, 0, top), 2)
    loss <- convex_loss_(made$trials, made$spec, draw(1), draw(8))$loss
    expect_true(all(loss >= found$lower_bound))
  }
})

test_that("bounds are in order on benchmark episodes of every setting", {
  for (setup in c("BSC", "IND", "SUB")) {
    for (arms in c(2, 10)) {
      data <- benchmark_episodes(setup, arms, 5)$data
      made <- fit_episodes(data, setup, c(0, 200))
      found <- certify_problems(
        made$trials, made$spec, made$fit[c("alpha", "beta")], 0.01, 300, 1
      )
      solve <- function(relaxation) {
        convex_relaxation(
          data, setting_share(setup), setting_channels(setup), relaxation
        )
      }
      monotone <- solve("monotone")
      mixture <- solve("mixture")
      expect_true(all(monotone$objective <= mixture$lower_bound + 1e-5))
      expect_true(all(mixture$lower_bound <= found$best + 1e-6))
      expect_true(all(found$lower_bound <= found$best + 1e-9))
      expect_true(all(found$best <= found$lower_bound + 0.01))
      expect_lt(max(mixture$certificate$kkt), 1e-8)
      expect_lt(max(abs(mixture$certificate$entropy_gap)), 1e-6)
    }
  }
})

test_that("quadrature gives the posterior mean of a fine grid", {
  data <- benchmark_episodes("BSC", 2, 3)$data
  trials <- convex_trials(data)
  spec <- convex_spec("all", beta = c(0, 5))
  rough <- convex_posterior_(trials, spec, 12L, 1)
  fine <- convex_posterior_(trials, spec, 80L, 1)
  expect_equal(rough$alpha, fine$alpha, tolerance = 0.05)
  expect_equal(rough$beta, fine$beta, tolerance = 0.05)
  expect_true(all(rough$beta > 0 & rough$beta < 5))
})

test_that("a certificate needs a maximum-likelihood fit", {
  expect_error(certify(1), class = "psyrl_error_input")
  made <- fit_episodes(small_choices(), "BSC")
  certify_with <- function(...) {
    certify_problems(made$trials, made$spec, made$fit[c("alpha", "beta")], ..., threads = 1)
  }
  expect_error(certify_with(-1, 10), class = "psyrl_error_input")
  expect_error(certify_with(0.01, 0), class = "psyrl_error_input")
})

test_that("fits of rlearn() are certified, a row a person", {
  data <- small_choices(n = 200)
  for (model in list(
    forgetting_bandit(), forgetting_bandit("arm", beta_range = c(0, 5)),
    rescorla_wagner()
  )) {
    fit <- rlearn(data, model, "ml")
    found <- certify(fit)
    expect_named(found, c(
      "person", "objective", "lower_bound", "gap", "certified", "nodes", "best"
    ))
    expect_equal(found$person, c("a", "b"))
    expect_true(all(found$certified))
    expect_equal(sum(found$objective), -as.numeric(logLik(fit)))
  }
})

test_that("what has no certificate says so", {
  data <- small_choices()
  reason <- function(fit) {
    conditionMessage(tryCatch(certify(fit), psyrl_error_input = identity))
  }
  expect_match(reason(rlearn(data, forgetting_bandit(), "map")), "estimator")
  ml <- function(model) rlearn(data, model, "ml")
  expect_match(reason(ml(rescorla_wagner(initial = 0.5))), "plain rescorla_wagner")
  expect_match(reason(ml(kalman_bandit())), "plain rescorla_wagner")
  negative <- ml(forgetting_bandit(beta_range = c(-1, 1)))
  expect_match(reason(negative), "must not be negative")
})

test_that("a better fit within the tolerance does not spoil a certificate", {
  made <- fit_episodes(benchmark_episodes("IND", 2, 4)$data, "IND")
  near <- list(alpha = made$fit$alpha, beta = made$fit$beta * 1.01)
  found <- certify_problems(made$trials, made$spec, near, 0.01, 3000, 1)
  worse <- found$objective - found$best
  close <- worse > 1e-6 & worse < 0.009
  expect_true(any(close))
  expect_equal(found$certified[close], rep(TRUE, sum(close)))
})

test_that("certificates do not depend on threads", {
  made <- fit_episodes(benchmark_episodes("IND", 2, 6)$data, "IND")
  run <- function(threads) {
    certify_problems(
      made$trials, made$spec, made$fit[c("alpha", "beta")], 0.01, 3000, threads
    )
  }
  expect_identical(run(1), run(2))
})
