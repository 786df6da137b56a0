# Pictures of a fit of a learning model: the data are found once, for base graphics
# and for ggplot2.

rlearn_plot_types <- c("persons", "parameters", "curves", "stays")

#' Pictures of a fitted learning model
#'
#' `plot()` draws with base graphics; `autoplot()` returns the same picture as a
#' ggplot2 object.
#'
#' | `type` | shows |
#' |---|---|
#' | `"persons"` | every person's estimate with its interval, in order, by parameter |
#' | `"parameters"` | persons' estimates against each other, on the unconstrained scale |
#' | `"curves"` | shares of choices over trials, over bands of the model |
#' | `"stays"` | the probability of staying after wins and losses, over bands |
#'
#' Bands are those of [posterior_predictive()]; pictures of recovery studies and
#' comparisons are theirs, see [recover()] and [compare()].
#'
#' @param x,object A fit of [rlearn()].
#' @param type What to show.
#' @param parameter Which parameters (default: all).
#' @param ... For `"curves"` and `"stays"` passed on to [posterior_predictive()].
#' @return `plot()`: the data behind the picture, invisibly; `autoplot()`: a ggplot.
#' @examples
#' set.seed(1)
#' fit <- rlearn(simulate(rescorla_wagner(), design = bandit_task(15, 60)))
#' plot(fit)
#' plot(fit, "parameters")
#' plot(fit, "curves", nsim = 20)
#' @name plot.rlearn
#' @export
plot.rlearn <- function(x, type = rlearn_plot_types, parameter = NULL, ...) {
  type <- check_choice(type, rlearn_plot_types, "type")
  if (type %in% c("curves", "stays")) {
    check <- posterior_predictive(x, ...)
    plot(check, type)
    return(invisible(check[[type]]))
  }
  parameter <- shown_parameters(x, parameter)
  if (type == "parameters") {
    u <- link_estimates(x, parameter)
    draw_pairs(u, parameter)
    return(invisible(u))
  }
  ordered <- ordered_persons(x, parameter)
  old <- graphics::par(
    mfrow = rev(grDevices::n2mfrow(length(parameter))), las = 1, bty = "n"
  )
  on.exit(graphics::par(old))
  for (name in parameter) {
    draw_estimates(ordered[ordered$parameter == name, ], name)
  }
  invisible(ordered)
}

shown_parameters <- function(fit, parameter) {
  parameter <- parameter %||% fit$table$parameter
  lost <- setdiff(parameter, fit$table$parameter)
  if (length(lost)) {
    abort_input("parameter", paste0(
      "The model has the parameters ", quoted(fit$table$parameter), ", not ",
      quoted(lost), "."
    ))
  }
  parameter
}

# A row a person and parameter, with the person's rank and the group's median.
ordered_persons <- function(fit, parameter) {
  out <- persons(fit)
  out <- out[out$parameter %in% parameter & is.finite(out$estimate), ]
  out$rank <- stats::ave(out$estimate, out$parameter, FUN = function(x) {
    rank(x, ties.method = "first")
  })
  middle <- if (fit$estimator == "hierarchical" && all(fit$design$intercept)) {
    coef(fit, scale = "natural")[out$parameter]
  } else {
    stats::ave(out$estimate, out$parameter, FUN = stats::median)
  }
  out$middle <- unname(middle)
  rownames(out) <- NULL
  out
}

draw_estimates <- function(own, name) {
  # Long intervals of few persons would hide the others, endless ones say nothing.
  ends <- c(own$conf_low, own$conf_high)
  ends <- ends[is.finite(ends)]
  span <- range(own$estimate, if (length(ends)) stats::quantile(ends, c(0.02, 0.98)))
  graphics::plot(
    own$rank, own$estimate, type = "n", ylim = span, xlab = "persons in order",
    ylab = name, main = name
  )
  graphics::segments(
    own$rank, own$conf_low, own$rank, own$conf_high, col = plot_colours[["faint"]]
  )
  graphics::abline(h = own$middle[1], lty = 2, col = plot_colours[["ink"]])
  graphics::points(
    own$rank, own$estimate, pch = 16, cex = 0.7,
    col = plot_colours[ifelse(nzchar(own$flag), "alert", "main")]
  )
}

