# Two people on a small fork, the second in two episodes.
small_log <- function() {
  data.frame(
    person = c("bob", "bob", "ann", "bob", "ann"),
    episode = c(1, 1, 1, 2, 1), step = c(1, 2, 1, 1, 2),
    state = c("start", "risk", "start", "start", "risk"),
    action = c("risky", "go", "risky", "safe", "go"),
    reward = c(0, 3, 0, 1, 3),
    next_state = c("risk", "end", "risk", "end", "end"),
    done = c(FALSE, TRUE, FALSE, TRUE, TRUE),
    age = c(28, 28, 31, 28, 31), rt = 1:5
  )
}

test_that("decisions are sorted and coded, labels kept", {
  x <- trajectories(small_log())
  expect_s3_class(x, "psyrl_trajectories")
  expect_identical(x$persons, c("ann", "bob"))
  expect_identical(x$states, c("end", "risk", "start"))
  d <- x$decisions
  expect_identical(d$row, c(3L, 5L, 1L, 2L, 4L))
  expect_identical(d$person, c(1L, 1L, 2L, 2L, 2L))
  expect_identical(d$next_state, c(2L, 1L, 2L, 1L, 1L))
  expect_identical(x$person_start, c(0L, 2L, 5L))
  expect_identical(
    x$person_data, data.frame(person = c("ann", "bob"), age = c(31, 28))
  )
  expect_type(d$step, "integer")
  expect_type(d$reward, "double")
})

test_that("labels of every kind come back in the type they were given", {
  log <- small_log()
  log$person <- factor(log$person, c("zoe", "bob", "ann"))
  log$state <- factor(log$state, c("start", "risk", "end"))
  log$action <- match(log$action, c("safe", "risky", "go"))
  x <- trajectories(log)
  expect_identical(x$persons, c("bob", "ann"))
  expect_identical(x$states, c("start", "risk", "end"))
  expect_identical(x$actions, 1:3)
  expect_identical(as.data.frame(x)$action, c(2L, 3L, 1L, 2L, 3L))
  logical <- trajectories(
    data.frame(person = 1, state = 1:2, action = c(TRUE, FALSE))
  )
  expect_identical(logical$actions, c(FALSE, TRUE))
  dates <- trajectories(
    data.frame(person = as.Date("2020-01-01"), state = 1, action = 1)
  )
  expect_identical(dates$persons, "2020-01-01")
})

test_that("what is not given is what the order of the rows says", {
  bare <- data.frame(
    person = c("b", "a", "b", "a"), state = c(1, 2, 3, 4), action = "go"
  )
  x <- trajectories(bare)
  d <- x$decisions
  expect_identical(x$states[d$state], c(2, 4, 1, 3))
  expect_identical(x$states[d$next_state], c(4, NA, 3, NA))
  expect_identical(d$step, c(1L, 2L, 1L, 2L))
  expect_false(any(d$done))
  expect_null(d$reward)
  expect_identical(x$episodes, 1L)
})

test_that("unknown next states are told by the next row", {
  log <- small_log()
  log$next_state[c(1, 3)] <- NA
  again <- small_log()
  expect_identical(trajectories(log), trajectories(again))
})

test_that("columns can be renamed or ignored", {
  log <- small_log()
  names(log)[names(log) %in% c("person", "done")] <- c("id", "over")
  expect_identical(
    trajectories(log, person = "id", done = "over"), trajectories(small_log())
  )
  expect_null(trajectories(small_log(), reward = NULL)$decisions$reward)
})

test_that("times order the steps and are numbered", {
  log <- small_log()
  log$step <- as.POSIXct("2024-01-01", tz = "UTC") + c(5.5, 7, 1, 30, 2)
  expect_identical(trajectories(log), trajectories(small_log()))
  log$step <- c(0.5, 2.5, 1, 1, 2)
  expect_identical(trajectories(log), trajectories(small_log()))
})

