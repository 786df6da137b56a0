#' Peg solitaire
#'
#' A peg jumps over a neighbour into a hole and the neighbour is removed; the
#' aim is to be left with one peg. The task is exact, deterministic and without
#' cycles.
#'
#' Boards: `"tiny_cross"` (6 pegs, 22 positions), `"big_cross"` (9 pegs, 153),
#' `"big_L"` (14 pegs, 807), `"diamond"` (12 pegs, 5,923), `"4x4"` (15 pegs,
#' 9,336; the hole is at one of the 8 cells of the edge that are no corners,
#' each equally likely) and the English board `"7x7"` (32 pegs, the hole in the
#' centre; 23,475,688 positions up to rotation and reflection).
#'
#' @section Boards enumerated on demand:
#' Positions of a board are laid out, all of them, up to two million. `"7x7"`,
#' and matrices with more, are tasks of the positions that are needed:
#'
#' - `peg_solitaire("7x7")` takes no time and holds the starting position.
#' - `solve_mdp(task, temperature, states = )` gives the exact values of any
#'   positions. The first call enumerates the board (about 5 s and 250 MB), each
#'   temperature takes a sweep over it (about 12 s and 190 MB on one core; the last one
#'   and that of temperature 0 are kept while R runs, threads share the work).
#' - `simulate_trajectories(task, beta, values = solve_mdp(task, 0))` plays by exact
#'   values on the whole board; `values` may also be a function of a matrix, a row a
#'   position to jump to and a column a cell (`r1c3`, ...: 1 a peg, 0 a hole), which
#'   returns a value for each row.
#' - [rlmm()] lays out the positions of the log. [q_task()] uses the exact
#'   values: a sweep over the board for each temperature that is tried, some
#'   thirty in all; while they last 900 MB remember where jumps lead, and a sweep takes
#'   5 s. [q_linear()] and [q_network()] learn a function of the cells
#'   of the position that a jump leads to. Under [bellman()], jumps to positions
#'   beyond the log are held to what these are worth exactly at its temperature
#'   (where it is estimated, at temperature 0).
#' - [persons()], [predict()][predict.rlmm()] and [heldout()] of other logs, whose
#'   positions are others, lay these out in turn: [q_task()], [q_linear()] and
#'   [q_network()] give them values, tables do not.
#'
#' Not available are learned rewards, `q_task(temperature = "person")`, and what
#' plays on into positions that nobody has been in: [information()] by trait, step
#' or state, [test_length()].
#'
#' @param board Name of a board, or a matrix: 1 a peg, 0 a hole, `NA` no cell.
#' @param discount Weight of the next state's value.
#' @param rewards Named numbers: `jump`, for every jump; `solved`, in addition
#'   when one peg is left; `peg`, in addition at a dead end, for each peg beyond
#'   one.
#' @param features Give every jump the cells of the position it leads to as features
#'   (`r1c1`, ...: 1 a peg, 0 a hole), for [q_linear()] and [q_network()]. Boards that
#'   are enumerated on demand always have them.
#' @return A task, see [mdp()]. States are labelled row by row (`"01/11"`: `1` a
#'   peg, `0` a hole, `.` no cell), actions by the cells from and to
#'   (`"r1c2>r1c4"`). On boards that are enumerated on demand the state `NA` stands
#'   for what is not laid out.
#' @section Errors: `psyrl_error_input` for an unknown board, a matrix that is
#'   not a board, or a board with more than 50 million positions up to symmetry.
#'   On boards enumerated on demand `psyrl_error_task` for positions that games cannot
#'   come to, `psyrl_error_input` for what is not available.
#' @source Rewards and boards as in the reinforcement-learning measurement model
#'   of Ji and Xu (2026), arXiv 2605.09305.
#' @examples
#' task <- peg_solitaire("tiny_cross")
#' task
#' head(solve_mdp(task, temperature = 0))
#' peg_solitaire(rbind(c(1, 1, 0, 1), c(NA, 1, 1, 0)))
#'
#' # The English board; people who like to keep pegs near the centre.
#' english <- peg_solitaire("7x7")
#' centre <- c("r3c4", "r4c3", "r4c5", "r5c4")
#' near <- function(cells) rowSums(cells[, centre, drop = FALSE])
#' log <- simulate_trajectories(english, c(ann = 1, bob = 3), 2, values = near)
#' log
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
  graph <- if (!identical(board, "7x7")) {
    peg_solitaire_(starts, nrow(boards[[1]]), rewards, 2e6)
  }
  if (!length(graph)) return(board_task(boards, rewards, discount))
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
    }),
    "7x7" = list(draw_board(
      "  111  ", "  111  ", "1111111", "1110111", "1111111", "  111  ",
      "  111  "
    ))
  )
}

# A matrix from rows of "1" (peg), "0" (hole) and " " (no cell).
draw_board <- function(...) {
  cells <- do.call(rbind, strsplit(c(...), ""))
  matrix(match(cells, c("0", "1")) - 1, nrow(cells))
}
