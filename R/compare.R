# Which model? Criteria of fits side by side, and how frequent the models are.

#' Compare models
#'
#' Information criteria and evidence of fits to the same data, and random-effects
#' Bayesian model selection: how frequent each model is among people, and how
#' probable it is that it is the most frequent.
#'
#' The log evidence of a person's data, which model selection works on, is
#'
#' * of a `"hierarchical"` fit, the person's part of the marginal likelihood (by Laplace;
#'   by importance sampling for all if one of the fits went on by it), less an equal
#'   share of the penalty of the group's parameters: its sum is -1/2 the integrated BIC,
#'   which for such a fit is `BIC()` itself;
#' * of a `"map"` fit, Laplace's approximation under the prior given (no penalty: the
#'   prior is not estimated). Such evidence compares models of equal care in priors;
#' * of an `"ml"` fit, -1/2 the person's own BIC.
#'
#' A hierarchical fit lets everybody shape the prior of a model, also those whom
#' another model describes: with a mixture of models in the sample frequencies are
#' then drawn somewhat together.
#'
#' Fits of [rlmm()] (or anything with `logLik()` and `nobs()`) get the table without
#' frequencies. Nested fits are tested by `anova()`.
#'
#' @param ... Fits of [rlearn()] to the same choices by the same estimator, named or
#'   not, or a list of them; or one matrix of log evidences, persons x models.
#' @param penalty What takes the place of the unknown evidence where parameters are
#'   estimated: `"BIC"`, `"AIC"`, or `"none"`.
#' @param families Named vector or list that puts models into families
#'   (`c(rw = "learning", dual = "learning", random = "none")`): the prior is then even
#'   over families.
#' @param heldout Also cross-validate, leaving out `"person"`s or `"episode"`s (blocks),
#'   with the same folds for all; see [cross_validate()].
#' @param folds Number of folds.
#' @return A classed data frame, a row a model in the order given: `model, estimator,
#'   npar, log_lik, AIC, BIC, iBIC` (hierarchical fits), `evidence` (log, summed over
#'   persons), `delta` (twice the evidence missing to the best), `weight` (posterior
#'   probability if one model holds for all), `frequency, exceedance,
#'   protected_exceedance` (model selection), and `nll, nll_se` if `heldout` is asked
#'   for. Attributes: `omnibus_risk` (probability that the models are equally
#'   frequent), `alpha` (Dirichlet counts), `responsibility` and `evidence` (persons x
#'   models: probability of each model for each person, log evidences), `families`.
#' @section Errors: `psyrl_error_input` for fits of different data or estimators.
#' @references
#' Stephan, Penny, Daunizeau, Moran & Friston (2009). Bayesian model selection for
#' group studies. *NeuroImage* 46, 1004-1017. \doi{10.1016/j.neuroimage.2009.03.025}
#'
#' Rigoux, Stephan, Friston & Daunizeau (2014). Bayesian model selection for group
#' studies - revisited. *NeuroImage* 84, 971-985.
#' \doi{10.1016/j.neuroimage.2013.08.065}
#' @examples
#' set.seed(1)
#' task <- bandit_task(persons = 12, trials = 80)
#' data <- simulate(rescorla_wagner(), design = task)
#' single <- rlearn(data, rescorla_wagner(), "map")
#' random <- rlearn(data, biased_random(), "map")
#' comparison <- compare(single, random)
#' comparison
#' plot(comparison)
#' @export
compare <- function(..., penalty = c("BIC", "AIC", "none"), families = NULL,
                    heldout = c("none", "person", "episode"), folds = 5) {
  penalty <- check_choice(penalty, c("BIC", "AIC", "none"), "penalty")
  heldout <- check_choice(heldout, c("none", "person", "episode"), "heldout")
  given <- named_fits(list(...), substitute(list(...)))
  if (is.matrix(given)) {
    table <- data.frame(model = colnames(given), evidence = colSums(given))
    return(new_comparison(table, given, families))
  }
  check_comparable(given)
  given <- like_with_like(given)
  table <- cbind(model = names(given), do.call(rbind, lapply(given, criteria_row)))
  evidence <- shared_evidence(given, penalty)
  table$evidence <- if (is.null(evidence)) -table$BIC / 2 else colSums(evidence)
  if (heldout != "none") {
    table <- cbind(table, heldout_columns(given, heldout, folds))
  }
  new_comparison(table, evidence, families)
}

