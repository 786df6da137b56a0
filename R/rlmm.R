#' Measurement model of decisions
#'
#' Scores persons from a log of decisions in a task whose values are shared by all:
#' person j chooses action a in state s with probability proportional to
#' exp(beta_j A(s, a)), and beta_j, the "decisiveness" of the person, says how sharply
#' the values are followed. log beta_j is normal in the population with mean mu (or a
#' regression on covariates) and SD sigma.
#'
#' By default the values are the exact solution of the task ([q_task()]): nothing is
#' learned from behaviour but the population and the backup temperature, and the score
#' measures people against the task. Values learned from behaviour ([q_table()])
#' predict better; `summary()` says what that does to the meaning of the score.
#'
#' @param data [trajectories()], [counts()], or a data frame that
#'   [as_trajectories()] understands.
#' @param task The task, from [mdp()], a ready task such as [tower_of_london()], or
#'   [as_mdp()] of the data.
#' @param value Where the values come from: [q_task()], [q_known()], [q_table()],
#'   [q_linear()] or [q_network()].
#' @param reward Rewards: [reward_known()], or learned: [reward_linear()],
#'   [reward_table()], [reward_network()].
#' @param consistency How learned values are held to the task: [bellman()] or
#'   [bellman_none()]; an error with values that are consistent by construction.
#' @param habit `TRUE` adds a table of action preferences that people share and that no
#'   trait multiplies, beside exact or known values: logit = habit(s, a) +
#'   beta_j A(s, a), the ridge of the table estimated by its evidence. beta_j is then
#'   normal, of either sign; mu and sigma, `estimate` and `log_estimate` of [persons()]
#'   are about beta_j itself. A temperature to be estimated has the largest evidence
#'   beside the habit; a discount is that of the model without one.
#' @param identify What removes the per-state level and the common scale of values:
#'   `"center"` subtracts the mean over the legal actions (beta in 1 / reward),
#'   `"global_rms"` also divides by one root mean square, `"state_rms"` by the state's
#'   own (the published choice, which destroys the scale), `"none"` nothing. `"auto"`
#'   is `"center"` where rewards or values are known, `"global_rms"` otherwise.
#' @param persons Formula of the latent regression of log beta on person covariates:
#'   columns of `control$persons`, or columns of the data that are constant within
#'   person.
#' @param estimator `"marginal"` integrates the traits out (marginal maximum
#'   likelihood); `"joint"` alternates between the persons' posterior modes and the
#'   shared parameters, the published generalised EM.
#' @param control [rlmm_control()].
#'
#' @details
#' The likelihood is a sum over decisions. With exact values, mu, sigma, the backup
#' temperature (and the discount) maximise the marginal likelihood, in which the
#' traits are integrated out on a grid of nodes shared by all persons; scores are
#' posterior means of log beta and their intervals posterior quantiles.
#' Persons who chose alike, and have the same covariates, cost as much as one of them.
#'
#' A table that is learned from behaviour alone ([bellman_none()]) has more values than
#' anybody visits, so its mode would take rare choices for certain. It is integrated
#' out instead, state by state, by Laplace's method; the ridge is estimated with the
#' population (or given), and intervals carry what is not known about the values.
#' Its values have one scale only by convention: with `identify = "center"` and known
#' rewards they are made as spread as the task's own.
#'
#' Values held to a task by residuals of any size are still those of a task, in which
#' what is worth much later is worth much now. Where these residuals are estimated and
#' come out large (an SD of more than .3 of the task's values), or where the task's own
#' values explain hardly anything, a free table is fitted too, and is the answer if its
#' evidence is larger by 15 nats: then `lambda` is 0, the residual SD infinite,
#' everything else as after [bellman_none()], `psyrl_warning_meaning` is raised, and
#' the element `rivals` has the log evidences. If the task's values gain less than a
#' twentieth of what common choice frequencies gain over chance, values held to the
#' task are not searched for. `bellman(residual_sd_max = )`, any number, and a given
#' `mu` leave the table out.
#'
#' These residuals are rewards: who departs from the task at one state is expected to in
#' all states from which it can be reached. With `bellman(residual_as = "value")` they are
#' departures of the values of single pairs, and values are a table drawn to the task's,
#' as far as the data ask. Which of the two predicts people better differs between tasks;
#' `"choose"` asks persons who were left out, and [cross_validate()] compares any two fits.
#'
#' @return An object of class `c("rlmm", "psyrl_fit")`: a plain list with, among
#'   others, `status` (why the search stopped), `trace` (data frame, a row a round; one
#'   without a `step` is a leap to where rounds were leading;
#'   where the values are drawn also a row a stage of the draws, with `start` 0 and no
#'   objective, at the mean of their parameters),
#'   `loglik`, `lambda`, `call`, `version`, `seed`. See [persons()], [criterion_cor()],
#'   [heldout()], [reliability()], [values()].
#'
#' @references
#' LaMar, M. M. (2018). Markov decision process measurement model. *Psychometrika*,
#' 83, 67-88. \doi{10.1007/s11336-017-9570-0}
#'
#' Rust, J. (1987). Optimal replacement of GMC bus engines: an empirical model of
#' Harold Zurcher. *Econometrica*, 55, 999-1033. \doi{10.2307/1911259}
#' @examples
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(20, -3, .5)), paste0("p", 1:20))
#' log <- simulate_trajectories(task, beta, episodes = 5)
#' fit <- rlmm(log, task)
#' fit
#' head(persons(fit))
#' @export
rlmm <- function(data, task = as_mdp(data), value = q_task(),
                 reward = reward_known(), consistency = bellman(),
                 habit = FALSE,
                 identify = c(
                   "auto", "center", "global_rms", "state_rms", "none"
                 ),
                 persons = ~1, estimator = c("marginal", "joint"),
                 control = rlmm_control()) {
  call <- match.call()
  identify <- check_choice(identify, eval(formals()$identify), "identify")
  estimator <- check_choice(estimator, c("marginal", "joint"), "estimator")
  check_flag(habit, "habit")
  data <- as_decisions(data)
  if (missing(consistency)) consistency <- NULL
  spec <- validate_spec(list(
    value = value, reward = reward, consistency = consistency, habit = habit,
    identify = identify, persons = persons, estimator = estimator
  ))
  check_class(control, "psyrl_control", "control", "Use rlmm_control().")
  problem <- settle_population(measurement_problem(data, task, spec, control))
  solving_often(problem, with_shards(problem, function(problem) {
    assemble_rlmm(problem, fit_measurement(problem), call)
  }))
}

