# Choices and outcomes, one row a trial: the data of learning models.

#' Choice data
#'
#' Reads a log of choices and their outcomes, one row a trial, into the form that
#' the learning models work on. Columns may have the names used here or those of
#' hBayesDM (`subjID`, `keyPressed`, `cue`, `level1_choice`, ...); matching ignores
#' case, dots and underscores.
#'
#' Rules: a missing `choice` is a missed trial: it has no likelihood and changes
#' nothing, but what was observed on it is kept. `block` starts the values
#' afresh; `block = NULL` ignores a column of that name. Without `trial` the order
#' of the rows counts. Outcomes keep their own units. Without `outcome` but with
#' `gain` and `loss`, the outcome is `gain - abs(loss)`. Rows without a person are
#' an error.
#'
#' Two-step data come wide (`level1_choice` 1/2, `level2_choice` 1..4, `reward`), or
#' long with a column `stage` (1 or 2, a row a stage; at stage 2 `choice` is 1..4, or
#' 1/2 with the second-stage state in `stimulus` or in `next_state` of the first
#' row). Either way a trial becomes one row of `trials`.
#'
#' @param data A data frame (or tibble, data.table).
#' @param person,choice,outcome,block,trial Names of columns. `person` and `choice`
#'   are required; the others are used if they exist, and must exist if they are
#'   named by the user.
#' @param ... Further columns by name: `stimulus` (cue or state: values live per
#'   stimulus), `gain`, `loss`, `counterfactual` (outcome of the option not chosen,
#'   of two), `stage`, `next_state`, `choice2` (second-stage choice 1..4),
#'   `available` (a list column of the options on offer, a column of strings such
#'   as `"1|3"`, or one logical column for each option). Not a column: `options`, the
#'   labels of the options in order.
#' @return An object of class `psyrl_choices`: a list with `persons`, `options`,
#'   `trials` (a row a trial, sorted by person, block, trial; codes count from 1),
#'   `available`, `person_start`, `person_data`.
#' @section Errors: `psyrl_error_input` for a column that is named and not there;
#'   `psyrl_error_data` for rows that contradict each other, with `column` and
#'   `rows`.
#' @examples
#' data <- data.frame(
#'   subjID = rep(c("ann", "bob"), each = 3),
#'   choice = c(1, 2, NA, 2, 2, 1), outcome = c(1, 0, NA, 1, 1, 0)
#' )
#' choices(data)
#' @export
choices <- function(data, person = "person", choice = "choice",
                    outcome = "outcome", block = "block", trial = "trial",
                    ...) {
  check_data_frame(data, "data")
  more <- list(...)
  named <- c(
    list(
      person = if (!missing(person)) person, choice = if (!missing(choice)) choice,
      outcome = if (!missing(outcome)) outcome,
      trial = if (!missing(trial)) trial
    ),
    more[setdiff(names(more), c("options", "available"))]
  )
  columns <- choice_columns(data, named)
  columns["block"] <- list(block_column(data, block, missing(block)))
  raw <- lapply(columns, function(name) if (!is.null(name)) data[[name]])
  raw$available <- available_column(data, more$available)
  read_choices(data, raw, columns, more$options)
}

# Names understood for each column, in order of preference, after `plain()`.
choice_aliases <- list(
  person = c("person", "subjid", "subject", "id", "ppt"),
  choice = c("choice", "keypressed", "level1choice"),
  choice2 = c("choice2", "level2choice"),
  outcome = c("outcome", "reward"),
  trial = c("trial", "trialnum"),
  stimulus = c("stimulus", "cue"),
  gain = "gain", loss = "loss",
  counterfactual = "counterfactual",
  stage = "stage", next_state = "nextstate"
)

plain <- function(x) gsub("[._ ]", "", tolower(x))

