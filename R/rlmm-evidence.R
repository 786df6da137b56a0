# The evidence model: values learned from behaviour, held to the task by residuals
# that are rewards, with everything estimated by the Laplace evidence
# (src/core/measurement/evidence.h). Internal: rlmm() calls fit_evidence().

# What is estimated and what is fixed, in the user's reward units. `NULL` is
# "estimate".
evidence_spec <- function(residual_sd = NULL, temperature = NULL,
                          discount = c("task", "estimate", "choose"),
                          backup = c("soft", "mellow"), residual_sd_max = Inf,
                          mu = NULL, sigma = NULL) {
  list(
    residual_sd = residual_sd, temperature = temperature,
    discount = match.arg(discount), backup = match.arg(backup),
    residual_sd_max = residual_sd_max, mu = mu, sigma = sigma
  )
}

# `nodes` of the trait between `from` and `to`, which are log beta for rewards in
# units of `reward_scale`. `draws` of the posterior in each of two chains; 0 leaves the
# values at their mode. Until chains agree, at most `rounds`, each from paths twice as
# long as the one before.
evidence_control <- function(nodes = 91, from = -7, to = 6.5, starts = 1,
                             max_iterations = 25, draws = 60, rounds = 3,
                             seed = 1, threads = NULL) {
  list(
    grid = c(from, to, nodes), starts = starts, max_iterations = max_iterations,
    draws = draws, rounds = rounds, seed = seed, threads = threads
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
#   effective_values, evidence, loglik, status, trace
#   departure     of choices from the exact model in standard errors; NaN: not asked
#   information, gradient of the evidence over `parameters`
#   node [K], posterior [J x K] (the one to report), posterior_mode
#   draws: list(q [n_pairs x D], coefficients, sigma), and drawn [n x parameters], both
#       in units of reward_scale
fit_evidence <- function(task, data, spec = evidence_spec(),
                         control = evidence_control()) {
  data <- evidence_data(data, task)
  fit <- fit_evidence_(task, data, spec, control, evidence_threads(control))
  fit$trace <- evidence_trace(fit$trace)
  fit$spec <- spec
  fit$grid <- control$grid
  fit$parameters <- evidence_parameters(fit, data)
  if (fit$sampled) colnames(fit$drawn) <- fit$parameters
  in_reward_units(fit, task)
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

evidence_threads <- function(control) {
  resolve_threads(control$threads)
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
  whole <- c("start", "round", "rollbacks")
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
    evidence_threads(list(threads = threads))
  )
}

# Log probabilities K x n_pairs of the choices in `data`, averaged over the draws of
# the values.
evidence_policies <- function(fit, task, data, threads = NULL) {
  evidence_policies_(
    task, evidence_data(data, task), fit$shared, fit$spec, list(grid = fit$grid),
    evidence_threads(list(threads = threads))
  )
}
