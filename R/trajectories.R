# Logs of decisions: one row a decision, checked at the door.

#' Logs of decisions
#'
#' Reads a log with one row a decision and checks it: every inconsistency is an
#' error that names the rows. Labels may be characters, factors or numbers and
#' are kept to the end.
#'
#' Without `step` the order of the rows counts. Without `episode` all decisions
#' of a person are one episode. Without `next_state` it is the state of the
#' episode's next row; what follows the last row is then unknown. `done`
#' (logical or 0/1) marks the last decision of an episode; where `truncated` is
#' true as well (time ran out) the state it led to is not terminal. A task knows
#' its own terminal states: with a task, an episode that ends elsewhere counts
#' as truncated. Without `done` an episode ends with its last row, and nothing
#' is said about where.
#'
#' @param data A data frame (or tibble, data.table), one row a decision.
#' @param person,state,action Names of the columns that say who did what where;
#'   required.
#' @param next_state,reward,episode,step,done,truncated Names of further
#'   columns. They are used if they exist, and must exist if they are named in
#'   the call; `NULL` ignores a column of that name. `step` may be any number or
#'   time: only whole numbers are kept as they are, anything else becomes 1, 2,
#'   ... within the episode.
#' @return An object of class `psyrl_trajectories`, decisions sorted by person,
#'   episode and step. Further columns that are constant within persons are
#'   kept as `person_data`, one row a person. Methods: `print`, `summary`, `[`
#'   (chooses persons, by name or number), `c`, `as.data.frame` (with
#'   `persons = TRUE` also the columns of persons), `plot`.
#' @section Errors:
#' `psyrl_error_input` if an argument is wrong or a column missing;
#' `psyrl_error_data` (fields `column`, `rows`: row numbers of `data`) for
#' missing values, repeated steps, decisions after the end of an episode, a
#' `next_state` that is not the next row's state, rewards that are not finite.
#' @seealso [as_trajectories()] for other formats, [counts()], [as_mdp()].
#' @examples
#' log <- data.frame(
#'   person = c("ann", "ann", "bob"), step = c(1, 2, 1),
#'   state = c("start", "risk", "start"), action = c("risky", "go", "safe"),
#'   next_state = c("risk", "end", "end"), done = c(FALSE, TRUE, TRUE),
#'   age = c(31, 31, 28)
#' )
#' x <- trajectories(log)
#' x
#' x["ann"]
#' x$person_data
#' @export
trajectories <- function(data, person = "person", state = "state",
                         action = "action", next_state = "next_state",
                         reward = "reward", episode = "episode", step = "step",
                         done = "done", truncated = "truncated") {
  check_data_frame(data, "data")
  if (!nrow(data)) {
    abort_input("data", "`data` must have at least one row, a row a decision.")
  }
  columns <- list(
    person = person, state = state, action = action, next_state = next_state,
    reward = reward, episode = episode, step = step, done = done,
    truncated = truncated
  )
  named <- c(
    TRUE, TRUE, TRUE, !missing(next_state), !missing(reward),
    !missing(episode), !missing(step), !missing(done), !missing(truncated)
  )
  read_log(data, find_columns(data, columns, named))
}

new_trajectories <- function(persons, states, actions, decisions, episodes,
                             person_data = NULL) {
  if (is.null(person_data)) person_data <- quick_frame(list(person = persons))
  structure(
    list(
      persons = persons, states = states, actions = actions,
      decisions = decisions, episodes = episodes,
      person_start = offsets(decisions$person, length(persons)),
      person_data = person_data
    ),
    class = "psyrl_trajectories"
  )
}

# ---- reading -----------------------------------------------------------------

# The columns that exist, by role; a named or required one must exist.
find_columns <- function(data, columns, required) {
  for (i in seq_along(columns)) {
    role <- names(columns)[i]
    name <- columns[[i]]
    if (is.null(name) && i > 3) next
    check_string(name, role)
    if (name %in% names(data) || !required[i]) next
    abort_input(role, paste0(
      "`", role, "` must name a column of `data`; ", dQuote(name, FALSE),
      " not found among ", quoted(names(data)), "."
    ))
  }
  columns <- Filter(function(name) name %in% names(data), columns)
  unlist(columns)
}

