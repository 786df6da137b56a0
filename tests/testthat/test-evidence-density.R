# The density that draws come from; see rcpp_evidence.cpp.
density_at <- function(task, data, eta, residuals, departure, values, backup = "soft",
                       spec = list()) {
  spec <- do.call(evidence_spec, c(list(backup = backup), spec))
  evidence_density_(
    task, evidence_data(data, task), spec, evidence_control(),
    list(eta = eta, residuals = residuals, departure = departure, values = values)
  )
}

# log det(I - gamma T P) over pairs.
log_det_of_values <- function(task, policy, discount) {
  n <- length(policy)
  layout <- task$layout
  state <- task_pairs(task)$state
  p <- rep(seq_len(n), diff(layout$next_start))
  matrix <- diag(n)
  for (e in seq_along(p)) {
    next_pairs <- which(state == layout$next_state[e] + 1)
    matrix[p[e], next_pairs] <- matrix[p[e], next_pairs] -
      discount * layout$probability[e] * policy[next_pairs]
  }
  as.numeric(determinant(matrix)$modulus)
}

test_that("draws come from the posterior, whether in residuals or in values", {
  hyper_prior <- function(eta) {
    sum(((eta[2:5] - c(log(c(.7, .1, .2)), 4.6)) / c(1, 2, 2, 2))^2) / 2
  }
  cases <- expand.grid(
    task = evidence_tasks(), values = c(FALSE, TRUE), backup = c("soft", "mellow"),
    stringsAsFactors = FALSE
  )
  for (i in seq_len(nrow(cases))) {
    task <- cases$task[[i]]
    backup <- cases$backup[i]
    data <- simulated_counts(task)
    n <- length(task$layout$pair_action)
    set.seed(4)
    residuals <- rnorm(n)
    departure <- rnorm(n)
    x <- rnorm(n)
    at <- function(step = c(0, 0), eta = eta_in_the_middle) {
      density_at(
        task, data, eta, residuals + step[1] * x, departure + step[2] * x,
        cases$values[i], backup
      )
    }
    here <- at()
    f <- function(step) at(step)$f
    expect_equal(sum(here$residuals * x), central(f, c(0, 0), 1, 1e-5), tolerance = 1e-6)
    expect_equal(sum(here$departure * x), central(f, c(0, 0), 2, 1e-5), tolerance = 1e-6)
    by_eta <- vapply(1:5, function(i) {
      central(function(eta) at(eta = eta)$f, eta_in_the_middle, i, 1e-5)
    }, 0)
    expect_equal(here$eta, by_eta, tolerance = 1e-5)
    expect_equal(here$back, departure, tolerance = 1e-8)
    expect_equal(
      here$f,
      evidence_at(task, data, eta_in_the_middle, here$u, backup = backup)$f +
        hyper_prior(eta_in_the_middle) -
        cases$values[i] *
          log_det_of_values(task, here$policy, stats::plogis(eta_in_the_middle[5])),
      tolerance = 1e-10
    )
  }
})

test_that("what is fixed in reward units moves with the unit, in draws too", {
  task <- cyclic_task()
  data <- simulated_counts(task)
  n <- length(task$layout$pair_action)
  set.seed(6)
  residuals <- rnorm(n)
  departure <- rnorm(n)
  at <- function(eta, fixed) {
    density_at(task, data, eta, residuals, departure, TRUE, spec = fixed)
  }
  fixed <- list(mu = 0, residual_sd = .2, temperature = .3)
  for (one in c(lapply(names(fixed), function(i) fixed[i]), list(fixed))) {
    expect_equal(
      at(eta_in_the_middle, one)$eta[5],
      central(function(eta) at(eta, one)$f, eta_in_the_middle, 5, 1e-5), tolerance = 1e-5
    )
  }
})