# Which column of `data` plays which role; what the user names must exist.
choice_columns <- function(data, named) {
  unknown <- setdiff(names(named), names(choice_aliases))
  if (length(unknown) || any(names(named) == "")) {
    abort_input("...", paste0(
      "choices() knows the columns ", quoted(names(choice_aliases), 20),
      ", not ", quoted(unknown), "."
    ))
  }
  found <- lapply(names(choice_aliases), function(role) {
    if (!is.null(named[[role]])) {
      return(find_named_column(data, named[[role]], role))
    }
    hit <- match(choice_aliases[[role]], plain(names(data)))
    if (all(is.na(hit))) NULL else names(data)[hit[!is.na(hit)][1]]
  })
  names(found) <- names(choice_aliases)
  for (role in c("person", "choice")) {
    if (is.null(found[[role]])) {
      abort_input(role, c(
        paste0(
          "`data` must have a column for `", role, "`, such as ",
          quoted(choice_aliases[[role]]), "; found ", quoted(names(data)), "."
        ),
        paste0("Another name is given by `", role, " = \"...\"`.")
      ))
    }
  }
  found
}

find_named_column <- function(data, name, role) {
  name <- check_string(name, role)
  hit <- match(plain(name), plain(names(data)))
  if (name %in% names(data)) return(name)
  if (is.na(hit)) {
    abort_input(role, paste0(
      "Column ", dQuote(name, FALSE), ", named as `", role,
      "`, is not in `data`, which has ", quoted(names(data)), "."
    ))
  }
  names(data)[hit]
}

block_column <- function(data, block, default) {
  if (is.null(block)) return(NULL)
  if (!default) return(find_named_column(data, block, "block"))
  hit <- match("block", plain(names(data)))
  if (is.na(hit)) NULL else names(data)[hit]
}

# The options on offer as the user gave them: NULL, a list column, or a logical
# matrix of one column an option.
available_column <- function(data, names) {
  if (is.null(names)) return(NULL)
  for (name in names) find_named_column(data, name, "available")
  if (length(names) > 1) return(as.matrix(data[names]) > 0)
  column <- data[[names]]
  if (is.list(column)) column else strsplit(as.character(column), "[|,; ]+")
}

# From raw columns to codes.
read_choices <- function(data, raw, columns, options) {
  if (nrow(data) == 0) abort_input("data", "`data` must have rows, one a trial.")
  rows_missing <- which(is.na(raw$person))
  if (length(rows_missing)) {
    abort_data(columns$person, rows_missing, paste0(
      "Every row needs a person; none in ", first_rows(rows_missing), "."
    ))
  }
  person <- encode(raw$person)
  key <- !is.null(columns$choice) && plain(columns$choice) == "keypressed"
  choice <- encode_choice(
    raw$choice, options %||% if (key) c(0, 1), columns$choice
  )
  block <- encode(raw$block %||% rep(1L, nrow(data)))
  trials <- data.frame(
    person = person$code, block = block$code,
    trial = trial_numbers(raw$trial, person$code, block$code, columns$trial),
    choice = choice$code,
    outcome = read_outcome(raw, columns), row = seq_len(nrow(data))
  )
  for (role in c("gain", "loss", "counterfactual")) {
    if (!is.null(raw[[role]])) trials[[role]] <- as_double(raw[[role]], columns[[role]])
  }
  labels <- list(blocks = block$labels)
  for (role in c("stimulus", "next_state")) {
    if (is.null(raw[[role]])) next
    coded <- encode(raw[[role]], sorted = TRUE)
    trials[[role]] <- coded$code
    labels[[role]] <- coded$labels
  }
  trials$choice2 <- read_second_choice(raw$choice2, columns$choice2)
  trials$stage <- if (!is.null(raw$stage)) as.integer(raw$stage)
  available <- read_available(raw$available, choice)
  finish_choices(data, trials, person$labels, choice$labels, labels, available, columns)
}

# Labels 1..n in order of appearance (factors: of levels; `sorted`: of values).
encode <- function(x, sorted = FALSE) {
  if (is.factor(x)) {
    labels <- levels(droplevels(x))
    return(list(code = match(as.character(x), labels), labels = labels))
  }
  labels <- unique(x[!is.na(x)])
  if (sorted) labels <- sort(labels)
  list(code = match(x, labels), labels = labels)
}

