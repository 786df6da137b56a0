# Sufficient statistics of a log: who did what how often, and what followed.

#' Counts of decisions
#'
#' What a measurement model needs of a log: how often each person took each
#' action in each state, and how often each state followed. Its size does not
#' depend on the length of the log.
#'
#' @param x Trajectories, or anything [as_trajectories()] reads. A lazy database
#'   table is counted in the database.
#' @param ... For other objects than trajectories: arguments of
#'   [as_trajectories()].
#' @return An object of class `psyrl_counts`: a list with label vectors
#'   `persons`, `states`, `actions`; `pairs`, a data frame of codes `state,
#'   action` (and the mean `reward`, if known), a row an observed pair; sparse
#'   rows by person (`person_start`, `pair`: 0-based; `count`); `transitions`, a
#'   data frame of codes `state, action, next_state` and `count`, with
#'   `next_state` missing where an episode ended in an unknown state; `starts`
#'   and `terminal`, codes of the states in which episodes began and ended;
#'   `person_data`. Methods: `print`, `[` (chooses persons; what followed stays
#'   that of all), `as.data.frame`.
#' @examples
#' x <- trajectories(data.frame(
#'   person = c(1, 1, 2), state = c("a", "a", "a"), action = c("x", "x", "y")
#' ))
#' as.data.frame(counts(x))
#' @export
counts <- function(x, ...) {
  UseMethod("counts")
}

#' @export
counts.default <- function(x, ...) {
  counts(as_trajectories(x, ...))
}

#' @export
counts.psyrl_counts <- function(x, ...) x

#' @export
counts.psyrl_trajectories <- function(x, ...) {
  d <- x$decisions
  observed <- observed_pairs(x)
  pairs <- observed$pairs
  if (!is.null(d$reward)) {
    pairs$reward <- as.double(rowsum(d$reward, observed$pair)) /
      tabulate(observed$pair + 1L, nrow(pairs))
  }
  ended <- d$done & !d$truncated
  new_counts(
    persons = x$persons, states = x$states, actions = x$actions, pairs = pairs,
    by_person = count_by_person(x, observed$pair, nrow(pairs)),
    transitions = count_transitions(d, observed, length(x$states)),
    starts = sort(unique(d$state[episode_starts(x)])),
    terminal = sort(unique(d$next_state[ended])), person_data = x$person_data
  )
}

# The pairs that occur (data frame of codes) and the 0-based pair of each
# decision.
observed_pairs <- function(x) {
  numbers <- number_pairs_(
    x$decisions$state - 1L, length(x$states),
    x$decisions$action - 1L, length(x$actions)
  )
  list(
    pairs = quick_frame(list(
      state = numbers$first + 1L, action = numbers$second + 1L
    )),
    pair = numbers$pair
  )
}

# Sparse rows by person: `start`, `column` (0-based pair), `count`.
count_by_person <- function(x, pair, n_pairs) {
  tally_(x$decisions$person - 1L, length(x$persons), pair, n_pairs)
}

new_counts <- function(persons, states, actions, pairs, by_person, transitions,
                       starts, terminal, person_data) {
  structure(
    list(
      persons = persons, states = states, actions = actions, pairs = pairs,
      person_start = by_person$start, pair = by_person$column,
      count = by_person$count, transitions = transitions, starts = starts,
      terminal = terminal, person_data = person_data
    ),
    class = "psyrl_counts"
  )
}

# Codes and counts of what followed. What followed a last row is unknown and
# counts only if the episode ended there.
count_transitions <- function(d, observed, n_states) {
  unknown <- is.na(d$next_state)
  followed <- d$next_state - 1L
  followed[unknown] <- ifelse(
    d$done[unknown] & !d$truncated[unknown], n_states, -1L
  )
  pairs <- observed$pairs
  counted <- tally_(observed$pair, nrow(pairs), followed, n_states + 1L)
  pair <- rep(seq_len(nrow(pairs)), diff(counted$start))
  next_state <- counted$column + 1L
  next_state[next_state > n_states] <- NA
  quick_frame(list(
    state = pairs$state[pair], action = pairs$action[pair],
    next_state = next_state, count = counted$count
  ))
}

#' @export
print.psyrl_counts <- function(x, ...) {
  cat(paste0(
    "Counts: ", count_of(length(x$persons), "person"), ", ",
    count_of(sum(x$count), "decision"), "\n  ",
    count_of(length(x$states), "state"), ", ",
    count_of(length(x$actions), "action"), ", ",
    count_of(nrow(x$pairs), "observed pair"), "\n"
  ))
  invisible(x)
}

#' @export
`[.psyrl_counts` <- function(x, i, ...) {
  chosen <- chosen_persons(x$persons, i)
  rows <- sequence(
    diff(x$person_start)[chosen], from = x$person_start[chosen] + 1L
  )
  start <- as.integer(c(0, cumsum(diff(x$person_start)[chosen])))
  x$persons <- x$persons[chosen]
  x$person_start <- start
  x$pair <- x$pair[rows]
  x$count <- x$count[rows]
  x$person_data <- choose_rows(x$person_data, chosen)
  x
}

#' @export
as.data.frame.psyrl_counts <- function(x, row.names = NULL, optional = FALSE,
                                       ...) {
  pair <- x$pair + 1L
  table <- quick_frame(list(
    person = x$persons[rep(seq_along(x$persons), diff(x$person_start))],
    state = x$states[x$pairs$state[pair]],
    action = x$actions[x$pairs$action[pair]], count = x$count
  ))
  if (!is.null(row.names)) rownames(table) <- row.names
  table
}
