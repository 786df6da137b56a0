# Recovery of parameters and models: levels of the issue of learning models.
#
#   Rscript bench/learning-studies.R [reps = 200]
#
# A table: what | level | measured. Seconds are of the clock and of the processor.

suppressMessages(library(psyrl))
reps <- as.numeric(c(commandArgs(TRUE), 200)[1])
set.seed(1)

rows <- list()
row <- function(what, level, measured) {
  rows[[length(rows) + 1]] <<- data.frame(what = what, level = level, measured = measured)
}
number <- function(x) paste(format(round(x, 3), nsmall = 3), collapse = ", ")

time <- system.time(
  study <- recover(rescorla_wagner(), bandit_task(50, 200), reps = reps)
)
s <- summary(study)
row(
  paste0("recovery study, ", reps, " replicates, N = 50, T = 200: seconds (processor)"),
  "< 60 on two cores", paste0(number(time[["elapsed"]]), " (", number(time[["user.self"]]), ")")
)
row("coverage of group means and SDs", ".92-.97", number(s$population$coverage))
row("coverage of persons' alpha, beta", ".93-.97", number(s$persons$coverage))
row("bias of group means and SDs / their SD", "small",
    number(s$population$bias / s$population$sd))
row("standard error / SD of estimates", "1", number(s$population$std_error / s$population$sd))
row("r of persons' alpha, beta with truth", "-", number(s$persons$r))

# A mixture of three models, in proportions of 4 : 2 : 1, 20 samples of 105 people.
models <- list(
  rw = rescorla_wagner(), wsls = win_stay_lose_shift(), random = biased_random()
)
size <- c(60, 30, 15)
mixture <- function() {
  parts <- Map(function(model, n, name) {
    part <- simulate(model, design = bandit_task(n, 200))
    part$persons <- paste0(name, seq_len(n))
    part
  }, models, size, names(models))
  do.call(c, unname(parts))
}
for (estimator in c("hierarchical", "map", "ml")) {
  frequency <- t(replicate(20, {
    data <- mixture()
    fits <- suppressWarnings(lapply(models, rlearn, data = data, estimator = estimator))
    compare(fits)$frequency
  }))
  row(
    paste0("frequencies of a mixture of .571, .286, .143, ", estimator, " (SD)"),
    "recovered",
    paste0(number(colMeans(frequency)), " (", number(apply(frequency, 2, sd)), ")")
  )
}

print(do.call(rbind, rows), right = FALSE, row.names = FALSE)
