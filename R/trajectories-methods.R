# Methods of trajectories.

#' @export
print.psyrl_trajectories <- function(x, ...) {
  d <- x$decisions
  cat(paste0(
    "Trajectories: ", count_of(length(x$persons), "person"), ", ",
    count_of(n_episodes(x), "episode"), ", ", count_of(nrow(d), "decision"),
    "\n"
  ))
  cat(paste0(
    "  ", count_of(length(x$states), "state"), ", ",
    count_of(length(x$actions), "action"), "; ",
    if (is.null(d$reward)) "no rewards" else "rewards",
    if (ncol(x$person_data) > 1) {
      paste0("; about persons: ", quoted(names(x$person_data)[-1], 5))
    },
    "\n"
  ))
  invisible(x)
}

# "1 person", "12 persons"
count_of <- function(n, what) {
  paste0(big(n), " ", what, if (n != 1) "s")
}

# First decisions of episodes.
episode_starts <- function(x) {
  d <- x$decisions
  n <- nrow(d)
  which(c(TRUE, d$person[-1] != d$person[-n] | d$episode[-1] != d$episode[-n]))
}

n_episodes <- function(x) length(episode_starts(x))

#' @export
summary.psyrl_trajectories <- function(object, ...) {
  d <- object$decisions
  first <- episode_starts(object)
  last <- c(first[-1] - 1L, nrow(d))
  structure(
    list(
      n_persons = length(object$persons),
      n_episodes = length(first),
      n_decisions = nrow(d),
      decisions_per_person = summary(diff(object$person_start)),
      decisions_per_episode = summary(last - first + 1L),
      ends = c(
        terminal = sum(d$done[last] & !d$truncated[last]),
        truncated = sum(d$truncated[last]), open = sum(!d$done[last])
      ),
      visits = sort(
        stats::setNames(
          tabulate(d$state, length(object$states)), object$states
        ),
        decreasing = TRUE
      ),
      actions = stats::setNames(
        tabulate(d$action, length(object$actions)), object$actions
      ),
      reward = if (!is.null(d$reward)) summary(d$reward)
    ),
    class = "summary.psyrl_trajectories"
  )
}

#' @export
print.summary.psyrl_trajectories <- function(x, ...) {
  cat(paste0(
    count_of(x$n_persons, "person"), ", ", count_of(x$n_episodes, "episode"),
    ", ", count_of(x$n_decisions, "decision"), "\n"
  ))
  cat(paste0(
    "Episodes that ended in a terminal state: ", big(x$ends[["terminal"]]),
    ", truncated: ", big(x$ends[["truncated"]]), ", without a marked end: ",
    big(x$ends[["open"]]), "\n\n"
  ))
  print(rbind(
    "decisions per person" = x$decisions_per_person,
    "decisions per episode" = x$decisions_per_episode
  ), digits = 3)
  cat("\nMost visited states:\n")
  print(utils::head(x$visits, 6))
  cat("\nActions:\n")
  print(utils::head(sort(x$actions, decreasing = TRUE), 12))
  if (!is.null(x$reward)) {
    cat("\nRewards:\n")
    print(x$reward)
  }
  invisible(x)
}

#' @export
`[.psyrl_trajectories` <- function(x, i, ...) {
  chosen <- chosen_persons(x$persons, i)
  rows <- sequence(
    diff(x$person_start)[chosen], from = x$person_start[chosen] + 1L
  )
  decisions <- quick_frame(lapply(x$decisions, `[`, rows))
  decisions$person <- match(decisions$person, chosen)
  new_trajectories(
    persons = x$persons[chosen], states = x$states, actions = x$actions,
    decisions = decisions, episodes = x$episodes,
    person_data = choose_rows(x$person_data, chosen)
  )
}

# Codes of the persons that `i` chooses, as `[` on a named vector would.
chosen_persons <- function(persons, i) {
  chosen <- stats::setNames(seq_along(persons), persons)
  if (!missing(i)) {
    if (is.factor(i)) i <- as.character(i)
    chosen <- chosen[i]
  }
  if (anyNA(chosen)) {
    abort_input("i", paste0(
      "Persons must be chosen among the ", length(persons), " of the data; ",
      quoted(as.character(i[is.na(chosen)])), " not found."
    ))
  }
  if (anyDuplicated(chosen)) {
    abort_input("i", paste0(
      "Persons must be chosen once; ",
      quoted(unique(names(chosen)[duplicated(chosen)])), " repeated."
    ))
  }
  if (!length(chosen)) abort_input("i", "At least one person must be chosen.")
  sort(unname(chosen))
}

