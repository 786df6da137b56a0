# Do estimates come back? Simulated people, fitted as real ones.

#' Recovery studies
#'
#' Simulates people with known parameters, fits them and compares. With one model (or
#' a fit) parameters: bias, root mean squared error, correlation and coverage of
#' intervals, for persons and for the population. With a list of models the models:
#' which one describes people of each best.
#'
#' Each replicate draws new people from the population and lets them play the task.
#' Parameter recovery from a fit plays the fit's own task again, with as many persons
#' and trials, from the population that was estimated (its covariates included):
#' how far can this very study be trusted?
#'
#' For models, each simulated person is given to the model with the largest log
#' evidence (see [compare()]), and each replicate, a whole sample, to the one with the
#' largest sum. The confusion matrix has the shares of fitted models (columns) by
#' simulated model (rows); the inversion matrix the probability of each simulated model
#' given the best fitting one, all equally frequent (Wilson & Collins 2019).
#'
#' @param model A model, a fit of [rlearn()], or a named list of models.
#' @param design What is played: a task such as [bandit_task()], or [choices()] whose
#'   task is played again as by [simulate()]. `NULL`: the model's kind of task, with `n`
#'   persons and 200 trials; of a fit its own.
#' @param n Number of persons where `design` is `NULL`.
#' @param reps Number of replicates (of each model).
#' @param estimator As in [rlearn()]; a fit keeps its own.
#' @param population [gaussian_prior()] on the unconstrained scale that people are drawn
#'   from; for models a list of them, named like the models. `NULL`: means at the
#'   registry's typical values, and SDs such that its range of `low` to `high` is four
#'   of them wide ([rl_models()]).
#' @param cluster Any cluster of the `parallel` package; the result is the same with
#'   and without it.
#' @param control [rlearn_control()].
#' @return For parameters class `psyrl_recovery`, a list: `persons` (data frame: a row a
#'   replicate, person and parameter, with `truth, estimate, conf_low, conf_high` on the
#'   natural scale, `truth_link, estimate_link`, `flag`), `population` (a row a replicate
#'   and term of `coef()`, on the unconstrained scale), `status`. `summary()` has data
#'   frames `persons` (`parameter, n, bias, rmse, r, coverage, at_bound, failed`; `r` on
#'   the unconstrained scale) and `population` (`term, truth, n, bias, sd, std_error,
#'   coverage`: `sd` of the estimates beside their mean standard error). For models class
#'   `psyrl_model_recovery`: matrices `confusion`, `inversion` of persons,
#'   `confusion_samples`, `inversion_samples` of whole samples, and `best`, a row a
#'   simulated person. An interrupted study returns the replicates it had.
#' @section Errors: `psyrl_error_input` for what cannot be played.
#' @references Wilson & Collins (2019). Ten simple rules for the computational modeling
#'   of behavioral data. *eLife* 8, e49547. \doi{10.7554/eLife.49547}
#' @examples
#' set.seed(1)
#' task <- bandit_task(persons = 20, trials = 100)
#' study <- recover(rescorla_wagner(), task, reps = 5)
#' study
#' plot(study)
#' recover(
#'   list(rw = rescorla_wagner(), wsls = win_stay_lose_shift()), task,
#'   reps = 3, estimator = "map"
#' )
#' @export
recover <- function(model, design = NULL, n = 50, reps = 100,
                    estimator = c("hierarchical", "map", "ml"), population = NULL,
                    cluster = NULL, control = rlearn_control()) {
  reps <- check_count(reps, "reps")
  estimator <- check_choice(estimator, c("hierarchical", "map", "ml"), "estimator")
  check_class(control, "psyrl_rlearn_control", "control", "See rlearn_control().")
  control$cluster <- NULL
  if (is.list(model) && !is.object(model)) {
    models <- check_models(model)
    check_populations(population, names(models))
    plans <- Map(
      function(one, name) {
        recovery_plan(
          one, design %||% default_design(most_demanding(models), n), n, estimator,
          population[[name]], control
        )
      }, models, names(models)
    )
    return(recover_models(plans, reps, cluster))
  }
  plan <- if (inherits(model, "rlearn")) fit_plan(model, design) else {
    check_class(model, "psyrl_model", "model", "See rl_models().")
    recovery_plan(model, design, n, estimator, population, control)
  }
  recover_parameters(plan, reps, cluster)
}

check_models <- function(models) {
  ok <- length(models) > 1 && all(vapply(models, inherits, NA, "psyrl_model"))
  if (!ok) {
    abort_input("model", "`model` must be a model, a fit, or a list of models.")
  }
  given <- names(models) %||% rep("", length(models))
  own <- vapply(models, `[[`, "", "model")
  stats::setNames(models, make.unique(ifelse(nzchar(given), given, own)))
}

