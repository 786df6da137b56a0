# How far the estimates can be trusted: held-out prediction, reliability, bootstrap.

# Log evidence of persons' data, each under a Gaussian prior of its own: by Laplace, or
# by sampling if the fit is.
person_evidence <- function(fit, data, mean, covariance) {
  d <- nrow(fit$table)
  vapply(seq_along(data$persons), function(j) {
    problem <- scoring_problem(fit, data[j])
    own <- list(cov = matrix(covariance[, , j], d))
    prior <- list(mean = mean[, j, drop = FALSE], precision = solve(own$cov))
    found <- fit_persons(problem, prior, wide_box(fit$table), 4L)
    if (!isTRUE(fit$sampled)) return(laplace_evidence(found, own))
    sample_persons(problem, prior, found)$objective
  }, 1)
}

# NLL of each person's new data. Persons of the fit are predicted by their posterior,
# new ones by the population; the integral over either updates along the way.
person_nll <- function(fit, newdata) {
  known <- match(as.character(newdata$persons), as.character(fit$data$persons))
  if (fit$estimator == "ml") {
    if (anyNA(known)) {
      abort_input("newdata", "A fit without a population cannot predict new persons.")
    }
    theta <- natural_modes(fit)[, known, drop = FALSE]
    return(-learning_log_lik_(
      core_choices(newdata), model_spec(fit$model, newdata), theta, 0L,
      list(threads = resolve_threads(), link = FALSE)
    )$value)
  }
  d <- nrow(fit$table)
  n <- length(known)
  prior <- person_prior(fit, newdata)
  mean <- matrix(prior$mean, d, n)
  covariance <- array(solve(prior$precision), c(d, d, n))
  seen <- which(!is.na(known))
  mean[, seen] <- fit$persons$mode[, known[seen]]
  covariance[, , seen] <- fit$persons$covariance[, , known[seen]]
  -person_evidence(fit, newdata, mean, covariance)
}

# Log-likelihoods of the baselines: uniform over what is on offer, and the shares with
# which each person (new ones: everybody) chose the options before.
baseline_nll <- function(fit, newdata) {
  trials <- newdata$trials
  offered <- if (is.null(newdata$available)) {
    rep(task_options(fit$model, newdata), nrow(trials))
  } else {
    rowSums(newdata$available)
  }
  made <- !is.na(trials$choice)
  uniform <- ifelse(made, log(offered), 0)
  if (!is.null(trials$choice2) && fit$model$model == "two_step") {
    uniform <- uniform + ifelse(made & !is.na(trials$choice2), log(2), 0)
  }
  K <- length(fit$data$options)
  count <- function(rows) tabulate(fit$data$trials$choice[rows], K)
  everybody <- count(TRUE)
  share <- vapply(seq_along(newdata$persons), function(j) {
    own <- match(as.character(newdata$persons[j]), as.character(fit$data$persons))
    n <- if (is.na(own)) everybody else count(fit$data$trials$person == own)
    (n + 0.5) / sum(n + 0.5)
  }, numeric(K))
  frequency <- ifelse(made, -log(share[cbind(trials$choice, trials$person)]), 0)
  if (!is.null(trials$choice2) && fit$model$model == "two_step") {
    frequency <- frequency + ifelse(made & !is.na(trials$choice2), log(2), 0)
  }
  by_person <- function(x) {
    as.vector(tapply(x, factor(trials$person, seq_along(newdata$persons)), sum,
                     default = 0))
  }
  list(uniform = by_person(uniform), `choice frequencies` = by_person(frequency))
}

heldout_rows <- function(nll, n) {
  out <- do.call(rbind, lapply(names(nll), function(name) {
    per_choice <- sum(nll[[name]]) / sum(n)
    # Standard error over persons of a ratio of sums.
    spread <- nll[[name]] - per_choice * n
    data.frame(
      model = name, nll = per_choice,
      std_error = sqrt(sum(spread^2) * length(n) / max(1, length(n) - 1)) / sum(n),
      n_decisions = sum(n), n_persons = length(n)
    )
  }))
  structure(out, class = c("psyrl_heldout", "data.frame"))
}

