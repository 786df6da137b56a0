# Persons over a cluster. Every worker keeps its persons' counts and the likelihoods made
# of them; what travels are values, sums over persons and, in the end, posteriors.
#
# A shard is to the functions of rlmm-grid.R a problem like any other. The master has, in
# place of a table of likelihoods, a `psyrl_sharded`: where the shards are, and what their
# tables are made of. Workers hold one table at a time. Values are sent once for each:
# messages of more than a packet wait for the network, small ones do not.

# Persons are shared where likelihoods are on the trait's grid, and the cluster is not
# asked to share starts.
shares_persons <- function(problem) {
  control <- problem$control
  exact <- inherits(problem$value, c("q_task", "q_known"))
  !is.null(control$cluster) && control$starts == 1 && is.null(control$batch_persons) &&
    problem$estimator == "marginal" && !is_on_demand(problem$task) &&
    (exact || !uses_evidence(problem) && !uses_free_table(problem))
}

# `fit(problem)`, with persons on the workers if they are shared.
with_shards <- function(problem, fit) {
  if (!shares_persons(problem)) return(fit(problem))
  problem$shards <- send_shards(problem)
  # Nothing else may reach for it meanwhile.
  problem$control["cluster"] <- list(NULL)
  on.exit(take_back(problem$shards))
  fit(problem)
}

take_back <- function(shards) {
  if (!shards$lost) {
    parallel::clusterCall(shards$cluster, drop_shard, shards$id)
    return(invisible())
  }
  warn("interrupted", c(
    "The workers of the cluster did not come to answer; the rest was done without them.",
    "Stop the cluster, and make another for the next fit."
  ))
}

send_shards <- function(problem) {
  cluster <- problem$control$cluster
  persons <- parallel::splitIndices(nrow(problem$design), length(cluster))
  cluster <- cluster[seq_along(persons)]
  id <- paste(Sys.getpid(), next_number())
  prepare_workers(cluster)
  from_workers(
    parallel::clusterApply(cluster, lapply(persons, shard_of, problem), keep_shard, id)
  )
  list2env(list(cluster = cluster, id = id, lost = FALSE), parent = emptyenv())
}

# Of shards and tables.
next_number <- function() psyrl_state$number <- (psyrl_state$number %||% 0) + 1

shard_of <- function(persons, problem) {
  start <- problem$counts$person_start
  entries <- sequence(diff(start)[persons], start[persons] + 1)
  list(
    persons = persons, task = problem$task[c("layout", "discount")],
    design = problem$design[persons, , drop = FALSE],
    counts = list(
      person_start = c(0L, cumsum(diff(start)[persons])),
      pair = problem$counts$pair[entries], count = problem$counts$count[entries]
    )
  )
}

sharded_table <- function(shards, values, nodes) {
  needed <- c("advantage", "habit", "own_temperature", "backup", "identify")
  structure(
    list(
      shards = shards, number = next_number(),
      values = values[intersect(needed, names(values))], nodes = nodes
    ),
    class = "psyrl_sharded"
  )
}

is_sharded <- function(log_lik) inherits(log_lik, "psyrl_sharded")

# What every worker says to `question(shard, ...)`. Where an interrupt leaves answers
# unread, they would be taken for those to the next question: nobody is asked again.
ask_shards <- function(log_lik, question, ...) {
  shards <- log_lik$shards
  shards$lost <- TRUE
  if (!identical(shards$tabulated, log_lik$number)) {
    from_workers(parallel::clusterCall(
      shards$cluster, tabulate_shard, shards$id, log_lik$values, log_lik$nodes
    ))
    shards$tabulated <- log_lik$number
  }
  answers <- from_workers(
    parallel::clusterCall(shards$cluster, answer, shards$id, question, ...)
  )
  shards$lost <- FALSE
  answers
}

population_over_shards <- function(log_lik, nodes, settings, at) {
  derivatives <- function(effects, log_sigma) {
    parts <- ask_shards(log_lik, shard_derivatives, nodes, effects, log_sigma)
    Reduce(function(a, b) Map(`+`, a, b), parts)
  }
  fit_population_over_(derivatives, settings, at$effects, at$log_sigma)
}

posterior_over_shards <- function(log_lik, nodes, mu, sigma) {
  parts <- ask_shards(log_lik, shard_posterior, nodes, mu, sigma)
  list(
    log_marginal = unlist(lapply(parts, `[[`, "log_marginal")),
    weight = do.call(cbind, lapply(parts, `[[`, "weight"))
  )
}

nodes_over_shards <- function(log_lik, nodes, population, n_pairs) {
  parts <- ask_shards(log_lik, shard_at_nodes, nodes, population)
  list(
    behaviour = sum(vapply(parts, `[[`, 0, "behaviour")),
    counts = sum_node_counts(lapply(parts, `[[`, "counts"), n_pairs, length(nodes))
  )
}

# Sparse rows of counts by node, added up.
sum_node_counts <- function(parts, n_pairs, n_nodes) {
  key <- unlist(lapply(parts, function(counts) {
    node <- rep(seq_len(n_nodes) - 1, diff(counts$person_start))
    node * n_pairs + counts$pair
  }))
  sums <- rowsum(unlist(lapply(parts, `[[`, "count")), key)
  key <- sort(unique(key))
  list(
    person_start = as.integer(c(0, cumsum(tabulate(key %/% n_pairs + 1, n_nodes)))),
    pair = as.integer(key %% n_pairs), count = as.double(sums)
  )
}

# ---- on the worker -----------------------------------------------------------

keep_shard <- function(shard, id) {
  shard$control <- list(threads = resolve_threads())
  shard$patterns <- person_patterns(shard)
  psyrl_state$shards[[id]] <- shard
  NULL
}

drop_shard <- function(id) {
  psyrl_state$shards[[id]] <- NULL
}

tabulate_shard <- function(id, values, nodes) {
  shard <- psyrl_state$shards[[id]]
  shard$log_lik <- grid_log_lik(shard, values, nodes)
  shard$likelihoods <- person_likelihoods_(shard$log_lik, shard$control$threads)
  psyrl_state$shards[[id]] <- shard
  NULL
}

answer <- function(id, question, ...) question(psyrl_state$shards[[id]], ...)

shard_derivatives <- function(shard, nodes, effects, log_sigma) {
  those <- by_pattern(shard, shard$patterns)
  population_derivatives_(
    shard$likelihoods, nodes, those$design, those$times, effects, log_sigma,
    shard$control$threads
  )
}

shard_posterior <- function(shard, nodes, mu, sigma) {
  trait_posterior(
    nodes, shard$log_lik, mu[shard$persons], sigma, shard$control$threads
  )[c("log_marginal", "weight")]
}

shard_at_nodes <- function(shard, nodes, population) {
  at_nodes(shard, list(population = population), nodes, shard$log_lik)[
    c("behaviour", "counts")
  ]
}
