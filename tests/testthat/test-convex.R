solve_episode <- function(episode, ...) {
  convex_relaxation(
    episode_choices(episode), setting_share(episode$setup),
    setting_channels(episode$setup), ...
  )
}

test_that("monotone optima agree with the solved episodes", {
  for (episode in convex_fixtures()) {
    full <- solve_episode(episode, beta_max = Inf)
    short <- solve_episode(episode, horizon = 5, beta_max = Inf)
    tolerance <- if (episode$name == "sub10") 1e-6 else 2e-9
    expect_lt(abs(full$objective - episode$relaxed_full$optimum), tolerance)
    expect_lt(abs(short$objective - episode$relaxed_p5$optimum), tolerance)
    expect_true(is.na(short$lower_bound))
    expect_lte(full$lower_bound, full$objective)
    expect_lt(full$objective - full$lower_bound, 1e-5)
  }
})

test_that("the weights of the solved episodes are reproduced where unique", {
  episode <- convex_fixtures()$bsc2
  fit <- solve_episode(episode, beta_max = Inf)
  jumps <- do.call(rbind, lapply(episode$relaxed_full$jumps[[1]], unlist))
  kernel <- rowSums(vapply(seq_len(nrow(jumps)), function(i) {
    jumps[i, 2] * (0:199 < jumps[i, 1])
  }, numeric(200)))
  expect_equal(fit$kernel$weight, kernel, tolerance = 1e-6)
  expect_equal(fit$alpha[[1]], episode$step2_from_full[[1]]$alpha, tolerance = 1e-5)
  expect_equal(fit$beta[[1]], episode$step2_from_full[[1]]$beta, tolerance = 1e-5)
})

test_that("mixture bounds agree with the solved episodes", {
  for (episode in convex_fixtures()) {
    fit <- solve_episode(episode, relaxation = "mixture", beta_max = 50)
    stored <- episode$mixture_relaxation$lower_bound_if_total_weight_per_row_at_most_50
    # The other stored bounds leave out rates below .001 or are not tight.
    if (episode$name %in% c("bsc2", "sub2", "bsc10")) {
      expect_lt(abs(fit$lower_bound - stored), 1e-5)
    }
    expect_lte(fit$lower_bound, episode$mle$nll + 1e-8)
    expect_lt(fit$objective - fit$lower_bound, 1e-5)
  }
})

test_that("every solution meets its optimality conditions and the entropy identity", {
  for (episode in convex_fixtures()) {
    for (relaxation in c("monotone", "mixture")) {
      fit <- solve_episode(episode, relaxation = relaxation)
      expect_lt(fit$certificate$kkt, 1e-8)
      expect_lt(abs(fit$certificate$entropy_gap), 1e-6)
    }
  }
})

test_that("the bounds are in order: monotone, mixture, maximum likelihood", {
  for (episode in convex_fixtures()) {
    monotone <- solve_episode(episode)
    mixture <- solve_episode(episode, relaxation = "mixture")
    expect_lte(monotone$objective, mixture$lower_bound + 1e-6)
    expect_lte(mixture$lower_bound, episode$mle$nll + 1e-6)
    expect_lte(episode$mle$nll, episode$nll_at_truth)
  }
})

test_that("longer horizons never fit worse", {
  data <- episode_choices(convex_fixtures()$ind2)
  loss <- vapply(c(1, 2, 5, 20, 100, Inf), function(p) {
    convex_relaxation(data, "arm", horizon = p)$objective
  }, 1)
  expect_true(all(diff(loss) <= 1e-9))
})

test_that("kernels do not increase and give the objective in plain R", {
  data <- small_choices(persons = 1)
  for (relaxation in c("monotone", "mixture")) {
    fit <- convex_relaxation(data, relaxation = relaxation)
    expect_true(all(diff(fit$kernel$weight) <= 1e-12))
    expect_true(all(fit$kernel$weight >= 0))
    expect_equal(unname(fit$objective), reference_loss(data, fit$kernel$weight))
    probability <- predict(fit)
    expect_named(probability, c("person", "block", "trial", "option", "probability"))
    chosen <- probability$option == rep(data$trials$choice, each = 2)
    expect_equal(-sum(log(probability$probability[chosen])), unname(fit$objective))
  }
})

