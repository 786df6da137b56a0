# Recovery by the evidence model on simulated people.
#
#   Rscript bench/evidence.R [design [replicates [first]]]
#
# `design` is board:persons:episodes:generator[:discount[:residual_as]], for instance
# big_L:200:5:G3, diamond:200:5:G4:estimate or diamond:200:50:G3:task:value (what
# residuals are: G3's are of values); without arguments the small designs run once each.
# A line a replicate: correlation and bias of z = log beta, coverage of 95 % limits
# (o: true values and prior; f: the fit; m: values at their mode), mean negative log
# likelihood of fresh choices (`limit`: what is possible in G3, with BENCH_LIMIT=1),
# estimates, nats, seconds (`cpu`: of processor time, which other users of the machine
# leave alone).
#
# Generators, in units of the RMS of centred values under random play: G1 soft
# values at temperature 1, G1b at .2, G2 ordinary maximum, G3 is G2 plus N(0, .5^2)
# on every pair, G4 ordinary maximum at discount .5. z ~ N(-.5, 1).

library(psyrl)
internal <- asNamespace("psyrl")

unit_at <- function(task, discount) {
  task$discount <- discount
  internal$value_rms(task)
}

values_at <- function(task, discount, temperature) {
  task$discount <- discount
  unit <- internal$value_rms(task)
  task$layout$reward <- task$layout$reward / unit
  internal$solve_task(task, temperature)$q
}

true_values <- function(task, generator) {
  switch(generator,
    G1 = values_at(task, 0.99, 1), G1b = values_at(task, 0.99, 0.2),
    G2 = values_at(task, 0.99, 0), G4 = values_at(task, 0.5, 0),
    G3 = {
      q <- values_at(task, 0.99, 0)
      q + rnorm(length(q), 0, 0.5)
    }
  )
}

counts_of <- function(task, q, z, episodes) {
  pairs <- internal$task_pairs(task)
  values <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action], q = q
  )
  beta <- setNames(exp(z), sprintf("p%04d", seq_along(z)))
  internal$align_to_task(simulate_trajectories(task, beta, episodes, values), task)
}

# What a fit would be that knew values and prior.
known_fit <- function(q, control) {
  list(
    shared = list(q = matrix(q), coefficients = matrix(-0.5), sigma = 1),
    spec = internal$evidence_spec(), grid = control$grid
  )
}

limits <- function(weight, node) {
  t(apply(weight, 1, function(w) {
    approx(cumsum(w) - w / 2, node, c(0.025, 0.975), ties = "ordered", rule = 2)$y
  }))
}

recovery <- function(weight, node, z) {
  score <- drop(weight %*% node)
  limit <- limits(weight, node)
  c(
    r = cor(score, z), bias = mean(score - z),
    cov = mean(limit[, 1] < z & z < limit[, 2])
  )
}

# Per fresh choice, under each person's posterior; values known, or averaged over the
# draws of a fit.
fresh_nll <- function(task, weight, fit, fresh, threads = 1) {
  n_actions <- diff(task$layout$state_start)
  state <- rep(seq_along(n_actions), n_actions)
  p <- exp(t(internal$evidence_policies(fit, task, fresh, threads)))
  person <- rep(seq_len(nrow(weight)), diff(fresh$person_start))
  pair <- fresh$pair + 1
  open <- n_actions[state[pair]] > 1
  predicted <- rowSums(p[pair, , drop = FALSE] * weight[person, , drop = FALSE])
  -sum((fresh$count * log(predicted))[open]) / sum(fresh$count[open])
}

