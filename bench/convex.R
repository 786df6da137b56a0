# The convex method on the 6000 benchmark episodes of Zhu et al. (2026): accuracy,
# bounds, certificates and times, beside the published numbers (convex-published.csv:
# the stored results of the authors' notebooks, solver trust-constr).
#
#   Rscript bench/convex.R [episodes = 1000] [settings = BSC-2,BSC-10,IND-2,...]
#
# One thread. Needs the shared fixtures (PSYRL_SHARED) and, for the oracle, the
# ECOSolveR and Matrix packages. Results go to bench/out/convex.txt. Errors of
# parameters are Euclidean distances; times are milliseconds an episode.

suppressMessages(library(psyrl))
core <- asNamespace("psyrl")

arguments <- commandArgs(TRUE)
n_episodes <- if (length(arguments) > 0) as.numeric(arguments[1]) else 1000
chosen <- if (length(arguments) > 1) strsplit(arguments[2], ",")[[1]]

shared <- Sys.getenv("PSYRL_SHARED", "../shared")
episodes <- utils::read.csv(
  file.path(shared, "fixtures", "bandit_convex_benchmark_episodes.csv.gz"),
  colClasses = "character"
)
published <- utils::read.csv("bench/convex-published.csv")

# The generator's boxes, and the levels of the exact fits and of certificates.
settings <- data.frame(
  setup = rep(c("BSC", "IND", "SUB"), each = 2), arms = rep(c(2, 10), 3),
  beta_lower = rep(c(0, 5), 3), beta_upper = rep(c(5, 10), 3),
  choice_upper = rep(c(2, 5), 3),
  ml = c(.00308, .00293, .00756, .0209, .0109, .0185),
  posterior = c(.00256, .00245, NA, NA, NA, NA),
  certified = c(NA, NA, 99, NA, 85, NA),
  full_ms = 10, p5_ms = 1.3, mixture_ms = 2.7, ml_ms = 13
)
settings$name <- paste(settings$setup, settings$arms, sep = "-")
settings$share <- ifelse(settings$setup == "BSC", "all", "arm")
channels_of <- function(s) if (s$setup == "SUB") c("outcome", "choice") else "outcome"

# ---- printing ----------------------------------------------------------------

line <- function(...) cat(sprintf(...), "\n", sep = "")
quartiles <- function(x) {
  if (all(is.na(x))) return("-")
  q <- signif(stats::quantile(x, c(.5, .25, .75), na.rm = TRUE), 3)
  sprintf("%g (%g, %g)", q[1], q[2], q[3])
}
stored <- function(s, method, what) {
  row <- published[
    published$setup == s$setup & published$arms == s$arms & published$method == method, ]
  x <- unlist(row[paste0(what, c("", "_low", "_high"))])
  if (!length(x) || anyNA(x)) return("-")
  x <- x * if (what == "seconds") 1000 else 1
  sprintf("%g (%g, %g)", x[1], x[2], x[3])
}
level <- function(what, asked, measured, reached) {
  line("%-58s | %-28s | %s%s", what, asked, measured, if (reached) "" else "  MISSED")
}

# ---- episodes and their truth ------------------------------------------------

numbers <- function(x) as.numeric(strsplit(x, " ")[[1]])
digits <- function(x) as.integer(strsplit(x, "")[[1]])

setting_choices <- function(rows) {
  choices(data.frame(
    person = rep(seq_len(nrow(rows)), each = 200),
    choice = unlist(lapply(rows$actions, digits)) + 1,
    outcome = unlist(lapply(rows$rewarded, digits))
  ), options = seq_len(as.integer(rows$arms[1])))
}

# One value an option and channel, from one or all.
expand <- function(x, arms, channels) {
  if (length(x) == channels) rep(x, each = arms) else x
}

# Log choice probabilities of a forgetting bandit in plain R; the benchmark's
# simulator starts every channel at 1.
bandit_policy <- function(row, alpha, beta, start = 0) {
  arms <- as.integer(row$arms)
  channels <- if (row$setup == "SUB") 2 else 1
  actions <- digits(row$actions)
  rewarded <- digits(row$rewarded)
  alpha <- matrix(expand(alpha, arms, channels), arms)
  beta <- matrix(expand(beta, arms, channels), arms)
  z <- matrix(start, arms, channels)
  x <- matrix(0, length(actions), arms)
  for (t in seq_along(actions)) {
    x[t, ] <- rowSums(z)
    u <- matrix(0, arms, channels)
    u[actions[t] + 1, ] <- c(rewarded[t], 1)[seq_len(channels)]
    z <- z + alpha * (beta * u - z)
  }
  x <- x - apply(x, 1, max)
  x - log(rowSums(exp(x)))
}

