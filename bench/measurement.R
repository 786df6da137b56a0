# The measurement model on tasks with known answers: what is asked of it, and what
# comes out. Evidence models, representations and real people have scripts of their
# own beside this one.
#
#   Rscript bench/measurement.R [replicates = 3] [section ...]
#
# Sections: boards, fixed_point, reading, oracle, learned, unrelated,
# own_temperature, small_boards, tower_of_london, threads, growth, seven. Pictures go
# to bench/out.

suppressMessages(library(psyrl))
internal <- asNamespace("psyrl")
arguments <- commandArgs(TRUE)
is_number <- grepl("^[0-9]+$", arguments)
replicates <- if (any(is_number)) as.integer(arguments[is_number][1]) else 3L
wanted <- arguments[!is_number]

seconds <- function(expr) system.time(expr, gcFirst = FALSE)[["elapsed"]]
mean_of <- function(rows) colMeans(do.call(rbind, rows))

show <- function(what, asked, measured) {
  cat(sprintf("%-46s | %-26s | %s\n", what, asked, measured))
}

numbers <- function(x, digits = 4) {
  paste(names(x), format(round(x, digits), nsmall = 0, trim = TRUE), collapse = ", ")
}

# People who follow the hard values of a board whose rewards are divided by the RMS
# of its centred values.
study <- function(board, n, episodes, seed) {
  task <- internal$rescale_rewards(peg_solitaire(board))
  values <- solve_mdp(task, temperature = 0)
  set.seed(seed)
  players(task, values, n, episodes)
}

players <- function(task, values, n, episodes) {
  z <- stats::rnorm(n, -0.5, 1)
  names(z) <- sprintf("p%04d", seq_len(n))
  log <- as.data.frame(simulate_trajectories(task, exp(z), episodes, values = values))
  log$beta <- NULL
  list(task = task, values = values, z = z, log = log)
}

oracle <- function(study) {
  rlmm(study$log, study$task, q_known(study$values),
    control = rlmm_control(mu = -0.5, sigma = 1)
  )
}

# People who follow values that have nothing to do with the task: a random two-layer
# network on the board's cells, an output a jump, root mean square 1.
unrelated_study <- function(n, episodes, seed, hidden = 32) {
  task <- internal$rescale_rewards(peg_solitaire("4x4"))
  set.seed(seed)
  cells <- do.call(rbind, strsplit(gsub("/", "", task$states), "")) == "1"
  layer <- function(x, units) {
    x %*% matrix(stats::rnorm(ncol(x) * units, 0, 2 / sqrt(ncol(x))), ncol(x))
  }
  output <- layer(tanh(layer(cbind(1, cells), hidden)), length(task$actions))
  pairs <- internal$task_pairs(task)
  q <- output[as.matrix(pairs)]
  values <- data.frame(
    state = task$states[pairs$state], action = task$actions[pairs$action],
    q = q / internal$identify_(task, q, "center")$rms
  )
  players(task, values, n, episodes)
}

recovery <- function(fit, z) {
  scores <- persons(fit)
  true <- z[as.character(scores$person)]
  estimate <- scores$log_estimate
  c(
    r = stats::cor(estimate, true), spearman = stats::cor(estimate, true, method = "spearman"),
    rmse = sqrt(mean((estimate - true)^2)),
    coverage = mean(log(scores$conf_low) < true & true < log(scores$conf_high))
  )
}

# Coverage of z where the common scale of values is a convention.
relative_coverage <- function(fit, z) {
  scores <- persons(fit)
  true <- z[as.character(scores$person)]
  true <- true + mean(scores$log_estimate - true)
  mean(log(scores$conf_low) < true & true < log(scores$conf_high))
}