# A temperature or discount to be estimated is a solution of the task for each that is
# tried, and for the standard errors.
solving_often <- function(problem, expr) {
  open <- c(
    problem$value[c("temperature", "discount")], problem$consistency["temperature"]
  )
  if (!any(vapply(open, identical, NA, "estimate"))) return(expr)
  with_links(problem$task, expr)
}

# Trajectories, counts, or anything that can become trajectories.
as_decisions <- function(data) {
  if (inherits(data, c("psyrl_trajectories", "psyrl_counts"))) return(data)
  as_trajectories(data)
}

# The parts must fit each other; what was left open is settled here.
validate_spec <- function(spec) {
  check_class(spec$value, "psyrl_q", "value", "Use q_task(), q_known() or q_table().")
  check_class(
    spec$reward, "psyrl_reward", "reward", "Use reward_known() or reward_table()."
  )
  if (!inherits(spec$persons, "formula") || length(spec$persons) != 2) {
    abort_input("persons", paste0(
      "`persons` must be a one-sided formula such as ~ age, not ",
      describe(spec$persons), "."
    ))
  }
  exact <- inherits(spec$value, c("q_task", "q_known"))
  check_habit(spec)
  if (rewards_are_learned(spec)) check_reward_learning(spec)
  if (exact && !is.null(spec$consistency)) {
    abort_input("consistency", c(
      paste0(
        "`consistency` holds learned values to the task; values of ",
        class(spec$value)[1], "() are what they are."
      ),
      "Leave `consistency` out, or learn values with q_table()."
    ))
  }
  if (exact && spec$estimator == "joint") {
    abort_input("estimator", paste0(
      "`estimator = \"joint\"` is for values learned from behaviour; with ",
      class(spec$value)[1], "() the traits are integrated out exactly."
    ))
  }
  if (!exact) spec$consistency <- spec$consistency %||% bellman()
  if (!is.null(spec$consistency)) {
    check_class(
      spec$consistency, "psyrl_consistency", "consistency",
      "Use bellman() or bellman_none()."
    )
  }
  if (spec$identify == "auto") {
    spec$identify <- if (inherits(spec$consistency, "consistency_none") ||
      rewards_are_learned(spec)) {
      "global_rms"
    } else {
      "center"
    }
  }
  spec
}

