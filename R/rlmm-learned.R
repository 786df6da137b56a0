# Learned values whose population belongs to the evidence: tables under the expected
# residual on all legal pairs. Maximising (mu, sigma) together with such values would
# let beta run away.

uses_evidence <- function(problem) {
  consistency <- problem$consistency
  problem$estimator == "marginal" && inherits(problem$value, "q_table") &&
    is.null(problem$value$tie) && !rewards_are_learned(problem) &&
    !is_free_table(problem) && identical(problem$value$l2, "estimate") &&
    consistency$pairs == "legal" && consistency$residual == "expected" &&
    consistency$cql == 0 && problem$identify %in% c("center", "global_rms")
}

# `declined`: see fit_evidence(). `...`: of evidence_control().
fit_by_evidence <- function(problem, declined = function(found) FALSE, ...) {
  check_within_reach(problem)
  found <- fit_evidence(
    evidence_task(problem$task, problem$consistency),
    c(problem$counts, list(design = problem$design)), evidence_spec_of(problem),
    evidence_control(
      nodes = problem$control$nodes %||% 91, starts = problem$control$starts,
      mode_iterations = problem$control$max_iterations,
      rounds = sampling_rounds(problem$control$max_iterations),
      threads = problem$control$threads, checkpoint = problem$control$checkpoint,
      callback = problem$control$callback, verbose = problem$control$verbose, ...
    ),
    declined
  )
  values <- identified(problem, found$q, found$v)
  # The evidence works with centred values; another rule rescales them.
  centred <- identify_(problem$task, found$q, "center")$rms
  shift <- if (values$rms > 0 && centred > 0) log(centred / values$rms) else 0
  effects <- unname(found$coefficients)
  effects[1] <- effects[1] + shift
  posterior <- list(
    nodes = found$node + shift, weight = t(found$posterior),
    mu = drop(problem$design %*% effects)
  )
  found$shift_of_scale <- shift
  list(
    values = c(values, list(
      effective = found$effective_values, temperature = found$temperature,
      discount = found$discount,
      residual_sd_relative = found$residual_sd / found$reward_scale,
      departure = found$departure, discount_gain = found$discount_gain
    )),
    population = list(effects = effects, log_sigma = log(found$sigma)),
    posterior = posterior, log_lik = found$loglik, status = found$status,
    trace = found$trace, lambda = found$lambda,
    vcov = evidence_vcov(problem, found), engine = found,
    more_parameters = evidence_rows(problem, found), tuning = problem$tuning
  )
}

# 16 rounds by default; twice the iterations allow twice as many.
sampling_rounds <- function(max_iterations) max(1, ceiling(max_iterations / 12.5))

# Far beyond the rewards, where residuals or the entropy bonus are all that there is,
# values and population run away together.
check_within_reach <- function(problem) {
  most <- 1e4 * reward_unit(problem, problem$task$discount)
  refuse <- function(argument, must_be, given, cure) {
    abort_input(argument, c(paste0(
      "`", argument, "` must be ", must_be, " with the rewards of this task, not ",
      format(given, digits = 2), "."
    ), cure))
  }
  lambda <- problem$consistency$lambda
  if (is.numeric(lambda) && sd_of(lambda) > most) {
    refuse(
      "lambda", paste("at least", format(1 / (2 * most^2), digits = 2)), lambda,
      "Less holds values to nothing; bellman_none() is the model for that."
    )
  }
  temperature <- problem$consistency$temperature
  if (is.numeric(temperature) && temperature > most) {
    refuse(
      "temperature", paste("at most", format(most, digits = 2)), temperature,
      "With more, values count options and nothing else."
    )
  }
}

# What the user left to the evidence, and what not.
evidence_spec_of <- function(problem) {
  control <- problem$control
  consistency <- problem$consistency
  number <- function(x) if (is.numeric(x)) x
  evidence_spec(
    residual_sd = if (is.numeric(consistency$lambda)) sd_of(consistency$lambda),
    temperature = number(consistency$temperature),
    discount = consistency$discount, backup = consistency$backup,
    residual_sd_max = consistency$residual_sd_max,
    residual_as = consistency$residual_as, mu = control$mu, sigma = control$sigma
  )
}

evidence_rows <- function(problem, found) {
  consistency <- problem$consistency
  parameter_row(
    c("residual_sd", "temperature", "discount"), "values",
    c("log", "log", "logit"),
    c(found$residual_sd, found$temperature, found$discount),
    fixed = c(
      is.numeric(consistency$lambda), is.numeric(consistency$temperature),
      consistency$discount == "task"
    ),
    lower = 0
  )
}

# Covariance of what was estimated on the link scale, named as coef() names them.
evidence_vcov <- function(problem, found) {
  term <- sub("^(log|logit)_", "", found$parameters)
  term[seq_len(sum(grepl("^mu", term)))] <-
    colnames(problem$design)[seq_len(sum(grepl("^mu", term)))]
  information <- found$information
  dimnames(information) <- list(term, term)
  inverse_information(information)
}

# New persons under learned values: a mixture over the draws of the values.
score_by_evidence <- function(fit, counts, design) {
  scored <- evidence_posterior(
    fit$engine, evidence_task(fit$task, fit$spec$consistency),
    c(counts[c("person_start", "pair", "count")], list(design = design)),
    fit$control$threads
  )
  list(
    nodes = fit$posterior$nodes, weight = t(scored$posterior),
    log_marginal = scored$loglik, mu = prior_means(fit, design)
  )
}

# Predictions average over what the values may be: at every node the advantages of
# these pairs whose probabilities are the average over the draws. Advantages at the
# mean of the values are too sure of themselves.
averaged_advantages <- function(fit, pair) {
  pair <- sort(unique(pair))
  chosen <- list(
    person_start = c(0L, length(pair)), pair = pair, count = rep(1, length(pair))
  )
  log_policy <- evidence_policies(
    fit$engine, evidence_task(fit$task, fit$spec$consistency), chosen,
    fit$control$threads
  )
  log_policy / exp(fit$posterior$nodes)
}

# A region of a board ends where it is left, at the temperature given.
evidence_task <- function(task, consistency) {
  temperature <- consistency$temperature
  closed_region(
    task, if (is.numeric(temperature)) temperature else 0, consistency$backup
  )
}
