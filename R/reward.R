# Where rewards come from: known, or learned from behaviour.

#' Rewards of a measurement model
#'
#' `reward_known()`: the rewards of the task, as it states them. The others learn
#' rewards from behaviour (inverse reinforcement learning): `reward_linear()` as a
#' linear function of features of pairs, `reward_table()` one for every legal pair,
#' `reward_network()` as a multilayer perceptron of features.
#'
#' With `value = q_task()` rewards are learned exactly: the task is solved for every
#' candidate, and the marginal likelihood maximised with its exact derivatives. With
#' learned values the Bellman penalty ties values and rewards to each other, which
#' says nothing where rewards are free: any values satisfy it with rewards of
#' `Q - gamma V`.
#'
#' Choices do not identify rewards: adding `phi(s) - gamma E phi(s')` with any
#' potential phi changes no choice, and the scale of rewards cannot be told from that
#' of beta. [rewards()] and `summary()` report which directions the data identify and
#' which pairs would settle the others if their rewards were known: give those as
#' `anchor`. Without a known reward other than 0 the scale is settled by dividing
#' rewards by the root mean square of the centred values they imply; beside learned
#' values, by holding these to a root mean square of 1 while they are searched for
#' (`identify = "global_rms"`, the default then, or `"state_rms"`), as the penalty would
#' otherwise shrink values and rewards to nothing.
#'
#' @inheritParams q_task
#' @param bound Rewards stay between `-bound` and `bound`, by `bound * tanh(x /
#'   bound)`; `Inf` for none.
#' @param l2 Ridge on rewards: the factor of their sum of squares over legal pairs in
#'   the (summed) objective.
#' @param anchor `NULL`, or a data frame `state, action, reward` of rewards that are
#'   known.
#' @return A specification to hand to [rlmm()].
#' @references
#' Ng, A. Y., Harada, D. & Russell, S. (1999). Policy invariance under reward
#' transformations. *ICML*.
#'
#' Rust, J. (1987). Optimal replacement of GMC bus engines: an empirical model of
#' Harold Zurcher. *Econometrica*, 55, 999-1033. \doi{10.2307/1911259}
#' @examples
#' reward_known()
#' reward_linear(~ distance, bound = 1)
#' @name reward_known
#' @export
reward_known <- function() {
  new_spec("reward", "known")
}

#' @rdname reward_known
#' @export
reward_linear <- function(formula = ~., bound = Inf, l2 = 0, anchor = NULL) {
  learned_reward("linear", bound, l2, anchor,
    formula = check_feature_formula(formula)
  )
}

#' @rdname reward_known
#' @export
reward_table <- function(bound = Inf, l2 = 0, anchor = NULL) {
  learned_reward("table", bound, l2, anchor)
}

#' @rdname reward_known
#' @export
reward_network <- function(hidden = 16, formula = ~., bound = Inf, l2 = 1e-3,
                           anchor = NULL) {
  learned_reward("network", bound, l2, anchor,
    hidden = check_hidden(hidden), formula = check_feature_formula(formula)
  )
}

learned_reward <- function(kind, bound, l2, anchor, ...) {
  if (!is.null(anchor)) {
    check_data_frame(anchor, "anchor", c("state", "action", "reward"))
    check_numeric_column(anchor, "reward", "anchor")
  }
  new_spec("reward", kind, ...,
    bound = check_number(bound, "bound", lower = 1e-6, finite = FALSE),
    l2 = check_number(l2, "l2", lower = 0), anchor = anchor
  )
}

rewards_are_learned <- function(problem) {
  !inherits(problem$reward, "reward_known")
}
