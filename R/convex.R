# Convex relaxations of the forgetting bandit: what convex_relaxation() returns.

#' Convex fit of a forgetting bandit
#'
#' A forgetting bandit values option j before trial t by
#' \eqn{x_j(t) = \sum_i \sum_l g_{ij}(l) u_{ij}(t - 1 - l)} with the geometric
#' kernel \eqn{g(l) = \alpha \beta (1 - \alpha)^l}, and chooses by softmax. Its
#' likelihood is not concave in alpha and beta, but it is concave in the kernel.
#' `convex_relaxation()` finds the best kernel in a convex set that contains all
#' geometric ones. The result is a global optimum, estimates memory without
#' assuming its shape, and bounds from below what any forgetting bandit can reach.
#'
#' @section Relaxations: `"monotone"` allows every kernel that does not increase
#'   with the lag (the published method). `"mixture"` allows non-negative mixtures
#'   of learning rates: by Hausdorff's moment theorem the smallest convex set there
#'   is, with a bound about ten times closer. Both limit the kernel's mass to
#'   `beta_max`, without which an optimum need not exist.
#'
#' @section Bounds: `lower_bound` is a lower bound of the negative log-likelihood of
#'   every forgetting bandit with `beta <= beta_max`. It holds at any accuracy of the
#'   solution: it is the objective minus the duality gap, where the gap's minimum
#'   over learning rates is bounded by interval arithmetic, up to rounding. With a
#'   finite `horizon` below the number of trials there is no bound (`NA`): the
#'   truncated optimum exceeds the exact one in a quarter of typical episodes.
#'
#' @param data Choices, of class `psyrl_choices`, see [choices()]; a data frame is
#'   passed to it.
#' @param share `"all"`: one kernel for all options; `"arm"`: one for each.
#' @param channels What is remembered: `"outcome"`, or also the `"choice"` itself
#'   (perseveration).
#' @param relaxation `"monotone"` or `"mixture"`.
#' @param horizon Longest lag, in trials; `Inf` is the whole past.
#' @param beta_max Largest sensitivity, in 1 / unit of the outcome. `Inf` means 1e5.
#' @param pool One kernel for all persons and blocks, instead of one for each.
#' @param control See [convex_control()].
#' @return A list of class `psyrl_convex`. Problems are persons, or blocks of persons
#'   (named `person.block`), or `all`.
#'
#'   | element | what |
#'   |---|---|
#'   | `objective`, `lower_bound` | nats, named by problem |
#'   | `kernel` | data frame `person, block, arm, channel, lag, weight`; lag 0 is the latest outcome |
#'   | `alpha`, `beta` | matrices problems x kernels: the geometric kernel nearest in least squares; alpha is `NA` where the kernel is zero |
#'   | `certificate` | data frame: `kkt` residual (nats per unit of kernel), `entropy_gap` (objective minus entropy of the fitted choices; zero at the optimum), `status`, `rounds` |
#'   | `pieces` | data frame `problem, row, shape, mass`: windows (their length) or learning rates, with their mass |
#'   | `covariates` | weights of the choice biases and covariates, problems x columns |
#' @section Errors: `psyrl_error_input` for an argument out of range,
#'   `psyrl_error_data` for data without a choice; `psyrl_warning_convergence` when
#'   a problem was left above the tolerance.
#' @references Zhu, Hoffmann, Zhang and Boedecker (2026). Fitting reinforcement
#'   learning model to behavioral data under bandits. arXiv 2511.04454.
#' @seealso [certify()] for proof that a fit is the global one, [misfit_test()].
#' @examples
#' set.seed(1)
#' choice <- sample(1:2, 80, replace = TRUE)
#' data <- data.frame(
#'   person = rep(c("ann", "bob"), each = 40), choice = choice,
#'   outcome = rbinom(80, 1, c(0.8, 0.2)[choice])
#' )
#' convex_relaxation(choices(data), relaxation = "mixture")
#' @export
convex_relaxation <- function(data, share = c("all", "arm"),
                              channels = "outcome",
                              relaxation = c("monotone", "mixture"),
                              horizon = Inf, beta_max = 200, pool = FALSE,
                              control = convex_control()) {
  if (is.data.frame(data)) data <- choices(data)
  check_class(data, "psyrl_choices", "data")
  share <- check_choice(share, c("all", "arm"), "share")
  channels <- check_channels(channels)
  relaxation <- check_choice(relaxation, c("monotone", "mixture"), "relaxation")
  horizon <- check_horizon(horizon, relaxation)
  beta_max <- check_number(beta_max, "beta_max", 1e-6, finite = FALSE)
  pool <- check_flag(pool, "pool")
  check_class(control, "psyrl_convex_control", "control")

  if (control$traces == "two_step") {
    check_two_step(data, share, channels, relaxation, control)
    channels <- two_step_rows
  }
  trials <- trace_trials_of(data, channels, if (pool) "all" else "block", control)
  trials <- add_weights(trials, data, control$weights)
  trials <- add_covariates(trials, data, control)
  spec <- convex_spec(
    share, relaxation, horizon, c(0, beta_max), trace_clock(control$traces),
    control$tolerance
  )
  solved <- convex_relax_(trials, spec, resolve_threads(control$threads))
  warn_open_problems(solved, trials$problems$name)
  new_psyrl_convex(data, trials, spec, solved, channels, control, match.call())
}

