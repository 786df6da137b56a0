# What prediction costs: fits along the residual SD, from the task's exact values to
# values that behaviour alone decides.

#' The path from exact to free values
#'
#' Fits the same persons with values held to the task more and more loosely, from exact
#' (residual SD 0, as [q_task()]) to free (`Inf`, as [q_table()] with
#' [bellman_none()]), and says at each point how well fresh persons are predicted and
#' what the score has become.
#'
#' @inheritParams persons
#' @param fit A fit of [rlmm()] to trajectories, with known rewards.
#' @param criterion `NULL`, or an outside criterion as in [criterion_cor()].
#' @param residual_sd Residual SDs in units of the root mean square of the task's
#'   centred values (the unit of `psyrl_warning_meaning`).
#' @param held_out Share of persons who are not fitted where prediction is measured.
#' @param cluster A cluster of the `parallel` package that shares the points.
#' @details
#' Exact values are those of `fit` where it has them. Along the path the discount stays
#' the task's and the temperature of the backup is the exact fit's, but at least a
#' tenth of the root mean square of the values: sharper backups are hardly different
#' and much slower. Which persons are held out is drawn by R's generator; the scores of
#' a point are those of a fit to all persons.
#' @return A data frame of class `psyrl_path`, a row a point: `residual_sd` (relative),
#'   `lambda`, `nll` and `std_error` (held-out negative log-likelihood per choice),
#'   `sigma`, `reliability` (the model's) and `odd_even` (stepped up), `exact` and
#'   `crowd` (correlation of log beta with the score that follows the exact values, and
#'   with the one that follows what most people do), and a column for every criterion.
#'   `plot()` draws it.
#' @section Errors: `psyrl_error_input` for a wrong argument and where rewards are
#'   unknown or the fit is one of counts.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(30, -3, .5)), paste0("p", 1:30))
#' log <- simulate_trajectories(task, beta, episodes = 5)
#' fit <- rlmm(log, task, q_task(temperature = 0))
#' path <- value_path(fit, residual_sd = c(0, .1, Inf))
#' path
#' plot(path)
#' @export
value_path <- function(fit, criterion = NULL,
                       residual_sd = c(0, .03, .1, .3, 1, Inf),
                       held_out = .3, cluster = NULL, ...) {
  UseMethod("value_path")
}

#' @rdname value_path
#' @export
value_path.rlmm <- function(fit, criterion = NULL,
                            residual_sd = c(0, .03, .1, .3, 1, Inf),
                            held_out = .3, cluster = NULL, ...) {
  check_path_arguments(fit, residual_sd, held_out)
  n <- length(fit$data$persons)
  fresh <- sort(sample.int(n, max(1, round(held_out * n))))
  exact <- path_fit(fit, fit$data, 0)
  points <- cluster_lapply(
    cluster, sort(unique(residual_sd)), path_point, fit, exact, fresh, criterion
  )
  score <- lapply(points, `[[`, "score")
  ends <- list(exact = exact, crowd = path_fit(exact, fit$data, Inf))
  along <- lapply(ends, function(end) {
    vapply(score, stats::cor, numeric(1), y = persons(end)$log_estimate)
  })
  rows <- do.call(rbind, lapply(points, `[[`, "row"))
  outside <- do.call(rbind, lapply(points, `[[`, "criterion"))
  path <- cbind(rows, as.data.frame(along))
  if (!is.null(outside)) path <- cbind(path, outside)
  structure(path, class = c("psyrl_path", "data.frame"))
}

check_path_arguments <- function(fit, residual_sd, held_out) {
  require_steps(fit$data, "fit")
  if (is.null(fit$task$layout$reward) || rewards_are_learned(fit$spec)) {
    abort_input("fit", paste0(
      "`fit` must have known rewards: without them there are no exact values for a ",
      "path to begin at."
    ))
  }
  ok <- is.numeric(residual_sd) && length(residual_sd) && !anyNA(residual_sd) &&
    all(residual_sd >= 0)
  if (!ok) {
    abort_input("residual_sd", paste0(
      "`residual_sd` must be numbers of at least 0, not ", describe(residual_sd), "."
    ))
  }
  check_number(held_out, "held_out", lower = .01, upper = .9)
}

