# How far the estimates can be trusted: held-out prediction, reliability, bootstrap.

# Log evidence of a person's data under a Gaussian prior of that person, by Laplace.
person_evidence <- function(fit, data, mean, covariance) {
  problem <- list(
    data = data, core = core_choices(data), model = fit$model,
    spec = model_spec(fit$model, data), table = fit$table, control = fit$control,
    threads = resolve_threads(fit$control$threads)
  )
  d <- nrow(fit$table)
  vapply(seq_along(data$persons), function(j) {
    own <- problem
    own$data <- data[j]
    own$core <- core_choices(own$data)
    prior <- list(mean = mean[, j, drop = FALSE], precision = solve(matrix(covariance[, , j], d)))
    out <- fit_persons(own, prior, wide_box(fit$table), 2L)
    laplace_evidence(out, list(cov = matrix(covariance[, , j], d)))
  }, 1)
}

# NLL of each person's new data. Persons of the fit are predicted by their posterior,
# new ones by the population; the integral over either updates along the way.
heldout_nll <- function(fit, newdata) {
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
  prior <- person_prior(fit, newdata, list(
    table = fit$table, control = fit$control
  ))
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
  heldout_rows(c(list(fit = heldout_nll(fit, newdata)), baseline_nll(fit, newdata)), n)
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
    nll = c(list(fit = heldout_nll(training, test)), baseline_nll(training, test))
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
#' @export
reliability.rlearn <- function(fit, ...) {
  out <- reliability_marginal(fit)
  halves <- reliability_halves(fit)
  out$split_half <- halves$split_half[match(out$parameter, halves$parameter)]
  structure(out, class = c("psyrl_reliability", "data.frame"))
}

# Share of the estimates' variance that is not error: var(m) / (var(m) + mean V).
reliability_marginal <- function(fit) {
  d <- nrow(fit$table)
  error <- matrix(apply(fit$persons$covariance, 3, function(v) diag(matrix(v, d, d))), d)
  ok <- usable(fit$persons) & colSums(is.na(error)) == 0
  between <- apply(fit$persons$mode[, ok, drop = FALSE], 1, stats::var)
  within <- rowMeans(error[, ok, drop = FALSE])
  shrunk <- fit$estimator != "ml"
  data.frame(
    parameter = fit$table$parameter,
    reliability = if (shrunk) between / (between + within) else {
      pmax(0, 1 - within / between)
    },
    row.names = NULL
  )
}

# Correlation of estimates from either half of each person's trials, stepped up by
# Spearman and Brown; both halves with the population's prior.
reliability_halves <- function(fit) {
  trials <- fit$data$trials
  position <- stats::ave(seq_len(nrow(trials)), trials$person, FUN = seq_along)
  size <- stats::ave(position, trials$person, FUN = max)
  first <- position <= size / 2
  halves <- lapply(list(first, !first), function(rows) {
    score_new(fit, subset_trials(fit$data, rows))
  })
  common <- intersect(as.character(halves[[1]]$data$persons),
                      as.character(halves[[2]]$data$persons))
  modes <- lapply(halves, function(h) {
    h$persons$mode[, match(common, as.character(h$data$persons)), drop = FALSE]
  })
  r <- vapply(seq_len(nrow(fit$table)), function(k) {
    suppressWarnings(stats::cor(modes[[1]][k, ], modes[[2]][k, ], use = "complete.obs"))
  }, 1)
  data.frame(parameter = fit$table$parameter, split_half = 2 * r / (1 + r))
}

#' @rdname bootstrap
#' @export
bootstrap.rlearn <- function(fit, n = 200, type = c("parametric", "persons"),
                             cluster = NULL, ...) {
  type <- check_choice(type, c("parametric", "persons"), "type")
  n <- check_count(n, "n")
  seeds <- vapply(seq_len(n), function(i) floor(stats::runif(1) * 2^31), 1)
  draws <- cluster_lapply(cluster, seeds, one_bootstrap, fit = fit, type = type)
  estimates <- do.call(rbind, lapply(draws, as.vector))
  labels <- if (fit$estimator == "hierarchical") names(coef(fit)) else {
    as.vector(outer(rownames(coef(fit)), colnames(coef(fit)), paste, sep = ":"))
  }
  if (type == "persons" && fit$estimator != "hierarchical") labels <- NULL
  colnames(estimates) <- labels
  structure(
    list(estimates = estimates, type = type, estimate = coef(fit)),
    class = "psyrl_bootstrap"
  )
}

# Each replicate has a seed of its own: the same on any cluster.
one_bootstrap <- function(seed, fit, type) {
  old <- if (exists(".Random.seed", globalenv())) get(".Random.seed", globalenv())
  on.exit(if (!is.null(old)) assign(".Random.seed", old, globalenv()))
  set.seed(seed)
  if (type == "parametric") {
    return(coef(refit(fit, stats::simulate(with_drawn_persons(fit)))))
  }
  again <- sample.int(length(fit$data$persons), replace = TRUE)
  data <- fit$data[again]
  data$persons <- seq_along(again)
  coef(refit(fit, data))
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

#' @export
print.psyrl_bootstrap <- function(x, digits = 3, ...) {
  cat(nrow(x$estimates), " ", x$type, " bootstrap replicates\n", sep = "")
  print(data.frame(
    estimate = as.vector(x$estimate)[seq_len(ncol(x$estimates))],
    mean = colMeans(x$estimates, na.rm = TRUE),
    std_error = apply(x$estimates, 2, stats::sd, na.rm = TRUE),
    row.names = colnames(x$estimates)
  ), digits = digits)
  invisible(x)
}
