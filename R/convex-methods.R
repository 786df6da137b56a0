# Verbs of a convex fit.

#' @export
print.psyrl_convex <- function(x, ...) {
  n <- length(x$objective)
  cat(
    "Convex relaxation (", x$spec$relaxation,
    if (is_truncated(x)) paste0(", truncated at lag ", x$spec$horizon),
    ") of ", trace_words(x), ": ", n, if (n == 1) " problem" else " problems", ", ",
    sum(x$n_trials), " choices among ", length(x$options), " options\n",
    convex_verdict(x), "\n",
    sep = ""
  )
  shown <- utils::head(problem_summary(x), 6)
  print(shown, digits = 4, row.names = FALSE)
  if (n > 6) cat("... and ", n - 6, " more\n", sep = "")
  invisible(x)
}

trace_words <- function(x) {
  switch(x$spec$clock,
    trial = "a forgetting bandit", visit = "a Rescorla-Wagner learner",
    chain = "a hybrid learner of two stages"
  )
}

is_truncated <- function(x) anyNA(x$lower_bound[!is.na(x$objective)])

convex_verdict <- function(x) {
  worst <- max(x$certificate$kkt, na.rm = TRUE)
  solved <- if (worst <= 1e-6) {
    paste0("Solved: KKT residual at most ", format(worst, digits = 2))
  } else {
    paste0("Not all solved: KKT residual up to ", format(worst, digits = 2))
  }
  paste0(solved, if (is_truncated(x)) {
    ". Truncated: no lower bound."
  } else {
    paste0(
      ". ", sub("^a ", "No ", trace_words(x)), " with beta <= ",
      format(x$spec$beta_upper), " has a smaller loss than `lower_bound`."
    )
  })
}

problem_summary <- function(x) {
  data.frame(
    problem = names(x$objective), n_trials = x$n_trials,
    objective = unname(x$objective), lower_bound = unname(x$lower_bound),
    per_choice = unname(exp(-x$objective / x$n_trials)),
    pieces = tabulate(x$pieces$problem, length(x$objective))
  )
}

#' Summary of a convex fit
#'
#' @param object A fit of [convex_relaxation()].
#' @param ... Not used.
#' @return A data frame of class `summary.psyrl_convex`, a row a problem: number of
#'   choices, `objective` and `lower_bound` (nats), `per_choice` (geometric mean
#'   probability of the choices made), number of active `pieces`, `kkt`,
#'   `entropy_gap`, and the recovered parameters.
#' @export
summary.psyrl_convex <- function(object, ...) {
  out <- cbind(
    problem_summary(object),
    object$certificate[c("kkt", "entropy_gap", "status")],
    as.data.frame(coef(object)), row.names = NULL
  )
  structure(out, class = c("summary.psyrl_convex", "data.frame"))
}

#' @export
print.summary.psyrl_convex <- function(x, ...) {
  print(structure(x, class = "data.frame"), digits = 4, row.names = FALSE)
  invisible(x)
}

#' Recovered parameters of a convex fit
#'
#' The geometric kernel nearest to the fitted one in least squares: one search along
#' alpha, no random starts. These are good starting values. They are not the
#' estimates to report: those are the maximum-likelihood ones of [rlearn()], which
#' lose less in every benchmark.
#'
#' @inheritParams summary.psyrl_convex
#' @return A matrix, a row a problem, with the parameters of the forgetting bandit
#'   (alpha per trial, beta in 1 / unit of the outcome), biases and covariates.
#' @export
coef.psyrl_convex <- function(object, ...) {
  cbind(object$alpha, object$beta, object$covariates)
}

#' @export
logLik.psyrl_convex <- function(object, ...) {
  structure(
    -sum(object$objective),
    df = nrow(object$pieces) + length(object$covariates),
    nobs = sum(object$n_trials), class = "logLik"
  )
}

#' @export
nobs.psyrl_convex <- function(object, ...) sum(object$n_trials)

#' Choice probabilities of a convex fit
#'
#' @inheritParams summary.psyrl_convex
#' @param newdata Choices of the same persons and blocks (or of anybody, if the fit
#'   was pooled), of class `psyrl_choices`. `NULL`: those that were fitted.
#' @return A data frame `person, block, trial, option, probability`, a row a trial
#'   with a choice and an option; of two-step tasks also `stage`, with options 1..4 at
#'   the second.
#' @export
predict.psyrl_convex <- function(object, newdata = NULL, ...) {
  data <- newdata %||% object$data
  if (is.data.frame(data)) data <- choices(data, options = object$options)
  check_class(data, "psyrl_choices", "newdata")
  trials <- add_covariates(problem_trials(object, data), data, object$control)
  at <- match_problems(object, trials)
  probability <- convex_probability_(
    trials, object$spec, pieces_at(object$pieces, at),
    object$covariates[at, , drop = FALSE]
  )
  back <- order(trials$rows)
  rows <- trials$rows[back]
  m <- trials$n_options
  blocks <- data$labels$blocks %||% seq_len(max(data$trials$block))
  of <- function(x) rep(x, each = m)
  out <- data.frame(
    person = of(data$persons[data$trials$person[rows]]),
    block = of(blocks[data$trials$block[rows]]), trial = of(data$trials$trial[rows]),
    option = rep(data$options, length.out = m * length(rows)),
    probability = as.vector(probability[, back])
  )
  if (!is.null(trials$stage)) {
    out <- stage_options(out, of(trials$stage[back]), of(trials$state[back]))
  }
  out
}

