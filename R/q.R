# Where the values come from: small printable specifications, fitted by rlmm().

new_spec <- function(family, kind, ...) {
  structure(list(kind = kind, ...),
    class = c(paste0(family, "_", kind), paste0("psyrl_", family), "psyrl_spec")
  )
}

#' @export
print.psyrl_spec <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}

#' @export
format.psyrl_spec <- function(x, ...) {
  settings <- x[setdiff(names(x), "kind")]
  shown <- function(s) !is.null(s) && !is.data.frame(s)
  settings <- settings[vapply(settings, shown, logical(1))]
  text <- vapply(settings, function(s) paste(deparse(s), collapse = ""), "")
  maker <- switch(class(x)[1],
    consistency_bellman = "bellman", consistency_none = "bellman_none", class(x)[1]
  )
  given <- if (length(text)) paste(names(text), "=", text, collapse = ", ")
  paste0(maker, "(", given, ")")
}

# A number, or one of some words that say how the number is found.
check_number_or <- function(x, words, arg, lower = 0, upper = Inf) {
  if (identical(x, words)) return(words[1])
  if (is.character(x)) return(check_choice(x, words, arg))
  check_number(x, arg, lower = lower, upper = upper)
}

#' Values of a measurement model
#'
#' Where the shared values Q(s, a) come from.
#'
#' `q_task()`, the default of [rlmm()], is the exact solution of the task: the score
#' then says how sharply a person follows the task. `q_known()` takes values as they
#' are. `q_table()` learns a value for every legal pair from behaviour, `q_linear()` and
#' `q_network()` a function of the features of pairs (`mdp(features = )`), held to the
#' task by [bellman()] or by nothing ([bellman_none()]); such values predict better,
#' but the score may come to say how closely a person follows the crowd.
#'
#' @param temperature Backup temperature tau in units of reward: `"estimate"`, a
#'   number (0 is the ordinary maximum), or `"person"`: everybody plans with the own
#'   temperature 1 / beta.
#' @param discount `"task"` takes the discount of the task, `"estimate"` maximises the
#'   marginal likelihood over it.
#' @param backup `"soft"` is tau log sum exp(Q / tau), `"mellow"` tau log mean
#'   exp(Q / tau), which does not pay for merely having options.
#' @param values Data frame `state, action, q`, a row for every legal pair of a state
#'   in which persons decide. Missing states are not informative.
#' @param l2 Ridge on the centred values: a number, the factor of their sum of squares
#'   in the (summed) objective, or `"estimate"`: for tables by the evidence, for other
#'   values under [bellman_none()] by cross-validation over persons, else 0.
#' @param tie `NULL`: every legal pair has its own value. Or a data frame `state,
#'   action, class`, a row a legal pair: pairs of a class (symmetric positions) share
#'   one.
#' @param formula One-sided formula of the features of pairs; `.` stands for all
#'   features of the task, and the factors `state` and `action` can be used too.
#' @param hidden Numbers of tanh units in the hidden layers of a multilayer perceptron
#'   with a linear output. Features are standardised; the weights start at random.
#' @return A specification, an object to print and to hand to [rlmm()].
#' @examples
#' q_task(temperature = 0)
#' @name q_task
NULL

#' @rdname q_task
#' @export
q_task <- function(temperature = "estimate", discount = c("task", "estimate"),
                   backup = c("soft", "mellow")) {
  if (identical(temperature, "person") && identical(discount, "estimate")) {
    abort_input("discount", paste0(
      "`discount` must be \"task\" where everybody plans with the own ",
      "temperature."
    ))
  }
  new_spec("q", "task",
    temperature = check_number_or(
      temperature, c("estimate", "person"), "temperature"
    ),
    discount = check_choice(discount, c("task", "estimate"), "discount"),
    backup = check_choice(backup, c("soft", "mellow"), "backup")
  )
}

#' @rdname q_task
#' @export
q_known <- function(values) {
  check_data_frame(values, "values", c("state", "action", "q"))
  if (!is.numeric(values$q) || anyNA(values$q) || any(!is.finite(values$q))) {
    abort_input("values", paste0(
      "`values$q` must be finite numbers; ",
      first_rows(which(!is.finite(suppressWarnings(as.numeric(values$q))))),
      " of `values` are not."
    ))
  }
  new_spec("q", "known", values = values[c("state", "action", "q")])
}

#' @rdname q_task
#' @export
q_table <- function(l2 = "estimate", tie = NULL) {
  if (!is.null(tie)) check_data_frame(tie, "tie", c("state", "action", "class"))
  l2 <- check_number_or(l2, "estimate", "l2", lower = 0)
  if (is.numeric(l2) && l2 > 0 && l2 < 1e-9) {
    abort_input("l2", paste0(
      "`l2` must be 0 or at least 1e-9, not ", format(l2, digits = 2),
      ": less cannot be told from 0 in double precision."
    ))
  }
  new_spec("q", "table", l2 = l2, tie = tie)
}

#' @rdname q_task
#' @export
q_linear <- function(formula = ~., l2 = 0) {
  new_spec("q", "linear",
    formula = check_feature_formula(formula),
    l2 = check_number_or(l2, "estimate", "l2", lower = 0)
  )
}

#' @rdname q_task
#' @export
q_network <- function(hidden = c(32, 32), formula = ~., l2 = 0) {
  new_spec("q", "network",
    hidden = check_hidden(hidden), formula = check_feature_formula(formula),
    l2 = check_number_or(l2, "estimate", "l2", lower = 0)
  )
}

check_feature_formula <- function(formula) {
  if (!inherits(formula, "formula") || length(formula) != 2) {
    abort_input("formula", paste0(
      "`formula` must be a one-sided formula of features such as ~ x1 + x2, not ",
      describe(formula), "."
    ))
  }
  formula
}

check_hidden <- function(hidden) {
  ok <- is.numeric(hidden) && length(hidden) && !anyNA(hidden) &&
    all(hidden >= 1 & hidden == round(hidden))
  if (!ok) {
    abort_input("hidden", paste0(
      "`hidden` must be whole numbers of units, one a layer, such as c(32, 32), not ",
      describe(hidden), "."
    ))
  }
  as.integer(hidden)
}