# The fit's persons (or some of them) with values held by residual SD `s`, relative.
path_fit <- function(fit, data, s) {
  temperature <- fit$values$temperature
  if (!is.numeric(temperature)) temperature <- "estimate"
  value <- if (s == 0) q_task(temperature) else q_table()
  consistency <- if (s > 0) {
    if (is.infinite(s)) bellman_none() else held_by(fit, s, temperature)
  }
  call <- list(
    data = data, task = fit$task, value = value, consistency = consistency,
    persons = fit$spec$persons, control = fit$control
  )
  suppressWarnings(
    do.call(rlmm, call[!vapply(call, is.null, logical(1))]),
    classes = "psyrl_warning"
  )
}

held_by <- function(fit, s, temperature) {
  unit <- reward_unit(fit_problem(fit), fit$task$discount)
  bellman(1 / (2 * (s * unit)^2), temperature = max(temperature, .1 * unit))
}

# One point: what the path says about it, the scores, criterion correlations.
path_point <- function(s, fit, exact, fresh, criterion) {
  all <- if (s == 0) exact else path_fit(exact, fit$data, s)
  trained <- path_fit(exact, fit$data[-fresh], s)
  nll <- heldout(trained, fit$data[fresh])
  table <- reliability(all)
  odd_even <- table$stepped_up[table$type == "odd-even"]
  outside <- if (!is.null(criterion)) {
    found <- criterion_cor(all, criterion)
    as.list(stats::setNames(found$estimate, found$criterion))
  }
  list(
    row = data.frame(
      residual_sd = s, lambda = all$lambda, nll = nll$nll[1],
      std_error = nll$std_error[1], sigma = coef(all)[["sigma"]],
      reliability = table$estimate[table$type == "model"], odd_even = odd_even
    ),
    score = persons(all)$log_estimate,
    criterion = if (!is.null(outside)) as.data.frame(outside, check.names = FALSE)
  )
}

#' @rdname value_path
#' @param x A path.
#' @export
plot.psyrl_path <- function(x, ...) {
  at <- seq_len(nrow(x))
  old <- graphics::par(mfrow = c(1, 2), mar = c(4.2, 4.2, 2, 1), las = 1, bty = "n")
  on.exit(graphics::par(old))
  ends <- x$nll + outer(x$std_error, c(-1, 1))
  path_panel(at, x, range(ends), "Held-out NLL per choice")
  graphics::segments(at, ends[, 1], at, ends[, 2], col = plot_colours[["faint"]])
  graphics::lines(at, x$nll, type = "b", pch = 16, col = plot_colours[["main"]])
  shown <- setdiff(names(x), c(
    "residual_sd", "lambda", "nll", "std_error", "sigma", "reliability"
  ))
  colours <- rep_len(
    unname(plot_colours[c("ink", "main", "alert", "faint")]), length(shown)
  )
  path_panel(
    at, x, c(min(0, unlist(x[shown]), na.rm = TRUE), 1), "Correlation of the score"
  )
  for (i in seq_along(shown)) {
    graphics::lines(at, x[[shown[i]]], type = "b", pch = 16, col = colours[i])
  }
  graphics::legend("bottomleft", shown, col = colours, lty = 1, pch = 16, bty = "n")
  invisible(x)
}

path_panel <- function(at, x, range, title) {
  graphics::plot(range(at), range,
    type = "n", xaxt = "n", xlab = "Residual SD (relative)", ylab = "", main = title
  )
  graphics::axis(1, at, format(x$residual_sd, digits = 2, trim = TRUE))
}
