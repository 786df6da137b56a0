# Boards with too many positions to lay out. Such a task is an ordinary one of some
# positions, its region, that also carries the rules (`task$board`, a list `starts,
# n_rows, rewards`): it begins as the region of the starting positions, and
# task_for() makes it that of a log. Jumps out of the region lead to a state
# labelled `NA`; what they are worth is exact, by the solution of the whole board.

# The task of the starting positions.
board_task <- function(boards, rewards, discount) {
  rules <- list(
    # Along rows, as the core numbers cells.
    starts = lapply(boards, function(b) as.logical(t(b))),
    n_rows = nrow(boards[[1]]), rewards = rewards
  )
  if (!board_fits_(rules)) abort_too_many()
  start <- vapply(rules$starts, position_label, "", rules$n_rows)
  lay_out_region(rules, start, length(start), discount)
}

# "01/11": along rows, "." where there is no cell.
position_label <- function(cells, n_rows) {
  rows <- split(
    ifelse(is.na(cells), ".", as.integer(cells)),
    rep(seq_len(n_rows), each = length(cells) / n_rows)
  )
  paste(vapply(rows, paste, "", collapse = ""), collapse = "/")
}

is_on_demand <- function(task) !is.null(task$board)

# The task of these positions, the first `n_starts` of them those of the starts.
lay_out_region <- function(rules, positions, n_starts, discount) {
  found <- board_region_(rules, positions)
  n <- length(found$pair_action)
  beyond <- found$next_state < 0L
  next_state <- replace(found$next_state, beyond, length(positions))
  layout <- list(
    state_start = c(found$state_start, if (any(beyond)) n),
    pair_action = found$pair_action, next_start = seq.int(0L, n),
    next_state = next_state, probability = rep(1, n), reward = found$reward
  )
  task <- new_mdp(
    states = c(positions, if (any(beyond)) NA), actions = found$actions,
    layout = layout, discount = discount,
    terminal = diff(layout$state_start) == 0L, starts = seq_len(n_starts)
  )
  task$board <- rules
  validate_mdp(task)
}

board_headline <- function(task) {
  begun <- length(region_positions(task)) > length(task$starts)
  paste0(
    "Board of ", sum(!is.na(task$board$starts[[1]])), " cells, enumerated on ",
    "demand; laid out are the positions ",
    if (begun) "of a log" else "a game begins with", ":\n"
  )
}

# Positions of the region, without what lies beyond.
region_positions <- function(task) task$states[!is.na(task$states)]

# The task that logs need: of a board on demand, its region with their positions added
# at the end.
task_for <- function(task, ...) {
  if (!is_on_demand(task)) return(task)
  logs <- Filter(Negate(is.null), list(...))
  labels <- unique(unlist(lapply(logs, used_states)))
  known <- region_positions(task)
  new <- setdiff(labels, known)
  if (!length(new)) return(task)
  for (log in logs) check_positions(log, task$board)
  lay_out_region(
    task$board, c(known, new), length(task$starts), task$discount
  )
}

# Labels of the states that occur: a log may know others.
used_states <- function(log) {
  codes <- if (inherits(log, "psyrl_counts")) {
    c(log$pairs$state, log$transitions$next_state)
  } else {
    c(log$decisions$state, log$decisions$next_state)
  }
  as.character(log$states[sort(unique(codes))])
}

check_positions <- function(log, rules) {
  labels <- used_states(log)
  bad <- labels[not_positions_(rules, labels)]
  if (!length(bad)) return(invisible())
  rows <- if (inherits(log, "psyrl_trajectories")) {
    d <- log$decisions
    codes <- match(bad, as.character(log$states))
    d$row[d$state %in% codes | d$next_state %in% codes]
  }
  abort_off_task("state", rows, bad, NULL, paste0(
    "States must be positions that jumps could lead to, written like ",
    dQuote(position_label(rules$starts[[1]], rules$n_rows), FALSE),
    "; not so: ", quoted(bad, 3)
  ))
}

# ---- exact values of the whole board ----------------------------------------

# What was solved last, by board: made again when it is needed in another process.
solved_boards <- new.env(parent = emptyenv())

abort_too_many <- function() {
  abort_input("board", paste0(
    "`board` must have at most 50 million positions up to symmetry, of at most ",
    "2^30 sets of pegs that jumps could lead to."
  ))
}

board_positions <- function(rules) {
  key <- rules[c("starts", "n_rows")]
  if (!identical(solved_boards$key, key)) {
    positions <- board_positions_(rules)
    if (is.null(positions)) abort_too_many()
    solved_boards$key <- key
    solved_boards$positions <- positions
    solved_boards$solutions <- list()
    solved_boards$links <- NULL
  }
  solved_boards$positions
}

# While `expr` asks for many solutions of a board, the core remembers where jumps lead.
with_links <- function(task, expr) {
  if (!is_on_demand(task) || !is.null(solved_boards$links)) return(expr)
  on.exit(solved_boards$links <- NULL)
  positions <- board_positions(task$board)
  solved_boards$links <- board_links_(positions, resolve_threads())
  expr
}

