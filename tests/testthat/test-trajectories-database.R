skip_if_not_installed("dbplyr")
skip_if_not_installed("RSQLite")
skip_if_not_installed("withr")

database <- function(log, test = parent.frame()) {
  connection <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
  withr::defer(DBI::dbDisconnect(connection), envir = test)
  DBI::dbWriteTable(connection, "log", log)
  dplyr::tbl(connection, "log")
}

same_counts <- function(in_database, log) {
  expected <- counts(trajectories(log))
  expected$person_data <- expected$person_data["person"]
  expect_equal(in_database, expected)
}

test_that("counts made in the database are those made here", {
  set.seed(1)
  log <- as.data.frame(simulate_trajectories(
    peg_solitaire("big_cross"), c(b = 0.01, a = 0.2, c = 1), episodes = 4
  ))
  shuffled <- log[sample(nrow(log)), ]
  same_counts(counts(database(shuffled)), log)
  same_counts(as_trajectories(database(shuffled)), log)
  bare <- shuffled[c("person", "episode", "step", "state", "action")]
  same_counts(counts(database(bare)), bare)
  truncated <- transform(shuffled, truncated = done)
  same_counts(counts(database(truncated)), truncated)
})

test_that("columns are mapped, and without a step what followed must be told", {
  log <- data.frame(
    id = c(1L, 1L, 2L), state = c("a", "b", "a"), action = "go",
    next_state = c("b", "c", "c")
  )
  k <- counts(database(log), person = "id")
  expect_identical(k$persons, 1:2)
  expect_equal(
    k$transitions,
    data.frame(
      state = c(1L, 1L, 2L), action = 1L, next_state = c(2L, 3L, 3L),
      count = c(1, 1, 1)
    )
  )
  expect_null(k$starts)
  expect_equal(as_mdp(k)$starts, NULL)
})

test_that("inconsistencies are found in the database", {
  log <- data.frame(
    person = c("a", "a", "a"), step = 1:3, state = c("x", "y", "z"),
    action = "go", next_state = c("y", "z", "end"), reward = 0,
    done = c(FALSE, FALSE, TRUE)
  )
  expect_s3_class(counts(database(log)), "psyrl_counts")
  cases <- list(
    list("missing", list(person = c("a", NA, "a"))),
    list("missing", list(reward = c(1, NA, 1))),
    list("must differ", list(step = c(1, 1, 3))),
    list("follow the end", list(done = c(TRUE, FALSE, TRUE))),
    list("next row", list(next_state = c("z", "z", "end")))
  )
  for (case in cases) {
    bad <- log
    bad[names(case[[2]])] <- case[[2]]
    expect_error(
      counts(database(bad)), paste0(case[[1]], ".*1 row"),
      class = "psyrl_error_data"
    )
  }
  expect_error(
    counts(database(log[c("person", "state", "action")])), "step",
    class = "psyrl_error_input"
  )
  expect_error(
    counts(database(log), person = "id"), "person", class = "psyrl_error_input"
  )
  expect_error(
    counts(database(log[0, ])), "at least one row", class = "psyrl_error_input"
  )
})
