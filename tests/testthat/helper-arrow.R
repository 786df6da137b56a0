# Everything the arrow's formula shortens, written out: the dense information about
# (Q, mu, log sigma, z) of a fit with the ordinary maximum, from definitions alone.
dense_information <- function(fit, z, mu, sigma, lambda, temperature) {
  task <- fit$task
  pairs <- task_pairs(task)
  q <- fit$values$q
  n_q <- length(q)
  n <- length(z)
  centre <- diag(n_q)
  for (s in unique(pairs$state)) {
    at <- which(pairs$state == s)
    centre[at, at] <- centre[at, at] - 1 / length(at)
  }
  a <- drop(centre %*% q)
  counts <- matrix(0, n, n_q)
  person <- rep(seq_len(n), diff(fit$counts$person_start))
  counts[cbind(person, fit$counts$pair + 1)] <- fit$counts$count
  h <- matrix(0, n_q + 2 + n, n_q + 2 + n)
  own <- n_q + 2 + seq_len(n)
  h[n_q + 1, n_q + 1] <- n / sigma^2
  t <- (z - mu) / sigma
  h[n_q + 1, n_q + 2] <- h[n_q + 2, n_q + 1] <- sum(2 * t) / sigma
  for (j in seq_len(n)) {
    beta <- exp(z[j])
    h[own[j], own[j]] <- 1 / sigma^2
    for (s in unique(pairs$state)) {
      at <- which(pairs$state == s)
      pi <- exp(beta * a[at]) / sum(exp(beta * a[at]))
      visits <- sum(counts[j, at])
      spread <- diag(pi, length(pi)) - pi %o% pi
      h[at, at] <- h[at, at] + beta^2 * visits * spread
      gap <- counts[j, at] - visits * pi
      cross <- -beta * gap + beta^2 * visits * drop(spread %*% a[at])
      h[at, own[j]] <- h[at, own[j]] + cross
      h[own[j], own[j]] <- h[own[j], own[j]] - beta * sum(a[at] * gap) +
        beta^2 * visits * drop(a[at] %*% spread %*% a[at])
    }
    h[n_q + 1, own[j]] <- -1 / sigma^2
    h[n_q + 2, own[j]] <- -2 * t[j] / sigma
  }
  h[seq_len(n_q), ] <- centre %*% h[seq_len(n_q), ]
  h[seq_len(n_q), seq_len(n_q)] <- h[seq_len(n_q), seq_len(n_q)] %*% centre
  v <- 1 / (diag(h)[own] * sigma^2)
  h[n_q + 2, n_q + 2] <- sum(2 * (t^2 + v) - 2 * v^2)
  layout <- task$layout
  for (s in unique(pairs$state)) {
    at <- which(pairs$state == s)
    # The penalty's rows of pairs that lead here, and its curvature through V.
    here <- exp((q[at] - max(q[at])) / temperature)
    attr(at, "policy") <- here / sum(here)
    pairs$policy[at] <- attr(at, "policy")
    pairs$v[at] <- max(q[at]) + temperature * log(sum(here))
  }
  for (p in seq_len(n_q)) {
    row <- numeric(n_q)
    row[p] <- 1
    delta <- q[p] - layout$reward[p]
    curved <- matrix(0, n_q, n_q)
    for (k in seq(layout$next_start[p] + 1, length.out = diff(layout$next_start)[p])) {
      at <- which(pairs$state == layout$next_state[k] + 1)
      if (!length(at)) next
      weight <- task$discount * layout$probability[k]
      delta <- delta - weight * pairs$v[at[1]]
      row[at] <- row[at] - weight * pairs$policy[at]
      curved[at, at] <- curved[at, at] - weight / temperature *
        (diag(pairs$policy[at], length(at)) - pairs$policy[at] %o% pairs$policy[at])
    }
    h[seq_len(n_q), seq_len(n_q)] <- h[seq_len(n_q), seq_len(n_q)] +
      2 * lambda * (row %o% row + delta * curved)
  }
  h[own, ] <- t(h[, own])
  h
}
