# Which directions of the rewards the data identify, and what would settle the rest.

# The information matrix taken apart: `spread` spans what is identified (its
# cross-product is the covariance), `free` the directions along which nothing changes.
# Parameters are scaled to unit information, so that units play no part.
identification <- function(information, tolerance = 1e-6) {
  size <- sqrt(pmax(diag(information), 0))
  dead <- size <= 1e-10 * max(size, 1e-300)
  unit <- ifelse(dead, 0, 1 / pmax(size, 1e-300))
  parts <- eigen(information * outer(unit, unit), symmetric = TRUE)
  seen <- parts$values > tolerance * max(parts$values, 0)
  flat <- parts$vectors[, !seen, drop = FALSE]
  free <- flat * ifelse(dead, 1, unit)
  spread <- parts$vectors[, seen, drop = FALSE] * unit
  list(
    spread = sweep(spread, 2, sqrt(parts$values[seen]), `/`),
    free = free, unit = ifelse(dead, 1, unit), flat = flat,
    is_minimum = all(parts$values > -1e-4 * max(parts$values, 0)) &&
      all(diag(information) >= -1e-4 * max(abs(diag(information))))
  )
}

# Beyond this many parameters the matrix is not formed.
identification_limit <- 1500

# Does the function with this derivative (a row each) stay put along what is free?
is_identified <- function(known, slope) {
  scaled <- sweep(slope, 2, known$unit, `*`)
  moves <- rowSums((scaled %*% known$flat)^2)
  unname(moves <= 1e-6 * pmax(rowSums(scaled^2), 1e-300))
}

covariance_along <- function(known, slope) {
  covariance <- tcrossprod(slope %*% known$spread)
  covariance[!is_identified(known, slope), ] <- NA_real_
  covariance[, !is_identified(known, slope)] <- NA_real_
  if (!known$is_minimum) covariance[] <- NA_real_
  covariance
}

# Standard errors; NA where not identified.
spread_along <- function(known, slope) {
  error <- sqrt(rowSums((slope %*% known$spread)^2))
  error[!is_identified(known, slope) | !known$is_minimum] <- NA_real_
  unname(error)
}

# list(parameters, rank, directions, anchors, scale, open): `directions` is a matrix
# pairs x free directions, `anchors` the pairs whose known rewards would settle them.
identification_report <- function(problem, known, map) {
  moves <- map$raw_slope %*% known$free
  moves <- moves[, colSums(moves^2) > 1e-12 * max(colSums(moves^2), 1e-300),
    drop = FALSE
  ]
  settling <- independent_rows(moves)
  rank <- length(settling)
  n <- sum(colSums(map$raw_slope^2) > 0)
  list(
    parameters = n, rank = n - rank, directions = moves,
    anchors = pair_labels(problem$task, settling),
    scale = problem$scale %||% "anchors", open = problem$open
  )
}

# Rows of a matrix that span all of them, the most telling first.
independent_rows <- function(x) {
  if (!ncol(x)) return(integer())
  pivoted <- qr(t(x), LAPACK = TRUE)
  size <- abs(diag(pivoted$qr))
  pivoted$pivot[which(size > 1e-8 * size[1])]
}

pair_labels <- function(task, pairs) {
  legal <- task_pairs(task)[pairs, ]
  data.frame(
    state = task$states[legal$state], action = task$actions[legal$action]
  )
}

# The report in sentences.
identification_sentences <- function(report) {
  free <- report$parameters - report$rank
  c(
    paste0(
      "The data identify ", report$rank, " of ", report$parameters,
      " directions of the rewards",
      if (free == 0) "." else paste0("; ", free, " are free.")
    ),
    switch(report$scale,
      rms = paste(
        "Their scale cannot be told from that of beta: values were given unit root",
        "mean square."
      ),
      mu = paste(
        "The known rewards leave their scale open: it was settled by mu = 0, the",
        "typical person's beta being 1. Another known reward would settle it."
      )
    ),
    if ("temperature" %in% report$open) paste(
      "Choices do not depend on the temperature of the backup either: it was held at",
      "the typical person's 1 / beta."
    ),
    if (free > 0) paste0(
      "An anchor would settle ", if (free == 1) "it" else "them",
      ": known rewards of ", named_pairs(
        report$anchors$state, report$anchors$action, 4
      ), "."
    )
  )
}

# Said once, when a fit is made.
signal_identification <- function(fit) {
  report <- fit$rewards$report
  if (is.null(report) || report$rank == report$parameters) return(invisible())
  warn("identification", c(
    identification_sentences(report),
    "Free directions are rewards that change no choice, such as potentials of states.",
    "Give known rewards by `anchor`, or read only what rewards() calls identified."
  ), directions = report$directions, anchors = report$anchors)
}

#' Learned rewards
#'
#' @inheritParams persons
#' @details
#' What is called identified is so up to the scale that the report names, and up to
#' 1500 parameters; beyond that the information matrix is not formed, and neither
#' standard errors nor the report are available.
#' @return A data frame of class `psyrl_rewards`. Of [reward_linear()]: `feature,
#'   weight, std_error, identified`; otherwise a row a legal pair: `state, action,
#'   reward, std_error, identified`. Standard errors come from the observed information
#'   of the marginal likelihood, beside learned values from the arrow-shaped information
#'   (see [confint.rlmm()]); they are `NA` for what the data do not identify. The
#'   attribute `identification` is the report that is printed below: number of
#'   `parameters`, their `rank`, the free `directions` (a column each, a row a pair) and
#'   the `anchors`: pairs whose known rewards would settle the rest.
#' @examples
#' set.seed(2)
#' task <- random_mdp(4, 2, discount = .8)
#' beta <- setNames(exp(rnorm(30)), paste0("p", 1:30))
#' log <- simulate_trajectories(task, beta, 2, max_steps = 30)
#' known <- subset(as.data.frame(task), action == "a1" & !duplicated(state))
#' fit <- rlmm(log, task, q_task(temperature = 0),
#'   reward = reward_table(anchor = known[c("state", "action", "reward")])
#' )
#' rewards(fit)
#' @export
rewards <- function(fit, ...) {
  UseMethod("rewards")
}

#' @rdname rewards
#' @export
rewards.rlmm <- function(fit, ...) {
  found <- fit$rewards
  if (is.null(found)) {
    if (is.null(fit$task$layout$reward)) {
      abort_input("fit", "`fit` knows no rewards: none were given, none learned.")
    }
    table <- reward_table_of(fit, fit$task$layout$reward, list(
      std_error = 0, identified = TRUE
    ))
    return(structure(table, class = c("psyrl_rewards", "data.frame")))
  }
  table <- found$weights %||% found$pairs
  if (arrow_kind(fit) == "represented") table <- with_std_error(fit, table)
  structure(table,
    identification = found$report, class = c("psyrl_rewards", "data.frame")
  )
}

#' @export
print.psyrl_rewards <- function(x, ...) {
  print(as.data.frame(x), ...)
  report <- attr(x, "identification")
  if (!is.null(report)) {
    cat("\n", paste(strwrap(paste(identification_sentences(report), collapse = " "), 78),
      collapse = "\n"
    ), "\n", sep = "")
  }
  invisible(x)
}

#' @export
as.data.frame.psyrl_rewards <- function(x, ...) {
  attr(x, "identification") <- NULL
  class(x) <- "data.frame"
  x
}
