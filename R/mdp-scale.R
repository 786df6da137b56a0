# The unit of a task's rewards, in which simulation studies draw people and noise that
# mean the same on every task.

# Root mean square of the centred ordinary-max values, over the decisions of somebody
# who plays at random (all starts equally likely).
value_rms <- function(task) {
  if (is_on_demand(task)) return(board_rms(task))
  weight <- random_play(task)
  sqrt(sum(weight * center_by_state(solve_task(task, 0)$q, task)^2) / sum(weight))
}

# Expected number of times each pair is chosen in an episode of random play.
random_play <- function(task) {
  layout <- task$layout
  legal <- diff(layout$state_start)
  state <- rep(seq_along(legal), legal)
  starts <- task$starts %||% which(!task$terminal)
  start <- replace(numeric(length(legal)), starts, 1 / length(starts))
  visits <- expected_visits_(task, 1 / legal[state], start)
  if (!length(visits)) {
    abort_task("Random play must end for expected visits to be finite.")
  }
  visits[state] / legal[state]
}

# The same task with rewards divided by `unit`.
rescale_rewards <- function(task, unit = value_rms(task)) {
  task$layout$reward <- task$layout$reward / unit
  if (is_on_demand(task)) task$board$rewards <- task$board$rewards / unit
  if (!is.null(task$next_reward)) task$next_reward <- task$next_reward / unit
  task
}
