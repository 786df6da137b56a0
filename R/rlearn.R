# Fitting learning models: per person, with a prior, or hierarchically.

#' Fit a learning model
#'
#' Estimates how each person learns and chooses. All search is on an unconstrained
#' scale (logit of (0, 1), log of positive parameters), with exact gradients and
#' Hessians; results come on the natural scale, intervals are made on the
#' unconstrained scale and mapped back.
#'
#' * `"ml"`: each person alone, best of several starts. Parameters at the edge of
#'   their range are flagged.
#' * `"map"`: each person with a Gaussian prior (or a uniform box, by quadrature): the
#'   posterior's mode, or with `rlearn_control(evidence = "importance")` its mean.
#' * `"hierarchical"`: the prior's mean, with covariates, and covariance are estimated
#'   too. The marginal likelihood by Laplace's approximation is maximised by Newton's
#'   method with its exact Hessian, which also gives the standard errors of the
#'   group's parameters; `rlearn_control(algorithm = "em")` stops at the fixed point
#'   of the EM algorithm instead (Huys et al. 2011). Where posteriors are far from normal
#'   `rlearn_control(evidence = "importance")` integrates them by importance sampling;
#'   persons' estimates are then posterior means, not modes. The search averages over
#'   batches of draws, and where these leave the group's information uncertain it is
#'   held to what the persons' scores say of it (Berndt et al. 1974). Persons' intervals
#'   carry the uncertainty of the group.
#'
#' @param data [choices()].
#' @param model A model, see [rescorla_wagner()] and [rl_models()].
#' @param estimator See above.
#' @param persons Covariates of the group mean on the unconstrained scale: a one-sided
#'   formula for all parameters, or a named list of formulas (`list(alpha = ~ age)`),
#'   looked up among the columns of `data` that are constant within person and in
#'   `rlearn_control(persons = )`.
#' @param prior For `"map"`: [gaussian_prior()] (default: mean at the registry's
#'   typical values, SD 1.5) or [uniform_prior()].
#' @param control [rlearn_control()].
#' @return An object of class `c("rlearn", "psyrl_fit")`. See [persons()],
#'   `coef()`, `vcov()`, `confint()`, `logLik()`, `anova()`, `predict()`, [values()],
#'   `simulate()`, [heldout()], [cross_validate()], [reliability()], [bootstrap()],
#'   [criterion_cor()], [compare()], [posterior_predictive()], `plot()`.
#' @examples
#' set.seed(1)
#' task <- bandit_task(persons = 10, trials = 60)
#' data <- simulate(rescorla_wagner(), design = task)
#' fit <- rlearn(data, rescorla_wagner())
#' fit
#' persons(fit)
#' @export
rlearn <- function(data, model = rescorla_wagner(),
                   estimator = c("hierarchical", "map", "ml"), persons = ~ 1,
                   prior = NULL, control = rlearn_control()) {
  call <- match.call()
  estimator <- check_choice(estimator, c("hierarchical", "map", "ml"), "estimator")
  check_model(model, data)
  check_class(control, "psyrl_rlearn_control", "control", "See rlearn_control().")
  if (nrow(data$trials) == 0) abort_input("data", "`data` must have trials.")
  warn_unused(estimator, persons, prior)
  spec <- model_spec(model, data)
  problem <- list(
    data = data, core = core_choices(data), model = model, spec = spec,
    table = spec$table, control = control, threads = resolve_threads(control$threads),
    seed = draw_seed()
  )
  fit <- switch(estimator,
    ml = fit_ml(problem), map = fit_map(problem, prior),
    hierarchical = fit_hierarchical(problem, persons)
  )
  new_rlearn(fit, problem, estimator, call)
}

# Covariates without a group, or a prior where it is estimated, change nothing.
warn_unused <- function(estimator, persons, prior) {
  if (!is.null(prior) && estimator != "map") {
    warn("meaning", c(
      paste0("`prior` has no effect with `estimator = \"", estimator, "\"`:"),
      "it is for \"map\"."
    ))
  }
  covariates <- unlist(lapply(c(persons), all.vars))
  if (length(covariates) && estimator != "hierarchical") {
    warn("meaning", c(
      paste0("`persons` has no effect with `estimator = \"", estimator, "\"`:"),
      "covariates act on the group of a hierarchical fit."
    ))
  }
}

