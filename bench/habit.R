# Intervals of persons beside a habit: coverage with the temperature estimated and known.
#
#   Rscript bench/habit.R [replicates = 30]
#
# Everybody's logits are a common habit plus the own slope times the task's values, whose
# temperature is given in units of their root mean square, as are the slopes: normal with
# mean .8 and SD .6. 50 persons, 10 episodes. Intervals of 95 % of confint().

suppressMessages(library(psyrl))
given <- commandArgs(TRUE)
replicates <- if (length(given)) as.integer(given[1]) else 30L
options(psyrl.threads = 1)

habit_study <- function(board, temperature, habit_sd, seed, n = 50, episodes = 10) {
  task <- peg_solitaire(board)
  unit <- sqrt(mean(solve_mdp(task, 0)$advantage^2))
  values <- solve_mdp(task, temperature * unit)
  set.seed(seed)
  habit <- stats::rnorm(nrow(values), 0, habit_sd)
  slope <- stats::setNames(stats::rnorm(n, .8, .6), sprintf("p%02d", seq_len(n)))
  log <- do.call(rbind, lapply(names(slope), function(person) {
    own <- values
    own$q <- habit - stats::ave(habit, values$state) +
      slope[[person]] * values$advantage / unit
    as.data.frame(
      simulate_trajectories(task, stats::setNames(1, person), episodes, own)
    )
  }))
  log$beta <- NULL
  list(
    task = task, log = trajectories(log), slope = slope / unit, unit = unit,
    temperature = temperature * unit
  )
}

covered <- function(study, value) {
  fit <- suppressWarnings(rlmm(study$log, study$task, value, habit = TRUE))
  ends <- suppressWarnings(confint(fit, "persons"))
  truth <- study$slope[rownames(ends)]
  c(
    inside = mean(ends[, 1] < truth & truth < ends[, 2]),
    width = mean(ends[, 2] - ends[, 1]) * study$unit,
    bias = mean(persons(fit)$estimate - truth) * study$unit
  )
}

cat("board | temperature | SD of habit | estimated: inside, width, bias | known\n")
cases <- data.frame(
  board = rep(c("tiny_cross", "big_cross"), c(3, 2)), temperature = c(.3, .3, .1, .3, .1),
  habit_sd = c(1, .3, 0, 1, .3)
)
for (i in seq_len(nrow(cases))) {
  case <- cases[i, ]
  found <- rowMeans(vapply(seq_len(replicates), function(seed) {
    study <- habit_study(case$board, case$temperature, case$habit_sd, seed)
    c(
      covered(study, q_task()), covered(study, q_task(temperature = study$temperature))
    )
  }, numeric(6)))
  found <- sub("^(-?)0\\.", "\\1.", sprintf("%.3f", found))
  cat(case$board, case$temperature, case$habit_sd, toString(found[1:3]),
    toString(found[4:6]), sep = " | "
  )
  cat("\n")
}
