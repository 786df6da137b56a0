# How well decisions of real people are predicted by where the values come from.
#
#   Rscript bench/real-prediction.R [splits = 10 [data]]      data: tower, maze, climate
#
# Two-fold over persons, random splits. Values and population come from one half; the
# others are scored on the first half of their episodes (climate control has one
# episode: odd events) and predicted on the rest, in nats per decision with a choice.
# `aside` is evidence with residuals of values, not of rewards. A line for each split
# while it runs. Then `nll`, mean over splits, `low` and `high`,
# its 95 % interval over persons; `beyond`: nats more than the table, with its interval;
# `sd`: of nll between splits; `criterion`: correlation of the scores of whole logs,
# standardised within fold, with the outside criterion, mean over splits, with Fisher's
# interval; `converged`: share of fits; `cpu`: seconds of both folds. The table shrinks
# action frequencies towards uniform, the best of four weights by held-out NLL, which
# favours it.
library(psyrl)
options(psyrl.threads = 1) # other users of the machine then leave `cpu` alone
internal <- asNamespace("psyrl")

tasks <- list(
  tower = function() {
    list(
      log = trajectories(tower_of_london_moves), task = tower_of_london(),
      criterion = with(tower_of_london_persons, stats::setNames(ravens, person))
    )
  },
  maze = function() {
    list(
      log = trajectories(maze_moves), task = mdp(maze_transitions),
      criterion = with(maze_persons, stats::setNames(extra_steps, person))
    )
  },
  climate = function() {
    log <- trajectories(climate_control)
    pv <- grep("^pv[1-5]_", names(climate_control_persons))
    list(
      log = log, task = as_mdp(log),
      criterion = stats::setNames(
        rowMeans(climate_control_persons[pv]), climate_control_persons$person
      )
    )
  }
)

models <- list(
  exact = function(log, task) {
    rlmm(log, task, q_task(discount = "estimate"))
  },
  habit = function(log, task) {
    rlmm(log, task, q_task(temperature = 0, discount = "estimate"), habit = TRUE)
  },
  evidence = function(log, task) {
    rlmm(log, task, q_table(), consistency = bellman(discount = "estimate"))
  },
  aside = function(log, task) {
    rlmm(log, task, q_table(), consistency = bellman(
      discount = "estimate", residual_as = "value"
    ))
  }
)

# The decisions a person is scored on.
first_half <- function(log) {
  d <- log$decisions
  rank <- stats::ave(d$episode, d$person, FUN = function(e) match(e, unique(e)))
  last <- stats::ave(rank, d$person, FUN = max)
  step <- stats::ave(rank, d$person, FUN = seq_along)
  ifelse(last > 1, rank <= last / 2, step %% 2 == 1)
}

part <- function(log, rows) internal$keep_rows(log, rows)

# Sums over the rest of new persons' decisions, under their posteriors after the first
# half: a row a person with `nll` and `n`.
by_person <- function(log, nll, open) {
  person <- as.character(log$persons)[log$decisions$person]
  sums <- rowsum(cbind(nll = nll, n = 1)[open, ], person[open])
  data.frame(person = rownames(sums), sums)
}

later_nll <- function(fit, test, early) {
  rest <- part(test, !early)
  seen <- part(test, early)
  both <- as.character(rest$persons) %in% as.character(seen$persons)
  rest <- rest[which(both)]
  aligned <- internal$align_to_task(seen, fit$task)
  posterior <- internal$score_counts(fit, aligned, internal$prior_design(fit, seen))
  at <- internal$decisions_to_predict(fit, rest)
  at$weight <- posterior$weight[, match(
    as.character(rest$persons), as.character(seen$persons)
  )]
  at$update[] <- FALSE
  own <- fit
  own$posterior$nodes <- posterior$nodes
  state <- internal$task_pairs(fit$task)$state[at$pair + 1]
  open <- diff(fit$task$layout$state_start)[state] > 1
  by_person(rest, internal$decision_nll(own, at), open)
}

