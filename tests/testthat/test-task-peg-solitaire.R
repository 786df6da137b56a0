# Boards with what is known of them: positions, states to decide in, legal
# pairs, hard and soft values of the start at discount .99, RMS of centred
# values in random play.
known_boards <- data.frame(
  board = c("tiny_cross", "big_cross", "big_L", "diamond", "4x4"),
  states = c(22, 153, 807, 5923, 9336), open = c(11, 111, 760, 4469, 9036),
  pairs = c(28, 276, 2350, 16788, 31896),
  value = c(91.159, 85.481, 76.391, 79.972, 74.627),
  soft = c(92.52, 88.86, 83.24, 89.87, 86.25),
  rms = c(43.93, 26.22, 20.39, 33.25, 23.76)
)

test_that("boards are enumerated and solved exactly", {
  for (i in seq_len(nrow(known_boards))) {
    known <- known_boards[i, ]
    task <- peg_solitaire(known$board)
    expect_length(task$states, known$states)
    expect_equal(sum(!task$terminal), known$open)
    expect_equal(nrow(task_pairs(task)), known$pairs)
    v <- solve_task(task, 0)$v
    expect_equal(unique(round(v[task$starts], 3)), known$value)
    expect_equal(
      unique(round(solve_task(task, 1)$v[task$starts], 2)), known$soft
    )
    expect_equal(round(value_rms(task), 2), known$rms)
    expect_equal(value_rms(rescale_rewards(task)), 1)
  }
})

# The rules once more, in plain R, with a matrix for a position.
reference_jumps <- function(x) {
  jumps <- list()
  for (r in seq_len(nrow(x))) for (c in seq_len(ncol(x))) {
    for (d in list(c(0, 1), c(0, -1), c(1, 0), c(-1, 0))) {
      cells <- rbind(c(r, c), c(r, c) + d, c(r, c) + 2 * d)
      inside <- all(cells >= 1) && all(cells[, 1] <= nrow(x)) &&
        all(cells[, 2] <= ncol(x))
      if (inside && identical(x[cells], c(1, 1, 0))) {
        after <- x
        after[cells] <- c(0, 0, 1)
        label <- sprintf("r%dc%d>r%dc%d", r, c, cells[3, 1], cells[3, 2])
        jumps[[label]] <- after
      }
    }
  }
  jumps
}

test_that("jumps and rewards follow the rules", {
  board <- rbind(c(1, 1, 0, 1), c(1, 0, 1, NA), c(0, 1, 1, 1))
  task <- peg_solitaire(board, discount = 1)
  table <- as.data.frame(task)
  read_label <- function(label) {
    cells <- do.call(rbind, strsplit(strsplit(label, "/")[[1]], ""))
    matrix(match(cells, c("0", "1")) - 1, nrow(cells))
  }
  expect_identical(read_label(task$states[1]), board)
  for (state in task$states) {
    jumps <- reference_jumps(read_label(state))
    rows <- table[table$state == state, ]
    expect_setequal(rows$action, as.character(names(jumps)))
    for (i in seq_len(nrow(rows))) {
      after <- jumps[[rows$action[i]]]
      expect_identical(read_label(rows$next_state[i]), after)
      pegs <- sum(after, na.rm = TRUE)
      stuck <- !length(reference_jumps(after))
      expect_identical(
        rows$reward[i],
        -1 + if (pegs == 1) 100 else if (stuck) -5 * (pegs - 1) else 0
      )
    }
  }
})

test_that("the five boards take no time", {
  skip_on_cran()
  time <- system.time(for (board in known_boards$board) {
    solve_task(peg_solitaire(board), 0)
  })
  expect_lt(time[["user.self"]], 0.4)
})

test_that("boards that are none are refused", {
  cases <- list(
    list("one of", quote(peg_solitaire("5x5"))),
    list("matrix of 1", quote(peg_solitaire(c(1, 0, 1)))),
    list("matrix of 1", quote(peg_solitaire(matrix(2, 3, 3)))),
    list("64 cells", quote(peg_solitaire(matrix(1, 9, 9)))),
    list("named", quote(peg_solitaire("4x4", rewards = c(1, 2, 3)))),
    list("discount", quote(peg_solitaire("4x4", discount = 2)))
  )
  for (case in cases) {
    expect_error(eval(case[[2]]), case[[1]], class = "psyrl_error_input")
  }
  expect_error(
    peg_solitaire(diag(3)), "at least one state", class = "psyrl_error_task"
  )
})

test_that("features are the cells after the jump", {
  task <- peg_solitaire("big_L", features = TRUE)
  expect_equal(ncol(task$features), 15)
  expect_equal(nrow(task$features), length(task$layout$pair_action))
  after <- task$states[task$layout$next_state + 1]
  expect_equal(rowSums(task$features), nchar(gsub("[^1]", "", after)),
    ignore_attr = TRUE
  )
  expect_equal(task$features$r4c1, as.numeric(substr(after, 16, 16)))
  expect_null(peg_solitaire("big_L")$features)
})
