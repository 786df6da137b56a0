test_that("baselines are what they say", {
  x <- validity_example()
  new <- x$log[names(x$beta)[1:10]]
  found <- heldout(x$fit, new)
  expect_identical(
    found$model, c("fit", "uniform", "state frequencies", "action frequencies")
  )
  expect_equal(found$nll[2], log(3))
  d <- x$log$decisions
  often <- tabulate(d$action, 3) + .5
  # Every action is legal everywhere here.
  nll <- -log(often / sum(often))[new$decisions$action]
  expect_equal(found$nll[4], mean(nll))
  by_person <- rowsum(nll - mean(nll), new$decisions$person)
  expect_equal(
    found$std_error[4], sqrt(10 / 9 * sum(by_person^2)) / length(nll)
  )
})

test_that("cross-validation by person and by episode leaves out what it says", {
  x <- validity_example()
  for (by in c("person", "episode")) {
    found <- withr::with_seed(1, cross_validate(x$fit, folds = 3, by = by))
    expect_identical(found$n_decisions, rep(nrow(x$log$decisions), 4))
    expect_identical(found$n_persons, rep(40L, 4))
    expect_lt(found$nll[1], found$nll[2])
  }
  # A test person is predicted from the own earlier decisions only: the first
  # decision by the population alone.
  train <- rlmm_refit(x$fit, x$log[names(x$beta)[-1]])
  at <- decisions_to_predict(train, x$log[names(x$beta)[1]])
  first <- exp(-decision_nll(train, at)[1])
  nodes <- train$posterior$nodes
  prior <- stats::dnorm(nodes, coef(train)[["mu"]], coef(train)[["sigma"]])
  pair <- at$pair[1] + 1
  state <- task_pairs(x$task)$state
  a <- train$values$advantage[state == state[pair]]
  p <- exp(exp(nodes) * train$values$advantage[pair]) /
    rowSums(exp(exp(nodes) %o% a))
  expect_equal(first, sum(prior * p) / sum(prior), tolerance = 1e-6)
})

test_that("fits are compared on the same folds, and one is chosen", {
  x <- validity_example()
  held <- function(lambda) {
    quietly(rlmm(x$log, x$task, q_table(),
      consistency = bellman(lambda, temperature = 0), estimator = "joint",
      control = rlmm_control(max_iterations = 5)
    ))
  }
  # Values of the wrong sign beside the true ones.
  wrong <- x$values
  wrong$q <- -wrong$q
  fits <- list(
    wrong = quietly(rlmm(x$log, x$task, q_known(wrong))), true = x$fit, held(5)
  )
  found <- withr::with_seed(1, cross_validate(fits, folds = 2))
  alone <- withr::with_seed(1, cross_validate(x$fit, folds = 2))
  expect_identical(found$model[1:3], c("wrong", "true", "fit3"))
  expect_equal(found$nll[2], alone$nll[1])
  expect_equal(found$std_error[4:6], alone$std_error[2:4])
  expect_equal(found$difference, found$nll - min(found$nll[1:3]))
  expect_identical(attr(found, "best"), found$model[which.min(found$nll[1:3])])
  expect_true(attr(found, "simplest") %in% c("true", attr(found, "best")))
  expect_output(print(found), "Best: ")
})

test_that("only fits of the same decisions are compared", {
  x <- validity_example()
  other <- x$fit
  other$pair <- rev(other$pair)
  expect_error(cross_validate(list(x$fit, other)), class = "psyrl_error_input")
  expect_error(cross_validate(list(x$fit, 1)), class = "psyrl_error_input")
  expect_error(cross_validate(list()), class = "psyrl_error_input")
})
