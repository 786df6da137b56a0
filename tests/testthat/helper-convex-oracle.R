# The monotone problem as a cone programme, solved by an interior-point method that
# shares nothing with ours (ECOS: exponential cones exp(x / z) <= y / z).

# minimise sum_t tau_t subject to sum_j exp(x_j(t) - x_a(t) - tau_t) <= 1,
# x = W d, d >= 0, mass <= beta_max.
cone_programme <- function(data, share, horizon, beta_max) {
  trials <- data$trials
  n <- nrow(trials)
  m <- length(data$options)
  windows <- lapply(seq_len(horizon), function(w) {
    vapply(seq_len(m), function(j) {
      u <- (trials$choice == j) * trials$outcome
      vapply(seq_len(n), function(t) {
        past <- max(1, t - w):(t - 1)
        if (t == 1) 0 else sum(u[past])
      }, 1)
    }, numeric(n))
  })
  columns <- if (share == "all") {
    windows
  } else {
    unlist(lapply(seq_len(m), function(j) {
      lapply(windows, function(w) w * rep(seq_len(m) == j, each = n))
    }), recursive = FALSE)
  }
  rows <- if (share == "all") 1 else m
  list(
    columns = columns, choice = trials$choice, n = n, m = m,
    masses = lapply(seq_len(rows), function(r) (r - 1) * horizon + seq_len(horizon)),
    lengths = rep(seq_len(horizon), rows), beta_max = beta_max
  )
}

solve_cone_programme <- function(problem) {
  ecos <- getExportedValue("ECOSolveR", "ECOS_csolve")
  sparse <- getExportedValue("Matrix", "sparseMatrix")
  n <- problem$n
  m <- problem$m
  k <- length(problem$columns)
  chosen <- cbind(seq_len(n), problem$choice)
  relative <- lapply(problem$columns, function(w) as.vector(w - w[chosen]))
  tau <- k + rep(seq_len(n), m)
  u <- k + n + seq_len(n * m)
  linear <- k + n + length(problem$masses)
  first <- linear + 3 * (seq_len(n * m) - 1)  # rows of the cones, in threes
  entry <- function(i, j, x) data.frame(i = i, j = j, x = x)
  g <- do.call(rbind, c(
    list(
      entry(seq_len(k), seq_len(k), -1),
      entry(k + rep(seq_len(n), m), u, 1),
      entry(first + 1, tau, 1), entry(first + 2, u, -1)
    ),
    lapply(seq_along(problem$masses), function(r) {
      entry(k + n + r, problem$masses[[r]], problem$lengths[problem$masses[[r]]])
    }),
    lapply(seq_len(k), function(c) {
      at <- which(relative[[c]] != 0)
      entry(first[at] + 1, rep(c, length(at)), -relative[[c]][at])
    })
  ))
  h <- c(
    numeric(k), rep(1, n), rep(problem$beta_max, length(problem$masses)),
    rep(c(0, 0, 1), n * m)
  )
  cost <- c(numeric(k), rep(1, n), numeric(n * m))
  g <- sparse(i = g$i, j = g$j, x = g$x, dims = c(length(h), length(cost)))
  ecos(c = cost, G = g, h = h, dims = list(l = as.integer(linear), q = NULL, e = as.integer(n * m)))
}
