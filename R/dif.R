# Do some states ask something else of one group than of another?

#' @rdname dif
#' @param classes Named vector that gives states (names) a class; states it does not
#'   name are class `"other"`. `NULL`: every state its own class.
#' @param data Data frame with a column `person` and the column `group`; `NULL`: the
#'   columns of the data, or of `control$persons`, that the fit was made with.
#' @param min_persons Classes in which fewer persons of either group decided are
#'   merged into `"other"`; so are classes that tell too little for the distribution of
#'   the statistic to be known (an effect's standard error above .5).
#' @details
#' Under the alternative a person of the group follows the values of a class of states
#' with slope beta exp(effect) instead of beta: `effect` is a difference in log beta
#' that holds in these states only. A difference in all states is no differential
#' functioning but a difference in the trait, and is taken out: groups get their own
#' mean of the trait. Also taken out is that a class may be followed more or less
#' sharply by everybody.
#'
#' The test is a score test of the marginal likelihood: traits are integrated out, and
#' the score of the effect is made orthogonal to those of the group means, of sigma
#' and of the class's common effect. Nothing but the population is fitted again.
#' `effect` is the estimate after one step and `std_error` its standard error;
#' `statistic` is chi-square with one degree of freedom; `p_adjusted` controls the
#' false discovery rate over classes (Benjamini and Hochberg). Two groups are
#' compared second (in alphabetical or factor order) minus first; each of more groups
#' with all others; a numeric group is a covariate, the effect one of its SDs'.
#' @return Columns `state_class, effect, std_error, statistic, p_value, p_adjusted,
#'   n_decisions`, and `group` where there are several contrasts.
#' @section Errors: `psyrl_error_input` if the group is unknown, constant, or not
#'   named by person.
#' @references
#' Rao, C. R. (1948). Large sample tests of statistical hypotheses concerning several
#' parameters. *Mathematical Proceedings of the Cambridge Philosophical Society*,
#' 44, 50-57.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(60, -3, .5)), paste0("p", 1:60))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 5), task)
#' dif(fit, setNames(rep(c("a", "b"), 30), names(beta)))
#' @export
dif.rlmm <- function(fit, group, classes = NULL, data = NULL,
                     min_persons = 10, ...) {
  require_shared_values(fit, "dif()")
  min_persons <- check_count(min_persons, "min_persons")
  contrasts <- group_contrasts(person_values(fit, group, data))
  known <- stats::complete.cases(contrasts)
  contrasts <- contrasts[known, , drop = FALSE]
  fit <- with_group_means(keep_persons(fit, known), contrasts)
  moments <- class_moments(fit, classes, contrasts, min_persons)
  rows <- lapply(colnames(contrasts), function(name) {
    dif_rows(fit, moments, contrasts[, name], name)
  })
  result <- do.call(rbind, rows)
  result$p_adjusted <- stats::p.adjust(result$p_value, "BH")
  columns <- c(
    "state_class", if (ncol(contrasts) > 1) "group", "effect", "std_error",
    "statistic", "p_value", "p_adjusted", "n_decisions"
  )
  structure(result[columns],
    class = c("psyrl_dif", "data.frame"), row.names = seq_len(nrow(result)),
    contrasts = colnames(contrasts), n_persons = nrow(contrasts)
  )
}

# A value for every person of the fit, in order, from a named vector or a column.
person_values <- function(fit, group, data = NULL) {
  labels <- as.character(fit$data$persons)
  if (is.character(group) && length(group) == 1 && is.null(names(group))) {
    frame <- data %||% fit$control$persons %||% fit$data$person_data
    check_data_frame(frame, "data", group)
    person <- frame$person %||% labels
    group <- stats::setNames(frame[[group]], as.character(person))
  }
  if (is.null(names(group))) {
    abort_input("group", c(
      "`group` must be named by person, or name a column of the persons' data.",
      "Try setNames(group, person)."
    ))
  }
  value <- group[match(labels, names(group))]
  if (all(is.na(value))) {
    abort_input("group", paste0(
      "No name of `group` is a person of the fit; persons are named ",
      quoted(labels, 3), "."
    ))
  }
  unname(value)
}

