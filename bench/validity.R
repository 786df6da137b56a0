# Are intervals honest, and do the tools of a test developer do what they promise?
#
#   Rscript bench/validity.R [rows [replicates]]
#
# `rows` are names of the studies below, joined by commas, or `all` (the default, with
# few replicates). Prints what was asked, the level and what was measured.
# PSYRL_WORLD names a folder with trajectories_world.csv.gz for the study of speed
# with many persons, which is left out without it.

library(psyrl)
internal <- asNamespace("psyrl")
quietly <- function(code) suppressWarnings(code, classes = "psyrl_warning")
arguments <- commandArgs(TRUE)
replicates <- if (length(arguments) > 1) as.integer(arguments[2])

row <- function(what, level, measured) {
  cat(sprintf("%-58s | %-20s | %s\n", what, level, measured))
}
percent <- function(x) sub("^0", "", sprintf("%.3f", x))
# Whether the truth lies between the two columns (or, of one term, elements) of limits.
covered <- function(ends, truth) {
  ends <- matrix(ends, ncol = 2)
  ends[, 1] < truth & truth < ends[, 2]
}

# --- Coverage of joint intervals with estimated values --------------------------

# Values in units of the RMS of centred values under random play. G1b, G2, G3 as in
# bench/evidence.R; `own` has residuals that are rewards, as the fitted model says (G3's
# noise on values is not passed on to earlier states).
true_values <- function(task, generator) {
  unit <- internal$value_rms(task)
  if (generator == "own") {
    s <- .3
    reward <- task$layout$reward
    task$layout$reward <- reward / unit + rnorm(length(reward), 0, s)
    return(internal$solve_task(task, sqrt(.1^2 + (s / 4)^2))$q)
  }
  q <- internal$solve_task(task, if (generator == "G1b") .2 * unit else 0)$q / unit
  if (generator == "G3") q <- q + rnorm(length(q), 0, .5)
  q
}

pair_frame <- function(task, q) {
  pairs <- internal$task_pairs(task)
  data.frame(state = task$states[pairs$state], action = task$actions[pairs$action], q = q)
}

coverage_once <- function(board, n, generator, episodes, seed) {
  set.seed(1000 * seed + n)
  task <- peg_solitaire(board)
  unit <- internal$value_rms(task)
  q <- true_values(task, generator)
  z <- setNames(rnorm(n, -.5), sprintf("p%04d", seq_len(n)))
  log <- simulate_trajectories(task, exp(z), episodes, pair_frame(task, q))
  fit <- quietly(rlmm(log, task, q_table()))
  inside <- covered(confint(fit, scale = "log") + log(unit), z)
  third <- cut(rank(z), 3, labels = FALSE)
  visited <- unique(internal$task_pairs(task)$state[fit$counts$pair + 1])
  at <- internal$task_pairs(task)$state %in% visited &
    diff(task$layout$state_start)[internal$task_pairs(task)$state] > 1
  truth <- internal$identify_(task, q * unit, "center")$advantage
  population <- confint(fit, "population")
  c(
    all = mean(inside), low = mean(inside[third == 1]),
    middle = mean(inside[third == 2]), high = mean(inside[third == 3]),
    mu = covered(population["mu", ], -.5 - log(unit)),
    sigma = covered(population["sigma", ], 1),
    advantages = mean(covered(confint(fit, "values"), truth)[at], na.rm = TRUE)
  )
}

coverage <- function(n_replicates = replicates %||% 2) {
  for (generator in c("G1b", "G2", "G3", "own")) {
    for (n in c(100, 200)) {
      coverage_row("big_L", n, generator, 5, n_replicates)
    }
  }
}

coverage_4x4 <- function(n_replicates = replicates %||% 1) {
  for (generator in c("G1b", "G2")) coverage_row("4x4", 200, generator, 50, n_replicates)
}

