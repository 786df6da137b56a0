# Choice data as the convex core reads them: problems (what shares a kernel) are
# runs of sequences (what starts from zero values), sequences are runs of trials.

# `by` says what shares a kernel. Missed trials have no likelihood, deliver nothing
# and do not let values decay, so they are left out; values live per stimulus, so a
# stimulus is a sequence of its own.
convex_trials <- function(data, channels = "outcome",
                          by = c("block", "person", "all")) {
  by <- match.arg(by)
  trials <- data$trials
  stimulus <- trials$stimulus %||% rep(1L, nrow(trials))
  rows <- order(trials$person, trials$block, stimulus, seq_len(nrow(trials)))
  rows <- rows[!is.na(trials$choice[rows])]
  if (!length(rows)) {
    abort_data("choice", trials$row, "`data` must hold at least one choice.")
  }
  trials <- trials[rows, ]
  sequence <- run_ids(trials$person, trials$block, stimulus[rows])
  c(problem_layout(data, trials, sequence, by), list(
    n_options = length(data$options),
    choice = trials$choice - 1L,
    signal = channel_signals(trials, channels),
    weight = numeric(),
    available = if (is.null(data$available)) {
      integer()
    } else {
      t(data$available[rows, , drop = FALSE]) + 0L
    },
    covariates = matrix(0, 0, length(rows)),
    rows = rows
  ))
}

# Where problems and sequences begin; `longest` sequence of every problem, in trials,
# of which `counted` are the first items.
problem_layout <- function(data, trials, sequence, by, counted = TRUE) {
  person <- trials$person
  block <- trials$block
  problem <- switch(by,
    block = run_ids(person, block), person = run_ids(person),
    all = rep(1L, length(person))
  )
  first <- which(!duplicated(problem))
  starts <- which(!duplicated(sequence))
  length <- as.vector(rowsum(rep_len(as.integer(counted), length(sequence)), sequence))
  list(
    problem_start = c(sequence[first] - 1L, max(sequence)),
    sequence_start = c(starts - 1L, length(sequence)),
    longest = as.vector(tapply(length, problem[starts], max)),
    problem = problem,
    problems = problem_table(data, person[first], block[first], by)
  )
}

# 1, 1, 2, 2, ...: a new number whenever one of the codes changes.
run_ids <- function(...) {
  codes <- list(...)
  n <- length(codes[[1]])
  changed <- Reduce(`|`, lapply(codes, function(x) x[-1] != x[-n]))
  cumsum(c(1L, as.integer(changed)))
}

# Channels x trials: what the chosen option received. `NA`: nothing was observed,
# and the channel stands still.
channel_signals <- function(trials, channels) {
  signals <- lapply(channels, function(channel) {
    if (channel == "choice") return(rep(1, nrow(trials)))
    trials$outcome
  })
  do.call(rbind, signals)
}

# Labels and name of every problem.
problem_table <- function(data, person, block, by) {
  blocks <- data$labels$blocks %||% seq_len(max(block))
  labels <- data.frame(
    person = data$persons[person], block = blocks[block],
    stringsAsFactors = FALSE
  )
  if (by == "person") labels$block <- NA
  if (by == "all") labels$person <- labels$block <- NA
  labels$name <- switch(by,
    all = "all",
    person = as.character(labels$person),
    block = if (anyDuplicated(person)) {
      paste(labels$person, labels$block, sep = ".")
    } else {
      as.character(labels$person)
    }
  )
  labels
}

# Kernels of a problem, in the core's order: channels, within them options.
kernel_rows <- function(share, channels, options) {
  if (share == "all") {
    return(data.frame(channel = channels, arm = "all", suffix = ""))
  }
  data.frame(
    channel = rep(channels, each = length(options)),
    arm = rep(as.character(options), length(channels)),
    suffix = paste0("_", rep(seq_along(options), length(channels)))
  )
}

# The names that forgetting_bandit() gives its parameters.
parameter_names <- function(rows, parameter) {
  several <- length(unique(rows$channel)) > 1
  paste0(
    parameter, if (several) paste0("_", rows$channel), rows$suffix
  )
}

convex_spec <- function(share, relaxation = "monotone", horizon = Inf,
                        beta = c(0, 200), clock = "trial", tolerance = 1e-9) {
  list(
    share = share, clock = clock, relaxation = relaxation,
    horizon = as.integer(min(horizon, .Machine$integer.max)),
    beta_lower = beta[1], beta_upper = min(beta[2], largest_beta),
    tolerance = tolerance
  )
}

# Stands in for an infinite `beta_max`: a bound needs a finite one.
largest_beta <- 1e5
