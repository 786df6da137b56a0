# Logs in the formats of other packages. None of them is needed to read its
# format: objects are read by their structure.

#' Trajectories from other formats
#'
#' Reads logs of decisions from data frames and from the formats of other
#' packages.
#'
#' | `x` | becomes |
#' |---|---|
#' | data frame, tibble, data.table | [trajectories()] with the arguments `...` |
#' | `proc` (ProcData) | a person a process; the action is the event, the state the event before it |
#' | `eventlog` (bupaR) | a person a case, a decision an activity instance (at its first time stamp); the state is the activity before it, or the column `state` |
#' | `stslist` (TraMineR) | a person a sequence; the action in a state is the state to go to. A gap (missing state) begins a new episode |
#' | list of arrays (D4RL) | elements `observations`, `actions` and, if there, `rewards`, `terminals`, `timeouts`, `next_observations`, `person` |
#' | list of episodes (Minari) | each a list with `observations` (one more than actions), `actions`, `rewards`, `terminations`, `truncations`, and `person` if known |
#' | lazy database table (dbplyr) | counts, see [counts()]: they are made in the database |
#'
#' Observations and actions that are matrices are labelled by their rows, so
#' they should be discrete. In a database the order of the rows means nothing:
#' `step` is needed, unless there is a `next_state`.
#'
#' @param x The log.
#' @param ... For data frames, the columns as in [trajectories()]. For database
#'   tables the same. For event logs, further columns as in [trajectories()],
#'   such as `reward`.
#' @return Trajectories, see [trajectories()]; counts for database tables.
#' @section Errors: as [trajectories()]; in a database the number of rows at
#'   fault is told instead of their numbers.
#' @examples
#' as_trajectories(data.frame(person = 1, state = c("a", "b"), action = "go"))
#'
#' # An object as ProcData makes it
#' process <- structure(list(
#'   action_seqs = list(ann = c("run", "jump", "end"), bob = c("run", "end")),
#'   time_seqs = list(ann = c(0, 2.5, 4), bob = c(0, 9))
#' ), class = "proc")
#' as.data.frame(as_trajectories(process))
#' @export
as_trajectories <- function(x, ...) {
  UseMethod("as_trajectories")
}

#' @rdname as_trajectories
#' @export
as_trajectories.data.frame <- function(x, ...) {
  trajectories(x, ...)
}

#' @export
as_trajectories.psyrl_trajectories <- function(x, ...) x

#' @export
as_trajectories.default <- function(x, ...) {
  abort_input("x", c(
    paste0(
      "`x` must be a log of decisions that can be read, not ", describe(x), "."
    ),
    "Data frames always can: see ?trajectories."
  ))
}

# ---- sequences of events -----------------------------------------------------

#' @rdname as_trajectories
#' @param start State before the first event.
#' @export
as_trajectories.proc <- function(x, start = "(start)", ...) {
  start <- check_string(start, "start")
  actions <- x$action_seqs
  if (!is.list(actions) || !length(actions)) {
    abort_input("x", "`x` must have action sequences, a list `action_seqs`.")
  }
  persons <- names(actions) %||% as.character(seq_along(actions))
  actions <- lapply(actions, as.character)
  trajectories(events_log(
    rep(persons, lengths(actions)), unlist(actions, use.names = FALSE), start
  ))
}

# Events in order within persons: the state is the event before.
events_log <- function(person, action, start) {
  before <- c(start, action[-length(action)])
  before[!duplicated(person)] <- start
  data.frame(
    person = person, state = before, action = action, next_state = action
  )
}

#' @rdname as_trajectories
#' @param person,action,state Names of columns of an event log; by default the
#'   case, the activity and (`NULL`) the activity before.
#' @export
as_trajectories.eventlog <- function(x, person = attr(x, "case_id"),
                                     action = attr(x, "activity_id"),
                                     state = NULL, start = "(start)", ...) {
  log <- activity_instances(x, person)
  if (!is.null(state)) {
    return(trajectories(
      log, person = person, state = state, action = action, ...
    ))
  }
  for (role in c(person, action)) check_complete(log[[role]], role)
  events <- events_log(
    as.character(log[[person]]), as.character(log[[action]]),
    check_string(start, "start")
  )
  names(events) <- paste0("psyrl_", names(events))
  log <- cbind(as.data.frame(log), events)
  trajectories(
    log, person = person, action = action, state = "psyrl_state",
    next_state = "psyrl_next_state", ...
  )
}

