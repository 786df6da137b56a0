# The example of the package, in plain R.
decreasing_rate <- function(parameters, trials) {
  q <- n <- c(0, 0)
  total <- 0
  for (t in seq_len(nrow(trials))) {
    a <- trials$choice[t]
    if (is.na(a)) next
    logits <- parameters["beta"] * q
    total <- total + logits[a] - log(sum(exp(logits)))
    q[a] <- q[a] + (trials$outcome[t] - q[a]) / (n[a] + 1)^parameters["eta"]
    n[a] <- n[a] + 1
  }
  total
}
ranges <- list(eta = c(0, 1), beta = c(0, Inf))
in_r <- function() custom_model(log_lik = decreasing_rate, parameters = ranges)

# Rescorla-Wagner as a user would write it.
plain_rw <- function(parameters, trials) {
  q <- c(0, 0)
  total <- 0
  for (t in seq_len(nrow(trials))) {
    a <- trials$choice[t]
    if (is.na(a)) next
    logits <- parameters["beta"] * q
    total <- total + logits[a] - log(sum(exp(logits)))
    q[a] <- q[a] + parameters["alpha"] * (trials$outcome[t] - q[a])
  }
  total
}

test_that("a model given in R is the built-in model it repeats", {
  own <- custom_model(
    log_lik = plain_rw, parameters = list(alpha = c(0, 1), beta = c(0, Inf)),
    typical = c(alpha = 0.3, beta = 3), title = "Mine"
  )
  set.seed(4)
  data <- simulate(rescorla_wagner(), design = bandit_task(4, 40))
  data$trials$choice[c(3, 50)] <- NA
  theta <- c(alpha = 0.4, beta = 2)
  a <- log_lik(rescorla_wagner(), data, theta, gradient = TRUE, hessian = TRUE)
  b <- log_lik(own, data, theta, gradient = TRUE, hessian = TRUE)
  expect_equal(as.vector(b), as.vector(a), tolerance = 1e-12)
  expect_equal(attr(b, "gradient"), attr(a, "gradient"), tolerance = 1e-6)
  expect_equal(attr(b, "hessian"), attr(a, "hessian"), tolerance = 1e-4)

  fit <- rlearn(data, rescorla_wagner(), "map")
  mine <- rlearn(data, own, "map")
  expect_equal(persons(mine)$estimate, persons(fit)$estimate, tolerance = 1e-4)
  expect_equal(persons(mine)$std_error, persons(fit)$std_error, tolerance = 1e-3)
  expect_equal(fitted(mine), fitted(fit), tolerance = 1e-4)
  expect_equal(
    predict(mine)$probability, predict(fit)$probability, tolerance = 1e-4
  )
  expect_true(all(is.na(values(mine)$value)))
  expect_identical(compare(mine, fit)$model, c("mine", "fit"))
  expect_output(print(own), "Mine\n.*alpha in \\(0, 1\\), beta in")
})

test_that("a model given in R simulates choices of its probabilities", {
  set.seed(2)
  task <- bandit_task(40, 30)
  theta <- c(eta = 0.5, beta = 3)
  data <- simulate(in_r(), design = task, parameters = theta)
  expect_true(all(data$trials$choice %in% 1:2))
  expect_named(data$truth, c("person", "eta", "beta"))
  p <- trace_trials(in_r(), data, matrix(theta, 2, 40))$probability[1, 1, ]
  z <- (sum(data$trials$choice == 1) - sum(p)) / sqrt(sum(p * (1 - p)))
  expect_lt(abs(z), 3)
  set.seed(2)
  expect_identical(
    simulate(in_r(), design = task, parameters = theta)$trials$choice[1:5],
    data$trials$choice[1:5]
  )
  # What is not on offer is not chosen; what was missed stays missed.
  data$available <- matrix(TRUE, nrow(data$trials), 2)
  data$available[1:10, 2] <- FALSE
  data$trials$choice[5] <- NA
  again <- simulate_choices(
    in_r(), list(data = data, outcomes = task$draw()), matrix(theta, 2, 40)
  )
  expect_true(all(again$trials$choice[c(1:4, 6:10)] == 1))
  expect_true(is.na(again$trials$choice[5]))
})

