# Counting in a database: dbplyr turns these pipelines into SQL; only counts
# come back.

utils::globalVariables(".data")

#' @rdname as_trajectories
#' @export
as_trajectories.tbl_lazy <- function(x, ...) {
  check_installed("dplyr", "read database tables")
  check_installed("dbplyr", "read database tables")
  log <- database_log(x, ...)
  check_database_log(log)
  database_counts(log)
}

# The columns by role, with what follows each row. `columns` say which table
# columns they are, as in trajectories().
database_log <- function(x, person = "person", state = "state",
                         action = "action", next_state = "next_state",
                         reward = "reward", episode = "episode", step = "step",
                         done = "done", truncated = "truncated") {
  header <- as.data.frame(dplyr::collect(utils::head(x, 1L)))
  if (!nrow(header)) {
    abort_input("x", "The table must have at least one row, a row a decision.")
  }
  columns <- find_columns(header, list(
    person = person, state = state, action = action, next_state = next_state,
    reward = reward, episode = episode, step = step, done = done,
    truncated = truncated
  ), c(
    TRUE, TRUE, TRUE, !missing(next_state), !missing(reward),
    !missing(episode), !missing(step), !missing(done), !missing(truncated)
  ))
  if (!any(c("step", "next_state") %in% names(columns))) {
    abort_input("step", c(
      "A database table must have a column `step` or `next_state`.",
      "Its rows have no order of their own."
    ))
  }
  types <- lapply(columns, function(name) header[[name]])
  log <- dplyr::select(x, dplyr::all_of(columns))
  log <- flag_ends(dplyr::ungroup(log), types)
  list(table = follow_rows(log, types), columns = columns)
}

# Ends as whole numbers, whatever the database's booleans are.
flag_ends <- function(log, types) {
  if (is.null(types$episode)) log <- dplyr::mutate(log, episode = 1L)
  flags <- lapply(c(done = "done", truncated = "truncated"), function(role) {
    if (is.null(types[[role]])) return(0L)
    if (is.logical(types[[role]])) {
      bquote(ifelse(.data[[.(role)]], 1L, 0L))
    } else {
      bquote(ifelse(.data[[.(role)]] != 0, 1L, 0L))
    }
  })
  do.call(dplyr::mutate, c(list(log), flags))
}

# Adds what the episode's next row says, and whether there is one before.
follow_rows <- function(log, types) {
  if (is.null(types$step)) return(log)
  log <- dplyr::group_by(log, .data$person, .data$episode)
  log <- dbplyr::window_order(log, .data$step)
  log <- dplyr::mutate(
    log,
    state_after = dplyr::lead(.data$state),
    step_after = dplyr::lead(.data$step),
    step_before = dplyr::lag(.data$step)
  )
  log <- dbplyr::window_order(dplyr::ungroup(log))
  if (is.null(types$next_state)) {
    dplyr::mutate(log, next_state = .data$state_after)
  } else {
    log
  }
}

# The checks of trajectories(), as numbers of rows at fault.
check_database_log <- function(log) {
  columns <- log$columns
  roles <- setdiff(names(columns), "next_state")
  faults <- lapply(roles, function(role) {
    bquote(sum(ifelse(is.na(.data[[.(role)]]), 1L, 0L), na.rm = TRUE))
  })
  names(faults) <- paste0("missing_", roles)
  if ("step" %in% roles) faults <- c(faults, sequence_faults(columns))
  found <- do.call(dplyr::summarise, c(list(log$table), faults))
  found <- unlist(as.data.frame(dplyr::collect(found)))
  found <- found[!is.na(found) & found > 0]
  if (!length(found)) return(invisible())
  abort_database(names(found)[1], found[[1]], columns)
}

sequence_faults <- function(columns) {
  count_if <- function(condition) {
    bquote(sum(ifelse(.(condition), 1L, 0L), na.rm = TRUE))
  }
  c(
    list(
      repeated = count_if(quote(.data$step == .data$step_after)),
      late = count_if(quote(
        (.data$done == 1L | .data$truncated == 1L) & !is.na(.data$step_after)
      ))
    ),
    if ("next_state" %in% names(columns)) {
      list(broken = count_if(quote(.data$next_state != .data$state_after)))
    }
  )
}