#' @rdname heldout
#' @export
heldout.rlearn <- function(fit, newdata, ...) {
  check_class(newdata, "psyrl_choices", "newdata", "See choices().")
  check_same_options(fit, newdata)
  n <- decision_counts(newdata, fit$model)$n
  heldout_rows(c(list(fit = person_nll(fit, newdata)), baseline_nll(fit, newdata)), n)
}

# Trials of some rows alone, codes and labels kept.
subset_trials <- function(data, rows) {
  persons <- sort(unique(data$trials$person[rows]))
  trials <- data$trials[rows, , drop = FALSE]
  trials$person <- match(trials$person, persons)
  rownames(trials) <- NULL
  new_choices(
    data$persons[persons], data$options, trials,
    if (!is.null(data$available)) data$available[rows, , drop = FALSE],
    data$person_data[persons, , drop = FALSE], data$labels
  )
}

#' @rdname cross_validate
#' @param cluster Any cluster of the `parallel` package; the folds are the same with and
#'   without it.
#' @export
cross_validate.rlearn <- function(fit, folds = 5, by = c("person", "episode"),
                                  cluster = NULL, ...) {
  by <- check_choice(by, c("person", "episode"), "by")
  folds <- check_count(folds, "folds", lower = 2)
  if (by == "person" && fit$estimator == "ml") {
    abort_input("by", "A fit without a population cannot predict new persons.")
  }
  unit <- if (by == "person") fit$data$trials$person else fit$data$trials$block
  units <- sort(unique(unit))
  if (length(units) < 2) {
    abort_input("by", paste0(
      "There must be two or more ", if (by == "person") "persons" else "blocks",
      " to leave out."
    ))
  }
  fold <- sample(rep_len(seq_len(min(folds, length(units))), length(units)))
  parts <- cluster_lapply(
    cluster, sort(unique(fold)), one_fold, fit = fit, unit = unit, units = units,
    fold = fold
  )
  n <- unlist(lapply(parts, `[[`, "n"))
  names <- names(parts[[1]]$nll)
  nll <- lapply(stats::setNames(names, names), function(name) {
    unlist(lapply(parts, function(p) p$nll[[name]]))
  })
  heldout_rows(nll, n)
}

one_fold <- function(f, fit, unit, units, fold) {
  out <- unit %in% units[fold == f]
  training <- refit(fit, subset_trials(fit$data, !out))
  test <- subset_trials(fit$data, out)
  list(
    n = decision_counts(test, fit$model)$n,
    nll = c(list(fit = person_nll(training, test)), baseline_nll(training, test))
  )
}

# The same specification on other data; identification warnings would only repeat.
refit <- function(fit, data) {
  control <- fit$control
  control$cluster <- NULL
  control$verbose <- FALSE
  suppressWarnings(rlearn(
    data, fit$model, fit$estimator,
    persons = fit$design$formulas %||% ~ 1,
    prior = if (fit$estimator == "map") fit$prior, control = control
  ), classes = "psyrl_warning")
}

#' @rdname reliability
#' @details
#' For learning models a row a parameter (column `parameter`) and type: `"model"` is
#' var(estimates) / (var(estimates) + mean error variance) on the unconstrained scale.
#' `"odd-even"` and `"first-second"` are halves of each person's blocks; where people
#' have one block, `"first-second"` splits its trials (the second half then starts to
#' learn afresh, which a model that is right about learning does not).
#' @export
reliability.rlearn <- function(fit, level = 0.95, ...) {
  check_number(level, "level", lower = 0, upper = 1)
  model <- model_reliability_by_parameter(fit)
  rows <- lapply(names(model), function(name) {
    reliability_row("model", model[[name]], c(NA, NA), sum(usable(fit$persons)))
  })
  several <- mean_several(fit$data$trials$block, fit$data$trials$person) >= .5
  for (type in c(if (several) "odd-even", "first-second")) {
    rows <- c(rows, half_rows(fit, type, several, level))
  }
  out <- cbind(parameter = names(model), do.call(rbind, rows))
  structure(out, class = c("psyrl_reliability", "data.frame"))
}

