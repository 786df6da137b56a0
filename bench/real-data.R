# Real people under exact values, habit and value, the evidence model and a table.
#
#   Rscript bench/real-data.R [splits [data]]      data: tower, maze, climate
#
# Two-fold over persons, random splits. Values and population come from one half; the
# others are scored on the first half of their episodes (climate control has one
# episode: odd events) and predicted on the rest. `nll`: nats per held-out decision
# with a choice, mean over folds (`sd`: between splits). `criterion`: correlation of
# scores of the whole log with the outside criterion, standardised within fold. The
# table shrinks action frequencies towards uniform, the best of four weights by
# held-out NLL, which favours it.
library(psyrl)
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

# NLL of the rest of new persons, under their posteriors after the first half.
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
  open <- diff(fit$task$layout$state_start)[state]
  mean(internal$decision_nll(own, at)[open > 1])
}

table_nll <- function(task, train, test, early) {
  layout <- task$layout
  state <- internal$task_pairs(task)$state
  pair <- function(log) internal$align_to_task(log, task)$decision_pair + 1
  n <- tabulate(pair(train), length(state))
  n_legal <- diff(layout$state_start)[state]
  chosen <- pair(part(test, !early))
  min(vapply(c(.25, .5, 1, 2), function(weight) {
    p <- (n + weight) / (stats::ave(n, state, FUN = sum) + weight * n_legal)
    mean(-log(p[chosen])[n_legal[chosen] > 1])
  }, 0))
}

fold_rows <- function(data, train, test, name) {
  started <- proc.time()[[1]]
  fit <- suppressWarnings(models[[name]](train, data$task))
  scores <- persons(fit, newdata = test)
  list(
    row = data.frame(
      model = name, nll = later_nll(fit, test, first_half(test)),
      converged = fit$status == "converged", cpu = proc.time()[[1]] - started
    ),
    score = stats::setNames(drop(scale(scores$log_estimate)), scores$person)
  )
}

one_split <- function(data, split) {
  set.seed(split)
  n <- length(data$log$persons)
  fold <- sample(rep_len(1:2, n))
  halves <- lapply(1:2, function(k) data$log[which(fold == k)])
  do.call(rbind, c(lapply(names(models), function(name) {
    found <- lapply(1:2, function(k) fold_rows(data, halves[[3 - k]], halves[[k]], name))
    score <- unlist(lapply(found, `[[`, "score"))
    rows <- do.call(rbind, lapply(found, `[[`, "row"))
    data.frame(
      model = name, nll = mean(rows$nll),
      criterion = stats::cor(
        score, data$criterion[names(score)], use = "complete.obs"
      ),
      converged = mean(rows$converged), cpu = sum(rows$cpu)
    )
  }), list(data.frame(
    model = "table", nll = mean(vapply(1:2, function(k) {
      table_nll(data$task, halves[[3 - k]], halves[[k]], first_half(halves[[k]]))
    }, 0)), criterion = NA, converged = 1, cpu = 0
  ))))
}

arguments <- commandArgs(TRUE)
splits <- if (length(arguments)) as.integer(arguments[1]) else 1
for (name in if (length(arguments) > 1) arguments[2] else names(tasks)) {
  data <- tasks[[name]]()
  rows <- do.call(rbind, lapply(seq_len(splits), function(i) one_split(data, i)))
  cat("\n", name, ", ", splits, " random splits\n", sep = "")
  mean_of <- stats::aggregate(rows[-1], rows["model"], mean, na.action = NULL)
  mean_of$sd <- stats::aggregate(rows["nll"], rows["model"], stats::sd)$nll
  print(mean_of, digits = 3, row.names = FALSE)
}
