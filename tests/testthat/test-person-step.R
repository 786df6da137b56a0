# Fixtures solved to 40 digits: six cases, among them a Hessian that is positive
# at the prior mean and a posterior with two maxima.

estep_cases <- function() {
  testthat::skip_if_not_installed("jsonlite")
  fixture <- jsonlite::fromJSON(
    shared_file("fixtures", "estep.json"), simplifyDataFrame = FALSE
  )
  lapply(fixture$cases, function(case) {
    case$task <- rows_as_task(case$Q, case$legal)
    case$chosen_pairs <- case$task$pair[
      cbind(seq_len(nrow(case$Q)), case$chosen_0based + 1)
    ]
    case
  })
}

mode_of <- function(case, pairs = case$chosen_pairs) {
  person_modes_(
    case$task, counts_of(list(pairs)), case$task$value, case$mu, case$sigma
  )[1, ]
}

tolerance_of <- function(case) {
  if (case$name == "offsets_ties_single") 1e-8 else 1e-10
}

test_that("the person step finds the global mode with exact curvature", {
  for (case in estep_cases()) {
    found <- mode_of(case)
    tolerance <- tolerance_of(case)
    expect_equal(found[["z"]], case$z_star, tolerance = tolerance)
    expect_equal(found[["hessian"]], case$at_z_star$hess, tolerance = tolerance)
    expect_equal(found[["score"]], case$at_z_star$score_lik, tolerance = tolerance)
    expect_equal(
      found[["information"]], case$at_z_star$info_lik, tolerance = tolerance
    )
    expect_equal(
      found[["log_posterior"]], case$at_z_star$logpost, tolerance = tolerance
    )
    expect_lt(abs(found[["gradient"]]), 1e-9)
  }
})

test_that("score and information at the prior mean are exact", {
  for (case in estep_cases()) {
    found <- person_likelihood_(
      case$task, counts_of(list(case$chosen_pairs)), case$task$value,
      exp(case$mu)
    )[1, ]
    tolerance <- tolerance_of(case)
    expect_equal(found[["score"]], case$at_mu$grad, tolerance = tolerance)
    expect_equal(
      -found[["information"]] + found[["score"]] - 1 / case$sigma^2,
      case$at_mu$hess,
      tolerance = tolerance
    )
    expect_equal(found[["log_lik"]], case$at_mu$loglik, tolerance = tolerance)
  }
})

test_that("leaving a step out is solved exactly", {
  for (case in estep_cases()) {
    if (is.null(case$loo_dz_exact)) next
    full <- mode_of(case)[["z"]]
    dz <- vapply(seq_along(case$chosen_pairs), function(t) {
      mode_of(case, case$chosen_pairs[-t])[["z"]] - full
    }, numeric(1))
    expect_equal(dz, case$loo_dz_exact, tolerance = tolerance_of(case))
  }
})

test_that("grid marginals, means and SDs agree with the fixtures", {
  for (case in estep_cases()) {
    nodes <- seq(case$mu - 8 * case$sigma, case$mu + 8 * case$sigma,
      length.out = 161
    )
    log_lik <- person_log_lik_(
      case$task, counts_of(list(case$chosen_pairs)),
      list(advantage = case$task$value, habit = numeric(), beta = exp(nodes)), 1L
    )
    posterior <- grid_posterior_(nodes, log_lik, case$mu, case$sigma, 1L)
    moments <- posterior_summary_(nodes, posterior$weight, c(.025, .975))[1, ]
    expect_equal(posterior$log_marginal, case$log_marginal, tolerance = 1e-8)
    expect_equal(moments[1], case$posterior_mean, tolerance = 1e-8)
    expect_equal(moments[2], case$posterior_sd, tolerance = 1e-8)
  }
})

test_that("posterior quantiles invert the posterior's distribution function", {
  case <- estep_cases()[[1]]
  nodes <- seq(case$mu - 7 * case$sigma, case$mu + 7 * case$sigma, length.out = 61)
  density <- function(z) {
    exp(vapply(z, reference_log_posterior, numeric(1),
      Q = case$Q, legal = case$legal, chosen = case$chosen_0based + 1,
      mu = case$mu, sigma = case$sigma
    ) - case$at_z_star$logpost)
  }
  total <- integrate(density, min(nodes), max(nodes), rel.tol = 1e-10)$value
  log_lik <- person_log_lik_(
    case$task, counts_of(list(case$chosen_pairs)),
    list(advantage = case$task$value, habit = numeric(), beta = exp(nodes)), 1L
  )
  weight <- grid_posterior_(nodes, log_lik, case$mu, case$sigma, 1L)$weight
  quantiles <- posterior_summary_(nodes, weight, c(.025, .5, .975))[1, 3:5]
  below <- vapply(quantiles, function(q) {
    integrate(density, min(nodes), q, rel.tol = 1e-10)$value / total
  }, numeric(1))
  expect_equal(below, c(.025, .5, .975), tolerance = 1e-3)
})
