#' Random task
#'
#' For simulations and tests: every pair leads to `successors` states drawn at
#' random, with probabilities uniform on the simplex and standard normal
#' rewards. Nothing is terminal, so `discount` must be below 1. `set.seed()`
#' governs.
#'
#' @param states,actions Numbers of states and actions (all legal everywhere).
#' @param successors Number of states that may follow a pair.
#' @param discount Weight of the next state's value.
#' @return A task, see [mdp()]; states are labelled `"s1"`, `"s2"`, ..., actions
#'   `"a1"`, `"a2"`, ....
#' @section Errors: `psyrl_error_input` for a wrong argument.
#' @examples
#' set.seed(1)
#' random_mdp(states = 5, actions = 2)
#' @export
random_mdp <- function(states = 10, actions = 2, successors = states,
                       discount = 0.99) {
  states <- check_count(states, "states")
  actions <- check_count(actions, "actions")
  successors <- check_count(successors, "successors", 1, states)
  discount <- check_number(discount, "discount", 0, 1)
  n_pairs <- states * actions
  pair <- rep(seq_len(n_pairs), each = successors)
  weight <- stats::rexp(length(pair))
  coded <- list(
    states = numbered("s", states), actions = numbered("a", actions),
    state = (pair - 1L) %/% actions + 1L, action = (pair - 1L) %% actions + 1L,
    next_state = draw_successors(states, successors, n_pairs),
    probability = weight / as.double(rowsum(weight, pair))[pair],
    reward = stats::rnorm(n_pairs)[pair]
  )
  validate_mdp(assemble_mdp(coded, discount))
}

draw_successors <- function(states, successors, n_pairs) {
  if (successors == states) return(rep(seq_len(states), n_pairs))
  as.integer(replicate(n_pairs, sample.int(states, successors)))
}

# Labels that sort like their numbers: s01, ..., s10.
numbered <- function(prefix, n, first = 1) {
  width <- nchar(first + n - 1)
  sprintf("%s%0*d", prefix, width, as.integer(first + seq_len(n) - 1))
}
