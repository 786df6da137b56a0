# The evidence model: values learned from behaviour, held to the task by residuals of
# rewards or of values, with everything estimated (src/core/measurement/evidence.h).
# Internal: rlmm() calls fit_evidence().

# What is estimated and what is fixed, in the user's reward units. `NULL` is
# "estimate".
evidence_spec <- function(residual_sd = NULL, temperature = NULL,
                          discount = c("task", "estimate", "choose"),
                          backup = c("soft", "mellow"), residual_sd_max = Inf,
                          residual_as = c("reward", "value"),
                          mu = NULL, sigma = NULL) {
  list(
    residual_sd = residual_sd, temperature = temperature,
    discount = match.arg(discount), backup = match.arg(backup),
    residual_sd_max = residual_sd_max, residual_as = match.arg(residual_as), mu = mu,
    sigma = sigma
  )
}

# `nodes` of the trait between `from` and `to`, which are log beta for rewards in
# units of `reward_scale`. `mode_iterations`: Newton steps where the values' mode is all
# that is asked; `max_iterations`: rounds of a search for more. `draws` of the posterior
# in each of two chains in a round; 0 leaves the values at their mode. At most `rounds`,
# until chains agree to `rhat` on the later half of them, which is what counts.
# `checkpoint`, `callback`, `verbose`: rlmm_control().
evidence_control <- function(nodes = 91, from = -7, to = 6.5, starts = 1,
                             mode_iterations = 200, max_iterations = 25, draws = 60,
                             rounds = 16, rhat = 1.2, seed = 1, threads = NULL,
                             checkpoint = NULL, callback = NULL, verbose = FALSE) {
  list(
    grid = c(from, to, nodes), starts = starts, mode_iterations = mode_iterations,
    max_iterations = max_iterations, draws = draws, rounds = rounds, rhat = rhat,
    seed = seed, threads = threads, checkpoint = checkpoint, callback = callback,
    verbose = verbose
  )
}

# Fits the evidence model. `task` is a psyrl_mdp with known rewards, `data` a list
# `person_start, pair, count` of aligned sparse counts (0-based, pairs ascending
# within person) and, optionally, `design`, a matrix with a row a person for the
# mean of log beta (default: an intercept).
#
# Everything comes back in the user's reward units:
#   q, advantage [n_pairs], v [n_states]          values reported: their mean over the
#       draws, or at the mode where there are none; delta [n_pairs] their residuals
#   coefficients, mu, sigma                       population of log beta
#   residual_sd, lambda, temperature, discount, reward_scale
#   effective_values, evidence, loglik, status
#   trace         the rounds of the search, then the stages of the draws at the mean of
#       their parameters: `start` 0, no objective
#   departure     of choices from the exact model in standard errors; NaN: not asked
#   information, gradient of the evidence over `parameters`
#   node [K], posterior [J x K] (the one to report), posterior_mode
#   draws: list(q [n_pairs x D], coefficients, sigma), and drawn [n x parameters], both
#       in units of reward_scale
#   seconds_search, seconds
#
# `declined`: a function of what the search has found, in units of `reward_scale`, that
# tells whether draws can be spared.
fit_evidence <- function(task, data, spec = evidence_spec(),
                         control = evidence_control(),
                         declined = function(found) FALSE) {
  ask <- list(
    task = task, data = evidence_data(data, task), spec = spec, control = control
  )
  key <- evidence_key(ask)
  run <- resumed_run(control$checkpoint, key) %||% searched(ask)
  repeat {
    if (!is.null(run$state)) keep_run(control$checkpoint, key, run)
    if (!is.null(run$status)) break
    if (run$state$stage == 0 && declined(run$found)) {
      run$status <- run$found$status
      break
    }
    run <- next_stage(run, ask)
  }
  fit <- run$found
  fit$status <- run$status
  fit$spec <- spec
  fit$grid <- control$grid
  in_reward_units(fit, task)
}

# What a fit depends on, but for where it stops.
evidence_key <- function(ask) {
  c(
    ask$task[c("layout", "discount")], ask[c("data", "spec")],
    ask$control[c("grid", "starts", "max_iterations", "draws", "seed")]
  )
}

call_core <- function(core, ask, ...) {
  core(
    ask$task, ask$data, ask$spec, ask$control, ...,
    threads = resolve_threads(ask$control$threads)
  )
}

