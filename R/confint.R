# Intervals and covariances of everything a fit estimates.

#' Intervals of scores, population parameters, values and rewards
#'
#' @param object A fit of [rlmm()].
#' @param parm What the intervals are of: `"persons"`, `"population"` (or names of
#'   population parameters), `"values"` (advantages of all pairs), `"rewards"`
#'   (weights of learned rewards).
#' @param level Level of the intervals.
#' @param scale Persons' intervals on the `"natural"` (beta) or the `"log"` scale.
#' @param method `"joint"` carries the uncertainty of everything that is shared and
#'   estimated: the population's parameters, temperature and discount of exact values,
#'   values and rewards learned from the same people, a habit. `"plugin"` takes what is
#'   shared as known. `"bootstrap"` averages over `n` parametric [bootstrap()]
#'   replicates, whatever the values. `"sandwich"`, for the population only, trusts the
#'   model's means and takes its variances from how much persons differ. The default is
#'   `"joint"` where that is available: everywhere but with more than 1500 parameters of
#'   a representation, and with a temperature for each person; there `"plugin"`.
#' @param n Number of replicates, for `method = "bootstrap"`.
#' @param cluster Any cluster of the `parallel` package, for `method = "bootstrap"`.
#' @param ... Unused.
#' @details
#' **Persons.** Exact values: quantiles of the posterior of log beta, averaged over a
#' fixed set of draws of the shared parameters from their normal approximation, so
#' that intervals are the same every time. Values learned by the evidence: the posterior
#' is an average over draws of everything that was estimated already (values held by
#' given numbers: over draws of a Gaussian, where these predict what they were learned
#' from).
#' All other values, learned rewards and a habit: the arrow-shaped information of what
#' is shared (parameters of the representation, rewards, habit, population) and persons,
#' Var(z) = 1 / I_zz + I_zq S^-1 I_qz / I_zz^2 with S the Schur complement of the
#' persons; the posterior's quantiles are stretched to that variance. Directions that
#' identification removes do not enter. A temperature estimated beside a habit adds how
#' far it moves persons' slopes, temperatures weighted by their evidence. A fixed penalty,
#' ridge or temperature, and the discount beside a habit, are taken as known.
#'
#' **Population.** Normal on the link scale (identity, log, logit; `"joint"` and
#' `"plugin"` are the same), or percentiles of the bootstrap. `NA` where the data say
#' nothing; a warning names the direction when the model is fitted.
#'
#' **Values.** Advantage plus and minus its standard error, by the spread over
#' draws of the posterior where the evidence estimated them, else by the arrow or, with
#' many pairs, by the spread over draws of a Gaussian. `NA` where
#' neither is available or the data leave it open.
#'
#' **Rewards.** Weight, or reward of a pair, plus and minus its standard error; `NA` for
#' what is not identified.
#' @return A matrix, rows named by person, parameter, or state and action; columns
#'   `2.5 %` and `97.5 %` (for `level = 0.95`).
#' @section Errors: `psyrl_error_input` for a wrong argument, and for a method that is
#'   not available.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 3), task)
#' head(confint(fit))
#' head(confint(fit, method = "plugin", scale = "log"))
#' confint(fit, "population")
#' confint(fit, "sigma", method = "sandwich")
#' @export
confint.rlmm <- function(object, parm = c(
                           "persons", "population", "values", "rewards"
                         ),
                         level = 0.95, scale = c("natural", "log"),
                         method = c("joint", "plugin", "bootstrap", "sandwich"),
                         n = 100, cluster = NULL, ...) {
  terms <- object$parameters$term
  if (all(parm %in% terms)) {
    asked <- parm
    parm <- "population"
  } else {
    parm <- check_choice(parm, eval(formals()$parm), "parm")
    asked <- terms
  }
  scale <- check_choice(scale, c("natural", "log"), "scale")
  if (missing(method) && !carries_uncertainty(object)) method <- "plugin"
  method <- check_choice(method, eval(formals()$method), "method")
  check_number(level, "level", lower = 0, upper = 1)
  switch(parm,
    persons = person_intervals(object, level, scale, method, n, cluster),
    values = value_intervals(object, level, method, n, cluster),
    rewards = reward_intervals(object, level, method, n, cluster),
    population_limits(object, level, method, n, cluster)[asked, , drop = FALSE]
  )
}

