# Printing, summarising, subsetting and joining choices.

#' @export
print.psyrl_choices <- function(x, ...) {
  missed <- sum(is.na(x$trials$choice))
  cat(
    "Choices of ", number_of(length(x$persons), "person"), ": ",
    number_of(nrow(x$trials), "trial"), " (", missed, " missed), options ",
    paste(utils::head(x$options, 8), collapse = ", "),
    if (length(x$options) > 8) ", ...", "\n", sep = ""
  )
  extra <- setdiff(names(x$trials), c("person", "trial", "choice", "row", "row2"))
  cat("Columns: ", paste(extra, collapse = ", "), "\n", sep = "")
  invisible(x)
}

#' @export
summary.psyrl_choices <- function(object, ...) {
  trials <- object$trials
  by_person <- function(x, f, ...) {
    vapply(split(x, factor(trials$person, seq_along(object$persons))), f, 1, ...)
  }
  data.frame(
    person = object$persons,
    n_trials = diff(object$person_start),
    n_missed = by_person(is.na(trials$choice), sum),
    n_blocks = by_person(trials$block, function(b) length(unique(b))),
    mean_outcome = by_person(trials$outcome, mean, na.rm = TRUE),
    row.names = NULL
  )
}

#' @export
`[.psyrl_choices` <- function(x, i, ...) {
  keep <- person_index(x, i)
  rows <- unlist(lapply(keep, function(p) {
    seq.int(x$person_start[p] + 1, length.out = diff(x$person_start)[p])
  }))
  trials <- x$trials[rows, , drop = FALSE]
  trials$person <- rep(seq_along(keep), diff(x$person_start)[keep])
  rownames(trials) <- NULL
  new_choices(
    x$persons[keep], x$options, trials,
    if (!is.null(x$available)) x$available[rows, , drop = FALSE],
    x$person_data[keep, , drop = FALSE], x$labels
  )
}

# Persons by label, position or logical vector, as positions.
person_index <- function(x, i) {
  if (missing(i)) return(seq_along(x$persons))
  if (is.character(i) || is.factor(i)) {
    at <- match(as.character(i), as.character(x$persons))
    if (anyNA(at)) {
      abort_input("i", paste0(
        "No such persons: ", quoted(as.character(i)[is.na(at)]), "."
      ))
    }
    return(at)
  }
  at <- seq_along(x$persons)[i]
  if (anyNA(at)) {
    abort_input("i", paste0(
      "There are ", length(x$persons), " persons, fewer than ", max(i, na.rm = TRUE), "."
    ))
  }
  at
}

#' @export
c.psyrl_choices <- function(...) {
  parts <- list(...)
  frames <- lapply(parts, as.data.frame)
  columns <- Reduce(intersect, lapply(frames, names))
  choices(
    do.call(rbind, lapply(frames, `[`, columns)),
    options = unique(unlist(lapply(parts, `[[`, "options")))
  )
}

#' @export
as.data.frame.psyrl_choices <- function(x, ...) {
  trials <- x$trials
  out <- data.frame(
    person = x$persons[trials$person],
    block = x$labels$blocks[trials$block] %||% trials$block,
    trial = trials$trial, choice = x$options[trials$choice],
    outcome = trials$outcome
  )
  for (name in c("stimulus", "next_state")) {
    if (is.null(trials[[name]])) next
    labels <- x$labels[[name]]
    out[[name]] <- if (is.null(labels)) trials[[name]] else labels[trials[[name]]]
  }
  more <- intersect(c("choice2", "gain", "loss", "counterfactual"), names(trials))
  out[more] <- trials[more]
  out
}

#' @export
plot.psyrl_choices <- function(x, bins = 20, ...) {
  trials <- x$trials[!is.na(x$trials$choice), ]
  position <- stats::ave(seq_len(nrow(trials)), trials$person, FUN = seq_along)
  bin <- ceiling(position / max(1, ceiling(max(position) / bins)))
  share <- prop.table(table(bin, factor(trials$choice, seq_along(x$options))), 1)
  centre <- tapply(position, bin, mean)
  graphics::matplot(
    centre, share, type = "b", pch = 1, lty = 1, ylim = c(0, 1),
    xlab = "trial", ylab = "share of choices", ...
  )
  graphics::legend(
    "topright", legend = x$options, col = seq_along(x$options), lty = 1, bty = "n"
  )
  invisible(x)
}