# Columns named by contrast, centred; NA where the group is unknown.
group_contrasts <- function(value) {
  centred <- function(x) x - mean(x, na.rm = TRUE)
  if (is.numeric(value) && length(unique(stats::na.omit(value))) > 2) {
    return(cbind(covariate = centred(value) / stats::sd(value, na.rm = TRUE)))
  }
  value <- droplevels(as.factor(value))
  if (nlevels(value) < 2) {
    abort_input("group", "`group` must have at least two groups with persons.")
  }
  shown <- if (nlevels(value) == 2) 2 else seq_len(nlevels(value))
  contrasts <- vapply(levels(value)[shown], function(level) {
    centred(as.double(value == level))
  }, numeric(length(value)))
  if (nlevels(value) == 2) {
    colnames(contrasts) <- paste(rev(levels(value)), collapse = " minus ")
  }
  contrasts
}

# The fit of some of its persons: what is per person, and nothing else, changes.
keep_persons <- function(fit, keep) {
  if (is.logical(keep)) keep <- which(keep)
  counts <- fit$counts
  size <- diff(counts$person_start)[keep]
  entries <- sequence(size, counts$person_start[keep] + 1L)
  fit$counts <- list(
    person_start = as.integer(c(0, cumsum(size))), pair = counts$pair[entries],
    count = counts$count[entries]
  )
  fit$design <- fit$design[keep, , drop = FALSE]
  fit$data$persons <- fit$data$persons[keep]
  fit$posterior$weight <- fit$posterior$weight[, keep, drop = FALSE]
  fit
}

# Population and posteriors anew, with a mean of the trait for every group.
with_group_means <- function(fit, contrasts) {
  extra <- contrasts
  colnames(extra) <- paste0("group:", colnames(contrasts))
  design <- cbind(fit$design, extra)
  pivot <- qr(design)
  fit$design <- design[, sort(pivot$pivot[seq_len(pivot$rank)]), drop = FALSE]
  refit_population(fit)
}

# Maximum of the marginal likelihood in the effects of `fit$design` and sigma, the
# values fixed; the posteriors that follow. `fit$population` has the information.
refit_population <- function(fit) {
  nodes <- fit$posterior$nodes
  log_lik <- person_log_lik_(
    fit$task, fit$counts, fit_model(fit, nodes), fit$control$threads
  )
  start <- coef(fit)[colnames(fit$design)]
  start[is.na(start)] <- 0
  fit$population <- fit_population(
    problem_of(fit), nodes, log_lik,
    list(effects = unname(start), log_sigma = log(coef(fit)[["sigma"]]))
  )
  fit$parameters <- rbind(
    parameter_row(
      colnames(fit$design), "population", "identity", fit$population$effects
    ),
    parameter_row(
      "sigma", "population", "log", exp(fit$population$log_sigma)
    ),
    fit$parameters[fit$parameters$block != "population", ]
  )
  fit$posterior <- trait_posterior(
    nodes, log_lik, prior_mean(fit), coef(fit)[["sigma"]], fit$control$threads
  )
  fit
}

# What each class adds to each person's score and information: a data frame, a row a
# (class, person) that met.
class_moments <- function(fit, classes, contrasts, min_persons) {
  counts <- fit$counts
  person <- rep(seq_along(fit$data$persons), diff(counts$person_start))
  class <- entry_classes(fit, classes)
  class <- merge_rare(fit, class, person, contrasts, min_persons)
  moments <- moments_by_class(fit, class, person)
  told <- rowsum(contrasts[moments$person, , drop = FALSE]^2 * moments$information,
    as.character(moments$class)
  )
  rare <- rownames(told)[apply(told, 1, min) < 4]
  if (!length(setdiff(rare, "other"))) return(moments)
  moments_by_class(fit, replace(class, class %in% rare, "other"), person)
}

moments_by_class <- function(fit, class, person) {
  counts <- fit$counts
  levels <- sort(unique(class))
  code <- match(class, levels)
  order <- order(code, person)
  first <- which(!duplicated(interaction_code(code, person)[order]))
  moments <- class_moments_(
    fit$task, counts, fit_model(fit), fitted_trait(fit),
    list(
      person = person[order][first] - 1L,
      start = c(first - 1L, length(order)), order = order - 1L
    ),
    fit$control$threads
  )
  data.frame(
    class = factor(levels[code[order][first]], levels),
    person = person[order][first],
    n = as.double(rowsum(counts$count[order], cumsum(seq_along(order) %in% first))),
    moments
  )
}

