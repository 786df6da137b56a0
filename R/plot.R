# Pictures of a measurement fit. `plot_data()` finds what is to be seen, once; the
# `draw_*()` functions show it with base graphics, the `gg_*()` functions with
# ggplot2.

plot_types <- c(
  "persons", "values", "calibration", "trace", "criterion", "path"
)

plot_colours <- c(
  ink = "#1d2b3a", main = "#20639b", alert = "#c8553d", faint = "#a9b4c0",
  grid = "#e6eaee"
)

#' Pictures of a measurement fit
#'
#' `plot()` draws with base graphics; `autoplot()` returns the same picture as a
#' ggplot2 object.
#'
#' | `type` | shows |
#' |---|---|
#' | `"persons"` | every person's score with its interval, in order |
#' | `"values"` | a state: how often each action was taken, and how often the model says it is |
#' | `"calibration"` | how often actions were taken that the model gave a certain probability |
#' | `"trace"` | the objective over the rounds of the search |
#' | `"criterion"` | the scores against an outside criterion |
#' | `"path"` | a person's decisions one by one, with the probability of each |
#'
#' @param x,object A fit of [rlmm()].
#' @param type What to show.
#' @param state State of `"values"`; `NULL`: where the choices told most about persons.
#' @param person Person of `"path"`; `NULL`: the one with the median score.
#' @param criterion Criterion of `"criterion"`, as in [criterion_cor()].
#' @param data Data frame of persons that has the criterion, as in [criterion_cor()].
#' @param ... Unused.
#' @return `plot()`: the data behind the picture, invisibly; `autoplot()`: a ggplot.
#' @examples
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(30, -3, .5)), paste0("p", 1:30))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 5), task)
#' plot(fit)
#' plot(fit, "path", person = "p3")
#' @name plot.rlmm
#' @export
plot.rlmm <- function(x, type = plot_types, state = NULL, person = NULL,
                      criterion = NULL, data = NULL, ...) {
  picture <- plot_data(x, type, state, person, criterion, data)
  old <- graphics::par(
    mar = c(4.2, 5.4, 2.4, 1), mgp = c(2.6, .6, 0), tcl = -.25, las = 1,
    bty = "n", col.axis = plot_colours[["ink"]], col.lab = plot_colours[["ink"]],
    col.main = plot_colours[["ink"]], font.main = 1, cex.main = 1.1
  )
  on.exit(graphics::par(old))
  drawer <- switch(picture$type,
    persons = draw_persons, values = draw_values, calibration = draw_calibration,
    trace = draw_trace, criterion = draw_criterion, path = draw_path
  )
  drawer(picture)
  invisible(picture$data)
}

#' @rdname plot.rlmm
#' @exportS3Method ggplot2::autoplot
autoplot.rlmm <- function(object, type = plot_types, state = NULL, person = NULL,
                          criterion = NULL, data = NULL, ...) {
  check_installed("ggplot2", "draw with autoplot()")
  picture <- plot_data(object, type, state, person, criterion, data)
  layers <- switch(picture$type,
    persons = gg_persons, values = gg_values, calibration = gg_calibration,
    trace = gg_trace, criterion = gg_criterion, path = gg_path
  )(picture)
  ggplot2::ggplot(picture$data) +
    layers +
    ggplot2::labs(
      title = picture$title, x = picture$x, y = picture$y, colour = NULL,
      shape = NULL
    ) +
    ggplot2::theme_minimal() +
    ggplot2::theme(panel.grid.minor = ggplot2::element_blank())
}

# What is to be seen: list(type, data, title, x, y, ...).
plot_data <- function(fit, type, state = NULL, person = NULL, criterion = NULL,
                      data = NULL) {
  type <- check_choice(type, plot_types, "type")
  found <- switch(type,
    persons = persons_picture(fit),
    values = values_picture(fit, state),
    calibration = calibration_picture(fit),
    trace = trace_picture(fit),
    criterion = criterion_picture(fit, criterion, data),
    path = path_picture(fit, person)
  )
  c(list(type = type), found)
}

# --- What is to be seen -------------------------------------------------------

