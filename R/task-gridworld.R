#' Mazes
#'
#' Moves left, right, up and down on a map; moving into a wall or off the map
#' leaves the place unchanged (and counts as a move).
#'
#' @param map A map: strings, one a row from top to bottom (or a single string
#'   with line breaks, or a matrix of characters). A cell is free (`.`), a start
#'   (`S`), a goal (by default `G`); every other character is a wall. Or a named
#'   list of maps, which become one task: by default the twelve mazes of
#'   [maze_moves], with its labels, so that the log aligns with the task.
#' @param goals Named numbers: the rewards of entering the cells marked so,
#'   which ends the episode.
#' @param step_reward Reward of every move, in addition.
#' @param slip Probability that a move goes astray, to either side with half of
#'   it.
#' @param discount Weight of the next state's value.
#' @return A task, see [mdp()]. States are labelled by column and row, `"00:00"`
#'   at the bottom left (in a list of maps `"name:00:00"`), actions `L`, `R`,
#'   `U`, `D`. Only cells that can be reached from a start are states; without a
#'   start every free cell is one.
#' @section Errors: `psyrl_error_input` for something that is not a map, or a
#'   map without free cells.
#' @seealso [maze_moves]
#' @examples
#' maze <- gridworld(c(
#'   "..#G",
#'   "S..."
#' ))
#' solve_mdp(maze, temperature = 0)
#' @export
gridworld <- function(map = psyrl::maze_maps, goals = c(G = 1), step_reward = 0,
                      slip = 0, discount = 0.99) {
  goals <- check_goals(goals)
  step_reward <- check_number(step_reward, "step_reward")
  slip <- check_number(slip, "slip", 0, 1)
  discount <- check_number(discount, "discount", 0, 1)
  maps <- if (is.list(map)) map else list(map)
  names <- check_map_names(maps)
  moves <- do.call(rbind, Map(
    maze_transitions_of, lapply(maps, read_map), names,
    list(goals), step_reward, slip
  ))
  state <- encode_labels(moves$state, moves$next_state)
  action <- encode_labels(moves$action)
  validate_mdp(assemble_mdp(list(
    states = state$labels, actions = action$labels, state = state$codes[[1]],
    action = action$codes[[1]], next_state = state$codes[[2]],
    probability = moves$probability, reward = moves$reward
  ), discount, starts = sort(unique(state$codes[[1]][moves$from_start]))))
}

# Transitions of one map, labelled.
maze_transitions_of <- function(map, name, goals, step_reward, slip) {
  free <- map == "." | map == "S" | map %in% names(goals)
  dim(free) <- dim(map)
  goal <- map %in% names(goals)
  starts <- which(map == "S")
  if (!length(starts)) starts <- which(free & !goal)
  if (!length(starts)) {
    abort_input("map", "`map` must have a free cell to start from.")
  }
  steps <- free_steps(free)
  open <- reachable_cells(steps, starts, goal)
  moves <- slipping_moves(steps, open[!goal[open]], slip)
  reward <- step_reward + ifelse(
    goal[moves$to], goals[map[moves$to]], 0
  )
  data.frame(
    state = cell_labels(moves$from, dim(map), name),
    action = moves$action,
    next_state = cell_labels(moves$to, dim(map), name),
    probability = moves$probability, reward = as.double(reward),
    from_start = moves$from %in% starts
  )
}

# Where each action leads from each cell (column-major index of the map).
free_steps <- function(free) {
  row <- as.vector(row(free))
  column <- as.vector(col(free))
  here <- seq_along(free)
  step <- function(down, right) {
    r <- row + down
    c <- column + right
    to <- r + (c - 1) * nrow(free)
    to[r < 1 | r > nrow(free) | c < 1 | c > ncol(free)] <- NA
    ifelse(free[to] %in% TRUE, to, here)
  }
  cbind(
    L = step(0, -1), R = step(0, 1), U = step(-1, 0), D = step(1, 0)
  )
}

reachable_cells <- function(steps, starts, goal) {
  reached <- frontier <- starts
  while (length(frontier)) {
    frontier <- setdiff(c(steps[frontier[!goal[frontier]], ]), reached)
    reached <- c(reached, frontier)
  }
  sort(reached)
}

slipping_moves <- function(steps, from, slip) {
  sides <- list(
    L = c("U", "D"), R = c("U", "D"), U = c("L", "R"), D = c("L", "R")
  )
  moves <- do.call(rbind, lapply(colnames(steps), function(action) {
    went <- c(action, if (slip > 0) sides[[action]])
    weight <- if (slip > 0) c(1 - slip, slip / 2, slip / 2) else 1
    data.frame(
      from = rep(from, length(went)), action = action,
      to = c(steps[from, went]), probability = rep(weight, each = length(from))
    )
  }))
  # Several ways into the same cell are one transition.
  key <- paste(moves$from, moves$action, moves$to)
  moves$probability <- as.double(
    rowsum(moves$probability, key)[key, 1]
  )
  moves[!duplicated(key), ]
}

# "03:10": column and row, from 0 at the bottom left.
cell_labels <- function(cell, dim, name) {
  row <- (cell - 1L) %% dim[1] + 1L
  column <- (cell - 1L) %/% dim[1]
  sprintf("%s%02d:%02d", name, as.integer(column), as.integer(dim[1] - row))
}

read_map <- function(map) {
  if (is.matrix(map) && is.character(map) && all(nchar(map) %in% 1)) return(map)
  if (!is.character(map) || is.matrix(map) || !length(map) || anyNA(map)) {
    abort_input("map", paste0(
      "`map` must be strings, one a row, or a matrix of single characters, ",
      "not ", describe(map), "."
    ))
  }
  rows <- unlist(strsplit(map, "\n", fixed = TRUE))
  rows <- rows[nzchar(rows)]
  if (!length(rows) || length(unique(nchar(rows))) != 1) {
    abort_input("map", paste0(
      "`map` must have rows of equal length, not of ",
      paste(unique(nchar(rows)), collapse = ", "), " characters."
    ))
  }
  do.call(rbind, strsplit(rows, ""))
}

check_map_names <- function(maps) {
  if (!length(maps)) abort_input("map", "`map` must hold at least one map.")
  names <- names(maps)
  if (is.null(names) && length(maps) == 1) return("")
  if (!are_distinct_names(names)) {
    abort_input("map", "A list of maps must have a different name for each.")
  }
  paste0(names, ":")
}

check_goals <- function(goals) {
  ok <- is.numeric(goals) && length(goals) && all(is.finite(goals)) &&
    all(nchar(names(goals)) == 1) && length(names(goals)) == length(goals) &&
    !any(names(goals) %in% c(".", "S")) && !anyDuplicated(names(goals))
  if (!ok) {
    abort_input("goals", paste0(
      "`goals` must be numbers named by the characters of the map that mark ",
      "goals, such as c(G = 1), not ", describe(goals), "."
    ))
  }
  goals
}
