#' Tower of London
#'
#' Balls are moved one at a time between pegs of limited height until they are
#' arranged as in the goal. By default the twelve problems of the data set
#' [tower_of_london_moves], with its labels, so that the log aligns with the
#' task.
#'
#' @param start,goal Arrangements, one a problem: the balls (a character each)
#'   on each peg from bottom to top, pegs separated by `/`, as in `"12/3/"`.
#'   `start` may be a single one for all problems.
#' @param sizes How many balls each peg holds.
#' @param discount Weight of the next state's value. The default suits people,
#'   who look a few moves ahead: of .99, .95, .9, .8 and .6 it gives the moves
#'   of the data set the highest likelihood.
#' @param names Names of the problems; states are labelled `name:arrangement`.
#'   `NULL` with a single problem: the arrangement alone.
#' @return A task, see [mdp()]. Actions are `"i>j"`: lift the top ball of peg i,
#'   drop it on peg j; `"i>i"` puts it back. The reward is 1 for the move that
#'   reaches the goal, which ends the problem, else 0. Each problem starts in
#'   its own state.
#' @section Errors: `psyrl_error_input` for arrangements that the pegs cannot
#'   hold or a goal with other balls than its start.
#' @seealso [tower_of_london_moves]
#' @source Shallice (1982), Philosophical Transactions of the Royal Society B
#'   298, 199-209; problems as in the data set.
#' @examples
#' tower_of_london()
#' one <- tower_of_london("12/3/", "/31/2", names = NULL)
#' head(as.data.frame(one))
#' @export
tower_of_london <- function(start = "12/3/",
                            goal = c(
                              "/31/2", "1/2/3", "13/2/", "1/23/", "21/3/",
                              "3/21/", "23//1", "/23/1", "213//", "231//",
                              "31/2/", "3/2/1"
                            ),
                            sizes = c(3, 2, 1), discount = 0.8,
                            names = numbered("p", length(goal), first = 0)) {
  discount <- check_number(discount, "discount", 0, 1)
  check_sizes(sizes)
  check_arrangements(goal, "goal", sizes)
  check_arrangements(start, "start", sizes)
  if (!length(start) %in% c(1, length(goal))) {
    abort_input("start", paste0(
      "`start` must be one arrangement or one for each of the ", length(goal),
      " goals, not ", length(start), "."
    ))
  }
  start <- rep_len(start, length(goal))
  check_same_balls(start, goal)
  names <- check_problem_names(names, length(goal))
  problems <- Map(tower_moves, start, goal, names, list(as.integer(sizes)))
  tower_task(do.call(rbind, problems), paste0(names, start), discount)
}

tower_task <- function(moves, starts, discount) {
  state <- encode_labels(moves$state, moves$next_state)
  action <- encode_labels(moves$action)
  codes <- match(starts, state$labels)
  validate_mdp(assemble_mdp(list(
    states = state$labels, actions = action$labels, state = state$codes[[1]],
    action = action$codes[[1]], next_state = state$codes[[2]],
    probability = rep(1, nrow(moves)), reward = moves$reward
  ), discount, starts = sort(codes)))
}

# All moves from arrangements that can be reached before the goal.
tower_moves <- function(start, goal, name, sizes) {
  done <- character()
  frontier <- start
  moves <- list()
  while (length(frontier)) {
    new <- moves_from(frontier, sizes)
    moves <- c(moves, list(new))
    done <- c(done, frontier)
    frontier <- setdiff(new$next_state, c(done, goal))
  }
  moves <- do.call(rbind, moves)
  moves$reward <- as.numeric(moves$next_state == goal)
  moves$state <- paste0(name, moves$state)
  moves$next_state <- paste0(name, moves$next_state)
  moves
}

moves_from <- function(arrangements, sizes) {
  pegs <- split_pegs(arrangements)
  each <- expand.grid(i = seq_along(sizes), j = seq_along(sizes))
  do.call(rbind, Map(function(i, j) {
    has_room <- i == j | nchar(pegs[, j]) < sizes[j]
    legal <- which(nchar(pegs[, i]) > 0 & has_room)
    after <- pegs[legal, , drop = FALSE]
    height <- nchar(after[, i])
    ball <- substr(after[, i], height, height)
    after[, i] <- substr(after[, i], 1, height - 1)
    after[, j] <- paste0(after[, j], ball)
    data.frame(
      state = arrangements[legal],
      action = rep(paste0(i, ">", j), length(legal)),
      next_state = apply(after, 1, paste, collapse = "/"),
      row.names = NULL
    )
  }, each$i, each$j))
}

# A matrix, arrangements x pegs.
split_pegs <- function(arrangements) {
  do.call(rbind, strsplit(paste0(arrangements, "/"), "/", fixed = TRUE))
}

check_sizes <- function(sizes) {
  ok <- is.numeric(sizes) && length(sizes) >= 2 && !anyNA(sizes) &&
    all(sizes >= 1 & sizes == round(sizes))
  if (!ok) {
    abort_input("sizes", paste0(
      "`sizes` must hold a whole number for each of at least two pegs, not ",
      describe(sizes), "."
    ))
  }
}

check_arrangements <- function(x, arg, sizes) {
  if (!is.character(x) || !length(x) || anyNA(x)) {
    abort_input(arg, paste0(
      "`", arg, "` must be arrangements such as \"12/3/\", not ", describe(x),
      "."
    ))
  }
  pegs <- strsplit(paste0(x, "/"), "/", fixed = TRUE)
  fits <- vapply(pegs, function(peg) {
    balls <- unlist(strsplit(peg, ""))
    length(peg) == length(sizes) && all(nchar(peg) <= sizes) &&
      length(balls) > 0 && !anyDuplicated(balls)
  }, logical(1))
  if (!all(fits)) {
    abort_input(arg, paste0(
      "`", arg, "` must arrange different balls on pegs that hold ",
      paste(sizes, collapse = ", "), "; not so: ", quoted(x[!fits]), "."
    ))
  }
}

check_same_balls <- function(start, goal) {
  balls <- function(x) {
    vapply(strsplit(gsub("/", "", x, fixed = TRUE), ""), function(b) {
      paste(sort(b), collapse = "")
    }, "")
  }
  bad <- which(balls(start) != balls(goal) | start == goal)
  if (length(bad)) {
    abort_input("goal", paste0(
      "`goal` must arrange the balls of `start` differently; not so: ",
      quoted(goal[bad]), "."
    ))
  }
}

# Prefixes of the problems' states.
check_problem_names <- function(names, n) {
  if (is.null(names) && n == 1) return("")
  if (!is.character(names) || length(names) != n || anyNA(names) ||
      anyDuplicated(names)) {
    abort_input("names", paste0(
      "`names` must be ", n, " different strings, not ", describe(names), "."
    ))
  }
  paste0(names, ":")
}
