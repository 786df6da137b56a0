# Tasks: Markov decision processes with labelled states and actions.

#' A task: states, legal actions, what follows and what it is worth
#'
#' The transitions define the task: an action is legal in a state if there is a
#' row for it. A state without legal actions ends the episode and has value 0.
#'
#' @param transitions Data frame with columns `state`, `action`, `next_state`, a
#'   row a transition; `probability` where a pair has several next states (they
#'   must sum to one for each pair); optionally `reward`.
#' @param rewards `NULL`, or a data frame with columns `state`, `action`,
#'   `reward` and optionally `next_state`, that gives every legal pair (or every
#'   transition) its reward. Without it and without a column `reward` in
#'   `transitions` rewards are unknown: they can be learned, but the task cannot
#'   be solved.
#' @param discount Weight of the next state's value, from 0 to 1. 1 is allowed
#'   when every path ends.
#' @param terminal Labels of states that end the episode; transitions out of
#'   them are dropped. States that no row starts from are terminal anyway.
#' @param features `NULL`, or a data frame with columns `state`, `action` and
#'   numeric features, a row for each legal pair, for linear and network
#'   representations.
#' @param starts Labels of states an episode may begin in; `NULL`: any state
#'   with a legal action.
#' @return An object of class `psyrl_mdp`. `as.data.frame()` gives its
#'   transitions back, a row each: `state, action, next_state, probability,
#'   reward`.
#' @section Errors:
#' `psyrl_error_input`: an argument of the wrong kind, a column that is missing.
#' `psyrl_error_data`: rows with missing values (fields `column`, `rows`).
#' `psyrl_error_task`: probabilities that do not sum to one, several next states
#' without probabilities, rewards for pairs that are not legal, `discount = 1`
#' where paths need not end (fields `state`, `action`).
#' @seealso [solve_mdp()], [as_mdp()], [simulate_trajectories()], and the ready
#'   tasks [peg_solitaire()], [tower_of_london()], [gridworld()],
#'   [random_mdp()].
#' @examples
#' task <- mdp(data.frame(
#'   state = c("start", "start", "risk"),
#'   action = c("safe", "risky", "go"),
#'   next_state = c("end", "risk", "end"),
#'   reward = c(1, 0, 3)
#' ))
#' task
#' solve_mdp(task, temperature = 0)
#' @export
mdp <- function(transitions, rewards = NULL, discount = 0.99, terminal = NULL,
                features = NULL, starts = NULL) {
  check_data_frame(
    transitions, "transitions", c("state", "action", "next_state")
  )
  discount <- check_number(discount, "discount", 0, 1)
  transitions <- clean_transitions(transitions, terminal)
  coded <- code_transitions(transitions)
  coded$reward <- transition_rewards(transitions, rewards, coded)
  task <- assemble_mdp(coded, discount)
  task["starts"] <- list(code_starts(starts, task))
  task["features"] <- list(code_features(features, task))
  validate_mdp(task)
}

new_mdp <- function(states, actions, layout, discount, terminal, starts = NULL,
                    features = NULL, next_reward = NULL) {
  structure(
    list(
      states = states, actions = actions, layout = layout,
      discount = discount, terminal = terminal, starts = starts,
      features = features, next_reward = next_reward
    ),
    class = "psyrl_mdp"
  )
}

# Content of a task, whoever built it.
validate_mdp <- function(task) {
  layout <- task$layout
  pairs <- task_pairs(task)
  total <- sum_by_pair(layout$probability, layout$next_start)
  off <- which(abs(total - 1) > 1e-8)
  if (length(off)) {
    abort_pairs(task, off, paste0(
      "Probabilities of the next states must sum to one for each state and ",
      "action; the sum is ", signif(total[off[1]], 6), " for "
    ))
  }
  if (!nrow(pairs)) {
    abort_task("A task needs at least one state with a legal action.")
  }
  if (task$discount == 1) validate_endings(task)
  task
}

# At discount 1 values are finite only if no policy goes on for ever.
validate_endings <- function(task) {
  endless <- endless_states_(task)
  if (length(endless)) {
    label <- task$states[endless]
    abort_task(c(
      paste0(
        "`discount = 1` needs every path to end; one can go on for ever ",
        "through ", quoted(as.character(label)), "."
      ),
      "Give a discount below 1, such as 0.99."
    ), state = label)
  }
  invisible(task)
}