# Rewards are learned through values that follow from them.
check_reward_learning <- function(spec) {
  if (inherits(spec$value, "q_known")) {
    abort_input("reward", paste0(
      "Values of q_known() do not depend on rewards, so none can be learned; use ",
      "q_task()."
    ))
  }
  if (identical(spec$value$temperature, "person")) {
    abort_input("reward", paste0(
      "Rewards can be learned for one temperature of all, not where everybody plans ",
      "with the own: give q_task(temperature = ) a number or \"estimate\"."
    ))
  }
  if (isTRUE(spec$habit)) {
    abort_input("habit", "`habit` must be FALSE where rewards are learned.")
  }
}

# Everything a fit starts from, checked and aligned: the task, the counts of
# persons over its pairs, the design of the latent regression, the specification.
measurement_problem <- function(data, task, spec, control) {
  check_class(task, "psyrl_mdp", "task", "Use mdp() or as_mdp().")
  needs_rewards <- !inherits(spec$value, "q_known") &&
    !inherits(spec$consistency, "consistency_none") &&
    !rewards_are_learned(spec)
  if (needs_rewards && is.null(task$layout$reward)) {
    abort_input("task", c(
      "`task` has no rewards, so its values cannot be solved for.",
      "Give them in mdp(rewards = ), or take values from q_known(), or learn",
      "them from behaviour alone with q_table() and bellman_none()."
    ))
  }
  check_on_demand(task, spec)
  task <- task_for(task, data, control$validation)
  aligned <- align_to_task(data, task)
  covariates <- person_covariates(spec$persons, data, control$persons)
  control <- suited_control(control, spec, task, sum(aligned$count))
  c(spec["estimator"], spec["value"], spec["reward"], spec["consistency"],
    spec["habit"], spec["identify"], spec["persons"],
    list(
      data = data, task = task, counts = aligned[c("person_start", "pair", "count")],
      pair = aligned$decision_pair, next_state = aligned$next_state,
      design = person_design(spec$persons, covariates),
      validation = if (!is.null(control$validation)) {
        align_to_task(control$validation, task)
      },
      levels = category_levels(covariates),
      control = control
    )
  )
}

# Few persons say little about a population, one says nothing.
settle_population <- function(problem) {
  n <- nrow(problem$design)
  if (n >= 10 || !is.null(problem$control$sigma)) return(problem)
  if (n == 1) {
    problem$control$sigma <- 1
    warn("identification", c(
      "One person cannot tell how persons differ: `sigma`, the SD of log beta, is",
      "taken to be 1. Give it as rlmm_control(sigma = )."
    ))
  } else {
    warn("identification", c(
      paste0("`sigma`, the SD of log beta, is estimated from ", n, " persons only, and"),
      "intervals of persons() take it as known. confint() carries how uncertain it",
      "is; rlmm_control(sigma = ) sets it."
    ))
  }
  problem
}

# Covariates of the latent regression, a row a person of `data`.
person_covariates <- function(formula, data, persons = NULL) {
  labels <- as.character(data$persons)
  frame <- data$person_data
  if (!is.null(persons)) {
    at <- match(labels, as.character(persons$person))
    if (anyNA(at)) {
      abort_input("control", paste0(
        "`control$persons` must have a row for every person; missing: ",
        quoted(labels[is.na(at)]), "."
      ))
    }
    frame <- persons[at, , drop = FALSE]
  }
  wanted <- all.vars(formula)
  unknown <- setdiff(wanted, names(frame))
  if (length(unknown)) {
    abort_input("persons", paste0(
      "`persons` names ", quoted(unknown), ", which is neither a column of ",
      "`control$persons` nor a column of the data that is constant within person."
    ))
  }
  frame <- if (length(wanted)) {
    frame[wanted]
  } else {
    data.frame(row.names = seq_along(labels))
  }
  incomplete <- !stats::complete.cases(frame)
  if (length(wanted) && any(incomplete)) {
    abort_data(wanted, which(incomplete), paste0(
      "Covariates in `persons` must be known for every person; missing for ",
      quoted(labels[incomplete]), ". Leave these persons or the covariate out."
    ))
  }
  frame
}