# Posterior means and quantiles of z on a grid of 8001 points, in plain R.
fine_grid <- function(study) {
  values <- study$values
  pair <- match(
    paste(study$log$state, study$log$action, sep = "\r"),
    paste(values$state, values$action, sep = "\r")
  )
  state <- factor(values$state, unique(values$state))
  node <- seq(-7, 6, length.out = 8001)
  log_sum <- vapply(exp(node), function(beta) {
    log(rowsum(exp(beta * (values$q - values$v)), state)[, 1]) +
      beta * values$v[!duplicated(state)]
  }, numeric(nlevels(state)))
  t(vapply(split(pair, study$log$person), function(chosen) {
    visits <- tabulate(state[chosen], nlevels(state))
    log_posterior <- exp(node) * sum(values$q[chosen]) -
      drop(visits %*% log_sum) + stats::dnorm(node, -0.5, 1, log = TRUE)
    weight <- exp(log_posterior - max(log_posterior))
    weight <- weight / sum(weight)
    limit <- stats::approx(cumsum(weight) - weight / 2, node, c(.025, .975),
      ties = "ordered"
    )$y
    c(mean = sum(weight * node), low = limit[1], high = limit[2])
  }, numeric(3)))
}

sections <- list()

sections$boards <- function() {
  boards <- c("tiny_cross", "diamond", "big_L", "big_cross", "4x4")
  solve_all <- function() {
    lapply(boards, function(b) solve_mdp(peg_solitaire(b), temperature = 0))
  }
  solved <- solve_all()
  elapsed <- min(replicate(5, seconds(solve_all())))
  start <- vapply(solved, function(s) s$v[1], 0)
  show(
    "states", "22, 153, 807, 5923, 9336",
    toString(vapply(boards, function(b) length(peg_solitaire(b)$states), 0))
  )
  show(
    "hard V0", "91.159/85.481/76.391/79.972/74.627", toString(format(start, digits = 5))
  )
  show("all five boards built and solved", "< .2 s", paste(elapsed, "s"))
}

sections$fixed_point <- function() {
  for (n in c(50, 500)) {
    for (discount in c(.99, .9999)) {
      set.seed(n)
      task <- random_mdp(n, 4, discount = discount)
      elapsed <- seconds(solution <- internal$solve_task(task))
      show(
        sprintf("soft fixed point, %d states, discount %s", n, discount),
        "1e-9 in <= 3 Newton steps",
        numbers(c(
          steps = solution$factorisations, seconds = elapsed,
          residual = utils::tail(solution$residuals, 1)
        ), 12)
      )
    }
  }
}

# A million rows from labels to counts.
sections$reading <- function() {
  log <- study("big_L", 10000, 9, 1)$log
  labels <- c("person", "state", "action", "next_state")
  log[labels] <- lapply(log[labels], as.character)
  task <- peg_solitaire("big_L")
  elapsed <- seconds(counted <- counts(as_trajectories(log), task))
  show(
    paste(format(nrow(log), big.mark = ","), "rows read, checked, counted"),
    "about 2 s", paste(round(elapsed, 2), "s")
  )
}

# Known values, then values found by default, on the same people.
sections$oracle <- function() {
  rows <- lapply(seq_len(replicates), function(seed) {
    s <- study("4x4", 200, 50, seed)
    known <- oracle(s)
    grid <- fine_grid(s)
    scores <- persons(known)
    grid <- grid[as.character(scores$person), ]
    elapsed <- seconds(default <- rlmm(s$log, s$task))
    hard <- rlmm(s$log, s$task, q_task(temperature = 0))
    c(
      known = recovery(known, s$z),
      gap = max(abs(scores$log_estimate - grid[, "mean"])),
      gap_ends = max(abs(log(cbind(scores$conf_low, scores$conf_high)) - grid[, -1])),
      default = recovery(default, s$z), hard = recovery(hard, s$z), seconds = elapsed
    )
  })
  all <- do.call(rbind, rows)
  average <- colMeans(all)
  part <- function(name) {
    x <- average[grep(paste0("^", name, "\\."), names(average))]
    stats::setNames(x, sub(".*\\.", "", names(x)))
  }
  show("4x4 values known", "r .96-.97, rho .977-.983", numbers(part("known")))
  show("  scores against a fine grid", "<= .002", format(max(all[, "gap"]), digits = 2))
  show("  interval ends", "<= .02", format(max(all[, "gap_ends"]), digits = 2))
  show("4x4 by default", "within .005 of known", numbers(part("default")))
  show("4x4, temperature 0", "within .005 of known", numbers(part("hard")))
  show("  rlmm(data frame, task)", "< 5 s", paste(round(average["seconds"], 2), "s"))
}