# Share of the estimates' variance that is not error, on the unconstrained scale.
model_reliability_by_parameter <- function(fit) {
  error <- t(spread_by_person(fit)^2)
  ok <- usable(fit$persons) & rowSums(is.na(error)) == 0
  between <- apply(fit$persons$mode[, ok, drop = FALSE], 1, stats::var)
  within <- colMeans(error[ok, , drop = FALSE])
  out <- if (fit$estimator == "ml") {
    pmax(0, 1 - within / between)
  } else {
    between / (between + within)
  }
  stats::setNames(out, fit$table$parameter)
}

# Correlations of estimates from either half of each person's data, both with the
# population fixed; a row a parameter.
half_rows <- function(fit, type, by_block, level) {
  trials <- fit$data$trials
  unit <- if (by_block) trials$block else seq_len(nrow(trials))
  first <- first_half(unit, trials$person, type)
  halves <- lapply(list(first, !first), function(rows) {
    score_new(fit, subset_trials(fit$data, rows))
  })
  people <- lapply(halves, function(h) as.character(h$data$persons))
  common <- intersect(people[[1]], people[[2]])
  modes <- Map(function(h, name) {
    h$persons$mode[, match(common, name), drop = FALSE]
  }, halves, people)
  lapply(seq_len(nrow(fit$table)), function(k) {
    a <- modes[[1]][k, ]
    b <- modes[[2]][k, ]
    varies <- length(common) > 2 && stats::sd(a) > 0 && stats::sd(b) > 0
    r <- if (varies) stats::cor(a, b) else NA_real_
    reliability_row(
      type, r, correlation_interval(r, length(common), level), length(common),
      if (!is.na(r) && r > 0) 2 * r / (1 + r) else NA_real_
    )
  })
}

#' @rdname bootstrap
#' @export
bootstrap.rlearn <- function(fit, n = 200, type = c("parametric", "persons"),
                             cluster = NULL, ...) {
  type <- check_choice(type, c("parametric", "persons"), "type")
  n <- check_count(n, "n", lower = 2)
  if (type == "persons" && fit$estimator != "hierarchical") {
    abort_input("type", c(
      "Persons are resampled to see how the population's estimates vary, and this",
      "fit has no population; type = \"parametric\" serves it."
    ))
  }
  seeds <- vapply(seq_len(n), function(i) {
    floor(stats::runif(1) * .Machine$integer.max)
  }, 1)
  draws <- cluster_lapply(cluster, seeds, replicate_rlearn, fit = fit, type = type)
  draws <- Filter(Negate(is.null), draws)
  if (length(draws) < 2) {
    abort_input("fit", "The model could not be fitted to replicates of its data.")
  }
  structure(
    list(
      estimates = do.call(rbind, draws), coef = flat_coef(fit), type = type,
      seeds = seeds, failed = n - length(draws)
    ),
    class = "psyrl_bootstrap"
  )
}

# Each replicate has a seed of its own: the same on any cluster.
replicate_rlearn <- function(seed, fit, type) {
  with_seed(seed, {
    data <- if (type == "parametric") {
      stats::simulate(with_drawn_persons(fit))
    } else {
      again <- sample.int(length(fit$data$persons), replace = TRUE)
      drawn <- fit$data[again]
      drawn$persons <- seq_along(again)
      drawn
    }
    tryCatch(flat_coef(refit(fit, data)), psyrl_error = function(e) NULL)
  })
}

# Estimates in a row: a fit without a population has a cell a person and parameter.
flat_coef <- function(fit) {
  estimate <- coef(fit)
  if (is.null(dim(estimate))) return(estimate)
  labels <- outer(rownames(estimate), colnames(estimate), paste, sep = ":")
  stats::setNames(as.vector(estimate), as.vector(labels))
}

# A parametric replicate has new persons: from the population, where there is one.
with_drawn_persons <- function(fit) {
  if (fit$estimator != "hierarchical") return(fit)
  d <- nrow(fit$table)
  n <- length(fit$data$persons)
  root <- chol(fit$covariance)
  fit$persons$mode <- matrix(fit$prior$mean, d, n) +
    t(root) %*% matrix(stats::rnorm(d * n), d)
  fit
}
