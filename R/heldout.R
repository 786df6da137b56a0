# Held-out prediction beside baselines that know less.

#' @rdname heldout
#' @details
#' `"uniform"` gives every legal action the same probability; `"state frequencies"`
#' predicts by how often the fitted persons took the action in the state, one half of
#' a decision added to every legal action; `"action frequencies"` by how often they took
#' the action anywhere, blind to the state and to where actions lead.
#' @export
heldout.rlmm <- function(fit, newdata, ...) {
  fit <- fit_reaching(fit, newdata)
  at <- decisions_to_predict(fit, newdata)
  heldout_table(list(heldout_nll(fit, at)))
}

# NLL of every decision with a choice, by model, with its person.
heldout_nll <- function(fit, at) {
  pairs <- task_pairs(fit$task)
  n_legal <- diff(fit$task$layout$state_start)
  state <- pairs$state[at$pair + 1]
  choice <- n_legal[state] > 1
  data.frame(
    person = as.character(at$data$persons)[at$data$decisions$person],
    fit = decision_nll(fit, at), uniform = log(n_legal[state]),
    frequencies = -log(state_frequencies(fit)[at$pair + 1]),
    actions = -log(action_frequencies(fit)[at$pair + 1])
  )[choice, , drop = FALSE]
}

# How often each pair was chosen.
pair_choices <- function(fit) {
  tabulate(
    rep(fit$counts$pair + 1L, fit$counts$count), length(fit$task$layout$pair_action)
  )
}

state_frequencies <- function(fit) {
  layout <- fit$task$layout
  n <- pair_choices(fit)
  state <- task_pairs(fit$task)$state
  total <- tabulate(rep(state, n), length(fit$task$states))
  (n + .5) / (total + .5 * diff(layout$state_start))[state]
}

# Of the legal actions of each state, by how often they are taken anywhere.
action_frequencies <- function(fit) {
  pairs <- task_pairs(fit$task)
  often <- tabulate(rep(pairs$action, pair_choices(fit)), length(fit$task$actions)) + .5
  share <- often[pairs$action]
  share / rowsum(share, pairs$state)[as.character(pairs$state), 1]
}

# Standard errors over persons: decisions of one person are not independent.
heldout_table <- function(folds, fits = "fit") {
  nll <- do.call(rbind, folds)
  models <- c(stats::setNames(fits, fits),
    uniform = "uniform", frequencies = "state frequencies",
    actions = "action frequencies"
  )
  rows <- lapply(names(models), function(name) {
    data.frame(
      model = models[[name]], nll = mean(nll[[name]]),
      std_error = error_over_persons(nll[[name]], nll$person),
      n_decisions = nrow(nll), n_persons = length(unique(nll$person))
    )
  })
  structure(do.call(rbind, rows), class = c("psyrl_heldout", "data.frame"))
}

# Of a mean over decisions.
error_over_persons <- function(x, person) {
  by_person <- rowsum(x - mean(x), person)
  n <- nrow(by_person)
  if (n < 2) return(NA_real_)
  sqrt(n / (n - 1) * sum(by_person^2)) / length(x)
}

#' @export
print.psyrl_heldout <- function(x, ...) {
  cat(
    "Held-out negative log-likelihood per choice (nats), ",
    big_number(x$n_decisions[1]), " choices of ", big_number(x$n_persons[1]),
    " persons:\n",
    sep = ""
  )
  columns <- c("model", "nll", "std_error", "difference", "difference_error")
  table <- as.data.frame(x)[intersect(columns, names(x))]
  table[-1] <- lapply(table[-1], function(v) sprintf("%.4f", v))
  print(table, row.names = FALSE)
  if (!is.null(attr(x, "best"))) {
    cat(
      "Best: ", attr(x, "best"), "; first within one standard error of it: ",
      attr(x, "simplest"), "\n",
      sep = ""
    )
  }
  invisible(x)
}

#' @rdname cross_validate
#' @details
#' By person, each test person's trait is learned only from the own earlier decisions.
#' By episode, episodes are dealt to the folds within person, and predicted from the
#' person's other episodes.
#'
#' **Choosing lambda or a representation.** A list of fits of the same decisions is
#' compared on the same folds. Column `difference` is the NLL per choice more than that
#' of the best fit, with the standard error over persons of that difference; the
#' attribute `best` names the best fit, `simplest` the first in the list that is not
#' worse than that by more than one standard error: put the fits in order, the most
#' constrained first.
#' @section Errors: `psyrl_error_input` for fits of counts, which know no episodes or
#'   order, for more folds than there are persons or episodes, and for fits of different
#'   decisions.
#' @examples
#' set.seed(1)
#' task <- random_mdp(states = 8, actions = 3, discount = .8)
#' beta <- setNames(exp(rnorm(30)), paste0("p", 1:30))
#' log <- simulate_trajectories(task, beta, episodes = 2, max_steps = 10)
#' lambda <- c(strict = 100, middling = 10, loose = 1)
#' fits <- lapply(lambda, function(lambda) {
#'   rlmm(log, task, q_table(), consistency = bellman(lambda, temperature = 0))
#' })
#' compared <- cross_validate(c(list(exact = rlmm(log, task)), fits), folds = 2)
#' compared
#' attr(compared, "simplest")
#' @export
cross_validate.rlmm <- function(fit, folds = 5, by = c("person", "episode"),
                                cluster = NULL, ...) {
  heldout_table(cross_validated(list(fit = fit), folds, by, cluster))
}

