map <- c(
  "..#G",
  "S#..",
  "...."
)

test_that("a maze is what its map shows", {
  task <- gridworld(map)
  expect_length(task$states, 10)
  expect_identical(task$states[task$starts], "00:01")
  expect_identical(task$states[task$terminal], "03:02")
  # Down, right three times, up twice.
  expect_equal(solve_task(task, 0)$v[task$starts], 0.99^5)
  table <- as.data.frame(task)
  walk <- function(state, action) {
    table$next_state[table$state == state & table$action == action]
  }
  expect_identical(walk("00:01", "L"), "00:01")
  expect_identical(walk("00:01", "R"), "00:01")
  expect_identical(walk("00:01", "U"), "00:02")
  expect_identical(walk("00:01", "D"), "00:00")
  expect_equal(sum(table$reward), 1)
})

test_that("cells that cannot be reached are no states", {
  expect_identical(gridworld(c("S.#.", "..#.", "G.#."))$states, c(
    "00:00", "00:01", "00:02", "01:00", "01:01", "01:02"
  ))
})

test_that("maps may be strings, a text or a matrix, named or not", {
  task <- gridworld(map)
  expect_identical(gridworld(paste(map, collapse = "\n")), task)
  expect_identical(gridworld(do.call(rbind, strsplit(map, ""))), task)
  two <- gridworld(list(a = map, b = rev(map)))
  expect_identical(two$states, c(
    paste0("a:", task$states), sort(paste0("b:", gridworld(rev(map))$states))
  ))
  expect_length(two$starts, 2)
})

test_that("without a start every free cell is one", {
  task <- gridworld(c("..", ".G"))
  expect_identical(task$states[task$starts], c("00:00", "00:01", "01:01"))
})

test_that("goals, step rewards and slipping", {
  task <- gridworld(
    c("P.", "SG"), goals = c(G = 5, P = -5), step_reward = -1, slip = 0.2
  )
  table <- as.data.frame(task)
  up <- table[table$state == "00:00" & table$action == "U", ]
  expect_setequal(up$next_state, c("00:01", "00:00", "01:00"))
  expect_equal(up$probability[order(up$next_state)], c(0.1, 0.8, 0.1))
  expect_equal(up$reward[order(up$next_state)], c(-1, -6, 4))
  expect_equal(as.vector(tapply(table$probability, paste(
    table$state, table$action
  ), sum)), rep(1, 4))
})

test_that("maps that are none are refused", {
  cases <- list(
    list("equal length", quote(gridworld(c("S.", "...")))),
    list("strings", quote(gridworld(3))),
    list("strings", quote(gridworld(character()))),
    list("free cell", quote(gridworld("G#"))),
    list("different name", quote(gridworld(list(map, map)))),
    list("different name", quote(gridworld(list(a = map, a = map)))),
    list("at least one map", quote(gridworld(list()))),
    list("goals", quote(gridworld(map, goals = 1))),
    list("goals", quote(gridworld(map, goals = c(S = 1)))),
    list("slip", quote(gridworld(map, slip = 2))),
    list("step_reward", quote(gridworld(map, step_reward = NA)))
  )
  for (case in cases) {
    expect_error(eval(case[[2]]), case[[1]], class = "psyrl_error_input")
  }
})
