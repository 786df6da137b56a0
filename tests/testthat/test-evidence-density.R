# The density that draws come from; see rcpp_evidence.cpp. Departures are of residuals, then
# of standard traits, from `residuals` and the mean traits given these.
density_at <- function(task, data, eta, residuals, departure, values, backup = "soft",
                       spec = list()) {
  spec <- do.call(evidence_spec, c(list(backup = backup), spec))
  evidence_density_(
    task, evidence_data(data, task), spec, evidence_control(),
    list(
      eta = eta, centre_eta = eta_in_the_middle, centre_u = residuals,
      departure = departure, values = values
    )
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

# log p(choices | q, z) of each person.
choices_given_traits <- function(task, data, q, z) {
  state <- task_pairs(task)$state
  log_policy <- function(z) {
    x <- exp(z) * q
    top <- ave(x, state, FUN = max)
    x - top - log(ave(exp(x - top), state, FUN = sum))
  }
  person <- rep(seq_along(z), diff(data$person_start))
  chosen <- vapply(z, log_policy, q)[cbind(data$pair + 1, person)]
  drop(rowsum(data$count * chosen, person))
}

# The same with traits integrated out on the grid, summed over persons.
choices_integrated <- function(task, data, q, mean, sd) {
  grid <- evidence_control()$grid
  nodes <- seq(grid[1], grid[2], length.out = grid[3])
  n <- length(data$z)
  loglik <- vapply(nodes, function(z) {
    choices_given_traits(task, data, q, rep(z, n)) + dnorm(z, mean, sd, log = TRUE)
  }, numeric(n))
  top <- apply(loglik, 1, max)
  sum(top + log((nodes[2] - nodes[1]) * rowSums(exp(loglik - top))))
}

test_that("draws come from the posterior, whether in residuals or in values", {
  hyper_prior <- function(eta) {
    sum(((eta[2:5] - c(log(c(.7, .1, .2)), 4.6)) / c(1, 2, 2, 2))^2) / 2
  }
  cases <- expand.grid(
    task = evidence_tasks(), values = c(FALSE, TRUE), backup = c("soft", "mellow"),
    residual_as = c("reward", "value"), stringsAsFactors = FALSE
  )
  # Departures in values are for residuals that are rewards.
  cases <- cases[!(cases$values & cases$residual_as == "value"), ]
  for (i in seq_len(nrow(cases))) {
    task <- cases$task[[i]]
    backup <- cases$backup[i]
    spec <- list(residual_as = cases$residual_as[i])
    data <- simulated_counts(task)
    n <- length(task$layout$pair_action)
    n_persons <- length(data$z)
    set.seed(4)
    residuals <- rnorm(n)
    departure <- rnorm(n + n_persons)
    x <- rnorm(n + n_persons)
    at <- function(step = 0, eta = eta_in_the_middle) {
      density_at(
        task, data, eta, residuals, departure + step * x, cases$values[i], backup, spec
      )
    }
    here <- at()
    f <- function(step) at(step)$f
    expect_equal(sum(here$departure * x), central(f, 0, 1, 1e-5), tolerance = 1e-6)
    by_eta <- vapply(1:5, function(i) {
      central(function(eta) at(eta = eta)$f, eta_in_the_middle, i, 1e-5)
    }, 0)
    expect_equal(here$eta, by_eta, tolerance = 1e-5)
    expect_equal(here$back, departure, tolerance = 1e-8)
    u <- here$x[seq_len(n)]
    e <- here$x[n + seq_len(n_persons)]
    mean <- eta_in_the_middle[1]
    sd <- exp(eta_in_the_middle[2])
    # The same values as where traits are integrated out.
    expect_equal(
      -choices_integrated(task, data, here$q, mean, sd) + sum(u^2) / 2,
      evidence_at(task, data, eta_in_the_middle, u, backup = backup, spec = spec)$f,
      tolerance = 1e-10
    )
    expect_equal(
      here$f,
      sum(here$x^2) / 2 - sum(choices_given_traits(task, data, here$q, mean + sd * e)) +
        hyper_prior(eta_in_the_middle) -
        cases$values[i] *
          log_det_of_values(task, here$policy, stats::plogis(eta_in_the_middle[5])),
      tolerance = 1e-10
    )
  }
})

test_that("persons are looked for near where they were, and nothing is lost", {
  for (task in evidence_tasks()) {
    data <- simulated_counts(task)
    found <- evidence_at(task, data, eta_in_the_middle, solve = TRUE)
    expect_gt(sqrt(sum(found$u^2)), 1)
    afresh <- evidence_at(task, data, eta_in_the_middle, found$u)
    expect_equal(found$f, afresh$f, tolerance = 1e-12)
    expect_lt(max(abs(found$gradient - afresh$gradient)), 1e-9)
  }
})

test_that("what is fixed in reward units moves with the unit, in draws too", {
  task <- cyclic_task()
  data <- simulated_counts(task)
  n <- length(task$layout$pair_action)
  set.seed(6)
  residuals <- rnorm(n)
  departure <- rnorm(n + length(data$z))
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

# The same in the coordinates of draws around places; see rcpp_evidence.cpp.
reference_at <- function(task, data, places, w, learn = TRUE, values = TRUE) {
  evidence_reference_(
    task, evidence_data(data, task), evidence_spec(), evidence_control(),
    list(
      seen_eta = places$eta, seen_x = places$x, values = values, learn = learn, w = w,
      root = 0.15 * rbind(
        c(1, 0, 0, 0, 0), c(0, 1, 0, 0, 0), c(-0.8, 0, 0.5, 0, 0), c(-0.5, 0, 0.2, 1, 0),
        c(0.6, 0, 0.1, 0, 0.4)
      )
    )
  )
}

# `n` draws at different parameters, each near its mode.
scattered_places <- function(task, data, n) {
  eta <- eta_in_the_middle + matrix(stats::rnorm(5 * n, 0, if (n > 1) 0.1 else 0), 5)
  u <- apply(eta, 2, function(x) evidence_at(task, data, x, solve = TRUE)$u)
  u <- u + stats::rnorm(length(u), 0, if (n > 1) 0.3 else 0)
  e <- (data$z - eta[1, 1]) / exp(eta[2, 1])
  list(eta = eta, x = rbind(u, e + matrix(stats::rnorm(n * length(e), 0, 0.1), ncol = n)))
}

# d2f by values and traits and by parameters at w, in their coordinates: [pairs and
# persons x 5].
coupling <- function(at, w) {
  unknown <- seq_len(length(w) - 5)
  slopes <- function(w) at(w)$by_w[unknown]
  vapply(1:5, function(i) {
    central(slopes, w, length(unknown) + i, 1e-4)
  }, numeric(length(unknown)))
}

test_that("slopes in the coordinates of draws are those of the density", {
  for (task in evidence_tasks()[c("cyclic", "maze")]) for (values in c(TRUE, FALSE)) {
    data <- simulated_counts(task)
    set.seed(8)
    places <- scattered_places(task, data, 8)
    n <- nrow(places$x) + 5
    w <- stats::rnorm(n, 0, 0.5)
    at <- function(w) reference_at(task, data, places, w, values = values)
    here <- at(w)
    f <- function(step) at(w + step * x)$f
    one <- function(i) replace(numeric(n), i, 1)
    for (x in list(stats::rnorm(n), one(n - 4), one(n)))
      expect_equal(sum(here$by_w * x), central(f, 0, 1, 1e-5), tolerance = 1e-5)
    # Places are found again, which needs the way there and back.
    again <- at(here$seen[, 3])
    expect_equal(again$eta, places$eta[, 3], tolerance = 1e-10)
    expect_equal(again$x, places$x[, 3], tolerance = 1e-6)
  }
})

test_that("draws feel less force beyond the Gaussian than around their mean", {
  for (task in evidence_tasks()) {
    data <- simulated_counts(task)
    set.seed(10)
    places <- scattered_places(task, data, 8)
    unknown <- seq_len(nrow(places$x))
    force <- function(learn) {
      at <- function(w) reference_at(task, data, places, w, learn, values = FALSE)
      seen <- at(numeric(nrow(places$x) + 5))$seen
      mean(apply(seen, 2, function(w) sum((at(w)$by_w - w)[unknown]^2)))
    }
    expect_lt(force(TRUE), 0.5 * force(FALSE))
  }
})

test_that("values follow parameters, so that slopes stay where draws are", {
  for (task in evidence_tasks()[c("cyclic", "maze")]) {
    data <- simulated_counts(task)
    set.seed(9)
    for (n in c(1, 8)) {
      places <- scattered_places(task, data, n)
      left <- function(learn) {
        at <- function(w) reference_at(task, data, places, w, learn)
        seen <- at(numeric(nrow(places$x) + 5))$seen
        there <- lapply(seq_len(n), function(k) coupling(at, seen[, k]))
        mean(colSums(Reduce(`+`, there)[, c(1, 3, 4, 5)]^2) / n^2)
      }
      expect_lt(left(TRUE), 0.05 * left(FALSE))
    }
  }
})