sections$learned <- function() {
  known_lambda <- bellman(lambda = 50, temperature = 0)
  models <- list(
    "bellman(50, 0), marginal" = list(known_lambda, "marginal"),
    "bellman(50, 0), joint" = list(known_lambda, "joint"),
    "bellman_none(), marginal" = list(bellman_none(), "marginal")
  )
  studies <- lapply(seq_len(replicates), function(seed) study("4x4", 200, 50, seed))
  show("4x4 values known", "", numbers(mean_of(
    lapply(studies, function(s) recovery(oracle(s), s$z))
  )))
  for (name in names(models)) {
    m <- models[[name]]
    rows <- lapply(studies, function(s) {
      elapsed <- seconds(fit <- suppressWarnings(
        rlmm(s$log, s$task, q_table(), consistency = m[[1]], estimator = m[[2]])
      ))
      c(recovery(fit, s$z), seconds = elapsed, converged = fit$status == "converged")
    })
    show(name, "within .01 of known, < 15 s", numbers(mean_of(rows)))
  }
}

# Scales of values cannot be compared here, only persons.
sections$unrelated <- function() {
  for (seed in seq_len(replicates)) {
    s <- unrelated_study(200, 50, seed)
    cat("people", seed, "\n")
    known <- oracle(s)
    show("values known", "", numbers(c(
      recovery(known, s$z)[1:2], nll = -mean(log(fitted(known)))
    )))
    warned <- character()
    default <- withCallingHandlers(rlmm(s$log, s$task), psyrl_warning_meaning = function(w) {
      warned <<- c(warned, substr(conditionMessage(w), 1, 60))
    })
    legal <- diff(s$task$layout$state_start)
    uniform <- mean(log(legal[match(s$log$state, s$task$states)]))
    show("default", "warns; NLL near uniform", numbers(c(
      recovery(default, s$z)[1:2], nll = -mean(log(fitted(default))), uniform = uniform
    )))
    cat(paste0("  warning: ", warned, "...\n"), sep = "")
    for (model in c("free", "evidence")) {
      peak <- peak_memory(used <- system.time(
        fit <- suppressWarnings(rlmm(s$log, s$task, q_table(),
          consistency = if (model == "free") bellman_none() else bellman()
        ))
      ))
      show(
        c(free = "bellman_none()", evidence = "everything estimated")[[model]],
        c(free = "r >= .98", evidence = "r >= .975, large s")[[model]],
        paste0(
          numbers(c(
            recovery(fit, s$z)[1:2], coverage = relative_coverage(fit, s$z),
            s = fit$values$residual_sd_relative
          )), ", ",
          round(sum(used[1:2])), " s of processor time, ", round(peak, 2), " GB, ",
          fit$status
        )
      )
    }
  }
}

# Everybody plans with the own temperature; the prior is the generator's for the
# oracle, which knows everything but the person.
sections$own_temperature <- function() {
  rows <- lapply(seq_len(replicates), function(seed) {
    task <- internal$rescale_rewards(peg_solitaire("4x4"))
    set.seed(seed)
    z <- stats::rnorm(200, -0.5, 1)
    names(z) <- sprintf("p%04d", seq_along(z))
    log <- do.call(rbind, lapply(names(z), function(person) {
      values <- solve_mdp(task, temperature = exp(-z[[person]]))
      as.data.frame(simulate_trajectories(task, exp(z[person]), 50, values = values))
    }))
    log$beta <- NULL
    elapsed <- seconds(fit <- rlmm(log, task, q_task("person")))
    known <- rlmm(log, task, q_task("person"),
      control = rlmm_control(mu = -0.5, sigma = 1)
    )
    c(fit = recovery(fit, z), known = recovery(known, z), seconds = elapsed)
  })
  average <- mean_of(rows)
  show("planners with own temperatures", "rho >= .98, < 60 s", numbers(
    average[c("fit.spearman", "fit.r", "fit.coverage", "seconds")], 3
  ))
  show("  population known", "", numbers(average[c("known.spearman", "known.r")], 3))
}

sections$small_boards <- function() {
  # Spearman and RMSE of log beta of the oracle of the method's specification.
  asked <- rbind(
    "4x4" = c(.984, .274), big_L = c(.945, .281), diamond = c(.988, .180),
    big_cross = c(.969, .241), tiny_cross = c(.983, .182)
  )
  for (board in rownames(asked)) {
    both <- mean_of(lapply(seq_len(replicates), function(seed) {
      s <- study(board, 200, 50, 100 + seed)
      c(known = recovery(oracle(s), s$z), default = recovery(rlmm(s$log, s$task), s$z))
    }))
    show(
      paste(board, "200 x 50"),
      sprintf("rho %.3f, rmse %.3f", asked[board, 1], asked[board, 2]),
      numbers(both[c(
        "known.spearman", "default.spearman", "known.rmse", "default.rmse"
      )], 3)
    )
  }
}

