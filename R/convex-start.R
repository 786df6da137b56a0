# What the convex method knows of learning models: which have values that are traces
# of the past, and where a search for their parameters may begin.

# How a model's values are traces: `NULL` where they are not. The kernels' rates are
# the parameters `alpha`, their sensitivities `beta`. `exact`: nothing else is in the
# model, so that bounds of the relaxation are bounds of the model.
trace_model <- function(model, table) {
  switch(model$model,
    forgetting_bandit = forgetting_traces(model, table),
    rescorla_wagner = visit_traces(model, table),
    NULL
  )
}

forgetting_traces <- function(model, table) {
  beta <- startsWith(table$parameter, "beta")
  list(
    share = if (any(table$per == "arm")) "arm" else "all",
    channels = intersect(
      c("outcome", "choice"), names(model$switches)[model$switches != 0]
    ),
    clock = "trial", alpha = table$parameter[!beta], beta = table$parameter[beta],
    range = c(table$lower[beta][1], table$upper[beta][1]), exact = TRUE
  )
}

# The standard rule: an option's value moves only when it is chosen, so its kernel is
# geometric in its own visits. Two rates begin as one.
visit_traces <- function(model, table) {
  alpha <- intersect(
    c("alpha", "alpha_pos", "alpha_neg", "alpha_rew", "alpha_pun"), table$parameter
  )
  list(
    share = "all", channels = "outcome", clock = "visit", alpha = alpha,
    beta = "beta", range = c(0, Inf),
    exact = setequal(table$parameter, c("alpha", "beta")) &&
      model$switches[["initial"]] == 0
  )
}

trace_spec <- function(trace, relaxation = "monotone") {
  convex_spec(
    trace$share, relaxation, beta = c(max(trace$range[1], 0), min(trace$range[2], 200)),
    clock = trace$clock
  )
}

# Where a search for a model's parameters may begin, for every person: a matrix
# persons x parameters on the natural scale, inside the parameters' ranges, or NULL
# for models without traces. It is the best local fit of the traces from both
# relaxations and two random points; where there is one kernel the best along the
# profile of alpha, which is global. What is not a trace keeps the registry's typical
# value, as do persons without a choice.
convex_start <- function(data, model, threads = 1) {
  table <- model_spec(model, data)$table
  trace <- trace_model(model, table)
  if (is.null(trace) || all(is.na(data$trials$choice))) return(NULL)
  persons <- as.character(data$persons)
  trials <- convex_trials(data, trace$channels, "person")
  at <- match(as.character(trials$problems$person), persons)
  found <- convex_ml_(trials, trace_spec(trace), 2L, 0, threads)
  found$alpha[found$beta <= 0] <- NA # no kernel, no rate
  # A rate too slow to act is known by its weight, alpha beta.
  slow <- which(found$alpha < 1e-4)
  found$beta[slow] <- found$beta[slow] * found$alpha[slow] / 1e-4
  start <- matrix(
    table$typical, length(persons), nrow(table), byrow = TRUE,
    dimnames = list(persons, table$parameter)
  )
  start[at, trace$alpha] <- found$alpha
  start[at, trace$beta] <- found$beta
  inside_ranges(start, table)
}

# Away from the ends of the ranges, where links are infinite and gradients vanish.
inside_ranges <- function(x, table) {
  for (k in seq_len(nrow(table))) {
    width <- min(table$upper[k] - table$lower[k], 1)
    edge <- 1e-4 * width
    x[is.na(x[, k]), k] <- table$typical[k]
    x[, k] <- pmin(pmax(x[, k], table$lower[k] + edge), table$upper[k] - edge)
  }
  x
}