coverage_row <- function(board, n, generator, episodes, n_replicates) {
  found <- vapply(seq_len(n_replicates), function(seed) {
    coverage_once(board, n, generator, episodes, seed)
  }, numeric(7))
  mean <- rowMeans(found, na.rm = TRUE)
  row(
    sprintf("%s, %d x %d, %s: coverage of log beta (%d)", board, n, episodes, generator, n_replicates),
    ".92 - .97",
    sprintf(
      "%s; thirds %s; mu %s, sigma %s; advantages %s", percent(mean["all"]),
      paste(percent(mean[2:4]), collapse = " "), percent(mean["mu"]),
      percent(mean["sigma"]), percent(mean["advantages"])
    )
  )
}

# The default: values of the task, temperature estimated.
coverage_exact <- function(n_replicates = replicates %||% 20) {
  task <- peg_solitaire("big_L")
  unit <- internal$value_rms(task)
  q <- true_values(task, "G1b")
  found <- vapply(seq_len(n_replicates), function(seed) {
    set.seed(seed)
    z <- setNames(rnorm(100, -.5), sprintf("p%03d", 1:100))
    log <- simulate_trajectories(task, exp(z), 5, pair_frame(task, q))
    fit <- quietly(rlmm(log, task))
    population <- confint(fit, "population")[c("mu", "sigma", "temperature"), ]
    c(
      mean(covered(confint(fit, scale = "log") + log(unit), z)),
      covered(population, c(-.5 - log(unit), 1, .2 * unit))
    )
  }, numeric(4))
  mean <- percent(rowMeans(found, na.rm = TRUE))
  row(
    sprintf("exact values, big_L, 100 x 5, G1b: coverage (%d)", n_replicates), ".92 - .97",
    sprintf("log beta %s, mu %s, sigma %s, temperature %s", mean[1], mean[2], mean[3], mean[4])
  )
}

# Few parameters behind values or rewards: 60 persons x 2 episodes of 8 steps on a task
# of eight states. Values follow features but for what the task says; rewards are
# features', learned exactly or beside values.
coverage_represented <- function(n_replicates = replicates %||% 20) {
  for (kind in c("q_linear", "q_network", "rewards, exact", "rewards beside values")) {
    found <- vapply(
      seq_len(n_replicates), represented_once, numeric(4), kind
    )
    mean <- percent(rowMeans(found, na.rm = TRUE))
    row(
      sprintf("%s, 60 x 16 decisions: coverage (%d)", kind, n_replicates), ".92 - .97",
      sprintf(
        "log beta %s (plug-in %s), advantages %s, rewards %s", mean[1], mean[2],
        mean[3], mean[4]
      )
    )
  }
}

represented_once <- function(seed, kind) {
  set.seed(seed)
  task <- random_mdp(states = 8, actions = 3, discount = .8)
  n_pairs <- length(task$layout$reward)
  task$features <- data.frame(a = rnorm(n_pairs), b = rnorm(n_pairs))
  weights <- c(1, -1)
  task$layout$reward <- drop(as.matrix(task$features) %*% weights)
  task["next_reward"] <- list(NULL)
  values <- solve_mdp(task, .3)
  if (startsWith(kind, "q_")) {
    task$features$q <- values$q
    # As far from the task as its residuals' SD of .3 says.
    off <- rnorm(2, 0, .3 / sqrt(n_pairs))
    values$q <- values$q + drop(as.matrix(task$features[c("a", "b")]) %*% off)
  }
  z <- setNames(rnorm(60, 0, .6), sprintf("p%02d", 1:60))
  log <- simulate_trajectories(task, exp(z), 2, values = values, max_steps = 8)
  held <- bellman(lambda = 1 / (2 * .3^2), temperature = .3)
  by_feature <- reward_linear(~ 0 + a + b)
  fit <- quietly(switch(kind,
    q_linear = rlmm(log, task, q_linear(~ 0 + q + a + b), consistency = held),
    q_network = rlmm(log, task, q_network(~ q + a + b, hidden = 2),
      consistency = held
    ),
    "rewards, exact" = rlmm(log, task, q_task(temperature = .3), reward = by_feature),
    rlmm(log, task, q_table(),
      reward = by_feature, consistency = held, identify = "center",
      control = rlmm_control(mu = 0)
    )
  ))
  truth <- internal$identify_(task, values$q, "center")$advantage
  if (fit$spec$identify == "global_rms") {
    rms <- internal$identify_(task, values$q, "center")$rms
    truth <- truth / rms
    z <- z + base::log(rms)
  }
  inside <- function(ends, truth) mean(covered(ends, truth), na.rm = TRUE)
  c(
    inside(quietly(confint(fit, scale = "log")), z),
    inside(confint(fit, scale = "log", method = "plugin"), z),
    inside(confint(fit, "values"), truth),
    if (startsWith(kind, "q_")) NA else inside(confint(fit, "rewards"), weights)
  )
}