encode_choice <- function(x, options, column) {
  labels <- if (!is.null(options)) {
    options
  } else if (is.factor(x)) {
    levels(x)
  } else if (is_positive_whole(x)) {
    seq_len(max(2, x, na.rm = TRUE))
  } else {
    sort(unique(x[!is.na(x)]))
  }
  code <- match(as.character(x), as.character(labels))
  stray <- which(is.na(code) & !is.na(x))
  if (length(stray)) {
    abort_data(column, stray, paste0(
      "Column ", dQuote(column, FALSE), " must hold the options ", quoted(labels),
      "; ", first_rows(stray), ": ", quoted(unique(x[stray])), "."
    ))
  }
  list(code = code, labels = labels)
}

is_positive_whole <- function(x) {
  x <- x[!is.na(x)]
  is.numeric(x) && length(x) > 0 && all(x >= 1 & x == round(x))
}

as_double <- function(x, column) {
  if (!is.numeric(x) && !is.logical(x)) {
    abort_input("data", paste0(
      "Column ", dQuote(column, FALSE), " must be numeric, not ", describe(x), "."
    ))
  }
  x <- as.double(x)
  bad <- which(is.infinite(x))
  if (length(bad)) {
    abort_data(column, bad, paste0(
      "Column ", dQuote(column, FALSE), " must be finite: ", first_rows(bad), "."
    ))
  }
  x[is.nan(x)] <- NA
  x
}

read_outcome <- function(raw, columns) {
  if (!is.null(raw$outcome)) return(as_double(raw$outcome, columns$outcome))
  if (!is.null(raw$gain) && !is.null(raw$loss)) {
    gain <- as_double(raw$gain, columns$gain)
    return(gain - abs(as_double(raw$loss, columns$loss)))
  }
  rep(NA_real_, length(raw$person))
}

# Trial numbers as given (whole numbers), else the order of the rows.
trial_numbers <- function(x, person, block, column) {
  if (is.null(x)) {
    n <- length(person)
    return(as.integer(stats::ave(seq_len(n), person, block, FUN = seq_along)))
  }
  bad <- which(is.na(x) | !is.numeric(x))
  if (length(bad)) {
    abort_data(column, bad, paste0(
      "Column ", dQuote(column, FALSE), " must number the trials: ",
      first_rows(bad), "."
    ))
  }
  if (all(x == round(x))) as.integer(x) else as.integer(factor(x))
}

read_second_choice <- function(x, column) {
  if (is.null(x)) return(NULL)
  code <- suppressWarnings(as.integer(as.character(x)))
  bad <- which(!is.na(x) & (is.na(code) | code < 1 | code > 4))
  if (length(bad)) {
    abort_data(column, bad, paste0(
      "Second-stage choices must be 1 to 4 (1, 2 in the first state, 3, 4 in the ",
      "second): ", first_rows(bad), "."
    ))
  }
  code
}

read_available <- function(x, choice) {
  if (is.null(x)) return(NULL)
  n_options <- length(choice$labels)
  if (is.list(x)) {
    x <- t(vapply(x, function(on) {
      as.character(choice$labels) %in% as.character(on)
    }, logical(n_options)))
  }
  if (ncol(x) != n_options) {
    abort_input("available", paste0(
      "`available` must name one column an option: ", n_options, ", not ",
      ncol(x), "."
    ))
  }
  rows <- which(!is.na(choice$code))
  bad <- rows[!x[cbind(rows, choice$code[rows])] %in% TRUE]
  if (length(bad)) {
    abort_data("available", bad, paste0(
      "A chosen option must be available: ", first_rows(bad), "."
    ))
  }
  matrix(x %in% TRUE, nrow(x))
}