test_that("mass stays within beta_max, and the bound holds at it", {
  data <- episode_choices(convex_fixtures()$bsc10)
  fit <- convex_relaxation(data, beta_max = 2)
  expect_equal(sum(fit$kernel$weight), 2, tolerance = 1e-8)
  expect_lt(fit$certificate$kkt, 1e-8)
  expect_lt(abs(fit$certificate$entropy_gap), 1e-8)
  expect_gt(fit$objective, convex_relaxation(data)$objective)
})

test_that("missed trials are left out, blocks start from zero values", {
  data <- data.frame(
    person = "a", block = rep(1:2, each = 30), trial = rep(1:30, 2),
    choice = rep(c(1, 2, 1, 1, NA, 2), 10), outcome = rep(c(1, 0, 1), 20)
  )
  fit <- convex_relaxation(choices(data))
  expect_named(fit$objective, c("a.1", "a.2"))
  expect_equal(fit$n_trials, c(25, 25))
  expect_equal(fit$objective[[1]], fit$objective[[2]])
  kept <- convex_relaxation(choices(data[!is.na(data$choice), ]))
  expect_identical(fit$objective, kept$objective)
})

test_that("pooling shares the kernel and loses nothing when all are alike", {
  one <- small_choices(persons = 1)
  frame <- as.data.frame(one)
  twice <- choices(rbind(frame, transform(frame, person = "b")))
  pooled <- convex_relaxation(twice, pool = TRUE)
  expect_named(pooled$objective, "all")
  expect_equal(pooled$objective[["all"]], 2 * convex_relaxation(one)$objective[[1]])
  expect_equal(nrow(predict(pooled, one)), 2 * nrow(one$trials))
})

test_that("weights count as repetitions", {
  data <- small_choices(persons = 2)
  fit <- convex_relaxation(data, pool = TRUE,
    control = convex_control(weights = c(b = 0, a = 3))
  )
  alone <- convex_relaxation(data["a"])
  expect_equal(fit$objective[["all"]], 3 * alone$objective[[1]], tolerance = 1e-8)
  rows <- convex_control(weights = rep(c(3, 0), each = 60))
  expect_equal(
    convex_relaxation(data, pool = TRUE, control = rows)$objective, fit$objective
  )
})

test_that("a choice bias alone is the multinomial fit of the frequencies", {
  data <- small_choices(persons = 1, n_options = 3)
  silent <- choices(transform(as.data.frame(data), outcome = 0), options = 1:3)
  fit <- convex_relaxation(silent, control = convex_control(bias = TRUE))
  count <- tabulate(data$trials$choice, 3)
  expect_equal(fit$objective[[1]], -sum(count * log(count / sum(count))))
  expect_equal(unname(coef(fit)[1, c("bias_2", "bias_3")]), log(count[-1] / count[1]))
  expect_equal(predict(fit)$probability[1:3], count / sum(count), tolerance = 1e-6)
})

test_that("a covariate enters with either sign", {
  data <- small_choices(persons = 1)
  x <- matrix(0, 60, 2)
  x[cbind(1:60, data$trials$choice)] <- rep(c(-1, -1, 1), 20)
  free <- convex_relaxation(data)$objective
  fit <- convex_relaxation(data, control = convex_control(covariates = list(hint = x)))
  expect_lt(coef(fit)[, "hint"], 0)
  expect_lt(fit$objective, free)
  expect_lt(fit$certificate$kkt, 1e-8)
})

test_that("options that are not on offer have no probability", {
  frame <- as.data.frame(small_choices(persons = 1, n_options = 3))
  frame$offer <- ifelse(frame$choice == 3, "1|2|3", "1|2")
  data <- choices(frame, available = "offer", options = 1:3)
  fit <- convex_relaxation(data, "arm")
  p <- predict(fit)
  expect_true(all(p$probability[p$option == 3 & rep(frame$choice != 3, each = 3)] == 0))
  expect_equal(as.vector(tapply(p$probability, p$trial, sum)), rep(1, 60))
})