test_that("a truncated row ends the episode", {
  log <- small_log()
  log$done <- log$done & log$person == "ann"
  log$truncated <- c(FALSE, TRUE, FALSE, TRUE, FALSE)
  d <- trajectories(log)$decisions
  expect_identical(d$done, c(FALSE, TRUE, FALSE, TRUE, TRUE))
  expect_identical(d$truncated, c(FALSE, FALSE, FALSE, TRUE, TRUE))
})

test_that("order of rows changes nothing", {
  log <- small_log()
  shuffled <- log[c(4, 2, 5, 1, 3), ]
  x <- trajectories(log)
  y <- trajectories(shuffled)
  expect_identical(as.data.frame(x), as.data.frame(y))
  expect_identical(log$rt[x$decisions$row], shuffled$rt[y$decisions$row])
})

test_that("a table and back, person by person, and together again", {
  x <- trajectories(small_log())
  table <- as.data.frame(x, persons = TRUE)
  again <- trajectories(table)
  x$decisions$row <- again$decisions$row <- NULL
  expect_identical(again, x)
  joined <- c(x["bob"], x["ann"])
  joined$decisions$row <- NULL
  expect_identical(joined, x)
  expect_identical(x[2]$persons, "bob")
  expect_identical(x[-1]$persons, "bob")
  expect_identical(x[c(TRUE, FALSE)]$person_data$age, 31)
  expect_identical(x[]$person_start, x$person_start)
})

test_that("tibbles and data.tables are data frames", {
  for (package in c("tibble", "data.table")) {
    skip_if_not_installed(package)
  }
  expect_identical(
    as_trajectories(tibble::as_tibble(small_log())), trajectories(small_log())
  )
  expect_identical(
    as_trajectories(data.table::as.data.table(small_log())),
    trajectories(small_log())
  )
})

test_that("counts are those of table()", {
  set.seed(3)
  n <- 500
  log <- data.frame(
    person = sample(letters[1:5], n, TRUE), state = sample(6, n, TRUE),
    action = sample(c("x", "y", "z"), n, TRUE), reward = rnorm(n)
  )
  x <- trajectories(log)
  k <- counts(x)
  long <- as.data.frame(k)
  expected <- as.data.frame(
    table(action = log$action, state = log$state, person = log$person),
    responseName = "count"
  )
  expected <- expected[expected$count > 0, ]
  expect_equal(long$count, expected$count)
  expect_identical(long$person, as.character(expected$person))
  expect_identical(long$state, as.integer(as.character(expected$state)))
  expect_equal(
    k$pairs$reward,
    as.vector(tapply(log$reward, list(log$action, log$state), mean))
  )
  d <- x$decisions
  followed <- as.data.frame(
    table(next_state = d$next_state, action = d$action, state = d$state),
    responseName = "count"
  )
  expect_equal(k$transitions$count, followed$count[followed$count > 0])
  expect_equal(sum(k$transitions$count), n - 5)
  expect_identical(as.data.frame(k["c"]), {
    one <- long[long$person == "c", ]
    rownames(one) <- NULL
    one
  })
})

test_that("methods print, summarise and plot", {
  x <- trajectories(small_log())
  expect_output(print(x), "2 persons, 3 episodes, 5 decisions")
  expect_output(print(summary(x)), "terminal state: 3")
  expect_output(print(counts(x)), "4 observed|3 observed")
  pdf(NULL)
  on.exit(dev.off())
  expect_silent(plot(x))
  expect_silent(plot(x, type = "path", person = "bob"))
})