check_populations <- function(populations, models) {
  ok <- is.null(populations) || (
    is.list(populations) && !is.object(populations) &&
      !is.null(names(populations)) && all(names(populations) %in% models)
  )
  if (!ok) {
    abort_input("population", paste0(
      "For several models `population` must be a list of priors named like the models, ",
      quoted(models), "."
    ))
  }
}

# The task of the first model that is no baseline decides for all.
most_demanding <- function(models) {
  demanding <- !vapply(models, function(m) m$task %in% c("baseline", "custom"), NA)
  models[[which.max(demanding)]]
}

default_design <- function(model, n) {
  n <- check_count(n, "n")
  switch(model$task,
    two_step = two_step_task(n, 200), go_nogo = go_nogo_task(n, 200),
    iowa = iowa_task(n, 200), bandit_task(n, 200)
  )
}

# What a replicate needs: `play()` gives a task to be played, `draw()` parameters on
# the unconstrained scale (parameters x persons), `fit(data)` the fit.
recovery_plan <- function(model, design, n, estimator, population, control) {
  design <- design %||% default_design(model, n)
  if (!inherits(design, c("psyrl_learning_task", "psyrl_choices"))) {
    abort_input("design", paste0(
      "`design` must be a task, see bandit_task(), or choices(), not ",
      describe(design), "."
    ))
  }
  data <- if (inherits(design, "psyrl_choices")) design else design$data
  check_model(model, data)
  table <- model_parameters(model, task_options(model, data))
  population <- resolve_prior(
    check_class(
      population %||% typical_population(table), "psyrl_prior", "population",
      "See gaussian_prior()."
    ), table
  )
  size <- length(data$persons)
  root <- chol(population$cov)
  list(
    model = model, table = table, n = size, estimator = estimator,
    play = function() {
      if (inherits(design, "psyrl_choices")) replay_task(design, model) else {
        draw_outcomes(design)
      }
    },
    draw = function() {
      noise <- matrix(stats::rnorm(nrow(table) * size), ncol = size)
      population$mean + crossprod(root, noise)
    },
    truth = c(population$mean, stats::setNames(
      sqrt(diag(population$cov)), paste0("sd_", table$parameter)
    )),
    fit = function(data, with = model) {
      suppressWarnings(
        rlearn(data, with, estimator, control = control), classes = "psyrl_warning"
      )
    }
  )
}

typical_population <- function(table) {
  link <- to_link(t(as.matrix(table[c("typical", "low", "high")])), table)
  gaussian_prior(
    stats::setNames(link[1, ], table$parameter),
    diag(((link[3, ] - link[2, ]) / 4)^2, nrow(table))
  )
}

# The study of a fit once more; a fit without population keeps its persons.
fit_plan <- function(fit, design) {
  list(
    model = fit$model, table = fit$table, n = length(fit$data$persons),
    estimator = fit$estimator,
    play = function() as_played(design %||% replay_task(fit$data, fit$model)),
    draw = function() with_drawn_persons(fit)$persons$mode,
    truth = if (fit$estimator == "hierarchical") coef(fit),
    fit = function(data, with) refit(fit, data)
  )
}

recover_parameters <- function(plan, reps, cluster) {
  parts <- replicate_study(reps, cluster, one_recovery, plan = plan)
  bind <- function(name) {
    rows <- lapply(parts, `[[`, name)
    done <- which(!vapply(rows, is.null, NA))
    if (!length(done)) return(NULL)
    sizes <- vapply(rows[done], nrow, 1L)
    cbind(replicate = rep(done, sizes), do.call(rbind, rows[done]))
  }
  structure(
    list(
      model = plan$model, estimator = plan$estimator, n = plan$n,
      reps = length(parts), persons = bind("persons"), population = bind("population"),
      status = vapply(parts, `[[`, "", "status")
    ),
    class = "psyrl_recovery"
  )
}

# Seeds are drawn beforehand: the same study over any cluster. Interrupted, it is what
# was done by then.
replicate_study <- function(reps, cluster, fun, ...) {
  seeds <- floor(stats::runif(reps) * .Machine$integer.max)
  if (!is.null(cluster)) return(cluster_lapply(cluster, seeds, fun, ...))
  done <- list()
  tryCatch(
    for (seed in seeds) done[[length(done) + 1]] <- fun(seed, ...),
    interrupt = function(e) NULL
  )
  if (length(done) < reps) {
    warn("interrupted", paste0(
      "Interrupted: the study has ", length(done), " of ", reps, " replicates."
    ))
  }
  done
}

one_recovery <- function(seed, plan) {
  with_seed(seed, {
    u <- plan$draw()
    data <- simulate_choices(plan$model, plan$play(), t(to_natural(t(u), plan$table)))
    fit <- tryCatch(plan$fit(data), psyrl_error = function(e) NULL)
    if (is.null(fit)) return(list(status = "failed"))
    list(
      persons = recovered_persons(fit, u), population = recovered_terms(fit, plan$truth),
      status = fit$status
    )
  })
}