#' Control of convex fits
#'
#' @param weights Weights of the likelihood: a vector named by person, or one number
#'   for each row of the input data. `NULL`: 1.
#' @param bias Also estimate a constant preference for every option but the first.
#' @param covariates A list of numeric matrices, each a row a row of the input data
#'   and a column an option: what else adds to the value of the options, with
#'   weights of either sign.
#' @param traces The model whose values are relaxed: `"forgetting_bandit"` fades with
#'   every trial; `"rescorla_wagner"` (`initial = 0`) only when an option is chosen,
#'   so that lags count its visits; `"two_step"` is the hybrid of planning and
#'   model-free values with the full eligibility trace ([two_step()] with 4 or 6
#'   parameters), for `relaxation = "mixture"`. Bounds are those of that model.
#'   Its three kernels, `model_free`, `second_stage` and `model_based`, have
#'   sensitivities beta1 (1 - w), beta2 and beta1 w.
#' @param common Probability of the common transition of a two-step task.
#' @param tolerance Of the KKT residual.
#' @param threads Number of threads; the results do not depend on it.
#' @param ... Must be empty.
#' @return An object of class `psyrl_convex_control`.
#' @export
convex_control <- function(weights = NULL, bias = FALSE, covariates = NULL,
                           traces = c(
                             "forgetting_bandit", "rescorla_wagner", "two_step"
                           ), common = 0.7, tolerance = 1e-9, threads = NULL, ...) {
  check_dots_empty(..., what = "convex_control()")
  if (!is.null(weights) &&
    (!is.numeric(weights) || anyNA(weights) || any(weights < 0))) {
    abort_input("weights", paste0(
      "`weights` must be non-negative numbers without NA, not ",
      describe(weights), "."
    ))
  }
  if (is.matrix(covariates)) covariates <- list(covariates)
  if (!is.null(covariates) && (!is.list(covariates) ||
    !all(vapply(covariates, is.numeric, NA) & vapply(covariates, is.matrix, NA)))) {
    abort_input("covariates", paste0(
      "`covariates` must be a list of numeric matrices, not ",
      describe(covariates), "."
    ))
  }
  structure(
    list(
      weights = weights, bias = check_flag(bias, "bias"),
      covariates = covariates,
      traces = check_choice(
        traces, c("forgetting_bandit", "rescorla_wagner", "two_step"), "traces"
      ),
      common = check_number(common, "common", 0, 1),
      tolerance = check_number(tolerance, "tolerance", 1e-14, 1),
      threads = threads
    ),
    class = "psyrl_convex_control"
  )
}

check_channels <- function(channels) {
  ok <- is.character(channels) && length(channels) > 0 &&
    all(channels %in% c("outcome", "choice")) && !anyDuplicated(channels)
  if (!ok) {
    abort_input("channels", paste0(
      "`channels` must be \"outcome\", \"choice\" or both, not ",
      describe(channels), "."
    ))
  }
  intersect(c("outcome", "choice"), channels)
}

check_horizon <- function(horizon, relaxation) {
  horizon <- check_number(horizon, "horizon", 1, finite = FALSE)
  if (is.finite(horizon)) horizon <- check_count(horizon, "horizon")
  if (is.finite(horizon) && relaxation == "mixture") {
    abort_input("horizon", c(
      "`horizon` must be Inf for the mixture of learning rates.",
      "Truncation would save nothing there: use `relaxation = \"monotone\"`."
    ))
  }
  horizon
}

add_weights <- function(trials, data, weights) {
  if (is.null(weights)) return(trials)
  row <- data$trials$row[trials$rows]
  if (!is.null(names(weights))) {
    person <- as.character(data$persons)
    missing <- setdiff(person, names(weights))
    if (length(missing)) {
      abort_input("weights", paste0(
        "`weights` must name every person; ", quoted(missing), " not found."
      ))
    }
    trials$weight <- as.double(weights[person][data$trials$person[trials$rows]])
  } else if (length(weights) >= max(data$trials$row)) {
    trials$weight <- as.double(weights[row])
  } else {
    abort_input("weights", paste0(
      "`weights` must be named by person or have one value for each of the ",
      max(data$trials$row), " rows of the data, not ", length(weights), "."
    ))
  }
  trials
}

