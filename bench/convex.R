# The convex method on the 6000 benchmark episodes of Zhu et al. (2026): accuracy,
# bounds, certificates and times, beside the published numbers.
#
#   Rscript bench/convex.R [episodes = 1000] [certified = 200] [oracle = 10]
#
# One thread. Needs the shared fixtures (PSYRL_SHARED) and, for the oracle, the
# ECOSolveR package. Results go to bench/out/convex.txt.

suppressMessages(library(psyrl))
core <- asNamespace("psyrl")

arguments <- as.numeric(commandArgs(TRUE))
n_episodes <- if (length(arguments) > 0) arguments[1] else 1000
n_certified <- if (length(arguments) > 1) arguments[2] else 200
n_oracle <- if (length(arguments) > 2) arguments[3] else 10

shared <- Sys.getenv("PSYRL_SHARED", "../shared")
episodes <- utils::read.csv(
  file.path(shared, "fixtures", "bandit_convex_benchmark_episodes.csv.gz"),
  colClasses = "character"
)

# The generator's boxes and the published medians (CVX-LOC and the misaligned D-LOC,
# trust-constr; MC; Clarabel's seconds for CVX, seconds in all for CVX-LOC).
settings <- data.frame(
  setup = rep(c("BSC", "IND", "SUB"), each = 2), arms = rep(c(2, 10), 3),
  beta_lower = rep(c(0, 5), 3), beta_upper = rep(c(5, 10), 3),
  target_ml = c(.00308, .00293, .00756, .0209, .0109, .0185),
  cvx_loc = c(.0043, .0053, .0116, .0339, .0193, .0306),
  d_loc = c(.0065, .0092, .0140, .0338, .0166, .0238),
  mc = c(.0027, .0023, .0062, .0113, .0086, .0091),
  cvx_seconds = c(.053, .074, .080, .171, .186, .283),
  loc_seconds = c(.061, .081, .093, .190, .205, .301)
)

numbers <- function(x) as.numeric(strsplit(x, " ")[[1]])
digits <- function(x) as.integer(strsplit(x, "")[[1]])
quartiles <- function(x) {
  q <- signif(stats::quantile(x, c(.5, .25, .75), na.rm = TRUE), 3)
  sprintf("%g (%g, %g)", q[1], q[2], q[3])
}
milliseconds <- function(f) {
  start <- Sys.time()
  value <- f()
  list(value, 1000 * as.numeric(Sys.time() - start, units = "secs"))
}
line <- function(...) cat(sprintf(...), "\n", sep = "")

setting_choices <- function(rows) {
  choices(data.frame(
    person = rep(seq_len(nrow(rows)), each = 200),
    choice = unlist(lapply(rows$actions, digits)) + 1,
    outcome = unlist(lapply(rows$rewarded, digits))
  ), options = seq_len(as.integer(rows$arms[1])))
}

# Values of a forgetting bandit; the benchmark's simulator starts every channel at 1.
bandit_values <- function(actions, rewarded, arms, alpha, beta, start = 0) {
  k <- length(alpha) / arms
  x <- matrix(0, length(actions), arms)
  for (i in seq_len(k)) {
    a <- alpha[(i - 1) * arms + seq_len(arms)]
    b <- beta[(i - 1) * arms + seq_len(arms)]
    z <- rep(start, arms)
    for (t in seq_along(actions)) {
      x[t, ] <- x[t, ] + z
      u <- numeric(arms)
      u[actions[t] + 1] <- if (i == 1) rewarded[t] else 1
      z <- z + a * (b * u - z)
    }
  }
  x
}
log_softmax <- function(x) {
  x <- x - apply(x, 1, max)
  x - log(rowSums(exp(x)))
}
expand <- function(x, arms, k) if (length(x) == k) rep(x, each = arms) else x