read_log <- function(data, columns) {
  log <- lapply(columns, function(name) data[[name]])
  check_log(log, columns)
  coded <- code_log(log, nrow(data))
  order <- log_order(coded)
  decisions <- sort_log(coded, order)
  decisions <- check_sequence(decisions, columns)
  new_trajectories(
    persons = coded$persons, states = coded$states, actions = coded$actions,
    decisions = decisions, episodes = coded$episodes,
    person_data = read_person_data(data, columns, coded, decisions)
  )
}

# Kinds of columns, missing and impossible values.
check_log <- function(log, columns) {
  labels <- c("person", "state", "action", "episode")
  for (role in intersect(labels, names(log))) {
    check_labels_of(log[[role]], columns[[role]])
    check_complete(log[[role]], columns[[role]])
  }
  if (!is.null(log$next_state)) {
    check_labels_of(log$next_state, columns[["next_state"]])
  }
  if (!is.null(log$step)) {
    check_step(log$step, columns[["step"]])
    check_complete(log$step, columns[["step"]])
  }
  if (!is.null(log$reward)) check_reward(log$reward, columns[["reward"]])
  for (role in intersect(c("done", "truncated"), names(log))) {
    check_logical_column(log[[role]], columns[[role]], role)
  }
}

check_labels_of <- function(x, column) {
  if (is_label_vector(x)) return(invisible())
  abort_input("data", paste0(
    "Column ", dQuote(column, FALSE), " must hold labels (character, factor ",
    "or numbers), not ", describe(x), "."
  ))
}

check_complete <- function(x, column) {
  if (!anyNA(x)) return(invisible())
  missing <- which(is.na(x))
  abort_data(column, missing, c(
    paste0(
      "Column ", dQuote(column, FALSE), " must not have missing values: ",
      first_rows(missing), "."
    ),
    "Drop these rows, or fill in what is known."
  ))
}

check_step <- function(x, column) {
  if (is.numeric(x) || inherits(x, c("POSIXct", "Date", "difftime"))) {
    return(invisible())
  }
  abort_input("data", paste0(
    "Column ", dQuote(column, FALSE), " must hold numbers or times, not ",
    describe(x), "; without a step the order of the rows counts."
  ))
}

check_reward <- function(x, column) {
  if (!is.numeric(x) && !is.logical(x)) {
    abort_input("data", c(
      paste0(
        "Column ", dQuote(column, FALSE), " must hold numbers, not ",
        describe(x), "."
      ),
      "Use `reward = NULL` to ignore it."
    ))
  }
  bad <- which(!is.finite(x))
  if (length(bad)) {
    abort_data(column, bad, c(
      paste0(
        "Column ", dQuote(column, FALSE), " must hold finite numbers: ",
        first_rows(bad), "."
      ),
      "Give 0 where nothing was earned, or use `reward = NULL` to ignore it."
    ))
  }
}

check_logical_column <- function(x, column, role) {
  ok <- is.logical(x) || is.numeric(x)
  bad <- if (ok) which(is.na(x) | (x != 0 & x != 1))
  if (!ok) {
    abort_input("data", c(
      paste0(
        "Column ", dQuote(column, FALSE), " must be logical or 0/1, not ",
        describe(x), "."
      ),
      paste0("Use `", role, " = NULL` to ignore it.")
    ))
  }
  if (length(bad)) {
    abort_data(column, bad, paste0(
      "Column ", dQuote(column, FALSE), " must be TRUE or FALSE (or 0/1): ",
      first_rows(bad), "."
    ))
  }
}

# ---- coding and sorting ------------------------------------------------------

code_log <- function(log, n) {
  person <- encode_labels(log$person)
  state <- encode_labels(log$state, log$next_state %||% NA)
  action <- encode_labels(log$action)
  episode <- encode_labels(log$episode %||% 1L)
  list(
    persons = person$labels, states = state$labels, actions = action$labels,
    episodes = episode$labels,
    person = person$codes[[1]], state = state$codes[[1]],
    action = action$codes[[1]],
    next_state = rep_len(state$codes[[2]], n),
    episode = rep_len(episode$codes[[1]], n),
    step = log$step,
    done = as.logical(log$done %||% rep(FALSE, n)) |
      as.logical(log$truncated %||% FALSE),
    truncated = as.logical(log$truncated %||% rep(FALSE, n)),
    reward = if (!is.null(log$reward)) as.double(log$reward)
  )
}

# Input rows by person, episode, step; `NULL` if they are in order already.
log_order <- function(coded) {
  keys <- list(coded$person, coded$episode)
  if (!is.null(coded$step)) keys$step <- as.numeric(coded$step)
  order <- do.call(order, c(unname(keys), list(method = "radix")))
  if (is.unsorted(order)) order
}

