# Exact solution of a task.

#' Exact values of a task
#'
#' Solves `q(s, a) = r(s, a) + discount * sum(p(s' | s, a) * v(s'))` with `v(s)`
#' the (soft) maximum of `q(s, )`: in one backward sweep where no state can come
#' back, otherwise by Newton-Kantorovich steps, to rounding error at any
#' discount.
#'
#' @param task A task of class `psyrl_mdp` with known rewards.
#' @param temperature Temperature of the backup, in reward units: `v =
#'   temperature * log(sum(exp(q / temperature)))`. 0 is the ordinary maximum.
#' @param states `NULL`: all states of the task. Or labels of those whose values are
#'   wanted; of a board that is enumerated on demand (see [peg_solitaire()]), any of its
#'   positions, where `NULL` gives those that are laid out.
#' @return A data frame, a row a legal pair: `state, action` (labels), `q`
#'   (value of the action), `v` (value of the state) and `advantage`, `q` minus
#'   its mean over the legal actions of the state. All in reward units.
#' @section Errors: `psyrl_error_input` for a wrong argument, `psyrl_error_task`
#'   if the rewards are unknown, or `states` cannot be reached.
#' @references Rust (1987), Econometrica 55, 999-1033, for the algorithm;
#'   Iskhakov, Lee, Rust, Schjerning and Seo (2016), Econometrica 84, 365-370.
#' @examples
#' set.seed(1)
#' solve_mdp(random_mdp(states = 3, actions = 2), temperature = 0)
#' @export
solve_mdp <- function(task, temperature = 1, states = NULL) {
  check_class(task, "psyrl_mdp", "task", "Tasks are made by mdp() or as_mdp().")
  if (!is.null(states)) {
    wanted <- wanted_states(states, task)
    task <- task_for(task, wanted)
  }
  solution <- solve_task(task, temperature)
  pairs <- task_pairs(task)
  values <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    q = solution$q, v = solution$v[pairs$state],
    advantage = center_by_state(solution$q, task)
  )
  if (!is.null(states)) {
    values <- values[as.character(values$state) %in% wanted$states, , drop = FALSE]
    rownames(values) <- NULL
  } else if (is_on_demand(task)) {
    # What simulate_trajectories() can play by on the whole board.
    attr(values, "solved") <- list(
      temperature = temperature, discount = task$discount
    )
  }
  values
}

# The states as a log that knows no more.
wanted_states <- function(states, task) {
  known <- is_label_vector(states) && length(states) && !anyNA(states) && (
    is_on_demand(task) || !anyNA(match_labels(as_label_vector(states), task$states))
  )
  if (!known) {
    abort_input("states", paste0(
      "`states` must be labels of states of the task, not ", describe(states), "."
    ))
  }
  states <- unique(as.character(states))
  list(states = states, decisions = list(state = seq_along(states)))
}

# The core's answer by code: `v` a state, `q` a pair (in the core's order), and
# how the search went (`status, factorisations, residuals`).
solve_task <- function(task, temperature = 1, backup = c("soft", "mellow")) {
  check_class(task, "psyrl_mdp", "task", "Tasks are made by mdp() or as_mdp().")
  temperature <- check_number(temperature, "temperature", 0)
  backup <- match.arg(backup)
  if (is.null(task$layout$reward)) {
    abort_task(c(
      "The rewards of `task` must be known to solve it.",
      "Give mdp() a column `reward`, or its argument `rewards`."
    ))
  }
  if (is_on_demand(task)) return(solve_region(task, temperature, backup))
  solution <- solve_task_(task, temperature, backup == "mellow")
  if (solution$status != "converged") warn_unsolved(solution)
  solution
}

warn_unsolved <- function(solution) {
  warn("convergence", paste0(
    "The exact values of the task did not converge (", solution$status,
    "): the Bellman equation holds to ",
    format(utils::tail(solution$residuals, 1), digits = 3), " only."
  ))
}

# Values of pairs minus their mean over the legal actions of the state.
center_by_state <- function(q, task) {
  n <- diff(task$layout$state_start)
  open <- n > 0
  state <- rep(seq_len(sum(open)), n[open])
  q - (as.double(rowsum(q, state)) / n[open])[state]
}