#' Control of [rlearn()]
#'
#' @param start Where searches start: `"convex"` begins with the registry's typical
#'   values and, for everybody alone or with a prior, the convex relaxation of
#'   [forgetting_bandit()] and [rescorla_wagner()] models; `"random"` draws starts inside
#'   the registry's ranges.
#' @param starts Number of starts a person (default: 6 for `"ml"`, 3 for `"map"`, 4
#'   for the first round of `"hierarchical"`).
#' @param covariance Covariance of persons: `"full"` or `"diagonal"`.
#' @param algorithm `"newton"` maximises the Laplace marginal likelihood, `"em"`
#'   iterates EM to its fixed point.
#' @param evidence How persons are integrated out. `"laplace"`: fast, and accurate where
#'   posteriors are near normal. `"importance"`: by importance sampling. `"auto"`:
#'   Laplace, unless its expansion is out of order for a quarter of the persons, or its
#'   likelihood is flat or jumps (a person with several modes); the fit then goes on by
#'   sampling, and printing it says so.
#' @param draws Draws of importance sampling, of each person, in the last batch: the
#'   printed `monte_carlo` is what other draws would change.
#' @param tolerance On the log marginal likelihood.
#' @param max_iterations Of the group's search.
#' @param threads Threads; results do not depend on them.
#' @param cluster Cluster of the parallel package, over which persons are split for
#'   `"ml"` and `"map"`.
#' @param persons Data frame of covariates with a column `person`.
#' @param callback Function called with the fit's trace at the end; an error in it becomes
#'   a warning.
#' @param verbose Print what is done.
#' @param ... Nothing: unknown names are an error.
#' @return A list of class `psyrl_rlearn_control`.
#' @export
rlearn_control <- function(start = c("convex", "random"), starts = NULL,
                           covariance = c("full", "diagonal"),
                           algorithm = c("newton", "em"),
                           evidence = c("auto", "laplace", "importance"), draws = 1000,
                           tolerance = 1e-6, max_iterations = 100, threads = NULL,
                           cluster = NULL, persons = NULL, callback = NULL,
                           verbose = FALSE, ...) {
  check_dots_empty(..., what = "rlearn_control()")
  structure(
    list(
      start = check_choice(start, c("convex", "random"), "start"),
      starts = if (!is.null(starts)) check_count(starts, "starts"),
      covariance = check_choice(covariance, c("full", "diagonal"), "covariance"),
      algorithm = check_choice(algorithm, c("newton", "em"), "algorithm"),
      evidence = check_choice(
        evidence, c("auto", "laplace", "importance"), "evidence"
      ),
      draws = check_count(draws, "draws"),
      tolerance = check_number(tolerance, "tolerance", lower = 0),
      max_iterations = check_count(max_iterations, "max_iterations"),
      threads = threads, cluster = cluster,
      persons = if (!is.null(persons)) check_data_frame(persons, "persons", "person"),
      callback = callback, verbose = check_flag(verbose, "verbose")
    ),
    class = "psyrl_rlearn_control"
  )
}

new_rlearn <- function(fit, problem, estimator, call) {
  persons <- fit$persons
  if (is.null(persons$covariance)) {
    precision <- if (estimator == "map") solve(fit$prior$cov) else 0
    persons$covariance <- person_covariance(persons$curvature, precision)
  }
  fit$persons <- persons
  counts <- decision_counts(problem$data, problem$model)
  out <- c(
    list(call = call, version = utils::packageVersion("psyrl"), seed = problem$seed,
         model = problem$model, estimator = estimator, data = problem$data,
         table = problem$table, control = problem$control, n_decisions = counts$n,
         n_missed = counts$missed),
    fit
  )
  names(out)[names(out) == "log_lik"] <- "loglik"
  out$flag <- person_flags(out)
  out <- structure(out, class = c("rlearn", "psyrl_fit"))
  if (is.function(problem$control$callback)) call_back(problem$control$callback, out$trace)
  if (problem$control$verbose) print(out)
  out
}

# Decisions with a likelihood, and trials without, by person.
decision_counts <- function(data, model) {
  trials <- data$trials
  made <- !is.na(trials$choice)
  second <- if (model$model == "two_step") made & !is.na(trials$choice2) else FALSE
  person <- factor(trials$person, seq_along(data$persons))
  list(
    n = as.vector(tapply(made + second, person, sum, default = 0)),
    missed = as.vector(tapply(!made, person, sum, default = 0))
  )
}

# Words on what is wrong with a person's estimates; "" where nothing is.
person_flags <- function(fit) {
  persons <- fit$persons
  trials <- fit$data$trials
  person <- factor(trials$person, seq_along(fit$data$persons))
  n_options <- as.vector(tapply(trials$choice, person, function(x) {
    length(unique(x[!is.na(x)]))
  }, default = 0))
  flags <- list(
    ifelse(!usable(persons), "failed", ""),
    ifelse(fit$n_decisions == 0, "no choices", ifelse(
      fit$n_decisions < 5 * nrow(fit$table), "few trials", ""
    )),
    ifelse(n_options == 1 & fit$n_decisions > 0, "always the same choice", ""),
    ifelse(persons$status == "max_iterations", "not converged", "")
  )
  if (fit$estimator == "ml") flags <- c(flags, list(edge_flags(fit), flat_flags(fit)))
  apply(do.call(cbind, flags), 1, function(x) paste(x[nzchar(x)], collapse = "; "))
}

edge_flags <- function(fit) {
  u <- fit$persons$mode
  edge <- abs(u - fit$box$lower) < 1e-6 | abs(u - fit$box$upper) < 1e-6
  # A logit of 7 is within .001 of the edge: the search would go on if it could.
  edge <- edge | (fit$table$link == "logit" & abs(u) > 7)
  name_by_person(edge, fit$table$parameter, "at bound: ")
}

# Parameters that carry the flat directions of a person's likelihood.
flat_flags <- function(fit) {
  d <- nrow(fit$table)
  flat <- vapply(seq_along(fit$n_decisions), function(j) {
    e <- eigen(matrix(fit$persons$curvature[, , j], d, d), symmetric = TRUE)
    directions <- e$vectors[, e$values < 1e-4, drop = FALSE]
    if (ncol(directions)) apply(abs(directions) > 0.5, 1, any) else rep(FALSE, d)
  }, logical(d))
  name_by_person(matrix(flat, d), fit$table$parameter, "not identified: ")
}

name_by_person <- function(yes, names, prefix) {
  apply(yes, 2, function(on) {
    if (any(on)) paste0(prefix, paste(names[on], collapse = ", ")) else ""
  })
}
