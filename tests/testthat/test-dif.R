# People of two groups of which the second follows four of twelve states more sharply.
grouped_example <- function(shift, n = 100, seed = 8) {
  x <- validity_example()
  withr::local_seed(seed)
  beta <- stats::setNames(exp(stats::rnorm(2 * n, 0, .6)), sprintf("p%03d", 1:(2 * n)))
  group <- stats::setNames(rep(c("a", "b"), n), names(beta))
  odd <- x$task$states[1:4]
  steep <- x$values
  steep$q <- steep$q * ifelse(steep$state %in% odd, exp(shift), 1)
  play <- function(beta, values) {
    as.data.frame(simulate_trajectories(
      x$task, beta, episodes = 3, values = values, max_steps = 8
    ))
  }
  rows <- rbind(
    play(beta[group == "a"], x$values), play(beta[group == "b"], steep)
  )
  log <- trajectories(rows[c("person", "episode", "step", "state", "action")])
  classes <- stats::setNames(
    rep(c("odd", "plain", "rest"), each = 4), x$task$states
  )
  list(
    fit = quietly(rlmm(log, x$task, q_known(x$values))), group = group,
    classes = classes
  )
}

test_that("the class that differs is found, with its effect", {
  x <- grouped_example(.8)
  found <- dif(x$fit, x$group, classes = x$classes)
  expect_named(found, c(
    "state_class", "effect", "std_error", "statistic", "p_value", "p_adjusted",
    "n_decisions"
  ))
  odd <- found[found$state_class == "odd", ]
  expect_lt(odd$p_adjusted, .01)
  expect_gt(odd$effect, .3)
  expect_identical(sum(found$n_decisions), as.integer(stats::nobs(x$fit)))
  expect_output(print(found), "b minus a")
})

test_that("effective scores agree with the likelihood of an explicit model", {
  x <- grouped_example(.4)
  fit <- x$fit
  found <- dif(fit, x$group, classes = x$classes)
  # Marginal likelihood with the class's slopes of both groups, population refitted.
  person_group <- x$group[as.character(fit$data$persons)]
  class <- x$classes[as.character(fit$task$states)][
    task_pairs(fit$task)$state
  ]
  log_lik <- function(common, effect) {
    parts <- lapply(c("a", "b"), function(g) {
      part <- keep_persons(fit, person_group == g)
      shift <- common + effect * (if (g == "b") .5 else -.5)
      part$values$advantage <- fit$values$advantage *
        ifelse(class == "odd", exp(shift), 1)
      person_log_lik_(part$task, part$counts, fit_model(part), 1L)
    })
    problem <- problem_of(fit)
    order <- order(c(which(person_group == "a"), which(person_group == "b")))
    problem$design <- cbind(mu = 1, group = (person_group == "b") - .5)
    fit_population(
      problem, fit$posterior$nodes, cbind(parts[[1]], parts[[2]])[, order],
      list(effects = c(0, 0), log_sigma = -.5)
    )$log_lik
  }
  best <- stats::optim(c(0, 0), function(x) -log_lik(x[1], x[2]))
  null <- stats::optimize(function(x) -log_lik(x, 0), c(-1, 1))
  ratio <- 2 * (null$objective - best$value)
  odd <- found[found$state_class == "odd", ]
  expect_equal(odd$statistic, ratio, tolerance = .1)
  expect_equal(odd$effect, best$par[2], tolerance = .05)
})

test_that("a difference in the trait is no differential functioning", {
  x <- validity_example()
  group <- stats::setNames(x$beta > stats::median(x$beta), names(x$beta))
  found <- dif(x$fit, group, classes = stats::setNames(
    rep(1:2, 6), x$task$states
  ))
  expect_true(all(found$p_value > .01))
})

test_that("several groups, covariates, missing groups and wrong groups", {
  x <- grouped_example(.5)
  many <- stats::setNames(rep(c("u", "v", "w", NA), 50), names(x$group))
  found <- dif(x$fit, many, classes = x$classes)
  expect_identical(sort(unique(found$group)), c("u", "v", "w"))
  expect_identical(attr(found, "n_persons"), 150L)
  age <- stats::setNames(seq_along(x$group), names(x$group))
  expect_identical(nrow(dif(x$fit, age, classes = x$classes)), 3L)
  expect_error(dif(x$fit, unname(x$group)), class = "psyrl_error_input")
  expect_error(dif(x$fit, "sex"), class = "psyrl_error_input")
  one <- stats::setNames(rep("a", 200), names(x$group))
  expect_error(dif(x$fit, one), class = "psyrl_error_input")
  expect_error(
    dif(x$fit, x$group, classes = c(nowhere = 1)), class = "psyrl_error_input"
  )
})
