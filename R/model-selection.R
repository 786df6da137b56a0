# Random-effects Bayesian model selection: every person's data come from one of K
# models, model k with frequency r_k in the population, r ~ Dirichlet(prior).
# Stephan et al. 2009; null hypothesis and protection: Rigoux et al. 2014.

# `evidence`: log evidences, persons x models. The best of K + 1 runs of variational
# Bayes: its fixed points may be several.
select_models <- function(evidence, prior = rep(1, ncol(evidence))) {
  n <- nrow(evidence)
  n_models <- ncol(evidence)
  starts <- c(
    list(prior + n / n_models),
    lapply(seq_len(n_models), function(k) prior + n * (seq_len(n_models) == k))
  )
  runs <- lapply(starts, function(start) frequencies_from(start, evidence, prior))
  best <- runs[[which.max(vapply(runs, `[[`, 1, "free_energy"))]]
  null <- sum(log_sum_exp_rows(add_to_rows(evidence, log(prior / sum(prior)))))
  risk <- stats::plogis(null - best$free_energy)
  exceedance <- exceedance_probability(best$alpha)
  c(best, list(
    frequency = best$alpha / sum(best$alpha), exceedance = exceedance,
    omnibus_risk = risk, protected = protect(exceedance, risk)
  ))
}

# Exceedance probabilities where frequencies may be equal with probability `risk`.
protect <- function(exceedance, risk) {
  (1 - risk) * exceedance + risk / length(exceedance)
}

frequencies_from <- function(alpha, evidence, prior, tolerance = 1e-10,
                             max_iterations = 10000) {
  for (i in seq_len(max_iterations)) {
    expected <- digamma(alpha) - digamma(sum(alpha))
    score <- add_to_rows(evidence, expected)
    responsibility <- exp(score - log_sum_exp_rows(score))
    before <- alpha
    alpha <- prior + colSums(responsibility)
    if (max(abs(alpha - before)) < tolerance * sum(alpha)) break
  }
  list(
    alpha = alpha, responsibility = responsibility,
    free_energy = free_energy(alpha, responsibility, evidence, prior)
  )
}

# E log p(data, models, r) - E log q, the lower bound of the log evidence.
free_energy <- function(alpha, responsibility, evidence, prior) {
  expected <- digamma(alpha) - digamma(sum(alpha))
  entropy <- ifelse(responsibility > 0, responsibility * log(responsibility), 0)
  divergence <- lgamma(sum(alpha)) - sum(lgamma(alpha)) - lgamma(sum(prior)) +
    sum(lgamma(prior)) + sum((alpha - prior) * expected)
  sum(responsibility * add_to_rows(evidence, expected)) - sum(entropy) - divergence
}

# P(r_k is the largest), r ~ Dirichlet(alpha): r_k is a gamma variable over the sum of
# all, so that the others' distribution functions multiply given the k-th variable.
exceedance_probability <- function(alpha) {
  if (length(alpha) == 1) return(1)
  rule <- legendre(200)
  out <- vapply(seq_along(alpha), function(k) {
    ends <- c(
      stats::qgamma(1e-14, alpha[k]),
      stats::qgamma(1e-14, alpha[k], lower.tail = FALSE)
    )
    x <- ends[1] + diff(ends) * rule$x
    smaller <- vapply(alpha[-k], function(a) stats::pgamma(x, a, log.p = TRUE), x)
    log_term <- stats::dgamma(x, alpha[k], log = TRUE) + rowSums(smaller)
    diff(ends) * sum(rule$w * exp(log_term))
  }, 1)
  out / sum(out)
}

# Frequencies of families of models: sums of a Dirichlet's counts are a Dirichlet.
family_selection <- function(selection, family) {
  labels <- unique(family)
  alpha <- vapply(labels, function(f) sum(selection$alpha[family == f]), 1)
  exceedance <- exceedance_probability(alpha)
  data.frame(
    family = labels, frequency = alpha / sum(alpha), exceedance = exceedance,
    protected_exceedance = protect(exceedance, selection$omnibus_risk),
    row.names = NULL
  )
}

add_to_rows <- function(x, y) x + rep(y, each = nrow(x))

log_sum_exp_rows <- function(x) {
  top <- apply(x, 1, max)
  top + log(rowSums(exp(x - top)))
}