test_that("awkward persons get an answer", {
  frame <- function(choice, outcome) {
    choices(data.frame(person = "a", choice = choice, outcome = outcome), options = 1:2)
  }
  for (relaxation in c("monotone", "mixture")) {
    solve <- function(data) convex_relaxation(data, "arm", relaxation = relaxation)
    unrewarded <- solve(frame(rep(1:2, 20), 0))
    expect_equal(unrewarded$objective[[1]], 40 * log(2))
    expect_true(all(is.na(unrewarded$alpha)) && all(unrewarded$beta == 0))
    expect_equal(unrewarded$lower_bound[[1]], 40 * log(2))
    single <- solve(frame(1, 1))
    expect_equal(single$objective[[1]], log(2))
    expect_equal(single$lower_bound[[1]], log(2))
    same <- solve(frame(rep(1, 50), 1))
    expect_lt(same$objective, 1)
    expect_lt(same$certificate$kkt, 1e-8)
    expect_output(print(same), "KKT residual")
  }
})

test_that("ten thousand trials are solved in seconds", {
  data <- small_choices(n = 1e4, persons = 1)
  seconds <- system.time({
    fit <- convex_relaxation(data)
    mixture <- convex_relaxation(data, relaxation = "mixture")
  })[["elapsed"]]
  expect_lt(seconds, 60)
  expect_lt(fit$certificate$kkt, 1e-6)
  expect_lte(fit$objective, mixture$lower_bound + 1e-5)
})

test_that("results do not depend on threads", {
  data <- small_choices(persons = 5)
  solve <- function(threads) {
    fit <- convex_relaxation(data, "arm", c("outcome", "choice"), "mixture",
      control = convex_control(threads = threads)
    )
    fit[c("objective", "lower_bound", "kernel", "certificate", "alpha", "beta")]
  }
  expect_identical(solve(1), solve(2))
})

test_that("methods answer", {
  fit <- convex_relaxation(small_choices(), "arm", c("outcome", "choice"), "mixture")
  expect_equal(colnames(coef(fit)), c(
    "alpha_outcome_1", "alpha_outcome_2", "alpha_choice_1", "alpha_choice_2",
    "beta_outcome_1", "beta_outcome_2", "beta_choice_1", "beta_choice_2"
  ))
  expect_equal(as.numeric(logLik(fit)), -sum(fit$objective))
  expect_equal(nobs(fit), 120)
  expect_s3_class(summary(fit), "data.frame")
  expect_equal(nrow(fit$kernel), 2 * 4 * 60)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_no_error(plot(fit))
  expect_no_error(plot(fit, type = "spectrum", problem = "b"))
  expect_error(predict(fit, small_choices(persons = 3)), class = "psyrl_error_input")
})

test_that("bad arguments are errors that name them", {
  data <- small_choices()
  arg <- function(expr) tryCatch(expr, psyrl_error_input = function(e) e$arg)
  expect_equal(arg(convex_relaxation(list())), "data")
  expect_equal(arg(convex_relaxation(data, "both")), "share")
  expect_equal(arg(convex_relaxation(data, channels = "reward")), "channels")
  expect_equal(arg(convex_relaxation(data, horizon = 0)), "horizon")
  expect_equal(arg(convex_relaxation(data, relaxation = "mixture", horizon = 5)), "horizon")
  expect_equal(arg(convex_relaxation(data, beta_max = -1)), "beta_max")
  expect_equal(arg(convex_control(weights = -1)), "weights")
  expect_equal(arg(convex_control(covariates = 1)), "covariates")
  nobody <- choices(data.frame(person = 1, choice = c(NA, NA), outcome = 0), options = 1:2)
  expect_error(convex_relaxation(nobody), class = "psyrl_error_data")
})
