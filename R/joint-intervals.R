# Posteriors of persons that carry the uncertainty of what all persons share: the
# population and, where they are estimated, temperature and discount.
#
# The shared parameters are drawn from their normal approximation on the link scale,
# the persons' posteriors made anew at each draw and averaged. The draws are a fixed
# set (antithetic Halton points, whitened), so intervals are the same every time, and
# the first three moments of the normal are matched exactly.

joint_posterior <- function(fit) {
  vcov <- fit$vcov
  if (!nrow(vcov)) return(fit$posterior)
  if (anyNA(vcov)) {
    warn("hessian", c(
      "The information about the shared parameters is not positive definite, so",
      "the intervals take them as known."
    ))
    return(fit$posterior)
  }
  points <- normal_points(nrow(vcov))
  deviates <- points %*% chol(vcov)
  colnames(deviates) <- rownames(vcov)
  moved <- lapply(seq_len(nrow(points)), function(i) {
    shifted_fit(fit, deviates[i, ])
  })
  nodes <- covering_nodes(fit, moved)
  average <- list(weight = 0, total = 0, log_scale = -Inf)
  for (i in seq_along(moved)) {
    posterior <- moved_posterior(moved[[i]], nodes)
    average <- add_weighted(
      average, posterior$weight, sum(posterior$log_marginal) +
        log_prior(coef(moved[[i]])[["sigma"]]) + sum(points[i, ]^2) / 2
    )
  }
  list(nodes = nodes, weight = average$weight / average$total)
}

# With few persons sigma is known to an order of magnitude, if at all, and the
# likelihood alone would let it grow beyond all bounds. The prior is that of the
# evidence model.
log_prior <- function(sigma) stats::dnorm(log(sigma), log(.7), 1, log = TRUE)

# The fit's nodes, continued to where moved populations have their people.
covering_nodes <- function(fit, moved) {
  nodes <- fit$posterior$nodes
  spacing <- nodes[2] - nodes[1]
  reach <- vapply(moved, function(one) {
    range(prior_mean(one)) + c(-5, 5) * coef(one)[["sigma"]]
  }, numeric(2))
  end <- function(limit, at) min(max(0, ceiling((limit - at) / spacing)), length(nodes))
  seq(
    nodes[1] - spacing * end(-min(reach), -nodes[1]), by = spacing,
    length.out = length(nodes) + end(-min(reach), -nodes[1]) +
      end(max(reach), max(nodes))
  )
}

# A running average with weights known by their logarithms.
add_weighted <- function(average, weight, log_weight) {
  log_scale <- max(average$log_scale, log_weight)
  old <- exp(average$log_scale - log_scale)
  new <- exp(log_weight - log_scale)
  list(
    weight = average$weight * old + weight * new,
    total = average$total * old + new, log_scale = log_scale
  )
}

# Points of mean zero, unit covariance and no third moments, [2 pairs x d].
normal_points <- function(d, pairs = max(16, 2 * d)) {
  u <- vapply(first_primes(d), radical_inverse, numeric(pairs), i = seq_len(pairs))
  z <- stats::qnorm(matrix(u, pairs, d))
  z <- rbind(z, -z)
  z %*% backsolve(chol(crossprod(z) / nrow(z)), diag(d))
}

first_primes <- function(n) {
  found <- integer()
  candidate <- 2L
  while (length(found) < n) {
    if (all(candidate %% found != 0)) found <- c(found, candidate)
    candidate <- candidate + 1L
  }
  found
}

# The digits of i in this base, mirrored at the point.
radical_inverse <- function(i, base) {
  result <- 0 * i
  digit <- 1 / base
  while (any(i > 0)) {
    result <- result + digit * (i %% base)
    i <- i %/% base
    digit <- digit / base
  }
  result
}

# The fit with its free parameters moved by `shift` on their link scales.
shifted_fit <- function(fit, shift) {
  table <- fit$parameters
  for (term in names(shift)) {
    at <- match(term, table$term)
    link <- links[[table$link[at]]]
    table$estimate[at] <- link$from(link$to(table$estimate[at]) + shift[[term]])
  }
  fit$parameters <- table
  if (any(c("temperature", "discount") %in% names(shift))) {
    fit$values <- task_values(
      problem_of(fit), coef(fit)[["temperature"]], coef(fit)[["discount"]]
    )
  }
  fit
}

# A fit seen as the problem it answered.
problem_of <- function(fit) {
  c(fit$spec, fit[c(
    "data", "task", "counts", "pair", "design", "levels", "control"
  )])
}

# Posteriors of the fitted persons at the fit's parameters, on `nodes`.
moved_posterior <- function(fit, nodes = fit$posterior$nodes) {
  log_lik <- person_log_lik_(
    fit$task, fit$counts, fit_model(fit, nodes), fit$control$threads
  )
  trait_posterior(
    nodes, log_lik, prior_mean(fit), coef(fit)[["sigma"]], fit$control$threads
  )
}

# Can the uncertainty of everything shared be carried? Where values were learned by
# the evidence the posteriors are mixtures over draws of the values already.
carries_uncertainty <- function(fit) {
  !is.null(fit$engine) ||
    inherits(fit$spec$value, c("q_task", "q_known")) &&
      !rewards_are_learned(fit$spec) && trait_is_log(fit)
}

# The posterior behind intervals of this kind.
interval_posterior <- function(fit, method, n = 100, cluster = NULL) {
  switch(method,
    plugin = fit$posterior,
    joint = {
      require_joint(fit)
      if (is.null(fit$engine)) joint_posterior(fit) else fit$posterior
    },
    bootstrap = bootstrap_posterior(fit, n, cluster)
  )
}

require_joint <- function(fit) {
  if (carries_uncertainty(fit)) return(invisible())
  abort_input("method", c(
    "`method = \"joint\"` is for exact and known values without a habit, and for",
    "learned values whose weight is estimated. Use \"bootstrap\", or \"plugin\",",
    "which takes the values as known."
  ))
}

# Persons' posteriors averaged over replicates of everything shared.
bootstrap_posterior <- function(fit, n, cluster) {
  replicates <- bootstrap_replicates(fit, n, "parametric", cluster)
  nodes <- fit$posterior$nodes
  weight <- 0
  for (replicate in replicates) {
    fit$values <- replicate$values
    fit$parameters$estimate <- replicate$estimate[fit$parameters$term]
    weight <- weight + moved_posterior(fit, nodes)$weight
  }
  list(nodes = nodes, weight = weight / length(replicates))
}
