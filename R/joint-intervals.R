# Posteriors of persons that carry the uncertainty of what all persons share: the
# population and, where they are estimated, temperature and discount.
#
# The shared parameters are drawn from their normal approximation on the link scale,
# the persons' posteriors made anew at each draw and averaged. The draws are a fixed
# set (antithetic Halton points, whitened), so intervals are the same every time, and
# the first three moments of the normal are matched exactly.

joint_posterior <- function(fit) {
  average <- list(weight = 0, total = 0, log_scale = -Inf)
  nodes <- at_moved_fits(fit, function(posterior, log_weight) {
    average <<- add_weighted(average, posterior$weight, log_weight)
  })
  if (is.null(nodes)) return(fit$posterior)
  list(nodes = nodes, weight = average$weight / average$total)
}

# Covariance of persons' log beta: what each does not know alone, and what all share.
joint_covariance <- function(fit) {
  alone <- posterior_summary(fit$posterior)[, "sd"]^2
  mean <- list()
  log_weight <- numeric()
  nodes <- at_moved_fits(fit, function(posterior, weight) {
    mean[[length(mean) + 1]] <<- posterior_summary(posterior)[, "mean"]
    log_weight <<- c(log_weight, weight)
  })
  if (is.null(nodes)) return(diag(alone, length(alone)))
  weight <- exp(log_weight - max(log_weight))
  shared <- stats::cov.wt(do.call(rbind, mean), weight, method = "ML")$cov
  shared + diag(alone, length(alone))
}

# Shows `visit` the persons' posteriors at each draw of what is shared, and the draw's
# log weight; returns the nodes, or NULL if nothing shared can be drawn.
at_moved_fits <- function(fit, visit) {
  vcov <- known_block(fit$vcov)
  if (nrow(vcov) < NROW(fit$vcov)) {
    warn("hessian", paste0(
      "The data say nothing about ",
      quoted(setdiff(rownames(fit$vcov), rownames(vcov))),
      ": the intervals take them as known."
    ))
  }
  if (!nrow(vcov)) return(NULL)
  points <- normal_points(nrow(vcov))
  deviates <- points %*% chol(vcov)
  colnames(deviates) <- rownames(vcov)
  moved <- lapply(seq_len(nrow(points)), function(i) {
    shifted_fit(fit, deviates[i, ])
  })
  nodes <- covering_nodes(fit, moved)
  for (i in seq_along(moved)) {
    posterior <- moved_posterior(moved[[i]], nodes)
    visit(posterior, sum(posterior$log_marginal) +
      log_prior(coef(moved[[i]])[["sigma"]]) + sum(points[i, ]^2) / 2)
  }
  nodes
}

# The parameters whose covariances are known.
known_block <- function(vcov) {
  known <- !is.na(diag(vcov))
  vcov[known, known, drop = FALSE]
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

# A fit seen as the problem it answered, with the weights that were settled on.
problem_of <- function(fit) {
  settle_as(c(fit$spec, fit[c(
    "data", "task", "counts", "pair", "next_state", "design", "levels", "control"
  )]), fit$settled)
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

# How the uncertainty of what is shared reaches persons: free tables are integrated
# out, values learned by the evidence averaged over draws already, where it found these
# to predict; whatever else is learned has the arrow, exact values draws of what was
# estimated.
shared_by <- function(fit) {
  if (!is.null(fit$engine$draws) || !is.null(fit$values$ridge)) return("mixture")
  if (has_arrow(fit)) return("arrow")
  exact <- inherits(fit$spec$value, c("q_task", "q_known")) &&
    !rewards_are_learned(fit$spec)
  if (exact) "draws" else "nothing"
}

carries_uncertainty <- function(fit) shared_by(fit) != "nothing"

# Quantiles of persons' traits [persons x probs] for intervals of this kind.
trait_quantiles <- function(fit, method, probs, n = 100, cluster = NULL) {
  plugin <- function(posterior = fit$posterior) {
    posterior_summary(posterior, probs)[, -(1:2), drop = FALSE]
  }
  if (method == "bootstrap") return(plugin(bootstrap_posterior(fit, n, cluster)))
  if (method == "plugin") {
    # Only of an integrated table is the posterior not that of known values.
    return(plugin(if (is.null(fit$values$ridge)) fit$posterior else moved_posterior(fit)))
  }
  switch(shared_by(fit),
    mixture = plugin(),
    draws = plugin(joint_posterior(fit)),
    arrow = stretched(fit$posterior, plugin(), arrow(fit)$shared),
    abort_input("method", c(
      paste0(
        "`method = \"joint\"` takes a covariance of what is learned, which is formed ",
        "up to ", identification_limit, " parameters of a representation."
      ),
      "Use \"bootstrap\", or \"plugin\", which takes the values as known."
    ))
  )
}

# Quantiles moved away from the mean until the variance has grown by `more`.
stretched <- function(posterior, quantiles, more) {
  if (is.null(more)) return(quantiles)
  moments <- posterior_summary(posterior)
  mean <- moments[, "mean"]
  mean + (quantiles - mean) * sqrt(1 + more / moments[, "sd"]^2)
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
