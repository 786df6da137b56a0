# Which decisions does a score rest on?

#' Influence of decisions on scores
#'
#' By how much a person's log beta changes when a step, or an episode, is left out.
#' Exact: the person is scored again without it, the shared values and the population
#' fixed.
#'
#' @param model A fit of [rlmm()].
#' @param by Leave out single `"step"`s or whole `"episode"`s.
#' @param type `"score"`: change of `log_estimate` as [persons()] gives it;
#'   `"mode"`: change of the posterior mode; `"one_step"`: the mode's change by one
#'   Newton step, -g / (I - v + g), for comparison (steps only).
#' @param ... Unused.
#' @return A classed data frame. By step: `person, episode, step, state, action,
#'   influence` (a fit of counts has no `episode` and `step`: one row a person,
#'   state and action, the influence of one such decision). By episode: `person,
#'   episode, n_decisions, influence`. `influence` is log beta without minus with:
#'   below zero the step or episode speaks for decisiveness. `plot()` draws persons
#'   (by score) x steps.
#' @section Errors: `psyrl_error_input`: episodes of a fit of counts; modes of a fit
#'   with a habit or with own temperatures.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 3), task)
#' influence(fit)
#' plot(influence(fit))
#' @importFrom stats influence
#' @export
influence.rlmm <- function(model, by = c("step", "episode"),
                           type = c("score", "mode", "one_step"), ...) {
  by <- check_choice(by, c("step", "episode"), "by")
  type <- check_choice(type, c("score", "mode", "one_step"), "type")
  if (by == "episode") require_steps(model$data, "data")
  if (by == "episode" && type == "one_step") {
    abort_input("type", "`type = \"one_step\"` is for `by = \"step\"` only.")
  }
  if (type == "score" && !is.null(model$mode)) type <- "mode"
  result <- if (by == "step") {
    step_influence(model, type)
  } else {
    episode_influence(model, type)
  }
  structure(result,
    class = c("psyrl_influence", "data.frame"), by = by,
    score = stats::setNames(
      posterior_summary(model$posterior)[, "mean"],
      as.character(model$data$persons)
    )
  )
}

# Steps of a person in the same state with the same action weigh the same.
step_influence <- function(fit, type) {
  counts <- fit$counts
  n <- length(counts$pair)
  person <- rep(seq_along(fit$data$persons), diff(counts$person_start))
  change <- leave_out(fit, type, list(
    person = person - 1L, start = 0:n, pair = counts$pair, count = rep(1, n)
  ))
  if (!inherits(fit$data, "psyrl_trajectories")) {
    pairs <- task_pairs(fit$task)[counts$pair + 1L, ]
    return(data.frame(
      person = fit$data$persons[person], state = fit$task$states[pairs$state],
      action = fit$task$actions[pairs$action], influence = change
    ))
  }
  key <- function(person, pair) (person - 1) * n_pairs(fit$task) + pair
  at <- match(
    key(fit$data$decisions$person, fit$pair), key(person, counts$pair)
  )
  data.frame(
    decision_labels(list(data = fit$data)), influence = change[at],
    row.names = NULL
  )
}

episode_influence <- function(fit, type) {
  d <- fit$data$decisions
  unit <- interaction_code(d$person, d$episode)
  first <- which(!duplicated(unit))
  blocks <- counts_by_person(fit$pair, unit, length(first))
  data.frame(
    person = fit$data$persons[d$person[first]],
    episode = fit$data$episodes[d$episode[first]],
    n_decisions = tabulate(unit),
    influence = leave_out(fit, type, list(
      person = d$person[first] - 1L, start = blocks$person_start,
      pair = blocks$pair, count = blocks$count
    ))
  )
}

# Change of each block's person when the block is left out.
leave_out <- function(fit, type, blocks) {
  threads <- fit$control$threads
  nodes <- fit$posterior$nodes
  mu <- prior_mean(fit)
  sigma <- coef(fit)[["sigma"]]
  if (type == "score") {
    model <- fit_model(fit)
    log_posterior <- person_log_lik_(fit$task, fit$counts, model, threads) -
      outer(nodes, mu, `-`)^2 / (2 * sigma^2)
    return(leave_out_means_(
      fit$task, fit$counts, model, nodes, log_posterior, blocks, threads
    ))
  }
  require_shared_values(fit, "Influence on modes")
  if (!trait_is_log(fit)) {
    abort_input("type", paste0(
      "With a habit only `type = \"score\"` is available."
    ))
  }
  leave_out_modes_(
    fit$task, fit$counts, fit$values$advantage, mu, sigma, blocks,
    type == "one_step", threads
  )
}

#' @export
print.psyrl_influence <- function(x, n = 6, ...) {
  size <- abs(x$influence)
  total <- sum(size)
  critical <- if (total > 0) {
    sum(sort(size, decreasing = TRUE)[seq_len(ceiling(length(size) / 20))]) / total
  } else {
    0
  }
  cat(
    "Influence on log beta (without minus with) of ", big_number(nrow(x)), " ",
    attr(x, "by") %||% "step", "s: median size ",
    format(stats::median(size), digits = 2), ", largest ",
    format(max(size), digits = 2), "\n",
    sprintf("  5 %% of them carry %.0f %% of all influence\n\n", 100 * critical),
    sep = ""
  )
  print_frame(x[utils::head(order(-size), n), ])
  if (nrow(x) > n) cat("... and ", big_number(nrow(x) - n), " more\n", sep = "")
  invisible(x)
}

#' @export
plot.psyrl_influence <- function(x, ...) {
  picture <- influence_picture(x)
  # The few largest would leave all others pale.
  top <- stats::quantile(abs(picture), .99, na.rm = TRUE)
  if (top == 0) top <- max(abs(picture), 1e-300, na.rm = TRUE)
  shown <- pmax(pmin(picture, top), -top)
  graphics::image(
    seq_len(ncol(picture)), seq_len(nrow(picture)), t(shown),
    zlim = c(-top, top), col = grDevices::hcl.colors(101, "Blue-Red 3"),
    xlab = paste0(attr(x, "by") %||% "step", ", in order"),
    ylab = "persons, from low to high scores",
    main = "Change of log beta when left out", ...
  )
  invisible(x)
}

# Matrix persons (by score) x steps in order.
influence_picture <- function(x) {
  score <- attr(x, "score")
  person <- factor(as.character(x$person), names(sort(score)))
  row <- as.integer(person)
  column <- stats::ave(row, row, FUN = seq_along)
  picture <- matrix(NA_real_, nlevels(person), max(column))
  picture[cbind(row, column)] <- x$influence
  picture
}