# Persons x parameters, unconstrained.
link_estimates <- function(fit, parameter) {
  out <- t(fit$persons$mode[match(parameter, fit$table$parameter), , drop = FALSE])
  dimnames(out) <- list(as.character(fit$data$persons), parameter)
  out
}

draw_pairs <- function(u, parameter) {
  if (length(parameter) < 2) {
    abort_input("parameter", "Two or more parameters make a picture of `parameters`.")
  }
  correlation <- function(x, y, ...) {
    old <- graphics::par(usr = c(0, 1, 0, 1))
    on.exit(graphics::par(old))
    r <- stats::cor(x, y, use = "complete.obs")
    graphics::text(0.5, 0.5, paste("r =", format(r, digits = 2)), cex = 1.3)
  }
  graphics::pairs(
    u, upper.panel = correlation, pch = 16, cex = 0.7, las = 1,
    col = grDevices::adjustcolor(plot_colours[["main"]], 0.6)
  )
}

#' @rdname plot.rlearn
#' @exportS3Method ggplot2::autoplot
autoplot.rlearn <- function(object, type = rlearn_plot_types, parameter = NULL, ...) {
  check_installed("ggplot2", "draw with autoplot()")
  type <- check_choice(type, rlearn_plot_types, "type")
  if (type %in% c("curves", "stays")) {
    return(ggplot_bands(posterior_predictive(object, ...)[[type]], type))
  }
  parameter <- shown_parameters(object, parameter)
  if (type == "parameters") return(ggplot_pairs(link_estimates(object, parameter)))
  own <- ordered_persons(object, parameter)
  own$parameter <- factor(own$parameter, parameter)
  ggplot2::ggplot(own, aes_of(x = "rank", y = "estimate")) +
    ggplot2::geom_linerange(
      aes_of(ymin = "conf_low", ymax = "conf_high"), colour = plot_colours[["faint"]]
    ) +
    ggplot2::geom_hline(aes_of(yintercept = "middle"), linetype = 2) +
    ggplot2::geom_point(
      colour = plot_colours[ifelse(nzchar(own$flag), "alert", "main")], size = 0.8
    ) +
    ggplot2::facet_wrap("parameter", scales = "free_y") +
    ggplot2::labs(x = "persons in order", y = "estimate") +
    ggplot2::theme_minimal()
}

ggplot_pairs <- function(u) {
  pairs <- expand.grid(x = colnames(u), y = colnames(u), stringsAsFactors = FALSE)
  pairs <- pairs[match(pairs$x, colnames(u)) < match(pairs$y, colnames(u)), ]
  rows <- do.call(rbind, lapply(seq_len(nrow(pairs)), function(i) {
    data.frame(
      pair = paste(pairs$y[i], "by", pairs$x[i]), x = u[, pairs$x[i]], y = u[, pairs$y[i]]
    )
  }))
  ggplot2::ggplot(rows, aes_of(x = "x", y = "y")) +
    ggplot2::geom_point(colour = plot_colours[["main"]], size = 0.8) +
    ggplot2::facet_wrap("pair", scales = "free") +
    ggplot2::labs(x = NULL, y = NULL) +
    ggplot2::theme_minimal()
}

ggplot_bands <- function(table, type) {
  across <- if (type == "curves") "position" else "after"
  table$after <- if (type == "stays") factor(table$after, unique(table$after))
  picture <- ggplot2::ggplot(table, aes_of(x = across, y = "observed"))
  picture <- if (type == "curves") {
    picture +
      ggplot2::geom_ribbon(
        aes_of(ymin = "low", ymax = "high", fill = "option"), alpha = 0.3
      ) +
      ggplot2::geom_line(aes_of(colour = "option"))
  } else {
    picture +
      ggplot2::geom_linerange(
        aes_of(ymin = "low", ymax = "high"), colour = plot_colours[["faint"]],
        linewidth = 8
      ) +
      ggplot2::geom_point(colour = plot_colours[["alert"]], size = 2)
  }
  if (length(unique(table$condition)) > 1) {
    picture <- picture + ggplot2::facet_wrap("condition")
  }
  labels <- if (type == "curves") c("trial", "share of choices") else {
    c("after", "probability of staying")
  }
  picture + ggplot2::ylim(0, 1) + ggplot2::labs(x = labels[1], y = labels[2]) +
    ggplot2::theme_minimal()
}
