test_that("what only a fault of psyrl can cause says so", {
  task <- peg_solitaire("tiny_cross")
  q <- numeric(length(task$layout$pair_action))
  expect_s3_class(
    expect_error(identify_(task, q, "no rule"), "report", class = "psyrl_error_internal"),
    "psyrl_error"
  )
})

test_that("a callback that fails loses no fit", {
  control <- rlearn_control(callback = function(trace) stop("oops"))
  expect_warning(
    fit <- rlearn(known_group(12, 100), control = control),
    "oops", class = "psyrl_warning_interrupted"
  )
  expect_equal(length(unique(persons(fit)$person)), 12)
})
