# What a fit of a learning model answers, in the idiom of stats.

#' @rdname persons
#' @export
persons.rlearn <- function(fit, newdata = NULL, level = 0.95, ...) {
  level <- check_number(level, "level", 0, 1)
  scored <- if (is.null(newdata)) fit else score_new(fit, newdata)
  table <- fit$table
  d <- nrow(table)
  u <- scored$persons$mode
  n <- ncol(u)
  se <- spread_by_person(scored)
  z <- stats::qnorm((1 + level) / 2)
  natural <- function(x) as.vector(t(to_natural(t(x), table)))
  data.frame(
    person = rep(scored$data$persons, each = d),
    parameter = rep(table$parameter, n),
    estimate = natural(u),
    std_error = as.vector(se * t(link_slope(t(u), table))),
    conf_low = natural(u - z * se), conf_high = natural(u + z * se),
    log_estimate = as.vector(u),
    n_decisions = rep(scored$n_decisions, each = d),
    n_informative = rep(scored$n_decisions, each = d),
    flag = rep(scored$flag, each = d)
  )
}

# Standard errors on the unconstrained scale, parameters x persons.
spread_by_person <- function(fit) {
  d <- nrow(fit$table)
  matrix(apply(fit$persons$covariance, 3, function(v) {
    sqrt(pmax(0, diag(matrix(v, d, d))))
  }), d)
}

# What the core needs to look at data through a fit.
scoring_problem <- function(fit, data) {
  list(
    data = data, core = core_choices(data), model = fit$model,
    spec = model_spec(fit$model, data), table = fit$table, control = fit$control,
    threads = resolve_threads(fit$control$threads), seed = fit$seed
  )
}

# New persons' estimates and spread with the population fixed: as in the fit, modes or,
# where that was sampled, posterior means.
score_new <- function(fit, newdata) {
  check_class(newdata, "psyrl_choices", "newdata", "See choices().")
  check_same_options(fit, newdata)
  problem <- scoring_problem(fit, newdata)
  if (fit$estimator == "map" && fit$prior$kind == "uniform") {
    scored <- fit_quadrature(problem, fit$prior)
  } else {
    prior <- person_prior(fit, newdata)
    box <- if (fit$estimator == "ml") search_box(fit$table) else wide_box(fit$table)
    found <- fit_persons(problem, prior, box, fit$control$starts %||% 3L)
    if (isTRUE(fit$sampled)) found <- sample_persons(problem, prior, found)
    found$covariance <- person_covariance(found$curvature, prior$precision %||% 0)
    scored <- list(persons = found, box = box)
  }
  counts <- decision_counts(newdata, fit$model)
  scored <- c(scored, list(
    data = newdata, table = fit$table, n_decisions = counts$n,
    estimator = fit$estimator
  ))
  scored$flag <- person_flags(scored)
  scored
}

check_same_options <- function(fit, newdata) {
  if (!identical(as.character(newdata$options), as.character(fit$data$options))) {
    abort_input("newdata", paste0(
      "`newdata` must have the options of the fit, ", quoted(fit$data$options),
      ", not ", quoted(newdata$options), "; see the argument `options` of choices()."
    ))
  }
}

# The prior of (new) persons: the group's mean for their covariates, or the prior given.
person_prior <- function(fit, data) {
  if (fit$estimator == "ml") return(list(precision = NULL))
  if (fit$estimator == "map") {
    if (fit$prior$kind == "uniform") return(NULL)
    return(core_prior(fit$prior))
  }
  design <- group_design(
    data, fit$table$parameter, fit$design$formulas, fit$control$persons, fit$design
  )
  list(
    mean = group_means(design, fit$coefficients, nrow(fit$table)),
    precision = solve(fit$covariance)
  )
}

#' Methods of fitted learning models
#'
#' @param object A fit of [rlearn()].
#' @param scale `"link"`: the unconstrained scale on which groups are modelled;
#'   `"natural"`: the parameters' own.
#' @param ... Not used.
#' @return `coef()`: for a hierarchical fit the group's means (`alpha`), effects of
#'   covariates (`alpha:adult`) and standard deviations between persons (`sd_alpha`), on
#'   the unconstrained scale unless `scale = "natural"` maps the means; for other fits a
#'   matrix persons x parameters on the natural scale. `vcov()`: covariance of
#'   `coef(fit)`.
#' @name rlearn-methods
NULL