# A named list of fits, or the matrix of evidences that stands in their place.
named_fits <- function(given, call) {
  if (length(given) == 1 && is.matrix(given[[1]])) return(check_evidence(given[[1]]))
  labels <- vapply(as.list(call)[-1], function(x) {
    paste(deparse(x, 60), collapse = " ")
  }, "")
  if (length(given) == 1 && is_plain_list(given[[1]])) {
    given <- given[[1]]
    labels <- vapply(given, function(fit) {
      if (inherits(fit, "rlearn")) model_name(fit$model) else class(fit)[1]
    }, "")
  }
  if (!length(given)) abort_input("...", "compare() needs one or more fits.")
  names <- names(given) %||% rep("", length(given))
  names(given) <- make.unique(ifelse(nzchar(names), names, labels))
  given
}

is_plain_list <- function(x) is.list(x) && !is.object(x)

check_evidence <- function(evidence) {
  if (!is.numeric(evidence) || anyNA(evidence) || !all(is.finite(evidence)) ||
        !nrow(evidence) || !ncol(evidence)) {
    abort_input("...", paste(
      "A matrix of log evidences must be finite numbers,",
      "a row a person and a column a model."
    ))
  }
  if (is.null(colnames(evidence))) {
    colnames(evidence) <- paste0("model_", seq_len(ncol(evidence)))
  }
  evidence
}

check_comparable <- function(fits) {
  fitted <- vapply(fits, inherits, NA, c("rlearn", "psyrl_fit"))
  if (!all(fitted)) {
    abort_input("...", paste0(
      "compare() takes fits, or one matrix of log evidences, not ",
      describe(fits[[which(!fitted)[1]]]), "."
    ))
  }
  learning <- vapply(fits, inherits, NA, "rlearn")
  same <- if (!all(learning)) {
    !any(learning) && length(unique(vapply(fits, stats::nobs, 1))) == 1
  } else {
    all(vapply(fits, same_choices, NA, fits[[1]]))
  }
  if (!same) {
    abort_input("...", c(
      "Fits must be of the same choices by the same estimator.",
      "Their criteria are not comparable otherwise."
    ))
  }
}

# Laplace's evidence is below the integral, by some hundredths a person: beside a fit
# that was sampled the others are integrated by sampling too, under their own priors.
like_with_like <- function(fits) {
  sampled <- vapply(fits, function(fit) isTRUE(fit$sampled), NA)
  if (!any(sampled)) return(fits)
  fits[!sampled] <- lapply(fits[!sampled], with_sampled_evidence)
  fits
}

with_sampled_evidence <- function(fit) {
  if (!inherits(fit, "rlearn") || fit$estimator == "ml") return(fit)
  if (identical(fit$prior$kind, "uniform")) return(fit)
  problem <- scoring_problem(fit, fit$data)
  found <- sample_persons(problem, person_prior(fit, fit$data), fit$persons)
  fit$evidence <- found$objective
  if (fit$estimator == "hierarchical") fit$loglik <- sum(fit$evidence[usable(found)])
  fit
}

same_choices <- function(fit, first) {
  identical(fit$estimator, first$estimator) &&
    identical(as.character(fit$data$persons), as.character(first$data$persons)) &&
    identical(fit$data$trials$choice, first$data$trials$choice) &&
    identical(fit$n_decisions, first$n_decisions)
}

criteria_row <- function(fit) {
  log_lik <- stats::logLik(fit)
  estimator <- if (inherits(fit, "rlearn")) fit$estimator else {
    fit$estimator %||% NA_character_
  }
  data.frame(
    estimator = estimator, npar = attr(log_lik, "df"), log_lik = as.numeric(log_lik),
    AIC = stats::AIC(log_lik), BIC = stats::BIC(log_lik),
    iBIC = if (estimator %in% "hierarchical") stats::BIC(log_lik) else NA_real_,
    row.names = NULL
  )
}

# Log evidences, persons x models, of those whom every model could be fitted to; NULL
# where fits know the sum alone.
shared_evidence <- function(fits, penalty) {
  if (!inherits(fits[[1]], "rlearn")) return(NULL)
  evidence <- do.call(cbind, lapply(fits, log_evidence, penalty = penalty))
  lost <- rowSums(!is.finite(evidence)) > 0
  if (any(lost)) {
    warn("convergence", paste0(
      "Left out of the comparison, since a model could not be fitted to them: persons ",
      quoted(rownames(evidence)[lost]), "."
    ))
  }
  evidence[!lost, , drop = FALSE]
}

# Log evidence of each person's data.
log_evidence <- function(fit, penalty) {
  n <- fit$n_decisions
  cost <- function(df, size) {
    switch(penalty, BIC = df * log(pmax(size, 1)) / 2, AIC = df, none = 0)
  }
  out <- switch(fit$estimator,
    ml = fit$persons$log_lik - cost(nrow(fit$table), n),
    map = fit$evidence,
    hierarchical = fit$evidence - cost(fit$df, sum(n)) / length(n)
  )
  stats::setNames(out, as.character(fit$data$persons))
}