over_rows <- function(rows, f) {
  vapply(seq_len(nrow(rows)), function(e) f(rows[e, ], e), 1)
}
divergence <- function(truth, fitted) mean(rowSums(exp(truth) * (truth - fitted)))

kl_of_parameters <- function(rows, truth, found) {
  over_rows(rows, function(row, e) {
    divergence(truth[[e]], bandit_policy(row, found$alpha[e, ], found$beta[e, ]))
  })
}
kl_of_fit <- function(rows, truth, fit) {
  p <- matrix(pmax(predict(fit)$probability, 1e-300), as.integer(rows$arms[1]))
  over_rows(rows, function(row, e) {
    divergence(truth[[e]], log(t(p[, (e - 1) * 200 + 1:200])))
  })
}
parameter_error <- function(rows, found, what) {
  over_rows(rows, function(row, e) {
    truth <- numbers(row[[what]])
    sqrt(sum((truth - found[[what]][e, seq_along(truth)])^2))
  })
}
loss_at_truth <- function(rows) {
  over_rows(rows, function(row, e) {
    chosen <- cbind(seq_len(200), digits(row$actions) + 1)
    -sum(bandit_policy(row, numbers(row$alpha), numbers(row$beta))[chosen])
  })
}

# ---- fits --------------------------------------------------------------------

spec_of <- function(s, relaxation = "monotone", horizon = Inf, boxed = FALSE) {
  spec <- core$convex_spec(s$share, relaxation, horizon)
  if (boxed) {
    spec$beta_lower <- c(s$beta_lower, 0)
    spec$beta_upper <- c(s$beta_upper, s$choice_upper)
  }
  spec
}

milliseconds <- function(f, n) {
  time <- system.time(value <- f(), gcFirst = FALSE)[["user.self"]]
  list(value = value, ms = 1000 * time / n)
}

# Maximum likelihood in the generator's box: by rlearn() where one range of beta holds
# for all, by the core where each channel has its own.
ml_in_box <- function(s, data) {
  if (s$setup == "SUB") {
    return(core$convex_ml_(
      core$convex_trials(data, channels_of(s)), spec_of(s, boxed = TRUE), 2L, 1, 1
    ))
  }
  model <- forgetting_bandit(s$share, beta_range = c(s$beta_lower, s$beta_upper))
  fit <- rlearn(data, model, "ml", control = rlearn_control(threads = 1))
  split_parameters(coef(fit))
}
posterior_in_box <- function(s, data) {
  prior <- uniform_prior(
    c(alpha = 0, beta = s$beta_lower), c(alpha = 1, beta = s$beta_upper)
  )
  model <- forgetting_bandit(beta_range = c(s$beta_lower, s$beta_upper))
  split_parameters(coef(rlearn(data, model, "map", prior = prior)))
}
split_parameters <- function(x) {
  beta <- startsWith(colnames(x), "beta")
  list(alpha = x[, !beta, drop = FALSE], beta = x[, beta, drop = FALSE])
}

run_setting <- function(s) {
  rows <- episodes[episodes$setup == s$setup & episodes$arms == s$arms, ]
  rows <- rows[seq_len(min(n_episodes, nrow(rows))), ]
  n <- nrow(rows)
  data <- setting_choices(rows)
  line("\n== %s arms, %d episodes of 200 trials", s$name, n)
  relax <- function(...) {
    milliseconds(function() {
      convex_relaxation(
        data, s$share, channels_of(s), ..., control = convex_control(threads = 1)
      )
    }, n)
  }
  fits <- list(
    monotone = relax(), mixture = relax(relaxation = "mixture"), short = relax(horizon = 5)
  )
  accuracy_table(s, rows, data, fits)
  line("\n%-58s | %-28s | %s", "what", "level", "measured")
  time_levels(s, data, fits, n)
  bound_levels(s, rows, data, fits)
}

