# Slow, plain R versions of what the core computes: the oracle of the tests.

# A task whose t-th state has the legal actions of row t, every one of them ending
# the episode; the values stand beside it.
rows_as_task <- function(Q, legal) {
  n <- rowSums(legal)
  n_pairs <- sum(n)
  list(
    layout = list(
      state_start = as.integer(c(0, cumsum(n), n_pairs)),
      next_start = 0:n_pairs,
      next_state = rep(length(n), n_pairs),
      probability = rep(1, n_pairs),
      reward = rep(0, n_pairs)
    ),
    discount = 1,
    value = t(Q)[t(legal) == 1],
    # pair of (row, action)
    pair = matrix(cumsum(t(legal)) - 1L, nrow(Q), ncol(Q), byrow = TRUE)
  )
}

counts_of <- function(pairs) {
  tab <- lapply(pairs, function(p) table(p))
  list(
    person_start = as.integer(c(0, cumsum(lengths(tab)))),
    pair = as.integer(unlist(lapply(tab, names))),
    count = as.double(unlist(lapply(tab, as.vector)))
  )
}

reference_log_posterior <- function(z, Q, legal, chosen, mu, sigma) {
  beta <- exp(z)
  terms <- vapply(seq_along(chosen), function(t) {
    x <- beta * Q[t, legal[t, ] == 1]
    beta * Q[t, chosen[t]] - max(x) - log(sum(exp(x - max(x))))
  }, numeric(1))
  sum(terms) - (z - mu)^2 / (2 * sigma^2)
}