test_that("a C++ file is the same model, exact and in threads", {
  skip_if(Sys.which("make") == "", "no compiler")
  file <- system.file("examples", "decreasing_rate.cpp", package = "psyrl")
  compiled <- custom_model(file, parameters = ranges, title = "Decreasing rate")
  set.seed(7)
  data <- simulate(compiled, design = bandit_task(10, 50))
  theta <- c(eta = 0.3, beta = 2.5)
  a <- log_lik(compiled, data, theta, gradient = TRUE, hessian = TRUE)
  b <- log_lik(in_r(), data, theta, gradient = TRUE, hessian = TRUE)
  expect_equal(as.vector(a), as.vector(b), tolerance = 1e-12)
  expect_equal(attr(a, "gradient"), attr(b, "gradient"), tolerance = 1e-6)
  expect_equal(attr(a, "hessian"), attr(b, "hessian"), tolerance = 1e-4)
  value <- function(x) log_lik(compiled, data[1], x)[[1]]
  expect_equal(
    unname(attr(a, "gradient")[1, ]), numeric_gradient(value, theta),
    tolerance = 1e-6
  )

  one <- rlearn(data, compiled, "ml", control = rlearn_control(threads = 1))
  two <- rlearn(data, compiled, "ml", control = rlearn_control(threads = 2))
  expect_identical(one$persons, two$persons)
  expect_gte(min(one$persons$log_lik - a), 0)
  expect_false(anyNA(values(one)$value))
  # A fit that was stored compiles its model again when it is needed.
  stored <- tempfile(fileext = ".rds")
  saveRDS(one, stored)
  expect_equal(fitted(readRDS(stored)), fitted(one))
  # The text is compiled once a session.
  expect_lt(system.time(custom_model(file, parameters = ranges))[["elapsed"]], 1)
})

test_that("a model given in R sees two-step data, but does not play them", {
  data <- choices(twostep_choices[1:402, ])
  second <- custom_model(
    log_lik = function(p, trials) {
      sum(dbinom(trials$choice2 %% 2, 1, p["p"], log = TRUE))
    }, parameters = list(p = c(0, 1))
  )
  share <- mean(data$trials$choice2[1:201] %% 2)
  fit <- rlearn(data, second, "ml")
  expect_equal(persons(fit)$estimate[1], share, tolerance = 1e-4)
  expect_error(fitted(fit), class = "psyrl_error_input")
})

test_that("what is wrong with a model of one's own is said", {
  set.seed(1)
  data <- simulate(rescorla_wagner(), design = bandit_task(2, 10))
  own <- function(f, ...) custom_model(log_lik = f, parameters = list(p = c(0, 1)), ...)
  expect_error(
    rlearn(data, own(function(p, trials) stop("lost")), "map"), "lost",
    class = "psyrl_error_input"
  )
  expect_error(
    log_lik(own(function(p, trials) c(1, 2)), data, c(p = 0.5)),
    "must return a number", class = "psyrl_error_input"
  )
  expect_error(custom_model(parameters = ranges), class = "psyrl_error_input")
  expect_error(own("text"), class = "psyrl_error_input")
  expect_error(own(sum, typical = c(q = 1)), class = "psyrl_error_input")
  expect_error(own(sum, typical = c(p = 2)), class = "psyrl_error_input")
  for (range in list(c(1, 0), c(-Inf, 1), 1, c(0, NA))) {
    expect_error(
      custom_model(log_lik = sum, parameters = list(p = range)),
      class = "psyrl_error_input"
    )
  }
  expect_error(
    custom_model("nowhere.cpp", parameters = ranges), class = "psyrl_error_input"
  )
})

test_that("ranges decide links, starts and what studies draw", {
  model <- custom_model(log_lik = sum, parameters = list(
    a = c(-1, 1), b = c(2, Inf), c = c(-Inf, Inf)
  ))
  expect_identical(model$table$link, c("logit", "log", "identity"))
  expect_equal(model$table$typical, c(0, 3, 0))
  expect_true(all(model$table$low > c(-1, 2, -Inf)))
  expect_true(all(model$table$low < model$table$typical))
  expect_true(all(model$table$high > model$table$typical))
})
