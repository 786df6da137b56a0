# Data on a task: which legal pair was each decision?

# Maps trajectories or counts onto the legal pairs of `task`. Returns sparse
# counts by person over the task's pairs (`person_start`, `pair` 0-based,
# `count`) and, for trajectories, for each decision its 0-based `decision_pair`
# and the task's code of its `next_state` (`NA`: unknown). Whatever the task
# does not allow is an error that is both a data and a task error.
align_to_task <- function(x, task) {
  check_class(task, "psyrl_mdp", "task", "Tasks are made by mdp() or as_mdp().")
  UseMethod("align_to_task")
}

#' @exportS3Method
align_to_task.psyrl_trajectories <- function(x, task) {
  observed <- observed_pairs(x)
  map <- map_pairs(x, observed$pairs, task)
  check_legal(x, observed$pairs, map, function(bad) {
    x$decisions$row[observed$pair %in% (bad - 1L)]
  })
  decision_pair <- map[observed$pair + 1L]
  check_next_states(x, task, decision_pair)
  by_person <- count_by_person(x, decision_pair, n_pairs(task))
  list(
    persons = x$persons, person_start = by_person$start,
    pair = by_person$column, count = by_person$count,
    decision_pair = decision_pair,
    next_state = match_labels(x$states, task$states)[x$decisions$next_state]
  )
}

#' @exportS3Method
align_to_task.psyrl_counts <- function(x, task) {
  map <- map_pairs(x, x$pairs, task)
  check_legal(x, x$pairs, map, function(bad) NULL)
  check_transitions_possible(x, task)
  person <- rep(seq_along(x$persons), diff(x$person_start))
  pair <- map[x$pair + 1L]
  order <- order(person, pair, method = "radix")
  list(
    persons = x$persons, person_start = x$person_start,
    pair = pair[order], count = x$count[order]
  )
}

n_pairs <- function(task) length(task$layout$pair_action)

# 0-based task pair of each of `pairs` (codes in the labels of `x`); `NA`: none.
map_pairs <- function(x, pairs, task) {
  find_pairs(
    task, match_labels(x$states, task$states)[pairs$state],
    match_labels(x$actions, task$actions)[pairs$action]
  )
}

# 0-based pairs of codes of the task; `NA` where not legal.
find_pairs <- function(task, state, action) {
  legal <- task_pairs(task)
  n <- length(task$actions)
  match(
    pair_key(state, action, n), pair_key(legal$state, legal$action, n)
  ) - 1L
}

check_legal <- function(x, pairs, map, rows_of) {
  bad <- which(is.na(map))
  if (!length(bad)) return(invisible())
  state <- x$states[pairs$state[bad]]
  action <- x$actions[pairs$action[bad]]
  abort_off_task("action", rows_of(bad), state, action, paste0(
    "Every logged decision must be legal in the task; not so: ",
    named_pairs(state, action)
  ))
}

check_next_states <- function(x, task, decision_pair) {
  d <- x$decisions
  next_state <- match_labels(x$states, task$states)[d$next_state]
  known <- !is.na(d$next_state)
  bad <- which(known & !is_possible(task, decision_pair, next_state))
  if (!length(bad)) return(invisible())
  state <- x$states[d$state[bad]]
  action <- x$actions[d$action[bad]]
  abort_impossible(
    d$row[bad], state, action, x$states[d$next_state[bad]]
  )
}

check_transitions_possible <- function(x, task) {
  seen <- x$transitions[!is.na(x$transitions$next_state), ]
  pair <- map_pairs(x, seen, task)
  next_state <- match_labels(x$states, task$states)[seen$next_state]
  bad <- which(!is_possible(task, pair, next_state))
  if (!length(bad)) return(invisible())
  abort_impossible(
    NULL, x$states[seen$state[bad]], x$actions[seen$action[bad]],
    x$states[seen$next_state[bad]]
  )
}

# May `next_state` (task code) follow `pair` (0-based)?
is_possible <- function(task, pair, next_state) {
  layout <- task$layout
  n <- length(task$states)
  of_pair <- rep(seq_along(layout$pair_action) - 1L, diff(layout$next_start))
  # Most tasks are deterministic: then one look-up says it all.
  if (length(of_pair) == n_pairs(task)) {
    expected <- layout$next_state[pair + 1L] + 1L
    return(!is.na(next_state) & expected == next_state)
  }
  key <- pair_key(of_pair + 1, layout$next_state + 1, n)
  pair_key(pair + 1, next_state, n) %in% key
}

abort_impossible <- function(rows, state, action, next_state) {
  abort_off_task("next_state", rows, state, action, paste0(
    "Every logged next state must be possible in the task; not so: ",
    named_pairs(state[1], action[1]), " leads to ",
    dQuote(as.character(next_state[1]), FALSE),
    if (length(state) > 1) paste(" and", length(state) - 1, "more")
  ))
}

# Rows that contradict the task: a data error and a task error at once.
abort_off_task <- function(column, rows, state, action, message) {
  rows <- if (!is.null(rows)) sort(rows)
  abort(
    c("psyrl_error_data", "psyrl_error_task"),
    paste0(
      message, if (!is.null(rows)) paste0(" (", first_rows(rows), ")"), "."
    ),
    column = column, rows = rows, state = state, action = action
  )
}
