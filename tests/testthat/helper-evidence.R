# Small tasks: without cycles, with cycles, and with so many states between them that
# their equations are eliminated sparsely.

cyclic_task <- function(n = 20, seed = 5) {
  set.seed(seed)
  to <- function() replicate(n, sample(n, 2), simplify = FALSE)
  rows <- do.call(rbind, lapply(seq_len(n - 1), function(s) {
    do.call(rbind, lapply(c("a", "b", "c"), function(a) {
      next_state <- if (a == "c") c(sample(n - 1, 1), n) else sample(n, 2)
      data.frame(
        state = s, action = a, next_state = unique(next_state),
        probability = 1 / length(unique(next_state)), reward = stats::rnorm(1)
      )
    }))
  }))
  mdp(rows, discount = 0.9)
}

evidence_tasks <- function() {
  list(
    acyclic = peg_solitaire("big_cross"), cyclic = cyclic_task(),
    maze = gridworld(maze_maps[[1]], slip = 0.1)
  )
}

# People who follow values with noise on what `noise_on` says, in units of the task's:
# their log, z = log beta, and the unit.
simulated_people <- function(task, n = 40, episodes = 5, noise = 0.3, seed = 1,
                             noise_on = "value") {
  set.seed(seed)
  unit <- value_rms(task)
  true <- rescale_rewards(task, unit)
  residual <- stats::rnorm(length(true$layout$reward), 0, noise)
  if (noise_on == "reward") true$layout$reward <- true$layout$reward + residual
  q <- solve_task(true, 0.2)$q
  if (noise_on == "value") q <- q + residual
  pairs <- task_pairs(task)
  values <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action], q = q
  )
  z <- stats::rnorm(n, -0.5, 1)
  beta <- stats::setNames(exp(z), sprintf("p%03d", seq_len(n)))
  log <- simulate_trajectories(task, beta, episodes, values, max_steps = 60)
  list(log = log, z = z, unit = unit)
}

simulated_counts <- function(task, ...) {
  people <- simulated_people(task, ...)
  c(align_to_task(people$log, task), people[c("z", "unit")])
}

sweeps_at <- function(task, backup, reward, temperature, discount, d, g) {
  evidence_sweeps_(task, list(
    backup = backup, reward = reward, temperature = temperature, discount = discount
  ), d, g)
}

# The core's evidence at one eta; see rcpp_evidence.cpp.
evidence_at <- function(task, data, eta, u = NULL, ..., backup = "soft", spec = list()) {
  n <- length(task$layout$pair_action)
  at <- list(
    eta = eta, u = if (is.null(u)) numeric(n) else u, rank = 2, blocks = 0,
    x = rep(1, n), solve = FALSE, dense = FALSE, h = 0.005, discount_free = TRUE
  )
  at <- utils::modifyList(at, list(...))
  spec <- do.call(evidence_spec, c(list(backup = backup), spec))
  evidence_at_(task, evidence_data(data, task), spec, evidence_control(), at)
}

# Root mean square difference of scores, the second's log beta `more` higher, in
# posterior SDs.
apart_in_sd <- function(one, two, more = 0) {
  mean_1 <- drop(one$posterior %*% one$node)
  mean_2 <- drop(two$posterior %*% two$node) + more
  variance <- drop(one$posterior %*% one$node^2) - mean_1^2
  sqrt(mean((mean_1 - mean_2)^2 / variance))
}

eta_in_the_middle <- c(-0.4, log(0.9), log(0.3), log(0.2), stats::qlogis(0.9))

central <- function(f, x, i, h) {
  step <- replace(numeric(length(x)), i, h)
  (f(x + step) - f(x - step)) / (2 * h)
}
