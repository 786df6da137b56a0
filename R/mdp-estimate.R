# Tasks estimated from logs.

#' A task estimated from logs
#'
#' Legal actions are those seen (unless declared), transition probabilities and
#' rewards the observed shares and means. States in which episodes ended
#' (`done`, not `truncated`) are terminal. Where it is not known what followed
#' (the last row of a log without `next_state`), the decision does not count for
#' the transitions; a pair of which nothing else is known, and episodes that are
#' `done` without saying where, lead to an unknown end, labelled `NA`.
#'
#' @param trajectories Trajectories, counts, or what [as_trajectories()] reads.
#' @param discount Weight of the next state's value, from 0 to 1.
#' @param legal `NULL`: the actions seen in a state are its legal actions. Or a
#'   data frame `state, action` of all legal pairs, which must include those
#'   seen; it may tell `next_state` and `reward` of pairs that were never seen.
#'   Pairs never seen and not told lead to the unknown end at reward 0, with a
#'   warning.
#' @return A task, see [mdp()]; its `starts` are the states in which episodes
#'   began.
#' @section Errors: `psyrl_error_data` if episodes end in a state in which
#'   somebody else decides (field `rows`); `psyrl_error_task` if decisions are
#'   not among `legal`; `psyrl_error_input` for wrong arguments.
#' @examples
#' log <- data.frame(
#'   person = c(1, 1, 2), state = c("start", "risk", "start"),
#'   action = c("risky", "go", "safe"), next_state = c("risk", "end", "end"),
#'   reward = c(0, 3, 1), done = c(FALSE, TRUE, TRUE)
#' )
#' as.data.frame(as_mdp(trajectories(log, episode = NULL)))
#' @export
as_mdp <- function(trajectories, discount = 0.99, legal = NULL) {
  if (!inherits(trajectories, "psyrl_counts")) {
    trajectories <- as_trajectories(trajectories)
  }
  discount <- check_number(discount, "discount", 0, 1)
  seen <- counts(trajectories)
  check_ends(seen, trajectories)
  coded <- estimated_transitions(seen)
  if (!is.null(legal)) coded <- add_declared(coded, legal)
  coded <- label_unknown_end(coded)
  validate_mdp(assemble_mdp(coded, discount, starts = seen$starts))
}

# A terminal state has no legal actions, so nobody may decide in one.
check_ends <- function(seen, data) {
  both <- intersect(seen$terminal, seen$pairs$state)
  if (!length(both)) return(invisible())
  rows <- NULL
  if (inherits(data, "psyrl_trajectories")) {
    d <- data$decisions
    rows <- sort(d$row[d$done & !d$truncated & d$next_state %in% both])
  }
  abort_data("done", rows, c(
    paste0(
      "Episodes must end in states without decisions; some end in ",
      quoted(as.character(seen$states[both]), 3), ", where others decide",
      if (length(rows)) paste0(" (", first_rows(rows), ")"), "."
    ),
    "If time ran out there, mark these rows as `truncated`."
  ))
}

# Coded transitions (see assemble_mdp()); code 0 stands for the unknown end.
estimated_transitions <- function(seen) {
  n <- length(seen$actions)
  pair <- pair_key(seen$pairs$state, seen$pairs$action, n)
  transitions <- seen$transitions
  unknown <- !pair %in% pair_key(transitions$state, transitions$action, n)
  known_pair <- match(pair_key(transitions$state, transitions$action, n), pair)
  total <- as.double(rowsum(transitions$count, known_pair))
  share <- transitions$count /
    total[match(known_pair, sort(unique(known_pair)))]
  next_state <- transitions$next_state
  next_state[is.na(next_state)] <- 0L
  from <- c(known_pair, which(unknown))
  list(
    states = seen$states, actions = seen$actions,
    state = seen$pairs$state[from], action = seen$pairs$action[from],
    next_state = c(next_state, rep(0L, sum(unknown))),
    probability = c(share, rep(1, sum(unknown))),
    reward = seen$pairs$reward[from]
  )
}

# Adds the declared legal pairs that were never seen.
add_declared <- function(coded, legal) {
  check_data_frame(legal, "legal", c("state", "action"))
  check_label_column(legal, "state", "legal")
  check_label_column(legal, "action", "legal")
  check_numeric_column(legal, "reward", "legal")
  table <- decode_transitions(coded)
  key <- paste(legal$state, legal$action, sep = "\r")
  done <- paste(table$state, table$action, sep = "\r")
  undeclared <- !done %in% key
  if (any(undeclared)) {
    state <- table$state[undeclared]
    action <- table$action[undeclared]
    abort_task(paste0(
      "`legal` must include what was done; not so: ",
      named_pairs(state, action), "."
    ), state = state, action = action)
  }
  new <- !duplicated(key) & !key %in% done
  if (!any(new)) return(coded)
  added <- declared_transitions(legal[which(new), , drop = FALSE], coded)
  code_table(rbind(table, added), coded)
}

declared_transitions <- function(legal, coded) {
  n <- nrow(legal)
  if (is.null(legal$next_state)) {
    warn("identification", paste0(
      count_of(n, "legal pair"), " never seen: taken to end the episode with ",
      "reward 0. Give `legal` a column `next_state` to say what follows."
    ))
  }
  added <- data.frame(
    state = as.character(legal$state), action = as.character(legal$action),
    next_state = as.character(legal$next_state %||% rep(NA, n)), probability = 1
  )
  if (!is.null(coded$reward)) {
    added$reward <- as.double(legal$reward %||% rep(0, n))
  }
  added
}

decode_transitions <- function(coded) {
  table <- data.frame(
    state = as.character(coded$states[coded$state]),
    action = as.character(coded$actions[coded$action]),
    next_state = as.character(
      coded$states[replace(coded$next_state, coded$next_state == 0L, NA)]
    ),
    probability = coded$probability
  )
  table$reward <- coded$reward
  table
}

# Codes of a decoded table; labels that are new are added at the end, as text
# unless they read as the numbers the others are.
code_table <- function(table, coded) {
  states <- extend_labels(coded$states, c(table$state, table$next_state))
  actions <- extend_labels(coded$actions, table$action)
  next_state <- match_labels(table$next_state, states)
  list(
    states = states, actions = actions,
    state = match_labels(table$state, states),
    action = match_labels(table$action, actions),
    next_state = replace(next_state, is.na(next_state), 0L),
    probability = table$probability, reward = table$reward
  )
}

extend_labels <- function(labels, used) {
  new <- setdiff(used[!is.na(used)], as.character(labels))
  if (!length(new)) return(labels)
  if (!is.character(labels)) {
    converted <- suppressWarnings(methods_as(new, typeof(labels)))
    if (!anyNA(converted)) return(c(labels, converted))
  }
  c(as.character(labels), new)
}

# as.integer(), as.double(), as.logical() by name.
methods_as <- function(x, type) {
  switch(type, integer = as.integer(x), double = as.double(x),
         logical = as.logical(x))
}

label_unknown_end <- function(coded) {
  unknown <- coded$next_state == 0L
  if (any(unknown)) {
    coded$states <- c(coded$states, NA)
    coded$next_state[unknown] <- length(coded$states)
  }
  coded
}