# Values -(1 + moves left): the published reference for these people.
sections$tower_of_london <- function() {
  task <- tower_of_london()
  values <- solve_mdp(task, temperature = 0)
  values$q <- -(1 + log(values$q) / log(task$discount))
  fit <- suppressWarnings(
    rlmm(trajectories(tower_of_london_moves), task, q_known(values))
  )
  retest <- persons(fit, newdata = trajectories(tower_of_london_retest))
  criteria <- tower_of_london_persons
  criteria$retest <- retest$log_estimate[match(criteria$person, retest$person)]
  correlations <- criterion_cor(fit, ~ ravens + crt + retest, data = criteria)
  show(
    "Tower of London, known values", "Raven's .23 CRT .17 retest .19",
    toString(round(correlations$estimate, 3))
  )
  show("  mean and SD of log beta, nats a move", ".49 (.38), 1.173", numbers(c(
    mean = mean(persons(fit)$log_estimate), coef(fit)["sigma"],
    nats = -mean(log(fitted(fit)))
  )))
}

sections$threads <- function() {
  s <- study("4x4", 200, 50, 1)
  fit <- function(n) rlmm(s$log, s$task, control = rlmm_control(threads = n))
  one <- fit(1)
  two <- fit(2)
  same <- identical(persons(one), persons(two)) && identical(coef(one), coef(two))
  times <- vapply(1:2, function(n) min(replicate(3, seconds(fit(n)))), 0)
  show("threads 1 and 2", "identical", paste0(
    same, ", speed-up ", round(times[1] / times[2], 2)
  ))
  resident("VmRSS", reset = TRUE)
  fit(2)
  show("memory of the whole process, peak", "< 1.5 GB", paste(
    round(resident("VmHWM")), "MB"
  ))
}

# Memory that one call needs beyond what was there (peak resident set, where the
# system tells), and processor seconds, averaged over as many calls as fill .3 s.
cost <- function(call) {
  gc()
  before <- resident("VmRSS", reset = TRUE)
  call()
  peak <- resident("VmHWM")
  start <- proc.time()
  n <- 0
  repeat {
    call()
    n <- n + 1
    used <- sum((proc.time() - start)[1:2])
    if (used > .3) break
  }
  c(seconds = used / n, megabytes = peak - before)
}

