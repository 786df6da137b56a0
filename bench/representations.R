# Representations of values and rewards, and the published algorithm: what is asked of
# them, and what is measured.
#
#   Rscript bench/representations.R [part ...]
#
# Parts: derivatives rewards published unvisited stochastic limit network. Without
# arguments all run. A line a level: what | level | measured. Seconds are those of
# the processor.

library(psyrl)
internal <- asNamespace("psyrl")

say <- function(what, level, measured) {
  cat(paste(what, level, measured, sep = " | "), "\n")
}

number <- function(x, digits = 3) format(signif(x, digits), trim = TRUE)

seconds <- function(expr) {
  time <- system.time(expr)
  sum(time[c("user.self", "sys.self")])
}

quietly <- function(expr) suppressWarnings(expr, classes = "psyrl_warning")

people <- function(n, mean = 0, sd = 1) {
  setNames(exp(rnorm(n, mean, sd)), sprintf("p%03d", seq_len(n)))
}

# ---- derivatives against differences --------------------------------------------

featured <- function() {
  task <- random_mdp(4, 3, successors = 2, discount = .85)
  task$features <- data.frame(x = rnorm(12), y = rnorm(12), z = runif(12))
  task
}

relative_error <- function(found, expected) {
  sqrt(sum((found - expected)^2)) / max(sqrt(sum(expected^2)), 1e-8)
}

# Largest relative error of a directional derivative and of a Hessian product; `at`
# gives value, gradient and product.
derivative_errors <- function(at, theta, v, h = 1e-5) {
  here <- at(theta)
  around <- lapply(c(-2, -1, 1, 2) * h, function(step) at(theta + step * v))
  slope <- function(name) {
    Reduce(`+`, Map(function(x, c) c * x[[name]], around, c(1, -8, 8, -1))) / (12 * h)
  }
  c(
    gradient = relative_error(sum(here$gradient * v), slope("value")),
    product = relative_error(here$product, slope("gradient"))
  )
}

penalised_errors <- function(task, log, case) {
  pairs <- internal$task_pairs(task)
  tie <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    class = (seq_len(nrow(pairs)) + 1) %/% 2
  )
  spec <- internal$validate_spec(list(
    value = switch(case$value,
      table = q_table(l2 = .2), tied = q_table(0, tie = tie),
      linear = q_linear(~ x + y, l2 = .1), network = q_network(c(4, 3))
    ),
    reward = switch(case$reward,
      known = reward_known(), table = reward_table(bound = 2, l2 = .3),
      linear = reward_linear(~ y + z), network = reward_network(3, bound = 1.5)
    ),
    consistency = bellman(.7,
      temperature = case$temperature, backup = case$backup, pairs = case$pairs,
      residual = case$residual, cql = case$cql
    ),
    habit = FALSE, identify = case$identify, persons = ~1, estimator = "joint"
  ))
  problem <- internal$measurement_problem(log, task, spec, rlmm_control(threads = 1))
  map <- list(
    value = internal$value_links(problem), reward = internal$reward_links(problem)
  )
  penalty <- internal$value_penalty(problem)
  groups <- internal$slope_groups(people(10, 0, .5), problem$counts)
  n <- internal$n_parameters_(map)
  v <- rnorm(n)
  derivative_errors(function(theta) {
    internal$evaluate_penalised_(task, groups, penalty, theta, list(
      threads = 1L, identify = case$identify, direction = v, map = map
    ))
  }, rnorm(n), v)
}

bench_derivatives <- function() {
  set.seed(8)
  task <- featured()
  log <- simulate_trajectories(task, people(10, 0, .5), 1, max_steps = 25)
  cases <- expand.grid(
    value = c("table", "tied", "linear", "network"),
    reward = c("known", "table", "linear", "network"),
    identify = c("none", "center", "global_rms", "state_rms"),
    temperature = c(0, .5), backup = c("soft", "mellow"),
    pairs = c("legal", "observed"), residual = c("expected", "sample"),
    cql = c(0, .3), stringsAsFactors = FALSE
  )
  worst <- vapply(seq_len(nrow(cases)), function(i) {
    penalised_errors(task, log, cases[i, ])
  }, numeric(2))
  what <- paste(nrow(cases), "combinations of value, reward, consistency, identify:")
  say(paste(what, "gradients"), "1e-6", number(max(worst["gradient", ])))
  say(paste(what, "Hessian products"), "1e-6", number(max(worst["product", ])))
}