choose_rows <- function(data, rows) {
  quick_frame(lapply(data, `[`, rows))
}

#' @export
c.psyrl_trajectories <- function(...) {
  parts <- list(...)
  for (part in parts) check_class(part, "psyrl_trajectories", "...")
  check_episodes_apart(parts)
  tables <- lapply(parts, as.data.frame, persons = TRUE)
  shared <- Reduce(intersect, lapply(tables, names))
  trajectories(do.call(rbind, lapply(tables, `[`, shared)))
}

check_episodes_apart <- function(parts) {
  episodes <- lapply(parts, function(x) {
    d <- x$decisions[episode_starts(x), ]
    paste(x$persons[d$person], x$episodes[d$episode], sep = "\r")
  })
  twice <- unlist(episodes)
  twice <- twice[duplicated(twice)]
  if (length(twice)) {
    pair <- strsplit(twice[1], "\r", fixed = TRUE)[[1]]
    abort_data("episode", NULL, paste0(
      "Episodes of a person must differ between the parts: episode ",
      dQuote(pair[2], FALSE), " of person ", dQuote(pair[1], FALSE),
      if (length(twice) > 1) paste(" and", length(twice) - 1, "more"),
      " occur twice."
    ))
  }
}

#' @export
as.data.frame.psyrl_trajectories <- function(x, row.names = NULL,
                                             optional = FALSE,
                                             persons = FALSE, ...) {
  d <- x$decisions
  columns <- list(
    person = x$persons[d$person], episode = x$episodes[d$episode],
    step = d$step, state = x$states[d$state], action = x$actions[d$action],
    reward = d$reward, next_state = x$states[d$next_state], done = d$done,
    truncated = d$truncated
  )
  if (persons) {
    columns <- c(columns, lapply(x$person_data[-1], `[`, d$person))
  }
  table <- quick_frame(columns[!vapply(columns, is.null, logical(1))])
  if (!is.null(row.names)) rownames(table) <- row.names
  table
}

#' Plot trajectories
#'
#' @param x Object of class `psyrl_trajectories`.
#' @param type `"length"`: how many decisions people made. `"path"`: the states
#'   one person went through, episode by episode.
#' @param person Whose path; default the first person.
#' @param ... Passed on to the plot.
#' @return `x`, invisibly.
#' @examples
#' x <- trajectories(data.frame(
#'   person = rep(c("ann", "bob"), c(4, 2)), state = c(1, 2, 1, 3, 1, 3),
#'   action = "go"
#' ))
#' plot(x, type = "path")
#' @export
plot.psyrl_trajectories <- function(x, type = c("length", "path"),
                                    person = NULL, ...) {
  type <- check_choice(type, c("length", "path"), "type")
  if (type == "length") plot_lengths(x, ...) else plot_path(x, person, ...)
  invisible(x)
}

plot_lengths <- function(x, ...) {
  graphics::hist(
    diff(x$person_start), xlab = "Decisions per person", ylab = "Persons",
    main = "", col = "grey80", border = "white", ...
  )
}

plot_path <- function(x, person, ...) {
  one <- x[if (is.null(person)) 1 else as.character(person)]
  d <- one$decisions
  visited <- sort(unique(c(d$state, d$next_state)))
  position <- seq_len(nrow(d))
  graphics::plot(
    position, match(d$state, visited), type = "s", yaxt = "n",
    xlab = "Decision", ylab = "", ylim = c(1, length(visited)),
    main = paste("Person", one$persons), ...
  )
  at <- unique(round(pretty(c(1, length(visited)), min(length(visited), 12))))
  at <- at[at >= 1 & at <= length(visited)]
  graphics::axis(2, at, one$states[visited[at]], las = 1, cex.axis = 0.7)
  graphics::abline(v = episode_starts(one)[-1] - 0.5, col = "grey", lty = 3)
}
