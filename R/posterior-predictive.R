# Would the fitted model behave like these people?

#' Posterior predictive check
#'
#' The fitted people, with parameters drawn from their posteriors, play their task
#' again `nsim` times: learning curves and the tendency to stay or to shift, of the
#' data over bands of the model.
#'
#' Staying is choosing again what was chosen on the last trial with a choice (of the
#' same block and stimulus), after a win or a loss; in two-step tasks also by a common
#' or rare transition. A win is an outcome above 0, or above the mean if no outcome is
#' 0 or less. What people would have got elsewhere is not in the data: by default
#' outcomes are drawn from what the person got from the same option around the same
#' trial. Give the true `design` if it is known, above all with reversals.
#'
#' @param fit A fit of [rlearn()]. Persons fitted alone (`"ml"`) keep their estimates;
#'   others are drawn from normal posteriors on the unconstrained scale.
#' @param nsim Number of simulated samples.
#' @param condition What splits the pictures: the name of a column of persons' data,
#'   `"stimulus"` or `"block"`, or a vector along the rows of the data that were given
#'   to [choices()].
#' @param correct The option that counts as right, along the rows of the data given:
#'   curves then show it instead of every option.
#' @param position Position along the curve, along the rows of the data given (such as
#'   the trial since a reversal). `NULL`: the trial within person and block.
#' @param bins Largest number of positions shown; more are averaged in bins.
#' @param level Level of the bands.
#' @param design Outcomes: a function without arguments that draws a matrix, the rows
#'   of the data given x options (two-step: the four second-stage options), of what
#'   each option would give; or a task ([bandit_task()]) for as many persons.
#' @param ... Not used; of `plot()`, passed on.
#' @return A list of class `psyrl_posterior_predictive`: `curves`, a data frame
#'   `condition, position, option, observed, mean, low, high` (shares of choices), and
#'   `stays`, `condition, after, n, observed, mean, low, high, p_value` (probability of
#'   staying; two-sided posterior predictive p-value).
#' @section Errors: `psyrl_error_input` for vectors or designs of a wrong size.
#' @examples
#' set.seed(1)
#' data <- simulate(rescorla_wagner(), design = bandit_task(10, 60))
#' check <- posterior_predictive(rlearn(data), nsim = 20)
#' check
#' plot(check)
#' plot(check, "stays")
#' @export
posterior_predictive <- function(fit, nsim = 100, condition = NULL, correct = NULL,
                                 position = NULL, bins = 20, level = 0.9,
                                 design = NULL, ...) {
  check_dots_empty(..., what = "posterior_predictive()")
  check_class(fit, "rlearn", "fit", "See rlearn().")
  nsim <- check_count(nsim, "nsim", lower = 2)
  level <- check_number(level, "level", 0, 1)
  bins <- check_count(bins, "bins")
  cells <- predictive_cells(fit, condition, correct, position, bins)
  play <- predictive_task(fit, design)
  observed <- predictive_shares(fit$data, cells)
  simulated <- lapply(seq_len(nsim), function(i) {
    theta <- t(to_natural(t(drawn_persons(fit)), fit$table))
    predictive_shares(simulate_choices(fit$model, play(), theta), cells)
  })
  structure(
    list(
      curves = band_table(observed, simulated, "curves", level),
      stays = band_table(observed, simulated, "stays", level),
      nsim = nsim, level = level, model = fit$model
    ),
    class = "psyrl_posterior_predictive"
  )
}

# Parameters x persons, unconstrained.
drawn_persons <- function(fit) {
  mode <- fit$persons$mode
  if (fit$estimator == "ml") return(mode)
  d <- nrow(mode)
  for (j in seq_len(ncol(mode))) {
    v <- matrix(fit$persons$covariance[, , j], d, d)
    if (!anyNA(v)) {
      mode[, j] <- mode[, j] + crossprod(chol(v), stats::rnorm(d))
    }
  }
  mode
}

# A function that gives the task to be played, with new outcomes every time.
predictive_task <- function(fit, design) {
  if (is.null(design)) return(function() replay_task(fit$data, fit$model))
  if (inherits(design, "psyrl_learning_task")) {
    if (nrow(design$data$trials) != nrow(fit$data$trials)) {
      abort_input("design", paste0(
        "`design` must have the trials of the fit, ", nrow(fit$data$trials), ", not ",
        nrow(design$data$trials), "."
      ))
    }
    return(function() list(data = fit$data, outcomes = design$draw()))
  }
  if (!is.function(design)) {
    abort_input("design", paste0(
      "`design` must be a function that draws outcomes, or a task, not ",
      describe(design), "."
    ))
  }
  options <- if (fit$model$model == "two_step") 4L else length(fit$data$options)
  function() {
    outcomes <- design()
    rows <- fit$data$trials$row
    if (!is.matrix(outcomes) || ncol(outcomes) != options ||
          nrow(outcomes) < max(rows)) {
      abort_input("design", paste0(
        "`design()` must return a matrix of at least ", max(rows), " rows and ", options,
        " columns, not ", describe(outcomes), "."
      ))
    }
    list(data = fit$data, outcomes = outcomes[rows, , drop = FALSE])
  }
}