recovered_persons <- function(fit, u) {
  rows <- persons(fit)
  cbind(
    rows[c("person", "parameter")],
    truth = as.vector(t(to_natural(t(u), fit$table))),
    rows[c("estimate", "conf_low", "conf_high")],
    truth_link = as.vector(u), estimate_link = as.vector(fit$persons$mode),
    rows["flag"]
  )
}

recovered_terms <- function(fit, truth) {
  if (fit$estimator != "hierarchical") return(NULL)
  interval <- confint(fit, "population")
  data.frame(
    term = names(coef(fit)), truth = truth[names(coef(fit))], estimate = coef(fit),
    std_error = sqrt(diag(vcov(fit))), conf_low = interval[, 1],
    conf_high = interval[, 2], row.names = NULL
  )
}

covered <- function(x) x$truth >= x$conf_low & x$truth <= x$conf_high

#' @export
summary.psyrl_recovery <- function(object, ...) {
  by <- function(x, group, row) {
    parts <- split(x, factor(x[[group]], unique(x[[group]])))
    out <- do.call(rbind, lapply(parts, row))
    rownames(out) <- NULL
    out
  }
  persons <- by(object$persons, "parameter", function(x) {
    error <- x$estimate - x$truth
    at_bound <- vapply(strsplit(x$flag, "; ", fixed = TRUE), function(flags) {
      named <- sub("^at bound: ", "", flags[startsWith(flags, "at bound: ")])
      x$parameter[1] %in% unlist(strsplit(named, ", ", fixed = TRUE))
    }, NA)
    data.frame(
      parameter = x$parameter[1], n = nrow(x), bias = mean(error, na.rm = TRUE),
      rmse = sqrt(mean(error^2, na.rm = TRUE)),
      r = stats::cor(x$truth_link, x$estimate_link, use = "complete.obs"),
      coverage = mean(covered(x), na.rm = TRUE), at_bound = mean(at_bound),
      failed = mean(!is.finite(x$estimate))
    )
  })
  population <- if (!is.null(object$population)) {
    by(object$population, "term", function(x) {
      data.frame(
        term = x$term[1], truth = x$truth[1], n = sum(!is.na(x$std_error)),
        bias = mean(x$estimate - x$truth), sd = stats::sd(x$estimate),
        std_error = mean(x$std_error, na.rm = TRUE),
        coverage = mean(covered(x), na.rm = TRUE)
      )
    })
  }
  structure(
    list(study = object, persons = persons, population = population),
    class = "summary.psyrl_recovery"
  )
}

#' @export
print.summary.psyrl_recovery <- function(x, digits = 3, ...) {
  study <- x$study
  cat(
    "Recovery of ", model_name(study$model), ", ", study$estimator, ": ", study$reps,
    " replicates of ", study$n, " persons\n", sep = ""
  )
  odd <- sum(!study$status %in% c("converged", "no_progress"))
  if (odd) cat(odd, "replicates did not converge.\n")
  cat("\nPersons (natural scale; r unconstrained; coverage of 95 % intervals):\n")
  print(x$persons, digits = digits, row.names = FALSE)
  if (!is.null(x$population)) {
    cat("\nPopulation (unconstrained scale):\n")
    print(x$population, digits = digits, row.names = FALSE)
  }
  invisible(x)
}

#' @export
print.psyrl_recovery <- function(x, ...) {
  print(summary(x), ...)
  invisible(x)
}

#' @rdname recover
#' @param x A recovery study.
#' @param parameter Which parameters to show.
#' @param ... Passed on to [plot()].
#' @export
plot.psyrl_recovery <- function(x, parameter = unique(x$persons$parameter), ...) {
  old <- graphics::par(mfrow = rev(grDevices::n2mfrow(length(parameter))))
  on.exit(graphics::par(old))
  for (name in parameter) {
    own <- x$persons[x$persons$parameter == name, ]
    # The bulk decides: single runaway estimates would hide it.
    range <- range(own$truth, stats::quantile(own$estimate, c(0.01, 0.99), na.rm = TRUE))
    graphics::plot(
      own$truth, own$estimate, xlim = range, ylim = range, pch = 16, cex = 0.6, las = 1,
      col = grDevices::adjustcolor(plot_colours[["main"]], 0.4), xlab = "simulated",
      ylab = "estimated", main = paste0(name, ", r = ", format(
        stats::cor(own$truth_link, own$estimate_link, use = "complete.obs"), digits = 2
      )), ...
    )
    graphics::abline(0, 1, col = plot_colours[["ink"]], lty = 2)
  }
  invisible(x)
}