# The mode, as what is `found` so far, and the `state` in which draws begin.
searched <- function(ask) {
  started <- proc.time()[["elapsed"]]
  found <- call_core(search_evidence_, ask)
  if (found$status == "non_finite") abort_not_finite()
  # Draws from a mode that was not reached would be others.
  state <- if (found$status != "interrupted") found$sampler
  found$sampler <- NULL
  found$trace <- evidence_trace(found$trace)
  found$parameters <- evidence_parameters(found, ask$data)
  found$sampled <- FALSE
  found$seconds <- found$seconds_search <- proc.time()[["elapsed"]] - started
  run <- list(found = found, state = state, rounds = 0)
  if (!notify(ask$control, found$trace[nrow(found$trace), ])) {
    run$status <- "interrupted"
  } else if (is.null(state)) {
    run$status <- found$status
  }
  run
}

abort_not_finite <- function() {
  abort_input("consistency", c(
    "The likelihood is not finite with the numbers that were given.",
    paste0(
      "Leave lambda and temperature in bellman() to be estimated, or give others; ",
      "rlmm_control(mu = , sigma = ) can be out of range, too."
    )
  ))
}

# One more stage of draws, or the reason why there is none; then what was found before
# stays.
next_stage <- function(run, ask) {
  if (run$rounds >= ask$control$rounds) {
    run$status <- "max_iterations"
    return(run)
  }
  started <- proc.time()[["elapsed"]]
  stage <- call_core(sample_evidence_, ask, run$state)
  if (is.null(stage$state)) {
    run$status <- if (stage$interrupted) "interrupted" else "non_finite"
    return(run)
  }
  run$state <- stage$state
  trace <- run$found$trace
  row <- evidence_trace(stage$trace)
  row$iteration <- max(trace$iteration) + 1L
  if (!is.null(stage$reported)) {
    run$rounds <- run$rounds + 1
    run$found[names(stage$reported)] <- stage$reported
    colnames(run$found$drawn) <- run$found$parameters
    run$found$sampled <- TRUE
    if (stage$disagreement <= ask$control$rhat) run$status <- "converged"
  }
  run$found$seconds <- run$found$seconds + proc.time()[["elapsed"]] - started
  row$seconds <- run$found$seconds
  run$found$trace <- rbind(trace, row)
  if (!notify(ask$control, row)) run$status <- run$status %||% "interrupted"
  run
}

evidence_data <- function(data, task) {
  n <- length(data$person_start) - 1L
  list(
    person_start = as.integer(data$person_start), pair = as.integer(data$pair),
    count = as.double(data$count),
    design = if (is.null(data$design)) matrix(1, n, 1) else data$design,
    weight = play_weights(task)
  )
}

# Weights of pairs in the unit of rewards; where random play need not end, all the
# same.
play_weights <- function(task) {
  tryCatch(
    as.double(random_play(task)),
    psyrl_error_task = function(e) rep(1, length(task$layout$pair_action))
  )
}

evidence_parameters <- function(fit, data) {
  q <- ncol(data$design)
  names <- c(
    if (q == 1) "mu" else paste0("mu", seq_len(q) - 1L),
    "log_sigma", "log_residual_sd", "log_temperature", "logit_discount"
  )
  names[fit$parameters + 1L]
}

evidence_trace <- function(trace) {
  trace <- as.data.frame(trace)
  whole <- c("start", "iteration", "rollbacks")
  trace[whole] <- lapply(trace[whole], as.integer)
  trace
}

# The core's numbers are in units of `scale`: values and temperatures grow by it,
# log beta shrinks by its logarithm.
in_reward_units <- function(fit, task) {
  scale <- fit$reward_scale
  # Without draws new persons meet the values at their mode.
  fit$shared <- fit$draws %||% list(
    q = matrix(fit$q), coefficients = matrix(fit$coefficients), sigma = fit$sigma
  )
  for (name in c("delta", "q", "v", "residual_sd", "temperature")) {
    fit[[name]] <- fit[[name]] * scale
  }
  fit$advantage <- center_by_state(fit$q, task)
  fit$coefficients[1] <- fit$coefficients[1] - log(scale)
  fit$mu <- fit$coefficients[1]
  fit$node <- fit$node - log(scale)
  fit$lambda <- 1 / (2 * fit$residual_sd^2)
  fit
}

# Posterior J x K over `fit$node` of persons who were not in the fit, and their
# log likelihood with the trait integrated out: a mixture over the draws of the
# values, each counting by how well it predicts the person.
evidence_posterior <- function(fit, task, data, threads = NULL) {
  evidence_posterior_(
    task, evidence_data(data, task), fit$shared, fit$spec, list(grid = fit$grid),
    resolve_threads(threads)
  )
}

# Log probabilities K x n_pairs of the choices in `data`, averaged over the draws of
# the values.
evidence_policies <- function(fit, task, data, threads = NULL) {
  evidence_policies_(
    task, evidence_data(data, task), fit$shared, fit$spec, list(grid = fit$grid),
    resolve_threads(threads)
  )
}
