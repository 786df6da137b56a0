# How much does the task tell about a trait, where, and how long must a test be?

#' @rdname information
#' @param by What information is split by: `"trait"` levels alone, `"step"` of an
#'   episode, `"state"`, the `"start"` an episode begins in, or the `"episode"`s that
#'   were logged.
#' @param max_steps Longest episode; `NULL`: the longest that was logged.
#' @details
#' The information of a decision about log beta is beta^2 Var(A), A the advantage of
#' the action under the person's own choices: nothing is learned from decisions
#' between equals, nor from those that anybody would make. It is summed over what
#' somebody of that trait meets when playing the task from the logged starts, so
#' nothing rests on which states happened to be visited.
#'
#' By `"trait"` it is that of a log of average length (`n_episodes` episodes, the
#' mean of the fitted persons), with `std_error` = 1 / sqrt(information) and
#' `reliability` = sigma^2 / (sigma^2 + 1 / information) at that level. By `"step"`,
#' `"state"` and `"start"` it is that of one episode. By `"episode"` it is what the
#' logged episodes of that label gave on average in the states that were visited.
#' `at = NULL` means mu - 2 sigma to mu + 2 sigma for `"trait"` and the average over
#' the fitted population otherwise (`trait` is then `NA`). Starts are those in which
#' episodes began, or, if the task names its own, all of these, sorted from the
#' most informative.
#' @return Column `trait` (log beta) and, by `"trait"`, `beta, information,
#'   std_error, reliability, n_decisions`; otherwise `step`, `state` or `episode` and
#'   `information`.
#' @section Errors: `psyrl_error_input` for wrong arguments, and episodes of counts.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(50, -3, .5)), paste0("p", 1:50))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 5), task)
#' information(fit)
#' information(fit, by = "step")
#' test_length(fit, reliability = .8)
#' @export
information.rlmm <- function(fit, at = NULL,
                             by = c("trait", "step", "state", "start", "episode"),
                             max_steps = NULL, ...) {
  by <- check_choice(by, c("trait", "step", "state", "start", "episode"), "by")
  require_shared_values(fit, "information()")
  if (!is.null(at) && (!is.numeric(at) || !length(at) || !all(is.finite(at)))) {
    abort_input("at", paste0(
      "`at` must hold finite trait levels (log beta), not ", describe(at), "."
    ))
  }
  result <- switch(by,
    trait = trait_information(fit, at, max_steps),
    episode = episode_information(fit, at),
    part_information(fit, at, by, max_steps)
  )
  structure(result, class = c("psyrl_information", "data.frame"), by = by)
}

# Of an episode at these levels, by the core.
episode_expected <- function(fit, levels, max_steps = NULL, start = NULL) {
  require_laid_out(
    fit$task, "What an episode is expected to tell",
    "What logged episodes told: information(fit, by = \"episode\")."
  )
  expected_information_(
    fit$task, fit_model(fit, levels), trait_is_log(fit),
    start %||% start_distribution(fit), max_steps %||% longest_episode(fit),
    fit$control$threads
  )
}

start_distribution <- function(fit) {
  states <- first_states(fit) %||% fit$task$starts %||% which(!fit$task$terminal)
  tabulate(states, length(fit$task$states)) / length(states)
}

# State code of every logged episode's first decision; NULL for counts.
first_states <- function(fit) {
  if (!inherits(fit$data, "psyrl_trajectories")) return(NULL)
  d <- fit$data$decisions
  first <- !duplicated(interaction_code(d$person, d$episode))
  task_pairs(fit$task)$state[fit$pair[first] + 1L]
}

longest_episode <- function(fit) {
  if (!inherits(fit$data, "psyrl_trajectories")) return(100L)
  d <- fit$data$decisions
  max(tabulate(interaction_code(d$person, d$episode)))
}

mean_episodes <- function(fit) {
  if (!inherits(fit$data, "psyrl_trajectories")) return(1)
  length(first_states(fit)) / length(fit$data$persons)
}

population_levels <- function(fit) {
  mean(prior_mean(fit)) + coef(fit)[["sigma"]] * seq(-2, 2, by = .5)
}

# Quantile midpoints of the fitted population: averages over it are plain means.
population_draws <- function(fit, n = 33) {
  mu <- mean(prior_mean(fit))
  mu + coef(fit)[["sigma"]] * stats::qnorm((seq_len(n) - .5) / n)
}

trait_information <- function(fit, at, max_steps) {
  levels <- at %||% population_levels(fit)
  found <- episode_expected(fit, levels, max_steps)
  episodes <- mean_episodes(fit)
  information <- episodes * colSums(found$by_step)
  variance <- coef(fit)[["sigma"]]^2
  data.frame(
    trait = levels, beta = if (trait_is_log(fit)) exp(levels) else levels,
    information = information, std_error = 1 / sqrt(information),
    reliability = variance / (variance + 1 / information),
    n_decisions = episodes * found$decisions
  )
}