# One row an activity instance, its first, in order of person and time.
activity_instances <- function(x, person) {
  roles <- c("timestamp", "activity_instance_id")
  columns <- lapply(roles, function(role) attr(x, role))
  if (any(vapply(columns, is.null, logical(1))) || is.null(person)) {
    abort_input("x", paste0(
      "An event log must say which columns are case, activity, activity ",
      "instance and time stamp (attributes, as bupaR sets them)."
    ))
  }
  log <- as.data.frame(
    unclass(x), stringsAsFactors = FALSE, check.names = FALSE
  )
  log <- log[order(log[[person]], log[[columns[[1]]]]), , drop = FALSE]
  log[!duplicated(log[c(person, columns[[2]])]), , drop = FALSE]
}

#' @export
as_trajectories.stslist <- function(x, ...) {
  states <- as.matrix(as.data.frame(lapply(unclass(x), as.character)))
  persons <- attr(x, "row.names")
  states[states %in% c(attr(x, "void") %||% "%", attr(x, "nr") %||% "*")] <- NA
  # Along each sequence, then to the next.
  from <- as.vector(t(states[, -ncol(states), drop = FALSE]))
  to <- as.vector(t(states[, -1, drop = FALSE]))
  person <- rep(as.character(persons), each = ncol(states) - 1)
  gap <- is.na(from) | is.na(to)
  episode <- stats::ave(as.integer(gap), person, FUN = cumsum) + 1L
  moves <- data.frame(
    person = person, episode = episode, state = from, action = to,
    next_state = to
  )[!gap, ]
  if (!nrow(moves)) {
    abort_input("x", "`x` must have a sequence of at least two known states.")
  }
  trajectories(moves)
}

# ---- offline reinforcement learning ------------------------------------------

#' @export
as_trajectories.list <- function(x, ...) {
  if (!is.null(x$actions)) return(trajectories(flat_log(x)))
  is_episode <- function(e) is.list(e) && !is.null(e$actions)
  if (!length(x) || !all(vapply(x, is_episode, logical(1)))) {
    abort_input("x", paste0(
      "A list must have elements `observations` and `actions`, or be a list ",
      "of episodes that have, to be read as a log."
    ))
  }
  logs <- Map(episode_log, x, seq_along(x))
  shared <- Reduce(intersect, lapply(logs, names))
  trajectories(do.call(rbind, lapply(logs, `[`, shared)))
}

# All steps one after the other; a terminal or a timeout ends an episode.
flat_log <- function(x) {
  action <- row_labels(x$actions)
  n <- length(action)
  take <- function(name, labels = FALSE) element_of(x, name, n, labels)
  log <- list(
    person = rep_len(x$person %||% 1L, n), state = take("observations", TRUE),
    action = action, reward = take("rewards"),
    next_state = take("next_observations", TRUE)
  )
  ended <- as.logical(take("terminals") %||% rep(FALSE, n))
  late <- as.logical(take("timeouts") %||% rep(FALSE, n))
  log$done <- ended | late
  log$truncated <- late & !ended
  log$episode <- cumsum(c(1L, log$done[-n]))
  if (is.null(log$state)) {
    abort_input("x", "`x` must have an element `observations`.")
  }
  quick_frame(log[!vapply(log, is.null, logical(1))])
}

# One episode with an observation more than actions.
episode_log <- function(x, number) {
  action <- row_labels(x$actions)
  n <- length(action)
  states <- element_of(x, "observations", n + 1, TRUE)
  if (is.null(states)) {
    abort_input("x", "Every episode must have an element `observations`.")
  }
  ended <- as.logical(element_of(x, "terminations", n) %||% rep(FALSE, n))
  late <- as.logical(element_of(x, "truncations", n) %||% rep(FALSE, n))
  log <- list(
    person = rep_len(x$person %||% 1L, n), episode = rep(number, n),
    state = states[-(n + 1)], action = action,
    reward = element_of(x, "rewards", n), next_state = states[-1],
    done = ended | late, truncated = late & !ended
  )
  quick_frame(log[!vapply(log, is.null, logical(1))])
}

element_of <- function(x, name, n, labels = FALSE) {
  value <- x[[name]]
  if (is.null(value)) return(NULL)
  value <- if (labels) row_labels(value) else as.vector(value)
  if (length(value) != n) {
    abort_input("x", paste0(
      "`", name, "` must have ", n, " entries, as many as the actions tell, ",
      "not ", length(value), "."
    ))
  }
  value
}

# A label a row: matrices are labelled by all their columns.
row_labels <- function(x) {
  if (is.null(dim(x)) || length(dim(x)) == 1) return(as.vector(x))
  if (length(dim(x)) > 2) dim(x) <- c(dim(x)[1], prod(dim(x)[-1]))
  if (ncol(x) == 1) return(as.vector(x))
  do.call(paste, c(lapply(seq_len(ncol(x)), function(j) x[, j]), sep = ","))
}