#' @rdname rlearn-methods
#' @export
coef.rlearn <- function(object, scale = c("link", "natural"), ...) {
  if (object$estimator != "hierarchical") {
    # Persons' estimates are read on their own scale unless asked otherwise.
    natural <- missing(scale) || check_choice(scale, c("link", "natural"), "scale") ==
      "natural"
    u <- t(object$persons$mode)
    out <- if (natural) to_natural(u, object$table) else u
    dimnames(out) <- list(as.character(object$data$persons), object$table$parameter)
    return(out)
  }
  scale <- check_choice(scale, c("link", "natural"), "scale")
  means <- object$coefficients
  if (scale == "natural") {
    at <- which(object$design$intercept)
    owner <- object$design$owner[at]
    means[at] <- vapply(seq_along(at), function(i) {
      to_natural(matrix(means[at[i]]), object$table[owner[i], ])
    }, 1)
  }
  sd <- sqrt(diag(object$covariance))
  c(means, stats::setNames(sd, paste0("sd_", names(sd))))
}

# SDs as functions of psi: the covariance's log-Cholesky factor is what is estimated.
psi_to_sd <- function(psi, d, n_coef, diagonal) {
  factor <- matrix(0, d, d)
  if (diagonal) {
    diag(factor) <- psi[n_coef + seq_len(d)]
  } else {
    at <- do.call(rbind, lapply(seq_len(d), function(a) cbind(a, seq_len(a))))
    factor[at] <- psi[n_coef + seq_len(nrow(at))]
  }
  diag(factor) <- exp(diag(factor))
  sqrt(rowSums(factor^2))
}

#' @rdname rlearn-methods
#' @export
vcov.rlearn <- function(object, ...) {
  if (object$estimator != "hierarchical") {
    abort_input("object", c(
      "Only a hierarchical fit has population parameters.",
      "Persons' standard errors are in persons(fit)."
    ))
  }
  map <- population_slope(object, object$control$covariance == "diagonal")
  out <- map %*% object$psi_vcov %*% t(map)
  names <- names(coef(object))
  dimnames(out) <- list(names, names)
  lost <- lost_parameters(object, object$control$covariance == "diagonal")
  out[lost, ] <- out[, lost] <- NA
  out
}

# d coef / d psi: the coefficients themselves, then the SDs.
population_slope <- function(fit, diagonal) {
  d <- nrow(fit$covariance)
  n_coef <- length(fit$coefficients)
  psi <- fit$psi
  slope <- vapply(seq_along(psi), function(k) {
    step <- 1e-5
    up <- down <- psi
    up[k] <- up[k] + step
    down[k] <- down[k] - step
    (psi_to_sd(up, d, n_coef, diagonal) - psi_to_sd(down, d, n_coef, diagonal)) /
      (2 * step)
  }, numeric(d))
  rbind(diag(1, n_coef, length(psi)), matrix(slope, d))
}

# Names of population parameters that lie in directions without information, or
# whose SD is at its lower end: they have no standard error.
lost_parameters <- function(fit, diagonal) {
  map <- population_slope(fit, diagonal)
  map[, fit$held] <- 0
  sd <- sqrt(diag(fit$covariance))
  names <- c(names(fit$coefficients), paste0("sd_", names(sd)))
  flat <- rowSums((map %*% fit$psi_flat)^2) > 0.01 * rowSums(map^2)
  names[flat | c(rep(FALSE, length(fit$coefficients)), sd < 0.02)]
}

