# Threads, seeds and clusters. Results never depend on any of the three but the
# seed.

# `NULL` means the option `psyrl.threads`, else 2, and never more than there are
# cores; 1 in a forked child and inside cluster workers, which share the
# cores already.
resolve_threads <- function(threads = NULL) {
  if (is_worker()) return(1L)
  threads <- threads %||% getOption("psyrl.threads", 2L)
  threads <- check_count(threads, "threads")
  min(threads, RcppParallel::defaultNumThreads())
}

is_worker <- function() {
  !identical(Sys.getpid(), psyrl_state$pid) ||
    isTRUE(getOption("psyrl.worker"))
}

psyrl_state <- new.env(parent = emptyenv())

# One seed for the core, drawn from R's generator, so that `set.seed()` governs
# everything. A whole number below 2^53, exact in a double.
draw_seed <- function() {
  floor(stats::runif(1) * 2^31) * 2^21 + floor(stats::runif(1) * 2^21)
}

# `lapply()` over `cluster` (any of the parallel package's kind) or in this
# process; same result, in the order of `x`.
cluster_lapply <- function(cluster, x, fun, ...) {
  if (is.null(cluster)) return(lapply(x, fun, ...))
  prepare_workers(cluster)
  from_workers(parallel::parLapplyLB(cluster, x, fun, ...))
}

prepare_workers <- function(cluster) {
  if (!inherits(cluster, "cluster")) {
    abort_input("cluster", paste0(
      "`cluster` must be a cluster of the parallel package, such as ",
      "parallel::makeCluster(2), not ", describe(cluster), "."
    ))
  }
  from_workers(parallel::clusterCall(cluster, mark_as_worker, .libPaths()))
}

# What workers answer. Their errors, and that of one who is gone, are the cluster's.
from_workers <- function(answers) {
  tryCatch(answers, error = function(e) {
    abort_input("cluster", c(
      paste0("A worker of the cluster failed: ", conditionMessage(e)),
      "Leave `cluster` out to see where; if the worker is gone, make another cluster."
    ))
  })
}

# Runs on a worker, which may have another library path.
mark_as_worker <- function(library_paths) {
  .libPaths(library_paths)
  options(psyrl.worker = TRUE)
  requireNamespace("psyrl", quietly = TRUE)
}
environment(mark_as_worker) <- baseenv()