is_pooled <- function(object) identical(object$problems$name, "all")

# The trials of `data` as the fit arranges them.
problem_trials <- function(object, data = object$data) {
  trace_trials_of(
    data, object$channels, if (is_pooled(object)) "all" else "block", object$control
  )
}

match_problems <- function(object, trials) {
  if (is_pooled(object)) return(1L)
  key <- function(x) paste(x$person, x$block, sep = "\r")
  at <- match(key(trials$problems), key(object$problems))
  if (anyNA(at)) {
    abort_input("newdata", c(
      paste0(
        "`newdata` must hold persons and blocks that were fitted; ",
        quoted(trials$problems$name[is.na(at)]), " were not."
      ),
      "A fit with `pool = TRUE` predicts anybody."
    ))
  }
  at
}

# The pieces of problems `at`, renumbered 1, 2, ... .
pieces_at <- function(pieces, at) {
  by <- split(pieces, factor(pieces$problem, seq_len(max(at, pieces$problem))))
  out <- do.call(rbind, lapply(seq_along(at), function(i) {
    one <- by[[at[i]]]
    one$problem <- rep(i, nrow(one))
    one
  }))
  as.list(out)
}

#' Plot of a convex fit
#'
#' @inheritParams summary.psyrl_convex
#' @param x A fit of [convex_relaxation()].
#' @param type `"kernel"`: weight by lag, with the recovered geometric kernel dashed;
#'   `"spectrum"`: mass by learning rate (sum of the kernel's weights over the lags
#'   that the data have), for the mixture relaxation. Several
#'   separate rates suggest that somebody learns on several time scales.
#' @param problem Name or number of the problem shown.
#' @return `x`, invisibly.
#' @export
plot.psyrl_convex <- function(x, type = c("kernel", "spectrum"), problem = 1, ...) {
  type <- check_choice(type, c("kernel", "spectrum"), "type")
  if (is.character(problem)) problem <- match(problem, names(x$objective))
  problem <- check_count(problem, "problem", upper = length(x$objective))
  if (type == "kernel") plot_kernel(x, problem, ...) else plot_spectrum(x, problem, ...)
  invisible(x)
}

plot_kernel <- function(x, problem, lags = 30, ...) {
  rows <- nrow(x$rows)
  here <- x$kernel[problem_rows(x, problem), ]
  weight <- matrix(here$weight, ncol = rows)
  shown <- seq_len(min(lags, nrow(weight)))
  graphics::matplot(
    shown - 1, weight[shown, , drop = FALSE], type = "s", lty = 1,
    col = seq_len(rows), xlab = lag_words(x), ylab = "weight",
    main = names(x$objective)[problem], ...
  )
  for (r in seq_len(rows)) {
    alpha <- x$alpha[problem, r]
    if (is.na(alpha)) next
    geometric <- alpha * x$beta[problem, r] * (1 - alpha)^(shown - 1)
    graphics::lines(shown - 1, geometric, lty = 2, col = r)
  }
  legend_rows(x)
}

legend_rows <- function(x) {
  if (nrow(x$rows) == 1) return(invisible())
  graphics::legend(
    "topright", legend = paste(x$rows$channel, x$rows$arm),
    col = seq_len(nrow(x$rows)), lty = 1, bty = "n"
  )
}

lag_words <- function(x) {
  if (x$spec$clock == "trial") "lag (trials ago)" else "lag (visits ago)"
}

problem_rows <- function(x, problem) {
  lags <- pmin(longest_of(x), x$spec$horizon)
  ends <- cumsum(lags * nrow(x$rows))
  seq.int(to = ends[problem], length.out = lags[problem] * nrow(x$rows))
}

longest_of <- function(x) problem_trials(x)$longest

plot_spectrum <- function(x, problem, ...) {
  if (x$spec$relaxation != "mixture") {
    abort_input("type", c(
      "The learning-rate spectrum belongs to `relaxation = \"mixture\"`.",
      "Refit with it, or plot the kernel."
    ))
  }
  spectrum <- merge_rates(x$pieces[x$pieces$problem == problem, ])
  # Mass beyond the lags that were seen acts on nothing; rates slower than a tenth of
  # their number cannot be told from each other.
  lags <- longest_of(x)[problem]
  seen <- spectrum$mass * (1 - (1 - spectrum$shape)^lags)
  slowest <- 0.1 / max(lags, 1)
  graphics::plot(
    pmax(spectrum$shape, slowest), seen, type = "h", log = "x", lwd = 3,
    col = spectrum$row, xlim = c(min(slowest, 1e-3), 1), ylim = c(0, max(seen, 0)),
    xlab = "learning rate alpha", ylab = "mass within the lags seen",
    main = names(x$objective)[problem], ...
  )
  legend_rows(x)
}

# Neighbouring rates of a kernel are one: the solver brackets a rate by two.
merge_rates <- function(pieces, ratio = 1.02) {
  pieces <- pieces[order(pieces$row, pieces$shape), ]
  group <- run_ids(pieces$row, cumsum(c(
    TRUE, pieces$shape[-1] > ratio * pieces$shape[-nrow(pieces)]
  )[seq_len(nrow(pieces))]))
  mass <- as.vector(rowsum(pieces$mass, group))
  data.frame(
    row = pieces$row[!duplicated(group)],
    shape = as.vector(rowsum(pieces$mass * pieces$shape, group)) / mass, mass = mass
  )
}
