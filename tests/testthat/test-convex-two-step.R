# A hybrid learner in the two-step task; some outcomes are not seen, some second
# choices are missed.
two_step_choices <- function(n = 150, persons = 2, seed = 1, gaps = TRUE) {
  withr::with_seed(seed, {
    reward <- matrix(stats::runif(4, 0.2, 0.8), n, 4, byrow = TRUE)
    one <- function(person) {
      q1 <- c(0, 0)
      q2 <- matrix(0, 2, 2)
      last <- 0
      choice <- choice2 <- outcome <- integer(n)
      for (t in seq_len(n)) {
        best <- apply(q2, 1, max)
        planned <- 0.7 * best + 0.3 * rev(best)
        x <- 4 * (0.5 * planned + 0.5 * q1) + 0.3 * (1:2 == last)
        choice[t] <- last <- 1 + stats::rbinom(1, 1, stats::plogis(diff(x)))
        state <- if (stats::runif(1) < 0.7) choice[t] else 3 - choice[t]
        b <- 1 + stats::rbinom(1, 1, stats::plogis(3 * diff(q2[state, ])))
        choice2[t] <- 2 * (state - 1) + b
        outcome[t] <- stats::rbinom(1, 1, reward[t, choice2[t]])
        q1[choice[t]] <- q1[choice[t]] + 0.4 * (outcome[t] - q1[choice[t]])
        q2[state, b] <- q2[state, b] + 0.5 * (outcome[t] - q2[state, b])
      }
      if (gaps) {
        outcome[seq(11, n, 37)] <- NA
        choice2[seq(17, n, 41)] <- NA
      }
      data.frame(person, block = rep(1:2, each = n / 2), level1_choice = choice,
        level2_choice = choice2, reward = outcome)
    }
    choices(do.call(rbind, lapply(letters[seq_len(persons)], one)))
  })
}

fit_two_step <- function(data, ..., control = convex_control(traces = "two_step")) {
  convex_relaxation(data, relaxation = "mixture", ..., control = control)
}

# The core's loss where every row is a single rate.
two_step_loss <- function(data, theta) {
  control <- convex_control(traces = "two_step")
  trials <- trace_trials_of(data, two_step_rows, "person", control)
  trials <- add_covariates(trials, data, control)
  n <- nrow(trials$problems)
  mass <- theta[["beta1"]] * c(1 - theta[["w"]], theta[["w"]])
  pieces <- list(
    problem = rep(seq_len(n), each = 3), row = rep(1:3, n),
    shape = rep(theta[c("alpha1", "alpha2", "alpha2")], n),
    mass = rep(c(mass[1], theta[["beta2"]], mass[2]), n)
  )
  probability <- convex_probability_(
    trials, convex_spec("all", "mixture", clock = "chain"), pieces,
    matrix(theta[["pi"]], n, 1)
  )
  made <- probability[cbind(trials$choice + 1, seq_along(trials$choice))]
  as.vector(rowsum(-log(made), trials$problem))
}

theta <- c(alpha1 = 0.4, alpha2 = 0.5, beta1 = 4, beta2 = 3, w = 0.5, pi = 0.3)

test_that("the chain of values is that of the two-step model", {
  data <- two_step_choices()
  model <- two_step(6)
  for (at in list(theta, replace(theta, c("alpha1", "w", "pi"), c(0.9, 0.1, -1)))) {
    expect_equal(two_step_loss(data, at), -as.vector(log_lik(model, data, at)))
  }
})

test_that("the relaxation bounds every hybrid learner", {
  data <- two_step_choices()
  fit <- fit_two_step(data, beta_max = 10)
  expect_named(fit$objective, c("a.1", "a.2", "b.1", "b.2"))
  expect_lt(max(fit$certificate$kkt), 1e-8)
  expect_lt(max(abs(fit$certificate$entropy_gap)), 1e-6)
  expect_true(all(fit$objective - fit$lower_bound < 1e-3))
  bound <- tapply(fit$lower_bound, substr(names(fit$lower_bound), 1, 1), sum)
  withr::local_seed(2)
  for (i in 1:100) {
    at <- theta
    at[c("alpha1", "alpha2", "w")] <- stats::runif(3)
    at[c("beta1", "beta2", "pi")] <- c(stats::runif(2, 0, 10), stats::rnorm(1))
    expect_true(all(-log_lik(two_step(6), data, at) >= bound))
  }
})

test_that("single rates of all rows stay above the pooled bound", {
  data <- two_step_choices(persons = 1)
  fit <- fit_two_step(data, pool = TRUE, beta_max = 10)
  expect_lte(fit$lower_bound, fit$objective)
  grid <- expand.grid(alpha1 = c(0.1, 0.4, 0.8), alpha2 = c(0.2, 0.5, 0.9))
  for (g in seq_len(nrow(grid))) {
    at <- replace(theta, c("alpha1", "alpha2"), unlist(grid[g, ]))
    expect_gte(sum(two_step_loss(data, at)), fit$lower_bound)
  }
})

test_that("parameters are recovered from enough trials", {
  fit <- fit_two_step(two_step_choices(4000, 1, 3, gaps = FALSE), pool = TRUE,
    beta_max = 20
  )
  found <- coef(fit)["all", ]
  expect_equal(found[["alpha_second_stage"]], 0.5, tolerance = 0.25)
  expect_equal(found[["beta_second_stage"]], 3, tolerance = 0.25)
  expect_equal(found[["pi"]], 0.3, tolerance = 0.5)
  expect_equal(found[["beta_model_free"]] + found[["beta_model_based"]], 4,
    tolerance = 0.3
  )
})

test_that("probabilities of both stages give the objective", {
  data <- two_step_choices()
  fit <- fit_two_step(data, beta_max = 10)
  p <- predict(fit)
  expect_named(p, c("person", "block", "trial", "stage", "option", "probability"))
  trials <- data$trials
  key <- paste(data$persons[trials$person], trials$block, trials$trial)
  at <- match(paste(p$person, p$block, p$trial), key)
  made <- p$option == ifelse(p$stage == 1, trials$choice[at], trials$choice2[at])
  expect_equal(-sum(log(p$probability[made])), sum(fit$objective))
  expect_equal(sum(made), nobs(fit))
  expect_output(print(fit), "hybrid learner of two stages")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_no_error(plot(fit, type = "spectrum", problem = "a.1"))
  expect_no_error(plot(fit))
})

test_that("what does not fit a two-step task says so", {
  data <- two_step_choices()
  expect_error(fit_two_step(data, "arm"), class = "psyrl_error_input")
  expect_error(fit_two_step(small_choices()), class = "psyrl_error_input")
  two <- convex_control(traces = "two_step")
  expect_error(convex_relaxation(data, control = two), class = "psyrl_error_input")
  expect_error(
    fit_two_step(data, control = convex_control(traces = "two_step", bias = TRUE)),
    class = "psyrl_error_input"
  )
  expect_error(misfit_test(fit_two_step(data), 9), class = "psyrl_error_input")
})