# --- Simulation-based calibration -----------------------------------------------

# Everything drawn from the hyper-priors (mu, whose own is flat, from N(-.5, .5^2)),
# inside the sampler's bounds; 60 persons x 5 episodes.
calibration_once <- function(seed, task, unit) {
  set.seed(seed)
  drawn <- function(mean, sd, from, to) {
    repeat if ((x <- exp(rnorm(1, base::log(mean), sd))) > from && x < to) return(x)
  }
  s <- drawn(.1, 2, 0, 5)
  tau <- drawn(.2, 2, 0, 5)
  sigma <- drawn(.7, 1, .12, 4.5)
  mu <- rnorm(1, -.5, .5)
  moved <- task
  moved$layout$reward <- task$layout$reward / unit + s * rnorm(length(task$layout$reward))
  q <- internal$solve_task(moved, sqrt(tau^2 + (s / 4)^2))$q
  z <- setNames(rnorm(60, mu, sigma), sprintf("p%02d", 1:60))
  log <- simulate_trajectories(task, exp(z), 5, pair_frame(task, q))
  # A limit that never binds keeps the free table out, which would take over at large s.
  fit <- quietly(rlmm(log, task, q_table(),
    consistency = bellman(residual_sd_max = 1e6 * unit)
  ))
  posterior <- fit$posterior
  z_at <- z - base::log(unit)
  rank_z <- vapply(seq_along(z), function(j) {
    w <- posterior$weight[, j]
    approx(posterior$nodes, cumsum(w) - w / 2, z_at[j], rule = 2)$y
  }, numeric(1))
  # The model's prior of mu is flat: its draws count by the prior mu came from.
  drawn <- fit$engine$drawn
  if (is.null(drawn)) stop("no draws")
  prior <- dnorm(drawn[, "mu"], -.5, .5)
  rank_of <- function(term, truth) sum(prior[drawn[, term] < truth]) / sum(prior)
  c(
    rank_of("mu", mu), rank_of("log_sigma", base::log(sigma)),
    rank_of("log_residual_sd", base::log(s)), rank_z
  )
}

calibration <- function(n_replicates = replicates %||% 30) {
  task <- peg_solitaire("tiny_cross")
  unit <- internal$value_rms(task)
  found <- vapply(seq_len(n_replicates), calibration_once, numeric(63), task, unit)
  uniform <- function(x, bins) {
    x <- x[!is.na(x)]
    suppressWarnings(chisq.test(tabulate(pmin(bins, 1 + floor(bins * x)), bins))$p.value)
  }
  # A few persons of each replicate: all of one replicate share its values.
  p <- c(
    "log beta" = uniform(found[4:8, ], 10), mu = uniform(found[1, ], 5),
    sigma = uniform(found[2, ], 5), s = uniform(found[3, ], 5)
  )
  row(
    sprintf("simulation-based calibration (%d)", n_replicates), "p > .01",
    paste(names(p), percent(p), collapse = ", ")
  )
}

# --- The arrow --------------------------------------------------------------------