test_that("bad logs are refused at the door", {
  log <- small_log()
  with_column <- function(...) {
    changes <- list(...)
    log[names(changes)] <- changes
    log
  }
  cases <- list(
    list("input", "must be a data frame", quote(trajectories(1:3))),
    list("input", "at least one row", quote(trajectories(log[0, ]))),
    list("input", "`action` must name a column", quote(
      trajectories(data.frame(person = 1, state = "a"))
    )),
    list("input", "`next_state` must name", quote(
      trajectories(log, next_state = "nxt")
    )),
    list("input", "single string", quote(trajectories(log, person = 1))),
    list("input", "single string", quote(trajectories(log, state = NULL))),
    list("input", "must hold labels", quote(
      trajectories(with_column(state = I(as.list(1:5))))
    )),
    list("data", "missing values: row 3", quote(
      trajectories(with_column(person = c("a", "a", NA, "b", "b")))
    )),
    list("data", "missing values", quote(
      trajectories(with_column(state = NA))
    )),
    list("data", "missing values", quote(
      trajectories(with_column(action = c(NA, NA, 1, 1, 1)))
    )),
    list("data", "missing values", quote(
      trajectories(with_column(episode = c(1, 1, 1, NA, 1)))
    )),
    list("data", "missing values", quote(
      trajectories(with_column(step = c(1, 2, 1, 1, NA)))
    )),
    list("input", "numbers or times", quote(
      trajectories(with_column(step = letters[1:5]))
    )),
    list("data", "repeat a step", quote(
      trajectories(with_column(step = c(1, 1, 1, 1, 2)))
    )),
    list("data", "name the column that tells episodes apart", quote(
      trajectories(log, episode = NULL)
    )),
    list("input", "must hold numbers", quote(
      trajectories(with_column(reward = "1"))
    )),
    list("data", "finite numbers: row 2", quote(
      trajectories(with_column(reward = c(0, NA, 1, 1, 1)))
    )),
    list("input", "logical or 0/1", quote(
      trajectories(with_column(done = "no"))
    )),
    list("data", "TRUE or FALSE", quote(trajectories(with_column(done = 2)))),
    list("data", "TRUE or FALSE", quote(
      trajectories(with_column(truncated = NA))
    )),
    list("data", "No decision may follow", quote(
      trajectories(with_column(done = TRUE))
    )),
    list("data", "No decision may follow", quote(
      trajectories(with_column(truncated = TRUE))
    )),
    list("data", "next row; it is not in row 1", quote(trajectories(
      with_column(next_state = c("end", "end", "risk", "end", "end"))
    ))),
    list("input", "not found", quote(trajectories(log)["carl"])),
    list("input", "chosen once", quote(trajectories(log)[c(1, 1)])),
    list("input", "At least one", quote(trajectories(log)[0])),
    list("data", "must differ between the parts", quote(
      c(trajectories(log), trajectories(log))
    )),
    list("input", "psyrl_trajectories", quote(c(trajectories(log), 1))),
    list("input", "can be read", quote(as_trajectories("log.csv"))),
    list("input", "one of", quote(plot(trajectories(log), type = "pie")))
  )
  for (case in cases) {
    expect_error(
      eval(case[[3]]), case[[2]], class = paste0("psyrl_error_", case[[1]])
    )
  }
})

test_that("data errors carry column and input rows", {
  log <- small_log()
  log$next_state[3] <- "end"
  error <- tryCatch(trajectories(log), error = identity)
  expect_identical(error$column, "next_state")
  expect_identical(error$rows, 3L)
  error <- tryCatch(
    trajectories(transform(small_log(), reward = c(1, NA, 1, NaN, 1))),
    error = identity
  )
  expect_identical(error$rows, c(2L, 4L))
})

test_that("a million rows are read, checked and counted in two seconds", {
  skip_unless_extended()
  n <- 1e6
  set.seed(5)
  log <- data.frame(
    person = sprintf("p%04d", rep(1:2000, each = n / 2000)),
    episode = rep(rep(1:50, each = 10), n / 500), step = rep(0:9, n / 10),
    state = sprintf("s%03d", sample(300, n, TRUE)),
    action = sample(letters[1:9], n, TRUE), reward = stats::rnorm(n)
  )
  log$next_state <- c(log$state[-1], "s001")
  log$done <- log$step == 9
  time <- system.time(counted <- counts(trajectories(log)))
  expect_lt(time[["user.self"]], 2)
  expect_equal(sum(counted$count), n)
})
