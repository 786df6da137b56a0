#' Control of a measurement fit
#'
#' @param max_iterations Rounds at most.
#' @param tolerance A fit has converged when a round gains less than this many nats.
#' @param nodes Number of grid nodes of the trait; `NULL` chooses a spacing below the
#'   smallest posterior SD, so that doubling it changes nothing in the sixth digit.
#' @param mu,sigma Mean and SD of log beta in the population: `NULL` estimates, a
#'   number fixes.
#' @param steps Newton steps of the shared values in a round (learned values).
#' @param threads Number of threads; `NULL` means the option `psyrl.threads`, else 2.
#'   Results do not depend on it.
#' @param persons Data frame with a column `person` and the covariates of
#'   `rlmm(persons = )`.
#' @param callback Function called after each round with one row of the trace; when it
#'   returns `FALSE` the fit stops and is returned with status `"interrupted"`.
#' @param verbose Print a line a round.
#' @param ... Nothing: unknown names are an error.
#' @return A list of class `psyrl_control`.
#' @examples
#' rlmm_control(sigma = 1)
#' @export
rlmm_control <- function(max_iterations = 200, tolerance = 1e-6, nodes = NULL,
                         mu = NULL, sigma = NULL,
                         steps = 3, threads = NULL, persons = NULL,
                         callback = NULL, verbose = FALSE, ...) {
  check_dots_empty(..., what = "rlmm_control()")
  structure(list(
    max_iterations = check_count(max_iterations, "max_iterations"),
    tolerance = check_number(tolerance, "tolerance", lower = 0),
    nodes = if (!is.null(nodes)) check_count(nodes, "nodes", lower = 11),
    mu = if (!is.null(mu)) check_number(mu, "mu"),
    sigma = if (!is.null(sigma)) check_number(sigma, "sigma", lower = 1e-3),
    steps = check_count(steps, "steps"),
    threads = resolve_threads(threads),
    persons = if (!is.null(persons)) {
      check_data_frame(persons, "persons", "person")
    },
    callback = check_callback(callback),
    verbose = check_flag(verbose, "verbose")
  ), class = "psyrl_control")
}

check_callback <- function(callback) {
  if (!is.null(callback) && !is.function(callback)) {
    abort_input("callback", paste0(
      "`callback` must be a function of one trace row, not ",
      describe(callback), "."
    ))
  }
  callback
}