# Which cell of the tables each trial belongs to; the same for data and simulations.
predictive_cells <- function(fit, condition, correct, position, bins) {
  data <- fit$data
  trials <- data$trials
  along <- function(x, arg) {
    if (is.null(x)) return(NULL)
    if (length(x) < max(trials$row)) {
      abort_input(arg, paste0(
        "`", arg, "` must have a value for each of the ", max(trials$row),
        " rows of the data, not ", length(x), "."
      ))
    }
    x[trials$row]
  }
  default <- stats::ave(seq_len(nrow(trials)), trials$person, trials$block,
                        FUN = seq_along)
  at <- along(position, "position") %||% default
  right <- along(correct, "correct")
  list(
    condition = factor(predictive_condition(data, condition, along)),
    position = bin_positions(at, bins),
    correct = if (!is.null(right)) {
      match(as.character(right), as.character(data$options))
    },
    previous = previous_trial(data),
    threshold = if (any(trials$outcome <= 0, na.rm = TRUE)) 0 else {
      mean(trials$outcome, na.rm = TRUE)
    },
    two_step = fit$model$model == "two_step"
  )
}

predictive_condition <- function(data, condition, along) {
  trials <- data$trials
  if (is.null(condition)) return(rep("all", nrow(trials)))
  if (!is.character(condition) || length(condition) > 1) {
    return(along(condition, "condition"))
  }
  if (condition %in% names(data$person_data)) {
    return(data$person_data[[condition]][trials$person])
  }
  if (!condition %in% c("stimulus", "block") || is.null(trials[[condition]])) {
    known <- c(names(data$person_data), intersect(c("stimulus", "block"), names(trials)))
    abort_input("condition", paste0(
      "No column ", dQuote(condition, FALSE), " in the data; there are ",
      quoted(known), "."
    ))
  }
  labels <- data$labels[[if (condition == "block") "blocks" else condition]]
  (labels %||% seq_len(max(trials[[condition]])))[trials[[condition]]]
}

# The mean of the bin in place of the position, where there are too many.
bin_positions <- function(at, bins) {
  if (length(unique(at)) <= bins) return(at)
  bin <- cut(rank(at, ties.method = "average"), bins, labels = FALSE)
  stats::ave(as.double(at), bin)
}

# The last trial with a choice of the same person, block and stimulus; NA: none.
previous_trial <- function(data) {
  trials <- data$trials
  made <- which(!is.na(trials$choice))
  group <- paste(trials$person, trials$block, trials$stimulus %||% 1)[made]
  out <- rep(NA_integer_, nrow(trials))
  out[made] <- stats::ave(made, group, FUN = function(i) c(NA, i[-length(i)]))
  out
}

# Shares by cell: rows of `curves` and `stays`, in the same order for the same cells.
predictive_shares <- function(data, cells) {
  list(curves = curve_shares(data, cells), stays = stay_shares(data, cells))
}

curve_shares <- function(data, cells) {
  choice <- data$trials$choice
  made <- !is.na(choice)
  group <- list(condition = cells$condition[made], position = cells$position[made])
  shown <- if (is.null(cells$correct)) {
    chosen <- lapply(seq_along(data$options), function(k) choice == k)
    stats::setNames(chosen, data$options)
  } else {
    list(correct = choice == cells$correct)
  }
  do.call(rbind, lapply(names(shown), function(name) {
    cbind(
      option = name, stats::aggregate(list(share = shown[[name]][made]), group, mean)
    )
  }))
}

stay_shares <- function(data, cells) {
  trials <- data$trials
  now <- which(!is.na(cells$previous) & !is.na(trials$choice))
  before <- cells$previous[now]
  outcome <- trials$outcome[before]
  after <- ifelse(outcome > cells$threshold, "win", "loss")
  levels <- c("win", "loss")
  if (cells$two_step) {
    common <- trials$next_state[before] == trials$choice[before]
    after <- paste(after, ifelse(common, "common", "rare"))
    levels <- c("win common", "win rare", "loss common", "loss rare")
  }
  after[is.na(outcome)] <- NA
  group <- interaction(
    cells$condition[now], factor(after, levels), sep = "\r", lex.order = TRUE
  )
  stay <- trials$choice[now] == trials$choice[before]
  labels <- strsplit(levels(group), "\r", fixed = TRUE)
  data.frame(
    condition = vapply(labels, `[`, "", 1), after = vapply(labels, `[`, "", 2),
    n = tabulate(group, nlevels(group)),
    share = as.vector(tapply(stay, group, mean, default = NA_real_))
  )
}