person_intervals <- function(fit, level, scale, method, n, cluster) {
  if (method == "sandwich") abort_sandwich()
  tail <- (1 - level) / 2
  ends <- trait_quantiles(fit, method, c(tail, 1 - tail), n, cluster)
  if (scale == "natural" && trait_is_log(fit)) ends <- exp(ends)
  dimnames(ends) <- list(as.character(fit$data$persons), interval_names(level))
  ends
}

abort_sandwich <- function() {
  abort_input("method", paste0(
    "`method = \"sandwich\"` is for population parameters: confint(fit, ",
    "\"population\", method = \"sandwich\")."
  ))
}

population_limits <- function(fit, level, method, n, cluster) {
  switch(method,
    bootstrap = stats::confint(bootstrap(fit, n, cluster = cluster), level = level),
    sandwich = population_intervals(fit, level, sandwich(fit)),
    population_intervals(fit, level)
  )
}

#' Covariances of what a measurement model estimates
#'
#' @param object A fit of [rlmm()].
#' @param parm Covariances of the `"population"`'s parameters, of the `"persons"`'
#'   traits or of the `"values"` (advantages of up to 2500 legal pairs).
#' @param type Of the population: `"information"` inverts the observed information of
#'   the marginal likelihood; `"sandwich"` puts the persons' own scores between two
#'   such inverses and is right even where the likelihood is not, as long as its means
#'   are (not for values learned by the evidence: use `bootstrap(type = "persons")`).
#' @param scale Persons' traits on the `"log"` scale (log beta) or the `"natural"`.
#' @param ... Unused.
#' @return A matrix named by parameter, person, or state and action: parameters that
#'   were estimated, in the units of [coef()]; all persons, with what they share (see
#'   [confint.rlmm()]); all legal pairs.
#'   `NA` where the data say nothing.
#' @section Errors: `psyrl_error_input` for a wrong argument, or where covariances are
#'   not available.
#' @references
#' White, H. (1982). Maximum likelihood estimation of misspecified models.
#' *Econometrica*, 50, 1-25. \doi{10.2307/1912526}
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 3), task)
#' sqrt(diag(vcov(fit)))
#' sqrt(diag(vcov(fit, type = "sandwich")))
#' cov2cor(vcov(fit, "persons"))[1:3, 1:3]
#' @export
vcov.rlmm <- function(object, parm = c("population", "persons", "values"),
                      type = c("information", "sandwich"),
                      scale = c("log", "natural"), ...) {
  parm <- check_choice(parm, c("population", "persons", "values"), "parm")
  type <- check_choice(type, c("information", "sandwich"), "type")
  scale <- check_choice(scale, c("log", "natural"), "scale")
  if (parm == "persons") return(trait_covariance(object, scale))
  if (parm == "values") return(value_covariance(object))
  vcov <- if (type == "sandwich") sandwich(object) else object$vcov
  slope <- link_slopes(object, rownames(vcov))
  vcov * outer(slope, slope)
}

# d (parameter) / d (parameter on the link scale).
link_slopes <- function(fit, terms) {
  table <- fit$parameters[match(terms, fit$parameters$term), ]
  vapply(seq_len(nrow(table)), function(i) {
    links[[table$link[i]]]$slope(table$estimate[i])
  }, numeric(1))
}

trait_covariance <- function(fit, scale) {
  alone <- posterior_summary(fit$posterior)[, "sd"]^2
  own <- diag(alone, length(alone))
  between <- function() arrow(fit, covariance = TRUE)$covariance %||% (0 * own)
  covariance <- switch(shared_by(fit),
    draws = joint_covariance(fit),
    # The draws' posteriors carry what is shared already, but one person at a time.
    mixture = `diag<-`(between(), alone),
    arrow = own + between(),
    abort_input("parm", paste0(
      "Covariances between persons are formed for up to ", identification_limit,
      " parameters of a representation."
    ))
  )
  if (scale == "natural" && trait_is_log(fit)) {
    beta <- exp(fit$mode %||% posterior_summary(fit$posterior)[, "mean"])
    covariance <- covariance * outer(beta, beta)
  }
  persons <- as.character(fit$data$persons)
  dimnames(covariance) <- list(persons, persons)
  covariance
}