persons_picture <- function(fit) {
  scores <- persons(fit)
  scores <- scores[order(scores$log_estimate), , drop = FALSE]
  scores$rank <- seq_len(nrow(scores))
  list(
    data = scores, title = "Scores with 95 % intervals",
    x = "Persons, from least to most decisive", y = trait_label(fit),
    population = if (ncol(fit$design) == 1) slope_of(fit, coef(fit)[["mu"]]),
    log = trait_is_log(fit)
  )
}

trait_label <- function(fit) {
  paste0("Decisiveness beta", if (trait_is_log(fit)) " (log axis)")
}

values_picture <- function(fit, state = NULL) {
  if (is.null(state)) state <- decisive_states(fit, 1)$state
  code <- match(as.character(state), as.character(fit$task$states))
  if (length(code) != 1 || is.na(code)) {
    abort_input("state", paste0(
      "`state` must be one state of the task, not ", describe(state), "."
    ))
  }
  pairs <- task_pairs(fit$task)
  at <- which(pairs$state == code)
  if (!length(at)) {
    abort_input("state", paste0(
      "`state` must have legal actions; ", describe(state), " is terminal."
    ))
  }
  shares <- state_shares(fit, at)
  shares$action <- as.character(fit$task$actions[pairs$action[at]])
  shares$advantage <- fit$values$advantage[at]
  list(
    data = shares[order(shares$advantage), , drop = FALSE],
    title = paste("State", state),
    x = "Share of the decisions", y = "Action, the best on top"
  )
}

# Observed and expected shares of some pairs of one state. The expected ones
# average over the posteriors of those who decided there, once a decision.
state_shares <- function(fit, at) {
  counts <- fit$counts
  entry <- which((counts$pair + 1L) %in% at)
  person <- findInterval(entry - 1L, counts$person_start)
  n <- tabulate(rep(match(counts$pair[entry] + 1L, at), counts$count[entry]), length(at))
  weight <- drop(fit$posterior$weight[, person, drop = FALSE] %*% counts$count[entry])
  utility <- habit_of(fit)[at] +
    outer(fit$values$advantage[at], slope_of(fit, fit$posterior$nodes))
  odds <- exp(utility - rep(apply(utility, 2, max), each = length(at)))
  expected <- odds %*% (weight / colSums(odds))
  data.frame(observed = n / sum(n), expected = drop(expected) / sum(weight))
}

# The states whose decisions told most about persons: visits times the information
# of one decision there about log beta, at the average person.
decisive_states <- function(fit, n = 10) {
  state <- task_pairs(fit$task)$state
  beta <- slope_of(fit, mean(persons(fit)$log_estimate))
  advantage <- fit$values$advantage
  visits <- tabulate(rep(fit$counts$pair + 1L, fit$counts$count), length(state))
  by_state <- function(x) drop(rowsum(x, state, reorder = TRUE))
  top <- tapply(advantage, state, max)[as.character(state)]
  utility <- habit_of(fit) + beta * advantage
  odds <- exp(utility - tapply(utility, state, max)[as.character(state)])
  share <- odds / by_state(odds)[as.character(state)]
  mean <- by_state(share * advantage)[as.character(state)]
  information <- beta^2 * by_state(share * (advantage - mean)^2)
  code <- as.integer(names(information))
  n_decisions <- by_state(visits)
  found <- data.frame(
    state = fit$task$states[code], n_decisions,
    best_taken = by_state(visits * (advantage >= top)) / n_decisions, information,
    share = information * n_decisions / sum(information * n_decisions),
    row.names = NULL
  )
  utils::head(found[order(-found$share), , drop = FALSE], n)
}

calibration_picture <- function(fit, n_bins = 12) {
  predicted <- stats::predict(fit, type = "probability")
  # Where one action is legal nothing is predicted.
  predicted <- predicted[
    predicted$probability < 1 - 1e-9, c("person", "probability", "chosen")
  ]
  breaks <- unique(stats::quantile(
    predicted$probability, seq(0, 1, length.out = n_bins + 1)
  ))
  bin <- findInterval(predicted$probability, breaks, rightmost.closed = TRUE)
  rows <- lapply(split(predicted, bin), function(d) {
    observed <- mean(d$chosen)
    # Decisions of one person are not independent.
    by_person <- rowsum(d$chosen - observed, as.character(d$person))
    se <- sqrt(sum(by_person^2)) / nrow(d)
    data.frame(
      predicted = mean(d$probability), observed = observed,
      low = max(0, observed - 1.96 * se), high = min(1, observed + 1.96 * se),
      n = nrow(d)
    )
  })
  list(
    data = do.call(rbind, rows), title = "Calibration of the predicted probabilities",
    x = "Predicted probability of an action", y = "How often it was taken"
  )
}

