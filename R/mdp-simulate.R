# Simulated people on a task.

#' Simulate people on a task
#'
#' Everybody acts by `exp(beta * q)`, normalised over the legal actions: `beta`
#' says how decisively a person follows the values `q`. `set.seed()` governs;
#' what is drawn for a person depends on the seed and the person's name, not on
#' who else is simulated, nor on the order.
#'
#' @param task A task, see [mdp()]. Episodes start in one of its `starts`, each
#'   equally likely (without `starts`: in any state with a legal action).
#' @param beta Named vector, one number a person, in units of 1 / reward. 0 acts
#'   at random, `Inf` always takes the best, a negative number avoids it.
#' @param episodes Number of episodes for each person.
#' @param values Data frame `state, action, q` with the value of every legal
#'   pair; default the exact values at temperature 1. On a board that is enumerated
#'   on demand what solve_mdp() says of it, or a function of cells: see
#'   [peg_solitaire()].
#' @param max_steps Longest episode: one that is not over then is truncated.
#' @return Trajectories, see [trajectories()], with the true `beta` in
#'   `person_data`. `next_state`, `done` and (if the task's are known) `reward`
#'   are recorded; episodes and steps are numbered from 1.
#' @section Errors: `psyrl_error_input` for wrong arguments, `psyrl_error_task`
#'   if `values` lacks a legal pair.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- c(ann = 0.05, bob = 0.5)
#' simulate_trajectories(task, beta, episodes = 3)
#' @export
simulate_trajectories <- function(task, beta, episodes = 1,
                                  values = solve_mdp(task), max_steps = 100) {
  check_class(task, "psyrl_mdp", "task", "Tasks are made by mdp() or as_mdp().")
  beta <- check_beta(beta)
  episodes <- check_count(episodes, "episodes")
  max_steps <- check_count(max_steps, "max_steps")
  if (is_on_demand(task)) {
    return(simulate_board(task, beta, episodes, values, max_steps))
  }
  q <- values_of_pairs(values, task)
  spec <- list(
    names = names(beta), starts = (task$starts %||% which(!task$terminal)) - 1L,
    episodes = episodes, max_steps = max_steps, seed = draw_seed()
  )
  log <- simulate_task_(task, q, unname(beta), spec)
  simulated_trajectories(log, task, beta, episodes)
}

# Sorted by name, as persons of trajectories are.
check_beta <- function(beta) {
  if (!is.numeric(beta) || !length(beta) || anyNA(beta)) {
    abort_input("beta", paste0(
      "`beta` must hold a number for each person, not ", describe(beta), "."
    ))
  }
  names <- names(beta)
  if (!are_distinct_names(names)) {
    abort_input("beta", paste0(
      "`beta` must be named, a different name for each person."
    ))
  }
  beta <- stats::setNames(as.double(beta), names)
  beta[order(names, method = "radix")]
}

# `q` of a table of values, in the core's order of pairs.
values_of_pairs <- function(values, task, arg = "values") {
  check_data_frame(values, arg, c("state", "action", "q"))
  check_numeric_column(values, "q", arg)
  given <- find_pairs(
    task, match_labels(as_label_vector(values$state), task$states),
    match_labels(as_label_vector(values$action), task$actions)
  )
  again <- which(duplicated(given) & !is.na(given))
  if (length(again)) {
    abort_data("q", again, paste0(
      "`", arg, "` must have one row a state and action; ", first_rows(again),
      " repeat earlier ones."
    ))
  }
  found <- match(seq_len(n_pairs(task)) - 1L, given)
  if (anyNA(found)) {
    abort_pairs(task, which(is.na(found)), paste0(
      "`", arg, "` must have a row for every legal pair; none for "
    ))
  }
  as.double(values$q)[found]
}

simulated_trajectories <- function(log, task, beta, episodes) {
  pairs <- task_pairs(task)[log$pair + 1L, ]
  next_state <- task$layout$next_state[log$transition + 1L] + 1L
  next_state[is.na(task$states[next_state])] <- NA
  reward <- if (is.null(task$next_reward)) {
    task$layout$reward[log$pair + 1L]
  } else {
    task$next_reward[log$transition + 1L]
  }
  decisions <- list(
    person = log$person + 1L, episode = log$episode + 1L, step = log$step + 1L,
    state = pairs$state, action = pairs$action, next_state = next_state,
    done = log$done, truncated = log$truncated, reward = reward,
    row = seq_along(log$pair)
  )
  new_trajectories(
    persons = names(beta), states = task$states, actions = task$actions,
    decisions = quick_frame(decisions[!vapply(decisions, is.null, logical(1))]),
    episodes = seq_len(episodes),
    person_data = quick_frame(list(person = names(beta), beta = unname(beta)))
  )
}