# Covariates x options, a column a trial; the core reads them in place.
add_covariates <- function(trials, data, control) {
  n_options <- length(data$options)
  row <- data$trials$row[trials$rows]
  given <- lapply(control$covariates, function(x) {
    if (ncol(x) != n_options || nrow(x) < max(data$trials$row) || anyNA(x)) {
      abort_input("covariates", paste0(
        "A covariate must be a matrix without NA of ", max(data$trials$row),
        " rows and ", n_options, " columns, not ", nrow(x), " x ", ncol(x), "."
      ))
    }
    t(x[row, , drop = FALSE])
  })
  biases <- lapply(if (control$bias) seq_len(n_options)[-1], function(j) {
    matrix(as.double(seq_len(n_options) == j), n_options, length(row))
  })
  all <- c(trials$own_covariates, biases, given)
  trials$covariate_names <- c(
    names(trials$own_covariates), if (control$bias) paste0("bias_", data$options[-1]),
    names(control$covariates) %||%
      if (length(given)) paste0("covariate_", seq_along(given))
  )
  if (length(all)) {
    trials$covariates <- do.call(rbind, all) + 0
  }
  trials
}

warn_open_problems <- function(solved, names) {
  if (any(solved$status == "interrupted")) {
    warn("interrupted", paste0(
      "Interrupted: problems from ", dQuote(
        names[match("interrupted", solved$status)], FALSE
      ), " on are not solved."
    ))
  }
  open <- solved$kkt > 1e-6 & solved$status != "interrupted"
  if (any(open)) {
    warn("convergence", paste0(
      "KKT residual above 1e-6 for ", quoted(names[open]),
      "; their lower bounds hold, but could be closer."
    ))
  }
}

new_psyrl_convex <- function(data, trials, spec, solved, channels, control, call) {
  names <- trials$problems$name
  rows <- kernel_rows(spec$share, channels, data$options)
  longest <- trials$longest
  unsolved <- solved$status == "interrupted"
  values <- function(x) stats::setNames(ifelse(unsolved, NA, x), names)
  recovered <- recovered_parameters(solved, rows, names)
  truncated <- spec$relaxation == "monotone" & spec$horizon < longest - 1
  structure(
    list(
      objective = values(solved$objective),
      lower_bound = values(ifelse(truncated, NA_real_, solved$bound)),
      kernel = kernel_frame(trials$problems, rows, solved$pieces, spec, longest),
      certificate = data.frame(
        problem = names, kkt = unname(values(solved$kkt)),
        entropy_gap = unname(values(
          solved$objective - solved$entropy + solved$multiplier_mass
        )),
        status = solved$status, rounds = solved$rounds
      ),
      alpha = recovered$alpha, beta = recovered$beta,
      pieces = as.data.frame(solved$pieces),
      covariates = matrix(
        solved$covariates, length(names), byrow = TRUE,
        dimnames = list(names, trials$covariate_names)
      ),
      n_trials = as.vector(table(factor(trials$problem, seq_along(names)))),
      problems = trials$problems, rows = rows, options = data$options,
      spec = spec, channels = channels, control = control, data = data,
      call = call, version = utils::packageVersion("psyrl")
    ),
    class = "psyrl_convex"
  )
}

# A kernel that is zero everywhere has no learning rate.
recovered_parameters <- function(solved, rows, names) {
  alpha <- solved$alpha
  beta <- solved$beta
  alpha[beta <= 0] <- NA
  dimnames(alpha) <- list(names, parameter_names(rows, "alpha"))
  dimnames(beta) <- list(names, parameter_names(rows, "beta"))
  list(alpha = alpha, beta = beta)
}

kernel_frame <- function(problems, rows, pieces, spec, longest) {
  lags <- as.integer(pmin(longest, spec$horizon))
  n_rows <- nrow(rows)
  problem <- rep(seq_along(lags), lags * n_rows)
  row <- rep(rep(seq_len(n_rows), length(lags)), rep(lags, each = n_rows))
  data.frame(
    person = problems$person[problem], block = problems$block[problem],
    arm = rows$arm[row], channel = rows$channel[row],
    lag = sequence(rep(lags, each = n_rows)) - 1L,
    weight = convex_kernel_(pieces, spec$relaxation, lags, n_rows)
  )
}