trace_picture <- function(fit) {
  if (is.null(fit$trace)) {
    abort_input("type", "This fit has no trace: nothing was searched for.")
  }
  rounds <- fit$trace[!is.na(fit$trace$objective), ]
  rounds$start <- rounds$start %||% 1L
  list(
    data = rounds, title = paste0("Search: ", fit$status),
    x = "Round", y = "Objective (nats, minimised)"
  )
}

criterion_picture <- function(fit, criterion, data = NULL) {
  if (is.null(criterion)) {
    abort_input("criterion", "`criterion` must be given to draw scores against it.")
  }
  found <- criterion_cor(fit, criterion, data = data)[1, ]
  scores <- persons(fit)
  asked <- asked_criteria(criterion)$criteria
  value <- criterion_columns(asked, data, as.character(scores$person))[[1]]
  scores$criterion <- unname(value[match(as.character(scores$person), names(value))])
  list(
    data = scores[!is.na(scores$criterion), , drop = FALSE],
    title = sprintf(
      "r = %.2f [%.2f, %.2f], %d persons", found$estimate, found$conf_low,
      found$conf_high, found$n
    ),
    x = trait_label(fit), y = found$criterion, log = trait_is_log(fit)
  )
}

path_picture <- function(fit, person = NULL) {
  scores <- persons(fit)
  if (is.null(person)) {
    person <- scores$person[order(scores$log_estimate)[ceiling(nrow(scores) / 2)]]
  }
  at <- match(as.character(person), as.character(scores$person))
  if (length(at) != 1 || is.na(at)) {
    abort_input("person", paste0(
      "`person` must be one person of the fit, not ", describe(person), "."
    ))
  }
  own <- fit$data[person]
  predicted <- stats::predict(fit, newdata = own, type = "probability")
  predicted$advantage <- stats::predict(fit, newdata = own, type = "advantage")$advantage
  row <- cumsum(!duplicated(predicted[c("episode", "step")]))
  best <- tapply(predicted$advantage, row, max)[row]
  predicted$best <- predicted$advantage >= best - 1e-12 * max(abs(best), 1)
  predicted$chance <- 1 / tabulate(row)[row]
  path <- predicted[predicted$chosen, , drop = FALSE]
  path$decision <- seq_len(nrow(path))
  path$kind <- ifelse(path$chance == 1, "only action",
    ifelse(path$best, "a best action", "another action")
  )
  score <- scores[at, ]
  list(
    data = path,
    title = sprintf(
      "Person %s: beta %.3g [%.3g, %.3g]", person, score$estimate,
      score$conf_low, score$conf_high
    ),
    x = "Decision (bands: episodes)", y = "Probability of what was chosen"
  )
}

# --- Base graphics ------------------------------------------------------------

# An empty panel with a light grid; numbers on log axes written out.
panel <- function(picture, xlim, ylim, log = "", yaxt = "s") {
  written_out <- function(side) {
    at <- graphics::axTicks(side)
    labels <- lapply(3:15, function(digits) {
      vapply(at, format, "", digits = digits, scientific = 6)
    })
    graphics::axis(side, at, Find(Negate(anyDuplicated), labels))
  }
  graphics::plot.default(
    NA, xlim = xlim, ylim = ylim, log = log, ann = FALSE, axes = FALSE
  )
  written_out(1)
  if (yaxt != "n") written_out(2)
  graphics::title(picture$title)
  graphics::title(xlab = picture$x, line = 2.4)
  graphics::title(ylab = picture$y, line = 4)
  graphics::abline(h = graphics::axTicks(2), col = plot_colours[["grid"]])
}

