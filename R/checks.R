# Checks at the door: each returns its argument, converted once, or signals a
# `psyrl_error_input` that names the argument.

# What was given, in words.
describe <- function(x) {
  if (is.null(x)) return("NULL")
  if (is.atomic(x) && length(x) == 1) {
    return(if (is.character(x) && !is.na(x)) dQuote(x, FALSE) else format(x))
  }
  if (is.atomic(x)) {
    return(paste0("a ", class(x)[1], " vector of length ", length(x)))
  }
  paste0("an object of class ", dQuote(class(x)[1], FALSE))
}

check_number <- function(x, arg, lower = -Inf, upper = Inf, finite = TRUE) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && x >= lower &&
    x <= upper && (!finite || is.finite(x))
  if (!ok) {
    range <- if (is.finite(lower) || is.finite(upper)) {
      paste0(" in [", lower, ", ", upper, "]")
    }
    abort_input(arg, paste0(
      "`", arg, "` must be a single number", range, ", not ", describe(x), "."
    ))
  }
  as.double(x)
}

check_count <- function(x, arg, lower = 1, upper = Inf) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && x >= lower &&
    x <= upper && x == round(x)
  if (!ok) {
    abort_input(arg, paste0(
      "`", arg, "` must be a whole number of at least ", lower, ", not ",
      describe(x), "."
    ))
  }
  if (x <= .Machine$integer.max) as.integer(x) else x
}

check_flag <- function(x, arg) {
  if (!is.logical(x) || length(x) != 1 || is.na(x)) {
    abort_input(arg, paste0(
      "`", arg, "` must be TRUE or FALSE, not ", describe(x), "."
    ))
  }
  x
}

check_string <- function(x, arg) {
  if (!is.character(x) || length(x) != 1 || is.na(x)) {
    abort_input(arg, paste0(
      "`", arg, "` must be a single string, not ", describe(x), "."
    ))
  }
  x
}

check_choice <- function(x, choices, arg) {
  if (identical(x, choices)) return(choices[1])
  if (!is.character(x) || length(x) != 1 || is.na(x) || !x %in% choices) {
    abort_input(arg, paste0(
      "`", arg, "` must be one of ", quoted(choices), ", not ", describe(x), "."
    ))
  }
  x
}

check_class <- function(x, class, arg, hint = NULL) {
  if (!inherits(x, class)) {
    abort_input(arg, c(paste0(
      "`", arg, "` must be of class ", quoted(class), ", not ", describe(x), "."
    ), hint))
  }
  x
}

check_data_frame <- function(x, arg, columns = character()) {
  if (!is.data.frame(x)) {
    abort_input(arg, paste0(
      "`", arg, "` must be a data frame, not ", describe(x), "."
    ))
  }
  missing <- setdiff(columns, names(x))
  if (length(missing)) {
    abort_input(arg, paste0(
      "`", arg, "` must have the columns ", quoted(columns), "; ",
      quoted(missing), " not found among ", quoted(names(x)), "."
    ))
  }
  x
}

# Options given through `...` of a control function: unknown names are an error.
check_dots_empty <- function(..., what) {
  if (...length()) {
    given <- names(list(...))
    abort_input("...", paste0(
      what, " has no argument ",
      if (is.null(given)) "without a name" else quoted(given), "."
    ))
  }
}

check_installed <- function(package, purpose) {
  if (!requireNamespace(package, quietly = TRUE)) {
    abort_input("package", paste0(
      "Package ", dQuote(package, FALSE), " is needed to ", purpose,
      ": install.packages(", dQuote(package, FALSE), ")."
    ))
  }
}

quoted <- function(x, n = 8) {
  shown <- paste(dQuote(utils::head(x, n), FALSE), collapse = ", ")
  if (length(x) > n) paste0(shown, " and ", length(x) - n, " more") else shown
}

`%||%` <- function(x, y) if (is.null(x)) y else x