abort_database <- function(fault, n, columns) {
  role <- sub("^missing_", "", fault)
  column <- switch(fault,
    repeated = columns[["step"]], broken = columns[["next_state"]],
    late = columns[[intersect(c("done", "truncated"), names(columns))[1]]],
    columns[[role]]
  )
  what <- switch(fault,
    repeated = "Steps must differ within an episode of a person",
    late = "No decision may follow the end of an episode",
    broken = "`next_state` must be the state of the episode's next row",
    paste0("Column ", dQuote(column, FALSE), " must not have missing values")
  )
  abort_data(column, NULL, paste0(
    what, "; in the database ", count_of(n, "row"), " at fault."
  ))
}

# ---- counting ----------------------------------------------------------------

database_counts <- function(log) {
  table <- log$table
  by_person <- fetch(dplyr::count(
    table, .data$person, .data$state, .data$action
  ))
  known <- dplyr::filter(
    table,
    !is.na(.data$next_state) | (.data$done == 1L & .data$truncated == 0L)
  )
  followed <- fetch(dplyr::count(
    known, .data$state, .data$action, .data$next_state
  ))
  person <- encode_labels(by_person$person)
  state <- encode_labels(by_person$state, followed$state, followed$next_state)
  action <- encode_labels(by_person$action, followed$action)
  pairs <- number_pairs_(
    state$codes[[1]] - 1L, length(state$labels),
    action$codes[[1]] - 1L, length(action$labels)
  )
  order <- order(person$codes[[1]], pairs$pair, method = "radix")
  new_counts(
    persons = person$labels, states = state$labels, actions = action$labels,
    pairs = database_pairs(log, pairs, state$labels, action$labels),
    by_person = list(
      start = offsets(person$codes[[1]], length(person$labels)),
      column = pairs$pair[order], count = as.double(by_person$n)[order]
    ),
    transitions = database_transitions(
      state$codes[[2]], action$codes[[2]], state$codes[[3]], followed$n
    ),
    starts = database_starts(log, state$labels),
    terminal = match_labels(database_ends(log), state$labels),
    person_data = quick_frame(list(person = person$labels))
  )
}

fetch <- function(query) as.data.frame(dplyr::collect(query))

# Codes of the observed pairs and, if known, their mean reward.
database_pairs <- function(log, pairs, states, actions) {
  table <- quick_frame(list(
    state = pairs$first + 1L, action = pairs$second + 1L
  ))
  if (!"reward" %in% names(log$columns)) return(table)
  mean <- fetch(dplyr::summarise(
    dplyr::group_by(log$table, .data$state, .data$action),
    reward = mean(.data$reward, na.rm = TRUE), .groups = "drop"
  ))
  key <- pair_key(
    match_labels(mean$state, states), match_labels(mean$action, actions),
    length(actions)
  )
  found <- match(pair_key(table$state, table$action, length(actions)), key)
  table$reward <- as.double(mean$reward)[found]
  table
}

database_transitions <- function(state, action, next_state, n) {
  order <- order(state, action, next_state, method = "radix")
  choose_rows(list(
    state = state, action = action, next_state = next_state,
    count = as.double(n)
  ), order)
}

# Without a step it is not known where episodes began.
database_starts <- function(log, states) {
  if (!"step" %in% names(log$columns)) return(NULL)
  first <- dplyr::filter(log$table, is.na(.data$step_before))
  sort(match_labels(fetch(dplyr::distinct(first, .data$state))$state, states))
}

database_ends <- function(log) {
  last <- dplyr::filter(
    log$table, .data$done == 1L, .data$truncated == 0L, !is.na(.data$next_state)
  )
  ends <- fetch(dplyr::distinct(last, .data$next_state))$next_state
  sort(ends, method = "radix")
}
