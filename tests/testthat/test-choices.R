simple <- data.frame(
  person = rep(c("b", "a"), each = 3), trial = c(2, 1, 3, 1, 2, 3),
  choice = c(1, 2, NA, 2, 3, 1), outcome = c(1, 0, NA, 1, 1, 0), group = rep(1:2, each = 3)
)

test_that("trials are sorted and coded, missed trials kept", {
  x <- choices(simple)
  expect_s3_class(x, "psyrl_choices")
  expect_identical(x$persons, c("b", "a"))
  expect_identical(x$options, 1:3)
  expect_identical(x$trials$choice, c(2L, 1L, NA, 2L, 3L, 1L))
  expect_identical(x$trials$row, c(2L, 1L, 3L, 4L, 5L, 6L))
  expect_identical(x$person_start, c(0L, 3L, 6L))
  expect_identical(x$person_data$group, 1:2)
  expect_output(print(x), "2 persons: 6 trials \\(1 missed\\)")
})

test_that("hBayesDM's column names are understood", {
  gng <- choices(data.frame(
    subjID = 1, cue = c(3, 1), keyPressed = c(1, 1), outcome = 1:2
  ))
  expect_identical(gng$options, c(0, 1))
  expect_identical(gng$trials$choice, c(2L, 2L))
  expect_identical(gng$labels$stimulus, c(1, 3))
  igt <- choices(data.frame(SubjID = 1, choice = 1:4, gain = 100, loss = c(0, -250, 0, 50)))
  expect_identical(igt$trials$outcome, c(100, -150, 100, 50))
  ts <- choices(data.frame(
    subj_ID = 1, level1_choice = c(1, 2, 1), level2_choice = c(3, 2, NA), reward = c(1, 0, NA)
  ))
  expect_identical(ts$trials$choice2, c(3L, 2L, NA))
  expect_identical(ts$trials$next_state, c(2L, 1L, NA))
})

test_that("two-step data with a stage become one row a trial", {
  long <- data.frame(
    person = 1, episode = rep(1:3, each = 2), stage = rep(1:2, 3),
    stimulus = c(0, 1, 0, 2, 0, 2), choice = c(1, 2, 2, 1, NA, 2), outcome = c(0, 1, 0, 0, 0, 1)
  )
  for (trial in c(TRUE, FALSE)) {
    x <- if (trial) choices(long, trial = "episode") else choices(long)
    expect_identical(x$trials$choice, c(1L, 2L, NA))
    expect_identical(x$trials$choice2, c(2L, 3L, 4L))
    expect_identical(x$trials$next_state, c(1L, 2L, 2L))
    expect_identical(x$trials$outcome, c(1, 0, 1))
  }
})

test_that("options, availability and blocks are respected", {
  x <- choices(
    data.frame(person = 1, choice = c("b", "a"), outcome = 0, on = c("a|b", "a|c"),
               block = c(2, 1)),
    options = c("a", "b", "c"), available = "on"
  )
  expect_identical(x$trials$choice, c(2L, 1L))
  expect_identical(x$available[1, ], c(TRUE, TRUE, FALSE))
  expect_identical(choices(simple, block = NULL)$trials$block, rep(1L, 6))
})

test_that("errors are classed and name what is wrong", {
  expect_error(choices(simple, outcome = "points"), class = "psyrl_error_input")
  expect_error(choices(simple["trial"]), class = "psyrl_error_input")
  twice <- transform(simple, trial = 1)
  error <- tryCatch(choices(twice), error = identity)
  expect_s3_class(error, "psyrl_error_data")
  expect_identical(error$column, "trial")
  expect_error(choices(simple, options = 1:2), class = "psyrl_error_data")
  expect_error(choices(transform(simple, person = NA)), class = "psyrl_error_data")
})

test_that("subsetting and joining by person", {
  x <- choices(simple)
  expect_identical(x["a"]$persons, "a")
  expect_identical(x[2]$trials$choice, c(2L, 3L, 1L))
  both <- c(x[1], x[2])
  expect_identical(both$trials$choice, x$trials$choice)
  expect_identical(nrow(as.data.frame(x)), 6L)
  expect_error(x["z"], class = "psyrl_error_input")
})

test_that("persons are summed up with trials that had no outcome", {
  data <- choices(data.frame(
    person = c("a", "a", "b"), choice = c(1, NA, 2), outcome = c(1, NA, 0)
  ))
  expect_equal(summary(data), data.frame(
    person = c("a", "b"), n_trials = 2:1, n_missed = c(1, 0), n_blocks = c(1, 1),
    mean_outcome = c(1, 0)
  ))
})

test_that("empty tables and persons who are not there are errors", {
  data <- data.frame(person = 1, choice = 1:2, outcome = 1)
  expect_error(choices(data[0, ]), class = "psyrl_error_input")
  expect_error(choices(data)[2], class = "psyrl_error_input")
  names(data)[2] <- "response"
  expect_error(choices(data), 'choice = "..."', fixed = TRUE, class = "psyrl_error_input")
})