# ---- learned rewards ---------------------------------------------------------------

reward_case <- function(seed, anchored) {
  set.seed(seed)
  task <- random_mdp(10, 3, discount = .9)
  log <- simulate_trajectories(task, people(100, 0, .7), 5, solve_mdp(task, 0),
    max_steps = 40
  )
  pairs <- internal$task_pairs(task)
  known <- pairs$action == 1 | (pairs$action == 2 & pairs$state < 3)
  anchor <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    reward = task$layout$reward
  )[known, ]
  warned <- FALSE
  time <- seconds(fit <- withCallingHandlers(
    rlmm(log, task, q_task(temperature = 0),
      reward = reward_table(anchor = if (anchored) anchor)
    ),
    psyrl_warning_identification = function(w) warned <<- nrow(w$anchors),
    psyrl_warning = function(w) invokeRestart("muffleWarning")
  ))
  found <- rewards(fit)
  use <- !known & found$identified
  z <- ((found$reward - task$layout$reward) / found$std_error)[use]
  c(
    r = if (any(use)) cor(found$reward[use], task$layout$reward[use]) else NA,
    covered = mean(abs(z) < 1.96), seconds = time, warned = warned,
    rank = attr(found, "identification")$rank
  )
}

bench_rewards <- function() {
  anchored <- vapply(1:8, reward_case, numeric(5), anchored = TRUE)
  free <- vapply(1:3, reward_case, numeric(5), anchored = FALSE)
  say("learned rewards, 8 random MDPs, anchors: r of the identified part (mean, least)",
    ">= .98", paste(number(mean(anchored["r", ])), number(min(anchored["r", ])))
  )
  say("the same: coverage of 95 % intervals of rewards", ".95",
    number(mean(anchored["covered", ]))
  )
  say("the same: seconds with standard errors", "", number(mean(anchored["seconds", ])))
  say("no anchor: rank of 30 rewards in 10 states; directions named by the warning",
    "20; 10", paste(free["rank", 1], free["warned", 1], sep = "; ")
  )
}

# ---- the published algorithm -------------------------------------------------------

# Values of a network that was fitted to the exact ones, normalised in every state.
normalised_head <- function(task) {
  links <- list(internal$network_link(task, q_network(c(64, 64))))
  exact <- internal$solve_task(task, 0)$q
  theta <- internal$first_parameters(links, exact, rlmm_control())
  q <- internal$represent_(list(value = links, reward = list()), theta, 1L)
  pairs <- internal$task_pairs(task)
  data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    q = internal$identify_(task, q, "state_rms")$advantage
  )
}

bench_published <- function(unit = 23.76) {
  set.seed(42)
  task <- internal$rescale_rewards(peg_solitaire("4x4", features = TRUE))
  beta <- people(200, -.5)
  log <- simulate_trajectories(task, beta, 50, normalised_head(task))
  n <- nrow(log$decisions)
  time <- seconds(fit <- quietly(rlmm(log, task, q_table(l2 = 0),
    consistency = bellman(.5 * n, 1 / unit,
      pairs = "observed", residual = "sample", cql = .1 * n
    ),
    identify = "state_rms", estimator = "joint", control = rlmm_control(
      m_step = "adam", learning_rate = 1e-3, steps = 200, batch_size = 256,
      max_iterations = 30
    )
  )))
  scores <- persons(fit)
  truth <- beta[as.character(scores$person)]
  what <- "published algorithm on data of its own normalised head, 4x4, 200 x 50:"
  say(paste(what, "Pearson"), ">= .95", number(cor(scores$estimate, truth)))
  say(paste(what, "Spearman"), ">= .98",
    number(cor(scores$estimate, truth, method = "spearman"))
  )
  say(paste(what, "rounds that rose"), "0", sum(diff(fit$trace$objective) > 0))
  say(paste(what, "seconds; times faster than the published program (470 s)"), ">= 20",
    paste(number(time), number(470 / time), sep = "; ")
  )
}

# ---- recovery of values --------------------------------------------------------------