# Observed shares beside mean and quantiles of the simulated ones.
band_table <- function(observed, simulated, part, level) {
  out <- observed[[part]]
  names(out)[names(out) == "share"] <- "observed"
  draws <- vapply(simulated, function(x) x[[part]]$share, numeric(nrow(out)))
  draws <- matrix(draws, nrow(out))
  ends <- c((1 - level) / 2, (1 + level) / 2)
  out$mean <- rowMeans(draws, na.rm = TRUE)
  bands <- apply(draws, 1, stats::quantile, ends, na.rm = TRUE)
  out$low <- bands[1, ]
  out$high <- bands[2, ]
  if (part == "stays") {
    # The data are one more draw: never zero.
    tail <- function(beyond) {
      (1 + rowSums(beyond, na.rm = TRUE)) / (1 + rowSums(!is.na(beyond)))
    }
    out$p_value <- pmin(
      1, 2 * pmin(tail(draws >= out$observed), tail(draws <= out$observed))
    )
  }
  out
}

#' @export
print.psyrl_posterior_predictive <- function(x, digits = 3, ...) {
  curves <- x$curves
  inside <- mean(curves$observed >= curves$low & curves$observed <= curves$high)
  cat(
    "Posterior predictive check of ", model_name(x$model), ", ", x$nsim,
    " simulated samples\n", format(100 * inside, digits = 3),
    " % of the points of the learning curves lie in the ", 100 * x$level,
    " % band.\nProbability of staying:\n", sep = ""
  )
  stays <- x$stays
  if (length(unique(stays$condition)) == 1) stays$condition <- NULL
  print(stays, digits = digits, row.names = FALSE)
  invisible(x)
}

#' @rdname posterior_predictive
#' @param x A posterior predictive check.
#' @param type Learning curves or probabilities of staying.
#' @export
plot.psyrl_posterior_predictive <- function(x, type = c("curves", "stays"), ...) {
  type <- check_choice(type, c("curves", "stays"), "type")
  table <- split(x[[type]], x[[type]]$condition)
  old <- graphics::par(
    mfrow = rev(grDevices::n2mfrow(length(table))), las = 1, bty = "n"
  )
  on.exit(graphics::par(old))
  draw <- if (type == "curves") draw_curves else draw_stays
  for (name in names(table)) {
    draw(table[[name]], main = if (length(table) > 1) name else "", ...)
  }
  invisible(x)
}

draw_curves <- function(table, main, ...) {
  options <- unique(table$option)
  colours <- rep_len(
    c(plot_colours[c("main", "alert", "ink")], "#3caea3", "#8f6fc4"), length(options)
  )
  graphics::plot(
    range(table$position), c(0, 1), type = "n", xlab = "trial", main = main,
    ylab = if (identical(options, "correct")) "share correct" else "share of choices",
    ...
  )
  for (k in seq_along(options)) {
    own <- table[table$option == options[k], ]
    graphics::polygon(
      c(own$position, rev(own$position)), c(own$low, rev(own$high)), border = NA,
      col = grDevices::adjustcolor(colours[k], 0.25)
    )
    graphics::lines(own$position, own$observed, col = colours[k], lwd = 2)
    graphics::points(own$position, own$observed, col = colours[k], pch = 16, cex = 0.7)
  }
  if (length(options) > 1) {
    graphics::legend("topright", legend = options, col = colours, lwd = 2, bty = "n")
  }
}

draw_stays <- function(table, main, ...) {
  at <- seq_len(nrow(table))
  graphics::plot(
    at, table$observed, ylim = c(0, 1), xlim = range(at) + c(-0.5, 0.5), type = "n",
    xaxt = "n", xlab = "after", ylab = "probability of staying", main = main, ...
  )
  graphics::axis(1, at, table$after, tick = FALSE)
  graphics::rect(
    at - 0.25, table$low, at + 0.25, table$high, border = NA,
    col = grDevices::adjustcolor(plot_colours[["main"]], 0.3)
  )
  graphics::points(
    at, table$observed, pch = 16, col = plot_colours[["alert"]], cex = 1.4
  )
}
