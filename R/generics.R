# The verbs that every fit answers. Methods live with their family
# (`rlmm-*.R`, `rlearn-*.R`) or, where one serves all, in a file of the verb.

#' Scores of persons
#'
#' @param fit A fit of [rlmm()] or of a learning model.
#' @param newdata Data of new persons, scored with the population and the shared
#'   values of `fit` fixed. `NULL`: the persons who were fitted.
#' @param level Level of the intervals.
#' @param ... Passed on to methods.
#' @return A data frame, a row a person (for learning models: a person and
#'   parameter), with columns `person, estimate, std_error, conf_low, conf_high,
#'   log_estimate, n_decisions, n_informative, flag`.
#' @export
persons <- function(fit, newdata = NULL, level = 0.95, ...) {
  UseMethod("persons")
}

#' Values behind the choices
#'
#' @inheritParams persons
#' @return For [rlmm()] a data frame `state, action, q, advantage, v, std_error`, a
#'   row a legal pair; for learning models a row a trial and option.
#' @export
values <- function(fit, ...) {
  UseMethod("values")
}

#' Held-out prediction
#'
#' @inheritParams persons
#' @param newdata Data that were not used to fit.
#' @return A classed data frame, a row a model (`"fit"` and its baselines), with
#'   columns `model, nll, std_error, n_decisions, n_persons`: negative
#'   log-likelihood per choice (nats) with its standard error over persons.
#' @export
heldout <- function(fit, newdata, ...) {
  UseMethod("heldout")
}

#' Cross-validated prediction
#'
#' @param fit A fit of [rlmm()] or [rlearn()], or a list of fits of [rlmm()] to the same
#'   decisions, to be compared.
#' @param ... Further arguments of methods.
#' @param folds Number of folds.
#' @param by What is left out: whole persons, or episodes (blocks) of every person.
#' @return As [heldout()], pooled over the folds.
#' @export
cross_validate <- function(fit, folds = 5, by = c("person", "episode"), ...) {
  UseMethod("cross_validate")
}

#' Reliability of the scores
#'
#' @inheritParams persons
#' @return A classed data frame with the model-based reliability and those that
#'   do not rest on the model.
#' @export
reliability <- function(fit, ...) {
  UseMethod("reliability")
}

#' Correlation of scores with outside criteria
#'
#' Persons are matched by name, never by position.
#'
#' @inheritParams persons
#' @param criterion A named vector (names are persons), the name of a column of
#'   `data`, or a formula such as `~ raven + crt`.
#' @param data Data frame of persons with a column `person`.
#' @param method Kind of correlation.
#' @param level Level of the interval.
#' @param scale Correlate the trait on the `"log"` or `"natural"` scale.
#' @param disattenuate Also divide by the square root of the score's reliability.
#' @return A classed data frame: `criterion, method, n, estimate, conf_low,
#'   conf_high, p_value, reliability, disattenuated`.
#' @export
criterion_cor <- function(fit, criterion, data = NULL,
                          method = c("pearson", "spearman"), level = 0.95,
                          scale = c("log", "natural"), disattenuate = FALSE,
                          ...) {
  UseMethod("criterion_cor")
}

#' Bootstrap of a fit
#'
#' @inheritParams persons
#' @param n Number of replicates.
#' @param type `"parametric"` simulates from the fit; `"persons"` resamples persons.
#' @param cluster Any cluster of the `parallel` package; the draws are the same with
#'   and without it.
#' @return A classed list with the replicated estimates.
#' @export
bootstrap <- function(fit, n = 200, type = c("parametric", "persons"),
                      cluster = NULL, ...) {
  UseMethod("bootstrap")
}

#' Person fit
#'
#' @inheritParams persons
#' @return A classed data frame, a row a person, with statistics of fit and their
#'   p-values.
#' @export
person_fit <- function(fit, ...) {
  UseMethod("person_fit")
}

#' Information about the trait
#'
#' @inheritParams persons
#' @param at Trait levels (log beta); `NULL`: levels of the fitted population.
#' @return A classed data frame.
#' @export
information <- function(fit, at = NULL, ...) {
  UseMethod("information")
}

#' Differential functioning between groups
#'
#' @inheritParams persons
#' @param group A vector named by person, or the name of a column of the persons'
#'   data.
#' @return A classed data frame, a row a class of states.
#' @export
dif <- function(fit, group, ...) {
  UseMethod("dif")
}

#' Plausible values
#'
#' @inheritParams persons
#' @param n Number of draws for each person.
#' @return A data frame `person, pv1, ..., pvn`.
#' @export
plausible_values <- function(fit, n = 5, ...) {
  UseMethod("plausible_values")
}