# Mean KL divergence of the true from the fitted policy.
policy_kl <- function(row, log_p) {
  arms <- as.integer(row$arms)
  k <- if (row$setup == "SUB") 2 else 1
  truth <- log_softmax(bandit_values(
    digits(row$actions), digits(row$rewarded), arms,
    expand(numbers(row$alpha), arms, k), expand(numbers(row$beta), arms, k), 1
  ))
  mean(rowSums(exp(truth) * (truth - log_p)))
}
kl_of_parameters <- function(rows, alpha, beta) {
  vapply(seq_len(nrow(rows)), function(e) {
    row <- rows[e, ]
    arms <- as.integer(row$arms)
    k <- if (row$setup == "SUB") 2 else 1
    policy_kl(row, log_softmax(bandit_values(
      digits(row$actions), digits(row$rewarded), arms,
      expand(alpha[e, ], arms, k), expand(beta[e, ], arms, k)
    )))
  }, 1)
}
kl_of_fit <- function(rows, fit, arms) {
  p <- matrix(pmax(predict(fit)$probability, 1e-300), arms)
  vapply(seq_len(nrow(rows)), function(e) {
    policy_kl(rows[e, ], log(t(p[, (e - 1) * 200 + 1:200])))
  }, 1)
}
loss_at_truth <- function(rows) {
  vapply(seq_len(nrow(rows)), function(e) {
    row <- rows[e, ]
    arms <- as.integer(row$arms)
    k <- if (row$setup == "SUB") 2 else 1
    a <- digits(row$actions)
    l <- log_softmax(bandit_values(
      a, digits(row$rewarded), arms,
      expand(numbers(row$alpha), arms, k), expand(numbers(row$beta), arms, k)
    ))
    -sum(l[cbind(seq_along(a), a + 1)])
  }, 1)
}

# Medians of single-episode times inside the core.
core_times <- function(data, spec, n = 50) {
  f <- function(spec, run) {
    stats::median(vapply(seq_len(min(n, length(data$persons))), function(e) {
      trials <- core$convex_trials(data[e], spec$channels)
      milliseconds(function() run(trials, spec$spec))[[2]]
    }, 1))
  }
  c(
    p5 = f(spec(relaxation = "monotone", horizon = 5), function(t, s) core$convex_relax_(t, s, 1)),
    full = f(spec(relaxation = "monotone"), function(t, s) core$convex_relax_(t, s, 1)),
    mixture = f(spec(relaxation = "mixture"), function(t, s) core$convex_relax_(t, s, 1)),
    ml = f(spec(relaxation = "mixture"), function(t, s) core$convex_ml_(t, s, 2, 1, 1))
  )
}

run_setting <- function(s) {
  rows <- episodes[episodes$setup == s$setup & episodes$arms == s$arms, ]
  rows <- rows[seq_len(min(n_episodes, nrow(rows))), ]
  data <- setting_choices(rows)
  share <- if (s$setup == "BSC") "all" else "arm"
  channels <- if (s$setup == "SUB") c("outcome", "choice") else "outcome"
  line("\n== %s, %g arms, %d episodes of 200 trials", s$setup, s$arms, nrow(rows))

  control <- convex_control(threads = 1)
  solve <- function(...) convex_relaxation(data, share, channels, ..., control = control)
  monotone <- milliseconds(function() solve())
  mixture <- milliseconds(function() solve(relaxation = "mixture"))
  short <- milliseconds(function() solve(horizon = 5))
  line(
    "seconds from R, kernel + recovery + bound of all: monotone %.2f, mixture %.2f, truncated %.2f (level: < 10)",
    monotone[[2]] / 1000, mixture[[2]] / 1000, short[[2]] / 1000
  )
  make_spec <- function(relaxation, horizon = Inf, beta = c(0, 200)) {
    list(channels = channels, spec = core$convex_spec(share, relaxation, horizon, beta))
  }
  times <- core_times(data, make_spec)
  line(
    "ms an episode, median: p = 5 %.2f, full %.2f, mixture %.2f, exact ML %.2f (published: Clarabel alone %g, in all %g)",
    times[["p5"]], times[["full"]], times[["mixture"]], times[["ml"]],
    1000 * s$cvx_seconds, 1000 * s$loc_seconds
  )

  box <- c(s$beta_lower, s$beta_upper)
  boxed <- ml_in_box(data, rows, s, share, channels, box)
  kl_ml <- kl_of_parameters(rows, boxed$alpha, boxed$beta)
  line(
    "KL, median (quartiles): exact ML in the box %s; level %g; CVX-LOC stored %g, D-LOC stored %g, MC stored %g",
    quartiles(kl_ml), s$target_ml, s$cvx_loc, s$d_loc, s$mc
  )
  line("KL of monotone kernel %s, mixture %s, truncated %s",
    quartiles(kl_of_fit(rows, monotone[[1]], s$arms)),
    quartiles(kl_of_fit(rows, mixture[[1]], s$arms)),
    quartiles(kl_of_fit(rows, short[[1]], s$arms))
  )
  if (s$setup == "BSC") {
    spec <- core$convex_spec("all", beta = box)
    posterior <- milliseconds(function() {
      core$convex_posterior_(core$convex_trials(data), spec, 12L, 1)
    })
    line("KL of the quadrature posterior mean %s, %.2f ms an episode (level: .00256 / .00245)",
      quartiles(kl_of_parameters(rows, posterior[[1]]$alpha, posterior[[1]]$beta)),
      posterior[[2]] / nrow(rows)
    )
  }
  certificates(data, rows, s, share, channels, monotone[[1]], mixture[[1]], short[[1]])
}