# V (sum_j s_j s_j') V on the link scale, s_j the score of person j.
sandwich <- function(fit) {
  if (!inherits(fit$spec$value, c("q_task", "q_known")) ||
    rewards_are_learned(fit$spec)) {
    abort_input("type", paste0(
      "The sandwich is for exact and known values; for values learned from ",
      "behaviour use bootstrap(fit, type = \"persons\")."
    ))
  }
  vcov <- known_block(fit$vcov)
  score <- person_scores(fit, rownames(vcov))
  n <- nrow(score)
  meat <- crossprod(score) * n / max(1, n - 1)
  whole <- fit$vcov
  whole[rownames(vcov), rownames(vcov)] <- vcov %*% meat %*% vcov
  whole
}

# Derivatives of each person's log marginal likelihood on the link scale.
person_scores <- function(fit, terms, h = 1e-3) {
  log_marginal <- function(step, term) {
    moved_posterior(shifted_fit(fit, stats::setNames(step, term)))$log_marginal
  }
  matrix(vapply(terms, function(term) {
    (log_marginal(h, term) - log_marginal(-h, term)) / (2 * h)
  }, numeric(length(fit$data$persons))), ncol = length(terms))
}

# Wald intervals of population parameters, made on the link scale.
population_intervals <- function(fit, level, vcov = fit$vcov) {
  table <- fit$parameters
  z <- stats::qnorm(1 - (1 - level) / 2)
  se_link <- sqrt(diag(vcov))
  ends <- t(vapply(seq_len(nrow(table)), function(i) {
    link <- links[[table$link[i]]]
    se <- se_link[table$term[i]]
    link$from(link$to(table$estimate[i]) + c(-z, z) * se)
  }, numeric(2)))
  dimnames(ends) <- list(table$term, interval_names(level))
  ends
}

interval_names <- function(level) {
  tail <- (1 - level) / 2
  paste(format(100 * c(tail, 1 - tail), trim = TRUE, digits = 3), "%")
}

#' Compare measurement models fitted to the same decisions
#'
#' @param object,... Fits of [rlmm()].
#' @return A data frame of class `anova`, a row a fit, from the fewest parameters to
#'   the most: `npar, AIC, BIC, logLik, deviance, Chisq, Df, Pr(>Chisq)`, the last
#'   three of each fit against the one before.
#' @details
#' The test is right for nested models, such as latent regressions with and without a
#' covariate, or a temperature that is fixed and estimated. It is conservative where
#' the smaller model lies at the end of a range (sigma or temperature at zero). With
#' values learned from behaviour the number of parameters is the effective one, and
#' differences are for description.
#' @section Errors: `psyrl_error_input` if there are not two fits, or if they are not
#'   of the same decisions.
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' log <- simulate_trajectories(task, beta, episodes = 3)
#' anova(rlmm(log, task, q_task(temperature = 0)), rlmm(log, task))
#' @export
anova.rlmm <- function(object, ...) {
  fits <- list(object, ...)
  if (length(fits) < 2 || !all(vapply(fits, inherits, logical(1), "rlmm"))) {
    abort_input("...", "Give at least two fits of rlmm(): anova(fit1, fit2).")
  }
  same <- vapply(fits, function(fit) {
    identical(as.character(fit$data$persons), as.character(object$data$persons)) &&
      stats::nobs(fit) == stats::nobs(object)
  }, logical(1))
  if (!all(same)) {
    abort_input("...", paste0(
      "Fit ", which(!same)[1], " is of other decisions or other persons than the ",
      "first; likelihoods of different data cannot be compared."
    ))
  }
  names <- vapply(as.list(sys.call())[-1], function(x) {
    paste(deparse(x, width.cutoff = 60), collapse = " ")
  }, "")
  log_lik <- lapply(fits, stats::logLik)
  npar <- vapply(log_lik, attr, numeric(1), "df")
  order <- order(npar)
  value <- vapply(log_lik, as.double, numeric(1))[order]
  table <- data.frame(
    npar = npar[order], AIC = vapply(fits, stats::AIC, numeric(1))[order],
    BIC = vapply(fits, stats::BIC, numeric(1))[order], logLik = value,
    deviance = -2 * value, Chisq = c(NA, pmax(0, 2 * diff(value))),
    Df = c(NA, diff(npar[order])),
    row.names = make.unique(names[order])
  )
  table$`Pr(>Chisq)` <- stats::pchisq(table$Chisq, table$Df, lower.tail = FALSE)
  table$`Pr(>Chisq)`[!(table$Df > 0)] <- NA
  structure(table,
    heading = "Measurement models of the same decisions\n",
    class = c("anova", "data.frame")
  )
}
