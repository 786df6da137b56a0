# Representations of values and rewards as the core takes them: a list `value` and a
# list `reward` of links, each turning numbers into numbers (core/base/map.h).

value_links <- function(problem) {
  value <- problem$value
  base <- switch(value$kind,
    table = table_link(tie_classes(problem$task, value$tie)),
    linear = linear_link(problem$task, value$formula),
    network = network_link(problem$task, value)
  )
  c(list(base), if (keeps_unit_rms(problem)) {
    list(list(kind = "unit_rms", state_start = problem$task$layout$state_start))
  })
}

# Choices do not see the scale of values, and learned rewards follow it: residuals, which
# are cheaper the smaller values are, would shrink both to nothing.
scale_is_open <- function(problem) {
  rewards_are_learned(problem) && !is_free_table(problem) && !has_nonzero_anchor(problem)
}

# Where choices see no scale, values then have a root mean square of 1.
keeps_unit_rms <- function(problem) {
  isTRUE(problem$identify %in% c("global_rms", "state_rms")) && scale_is_open(problem)
}

warn_of_open_scale <- function(problem) {
  settled <- keeps_unit_rms(problem) || !is.null(problem$control$mu)
  if (settled || !scale_is_open(problem)) return(invisible())
  warn("identification", c(
    paste0(
      "Nothing settles the common scale of values and rewards with ",
      "`identify = \"", problem$identify, "\"`: the search may shrink them without end."
    ),
    "Leave `identify` out, anchor a reward other than 0, or give rlmm_control(mu = )."
  ))
}

# What an anchor knows is known; the rest is represented.
reward_links <- function(problem) {
  reward <- problem$reward
  if (reward$kind == "known") return(list())
  known <- anchored_rewards(problem$task, reward$anchor)
  base <- switch(reward$kind,
    table = {
      classes <- rep(-1L, length(known))
      classes[is.na(known)] <- seq_len(sum(is.na(known))) - 1L
      table_link(classes)
    },
    linear = linear_link(problem$task, reward$formula),
    network = network_link(problem$task, reward)
  )
  c(
    list(base),
    if (is.finite(reward$bound)) {
      list(list(kind = "bounded", n = length(known), bound = reward$bound))
    },
    if (!all(is.na(known))) list(list(kind = "anchored", known = known))
  )
}

table_link <- function(classes) {
  list(kind = "table", class = classes, n = max(classes, -1L) + 1L)
}

linear_link <- function(task, formula) {
  x <- pair_features(task, formula)
  list(kind = "linear", x = x, columns = colnames(x))
}

network_link <- function(task, spec) {
  x <- pair_features(task, spec$formula, intercept = FALSE)
  spread <- apply(x, 2, stats::sd)
  if (any(spread == 0)) x <- x[, spread > 0, drop = FALSE]
  scale <- list(
    columns = colnames(x), center = colMeans(x), spread = spread[spread > 0]
  )
  c(
    list(kind = "network", x = scaled_features(x, scale), hidden = spec$hidden), scale
  )
}

# Column by column: a matrix of millions of rows is not copied.
scaled_features <- function(x, scale) {
  for (i in seq_len(ncol(x))) x[, i] <- (x[, i] - scale$center[i]) / scale$spread[i]
  dimnames(x) <- NULL
  x
}

# What it takes, beside parameters, to give values to features of other pairs; NULL
# for tables.
function_of_features <- function(problem) {
  link <- problem$map$value[[1]]
  if (!is.null(link$columns)) link[setdiff(names(link), "x")]
}

# Design matrix of pairs: features of the task, and the factors state and action.
pair_features <- function(task, formula, intercept = TRUE) {
  if (is_on_demand(task)) {
    # Rows by the million take no detour through model frames.
    cells <- board_cells(task)
    if (formula == ~.) {
      return(if (intercept) cbind("(Intercept)" = 1, cells) else cells)
    }
    task$features <- as.data.frame(cells)
  }
  pairs <- task_pairs(task)
  features <- task$features %||% data.frame(row.names = seq_len(nrow(pairs)))
  terms <- expanded_terms(formula, features)
  frame <- cbind(features, data.frame(
    state = factor(task$states[pairs$state]),
    action = factor(task$actions[pairs$action])
  )[setdiff(c("state", "action"), names(features))])
  unknown <- setdiff(all.vars(terms), names(frame))
  if (length(unknown)) {
    abort_input("formula", c(
      paste0(
        "`formula` names ", quoted(unknown), "; the task has the features ",
        if (ncol(features)) quoted(names(features)) else "(none)", "."
      ),
      "Features are given in mdp(features = )."
    ))
  }
  x <- stats::model.matrix(terms, frame)
  x <- matrix(as.double(x), nrow(x), dimnames = list(NULL, colnames(x)))
  if (intercept) x else x[, colnames(x) != "(Intercept)", drop = FALSE]
}

