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
