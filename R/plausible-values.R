# Draws of the traits, for whatever is to be computed of them.

#' @rdname plausible_values
#' @param conditioning One-sided formula of columns of `data` on which the traits are
#'   regressed before they are drawn, such as `~ raven + age`.
#' @param data Data frame with a column `person` and the columns of `conditioning`,
#'   known for every person.
#' @details
#' Scores are shrunk towards the mean, and their correlations with anything else are
#' too small by the root of their reliability. Plausible values are not: they vary as
#' the traits do. What they are to be related to must be in `conditioning`, or be a
#' covariate of the fit (`persons = `); otherwise its relation is too small by the
#' whole reliability.
#'
#' Each column is one imputation: temperature and discount are drawn from their
#' sampling distribution, then the population's parameters given these, then the
#' traits. Analyse the columns one by one and pool by Rubin's rules;
#' `criterion_cor(plausible = )` does it for correlations.
#' @return A data frame `person, pv1, ..., pvn` of log beta (with a habit: of the
#'   slope).
#' @section Errors: `psyrl_error_input` for wrong arguments, `psyrl_error_data` for
#'   missing values of `conditioning`.
#' @references
#' Mislevy, R. J. (1991). Randomization-based inference about latent variables from
#' complex samples. *Psychometrika*, 56, 177-196. \doi{10.1007/BF02294457}
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' z <- setNames(rnorm(40, -3, .5), paste0("p", 1:40))
#' fit <- rlmm(simulate_trajectories(task, exp(z), episodes = 3), task)
#' iq <- data.frame(person = names(z), iq = 100 + 15 * (z + 3 + rnorm(40)))
#' head(plausible_values(fit, 3, conditioning = ~iq, data = iq))
#' @export
plausible_values.rlmm <- function(fit, n = 5, conditioning = NULL, data = NULL,
                                  ...) {
  n <- check_count(n, "n")
  if (!is.null(conditioning)) {
    fit$design <- conditioning_design(fit, conditioning, data)
  }
  drawn <- drawn_traits(fit, n)
  colnames(drawn) <- paste0("pv", seq_len(n))
  data.frame(person = fit$data$persons, drawn)
}

# The fit's own covariates and the new ones, collinear columns dropped.
conditioning_design <- function(fit, conditioning, data) {
  if (!inherits(conditioning, "formula") || length(conditioning) != 2) {
    abort_input("conditioning", paste0(
      "`conditioning` must be a one-sided formula such as ~ raven, not ",
      describe(conditioning), "."
    ))
  }
  check_data_frame(data, "data", c("person", all.vars(conditioning)))
  covariates <- person_covariates(conditioning, fit$data, data)
  extra <- person_design(conditioning, standardised(covariates))
  design <- cbind(fit$design, extra[, -1, drop = FALSE])
  pivot <- qr(design)
  design[, sort(pivot$pivot[seq_len(pivot$rank)]), drop = FALSE]
}

# Numbers of any unit are fitted alike.
standardised <- function(frame) {
  numeric <- vapply(frame, is.numeric, logical(1))
  frame[numeric] <- lapply(frame[numeric], function(x) {
    spread <- stats::sd(x)
    if (is.na(spread) || spread == 0) x else (x - mean(x)) / spread
  })
  frame
}

# Matrix persons x n, with everything estimated drawn anew for each column.
drawn_traits <- function(fit, n) {
  shift <- drawn_shifts(fit, n)
  vapply(seq_len(n), function(i) {
    at <- if (ncol(shift)) shifted_fit(fit, shift[i, ]) else fit
    at <- drawn_population(refit_population(at))
    u <- matrix(stats::runif(nrow(at$design)), 1)
    drop(posterior_quantiles_(at$posterior$nodes, at$posterior$weight, u))
  }, numeric(nrow(fit$design)))
}

# Draws of temperature and discount on their link scales.
drawn_shifts <- function(fit, n) {
  free <- intersect(c("temperature", "discount"), rownames(fit$vcov))
  vcov <- fit$vcov[free, free, drop = FALSE]
  if (!length(free) || anyNA(vcov)) return(matrix(0, n, 0))
  shift <- matrix(stats::rnorm(n * length(free)), n) %*% chol(vcov)
  colnames(shift) <- free
  shift
}

# The population's parameters drawn from their sampling distribution, and the
# posteriors that follow.
drawn_population <- function(fit) {
  fixed <- c(
    rep(!is.null(fit$control$mu), ncol(fit$design)),
    !is.null(fit$control$sigma)
  )
  shift <- numeric(length(fixed))
  information <- fit$population$information[!fixed, !fixed, drop = FALSE]
  factor <- tryCatch(chol(information), error = function(e) NULL)
  if (!is.null(factor)) {
    shift[!fixed] <- backsolve(factor, stats::rnorm(sum(!fixed)))
  }
  names(shift) <- c(colnames(fit$design), "sigma")
  fit <- shifted_fit(fit, shift)
  fit$posterior <- moved_posterior(fit)
  fit
}