part_information <- function(fit, at, by, max_steps) {
  found <- episode_expected(fit, at %||% population_draws(fit), max_steps)
  table <- switch(by,
    step = found$by_step, state = found$by_state, start = found$by_start
  )
  keep <- switch(by,
    step = seq_len(nrow(table)), state = which(rowSums(table) > 0),
    start = unique(fit$task$starts %||% first_states(fit))
  )
  labels <- if (by == "step") keep else fit$task$states[keep]
  table <- table[keep, , drop = FALSE]
  if (is.null(at)) {
    at <- NA_real_
    table <- cbind(rowMeans(table))
  }
  result <- data.frame(
    trait = rep(at, each = length(keep)), label = rep(labels, length(at)),
    information = as.double(table)
  )
  names(result)[2] <- if (by == "step") "step" else "state"
  if (by == "step") return(result)
  result <- result[order(result$trait, -result$information), ]
  rownames(result) <- NULL
  result
}

# What logged episodes gave on average, in the states that were visited.
episode_information <- function(fit, at) {
  require_steps(fit$data, "data")
  levels <- at %||% population_draws(fit)
  d <- fit$data$decisions
  counts <- counts_by_person(fit$pair, d$episode, length(fit$data$episodes))
  by_entry <- entry_information_(
    fit$task, counts, fit_model(fit, levels), trait_is_log(fit),
    fit$control$threads
  )
  total <- rowsum(
    t(by_entry), rep(seq_along(fit$data$episodes), diff(counts$person_start))
  )
  persons <- tabulate(
    d$episode[!duplicated(interaction_code(d$person, d$episode))]
  )
  mean <- total / persons[as.integer(rownames(total))]
  if (is.null(at)) {
    at <- NA_real_
    mean <- cbind(rowMeans(mean))
  }
  data.frame(
    trait = rep(at, each = nrow(mean)),
    episode = rep(fit$data$episodes[as.integer(rownames(total))], length(at)),
    information = as.double(mean)
  )
}

#' Length of a test
#'
#' How many episodes of the task a test must have for its scores to reach a wanted
#' reliability in the fitted population.
#'
#' @param fit A fit of [rlmm()].
#' @param reliability Wanted reliabilities, between 0 and 1.
#' @param start Label of the state in which every episode would begin; `NULL`: as
#'   logged.
#' @param max_steps As in [information()].
#' @details
#' After E episodes the posterior variance at trait z is about 1 / (1 / sigma^2 + E
#' I(z)), I the expected information of an episode; reliability is one minus its mean
#' over the population, divided by sigma^2.
#' @return A data frame `reliability, episodes, decisions` (decisions between several
#'   actions).
#' @section Errors: `psyrl_error_input` for wrong arguments.
#' @export
test_length <- function(fit, reliability = c(.7, .8, .9), start = NULL,
                        max_steps = NULL) {
  check_class(fit, "rlmm", "fit", "Use rlmm().")
  if (!is.numeric(reliability) || !length(reliability) ||
    !all(reliability > 0 & reliability < 1)) {
    abort_input("reliability", paste0(
      "`reliability` must lie between 0 and 1, not ", describe(reliability), "."
    ))
  }
  require_shared_values(fit, "test_length()")
  found <- episode_expected(
    fit, population_draws(fit), max_steps, one_start(fit, start)
  )
  variance <- coef(fit)[["sigma"]]^2
  per_episode <- colSums(found$by_step)
  reached <- function(log_n) {
    1 - mean(1 / (1 + variance * exp(log_n) * per_episode))
  }
  episodes <- vapply(reliability, function(wanted) {
    if (reached(30) < wanted) return(Inf)
    exp(stats::uniroot(
      function(x) reached(x) - wanted, c(-20, 30), tol = 1e-8
    )$root)
  }, numeric(1))
  data.frame(
    reliability = reliability, episodes = ceiling(episodes),
    decisions = ceiling(ceiling(episodes) * mean(found$decisions))
  )
}

one_start <- function(fit, start) {
  if (is.null(start)) return(NULL)
  at <- match(as.character(start), as.character(fit$task$states))
  if (length(start) != 1 || is.na(at) || fit$task$terminal[at]) {
    abort_input("start", paste0(
      "`start` must be a state of the task that has actions, not ",
      describe(start), "."
    ))
  }
  replace(numeric(length(fit$task$states)), at, 1)
}

#' @export
print.psyrl_information <- function(x, n = 10, ...) {
  by <- attr(x, "by") %||% "trait"
  cat(information_sentence(x, by), "\n\n", sep = "")
  print_frame(utils::head(x, n))
  if (nrow(x) > n) cat("... and ", big_number(nrow(x) - n), " more\n", sep = "")
  invisible(x)
}

information_sentence <- function(x, by) {
  best <- x[which.max(x$information), ]
  switch(by,
    trait = paste0(
      "Information about log beta, highest at ", format(best$trait, digits = 3),
      " (standard error ", format(best$std_error, digits = 2), ")"
    ),
    step = paste0("An episode tells most at step ", best$step),
    state = paste0("An episode tells most in state ", best$state),
    start = paste0("Episodes that begin in ", best$state, " tell most"),
    episode = paste0("Episode ", best$episode, " told most")
  )
}

#' @export
plot.psyrl_information <- function(x, ...) {
  by <- attr(x, "by") %||% "trait"
  if (by == "trait") {
    graphics::plot(
      x$trait, x$information, type = "l", xlab = "log beta",
      ylab = "information", ylim = c(0, max(x$information)), ...
    )
    return(invisible(x))
  }
  label <- x[[if (by == "start") "state" else by]]
  shown <- utils::head(seq_len(nrow(x)), 30)
  graphics::barplot(
    x$information[shown], names.arg = label[shown], las = 2,
    ylab = "information of an episode", ...
  )
  invisible(x)
}
