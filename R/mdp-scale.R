# The unit of a task's rewards, for bounds and grids that mean the same on every
# task.

# Root mean square of the centred ordinary-max values `q` (by pair), over the
# decisions of somebody who plays at random (`"play"`: states weighted by
# expected visits, all starts equally likely) or over all legal pairs
# (`"legal"`).
value_rms <- function(task, weights = c("play", "legal"),
                      q = solve_task(task, 0)$q) {
  weights <- match.arg(weights)
  if (is_on_demand(task) && weights == "play") return(board_rms(task))
  centred <- center_by_state(q, task)
  weight <- if (weights == "legal") 1 else random_play(task)
  sqrt(sum(weight * centred^2) / sum(weight * rep_len(1, length(q))))
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
