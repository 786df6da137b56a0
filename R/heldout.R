# Held-out prediction beside baselines that know less.

#' @rdname heldout
#' @details
#' `"uniform"` gives every legal action the same probability; `"state frequencies"`
#' predicts by how often the fitted persons took the action in the state, one half of
#' a decision added to every legal action; `"action frequencies"` by how often they took
#' the action anywhere, blind to the state and to where actions lead.
#' @export
heldout.rlmm <- function(fit, newdata, ...) {
  at <- decisions_to_predict(fit, newdata)
  heldout_table(list(heldout_nll(fit, at)), length(at$data$persons))
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
heldout_table <- function(folds, n_persons) {
  nll <- do.call(rbind, folds)
  models <- c(
    fit = "fit", uniform = "uniform", frequencies = "state frequencies",
    actions = "action frequencies"
  )
  rows <- lapply(names(models), function(name) {
    mean <- mean(nll[[name]])
    by_person <- rowsum(nll[[name]] - mean, nll$person)
    n <- nrow(by_person)
    data.frame(
      model = models[[name]], nll = mean,
      std_error = if (n > 1) {
        sqrt(n / (n - 1) * sum(by_person^2)) / nrow(nll)
      } else {
        NA_real_
      },
      n_decisions = nrow(nll), n_persons = n
    )
  })
  structure(do.call(rbind, rows), class = c("psyrl_heldout", "data.frame"))
}

#' @export
print.psyrl_heldout <- function(x, ...) {
  cat(
    "Held-out negative log-likelihood per choice (nats), ",
    big_number(x$n_decisions[1]), " choices of ", big_number(x$n_persons[1]),
    " persons:\n",
    sep = ""
  )
  table <- as.data.frame(x)[c("model", "nll", "std_error")]
  table[-1] <- lapply(table[-1], function(v) sprintf("%.4f", v))
  print(table, row.names = FALSE)
  invisible(x)
}

#' @rdname cross_validate
#' @details
#' By person, each test person's trait is learned only from the own earlier decisions.
#' By episode, episodes are dealt to the folds within person, and predicted from the
#' person's other episodes.
#' @export
cross_validate.rlmm <- function(fit, folds = 5, by = c("person", "episode"),
                                cluster = NULL, ...) {
  folds <- check_count(folds, "folds", lower = 2)
  by <- check_choice(by, c("person", "episode"), "by")
  require_steps(fit$data, "data")
  fold <- deal_folds(fit$data, folds, by)
  nll <- cluster_lapply(cluster, seq_len(folds), cross_validate_fold, fit, fold)
  heldout_table(nll, length(fit$data$persons))
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

cross_validate_fold <- function(k, fit, fold) {
  train <- rlmm_refit(fit, keep_rows(fit$data, fold != k))
  heldout_nll(train, decisions_to_predict(train, keep_rows(fit$data, fold == k)))
}

# The same model on other data of the same task.
rlmm_refit <- function(fit, data) {
  problem <- measurement_problem(data, fit$task, fit$spec, fit$control)
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
