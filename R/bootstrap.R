# Estimates from data like these: what the sampling distribution looks like when no
# formula is trusted.

#' @rdname bootstrap
#' @param ... Unused.
#' @details
#' `"parametric"` draws new persons from the fitted population (covariates kept) and
#' lets them play the task by the fitted values: as many episodes as the fitted
#' persons had, begun in the same states; an episode ends where the task does, where
#' the logged episode was cut off, or at the length of the longest logged one. A fit
#' of counts has no episodes, and one on a board that is enumerated on demand no
#' positions beyond the log: choices are drawn anew in the states in which the person
#' decided. `"persons"` draws persons with replacement. Every replicate is
#' fitted as the data were, from the start.
#' @return For [rlmm()] a list of class `psyrl_bootstrap`: `estimates` (matrix
#'   replicates x parameters, in the units of [coef()]), `coef`, `type`, `seeds`,
#'   `failed` (number of replicates whose fit failed, left out). Methods: `print`,
#'   `confint` (percentile intervals), `vcov`.
#' @section Errors: `psyrl_error_input` for wrong arguments.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' log <- simulate_trajectories(task, beta, episodes = 3)
#' fit <- rlmm(log, task, q_task(temperature = 0))
#' bootstrap(fit, n = 10)
#' @export
bootstrap.rlmm <- function(fit, n = 200, type = c("parametric", "persons"),
                           cluster = NULL, ...) {
  type <- check_choice(type, c("parametric", "persons"), "type")
  n <- check_count(n, "n", lower = 2)
  replicates <- bootstrap_replicates(fit, n, type, cluster)
  structure(list(
    estimates = do.call(rbind, lapply(replicates, `[[`, "estimate")),
    coef = coef(fit), type = type, seeds = attr(replicates, "seeds"),
    failed = n - length(replicates)
  ), class = "psyrl_bootstrap")
}

# Shared parameters and values of every replicate: list of list(estimate, values).
# Seeds are drawn beforehand, so that the order of work does not matter.
bootstrap_replicates <- function(fit, n, type, cluster) {
  seeds <- vapply(seq_len(n), function(i) {
    floor(stats::runif(1) * .Machine$integer.max)
  }, numeric(1))
  replicates <- cluster_lapply(cluster, seeds, bootstrap_once, fit, type)
  replicates <- Filter(Negate(is.null), replicates)
  if (length(replicates) < 2) {
    abort_input("fit", "The model could not be fitted to replicates of its data.")
  }
  structure(replicates, seeds = seeds)
}

bootstrap_once <- function(seed, fit, type) {
  with_seed(seed, {
    problem <- if (type == "persons") {
      resampled_problem(fit)
    } else {
      simulated_problem(fit)
    }
    tryCatch(suppressWarnings(estimated(problem), classes = "psyrl_warning"),
      psyrl_error = function(e) NULL
    )
  })
}

estimated <- function(problem) {
  found <- fit_measurement(silenced(problem))
  table <- parameter_table(problem, found)$table
  list(
    estimate = stats::setNames(table$estimate, table$term), values = found$values
  )
}

# Evaluates under a seed and leaves the generator as it was.
with_seed <- function(seed, code) {
  old <- get0(".Random.seed", globalenv(), inherits = FALSE)
  kind <- RNGkind()
  on.exit({
    do.call(RNGkind, as.list(kind))
    if (!is.null(old)) assign(".Random.seed", old, globalenv())
  })
  set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
  code
}

# The problem with persons drawn with replacement.
resampled_problem <- function(fit) {
  n <- length(fit$data$persons)
  problem_of(keep_drawn(fit, sort(sample.int(n, replace = TRUE))))
}

keep_drawn <- function(fit, drawn) {
  if (inherits(fit$data, "psyrl_trajectories")) {
    start <- fit$data$person_start
    rows <- sequence(diff(start)[drawn], start[drawn] + 1L)
    size <- diff(start)[drawn]
    fit$pair <- fit$pair[rows]
    fit$data$decisions <- fit$data$decisions[rows, , drop = FALSE]
    fit$data$decisions$person <- rep(seq_along(drawn), size)
    fit$data$person_start <- as.integer(c(0, cumsum(size)))
  }
  fit$data$person_data <- fit$data$person_data[drawn, , drop = FALSE]
  keep_persons(fit, drawn)
}

# The problem with new persons from the population, who act by the fitted values.
simulated_problem <- function(fit) {
  mu <- prior_mean(fit)
  trait <- mu + coef(fit)[["sigma"]] * stats::rnorm(length(mu))
  problem <- problem_of(fit)
  # On a board on demand play would leave the positions that are laid out.
  if (inherits(fit$data, "psyrl_trajectories") && !is_on_demand(fit$task)) {
    played <- play_episodes(fit, trait)
    problem$pair <- played$pair
    problem$next_state <- played$next_state
    problem$counts <- counts_by_person(played$pair, played$person, length(mu))
    problem$data$decisions <- played$decisions
    problem$data$person_start <- as.integer(
      c(0, cumsum(tabulate(played$person, length(mu))))
    )
  } else {
    problem$counts <- redrawn_counts(fit, trait)
  }
  problem
}