#' @rdname cross_validate
#' @export
cross_validate.list <- function(fit, folds = 5, by = c("person", "episode"),
                                cluster = NULL, ...) {
  fits <- fits_of_same_decisions(fit)
  nll <- cross_validated(fits, folds, by, cluster)
  table <- heldout_table(nll, names(fits))
  nll <- do.call(rbind, nll)
  best <- which.min(table$nll[seq_along(fits)])
  over <- function(name) {
    lost <- nll[[name]] - nll[[names(fits)[best]]]
    c(mean(lost), error_over_persons(lost, nll$person))
  }
  columns <- setdiff(names(nll), "person")
  lost <- vapply(columns, over, numeric(2))
  table$difference <- lost[1, ]
  table$difference_error <- lost[2, ]
  near <- lost[1, seq_along(fits)] <= lost[2, seq_along(fits)]
  attr(table, "best") <- names(fits)[best]
  attr(table, "simplest") <- names(fits)[which(near | seq_along(fits) == best)[1]]
  table
}

# Fits of the same decisions, with names that are no column's of heldout_nll().
fits_of_same_decisions <- function(fits) {
  rlmm <- vapply(fits, inherits, logical(1), "rlmm")
  if (!length(fits) || !all(rlmm)) {
    abort_input("fit", c(
      "A list to cross-validate must hold fits of rlmm() only.",
      "Fits of rlearn() are compared by compare(fits, heldout = \"person\")."
    ))
  }
  same <- vapply(fits, function(one) {
    identical(one$data$decisions, fits[[1]]$data$decisions) &&
      identical(one$pair, fits[[1]]$pair)
  }, logical(1))
  if (!all(same)) {
    abort_input("fit", paste0(
      "Fit ", which(!same)[1], " is of other decisions, or of a task with other pairs, ",
      "than the first; predictions of different decisions cannot be compared."
    ))
  }
  given <- names(fits) %||% character(length(fits))
  unnamed <- !nzchar(given)
  given[unnamed] <- paste0("fit", seq_along(fits))[unnamed]
  taken <- c("person", "uniform", "frequencies", "actions")
  names(fits) <- utils::tail(make.unique(c(taken, given)), length(fits))
  fits
}

# NLL of every decision by fold, a column a fit beside the baselines.
cross_validated <- function(fits, folds, by, cluster) {
  folds <- check_count(folds, "folds", lower = 2)
  by <- check_choice(by, c("person", "episode"), "by")
  require_steps(fits[[1]]$data, "data")
  fold <- deal_folds(fits[[1]]$data, folds, by)
  parts <- expand.grid(fit = seq_along(fits), fold = seq_len(folds))
  nll <- cluster_lapply(
    cluster, split(parts, seq_len(nrow(parts))), cross_validate_fold, fits, fold
  )
  lapply(split(nll, parts$fold), function(of_fold) {
    own <- vapply(of_fold, `[[`, of_fold[[1]]$fit, "fit")
    colnames(own) <- names(fits)
    columns <- c("uniform", "frequencies", "actions")
    cbind(of_fold[[1]]["person"], own, of_fold[[1]][columns])
  })
}

# Fold of every decision.
deal_folds <- function(data, folds, by) {
  d <- data$decisions
  unit <- if (by == "person") {
    d$person
  } else {
    interaction_code(d$person, d$episode)
  }
  units <- unique(unit)
  if (length(units) < folds) {
    abort_input("folds", paste0(
      "`folds` must not exceed the number of ", by, "s, ", length(units), "."
    ))
  }
  # Within person, so that nobody loses more than the share of a fold.
  shuffled <- units[order(
    if (by == "person") 0 * units else d$person[match(units, unit)],
    stats::runif(length(units))
  )]
  rep_len(seq_len(folds), length(units))[match(unit, shuffled)]
}

interaction_code <- function(a, b) {
  key <- (a - 1) * max(b) + b
  match(key, unique(key))
}

cross_validate_fold <- function(part, fits, fold) {
  fit <- fits[[part$fit]]
  test <- keep_rows(fit$data, fold == part$fold)
  train <- rlmm_refit(fit, keep_rows(fit$data, fold != part$fold))
  train <- fit_reaching(train, test)
  heldout_nll(train, decisions_to_predict(train, test))
}

# The same model on other data of the same task.
rlmm_refit <- function(fit, data) {
  problem <- silenced(measurement_problem(data, fit$task, fit$spec, fit$control))
  suppressWarnings(
    assemble_rlmm(problem, fit_measurement(problem), fit$call),
    classes = "psyrl_warning"
  )
}

# Trajectories of some decisions only; persons without any are dropped.
keep_rows <- function(data, rows) {
  d <- data$decisions[rows, , drop = FALSE]
  persons <- sort(unique(d$person))
  d$person <- match(d$person, persons)
  rownames(d) <- NULL
  data$decisions <- d
  data$persons <- data$persons[persons]
  data$person_data <- data$person_data[persons, , drop = FALSE]
  data$person_start <- as.integer(c(0, cumsum(tabulate(d$person, length(persons)))))
  data
}

big_number <- function(x) format(x, big.mark = ",", trim = TRUE)
