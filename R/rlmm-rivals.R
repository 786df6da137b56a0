# Do people follow the task at all? Residuals of any size leave values those of some
# task with other rewards, so even at s = infinity the evidence model is no free table:
# what is worth much later is worth much now. Choices that owe nothing to the future
# are better described by a free table (R/rlmm-free-table.R), a rival that takes part
# where the evidence model ends far from the task, or cannot be near it from the start.
#
# Both evidences are marginal likelihoods of the same choices, by Laplace's method with
# all constants, so they can be compared. Against importance sampling both are too low,
# the table's less, by some hundredths of a nat a value: the table must win by 15 nats,
# as a discount of one's own must.
#
# What the rest costs is known beforehand from two likelihoods that cost nothing:
#
#   exact   the task's own values
#   crowd   a Dirichlet prior for every state's choices, the same for all persons
#
# As long as gains over chance are quadratic in the values, exact's share of crowd's
# gain is the squared correlation of the task's values with those that are followed. If
# it is below .05, no residual that leaves the score a meaning can be enough, and the
# search for one, which begins in the plateau of chance, is spared if the table wins.

least_share_of_task <- .05
rival_margin <- 15

fit_held_or_free <- function(problem) {
  rival <- free_rival(problem)
  if (is.null(rival)) return(fit_by_evidence(problem))
  exact <- exact_rival(problem)
  if (exact$status == "interrupted") return(stopped_at_start(problem))
  evidence <- simple_evidences(problem, exact)
  table <- NULL
  stopped <- FALSE
  try_table <- function() {
    table <<- interruptible(quietly(fit_free_table(rival)))
    stopped <<- is.null(table) || table$status == "interrupted"
    if (!stopped) evidence[["table"]] <<- -table$objective
  }
  if (owes_nothing(evidence)) {
    try_table()
    if (is.null(table)) return(stopped_at_start(problem))
    # Whoever stops the table does not want a longer search begun.
    if (stopped || wins(evidence, "exact")) return(crowned(table, rival, evidence))
  }
  compare <- function(held, residual_sd) {
    evidence[["held"]] <<- held
    if (!stopped && is.na(evidence[["table"]]) && is_far(residual_sd, evidence)) {
      try_table()
    }
    stopped || wins(evidence, "held")
  }
  # Where the table wins over the mode, draws around it are spared.
  held <- fit_by_evidence(problem, declined = function(found) {
    compare(-found$evidence, found$residual_sd)
  })
  stopped <- stopped || held$status == "interrupted"
  free <- compare(-held$engine$evidence, held$values$residual_sd_relative)
  if (stopped) {
    held$status <- "interrupted"
  } else if (free) {
    return(crowned(table, rival, evidence))
  }
  held$rivals <- evidence
  held
}

# The problem with nothing that holds the values, if that is a question: not where
# residuals or the scale of values were given, nor on boards whose exact values take
# longer than the fit.
free_rival <- function(problem) {
  consistency <- problem$consistency
  open <- identical(consistency$lambda, "estimate") &&
    is.infinite(consistency$residual_sd_max) && is.null(problem$control$mu) &&
    !is_on_demand(problem$task)
  problem$consistency <- bellman_none()
  if (open && uses_free_table(problem)) silenced(problem)
}

# What is held to the task before its search has begun.
stopped_at_start <- function(problem) {
  held <- fit_by_evidence(silenced(problem), max_iterations = 0, draws = 0)
  held$status <- "interrupted"
  held
}

# The fit of the task's own values.
exact_rival <- function(problem) {
  consistency <- problem$consistency
  problem$value <- q_task(
    consistency$temperature, if (consistency$discount == "task") "task" else "estimate",
    consistency$backup
  )
  problem["consistency"] <- list(NULL)
  quietly(fit_exact(silenced(problem)))
}

# Log evidences (`exact`: log likelihood) of what needs no search; NA for the others.
simple_evidences <- function(problem, exact) {
  c(
    chance = chance_log_lik(problem), exact = exact$log_lik,
    crowd = crowd_evidence(problem), table = NA, held = NA
  )
}

chance_log_lik <- function(problem) {
  n_legal <- diff(problem$task$layout$state_start)
  -sum(pair_totals(problem) * log(n_legal[task_pairs(problem$task)$state]))
}

# Choices of everybody at every state are multinomial with probabilities of their own,
# which a Dirichlet prior integrates out; its concentration has the largest evidence.
crowd_evidence <- function(problem) {
  n <- pair_totals(problem)
  state <- task_pairs(problem$task)$state
  total <- stats::ave(n, state, FUN = sum)
  n_legal <- stats::ave(n, state, FUN = length)
  open <- n_legal > 1 & total > 0
  first <- open & !duplicated(state)
  at <- function(log_a) {
    a <- exp(log_a)
    sum((lgamma(n_legal * a) - lgamma(n_legal * a + total))[first]) +
      sum((lgamma(n + a) - lgamma(a))[open])
  }
  if (!any(open)) return(0)
  stats::optimize(at, c(-6, 6), maximum = TRUE)$objective
}

# Chance is within the exact model, which hardly leaves it, although there is much to
# be explained.
owes_nothing <- function(evidence) {
  gain <- evidence - evidence[["chance"]]
  gain[["crowd"]] > rival_margin &&
    gain[["exact"]] < least_share_of_task * gain[["crowd"]]
}

wins <- function(evidence, over) {
  isTRUE(evidence[["table"]] > evidence[[over]] + rival_margin)
}

# Where the score begins to be about the crowd, or where not even what all have in
# common was found. `residual_sd` in units of the task's values.
is_far <- function(residual_sd, evidence) {
  residual_sd > large_residual_sd || evidence[["held"]] < evidence[["crowd"]]
}

# The table as the answer: residuals without limit, nothing that holds the values.
crowned <- function(table, rival, evidence) {
  table$consistency <- rival$consistency
  table$rivals <- evidence
  table$values$residual_sd_relative <- Inf
  table$more_parameters <- parameter_row(
    "residual_sd", "values", "log", Inf, fixed = FALSE, lower = 0
  )
  table
}

# What the comparison said, if there was one: of the table and the best of the others.
rival_sentence <- function(fit) {
  evidence <- fit$rivals
  if (is.null(evidence) || is.na(evidence[["table"]])) return(NULL)
  other <- if (is.na(evidence[["held"]])) "exact" else "held"
  ahead <- evidence[["table"]] - evidence[[other]]
  rival <- c(held = "values held to the task", exact = "the task's own values")
  paste0(
    if (is_free_table(fit$spec)) {
      "The choices do not follow the task; the values are a free table, whose evidence"
    } else {
      "The evidence of a free table"
    },
    " is ", big_number(abs(round(ahead))), " nats ",
    if (ahead > 0) "larger" else "smaller", " than that of ", rival[[other]], "."
  )
}

quietly <- function(code) suppressWarnings(code, classes = "psyrl_warning")