draw_persons <- function(picture) {
  d <- picture$data
  panel(
    picture, c(1, nrow(d)), range(d$conf_low, d$conf_high),
    log = if (picture$log) "y" else ""
  )
  graphics::segments(d$rank, d$conf_low, d$rank, d$conf_high,
    col = plot_colours[["faint"]], lwd = if (nrow(d) > 150) 1 else 2
  )
  if (!is.null(picture$population)) {
    graphics::abline(h = picture$population, lty = 2, col = plot_colours[["ink"]])
  }
  flagged <- nzchar(d$flag)
  graphics::points(d$rank, d$estimate,
    pch = 16, cex = if (nrow(d) > 150) .45 else .8,
    col = plot_colours[ifelse(flagged, "alert", "main")]
  )
  if (any(flagged)) {
    graphics::legend("topleft",
      legend = "flagged", pch = 16, bty = "n", col = plot_colours[["alert"]]
    )
  }
}

draw_values <- function(picture) {
  d <- picture$data
  y <- seq_len(nrow(d))
  margin <- max(graphics::strwidth(d$action, "inches"), na.rm = TRUE)
  graphics::par(mai = graphics::par("mai") + c(0, margin, 0, 0))
  picture$y <- ""
  panel(picture, c(0, max(d$observed, d$expected)), c(.5, max(y) + .5), yaxt = "n")
  graphics::axis(2, y, d$action, tick = FALSE)
  graphics::rect(0, y - .35, d$observed, y + .35,
    col = plot_colours[["faint"]], border = NA
  )
  graphics::points(d$expected, y, pch = 18, cex = 1.8, col = plot_colours[["main"]])
  graphics::legend("bottomright",
    legend = c("observed", "expected by the model"), pch = c(15, 18), bty = "n",
    col = plot_colours[c("faint", "main")], pt.cex = 1.5
  )
}

draw_calibration <- function(picture) {
  d <- picture$data
  ends <- c(0, max(d$predicted, d$high))
  panel(picture, ends, ends)
  graphics::abline(0, 1, col = plot_colours[["faint"]], lty = 2)
  graphics::segments(d$predicted, d$low, d$predicted, d$high,
    col = plot_colours[["main"]], lwd = 2
  )
  graphics::points(d$predicted, d$observed, pch = 16, col = plot_colours[["main"]])
}

draw_trace <- function(picture) {
  d <- picture$data
  panel(picture, range(d$iteration), range(d$objective))
  for (one in split(d, d$start)) {
    graphics::lines(one$iteration, one$objective,
      col = plot_colours[["main"]], lwd = 2, type = "o", pch = 16
    )
  }
}

draw_criterion <- function(picture) {
  d <- picture$data
  panel(
    picture, range(d$conf_low, d$conf_high), range(d$criterion),
    log = if (picture$log) "x" else ""
  )
  graphics::segments(d$conf_low, d$criterion, d$conf_high, d$criterion,
    col = grDevices::adjustcolor(plot_colours[["faint"]], .35)
  )
  graphics::points(d$estimate, d$criterion,
    pch = 16, cex = .7, col = grDevices::adjustcolor(plot_colours[["main"]], .6)
  )
  line <- stats::lm(criterion ~ log_estimate, d)
  ends <- range(d$log_estimate)
  graphics::lines(
    if (picture$log) exp(ends) else ends,
    stats::predict(line, data.frame(log_estimate = ends)),
    col = plot_colours[["alert"]], lwd = 2
  )
}

path_look <- data.frame(
  kind = c("a best action", "another action", "only action"),
  pch = c(16, 17, 1), colour = c("main", "alert", "faint")
)