arrow <- function() {
  # The dense information, written out from definitions, is the test's.
  path <- file.path("tests", "testthat", "helper-arrow.R")
  if (!file.exists(path)) return(invisible())
  sys.source(path, helper <- new.env(parent = internal))
  set.seed(4)
  task <- random_mdp(states = 12, actions = 3, discount = .9)
  log <- simulate_trajectories(task, setNames(exp(rnorm(15, 0, .6)), letters[1:15]), 3,
    max_steps = 8
  )
  fit <- quietly(rlmm(log, task, q_table(),
    consistency = bellman(lambda = 3, temperature = .5), estimator = "joint"
  ))
  found <- internal$arrow(fit)
  dense <- helper$dense_information(
    fit, found$z, coef(fit)[["mu"]], coef(fit)[["sigma"]], 3, .5
  )
  own <- length(fit$values$q) + 2 + seq_len(15)
  error <- max(abs((1 / found$person + found$shared) / diag(solve(dense))[own] - 1))
  row("arrow formula against the dense information", "1e-8", sprintf("%.1e", error))
}

# --- The mixture of values held by given numbers, against a long chain ------------

# Preconditioned Crank-Nicolson: proposals keep the prior of u, so only the likelihood
# (traits integrated out) decides. Persons' moments are averaged along the chain.
mixture <- function(steps = 20000) {
  small <- rbind(c(0, 1, 1, 0), c(1, 0, 1, 1), c(0, 1, 1, 0))
  boards <- list("tiny cross" = "tiny_cross", "3x4" = small, "big cross" = "big_cross")
  for (name in names(boards)) mixture_on(name, boards[[name]], steps)
}

mixture_on <- function(name, board, steps) {
  set.seed(2)
  task <- peg_solitaire(board)
  unit <- internal$value_rms(task)
  task$layout$reward <- task$layout$reward / unit
  q <- internal$solve_task(task, .2)$q + rnorm(length(task$layout$reward), 0, .3)
  z <- setNames(rnorm(30, -.5), sprintf("p%02d", 1:30))
  log <- simulate_trajectories(task, exp(z), 3, pair_frame(task, q))
  fit <- quietly(rlmm(log, task, q_table(),
    consistency = bellman(lambda = 1 / (2 * .3^2), temperature = .2),
    control = rlmm_control(mu = -.5, sigma = 1)
  ))
  nodes <- fit$posterior$nodes
  moments <- function(u) {
    moved <- task
    moved$layout$reward <- task$layout$reward + .3 * u
    values <- list(advantage = internal$identify_(
      task, internal$solve_task(moved, .2)$q, "center"
    )$advantage)
    at <- internal$trait_posterior(
      nodes, internal$grid_log_lik(internal$problem_of(fit), values, nodes),
      rep(-.5, 30), 1, 1L
    )
    c(sum(at$log_marginal), colSums(at$weight * nodes), colSums(at$weight * nodes^2))
  }
  u <- rnorm(length(q)) * 0
  here <- moments(u)
  width <- .3
  total <- accepted <- 0
  kept <- steps - steps %/% 10
  for (i in seq_len(steps)) {
    trial <- sqrt(1 - width^2) * u + width * rnorm(length(u))
    there <- moments(trial)
    if (base::log(runif(1)) < there[1] - here[1]) {
      u <- trial
      here <- there
      accepted <- accepted + 1
    }
    if (i > steps - kept) total <- total + here
    else width <- min(1, width * exp((accepted / i - .25) / sqrt(i)))
  }
  mean <- total[1 + 1:30] / kept
  sd <- sqrt(total[31 + 1:30] / kept - mean^2)
  found <- internal$posterior_summary(fit$posterior)
  row(
    sprintf(
      "mixture against a chain of %d, %s (kept: %s)", steps, name,
      !is.null(fit$engine$draws)
    ),
    ".05 SD; 5 %",
    sprintf(
      "mean within %.3f SD (largest %.3f); SD %.1f %% (mean), %.1f %% (largest)",
      mean(abs(found[, "mean"] - mean) / sd), max(abs(found[, "mean"] - mean) / sd),
      100 * mean(abs(found[, "sd"] / sd - 1)), 100 * max(abs(found[, "sd"] / sd - 1))
    )
  )
}

# --- Influence, person fit, differential functioning, plausible values --------------

