#' Control of a measurement fit
#'
#' @param max_iterations Rounds at most. Where values and all parameters of [bellman()]
#'   are estimated, rounds of 60 draws from each of two chains are taken until the
#'   chains agree on the later half of them; 16 rounds by default, twice the
#'   `max_iterations` allow twice as many.
#' @param tolerance A fit has converged when a round gains less than this many nats.
#' @param nodes Number of grid nodes of the trait; `NULL` chooses a spacing below the
#'   smallest posterior SD, so that doubling it changes nothing in the sixth digit.
#' @param mu,sigma Mean and SD of log beta in the population: `NULL` estimates, a
#'   number fixes (from -30 to 30, and from .001 to 20).
#' @param m_step How learned values are improved in a round, given the traits:
#'   `"newton"` (Newton-CG with exact Hessian products), `"lbfgs"` (for networks, whose
#'   products are dear, and for kinks) or `"adam"` (stochastic steps on mini-batches: the
#'   published algorithm). Where it is not given, `"newton"`, but `"lbfgs"` for rewards
#'   learned beside values under a hard maximum, and for networks on more than 50,000
#'   pairs `"adam"`, with 400 steps a round at a first rate of .003 until a round gains
#'   less than .0002 nats a decision, as far as these are not given either.
#' @param learning_rate First rate of `"adam"`; halved whenever the full objective,
#'   evaluated on all data after each round, has not fallen, and the round undone.
#' @param steps Steps in a round; `NULL`: 3 of Newton, 50 of L-BFGS, 200 of Adam.
#' @param batch_size Decisions, and Bellman residuals, in a mini-batch.
#' @param batch_persons Number of persons whose traits are updated in a round, in turn
#'   (online EM); `NULL`: all.
#' @param target_update Target values of `"adam"`: a whole number copies the current
#'   values every so many steps, a share below 1 moves the target by that much after
#'   every step, 0 differentiates through the target.
#' @param starts Number of searches for learned values or rewards, the first from the
#'   best guess, the others shaken; the best is kept.
#' @param cluster A cluster of the `parallel` package that shares the starts or, with one
#'   start, the persons: every worker keeps the counts of its own, and only values, sums
#'   over persons and the final posteriors travel. (Tables whose values are drawn, and
#'   free tables, stay with this process and its threads.) Results do not depend on it,
#'   but for rounding.
#' @param checkpoint File to which a search for learned values saves its state after
#'   every round, and where the values are drawn after every stage of the draws. If the
#'   file exists the fit goes on from there and ends with the bits it would have had
#'   uninterrupted.
#' @param validation [trajectories()] or [counts()] of other persons, whose negative
#'   log-likelihood per decision is recorded in the trace of learned values.
#' @param threads Number of threads; `NULL` means the option `psyrl.threads`, else 2.
#'   Results do not depend on it.
#' @param persons Data frame with a column `person` and the covariates of
#'   `rlmm(persons = )`.
#' @param callback Function called with one row of the trace after each round, and where
#'   the values are drawn after the search for their mode and each stage of the draws;
#'   when it returns `FALSE`, or fails, which becomes a warning, the fit stops and is
#'   returned with status `"interrupted"`.
#' @param verbose Print a line a round.
#' @param ... Nothing: unknown names are an error.
#' @return A list of class `psyrl_control`.
#' @examples
#' rlmm_control(sigma = 1)
#' @export
rlmm_control <- function(max_iterations = 200, tolerance = 1e-6, nodes = NULL,
                         mu = NULL, sigma = NULL,
                         m_step = c("newton", "lbfgs", "adam"),
                         learning_rate = 1e-3, steps = NULL, batch_size = 256,
                         batch_persons = NULL, target_update = 1, starts = 1,
                         threads = NULL, cluster = NULL, persons = NULL,
                         checkpoint = NULL, validation = NULL,
                         callback = NULL, verbose = FALSE, ...) {
  check_dots_empty(..., what = "rlmm_control()")
  open <- c(
    m_step = missing(m_step), learning_rate = missing(learning_rate),
    tolerance = missing(tolerance), steps = is.null(steps)
  )
  structure(list(
    open = names(open)[open],
    max_iterations = check_count(max_iterations, "max_iterations"),
    tolerance = check_number(tolerance, "tolerance", lower = 0),
    nodes = if (!is.null(nodes)) check_count(nodes, "nodes", lower = 11),
    mu = if (!is.null(mu)) check_number(mu, "mu", lower = -30, upper = 30),
    sigma = if (!is.null(sigma)) check_number(sigma, "sigma", lower = 1e-3, upper = 20),
    m_step = check_choice(m_step, c("newton", "lbfgs", "adam"), "m_step"),
    learning_rate = check_number(learning_rate, "learning_rate", lower = 1e-12),
    steps = if (!is.null(steps)) check_count(steps, "steps"),
    batch_size = check_count(batch_size, "batch_size"),
    batch_persons = if (!is.null(batch_persons)) {
      check_count(batch_persons, "batch_persons")
    },
    target_update = check_target_update(target_update),
    starts = check_count(starts, "starts"),
    threads = resolve_threads(threads), cluster = cluster,
    persons = if (!is.null(persons)) {
      check_data_frame(persons, "persons", "person")
    },
    checkpoint = if (!is.null(checkpoint)) check_string(checkpoint, "checkpoint"),
    validation = if (!is.null(validation)) as_decisions(validation),
    callback = check_callback(callback),
    verbose = check_flag(verbose, "verbose")
  ), class = "psyrl_control")
}

# Settings left open: those that suit networks on very many pairs, where a step on all
# of them is dear, and rewards learned beside values under a hard maximum, at whose kinks
# Newton's steps end.
suited_control <- function(control, spec, task, n_decisions) {
  if (!"m_step" %in% control$open) return(control)
  large <- inherits(spec$value, "q_network") && n_pairs(task) > most_pairs_to_start
  kinked <- rewards_are_learned(spec) && identical(spec$consistency$temperature, 0)
  suited <- if (large) {
    list(
      m_step = "adam", learning_rate = 3e-3, steps = 400L,
      tolerance = 2e-4 * n_decisions
    )
  } else if (kinked) {
    list(m_step = "lbfgs")
  }
  open <- intersect(control$open, names(suited))
  control[open] <- suited[open]
  control
}

# For fits inside another, of which the user is told nothing and nothing is kept.
silenced <- function(problem) {
  problem$control[c("callback", "checkpoint")] <- list(NULL)
  problem$control$verbose <- FALSE
  problem
}

check_target_update <- function(target_update) {
  target_update <- check_number(target_update, "target_update", lower = 0)
  if (target_update >= 1) {
    target_update <- as.double(check_count(target_update, "target_update"))
  }
  target_update
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