abort_pairs <- function(task, pairs, message) {
  legal <- task_pairs(task)[pairs, ]
  state <- task$states[legal$state]
  action <- task$actions[legal$action]
  abort_task(
    paste0(message, named_pairs(state, action), "."),
    state = state, action = action
  )
}

# 'action "x" in state "a", ...'
named_pairs <- function(state, action, n = 3) {
  shown <- utils::head(paste0(
    "action ", dQuote(as.character(action), FALSE),
    " in state ", dQuote(as.character(state), FALSE)
  ), n)
  more <- length(state) - n
  paste0(
    paste(shown, collapse = ", "), if (more > 0) paste(" and", more, "more")
  )
}

# ---- reading the user's tables ----------------------------------------------

clean_transitions <- function(transitions, terminal) {
  columns <- intersect(
    c("state", "action", "next_state", "probability", "reward"),
    names(transitions)
  )
  for (column in columns[1:3]) check_label_column(transitions, column)
  check_numeric_column(transitions, "probability")
  check_numeric_column(transitions, "reward")
  transitions <- as.list(transitions)[columns]
  if (is.null(terminal)) return(transitions)
  check_terminal(terminal, transitions)
  open <- !as.character(transitions$state) %in% as.character(terminal)
  lapply(transitions, `[`, open)
}

check_terminal <- function(terminal, transitions) {
  if (!is_label_vector(terminal) || anyNA(terminal)) {
    abort_input("terminal", paste0(
      "`terminal` must be a vector of state labels, not ",
      describe(terminal), "."
    ))
  }
  unknown <- setdiff(as.character(terminal), c(
    as.character(transitions$state), as.character(transitions$next_state)
  ))
  if (length(unknown)) {
    abort_input("terminal", paste0(
      "`terminal` must name states of `transitions`; ", quoted(unknown),
      " not found."
    ))
  }
}

check_label_column <- function(data, column, arg = "transitions") {
  x <- data[[column]]
  if (!is_label_vector(x)) {
    abort_input(arg, paste0(
      "Column ", dQuote(column, FALSE), " of `", arg, "` must hold labels ",
      "(character, factor or numbers), not ", describe(x), "."
    ))
  }
  missing <- which(is.na(x))
  if (length(missing)) {
    abort_data(column, missing, paste0(
      "Column ", dQuote(column, FALSE), " of `", arg, "` must not be missing: ",
      first_rows(missing), "."
    ))
  }
}

check_numeric_column <- function(data, column, arg = "transitions") {
  x <- data[[column]]
  if (is.null(x)) return(invisible())
  if (!is.numeric(x)) {
    abort_input(arg, paste0(
      "Column ", dQuote(column, FALSE), " of `", arg, "` must be numeric, not ",
      describe(x), "."
    ))
  }
  bad <- which(!is.finite(x) | (column == "probability" & (x < 0 | x > 1)))
  if (length(bad)) {
    range <- if (column == "probability") " from 0 to 1" else ""
    abort_data(column, bad, paste0(
      "Column ", dQuote(column, FALSE), " of `", arg, "` must hold finite ",
      "numbers", range, ": ", first_rows(bad), "."
    ))
  }
}

code_transitions <- function(transitions) {
  state <- encode_labels(transitions$state, transitions$next_state)
  action <- encode_labels(transitions$action)
  coded <- list(
    states = state$labels, actions = action$labels,
    state = state$codes[[1]], action = action$codes[[1]],
    next_state = state$codes[[2]], probability = transitions$probability
  )
  check_repeated(coded)
  coded$probability <- as.double(
    coded$probability %||% rep(1, length(coded$state))
  )
  coded
}

# One row a transition, and one transition a pair unless they have
# probabilities.
check_repeated <- function(coded) {
  given <- !is.null(coded$probability)
  key <- pair_key(coded$state, coded$action, length(coded$actions))
  if (given) key <- pair_key(key, coded$next_state, length(coded$states))
  again <- which(duplicated(key))
  if (!length(again)) return(invisible())
  state <- coded$states[coded$state[again]]
  action <- coded$actions[coded$action[again]]
  abort_task(c(
    paste0(
      if (given) "Each transition must have one row of `transitions`; "
      else "Several next states of a pair need a column `probability`: ",
      named_pairs(state, action), " (", first_rows(again), ")",
      if (given) " is there twice." else "."
    )
  ), state = state, action = action)
}

# One number for two codes; doubles, so that it cannot overflow.
pair_key <- function(first, second, n_second) {
  (first - 1) * n_second + second
}