draw_path <- function(picture) {
  d <- picture$data
  graphics::par(mar = graphics::par("mar") + c(0, 0, 1.2, 0))
  title <- picture$title
  picture$title <- ""
  panel(picture, c(.5, nrow(d) + .5), c(0, 1))
  graphics::title(title, line = 2.2)
  bands <- rle(as.character(d$episode))
  ends <- cumsum(bands$lengths) + .5
  odd <- seq_along(ends) %% 2 == 1
  graphics::rect((ends - bands$lengths)[odd], -1, ends[odd], 2,
    col = grDevices::adjustcolor(plot_colours[["grid"]], .5), border = NA
  )
  graphics::segments(d$decision - .4, d$chance, d$decision + .4, d$chance,
    col = plot_colours[["faint"]], lwd = 2
  )
  look <- path_look[match(d$kind, path_look$kind), ]
  graphics::points(d$decision, d$probability,
    pch = look$pch, col = plot_colours[look$colour]
  )
  seen <- path_look$kind %in% d$kind
  graphics::legend("bottom",
    legend = c(path_look$kind[seen], "chance"), bty = "n", xpd = NA, horiz = TRUE,
    inset = c(0, 1), pch = c(path_look$pch[seen], NA), lty = c(rep(NA, sum(seen)), 1),
    col = plot_colours[c(path_look$colour[seen], "faint")], cex = .85
  )
}

# --- ggplot2 ------------------------------------------------------------------

# `.data$x` inside aes() would need rlang; `as.name()` does without.
aes_of <- function(...) {
  do.call(ggplot2::aes, lapply(list(...), as.name))
}

gg_persons <- function(picture) {
  list(
    ggplot2::geom_linerange(
      aes_of(x = "rank", ymin = "conf_low", ymax = "conf_high"),
      colour = plot_colours[["faint"]]
    ),
    ggplot2::geom_point(aes_of(x = "rank", y = "estimate"),
      colour = plot_colours[ifelse(nzchar(picture$data$flag), "alert", "main")],
      size = .8
    ),
    if (!is.null(picture$population)) {
      ggplot2::geom_hline(yintercept = picture$population, linetype = 2)
    },
    if (picture$log) ggplot2::scale_y_log10()
  )
}

gg_values <- function(picture) {
  actions <- ggplot2::scale_y_discrete(limits = picture$data$action)
  list(
    ggplot2::geom_col(aes_of(x = "observed", y = "action"),
      fill = plot_colours[["faint"]]
    ),
    ggplot2::geom_point(aes_of(x = "expected", y = "action"),
      colour = plot_colours[["main"]], shape = 18, size = 4
    ),
    actions,
    ggplot2::labs(caption = "bars: observed, diamonds: expected by the model")
  )
}

gg_calibration <- function(picture) {
  list(
    ggplot2::geom_abline(linetype = 2, colour = plot_colours[["faint"]]),
    ggplot2::geom_pointrange(
      aes_of(x = "predicted", y = "observed", ymin = "low", ymax = "high"),
      colour = plot_colours[["main"]]
    ),
    ggplot2::coord_equal()
  )
}

gg_trace <- function(picture) {
  along <- aes_of(x = "iteration", y = "objective", group = "start")
  list(
    ggplot2::geom_line(along, colour = plot_colours[["main"]]),
    ggplot2::geom_point(along, colour = plot_colours[["main"]])
  )
}

gg_criterion <- function(picture) {
  at <- aes_of(x = "estimate", y = "criterion")
  list(
    ggplot2::geom_linerange(
      aes_of(xmin = "conf_low", xmax = "conf_high", y = "criterion"),
      colour = plot_colours[["faint"]], alpha = .35
    ),
    ggplot2::geom_point(at, colour = plot_colours[["main"]], alpha = .6),
    ggplot2::geom_smooth(at,
      method = "lm", formula = y ~ x, se = FALSE,
      colour = plot_colours[["alert"]]
    ),
    if (picture$log) ggplot2::scale_x_log10()
  )
}

gg_path <- function(picture) {
  look <- stats::setNames(plot_colours[path_look$colour], path_look$kind)
  ends <- cumsum(rle(as.character(picture$data$episode))$lengths)
  list(
    ggplot2::geom_point(aes_of(x = "decision", y = "chance"),
      shape = "-", size = 5, colour = plot_colours[["faint"]]
    ),
    ggplot2::geom_point(
      aes_of(x = "decision", y = "probability", colour = "kind", shape = "kind")
    ),
    ggplot2::scale_colour_manual(values = look),
    ggplot2::scale_shape_manual(
      values = stats::setNames(path_look$pch, path_look$kind)
    ),
    ggplot2::geom_vline(xintercept = ends + .5, colour = plot_colours[["grid"]])
  )
}
