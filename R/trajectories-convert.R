# Logs in the formats of other packages.

#' Trajectories from other formats
#'
#' @param x A data frame, tibble or data.table with one row a decision.
#' @param ... For data frames: the columns, as in [trajectories()].
#' @return Trajectories, see [trajectories()].
#' @examples
#' as_trajectories(data.frame(person = 1, state = c("a", "b"), action = "go"))
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
  abort_input("x", paste0(
    "`x` must be a log of decisions that can be read, not ", describe(x), "."
  ))
}