# What no method can predict better than in G3 (`BENCH_LIMIT=1`): the negative log
# likelihood of fresh choices where all is known but the noise on values and the traits,
# under draws of these from their posterior. Given traits, states know nothing of each
# other and move on their own, by steps that keep the noise's distribution; persons by
# random walks.
limit_nll <- function(task, data, fresh, n_draws = 2000) {
  q <- values_at(task, 0.99, 0)
  n_actions <- diff(task$layout$state_start)
  state <- rep(seq_along(n_actions), n_actions)
  n_persons <- length(data$person_start) - 1
  choices <- function(data) {
    person <- rep(seq_len(n_persons), diff(data$person_start))
    open <- n_actions[state[data$pair + 1]] > 1
    chosen <- data$pair[open] + 1
    n <- n_actions[state[chosen]]
    list(
      person = person[open], chosen = chosen, state = state[chosen],
      count = data$count[open], row = rep(seq_along(chosen), n),
      pair = sequence(n, task$layout$state_start[state[chosen]] + 1)
    )
  }
  log_p <- function(at, z, noise) {
    value <- q + noise
    beta <- exp(z)[at$person[at$row]]
    -log(rowsum(exp(beta * (value[at$pair] - value[at$chosen[at$row]])), at$row)[, 1])
  }
  by <- function(x, group, n) replace(numeric(n), sort(unique(group)), rowsum(x, group))
  seen <- choices(data)
  new <- choices(fresh)
  noise <- rnorm(length(q), 0, 0.5)
  z <- rep(-0.5, n_persons)
  step <- rep(0.5, length(n_actions))
  p <- 0
  for (i in seq_len(n_draws)) {
    now <- seen$count * log_p(seen, z, noise)
    for (again in 1:3) {
      moved <- sqrt(1 - step[state]^2) * noise + step[state] * rnorm(length(q), 0, 0.5)
      then <- seen$count * log_p(seen, z, moved)
      accepted <- log(runif(length(step))) < by(then - now, seen$state, length(step))
      if (i < n_draws / 4) step <- pmin(1, step * exp(0.1 * (accepted - 0.4)))
      noise <- ifelse(accepted[state], moved, noise)
      now <- ifelse(accepted[seen$state], then, now)
    }
    moved <- z + rnorm(n_persons, 0, 0.3)
    gain <- by(seen$count * log_p(seen, moved, noise) - now, seen$person, n_persons) +
      dnorm(moved, -0.5, 1, TRUE) - dnorm(z, -0.5, 1, TRUE)
    z <- ifelse(log(runif(n_persons)) < gain, moved, z)
    if (i > n_draws / 3) p <- p + exp(log_p(new, z, noise))
  }
  p <- p / sum(seq_len(n_draws) > n_draws / 3)
  -sum(new$count * log(p)) / sum(new$count)
}

replicate_once <- function(design, number) {
  part <- strsplit(design, ":")[[1]]
  generator <- part[4]
  task <- peg_solitaire(part[1])
  set.seed(1000 * number + match(generator, c("G1", "G1b", "G2", "G3", "G4")))
  q <- true_values(task, generator)
  z <- rnorm(as.integer(part[2]), -0.5, 1)
  data <- counts_of(task, q, z, as.integer(part[3]))
  fresh <- counts_of(task, q, z, 5)
  control <- internal$evidence_control(
    threads = as.integer(Sys.getenv("BENCH_THREADS", "1"))
  )
  node <- seq(control$grid[1], control$grid[2], length.out = control$grid[3])
  more <- part[-(1:4)]
  asked <- replace(c("task", "reward"), seq_along(more), more)
  spec <- internal$evidence_spec(discount = asked[1], residual_as = asked[2])
  cpu <- system.time(fit <- internal$fit_evidence(task, data, spec, control))[[1]]
  if (nzchar(Sys.getenv("BENCH_TRACE"))) print(fit$trace, digits = 4)
  oracle <- known_fit(q, control)
  known <- internal$evidence_posterior(oracle, task, data, control$threads)$posterior
  limit <- if (nzchar(Sys.getenv("BENCH_LIMIT"))) limit_nll(task, data, fresh) else NA
  # Log beta per reward of the unit in which the truth was made.
  in_units <- z - log(unit_at(task, if (generator == "G4") 0.5 else 0.99))
  c(
    o = recovery(known, node, z), f = recovery(fit$posterior, fit$node, in_units),
    m = recovery(fit$posterior_mode, fit$node, in_units),
    nll_o = fresh_nll(task, known, oracle, fresh), nll_limit = limit,
    nll_f = fresh_nll(task, fit$posterior, fit, fresh),
    s = fit$residual_sd / fit$reward_scale, tau = fit$temperature / fit$reward_scale,
    sigma = fit$sigma,
    gamma = fit$discount, g = fit$effective_values, evidence = fit$evidence,
    gain = fit$discount_gain, converged = fit$status == "converged",
    rounds = sum(fit$trace$start > 0),
    search = fit$seconds_search, all = fit$seconds, cpu = cpu
  )
}

run <- function(design, replicates = 1, first = 1) {
  rows <- t(vapply(
    first - 1 + seq_len(replicates), function(i) replicate_once(design, i),
    numeric(24)
  ))
  cat("\n", design, "\n", sep = "")
  print(round(rbind(rows, if (replicates > 1) colMeans(rows)), 3))
}

arguments <- commandArgs(TRUE)
if (length(arguments)) {
  given <- as.integer(arguments[-1])
  run(arguments[1], if (length(given)) given[1] else 1, if (length(given) > 1) given[2] else 1)
} else {
  for (design in c("big_L:200:5:G1", "big_L:200:5:G1b", "big_L:200:5:G2",
                   "big_L:200:5:G3", "big_L:200:5:G4:estimate", "big_L:100:5:G2")) {
    run(design)
  }
}
