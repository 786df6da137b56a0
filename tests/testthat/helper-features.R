# Small tasks whose pairs have features, one of them cyclic and stochastic.

featured_task <- function(states = 4, actions = 3, discount = .85, seed = 5) {
  set.seed(seed)
  task <- random_mdp(states, actions, successors = 2, discount = discount)
  pairs <- task_pairs(task)
  mdp(as.data.frame(task)[c("state", "action", "next_state", "probability")],
    rewards = data.frame(
      state = task$states[pairs$state], action = task$actions[pairs$action],
      reward = task$layout$reward
    ),
    discount = discount,
    features = data.frame(
      state = task$states[pairs$state], action = task$actions[pairs$action],
      x = rnorm(nrow(pairs)), y = rnorm(nrow(pairs)), z = runif(nrow(pairs))
    )
  )
}

# Pairs share values two by two.
paired_classes <- function(task) {
  pairs <- task_pairs(task)
  data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    class = (seq_len(nrow(pairs)) + 1) %/% 2
  )
}

# Rewards of one action everywhere.
known_action <- function(task, action = task$actions[1]) {
  pairs <- task_pairs(task)
  table <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    reward = task$layout$reward
  )
  table[table$action == action, ]
}
