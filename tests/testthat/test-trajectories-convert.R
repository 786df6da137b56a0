test_that("ProcData's processes: the state is the event before", {
  process <- structure(list(
    action_seqs = list(bob = c("start", "end"), ann = c("start", "run", "end")),
    time_seqs = list(bob = c(0, 9), ann = c(0, 2.5, 4))
  ), class = "proc")
  x <- as.data.frame(as_trajectories(process))
  expect_identical(x$person, rep(c("ann", "bob"), c(3, 2)))
  expect_identical(x$state, c("(start)", "start", "run", "(start)", "start"))
  expect_identical(x$action, c("start", "run", "end", "start", "end"))
  expect_identical(x$next_state, x$action)
  expect_error(
    as_trajectories(structure(list(), class = "proc")), "action_seqs",
    class = "psyrl_error_input"
  )
})

event_log <- function() {
  structure(
    data.frame(
      case = c("a", "b", "a", "a", "b"), what = c("in", "in", "x", "in", "out"),
      instance = c(1, 4, 2, 1, 5),
      where = c("hall", "hall", "lab", "hall", "lab"),
      when = as.POSIXct("2024-01-01", tz = "UTC") + c(0, 0, 10, 5, 7),
      phase = c("start", "start", "start", "complete", "start")
    ),
    class = c("eventlog", "log", "data.frame"), case_id = "case",
    activity_id = "what", activity_instance_id = "instance",
    timestamp = "when", lifecycle_id = "phase", resource_id = "where"
  )
}

test_that("bupaR's event logs: a decision an activity instance", {
  x <- as.data.frame(as_trajectories(event_log()))
  expect_identical(x$person, c("a", "a", "b", "b"))
  expect_identical(x$action, c("in", "x", "in", "out"))
  expect_identical(x$state, c("(start)", "in", "(start)", "in"))
  placed <- as.data.frame(as_trajectories(event_log(), state = "where"))
  expect_identical(placed$state, c("hall", "lab", "hall", "lab"))
  expect_identical(placed$next_state, c("lab", NA, "lab", NA))
  bare <- event_log()
  attr(bare, "timestamp") <- NULL
  expect_error(as_trajectories(bare), "event log", class = "psyrl_error_input")
})

test_that("TraMineR's state sequences: the action is where to go", {
  levels <- c("A", "B", "*", "%")
  sequences <- structure(
    list(
      T1 = factor(c("A", "B"), levels), T2 = factor(c("B", "*"), levels),
      T3 = factor(c("B", "A"), levels), T4 = factor(c("%", "B"), levels)
    ),
    row.names = c("one", "two"), class = c("stslist", "data.frame"),
    void = "%", nr = "*", alphabet = c("A", "B")
  )
  x <- as.data.frame(as_trajectories(sequences))
  expect_identical(x$person, c("one", "one", "two"))
  expect_identical(x$state, c("A", "B", "A"))
  expect_identical(x$next_state, c("B", "B", "B"))
  short <- sequences
  short$T2 <- short$T3 <- short$T4 <- factor("*", levels)
  expect_error(as_trajectories(short), "two known", class = "psyrl_error_input")
})

test_that("flat arrays of offline reinforcement learning", {
  arrays <- list(
    observations = cbind(c(0, 0, 1, 0), c(0, 1, 1, 0)), actions = c(1, 2, 0, 3),
    rewards = c(0, 0, 1, 0), terminals = c(FALSE, FALSE, TRUE, FALSE),
    timeouts = c(FALSE, FALSE, FALSE, TRUE)
  )
  x <- as_trajectories(arrays)
  expect_identical(x$states, c("0,0", "0,1", "1,1"))
  d <- x$decisions
  expect_identical(d$episode, c(1L, 1L, 1L, 2L))
  expect_identical(d$done, c(FALSE, FALSE, TRUE, TRUE))
  expect_identical(d$truncated, c(FALSE, FALSE, FALSE, TRUE))
  expect_identical(x$states[d$next_state], c("0,1", "1,1", NA, NA))
  arrays$rewards <- 1:3
  expect_error(
    as_trajectories(arrays), "4 entries", class = "psyrl_error_input"
  )
  expect_error(
    as_trajectories(list(actions = 1)), "observations",
    class = "psyrl_error_input"
  )
  expect_error(
    as_trajectories(list(1, 2)), "list of", class = "psyrl_error_input"
  )
})

test_that("episodes with an observation more than actions", {
  episodes <- list(
    list(
      observations = c(5L, 6L, 7L), actions = c("u", "d"), rewards = c(0, 1),
      terminations = c(FALSE, TRUE), truncations = c(FALSE, FALSE),
      person = "p1"
    ),
    list(observations = c(5L, 6L), actions = "u", rewards = 0,
         terminations = FALSE, truncations = TRUE, person = "p2")
  )
  x <- as.data.frame(as_trajectories(episodes))
  expect_identical(x$person, c("p1", "p1", "p2"))
  expect_identical(x$next_state, c(6L, 7L, 6L))
  expect_identical(x$truncated, c(FALSE, FALSE, TRUE))
  episodes[[1]]$observations <- 1:2
  expect_error(
    as_trajectories(episodes), "3 entries", class = "psyrl_error_input"
  )
})