expanded_terms <- function(formula, features) {
  if (!"." %in% all.vars(formula)) return(stats::terms(formula))
  if (!ncol(features)) {
    abort_input("formula", c(
      "`formula` asks for all features of the task, but it has none.",
      "Give mdp(features = ), or name `state` or `action` in the formula."
    ))
  }
  stats::terms(formula, data = features)
}

# 0-based class of every pair.
tie_classes <- function(task, tie) {
  if (is.null(tie)) return(seq_len(n_pairs(task)) - 1L)
  class <- tie$class[given_pairs(task, tie, "tie", all = TRUE)]
  match(class, unique(class)) - 1L
}

# Known reward of every pair, NA elsewhere.
anchored_rewards <- function(task, anchor) {
  known <- rep(NA_real_, n_pairs(task))
  if (is.null(anchor)) return(known)
  at <- given_pairs(task, anchor, "anchor")
  known[!is.na(at)] <- anchor$reward[at[!is.na(at)]]
  known
}

# Only another reward than 0 says how large rewards are.
has_nonzero_anchor <- function(problem) {
  any(anchored_rewards(problem$task, problem$reward$anchor) != 0, na.rm = TRUE)
}

# Row of `given` (a data frame with state and action) for every legal pair.
given_pairs <- function(task, given, arg, all = FALSE) {
  for (column in c("state", "action")) check_label_column(given, column, arg)
  pair <- find_pairs(
    task, match_labels(as_label_vector(given$state), task$states),
    match_labels(as_label_vector(given$action), task$actions)
  )
  illegal <- which(is.na(pair))
  if (length(illegal)) {
    abort_task(paste0(
      "`", arg, "` must name legal pairs of the task; not so: ",
      named_pairs(given$state[illegal], given$action[illegal]), " (",
      first_rows(illegal), ")."
    ), state = given$state[illegal], action = given$action[illegal])
  }
  at <- match(seq_len(n_pairs(task)) - 1L, pair)
  if (all && anyNA(at)) {
    abort_pairs(task, which(is.na(at)), paste0(
      "`", arg, "` must have a row for every legal pair; none for "
    ))
  }
  at
}

# Parameters a search begins at: the best fit of the representation to `q`. Weights
# of networks begin at random, by R's generator.
first_parameters <- function(links, target, control) {
  map <- list(value = links, reward = list())
  start <- random_weights(links[[1]], n_parameters_(map))
  if (links[[1]]$kind == "table") {
    class <- links[[1]]$class
    if (!length(start)) return(start)
    return(as.double(tapply(target[class >= 0], class[class >= 0], mean)))
  }
  # A start need not be the best fit to all of very many pairs.
  if (length(target) > most_pairs_to_start) {
    rows <- sample.int(length(target), most_pairs_to_start)
    target <- target[rows]
    links[[1]]$x <- links[[1]]$x[rows, , drop = FALSE]
    map$value <- links
  }
  project_(map, target, start, list(
    threads = control$threads, steps = 60L,
    m_step = if (links[[1]]$kind == "linear") "newton" else "lbfgs"
  ))
}

most_pairs_to_start <- 50000L

# Layer by layer N(0, 1 / units that come in), biases 0.
random_weights <- function(link, n) {
  if (link$kind != "network") return(numeric(n))
  width <- c(ncol(link$x), link$hidden, 1)
  unlist(lapply(seq_along(width[-1]), function(l) {
    c(
      stats::rnorm(width[l] * width[l + 1]) / sqrt(width[l]),
      numeric(width[l + 1])
    )
  }))
}
