person_trials <- function(data, j) data$trials[data$trials$person == j, ]

test_that("every model and switch agrees with the plain reference", {
  set.seed(1)
  for (model in all_models()) {
    data <- messy_for(model)
    parameters <- draw_parameters(model, data)
    expected <- vapply(seq_along(data$persons), function(j) {
      reference_log_lik(
        model, person_trials(data, j), as.list(parameters[j, -1, drop = FALSE]),
        length(data$options)
      )
    }, 1)
    expect_equal(
      as.vector(log_lik(model, data, parameters)), expected,
      tolerance = 1e-10, label = model_label(model)
    )
  }
})

test_that("gradients and Hessians agree with differences", {
  set.seed(2)
  for (model in all_models()) {
    data <- messy_for(model)[1]
    parameters <- draw_parameters(model, data)
    names <- names(parameters)[-1]
    at <- unlist(parameters[1, -1, drop = FALSE])
    f <- function(x) as.vector(log_lik(model, data, stats::setNames(x, names)))
    g <- function(x) as.vector(attr(
      log_lik(model, data, stats::setNames(x, names), gradient = TRUE), "gradient"
    ))
    exact <- log_lik(model, data, at, gradient = TRUE, hessian = TRUE)
    expect_equal(
      as.vector(attr(exact, "gradient")), numeric_gradient(f, at),
      tolerance = 1e-6, label = model_label(model)
    )
    expect_equal(as.vector(exact), f(at), tolerance = 1e-12)
    hessian <- vapply(seq_along(at), function(k) {
      step <- replace(0 * at, k, 1e-6 * max(1, abs(at[k])))
      (g(at + step) - g(at - step)) / (2 * max(step))
    }, unname(at))
    expect_equal(
      unname(attr(exact, "hessian")[1, , ]), matrix(hessian, length(at)),
      tolerance = 1e-5, label = model_label(model), ignore_attr = TRUE
    )
  }
})

test_that("options on offer restrict the softmax", {
  data <- choices(
    data.frame(person = 1, choice = c(1, 3, 2), outcome = 1:3,
               on = c("1|2|3", "1|3", "2|3")),
    available = "on"
  )
  p <- c(alpha = 0.4, beta = 1.2, xi = 0.1)
  q1 <- c(0.4, 0, 0)
  q2 <- c(0.4, 0, 0.8)
  lapse <- function(x, a) log(0.9 * softmax_r(1.2 * x)[a] + 0.1 / length(x))
  expect_equal(
    as.vector(log_lik(rescorla_wagner(lapse = TRUE), data, p)),
    -log(3) + lapse(q1[c(1, 3)], 2) + lapse(q2[2:3], 1)
  )
})

test_that("extreme parameters stay finite", {
  data <- messy_choices(2)
  out <- log_lik(
    rescorla_wagner(), data, c(alpha = 1 - 1e-9, beta = 1e6), gradient = TRUE
  )
  expect_true(all(is.finite(out)) && all(is.finite(attr(out, "gradient"))))
})

test_that("unfit input is an error of its class", {
  data <- messy_choices(3)
  expect_error(log_lik(fictitious(), data, c(alpha = 0.1, beta = 1)),
               class = "psyrl_error_input")
  expect_error(log_lik(two_step(), data, c(alpha = 0.1)), class = "psyrl_error_input")
  expect_error(log_lik(rescorla_wagner(), data, c(alpha = 0.1)),
               class = "psyrl_error_input")
  expect_error(
    log_lik(rescorla_wagner(), data, data.frame(person = "ann", alpha = 0.1, beta = 1)),
    class = "psyrl_error_input"
  )
  expect_error(rescorla_wagner(rates = "three"), class = "psyrl_error_input")
  expect_error(two_step(5), class = "psyrl_error_input")
})

test_that("the registry lists every model with definition and reference", {
  models <- rl_models()
  expect_true(all(nzchar(models$definition)) && all(nzchar(models$reference)))
  expect_gte(length(unique(models$model)), 15)
  expect_output(print(models), "two_step\\(\\)")
  expect_output(print(rescorla_wagner("dual")), "alpha_pos in \\(0, 1\\), alpha_neg in \\(0, 1\\), beta")
})