sort_log <- function(coded, order) {
  columns <- c(
    "person", "episode", "step", "state", "action", "next_state", "done",
    "truncated", "reward"
  )
  decisions <- coded[intersect(columns, names(coded))]
  decisions <- decisions[!vapply(decisions, is.null, logical(1))]
  if (!is.null(order)) decisions <- lapply(decisions, `[`, order)
  decisions$row <- order %||% seq_along(coded$person)
  decisions
}

# Contradictions between neighbouring decisions of an episode; fills in next
# states that the next row tells. Returns the data frame of decisions.
check_sequence <- function(decisions, columns) {
  n <- length(decisions$person)
  within <- which(
    decisions$person[-1] == decisions$person[-n] &
      decisions$episode[-1] == decisions$episode[-n]
  )
  if (!is.null(decisions$step)) check_steps_differ(decisions, within, columns)
  check_nothing_after_end(decisions, within, columns)
  decisions$next_state <- chain_states(decisions, within, columns)
  decisions$step <- whole_steps(decisions, within)
  quick_frame(decisions[intersect(
    c(
      "person", "episode", "step", "state", "action", "next_state", "done",
      "truncated", "reward", "row"
    ),
    names(decisions)
  )])
}

check_steps_differ <- function(decisions, within, columns) {
  same <- within[decisions$step[within] == decisions$step[within + 1L]]
  if (!length(same)) return(invisible())
  rows <- sort(decisions$row[same + 1L])
  abort_data(columns[["step"]], rows, c(
    paste0(
      "Steps must differ within an episode of a person; ", first_rows(rows),
      " repeat a step."
    ),
    if (!"episode" %in% names(columns)) {
      "If steps restart, name the column that tells episodes apart: `episode`."
    }
  ))
}

check_nothing_after_end <- function(decisions, within, columns) {
  late <- within[decisions$done[within]]
  if (!length(late)) return(invisible())
  rows <- sort(decisions$row[late + 1L])
  column <- columns[[intersect(c("done", "truncated"), names(columns))[1]]]
  abort_data(column, rows, c(
    paste0(
      "No decision may follow the end of an episode (", dQuote(column, FALSE),
      "); ", first_rows(rows), " do."
    ),
    if (!"episode" %in% names(columns)) {
      "Name the column that tells episodes apart: `episode`."
    }
  ))
}

chain_states <- function(decisions, within, columns) {
  told <- decisions$next_state[within]
  follows <- decisions$state[within + 1L]
  broken <- within[!is.na(told) & told != follows]
  if (length(broken)) {
    rows <- sort(decisions$row[broken])
    abort_data(columns[["next_state"]], rows, c(
      paste0(
        "`next_state` must be the state of the episode's next row; it is not ",
        "in ", first_rows(rows), "."
      ),
      "Rows may be missing or out of order: check `step` and `episode`."
    ))
  }
  next_state <- decisions$next_state
  next_state[within] <- follows
  next_state
}

# Whole numbers are kept; anything else is numbered within its episode.
whole_steps <- function(decisions, within) {
  step <- decisions$step
  if (is.integer(step) && !is.object(step)) return(step)
  whole <- is.double(step) && !is.object(step) &&
    all(abs(step) < .Machine$integer.max & step == floor(step))
  if (whole) return(as.integer(step))
  first <- !(seq_along(decisions$person) %in% (within + 1L))
  sequence(diff(c(which(first), length(first) + 1L)))
}

# Further columns that are constant within persons, a row a person.
read_person_data <- function(data, columns, coded, decisions) {
  first <- decisions$row[!duplicated(decisions$person)]
  kept <- list(person = coded$persons)
  for (name in setdiff(names(data), c(columns, "person"))) {
    x <- data[[name]]
    if (is_label_vector(x) && is_constant(x, first, coded$person)) {
      kept[[name]] <- x[first]
    }
  }
  quick_frame(kept)
}

is_constant <- function(x, first, person) {
  if (is.factor(x)) x <- as.integer(x)
  expected <- x[first][person]
  same <- x == expected
  isTRUE(all(if (anyNA(same)) {
    is.na(x) == is.na(expected) & (is.na(x) | same)
  } else {
    same
  }))
}

# A data frame of equally long columns, without the checks of data.frame().
quick_frame <- function(columns) {
  structure(
    columns, class = "data.frame",
    row.names = .set_row_names(length(columns[[1]]))
  )
}