resident <- function(field, reset = FALSE) {
  status <- "/proc/self/status"
  if (!file.exists(status)) return(NA_real_)
  if (reset) try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
  line <- grep(field, readLines(status), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

# Time and memory of a fit against persons, decisions and pairs, over three decades
# each: from a data frame and once it is counted.
sections$growth <- function() {
  many <- function(...) do.call(rbind, Map(growth_case, ...))
  cases <- rbind(
    many("persons", "big_L", c(20, 200, 2000, 20000), 2),
    many("persons, short logs", "tiny_cross", c(20, 200, 2000, 20000), 2),
    many("decisions", "big_L", 100, c(1, 10, 100, 1000)),
    many("pairs", c("tiny_cross", "big_L", "diamond", "4x4"), 100, 10)
  )
  print(cases, digits = 3, row.names = FALSE)
  dir.create("bench/out", FALSE, TRUE)
  plot_growth(cases, "bench/out/growth.png")
}

# In a process of its own, so that memory given back by others does not hide what is
# needed.
growth_case <- function(along, board, n, episodes) {
  cluster <- parallel::makePSOCKcluster(1)
  on.exit(parallel::stopCluster(cluster))
  parallel::clusterEvalQ(cluster, {
    library(psyrl)
    internal <- asNamespace("psyrl")
  })
  parallel::clusterExport(cluster, c("study", "players", "cost", "resident"))
  parallel::clusterCall(cluster, function(along, board, n, episodes) {
    tiny <- study("tiny_cross", 20, 2, 1)
    rlmm(tiny$log, tiny$task) # loads what has not been loaded
    s <- study(board, n, episodes, 1)
    whole <- cost(function() rlmm(s$log, s$task))
    counted <- counts(as_trajectories(s$log), s$task)
    data.frame(
      along = along, persons = n, decisions = nrow(s$log), pairs = nrow(s$values),
      t(whole), once_counted = cost(function() rlmm(counted, s$task))[["seconds"]]
    )
  }, along, board, n, episodes)[[1]]
}

plot_growth <- function(cases, file) {
  grDevices::png(file, 1600, 800, res = 110)
  on.exit(grDevices::dev.off())
  graphics::par(mfrow = c(2, 4), mar = c(4, 4, 2, 1))
  colours <- c("grey40", "#1b6ca8")
  lines <- list(seconds = c("seconds", "once_counted"), megabytes = "megabytes")
  for (what in names(lines)) {
    at_least <- function(x) pmax(as.matrix(x[lines[[what]]]), .01)
    for (axis in unique(cases$along)) {
      x <- cases[cases$along == axis, ]
      graphics::matplot(x[[sub(",.*", "", axis)]], at_least(x),
        type = "b", pch = 16, lty = 1, log = "xy", xlab = axis, ylab = what,
        ylim = range(at_least(cases)), col = colours, main = paste(
          if (what == "seconds") "Processor time" else "Memory of the call", "against",
          axis
        )
      )
      if (what == "seconds") {
        graphics::legend("topleft", c("from a data frame", "once counted"),
          col = colours, pch = 16, bty = "n"
        )
      }
    }
  }
}

# Largest memory of the process while `expr` runs, in GB (Linux; NA elsewhere).
peak_memory <- function(expr) {
  gc()
  resident("VmRSS", reset = TRUE)
  force(expr)
  resident("VmHWM") / 1024
}

# The English board: people who follow its exact values, scored by values of several
# kinds.
sections$seven <- function() {
  task <- peg_solitaire("7x7")
  elapsed <- seconds(size <- internal$board_size_(internal$board_positions(task$board)))
  show(
    "7x7: positions up to symmetry, moves", "23475688, 186020935",
    paste0(toString(size), ", ", round(elapsed, 1), " s")
  )
  elapsed <- seconds(v <- solve_mdp(task, temperature = 0)$v[1])
  show("  hard V0 (31 jumps, solved)", "47.200374", paste0(
    format(v, digits = 8), ", ", round(elapsed, 1), " s"
  ))
  s <- study("7x7", 200, 50, 1)
  show("  root mean square of values in random play", "", numbers(c(
    rms = task$board$rewards[2] / s$task$board$rewards[2]
  )))
  fixed <- rlmm_control(mu = -0.5, sigma = 1)
  fit <- function(...) rlmm(s$log, s$task, ...)
  alone <- function(values) fit(values, consistency = bellman_none())
  held <- function(values) fit(values, consistency = bellman(.05, 0))
  network <- q_network(c(32, 32))
  # What is asked, and the fit.
  models <- list(
    "exact values and prior" = list(
      "oracle", quote(fit(q_task(temperature = 0), control = fixed))
    ),
    "linear, behaviour alone" = list("< 5 min", quote(alone(q_linear()))),
    "linear, bellman(.05, 0)" = list("< 5 min", quote(held(q_linear()))),
    "by default" = list("< 10 min, 4 GB", quote(fit())),
    "network, behaviour alone" = list("rho .95, < 10 min, 4 GB", quote(alone(network))),
    "network, bellman(.05, 0)" = list("< 10 min, 4 GB", quote(held(network)))
  )
  for (name in names(models)) {
    set.seed(1)
    peak <- peak_memory(time <- system.time(
      found <- suppressWarnings(eval(models[[name]][[2]]))
    ))
    show(
      paste("7x7, 200 x 50:", name), models[[name]][[1]],
      paste0(
        numbers(recovery(found, s$z)), ", ", round(time[["elapsed"]]), " s (processor ",
        round(sum(time[1:2])), "), ", round(peak, 2), " GB, ", found$status
      )
    )
  }
}

unknown <- setdiff(wanted, names(sections))
if (length(unknown)) stop("no such section: ", toString(unknown))
for (name in if (length(wanted)) wanted else names(sections)) {
  cat("\n##", name, "\n")
  sections[[name]]()
}