# Simulated and fitted with the published backup, tau = 1.
advantage_error <- function(task, log, ...) {
  fit <- quietly(rlmm(log, task, q_table(l2 = 0), consistency = bellman(
    temperature = 1, ...
  ), estimator = "joint", control = rlmm_control(max_iterations = 100)))
  sqrt(mean((values(fit)$advantage - solve_mdp(task, 1)$advantage)^2))
}

bench_unvisited <- function() {
  error <- vapply(1:6, function(seed) {
    set.seed(seed)
    task <- random_mdp(20, 3, successors = 1, discount = .95)
    log <- simulate_trajectories(task, people(100, 0, .5), 1, max_steps = 40)
    rate <- nrow(log$decisions) / 60
    c(
      advantage_error(task, log, lambda = .5 * rate),
      advantage_error(task, log, lambda = 50 * rate),
      advantage_error(task, log, lambda = .5, pairs = "observed")
    )
  }, numeric(3))
  what <- "unvisited pairs, every legal pair held, weight on means"
  say(paste(what, ".5: advantage RMSE"), "<= .05", number(mean(error[1, ])))
  say(paste(what, "50: advantage RMSE"), "<= .003", number(mean(error[2, ])))
  say("the same, observed pairs .5 (published)", "1.75-4.8", number(mean(error[3, ])))
}

bench_stochastic <- function() {
  set.seed(1)
  task <- random_mdp(8, 3, discount = .95)
  log <- simulate_trajectories(task, people(200, 0, .5), 10, max_steps = 100)
  n <- nrow(log$decisions)
  rate <- n / 24
  expected <- advantage_error(task, log, lambda = 50 * rate)
  sample <- advantage_error(task, log,
    lambda = 50, pairs = "observed", residual = "sample"
  )
  say(paste("stochastic transitions,", n, "rows: advantage RMSE, expected residual"),
    "<= .003", number(expected)
  )
  say("the same, sampled residual (published)", "stuck at .126", number(sample))
}

bench_limit <- function() {
  set.seed(2)
  task <- internal$rescale_rewards(peg_solitaire("big_cross"))
  log <- simulate_trajectories(task, people(60, -.5), 10, solve_mdp(task, .3))
  exact <- rlmm(log, task, q_task(temperature = .3),
    control = rlmm_control(nodes = 301)
  )
  held <- quietly(rlmm(log, task, q_table(l2 = 0), consistency = bellman(1e10, .3),
    identify = "center", estimator = "marginal", control = rlmm_control(
      tolerance = 1e-10, nodes = 301
    )
  ))
  say("lambda -> infinity equals q_task(): log beta, values", "1e-6", paste(
    number(max(abs(persons(held)$log_estimate - persons(exact)$log_estimate))),
    number(max(abs(values(held)$q - values(exact)$q)))
  ))
}

# ---- networks ------------------------------------------------------------------------

# Values of a network held to a board's task, against the exact ones.
bench_network <- function() {
  set.seed(3)
  task <- internal$rescale_rewards(peg_solitaire("big_L", features = TRUE))
  beta <- people(100, -.5)
  log <- simulate_trajectories(task, beta, 10, solve_mdp(task, 0))
  n <- nrow(log$decisions)
  time <- seconds(fit <- quietly(rlmm(log, task, q_network(c(32, 32)),
    consistency = bellman(5, .05), estimator = "joint",
    control = rlmm_control(m_step = "lbfgs", steps = 20, max_iterations = 15)
  )))
  scores <- persons(fit)
  exact <- persons(rlmm(log, task))
  rank <- function(x) {
    number(cor(x$log_estimate, log(beta[as.character(x$person)]), method = "spearman"))
  }
  say("network values, big_L, 100 x 10: Spearman; of exact values; rounds that rose; seconds",
    "", paste(rank(scores), rank(exact), sum(diff(fit$trace$objective) > 0), number(time),
      sep = "; "
    )
  )
}

parts <- list(
  derivatives = bench_derivatives, rewards = bench_rewards,
  published = bench_published, unvisited = bench_unvisited,
  stochastic = bench_stochastic, limit = bench_limit, network = bench_network
)
asked <- commandArgs(trailingOnly = TRUE)
cat("what | level | measured\n")
for (part in if (length(asked)) asked else names(parts)) parts[[part]]()