influences <- function() {
  set.seed(1)
  task <- peg_solitaire("big_L")
  z <- setNames(rnorm(40, -.5), sprintf("p%02d", 1:40))
  q <- true_values(task, "G2")
  log <- simulate_trajectories(task, exp(z), 5, pair_frame(task, q))
  fit <- quietly(rlmm(log, task, q_known(pair_frame(task, q))))
  exact <- influence(fit)
  rows <- sample(nrow(exact), 40)
  brute <- vapply(rows, function(i) {
    rest <- persons(fit, internal$keep_rows(fit$data, -i))
    at <- match(exact$person[i], rest$person)
    rest$log_estimate[at] - persons(fit)$log_estimate[match(exact$person[i], persons(fit)$person)]
  }, numeric(1))
  row("influence against scoring again without the step", "1e-6",
    sprintf("%.1e", max(abs(brute - exact$influence[rows]))))
  mode <- influence(fit, type = "mode")$influence
  step <- influence(fit, type = "one_step")$influence
  matters <- abs(mode) > 1e-3
  row("one-step formula against the exact change of the mode", ".09 / .07", sprintf(
    "median error %.3f of the change; %.3f weighted by its size",
    median(abs(step / mode - 1)[matters]), sum(abs(step - mode)) / sum(abs(mode))
  ))
}

# 60 decisions a person; from 31 on beta falls to 30 %, or 30 % are random.
person_fits <- function(n = replicates %||% 500) {
  set.seed(1)
  task <- random_mdp(states = 12, actions = 3, discount = .9)
  values <- solve_mdp(task, 0)
  values$q <- 2 * values$advantage / sd(values$advantage)
  beta <- setNames(rep(1, n), sprintf("p%04d", seq_len(n)))
  decide <- function(beta) {
    as.data.frame(simulate_trajectories(task, beta, values = values, max_steps = 30))
  }
  log_of <- function(first, second) {
    second$step <- second$step + 30
    both <- rbind(first, second)
    both <- both[order(both$person, both$step), ]
    both$episode <- ifelse(both$step < 31, 1, 2)
    both
  }
  test <- function(log) {
    fit <- quietly(rlmm(
      trajectories(log[c("person", "episode", "step", "state", "action")]), task,
      q_known(values), control = rlmm_control(mu = 0, sigma = .6)
    ))
    found <- person_fit(fit, n = 299)
    c(mean(found$drift_p_value < .05), mean(found$infit_p_value < .05))
  }
  null <- test(log_of(decide(beta), decide(beta)))
  drift <- test(log_of(decide(beta), decide(.3 * beta)))
  mixed <- log_of(decide(3 * beta), decide(3 * beta))
  random <- runif(nrow(mixed)) < .3
  mixed$action[random] <- sample(unique(mixed$action), sum(random), replace = TRUE)
  careless <- test(mixed)
  row(sprintf("person fit: size of drift (%d persons)", n), ".04 - .06", percent(null[1]))
  row("  size of infit", ".04 - .06", percent(null[2]))
  row("  power of drift, beta to 30 % half-way", ">= .53", percent(drift[1]))
  row("  power of infit, 30 % random", ">= .5", percent(careless[2]))
}

# 200 a group, 5 episodes on a board; the second group follows a tenth of the visited
# states with log beta .5 higher.
functioning_once <- function(seed, shift) {
  set.seed(seed)
  task <- random_mdp(states = 40, actions = 3, discount = .9)
  values <- solve_mdp(task, 0)
  values$q <- 2 * values$advantage / sd(values$advantage)
  odd <- sample(task$states, 4)
  steep <- values
  steep$q <- steep$q * ifelse(steep$state %in% odd, exp(shift), 1)
  beta <- setNames(exp(rnorm(400, 0, .6)), sprintf("p%03d", 1:400))
  group <- setNames(rep(c("a", "b"), each = 200), names(beta))
  play <- function(who, values) {
    as.data.frame(simulate_trajectories(task, beta[group == who], 5,
      values = values, max_steps = 12
    ))
  }
  log <- rbind(play("a", values), play("b", steep))
  fit <- quietly(rlmm(
    trajectories(log[c("person", "episode", "step", "state", "action")]), task,
    q_known(values)
  ))
  rest <- setdiff(task$states, odd)
  classes <- setNames(
    c(rep("odd", 4), paste0("rest", rep_len(1:9, length(rest)))), c(odd, rest)
  )
  found <- dif(fit, group, classes = classes)
  c(found$p_value[found$state_class == "odd"] < .05, mean(found$p_value < .05))
}

