test_that("variances are those of the dense information", {
  x <- validity_example()
  fit <- quietly(rlmm(
    x$log[names(x$beta)[1:12]], x$task, q_table(),
    consistency = bellman(lambda = 3, temperature = .5), estimator = "joint"
  ))
  found <- arrow(fit, covariance = TRUE)
  dense <- dense_information(
    fit, found$z, coef(fit)[["mu"]], coef(fit)[["sigma"]], 3, .5
  )
  inverse <- solve(dense)
  n_q <- length(fit$values$q)
  own <- n_q + 2 + seq_len(12)
  expect_equal(found$person, unname(diag(dense)[own]), tolerance = 1e-12)
  expect_equal(
    1 / found$person + found$shared, unname(diag(inverse)[own]), tolerance = 1e-8
  )
  expect_equal(
    found$border, inverse[n_q + 1:2, n_q + 1:2], tolerance = 1e-8
  )
  expect_equal(
    found$covariance + diag(1 / found$person), inverse[own, own], tolerance = 1e-8
  )
  state <- task_pairs(fit$task)$state
  centre <- diag(n_q) - outer(state, state, `==`) / 3
  expect_equal(
    found$advantage,
    diag(centre %*% inverse[seq_len(n_q), seq_len(n_q)] %*% centre),
    tolerance = 1e-8
  )
  low_rank <- arrow(fit, covariance = TRUE, dense_pairs = 0)
  expect_equal(low_rank$covariance, found$covariance, tolerance = 1e-3)
  expect_equal(low_rank$shared, found$shared, tolerance = 1e-4)
  expect_length(low_rank$advantage, 0)
})

test_that("a habit beside values has the arrow of its own dense information", {
  x <- validity_example()
  fit <- quietly(rlmm(x$log[names(x$beta)[1:12]], x$task, habit = TRUE))
  setting <- habit_setting(fit)
  found <- table_arrow(fit, setting, covariance = TRUE)
  a <- fit$values$advantage
  n <- length(a)
  state <- task_pairs(fit$task)$state
  same <- outer(state, state, `==`)
  precision <- 1 / coef(fit)[["habit_sd"]]^2
  information <- precision * (diag(n) - same / 3)
  cross <- matrix(0, n, 12)
  person <- setting$population$precision
  counts <- matrix(0, 12, n)
  counts[cbind(
    rep(1:12, diff(fit$counts$person_start)), fit$counts$pair + 1
  )] <- fit$counts$count
  for (j in 1:12) {
    weight <- exp(fit$values$habit + found$z[j] * a)
    pi <- weight / stats::ave(weight, state, FUN = sum)
    spread <- (diag(pi) - outer(pi, pi) * same) *
      stats::ave(counts[j, ], state, FUN = sum)
    information <- information + spread
    cross[, j] <- spread %*% a
    person[j] <- person[j] + drop(a %*% spread %*% a)
  }
  expect_equal(found$person, person, tolerance = 1e-12)
  shared <- rbind(
    cbind(information, matrix(0, n, 2)),
    cbind(matrix(0, 2, n), setting$population$information)
  )
  cross <- rbind(cross, setting$population$cross)
  schur <- shared - cross %*% (t(cross) / person)
  known <- eigen(schur, symmetric = TRUE)
  seen <- known$values > 1e-8 * known$values[1]
  root <- crossprod(cross, known$vectors[, seen]) / person
  expect_equal(
    found$covariance, root %*% (t(root) / known$values[seen]),
    tolerance = 1e-7
  )
  ends <- confint(fit)
  plugin <- confint(fit, method = "plugin")
  expect_true(all(ends[, 2] - ends[, 1] > plugin[, 2] - plugin[, 1]))
  expect_true(all(is.na(values(fit)$std_error)))
})
