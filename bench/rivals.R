# Values held to the task or a free table: who wins, and was it right?
#
#   Rscript bench/rivals.R [replicates = 1 [board [persons [episodes]]]]
#
# People follow values of root mean square 1, z = log beta ~ N(-.5, 1):
#
#   soft, hard    the task's own, at temperature .2 and the ordinary maximum
#   noisy         hard and N(0, .5^2) on every pair
#   mixed:w       hard and an unrelated random network of the cells, w and 1 - w of
#                 the variance; unrelated is w = 0
#   goal:s        the task's own where rewards have N(0, s^2) added: consistent, for
#                 other rewards
#
# A line a replicate: the share of crowd's gain over chance that the exact values have
# (below .05 the search for values held to the task is spared), log evidence of the
# table less that of values held to the task (the table wins beyond 15), whether the
# table was the answer; then r of z, coverage of 95 % limits (apart from a common
# scale) and negative log likelihood of five fresh episodes of the same people: true
# values and prior (o), values held to the task (h), the table (t).
suppressMessages(library(psyrl))
options(psyrl.threads = 1)
internal <- asNamespace("psyrl")
arguments <- commandArgs(TRUE)
argument <- function(i, default) {
  if (length(arguments) >= i) arguments[i] else default
}
replicates <- as.integer(argument(1, 1))
board <- argument(2, "big_L")
n_persons <- as.integer(argument(3, 200))
n_episodes <- as.integer(argument(4, 5))

task <- internal$rescale_rewards(peg_solitaire(board))
pairs <- internal$task_pairs(task)
hard <- solve_mdp(task, 0)

of_unit <- function(q) {
  found <- internal$identify_(task, q, "center")
  found$advantage / found$rms
}

random_network <- function(hidden = 32) {
  cells <- do.call(rbind, strsplit(gsub("[^01]", "", task$states), "")) == "1"
  layer <- function(x, units) {
    x %*% matrix(stats::rnorm(ncol(x) * units, 0, 2 / sqrt(ncol(x))), ncol(x))
  }
  layer(tanh(layer(cbind(1, cells), hidden)), length(task$actions))[as.matrix(pairs)]
}

other_goal <- function(sd) {
  task$layout$reward <- task$layout$reward + stats::rnorm(nrow(pairs), 0, sd)
  internal$solve_task(task, .2)$q
}

followed <- function(kind) {
  part <- strsplit(kind, ":")[[1]]
  x <- as.numeric(part[2])
  switch(part[1],
    soft = solve_mdp(task, .2)$q, hard = hard$q,
    noisy = hard$q + stats::rnorm(nrow(pairs), 0, .5),
    mixed = sqrt(x) * of_unit(hard$q) + sqrt(1 - x) * of_unit(random_network()),
    goal = of_unit(other_goal(x))
  )
}

judged <- function(fit, z, fresh) {
  scores <- persons(fit)
  true <- z - mean(z - scores$log_estimate)
  at <- internal$decisions_to_predict(fit, fresh)
  open <- diff(task$layout$state_start)[pairs$state[at$pair + 1]] > 1
  c(
    r = stats::cor(scores$log_estimate, z),
    cov = mean(log(scores$conf_low) < true & true < log(scores$conf_high)),
    nll = mean(internal$decision_nll(fit, at)[open])
  )
}

learned <- function(log, ...) {
  used <- system.time(fit <- suppressWarnings(rlmm(log, task, q_table(), ...)))
  list(fit = fit, cpu = used[[1]])
}

one <- function(kind, seed) {
  set.seed(seed)
  values <- hard
  values$q <- followed(kind)
  z <- stats::setNames(
    stats::rnorm(n_persons, -.5, 1), sprintf("p%04d", seq_len(n_persons))
  )
  log <- simulate_trajectories(task, exp(z), n_episodes, values)
  fresh <- simulate_trajectories(task, exp(z), 5, values)
  known <- rlmm(log, task, q_known(values), control = rlmm_control(mu = -.5, sigma = 1))
  answer <- learned(log)
  held <- learned(log, consistency = bellman(residual_sd_max = 1e6))
  table <- learned(log, consistency = bellman_none(), identify = "center")
  rivals <- answer$fit$rivals
  gain <- rivals - rivals[["chance"]]
  c(
    share = gain[["exact"]] / gain[["crowd"]],
    ahead = held$fit$engine$evidence - utils::tail(table$fit$trace$objective, 1),
    table = internal$is_free_table(answer$fit$spec),
    o = judged(known, z, fresh), h = judged(held$fit, z, fresh),
    t = judged(table$fit, z, fresh), s = held$fit$values$residual_sd_relative,
    cpu = answer$cpu, cpu_h = held$cpu
  )
}

kinds <- c(
  "soft", "hard", "noisy", paste0("mixed:", c(0, .02, .05, .1, .2, .5)),
  paste0("goal:", c(.5, 1, 3, 10))
)
rows <- do.call(rbind, lapply(kinds, function(kind) {
  found <- do.call(rbind, lapply(seq_len(replicates), function(i) one(kind, i)))
  data.frame(kind = kind, round(found, 3))
}))
options(width = 200)
cat(board, ", ", n_persons, " x ", n_episodes, "\n", sep = "")
print(rows, row.names = FALSE)