# Reward of each transition, `NULL` if unknown.
transition_rewards <- function(transitions, rewards, coded) {
  if (is.null(rewards)) return(transitions$reward)
  check_data_frame(rewards, "rewards", c("state", "action", "reward"))
  if (!is.null(transitions$reward)) {
    abort_input("rewards", paste0(
      "Rewards must be given once: either in `rewards` or in the column ",
      "\"reward\" of `transitions`."
    ))
  }
  columns <- intersect(c("state", "action", "next_state"), names(rewards))
  for (column in columns) check_label_column(rewards, column, "rewards")
  check_numeric_column(rewards, "reward", "rewards")
  wanted <- transition_keys(coded, columns)
  given <- reward_keys(rewards, coded, columns)
  again <- which(duplicated(given))
  if (length(again)) {
    abort_data("reward", again, paste0(
      "`rewards` must have one row for each ", paste(columns, collapse = ", "),
      ": ", first_rows(again), " repeat earlier ones."
    ))
  }
  found <- match(wanted, given)
  if (anyNA(found)) abort_no_reward(coded, which(is.na(found)))
  as.double(rewards$reward)[found]
}

transition_keys <- function(coded, columns) {
  key <- pair_key(coded$state, coded$action, length(coded$actions))
  if ("next_state" %in% columns) {
    key <- pair_key(key, coded$next_state, length(coded$states))
  }
  key
}

reward_keys <- function(rewards, coded, columns) {
  key <- transition_keys(list(
    states = coded$states, actions = coded$actions,
    state = match_labels(as_label_vector(rewards$state), coded$states),
    action = match_labels(as_label_vector(rewards$action), coded$actions),
    next_state = match_labels(
      as_label_vector(rewards$next_state %||% NA), coded$states
    )
  ), columns)
  illegal <- which(!key %in% transition_keys(coded, columns))
  if (length(illegal)) {
    state <- rewards$state[illegal]
    action <- rewards$action[illegal]
    abort_task(paste0(
      "`rewards` must be about legal ",
      if ("next_state" %in% columns) "transitions" else "actions", "; ",
      named_pairs(state, action), " (", first_rows(illegal), ") is not."
    ), state = state, action = action)
  }
  key
}

abort_no_reward <- function(coded, missing) {
  state <- coded$states[coded$state[missing]]
  action <- coded$actions[coded$action[missing]]
  abort_task(c(
    paste0(
      "`rewards` must give every legal pair its reward; none for ",
      named_pairs(state, action), "."
    ),
    "Give 0 where nothing is earned."
  ), state = state, action = action)
}

code_starts <- function(starts, task) {
  if (is.null(starts)) return(NULL)
  if (!is_label_vector(starts) || !length(starts)) {
    abort_input("starts", paste0(
      "`starts` must be a vector of state labels, not ", describe(starts), "."
    ))
  }
  codes <- match_labels(as_label_vector(starts), task$states)
  bad <- is.na(codes) | task$terminal[codes]
  if (any(bad)) {
    abort_input("starts", paste0(
      "`starts` must name states with legal actions; ",
      quoted(as.character(starts[bad])), " is not one."
    ))
  }
  sort(unique(codes))
}

# Features in the order of the pairs, labels dropped.
code_features <- function(features, task) {
  if (is.null(features)) return(NULL)
  check_data_frame(features, "features", c("state", "action"))
  columns <- setdiff(names(features), c("state", "action"))
  if (!length(columns)) {
    abort_input("features", paste0(
      "`features` must have at least one column beside state and action."
    ))
  }
  for (column in columns) check_numeric_column(features, column, "features")
  pairs <- task_pairs(task)
  n <- length(task$actions)
  given <- pair_key(
    match_labels(as_label_vector(features$state), task$states),
    match_labels(as_label_vector(features$action), task$actions), n
  )
  found <- match(pair_key(pairs$state, pairs$action, n), given)
  if (anyNA(found)) {
    abort_pairs(task, which(is.na(found)), paste0(
      "`features` must have a row for every legal pair; none for "
    ))
  }
  as.data.frame(features)[found, columns, drop = FALSE]
}

# ---- assembling --------------------------------------------------------------