accuracy_table <- function(s, rows, data, fits) {
  truth <- lapply(seq_len(nrow(rows)), function(e) {
    bandit_policy(rows[e, ], numbers(rows$alpha[e]), numbers(rows$beta[e]), start = 1)
  })
  line("%-30s | %-33s | %s", "method (median, quartiles)", "measured", "published")
  show <- function(name, method, kl, found = NULL) {
    line("%-30s | %-33s | %s %s", paste(name, "KL"), quartiles(kl), method,
      stored(s, method, "kl"))
    for (what in if (!is.null(found)) c("alpha", "beta")) {
      line("%-30s | %-33s | %s %s", paste("  error of", what),
        quartiles(parameter_error(rows, found, what)), method, stored(s, method, what))
    }
  }
  kernel <- function(fit) kl_of_fit(rows, truth, fit$value)
  parameters <- function(found) kl_of_parameters(rows, truth, found)
  trials <- core$convex_trials(data, channels_of(s))
  recovered <- function(horizon) {
    core$convex_relax_(trials, spec_of(s, "monotone", horizon, TRUE), 1)
  }
  show("monotone kernel", "CVX", kernel(fits$monotone))
  show("truncated kernel", "CVX-T", kernel(fits$short))
  show("mixture kernel", "-", kernel(fits$mixture))
  full <- recovered(Inf)
  show("recovered, monotone", "CVX-LOC", parameters(full), full)
  short <- recovered(5)
  show("recovered, truncated", "CVX-LOC-T", parameters(short), short)
  ml <- ml_in_box(s, data)
  kl <- parameters(ml)
  show("maximum likelihood, aligned", "D-LOC", kl, ml)
  if (s$setup == "BSC") {
    mean <- posterior_in_box(s, data)
    show("posterior mean", "MC", parameters(mean), mean)
    # The level was measured with this rule, which leaves out the box's margins.
    coarse <- core$convex_posterior_(trials, spec_of(s, boxed = TRUE), 12L, 1)
    kl_mean <- parameters(coarse)
    show("posterior mean, 12 x 12 points", "MC", kl_mean, coarse)
    level("KL of the posterior mean, 12 x 12 points, median", signif(s$posterior, 3),
      signif(median(kl_mean), 3), signif(median(kl_mean), 3) <= s$posterior)
  }
  level("KL of maximum likelihood, median", signif(s$ml, 3), signif(median(kl), 3),
    signif(median(kl), 3) <= s$ml)
}

# Times from R of all episodes in one call, and of the core an episode at a time.
time_levels <- function(s, data, fits, n) {
  seconds <- vapply(fits, function(fit) fit$ms * n / 1000, 1)
  level("seconds from R for all: kernel + recovery + bound", "< 10 each",
    paste(names(seconds), signif(seconds, 3), collapse = ", "), all(seconds < 10))
  few <- data[seq_len(min(40, n))]
  each <- lapply(few$persons, function(p) {
    core$convex_trials(few[as.character(p)], channels_of(s))
  })
  # Seconds of the processor: others may be using the machine.
  median_ms <- function(run) {
    stats::median(vapply(each, function(trials) {
      100 * system.time(for (i in 1:10) run(trials), gcFirst = FALSE)[["user.self"]]
    }, 1))
  }
  relax <- function(...) {
    spec <- spec_of(s, ...)
    median_ms(function(trials) core$convex_relax_(trials, spec, 1))
  }
  show <- function(what, ms, limit, method) {
    level(paste("ms an episode:", what), sprintf("<= %g", limit),
      sprintf("%.2f (published: %s)", ms, stored(s, method, "seconds")), ms <= limit)
  }
  show("truncated at 5", relax("monotone", 5), s$p5_ms, "CVX-T")
  show("monotone", relax(), s$full_ms, "CVX")
  show("mixture", relax("mixture"), s$mixture_ms, "-")
  boxed <- spec_of(s, boxed = TRUE)
  ml <- median_ms(function(trials) core$convex_ml_(trials, boxed, 2L, 1, 1))
  show("maximum likelihood, convex starts", ml, s$ml_ms, "D-LOC")
}

# Certificates for beta up to 200, an episode at a time.
certify_all <- function(s, data, max_nodes) {
  trials <- core$convex_trials(data, channels_of(s))
  start <- core$convex_ml_(trials, spec_of(s), 2L, 1, 1)[c("alpha", "beta")]
  parts <- lapply(seq_along(data$persons), function(e) {
    one <- core$convex_trials(data[e], channels_of(s))
    here <- lapply(start, function(x) x[e, , drop = FALSE])
    run <- milliseconds(function() {
      core$certify_problems(one, spec_of(s), here, 0.01, max_nodes, 1)
    }, 1)
    cbind(as.data.frame(run$value), ms = run$ms)
  })
  do.call(rbind, parts)
}

