# Brute force: the person scored again from the log without the rows.
score_without <- function(x, rows, mode = FALSE) {
  fit <- x$fit
  log <- x$log
  person <- log$decisions$person[rows[1]]
  log <- keep_rows(log, setdiff(which(log$decisions$person == person), rows))
  at <- coef(fit)
  if (!mode) return(persons(fit, newdata = log)$log_estimate)
  aligned <- align_to_task(log, x$task)
  person_modes_(
    x$task, aligned, fit$values$advantage, at[["mu"]], at[["sigma"]]
  )[1, "z"]
}

test_that("influence is the change that scoring again gives", {
  x <- validity_example()
  found <- influence(x$fit)
  full <- persons(x$fit)$log_estimate
  rows <- c(1, 7, 100, 333, nrow(found))
  brute <- vapply(rows, function(row) {
    score_without(x, row) - full[x$log$decisions$person[row]]
  }, numeric(1))
  expect_equal(found$influence[rows], brute, tolerance = 1e-6)
  expect_named(found, c(
    "person", "episode", "step", "state", "action", "influence"
  ))
})

test_that("influence of episodes is exact too", {
  x <- validity_example()
  found <- influence(x$fit, by = "episode")
  d <- x$log$decisions
  for (k in c(1, 20, nrow(found))) {
    rows <- which(
      x$log$persons[d$person] == found$person[k] &
        x$log$episodes[d$episode] == found$episode[k]
    )
    person <- d$person[rows[1]]
    expect_equal(
      found$influence[k],
      score_without(x, rows) - persons(x$fit)$log_estimate[person],
      tolerance = 1e-6
    )
    expect_identical(found$n_decisions[k], length(rows))
  }
})

test_that("modes are solved again, and one Newton step comes close", {
  x <- validity_example()
  exact <- influence(x$fit, type = "mode")$influence
  person <- x$log$decisions$person
  row <- 50
  full <- person_modes_(
    x$task, x$fit$counts, x$fit$values$advantage, x$fit$posterior$mu,
    coef(x$fit)[["sigma"]]
  )[person[row], "z"]
  expect_equal(
    exact[row], unname(score_without(x, row, mode = TRUE) - full),
    tolerance = 1e-6
  )
  step <- influence(x$fit, type = "one_step")$influence
  expect_lt(sqrt(sum((step - exact)^2) / sum(exact^2)), .09)
})

test_that("counts have influence by state and action", {
  x <- validity_example()
  counted <- quietly(rlmm(counts(x$log), x$task, q_known(x$values)))
  found <- influence(counted)
  expect_named(found, c("person", "state", "action", "influence"))
  one <- influence(x$fit)
  key <- function(f) paste(f$person, f$state, f$action)
  expect_equal(
    found$influence[match(key(one), key(found))], one$influence,
    tolerance = 1e-5
  )
  expect_error(influence(counted, by = "episode"), class = "psyrl_error_input")
})

test_that("the picture has persons by score and steps in order", {
  x <- validity_example()
  found <- influence(x$fit)
  picture <- influence_picture(found)
  expect_identical(nrow(picture), 40L)
  lowest <- which.min(persons(x$fit)$log_estimate)
  own <- found$influence[found$person == x$log$persons[lowest]]
  expect_identical(picture[1, seq_along(own)], own)
  withr::with_pdf(NULL, expect_no_error(plot(found)))
  expect_output(print(found), "carry")
})
