# The only file that signals. A message says what must hold, what was given, the
# first offending rows, and what to do.

#' Conditions signalled by psyrl
#'
#' Every error is of class `psyrl_error`, every warning of class
#' `psyrl_warning`, with a subclass that scripts can catch.
#'
#' | class | signalled when | fields |
#' |---|---|---|
#' | `psyrl_error_input` | an argument is not what it must be | `arg` |
#' | `psyrl_error_data` | rows of the data contradict each other or the task | `column`, `rows` |
#' | `psyrl_error_task` | a task is impossible, or something in it illegal | `state`, `action` |
#' | `psyrl_error_internal` | psyrl is at fault | |
#' | `psyrl_warning_convergence` | a search ended before it had converged | |
#' | `psyrl_warning_hessian` | the curvature at the solution is not positive definite | |
#' | `psyrl_warning_identification` | the data cannot identify what was asked | |
#' | `psyrl_warning_interrupted` | the user stopped a fit; what it had is returned | |
#' | `psyrl_warning_meaning` | the score may not mean what its name says | |
#'
#' @examples
#' tryCatch(
#'   trajectories(data.frame(person = 1, state = "a")),
#'   psyrl_error_input = function(e) e$arg
#' )
#' @name psyrl_conditions
NULL

abort <- function(class, message, ..., call = caller_of_user()) {
  stop(errorCondition(
    paste0(message, collapse = "\n"),
    class = c(class, "psyrl_error"), call = call, ...
  ))
}

#' @noRd
abort_input <- function(arg, message, ...) {
  abort("psyrl_error_input", message, arg = arg, ...)
}

#' @noRd
abort_data <- function(column, rows, message, ...) {
  abort("psyrl_error_data", message, column = column, rows = rows, ...)
}

#' @noRd
abort_task <- function(message, state = NULL, action = NULL, ...) {
  abort("psyrl_error_task", message, state = state, action = action, ...)
}

# A function of the core, whose own checks (core/base/require.h) only a fault of psyrl can
# fail.
with_faults <- function(core) {
  force(core)
  function(...) {
    tryCatch(core(...), `std::invalid_argument` = function(e) {
      abort("psyrl_error_internal", paste0(
        "psyrl is at fault: ", conditionMessage(e),
        ".\nPlease report this, with the call and, if you can, the data."
      ))
    })
  }
}

#' @noRd
warn <- function(kind = c(
                   "convergence", "hessian", "identification", "interrupted",
                   "meaning"
                 ),
                 message, ...) {
  kind <- match.arg(kind)
  warning(warningCondition(
    paste0(message, collapse = "\n"),
    class = c(paste0("psyrl_warning_", kind), "psyrl_warning"),
    call = caller_of_user(), ...
  ))
}

# The call by which the user entered the package: the outermost frame whose
# function lives in psyrl's namespace.
caller_of_user <- function() {
  here <- topenv()
  for (i in seq_len(sys.nframe())) {
    if (identical(topenv(environment(sys.function(i))), here)) {
      return(sys.call(i))
    }
  }
  NULL
}

# "rows 3, 8, 12 and 40 more"
first_rows <- function(rows, n = 5) {
  shown <- paste(utils::head(rows, n), collapse = ", ")
  more <- length(rows) - n
  paste0(
    if (length(rows) == 1) "row " else "rows ", shown,
    if (more > 0) paste(" and", more, "more")
  )
}