# SUB's second channel has its own range of beta: the core is given both.
ml_in_box <- function(data, rows, s, share, channels, box) {
  spec <- core$convex_spec(share, beta = box)
  if (s$setup == "SUB") {
    spec$beta_lower <- c(box[1], 0)
    spec$beta_upper <- c(box[2], if (s$arms == 2) 2 else 5)
  }
  core$convex_ml_(core$convex_trials(data, channels), spec, 2L, 1, 1)
}

certificates <- function(data, rows, s, share, channels, monotone, mixture, short) {
  n <- min(n_certified, nrow(rows))
  spec <- core$convex_spec(share)
  start <- core$convex_ml_(core$convex_trials(data, channels), spec, 2L, 1, 1)
  truth <- loss_at_truth(rows)
  elapsed <- numeric(n)
  found <- vector("list", n)
  for (e in seq_len(n)) {
    trials <- core$convex_trials(data[e], channels)
    one <- milliseconds(function() {
      core$certify_problems(
        trials, spec, lapply(start[c("alpha", "beta")], function(x) x[e, , drop = FALSE]),
        0.01, if (s$arms == 2) 3000 else 100, 1
      )
    })
    found[[e]] <- one[[1]]
    elapsed[e] <- one[[2]]
  }
  found <- do.call(rbind, lapply(found, as.data.frame))
  line(
    "certified to .01 nats: %.1f %% of %d, nodes %s, ms %s; local fit was global in %.1f %% of the certified",
    100 * mean(found$best - found$lower_bound <= 0.01), n, quartiles(found$nodes),
    quartiles(elapsed),
    100 * mean((found$objective - found$best <= 0.01)[found$best - found$lower_bound <= 0.01])
  )
  ml <- start$objective
  ml[seq_len(n)] <- found$best
  line("gap of ML to the bounds: monotone %s, mixture %s nats",
    quartiles(ml - monotone$lower_bound), quartiles(ml - mixture$lower_bound)
  )
  slack <- 1e-6
  line(
    "violations of order-1 <= mixture %d, mixture <= ML %d, certified bound <= ML %d, ML <= truth %d of %d",
    sum(monotone$objective > mixture$objective + slack),
    sum(mixture$lower_bound > ml + slack), sum(found$lower_bound > found$best + slack),
    sum(ml > truth + slack), nrow(rows)
  )
  line(
    "truncated optimum above ML in %.1f %%; KKT at most %.1e and %.1e; entropy identity off by at most %.1e and %.1e",
    100 * mean(short$objective > ml + slack), max(monotone$certificate$kkt),
    max(mixture$certificate$kkt), max(abs(monotone$certificate$entropy_gap)),
    max(abs(mixture$certificate$entropy_gap))
  )
}

dir.create("bench/out", showWarnings = FALSE)
sink("bench/out/convex.txt", split = TRUE)
line("psyrl %s, %s, one thread", utils::packageVersion("psyrl"), R.version.string)
for (i in seq_len(nrow(settings))) run_setting(settings[i, ])
sink()