entry_classes <- function(fit, classes) {
  state <- as.character(fit$task$states)[
    task_pairs(fit$task)$state[fit$counts$pair + 1L]
  ]
  if (is.null(classes)) return(state)
  if (is.null(names(classes)) || !any(names(classes) %in% state)) {
    abort_input("classes", paste0(
      "`classes` must be named by states in which persons decided, such as ",
      quoted(state, 2), "."
    ))
  }
  class <- as.character(classes)[match(state, names(classes))]
  class[is.na(class)] <- "other"
  class
}

# Classes with too few persons on either side of a contrast become "other"; states
# that cannot inform do not count.
merge_rare <- function(fit, class, person, contrasts, min_persons) {
  informs <- fit$values$advantage[fit$counts$pair + 1L] != 0
  met <- unique(data.frame(class, person)[informs, ])
  sides <- lapply(colnames(contrasts), function(name) {
    above <- contrasts[met$person, name] > 0
    pmin(tapply(above, met$class, sum), tapply(!above, met$class, sum))
  })
  enough <- do.call(pmin, sides)
  class[!class %in% names(enough)[enough >= min_persons]] <- "other"
  class
}

# The efficient score of every class's effect: what the nuisance (effects of the
# design, log sigma, the class's common effect) leaves of score and information.
dif_rows <- function(fit, moments, contrast, name) {
  rows <- lapply(split(moments, moments$class), function(m) {
    x <- contrast[m$person]
    score <- c(sum(m$score), sum(x * m$score))
    block <- rbind(
      c(sum(m$information), sum(x * m$information)),
      c(sum(x * m$information), sum(x^2 * m$information))
    )
    information <- bordered_information(fit, m, cbind(1, x), block)
    score <- c(numeric(nrow(information) - 2), score)
    c(efficient_score(score, information), n = sum(m$n))
  })
  found <- data.frame(do.call(rbind, rows))
  statistic <- found$score^2 / found$information
  data.frame(
    state_class = names(rows), group = name,
    effect = found$score / found$information,
    std_error = 1 / sqrt(found$information), statistic = statistic,
    p_value = stats::pchisq(statistic, 1, lower.tail = FALSE),
    n_decisions = as.integer(found$n), row.names = NULL
  )
}

# Information about (population, common effect, group effect) of one class.
bordered_information <- function(fit, m, x, block) {
  population <- fit$population$information
  design <- fit$design[m$person, , drop = FALSE]
  border <- rbind(
    -crossprod(design, x * m$with_trait) / coef(fit)[["sigma"]],
    -colSums(x * m$with_square)
  )
  rbind(cbind(population, border), cbind(t(border), block))
}

# The last element of the score, and its information, given all others.
efficient_score <- function(score, information) {
  last <- length(score)
  factor <- qr(information[-last, -last, drop = FALSE], tol = 1e-10)
  slope <- qr.coef(factor, information[-last, last])
  slope[is.na(slope)] <- 0
  left <- information[last, last] - sum(slope * information[-last, last])
  # A class that is all there is cannot differ from the trait.
  if (left < 1e-8 * abs(information[last, last])) left <- NA
  c(score = score[last] - sum(slope * score[-last]), information = left)
}

#' @export
print.psyrl_dif <- function(x, level = 0.05, n = 6, ...) {
  tested <- sum(!is.na(x$p_value))
  found <- sum(x$p_adjusted < level, na.rm = TRUE)
  cat(
    "Differential functioning, ",
    paste(attr(x, "contrasts"), collapse = ", "), ", ",
    big_number(attr(x, "n_persons")), " persons\n  ",
    if (found) {
      paste0(found, " of ", tested, " classes of states differ")
    } else {
      paste0("none of ", tested, " classes of states differs")
    },
    " at the ", format(level), " level after adjustment\n\n",
    sep = ""
  )
  print_frame(x[utils::head(order(x$p_value), n), ])
  if (nrow(x) > n) cat("... and ", big_number(nrow(x) - n), " more\n", sep = "")
  invisible(x)
}