# Sorting, joining of stages, persons' offsets and data.
finish_choices <- function(data, trials, persons, options, labels, available,
                           columns) {
  if (!is.null(trials$stage)) {
    trials <- join_stages(trials)
    options <- seq_len(2L)
    available <- NULL
  } else if (!is.null(trials$choice2) && is.null(trials$next_state)) {
    trials$next_state <- (trials$choice2 + 1L) %/% 2L
  }
  order <- order(trials$person, trials$block, trials$trial)
  trials <- trials[order, , drop = FALSE]
  check_duplicates(trials, columns$trial)
  rownames(trials) <- NULL
  available <- if (!is.null(available)) available[trials$row, , drop = FALSE]
  new_choices(
    persons, options, trials, available,
    constant_columns(data, match(data[[columns$person]], persons),
                     unlist(columns)),
    labels
  )
}

new_choices <- function(persons, options, trials, available = NULL,
                        person_data = NULL, labels = list()) {
  count <- tabulate(trials$person, length(persons))
  structure(
    list(
      persons = persons, options = options, trials = trials,
      available = available, person_start = c(0L, cumsum(count)),
      person_data = person_data %||% data.frame(row.names = seq_along(persons)),
      labels = labels
    ),
    class = "psyrl_choices"
  )
}

check_duplicates <- function(trials, column) {
  n <- nrow(trials)
  if (n < 2) return(invisible())
  same <- which(
    trials$person[-1] == trials$person[-n] & trials$block[-1] == trials$block[-n] &
      trials$trial[-1] == trials$trial[-n]
  )
  if (length(same)) {
    rows <- sort(trials$row[same + 1])
    abort_data(column %||% "trial", rows, c(
      paste0("A trial must be one row of its person and block: ",
             "repeated in ", first_rows(rows), "."),
      "Name the `block`, or the `stage` of two-step data."
    ))
  }
}

# Long two-step data: a row a stage becomes a row a trial.
join_stages <- function(trials) {
  bad <- which(!trials$stage %in% 1:2)
  if (length(bad)) {
    abort_data("stage", trials$row[bad], paste0(
      "`stage` must be 1 or 2: ", first_rows(trials$row[bad]), "."
    ))
  }
  key <- paste(trials$person, trials$block, trials$trial)
  # Without a trial column both stages were numbered apart.
  first <- trials[trials$stage == 1, , drop = FALSE]
  if (anyDuplicated(key) == 0) {
    key <- paste(trials$person, trials$block, stage_trial(trials))
    first$trial <- stage_trial(trials)[trials$stage == 1]
  }
  second <- trials[trials$stage == 2, , drop = FALSE]
  hit <- match(key[trials$stage == 1], key[trials$stage == 2])
  state <- second_state(first, second, hit)
  choice2 <- second$choice[hit]
  within <- which(!is.na(choice2) & choice2 <= 2 & !is.na(state))
  choice2[within] <- choice2[within] + 2L * (state[within] - 1L)
  first$next_state <- ifelse(is.na(choice2), state, (choice2 + 1L) %/% 2L)
  first$choice2 <- choice2
  first$outcome <- second$outcome[hit]
  first$row2 <- second$row[hit]
  first$stage <- first$stimulus <- NULL
  first
}

# Each first stage begins a trial.
stage_trial <- function(trials) {
  as.integer(stats::ave(
    as.double(trials$stage == 1), trials$person, trials$block, FUN = cumsum
  ))
}

# State of the second stage, 1 or 2, from whichever column tells it.
second_state <- function(first, second, hit) {
  told <- if (!is.null(second$stimulus)) {
    second$stimulus[hit]
  } else {
    first$next_state %||% rep(NA_integer_, nrow(first))
  }
  if (all(is.na(told))) return(told)
  match(told, sort(unique(told[!is.na(told)])))
}

# Columns that are constant within person, a row a person.
constant_columns <- function(data, code, used) {
  n <- max(code)
  first <- match(seq_len(n), code)
  others <- setdiff(names(data), used)
  constant <- Filter(function(name) {
    x <- data[[name]]
    is.atomic(x) && all(x == x[first][code] | (is.na(x) & is.na(x[first][code])),
                        na.rm = FALSE) %in% TRUE
  }, others)
  out <- as.data.frame(data)[first, constant, drop = FALSE]
  rownames(out) <- NULL
  out
}