table_nll <- function(task, train, test, early) {
  layout <- task$layout
  state <- internal$task_pairs(task)$state
  pair <- function(log) internal$align_to_task(log, task)$decision_pair + 1
  n <- tabulate(pair(train), length(state))
  n_legal <- diff(layout$state_start)[state]
  rest <- part(test, !early)
  rest <- rest[which(as.character(rest$persons) %in% part(test, early)$persons)]
  chosen <- pair(rest)
  by_weight <- lapply(c(.25, .5, 1, 2), function(weight) {
    p <- (n + weight) / (stats::ave(n, state, FUN = sum) + weight * n_legal)
    by_person(rest, -log(p[chosen]), n_legal[chosen] > 1)
  })
  by_weight[[which.min(vapply(by_weight, function(x) sum(x$nll), 0))]]
}

# Both folds of a model: rows of persons, and what the fits say of themselves.
both_folds <- function(data, halves, name) {
  started <- proc.time()[[1]]
  found <- lapply(1:2, function(k) {
    train <- halves[[3 - k]]
    test <- halves[[k]]
    if (name == "table") {
      return(list(
        nll = table_nll(data$task, train, test, first_half(test)), converged = TRUE
      ))
    }
    fit <- suppressWarnings(models[[name]](train, data$task))
    scores <- persons(fit, newdata = test)
    list(
      nll = later_nll(fit, test, first_half(test)),
      converged = fit$status == "converged",
      score = stats::setNames(drop(scale(scores$log_estimate)), scores$person)
    )
  })
  score <- unlist(lapply(found, `[[`, "score"))
  list(
    model = name, nll = do.call(rbind, lapply(found, `[[`, "nll")),
    converged = mean(vapply(found, `[[`, TRUE, "converged")),
    criterion = if (length(score)) {
      stats::cor(score, data$criterion[names(score)], use = "complete.obs")
    } else {
      NA
    },
    cpu = proc.time()[[1]] - started
  )
}

one_split <- function(data, split) {
  set.seed(split)
  fold <- sample(rep_len(1:2, length(data$log$persons)))
  halves <- lapply(1:2, function(k) data$log[which(fold == k)])
  found <- lapply(c(names(models), "table"), both_folds, data = data, halves = halves)
  for (m in found) {
    cat(sprintf(
      "%2d %-8s nll %.4f  criterion %.3f  converged %.1f  cpu %.0f\n", split, m$model,
      sum(m$nll$nll) / sum(m$nll$n), m$criterion, m$converged, m$cpu
    ))
  }
  found
}

# Mean of sums over decisions with its interval over persons.
interval <- function(nll, n) {
  mean <- sum(nll) / sum(n)
  se <- sqrt(sum((nll - mean * n)^2)) / sum(n)
  c(mean, mean - 1.96 * se, mean + 1.96 * se)
}

fisher <- function(r, n) tanh(atanh(r) + c(-1.96, 1.96) / sqrt(n - 3))

# `splits`: lists of the models' folds. Sums of a person are added over splits.
summary_rows <- function(splits, n_criterion) {
  persons <- lapply(seq_along(splits[[1]]), function(m) {
    all <- do.call(rbind, lapply(splits, function(s) s[[m]]$nll))
    rowsum(all[c("nll", "n")], all$person)
  })
  table <- persons[[length(persons)]]
  do.call(rbind, lapply(seq_along(persons), function(m) {
    own <- persons[[m]]
    value <- function(name) vapply(splits, function(s) as.numeric(s[[m]][[name]]), 0)
    nll <- interval(own$nll, own$n)
    beyond <- interval(own$nll - table[rownames(own), "nll"], own$n)
    r <- mean(value("criterion"))
    limits <- fisher(r, n_criterion)
    data.frame(
      model = splits[[1]][[m]]$model, nll = nll[1], low = nll[2], high = nll[3],
      sd = stats::sd(vapply(splits, function(s) {
        sum(s[[m]]$nll$nll) / sum(s[[m]]$nll$n)
      }, 0)),
      beyond = beyond[1], beyond_low = beyond[2], beyond_high = beyond[3],
      criterion = r, r_low = limits[1], r_high = limits[2],
      converged = mean(value("converged")), cpu = mean(value("cpu"))
    )
  }))
}

arguments <- commandArgs(TRUE)
n_splits <- if (length(arguments)) as.integer(arguments[1]) else 10
for (name in if (length(arguments) > 1) arguments[2] else names(tasks)) {
  data <- tasks[[name]]()
  cat("\n", name, ", ", n_splits, " random splits\n", sep = "")
  splits <- lapply(seq_len(n_splits), one_split, data = data)
  rows <- summary_rows(splits, sum(!is.na(data$criterion)))
  print(rows, digits = 3, row.names = FALSE)
}