# From coded transitions (list of `states, actions, state, action, next_state,
# probability, reward`) to the core's layout. Impossible transitions are left
# out.
assemble_mdp <- function(coded, discount, starts = NULL) {
  order <- order(
    coded$state, coded$action, coded$next_state, method = "radix"
  )
  order <- order[coded$probability[order] > 0]
  state <- coded$state[order]
  action <- coded$action[order]
  first <- !duplicated(pair_key(state, action, length(coded$actions)))
  next_start <- as.integer(c(which(first) - 1L, length(order)))
  probability <- as.double(coded$probability[order])
  reward <- pair_rewards(coded$reward[order], probability, next_start)
  layout <- list(
    state_start = offsets(state[first], length(coded$states)),
    pair_action = action[first] - 1L,
    next_start = next_start,
    next_state = coded$next_state[order] - 1L,
    probability = probability, reward = reward$expected
  )
  new_mdp(
    states = coded$states, actions = coded$actions, layout = layout,
    discount = discount, terminal = diff(layout$state_start) == 0L,
    starts = starts, next_reward = reward$varying
  )
}

# Expected reward of each pair; those of single transitions are kept only where
# they differ within a pair.
pair_rewards <- function(reward, probability, next_start) {
  if (!length(reward)) return(list(expected = NULL, varying = NULL))
  reward <- as.double(reward)
  first <- next_start[-length(next_start)] + 1L
  if (identical(reward, rep(reward[first], diff(next_start)))) {
    return(list(expected = reward[first], varying = NULL))
  }
  list(
    expected = sum_by_pair(probability * reward, next_start), varying = reward
  )
}

sum_by_pair <- function(x, next_start) {
  if (all(diff(next_start) == 1L)) return(as.double(x))
  as.double(rowsum(x, rep(seq_along(next_start[-1]), diff(next_start))))
}

# Codes of the legal pairs, a row each, in the core's order.
task_pairs <- function(task) {
  layout <- task$layout
  data.frame(
    state = rep(seq_along(task$states), diff(layout$state_start)),
    action = layout$pair_action + 1L
  )
}

# ---- methods -----------------------------------------------------------------

#' @export
as.data.frame.psyrl_mdp <- function(x, row.names = NULL, optional = FALSE,
                                    ...) {
  layout <- x$layout
  pair <- rep(seq_along(layout$pair_action), diff(layout$next_start))
  pairs <- task_pairs(x)[pair, ]
  transitions <- data.frame(
    state = x$states[pairs$state], action = x$actions[pairs$action],
    next_state = x$states[layout$next_state + 1L],
    probability = layout$probability
  )
  transitions$reward <- x$next_reward %||% layout$reward[pair]
  if (!is.null(row.names)) rownames(transitions) <- row.names
  transitions
}

#' @export
print.psyrl_mdp <- function(x, ...) {
  cat(paste0(mdp_headline(x), "\n"))
  cat(paste0(
    "  rewards ", if (is.null(x$layout$reward)) "unknown" else "known",
    ", discount ", format(x$discount), ", ",
    if (is.null(x$starts)) "starts anywhere"
    else count_of(length(x$starts), "start"),
    if (!is.null(x$features)) paste0(", ", ncol(x$features), " features"),
    "\n"
  ))
  invisible(x)
}

mdp_headline <- function(x) {
  paste0(
    if (is_on_demand(x)) board_headline(x),
    "Task: ", big(length(x$states)), " states (", big(sum(x$terminal)),
    " terminal), ", big(length(x$actions)), " actions, ",
    big(length(x$layout$pair_action)), " legal pairs, ",
    if (all(x$layout$probability == 1)) "deterministic" else "stochastic"
  )
}

big <- function(x) {
  format(x, big.mark = ",", trim = TRUE, scientific = FALSE)
}

#' @export
summary.psyrl_mdp <- function(object, ...) {
  legal <- diff(object$layout$state_start)
  structure(
    list(
      headline = mdp_headline(object),
      legal = table(legal[legal > 0], dnn = NULL),
      reward = object$layout$reward,
      discount = object$discount,
      cyclic = length(endless_states_(object)) > 0
    ),
    class = "summary.psyrl_mdp"
  )
}

#' @export
print.summary.psyrl_mdp <- function(x, ...) {
  cat(paste0(x$headline, "\n"))
  cat(
    if (x$cyclic) "Somebody could go on for ever"
    else "Every path ends", "; discount ", format(x$discount), ".\n",
    sep = ""
  )
  cat("States by number of legal actions:\n")
  print(x$legal)
  if (is.null(x$reward)) {
    cat("Rewards unknown.\n")
  } else {
    cat("Rewards of pairs:\n")
    print(summary(x$reward))
  }
  invisible(x)
}
