#' Peg solitaire
#'
#' A peg jumps over a neighbour into a hole and the neighbour is removed; the
#' aim is to be left with one peg. Every position that can be reached is
#' enumerated, so the task is exact, deterministic and without cycles.
#'
#' Boards: `"tiny_cross"` (6 pegs, 22 positions), `"big_cross"` (9 pegs, 153),
#' `"big_L"` (14 pegs, 807), `"diamond"` (12 pegs, 5,923) and `"4x4"` (15 pegs,
#' 9,336; the hole is at one of the 8 cells of the edge that are no corners,
#' each equally likely). The English board `"7x7"` has 187 million positions and
#' is not available yet.
#'
#' @param board Name of a board, or a matrix: 1 a peg, 0 a hole, `NA` no cell.
#' @param discount Weight of the next state's value.
#' @param rewards Named numbers: `jump`, for every jump; `solved`, in addition
#'   when one peg is left; `peg`, in addition at a dead end, for each peg beyond
#'   one.
#' @param features Give every jump the cells of the position it leads to as features
#'   (`r1c1`, ...: 1 a peg, 0 a hole), for [q_linear()] and [q_network()].
#' @return A task, see [mdp()]. States are labelled row by row (`"01/11"`: `1` a
#'   peg, `0` a hole, `.` no cell), actions by the cells from and to
#'   (`"r1c2>r1c4"`).
#' @section Errors: `psyrl_error_input` for an unknown board, a matrix that is
#'   not a board, or a board with more than two million positions.
#' @source Rewards and boards as in the reinforcement-learning measurement model
#'   of Ji and Xu (2026), arXiv 2605.09305.
#' @examples
#' task <- peg_solitaire("tiny_cross")
#' task
#' head(solve_mdp(task, temperature = 0))
#' peg_solitaire(rbind(c(1, 1, 0, 1), c(NA, 1, 1, 0)))
#' @export
peg_solitaire <- function(board = "tiny_cross", discount = 0.99,
                          rewards = c(jump = -1, solved = 100, peg = -5),
                          features = FALSE) {
  check_flag(features, "features")
  discount <- check_number(discount, "discount", 0, 1)
  rewards <- check_peg_rewards(rewards)
  boards <- if (is.character(board)) named_board(board) else list(board)
  check_board(boards[[1]])
  # Along rows, as the core numbers cells.
  starts <- lapply(boards, function(b) as.logical(t(b)))
  graph <- peg_solitaire_(starts, nrow(boards[[1]]), rewards, 2e6)
  if (!length(graph)) {
    abort_input("board", "`board` must have at most two million positions.")
  }
  task <- peg_task(graph, discount, length(boards))
  if (features) task$features <- peg_features(task)
  task
}

# Cells of the position after each jump, a column a cell of the board.
peg_features <- function(task) {
  rows <- strsplit(task$states[1], "/")[[1]]
  cells <- expand.grid(column = seq_len(nchar(rows[1])), row = seq_along(rows))
  pegs <- vapply(strsplit(gsub("/", "", task$states), ""), function(cell) {
    c("0" = 0, "1" = 1, "." = NA)[cell]
  }, numeric(nrow(cells)))
  after <- t(pegs)[task$layout$next_state + 1L, , drop = FALSE]
  colnames(after) <- paste0("r", cells$row, "c", cells$column)
  as.data.frame(after[, !is.na(after[1, ]), drop = FALSE])
}

peg_task <- function(graph, discount, n_starts) {
  n <- length(graph$pair_action)
  layout <- list(
    state_start = graph$state_start, pair_action = graph$pair_action,
    next_start = seq.int(0L, n), next_state = graph$next_state,
    probability = rep(1, n), reward = graph$reward
  )
  validate_mdp(new_mdp(
    states = graph$states, actions = graph$actions, layout = layout,
    discount = discount, terminal = diff(layout$state_start) == 0L,
    starts = seq_len(n_starts)
  ))
}

check_peg_rewards <- function(rewards) {
  wanted <- c("jump", "solved", "peg")
  ok <- is.numeric(rewards) && length(rewards) == 3 &&
    setequal(names(rewards), wanted) && all(is.finite(rewards))
  if (!ok) {
    abort_input("rewards", paste0(
      "`rewards` must be three numbers named ", quoted(wanted), ", not ",
      describe(rewards), "."
    ))
  }
  as.double(rewards[wanted])
}

check_board <- function(board) {
  ok <- is.matrix(board) && (is.numeric(board) || is.logical(board)) &&
    all(is.na(board) | board %in% 0:1)
  if (!ok) {
    abort_input("board", paste0(
      "`board` must be the name of a board or a matrix of 1 (peg), 0 (hole) ",
      "and NA (no cell), not ", describe(board), "."
    ))
  }
  if (length(board) > 64) {
    abort_input("board", "`board` must have at most 64 cells.")
  }
}

# Starting positions of a board by name.
named_board <- function(name) {
  known <- c("tiny_cross", "big_cross", "big_L", "diamond", "4x4", "7x7")
  name <- check_choice(name, known, "board")
  if (name == "7x7") {
    abort_input("board", c(
      "The board \"7x7\" has 187 million positions and is not available yet.",
      paste0("Boards that are: ", quoted(known[-6]), ".")
    ))
  }
  switch(name,
    tiny_cross = list(draw_board(
      "000000", "001000", "011110", "001000", "000000"
    )),
    big_cross = list(draw_board(
      "  000  ", "  010  ", "0001000", "0111110", "0001000", "  010  ",
      "  000  "
    )),
    big_L = list(draw_board("111 ", "1111", "1011", "1111")),
    diamond = list(draw_board(
      "  000  ", "  010  ", "0011100", "0110110", "0011100", "  010  ",
      "  000  "
    )),
    "4x4" = lapply(c(2, 3, 5, 8, 9, 12, 14, 15), function(hole) {
      matrix(replace(rep(1, 16), hole, 0), 4, byrow = TRUE)
    })
  )
}

# A matrix from rows of "1" (peg), "0" (hole) and " " (no cell).
draw_board <- function(...) {
  cells <- do.call(rbind, strsplit(c(...), ""))
  matrix(match(cells, c("0", "1")) - 1, nrow(cells))
}