category_levels <- function(covariates) {
  lapply(Filter(is_category, covariates), function(x) levels(factor(x)))
}

is_category <- function(x) is.factor(x) || is.character(x) || is.logical(x)

# Design matrix, a row a person, columns named `mu`, `mu:age`, ...
person_design <- function(formula, covariates, levels = list(), name = "mu") {
  for (column in names(levels)) {
    strange <- setdiff(as.character(covariates[[column]]), levels[[column]])
    if (length(strange)) {
      abort_input("newdata", paste0(
        "The covariate ", dQuote(column, FALSE), " must be one of ",
        quoted(levels[[column]]), " as in the fit, not ", quoted(strange), "."
      ))
    }
    covariates[[column]] <- factor(covariates[[column]], levels[[column]])
  }
  if (!attr(stats::terms(formula), "intercept")) {
    abort_input("persons", paste0(
      "`persons` must keep its intercept, which is `", name, "`."
    ))
  }
  design <- stats::model.matrix(formula, covariates)
  if (nrow(design) < nrow(covariates)) {
    abort_input("persons", paste0(
      "`persons` must give a number for every person; ", deparse1(formula),
      " has missing ones."
    ))
  }
  if (!length(levels) && qr(design)$rank < ncol(design)) {
    abort_input("persons", paste0(
      "The covariates in `persons` must not determine each other: ",
      quoted(colnames(design)), " are collinear."
    ))
  }
  matrix(as.double(design), nrow(design), ncol(design), dimnames = list(
    NULL, c(name, if (ncol(design) > 1) paste0(name, ":", colnames(design)[-1]))
  ))
}

# Which algorithm answers which specification.
fit_measurement <- function(problem) {
  problem$patterns <- person_patterns(problem)
  if (inherits(problem$value, c("q_task", "q_known"))) {
    if (rewards_are_learned(problem)) return(fit_rewards(problem))
    return(fit_exact(problem))
  }
  fit_learned(problem)
}

assemble_rlmm <- function(problem, found, call) {
  # Where a free table is the answer nothing held its values.
  problem$consistency <- found$consistency %||% problem$consistency
  parameters <- parameter_table(problem, found)
  fit <- structure(list(
    call = call,
    spec = problem[c(
      "value", "reward", "consistency", "habit", "identify", "persons",
      "estimator"
    )],
    data = problem$data, task = found$task %||% problem$task,
    counts = problem$counts, rewards = found$rewards,
    pair = problem$pair, next_state = problem$next_state,
    design = problem$design, levels = problem$levels,
    control = utils::modifyList(problem$control, list(cluster = NULL)),
    values = found$values, parameters = parameters$table,
    vcov = parameters$vcov, posterior = found$posterior,
    loglik = found$log_lik, lambda = found$lambda %||% Inf,
    status = found$status, trace = found$trace, boundary = found$boundary,
    mode = found$mode, engine = found$engine, tuning = found$tuning,
    settled = found$settled, rivals = found$rivals,
    representation = found$representation,
    version = utils::packageVersion("psyrl"), seed = found$seed
  ), class = c("rlmm", "psyrl_fit"))
  fit$meaning <- score_meaning(fit)
  signal_fit(fit)
  fit
}

# What a user must hear about a fit, once, when it is made.
signal_fit <- function(fit) {
  if (fit$status == "interrupted") {
    warn("interrupted", paste0(
      "The fit was stopped before it had converged; what it had after ",
      NROW(fit$trace), " rounds is returned and can be used."
    ))
  } else if (fit$status != "converged") {
    warn("convergence", c(
      paste0("The search stopped before it had converged: ", fit$status, "."),
      "More rounds: rlmm_control(max_iterations = )."
    ))
  }
  if (!any(person_facts(fit, fit$counts)$n_informative)) {
    warn("identification", c(
      "Nobody decided between actions of different value, so the log says nothing",
      "about anybody: every score is the population's start. Check the rewards."
    ))
  }
  for (text in fit$meaning$warnings) warn("meaning", text)
  signal_identification(fit)
}

#' @export
update.rlmm <- function(object, ..., evaluate = TRUE) {
  call <- object$call
  changes <- match.call(expand.dots = FALSE)$...
  for (name in names(changes)) call[[name]] <- changes[[name]]
  if (evaluate) eval(call, parent.frame()) else call
}
