# Plain R references for tasks.

# Value iteration on the transition table, as in a textbook.
reference_values <- function(task, temperature = 1, backup = "soft",
                             tolerance = 1e-12, max_iterations = 1e5) {
  table <- as.data.frame(task)
  pair <- interaction(table$action, table$state, drop = TRUE, lex.order = FALSE)
  key <- paste(table$state, table$action, sep = "\r")
  pairs <- table[!duplicated(key), c("state", "action")]
  keys <- unique(key)
  v <- setNames(numeric(length(task$states)), task$states)
  for (iteration in seq_len(max_iterations)) {
    gain <- table$probability *
      (table$reward + task$discount * v[as.character(table$next_state)])
    q <- tapply(gain, factor(key, keys), sum)
    new <- tapply(q, factor(pairs$state, unique(pairs$state)), function(x) {
      reference_backup(x, temperature, backup)
    })
    change <- max(abs(new - v[names(new)]))
    v[names(new)] <- new
    if (change < tolerance) break
  }
  data.frame(pairs, q = as.numeric(q), v = unname(v[as.character(pairs$state)]))
}

reference_backup <- function(q, temperature, backup = "soft") {
  top <- max(q)
  if (temperature == 0) return(top)
  terms <- exp((q - top) / temperature)
  size <- if (backup == "mellow") mean(terms) else sum(terms)
  top + temperature * log(size)
}

# How far values are from the Bellman equation, by pair.
bellman_residual <- function(task, solution) {
  layout <- task$layout
  pair <- rep(seq_along(layout$pair_action), diff(layout$next_start))
  ahead <- rowsum(layout$probability * solution$v[layout$next_state + 1], pair)
  max(abs(solution$q - layout$reward - task$discount * as.numeric(ahead)))
}