#' @rdname rlearn-methods
#' @param parm `"persons"`, `"population"`, or names of population parameters.
#' @param level Level of the intervals.
#' @param method `"plugin"` takes the group as known, `"joint"` carries its uncertainty.
#' @export
confint.rlearn <- function(object, parm = "persons", level = 0.95,
                           scale = c("natural", "log"),
                           method = c("joint", "plugin", "bootstrap"), ...) {
  scale <- check_choice(scale, c("natural", "log"), "scale")
  method <- check_choice(method, c("joint", "plugin", "bootstrap"), "method")
  labels <- interval_names(level)
  if (!identical(parm, "persons")) {
    return(confint_population(object, parm, level, labels, method))
  }
  if (method == "plugin") object <- with_plugin_spread(object)
  rows <- persons(object, level = level)
  out <- as.matrix(rows[c("conf_low", "conf_high")])
  if (scale == "log") {
    z <- stats::qnorm((1 + level) / 2)
    se <- as.vector(spread_by_person(object))
    out <- cbind(rows$log_estimate - z * se, rows$log_estimate + z * se)
  }
  dimnames(out) <- list(paste(rows$person, rows$parameter, sep = ":"), labels)
  out
}

with_plugin_spread <- function(fit) {
  if (fit$estimator == "hierarchical") {
    fit$persons$covariance <- person_covariance(
      fit$persons$curvature, solve(fit$covariance)
    )
  }
  fit
}

# Means by a normal interval, SDs by one of their logarithm.
confint_population <- function(object, parm, level, labels, method) {
  estimate <- coef(object)
  if (method == "bootstrap") {
    out <- stats::confint(bootstrap(object, n = 200), level = level)
  } else {
    se <- sqrt(diag(vcov(object)))
    z <- stats::qnorm((1 + level) / 2)
    is_sd <- startsWith(names(estimate), "sd_")
    spread <- ifelse(is_sd, se / estimate, se)
    out <- cbind(
      ifelse(is_sd, estimate * exp(-z * spread), estimate - z * spread),
      ifelse(is_sd, estimate * exp(z * spread), estimate + z * spread)
    )
  }
  dimnames(out) <- list(names(estimate), labels)
  if (identical(parm, "population")) return(out)
  if (!all(parm %in% rownames(out))) {
    abort_input("parm", paste0(
      "`parm` must be \"persons\", \"population\" or among ", quoted(rownames(out)),
      ", not ", quoted(setdiff(parm, rownames(out))), "."
    ))
  }
  out[parm, , drop = FALSE]
}

#' @rdname rlearn-methods
#' @export
logLik.rlearn <- function(object, ...) {
  structure(
    object$loglik, df = object$df, nobs = sum(object$n_decisions), class = "logLik"
  )
}

#' @rdname rlearn-methods
#' @export
nobs.rlearn <- function(object, ...) sum(object$n_decisions)

#' @rdname rlearn-methods
#' @export
anova.rlearn <- function(object, ...) {
  fits <- list(object, ...)
  if (length(fits) < 2 || !all(vapply(fits, inherits, NA, "rlearn"))) {
    abort_input("object", "anova() compares two or more fits of rlearn().")
  }
  same <- vapply(fits, function(fit) {
    identical(fit$data$trials$choice, object$data$trials$choice) &&
      identical(fit$estimator, object$estimator)
  }, NA)
  if (!all(same)) {
    abort_input("object", "The fits must be of the same data by the same estimator.")
  }
  fits <- like_with_like(fits[order(vapply(fits, `[[`, 1, "df"))])
  ll <- vapply(fits, function(fit) as.numeric(logLik(fit)), 1)
  df <- vapply(fits, `[[`, 1, "df")
  chisq <- c(NA, 2 * diff(ll))
  d_df <- c(NA, diff(df))
  out <- data.frame(
    npar = df,
    AIC = -2 * ll + 2 * df, BIC = -2 * ll + log(nobs(object)) * df, logLik = ll,
    Chisq = chisq, Df = d_df,
    `Pr(>Chisq)` = stats::pchisq(chisq, pmax(d_df, 1e-9), lower.tail = FALSE),
    check.names = FALSE
  )
  words <- vapply(fits, function(fit) model_name(fit$model), "")
  heading <- c(
    "Learning models, nested by assumption",
    paste0("Model ", seq_along(fits), ": ", words), ""
  )
  structure(out, heading = heading, class = c("anova", "data.frame"))
}

model_name <- function(model) {
  if (model$task == "custom") return(model$title)
  paste0(model$model, "(", paste(model$table$parameter, collapse = ", "), ")")
}