functioning <- function(n_replicates = replicates %||% 20) {
  null <- vapply(seq_len(n_replicates), functioning_once, numeric(2), shift = 0)
  moved <- vapply(seq_len(n_replicates), functioning_once, numeric(2), shift = .5)
  row(sprintf("differential functioning: size (%d tests)", 10 * n_replicates),
    ".04 - .06", percent(mean(null[2, ])))
  row(sprintf("  power, shift .5 in a tenth of the states (%d)", n_replicates),
    ">= .8", percent(mean(moved[1, ])))
}

plausible <- function(n_replicates = replicates %||% 10) {
  task <- peg_solitaire("big_L")
  q <- true_values(task, "G2")
  for (r in c(0, .3, .6)) {
    bias <- vapply(seq_len(n_replicates), function(seed) {
      set.seed(seed)
      z <- setNames(rnorm(500, -.5), sprintf("p%03d", 1:500))
      criterion <- r * (z + .5) + sqrt(1 - r^2) * rnorm(500)
      log <- simulate_trajectories(task, exp(z), 1, pair_frame(task, q))
      fit <- quietly(rlmm(log, task, q_known(pair_frame(task, q))))
      found <- criterion_cor(fit, criterion, plausible = 10)
      c(found$latent, found$estimate) - cor(z, criterion)
    }, numeric(2))
    row(
      sprintf("plausible values, r = %.1f: bias (%d)", r, n_replicates), "<= .02",
      sprintf("%+.3f (of the scores' own correlation: %+.3f)", mean(bias[1, ]), mean(bias[2, ]))
    )
  }
}

# --- Speed -----------------------------------------------------------------------

speed <- function() {
  set.seed(1)
  task <- peg_solitaire("4x4")
  q <- true_values(task, "G1b")
  z <- setNames(rnorm(200, -.5), sprintf("p%03d", 1:200))
  log <- simulate_trajectories(task, exp(z), 5, pair_frame(task, q))
  timed <- function(code) sprintf("%.1f s (user CPU)", sum(system.time(code)[c(1, 4)]))
  fitting <- timed(fit <- quietly(rlmm(log, task, q_table())))
  row("joint intervals, 4x4, J = 200, values learned", "< 20 s",
    paste0(timed(confint(fit)), " after a fit of ", fitting))
  row("  by the arrow", "< 20 s", timed(quietly(internal$arrow(fit))))
  fit <- quietly(rlmm(log, task))
  row("  exact values", "< 20 s", timed(confint(fit)))
  world <- file.path(Sys.getenv("PSYRL_WORLD"), "trajectories_world.csv.gz")
  if (!file.exists(world)) return(invisible())
  steps <- trajectories(utils::read.csv(world), person = "id")
  log <- counts(steps)
  fit <- quietly(rlmm(log, as_mdp(steps, discount = .9)))
  row("joint intervals, 16,763 persons, exact values", "< 10 s", timed(confint(fit)))
  row("  by the arrow (values learned)", "< 10 s", {
    table <- quietly(rlmm(log, fit$task, q_table()))
    timed(quietly(confint(table)))
  })
}

`%||%` <- function(x, y) if (is.null(x)) y else x
studies <- list(
  arrow = arrow, influence = influences, person_fit = person_fits, dif = functioning,
  plausible = plausible, coverage_exact = coverage_exact, coverage = coverage,
  coverage_represented = coverage_represented, calibration = calibration,
  mixture = mixture, speed = speed, coverage_4x4 = coverage_4x4
)
asked <- strsplit(c(arguments, "all")[1], ",")[[1]]
if (identical(asked, "all")) asked <- setdiff(names(studies), "coverage_4x4")
row("what", "level", "measured")
for (name in asked) studies[[name]]()