# Cross-validated by the same folds.
heldout_columns <- function(fits, by, folds) {
  seed <- floor(stats::runif(1) * 2^31)
  rows <- lapply(fits, function(fit) {
    with_seed(seed, cross_validate(fit, folds = folds, by = by))[1, ]
  })
  data.frame(
    nll = vapply(rows, `[[`, 1, "nll"), nll_se = vapply(rows, `[[`, 1, "std_error")
  )
}

new_comparison <- function(table, evidence, families) {
  table$delta <- 2 * (max(table$evidence) - table$evidence)
  table$weight <- exp(-table$delta / 2) / sum(exp(-table$delta / 2))
  family <- model_families(families, table$model)
  selection <- if (!is.null(evidence) && nrow(table) > 1) {
    select_models(evidence, prior_counts(family, nrow(table)))
  }
  table$frequency <- selection$frequency %||% NA_real_
  table$exceedance <- selection$exceedance %||% NA_real_
  table$protected_exceedance <- selection$protected %||% NA_real_
  last <- intersect(c("nll", "nll_se"), names(table))
  table <- table[c(setdiff(names(table), last), last)]
  rownames(table) <- NULL
  if (!is.null(selection)) {
    dimnames(selection$responsibility) <- dimnames(evidence)
  }
  structure(table,
    class = c("psyrl_comparison", "data.frame"),
    omnibus_risk = selection$omnibus_risk,
    alpha = stats::setNames(selection$alpha, if (!is.null(selection)) table$model),
    responsibility = selection$responsibility, evidence = evidence,
    families = if (!is.null(family) && !is.null(selection)) {
      family_selection(selection, family)
    }
  )
}

# Even over families and over the models of each; none below 1, where variational
# Bayes would prefer some models to others without any evidence.
prior_counts <- function(family, n_models) {
  if (is.null(family)) return(rep(1, n_models))
  size <- as.vector(table(family)[family])
  max(size) / size
}

# The family of each model, NULL without families.
model_families <- function(families, models) {
  if (is.null(families)) return(NULL)
  if (is.list(families)) {
    families <- stats::setNames(
      rep(names(families), lengths(families)), unlist(families)
    )
  }
  lost <- setdiff(models, names(families))
  if (length(lost)) {
    abort_input("families", paste0(
      "`families` must name the family of every model; none for ", quoted(lost), "."
    ))
  }
  unname(as.character(families[models]))
}

#' @export
print.psyrl_comparison <- function(x, digits = 4, ...) {
  shown <- as.data.frame(x)
  shown <- shown[vapply(shown, function(column) !all(is.na(column)), NA)]
  print(shown, digits = digits, row.names = FALSE)
  risk <- attr(x, "omnibus_risk")
  if (!is.null(risk)) {
    best <- which.max(x$protected_exceedance)
    cat(
      "Most frequent: ", x$model[best], ", of ",
      format(100 * x$frequency[best], digits = 3),
      " % of people (protected exceedance ",
      format(x$protected_exceedance[best], digits = 3),
      "; probability that all are equally frequent ", format(risk, digits = 2), ").\n",
      sep = ""
    )
  }
  if (!is.null(attr(x, "families"))) print(attr(x, "families"), digits = digits)
  invisible(x)
}

#' @export
as.data.frame.psyrl_comparison <- function(x, ...) {
  bare <- lapply(x, identity)
  as.data.frame(bare, stringsAsFactors = FALSE)
}

#' @rdname compare
#' @param x A comparison.
#' @export
plot.psyrl_comparison <- function(x, ...) {
  shown <- rbind(
    if (anyNA(x$frequency)) x$weight else x$frequency, x$protected_exceedance
  )
  known <- !is.na(shown[, 1])
  labels <- c(
    if (anyNA(x$frequency)) "weight" else "frequency", "protected exceedance"
  )
  colour <- plot_colours[c("main", "faint")][known]
  graphics::barplot(
    shown[known, , drop = FALSE], beside = TRUE, names.arg = x$model, ylim = c(0, 1.15),
    col = colour, border = NA, las = 1, ylab = "probability", ...
  )
  graphics::abline(h = 1 / nrow(x), lty = 2, col = plot_colours[["ink"]])
  graphics::legend(
    "top", legend = labels[known], fill = colour, border = NA, bty = "n", horiz = TRUE
  )
  invisible(x)
}
