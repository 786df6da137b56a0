# Features of the pairs of the example, and people fewer than its parameters.
represented_example <- function() {
  x <- validity_example()
  x$task$features <- withr::with_seed(1, data.frame(
    a = stats::rnorm(36), b = stats::rnorm(36), c = stats::runif(36)
  ))
  x$log <- x$log[names(x$beta)[1:12]]
  x
}

fit_represented <- function(x, value) {
  quietly(rlmm(x$log, x$task, value,
    consistency = bellman(lambda = 3, temperature = .5), estimator = "joint"
  ))
}

# The dense information in (theta, mu, log sigma, z): that in Q by the chain rule, and
# what the representation itself curves, by differences of its slope.
dense_represented <- function(fit, found) {
  h <- dense_information(
    fit, found$z, coef(fit)[["mu"]], coef(fit)[["sigma"]], 3, .5
  )
  theta <- fit$values$theta
  map <- list(value = value_links(problem_of(fit)), reward = list())
  slope <- representation_slope_(map, theta, 1L)
  n <- ncol(slope)
  p <- nrow(slope)
  table <- list(value = list(table_link(seq_len(p) - 1L)), reward = list())
  setting <- at_modes(fit, searched_values(fit))
  g <- evaluate_penalised_(
    fit$task, setting$people, setting$penalty, fit$values$q,
    list(threads = 1L, identify = "center", map = table, direction = numeric(p))
  )$gradient
  gradient <- function(i, step) {
    theta[i] <- theta[i] + step
    drop(crossprod(representation_slope_(map, theta, 1L), g))
  }
  bent <- vapply(seq_len(n), function(i) {
    (8 * (gradient(i, .001) - gradient(i, -.001)) -
      gradient(i, .002) + gradient(i, -.002)) / .012
  }, numeric(n))
  rest <- nrow(h) - p
  chain <- matrix(0, nrow(h), n + rest)
  chain[seq_len(p), seq_len(n)] <- slope
  chain[p + seq_len(rest), n + seq_len(rest)] <- diag(rest)
  out <- crossprod(chain, h %*% chain)
  out[seq_len(n), seq_len(n)] <- out[seq_len(n), seq_len(n)] + (bent + t(bent)) / 2
  out
}

test_that("variances are those of the dense information, whatever represents values", {
  x <- represented_example()
  pairs <- task_pairs(x$task)
  tie <- data.frame(
    state = x$task$states[pairs$state], action = x$task$actions[pairs$action],
    class = rep(1:12, 3)
  )
  represent <- list(
    q_linear(~ a + b + c), q_table(tie = tie), q_network(~ a + b, hidden = 2)
  )
  for (value in represent) {
    fit <- withr::with_seed(3, fit_represented(x, value))
    found <- arrow(fit, covariance = TRUE)
    n <- length(fit$values$theta)
    dense <- dense_represented(fit, found)
    setting <- at_modes(fit, searched_values(fit))
    pieces <- represented_information_(
      fit$task, setting$people, setting$penalty, fit$values$theta, list(
        map = list(value = value_links(problem_of(fit)), reward = list()),
        identify = "center", threads = 1L
      )
    )
    expect_equal(
      pieces$information, dense[seq_len(n), seq_len(n)], tolerance = 1e-8
    )
    expect_identical(shared_by(fit), "arrow")
    expect_gt(min(found$shared), 0)
    # Of a network some directions are as good as free.
    if (inherits(value, "q_network")) next
    inverse <- solve(dense)
    own <- n + 2 + seq_len(12)
    expect_equal(
      found$covariance + diag(1 / found$person), inverse[own, own],
      tolerance = 1e-8
    )
    expect_equal(found$shared, diag(found$covariance))
    slope <- pieces$advantage
    expect_equal(
      vcov(fit, "values"), slope %*% inverse[seq_len(n), seq_len(n)] %*% t(slope),
      tolerance = 1e-8, ignore_attr = TRUE
    )
  }
})

# Rewards that features explain, known to the person who simulates.
reward_example <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      made <<- withr::with_seed(2, {
        task <- random_mdp(6, 3, discount = .8)
        task$features <- data.frame(a = stats::rnorm(18), b = stats::rnorm(18))
        truth <- task
        truth$layout$reward <- task$features$a - task$features$b
        truth["next_reward"] <- list(NULL)
        beta <- stats::setNames(exp(stats::rnorm(40, 0, .5)), sprintf("p%02d", 1:40))
        list(task = task, log = simulate_trajectories(
          task, beta, 4, values = solve_mdp(truth, .3), max_steps = 12
        ))
      })
    }
    made
  }
})

test_that("traits move with exactly learned rewards as the arrow says", {
  x <- reward_example()
  for (rule in c("center", "global_rms")) {
    fit <- quietly(rlmm(x$log, x$task, q_task(temperature = .3),
      reward = reward_linear(~ a + b), identify = rule,
      control = rlmm_control(mu = 0)
    ))
    problem <- searched_rewards(fit)
    at <- fit$rewards$search$at
    modes <- function(step) {
      at$theta[2] <- at$theta[2] + step
      task <- x$task
      task$layout$reward <- represent_(
        list(value = list(), reward = problem$map$reward), at$theta, 1L
      )
      q <- solve_values(task, .3, task$discount, "soft")$q
      centred <- identify_(task, q, "center")
      # The population stays where it was searched for.
      shift <- if (rule == "global_rms") log(centred$rms) else 0
      person_modes_(
        task, fit$counts, centred$advantage, numeric(40), coef(fit)[["sigma"]]
      )[, "z"] + shift
    }
    moved <- (modes(1e-4) - modes(-1e-4)) / 2e-4
    expect_equal(arrow(fit)$moves[, 2], unname(moved), tolerance = 1e-5)
    joint <- confint(fit, scale = "log")
    plugin <- confint(fit, method = "plugin", scale = "log")
    expect_true(all(joint[, 2] - joint[, 1] > plugin[, 2] - plugin[, 1]))
    expect_true(all(is.finite(values(fit)$std_error)))
  }
})

test_that("where the likelihood falls away nothing is at its maximum", {
  known <- identification(diag(c(1, -1e6)))
  expect_false(known$is_minimum)
  expect_true(identification(diag(c(1, 1e-12)))$is_minimum)
})