# The core's solution of the board (an external pointer), one of those made last if it
# is there.
board_solution <- function(task, temperature, backup = "soft") {
  positions <- board_positions(task$board)
  key <- list(task$board$rewards, task$discount, temperature, backup)
  kept <- solved_boards$solutions
  at <- Position(function(s) identical(s$key, key), kept)
  solution <- if (is.na(at)) {
    # Room first: a solution is as large as the board, which R does not see.
    solved_boards$solutions <- kept <- worth_keeping(kept)
    gc()
    values <- board_values_(positions, solved_boards$links, task$board, list(
      discount = task$discount, temperature = temperature,
      mellow = backup == "mellow", threads = resolve_threads()
    ))
    list(key = key, values = values)
  } else {
    kept[[at]]
  }
  others <- if (is.na(at)) kept else kept[-at]
  solved_boards$solutions <- c(list(solution), others)
  solution$values
}

# The last solution by the ordinary max: units and checks ask for it time and again. If
# there is none, the last one.
worth_keeping <- function(kept) {
  hard <- Filter(function(s) s$key[[3]] == 0, kept)
  utils::head(c(hard, kept), 1)
}

# value_rms() of the whole board.
board_rms <- function(task) {
  board_rms_(board_solution(task, 0), task$board, resolve_threads())
}

# What solve_task() answers: exact values of the region's pairs and states.
solve_region <- function(task, temperature, backup) {
  solution <- board_solution(task, temperature, backup)
  positions <- region_positions(task)
  bad <- never_reached_(solved_boards$positions, task$board, positions)
  if (length(bad)) {
    abort_task(paste0(
      "Exact values are those of positions that games can come to; none comes to ",
      quoted(positions[bad], 3), "."
    ), state = positions[bad])
  }
  q <- board_q_(solution, task$board, positions)
  list(
    v = region_values(task, q, temperature, backup), q = q, status = "converged",
    factorisations = 0L, residuals = 0
  )
}

region_values <- function(task, q, temperature, backup) {
  back_up_(task, list(
    pair = integer(), weight = numeric(), reward = numeric(), next_start = 0L,
    next_state = integer(), probability = numeric(), lambda = 0,
    temperature = temperature, backup = backup, cql = 0, pair_count = numeric(),
    l2 = 0, reward_l2 = 0
  ), q)
}

# The region as a task that ends where it is left: with what the rest is worth.
closed_region <- function(task, temperature = 0, backup = "soft") {
  if (!is_on_demand(task)) return(task)
  beyond <- is.na(task$states)[task$layout$next_state + 1L]
  q <- solve_region(task, temperature, backup)$q
  task$layout$reward[beyond] <- q[beyond]
  task
}

# ---- play ---------------------------------------------------------------------

# `values`: what solve_mdp() said of this task, or a function of cells.
simulate_board <- function(task, beta, episodes, values, max_steps) {
  spec <- list(
    names = names(beta), episodes = episodes, max_steps = max_steps,
    seed = draw_seed()
  )
  log <- play_board_(
    task$board, values_to_play(values, task), unname(beta), spec
  )
  # Numbers from 1, and states in the order of their labels.
  states <- sort(log$states, method = "radix")
  number <- match(log$states, states)
  log[c("person", "episode", "step", "action")] <-
    lapply(log[c("person", "episode", "step", "action")], `+`, 1L)
  log[c("state", "next_state")] <-
    lapply(log[c("state", "next_state")], function(i) number[i + 1L])
  columns <- c(
    "person", "episode", "step", "state", "action", "next_state", "done",
    "truncated", "reward"
  )
  new_trajectories(
    persons = names(beta), states = states, actions = task$actions,
    decisions = quick_frame(c(log[columns], list(row = seq_along(log$person)))),
    episodes = seq_len(episodes),
    person_data = quick_frame(list(person = names(beta), beta = unname(beta)))
  )
}

values_to_play <- function(values, task) {
  if (is.function(values)) return(checked_values(values))
  solved <- attr(values, "solved")
  cure <- c(
    "`values` of a board that is enumerated on demand must be what solve_mdp() said",
    "of it, unchanged, or a function of a matrix of cells: 1 a peg, 0 a hole, a row",
    "a position to jump to."
  )
  if (is.null(solved)) abort_input("values", cure)
  task$discount <- solved$discount
  expected <- solve_mdp(task, solved$temperature)$q
  if (!identical(as.double(values$q), expected)) abort_input("values", cure)
  board_solution(task, solved$temperature)
}

checked_values <- function(values) {
  function(cells) {
    q <- values(cells)
    if (!is.numeric(q) || length(q) != nrow(cells) || anyNA(q)) {
      abort_input("values", paste0(
        "`values()` must give a number for each row of its matrix, not ",
        describe(q), "."
      ))
    }
    as.double(q)
  }
}

# Cells of the position after each jump, a column a cell of the board.
board_cells <- function(task) board_cells_(task$board, region_positions(task))