bound_levels <- function(s, rows, data, fits) {
  found <- certify_all(s, data, if (s$arms == 2) 3000 else 300)
  proved <- found$best - found$lower_bound <= 0.01
  share <- 100 * mean(proved)
  level("certified to .01 nats, % of episodes",
    if (is.na(s$certified)) "-" else sprintf(">= %g", s$certified), signif(share, 4),
    is.na(s$certified) || share >= s$certified)
  level("  ms of a certificate, nodes", if (s$arms == 2) "median < 50" else "-",
    paste0(quartiles(found$ms), "; ", quartiles(found$nodes)),
    s$arms == 10 || median(found$ms) < 50)
  level("  local fit was the global one, % of the certified", "-",
    signif(100 * mean((found$objective - found$best <= 0.01)[proved]), 4), TRUE)
  monotone <- fits$monotone$value
  mixture <- fits$mixture$value
  order_levels(monotone, mixture, found, loss_at_truth(rows))
  level("gap to the monotone bound; to the mixture bound, nats", "-",
    paste0(quartiles(found$best - monotone$lower_bound), "; ",
      quartiles(found$best - mixture$lower_bound)), TRUE)
  level("truncated optimum above the best fit, % of episodes", "-",
    signif(100 * mean(fits$short$value$objective > found$best + 1e-6), 3), TRUE)
  worst <- function(what) {
    max(abs(monotone$certificate[[what]]), abs(mixture$certificate[[what]]))
  }
  level("largest KKT residual", "<= 1e-8", signif(worst("kkt"), 2), worst("kkt") <= 1e-8)
  level("entropy identity off by at most", "<= 1e-6", signif(worst("entropy_gap"), 2),
    worst("entropy_gap") <= 1e-6)
}

order_levels <- function(monotone, mixture, found, truth) {
  slack <- 1e-6
  broken <- c(
    sum(monotone$lower_bound > mixture$objective + slack),
    sum(monotone$objective > mixture$objective + slack),
    sum(mixture$lower_bound > found$best + slack),
    sum(found$lower_bound > found$best + slack), sum(found$best > truth + slack)
  )
  level("order-1 <= mixture <= certified <= truth, violations", "0",
    paste(broken, collapse = " "), all(broken == 0))
}

# ---- the oracle --------------------------------------------------------------

run_oracle <- function() {
  if (!requireNamespace("ECOSolveR", quietly = TRUE)) {
    return(line("\n== no oracle: the ECOSolveR package is not installed"))
  }
  source("tests/testthat/helper-convex-oracle.R", local = TRUE)
  line("\n== exponential-cone solver (ECOS), ten episodes, horizon 40")
  off <- ours <- theirs <- numeric()
  for (s in split(settings[c(1, 3), ], 1:2)) {
    rows <- episodes[episodes$setup == s$setup & episodes$arms == s$arms, ][1:5, ]
    data <- setting_choices(rows)
    for (e in 1:5) {
      problem <- cone_programme(data[e], s$share, 40, 200)
      time <- system.time(oracle <- solve_cone_programme(problem))[["elapsed"]]
      trials <- core$convex_trials(data[e])
      spec <- spec_of(s, "monotone", 40)
      mine <- system.time(for (i in 1:20) {
        found <- core$convex_relax_(trials, spec, 1)
      })[["elapsed"]] / 20
      off <- c(off, abs(oracle$summary[["pcost"]] - found$objective))
      ours <- c(ours, mine)
      theirs <- c(theirs, time)
    }
  }
  level("largest difference of objectives", "<= 1e-6", signif(max(off), 2),
    max(off) <= 1e-6)
  level("our time as a share of the oracle's", "<= 0.1",
    signif(median(ours / theirs), 3), median(ours / theirs) <= 0.1)
}

dir.create("bench/out", showWarnings = FALSE)
sink("bench/out/convex.txt", split = TRUE)
line("psyrl %s, %s, one thread", utils::packageVersion("psyrl"), R.version.string)
for (i in which(settings$name %in% (if (length(chosen)) chosen else settings$name))) {
  run_setting(settings[i, ])
}
run_oracle()
sink()