# Log probability of pairs (1-based) for traits, one of each.
pair_log_weights <- function(fit, pair, trait) {
  slope <- if (trait_is_log(fit)) exp(trait) else trait
  slope * fit$values$advantage[pair] +
    if (is.null(fit$values$habit)) 0 else fit$values$habit[pair]
}

# One chosen pair (0-based) for each state code and trait.
chosen_pairs <- function(fit, state, trait) {
  start <- fit$task$layout$state_start
  n <- diff(start)[state]
  row <- rep(seq_along(state), n)
  pair <- sequence(n, start[state] + 1L)
  # The largest of log weights with Gumbel noise is a draw by the weights.
  noisy <- pair_log_weights(fit, pair, trait[row]) - log(-log(stats::runif(length(pair))))
  order <- order(row, -noisy)
  pair[order[!duplicated(row[order])]] - 1L
}

draw_next_states <- function(task, pair) {
  layout <- task$layout
  n <- diff(layout$next_start)[pair + 1L]
  at <- layout$next_start[pair + 1L] + 1L
  several <- which(n > 1)
  if (length(several)) {
    row <- rep(several, n[several])
    option <- sequence(n[several], at[several])
    noisy <- log(layout$probability[option]) - log(-log(stats::runif(length(row))))
    order <- order(row, -noisy)
    at[several] <- option[order[!duplicated(row[order])]]
  }
  layout$next_state[at] + 1L
}

# All episodes of all persons at once, step by step.
play_episodes <- function(fit, trait) {
  task <- fit$task
  episodes <- logged_episodes(fit)
  state <- episodes$state
  rows <- list()
  active <- seq_along(state)
  for (step in seq_len(max(episodes$limit))) {
    active <- active[episodes$limit[active] >= step & !task$terminal[state[active]]]
    if (!length(active)) break
    pair <- chosen_pairs(fit, state[active], trait[episodes$person[active]])
    state[active] <- draw_next_states(task, pair)
    rows[[step]] <- list(unit = active, step = step + 0L * active, pair = pair,
      next_state = state[active])
  }
  played <- lapply(stats::setNames(nm = names(rows[[1]])), function(name) {
    unlist(lapply(rows, `[[`, name))
  })
  order <- order(played$unit, played$step)
  played <- lapply(played, `[`, order)
  played$person <- episodes$person[played$unit]
  played$decisions <- data.frame(
    person = played$person, episode = episodes$episode[played$unit],
    step = played$step, next_state = NA_integer_
  )
  played
}

# Where each logged episode began and how long it may be.
logged_episodes <- function(fit) {
  d <- fit$data$decisions
  unit <- interaction_code(d$person, d$episode)
  first <- which(!duplicated(unit))
  length <- tabulate(unit)
  # Cut off: the last decision does not lead into an end of the task.
  last <- cumsum(length)
  cut_off <- d$truncated[last]
  list(
    person = d$person[first], episode = d$episode[first],
    state = task_pairs(fit$task)$state[fit$pair[first] + 1L],
    limit = ifelse(cut_off, length, max(length))
  )
}

# Choices drawn anew where the person decided.
redrawn_counts <- function(fit, trait) {
  counts <- fit$counts
  n <- length(trait)
  person <- rep(seq_len(n), diff(counts$person_start))
  person <- rep(person, counts$count)
  state <- task_pairs(fit$task)$state[rep(counts$pair, counts$count) + 1L]
  counts_by_person(chosen_pairs(fit, state, trait[person]), person, n)
}

#' @export
vcov.psyrl_bootstrap <- function(object, ...) {
  stats::cov(object$estimates)
}

#' @export
confint.psyrl_bootstrap <- function(object, parm = NULL, level = 0.95, ...) {
  check_number(level, "level", lower = 0, upper = 1)
  tail <- (1 - level) / 2
  ends <- t(apply(object$estimates, 2, stats::quantile, c(tail, 1 - tail)))
  colnames(ends) <- interval_names(level)
  if (is.null(parm)) ends else ends[parm, , drop = FALSE]
}

#' @export
print.psyrl_bootstrap <- function(x, level = 0.95, ...) {
  cat("Bootstrap (", x$type, "), ", nrow(x$estimates), " replicates", if (x$failed) {
    paste0(", ", x$failed, " failed")
  }, "\n\n", sep = "")
  ends <- stats::confint(x, level = level)
  print_frame(data.frame(
    term = names(x$coef), estimate = x$coef,
    bias = colMeans(x$estimates) - x$coef,
    std_error = apply(x$estimates, 2, stats::sd),
    conf_low = ends[, 1], conf_high = ends[, 2]
  ))
  invisible(x)
}
