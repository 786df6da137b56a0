#' Rewards of a measurement model
#'
#' `reward_known()`: the rewards of the task, as it states them.
#'
#' @return A specification to hand to [rlmm()].
#' @examples
#' reward_known()
#' @export
reward_known <- function() {
  new_spec("reward", "known")
}
