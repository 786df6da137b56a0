# What scores of real people are worth, by where the values come from.
#
#   Rscript bench/real-scores.R [data [scores [splits]]]
#
# `data`: tower, maze, climate, joined by commas; `scores`: exact, habit, table,
# evidence, aside (evidence whose residuals are of values, not of rewards). Prints a row
# of a Markdown table for each. Model reliability; reliability by odd and even halves
# (episodes; events in climate control), stepped up to the whole log; retest; correlation
# with the criterion, divided by the root of the halves' reliability, within groups of
# the same outcome, and over random splits (population and temperature from one half of
# the persons, scores of the other); share of persons whose drift or infit has p < .05.

library(psyrl)
options(psyrl.threads = 1)
quietly <- function(code) suppressWarnings(code, classes = "psyrl_warning")

data_sets <- list(
  tower = list(
    log = function() trajectories(tower_of_london_moves),
    task = function(log) tower_of_london(), people = tower_of_london_persons,
    criterion = "ravens", outcome = "n_solved", retest = tower_of_london_retest
  ),
  maze = list(
    log = function() trajectories(maze_moves),
    task = function(log) mdp(maze_transitions), people = maze_persons,
    criterion = "age"
  ),
  climate = list(
    log = function() trajectories(climate_control),
    task = function(log) as_mdp(log, discount = .9),
    people = climate_control_persons, criterion = "pv_mean", outcome = "item_score"
  )
)

# `like`: a fit whose discount is kept, where splits are fitted.
score <- function(log, task, kind, like = NULL) {
  if ("discount" %in% names(coef(like))) task$discount <- coef(like)[["discount"]]
  discount <- if (is.null(like)) "estimate" else "task"
  quietly(switch(kind,
    exact = rlmm(log, task, q_task(discount = discount)),
    habit = rlmm(log, task, q_task(discount = discount), habit = TRUE),
    table = rlmm(log, task, q_table(), consistency = bellman_none()),
    evidence = rlmm(log, task, q_table()),
    aside = rlmm(log, task, q_table(), consistency = bellman(residual_as = "value"))
  ))
}

number <- function(x) sub("^(-?)0\\.", "\\1.", sprintf("%.2f", x))
range_of <- function(low, high) paste0(" [", number(low), ", ", number(high), "]")

split_correlations <- function(data, log, task, kind, like, splits) {
  vapply(seq_len(splits), function(i) {
    set.seed(i)
    half <- sample(log$persons, length(log$persons) / 2)
    fit <- score(log[half], task, kind, like)
    rest <- persons(fit, log[setdiff(log$persons, half)])
    at <- match(rest$person, data$people$person)
    cor(rest$log_estimate, data$people[[data$criterion]][at], use = "complete.obs")
  }, numeric(1))
}

describe <- function(name, kind, splits) {
  data <- data_sets[[name]]
  log <- data$log()
  task <- data$task(log)
  fit <- score(log, task, kind)
  if (kind == "habit" && is.null(fit$values$habit)) return(invisible())
  set.seed(1)
  halves <- quietly(reliability(fit))
  half <- halves[halves$type == "odd-even", ]
  stepped <- function(r) 2 * r / (1 + r)
  found <- criterion_cor(fit, data$criterion, data$people)
  corrected <- found$estimate / sqrt(half$stepped_up)
  within <- if (!is.null(data$outcome)) {
    data$people$outcome <- factor(data$people[[data$outcome]])
    part <- criterion_cor(
      fit, stats::reformulate(paste(data$criterion, "| outcome")), data$people
    )
    paste0(number(part$estimate), range_of(part$conf_low, part$conf_high))
  }
  retest <- if (!is.null(data$retest)) {
    second <- persons(fit, trajectories(data$retest))
    first <- persons(fit)
    both <- intersect(first$person, second$person)
    r <- cor.test(
      first$log_estimate[match(both, first$person)],
      second$log_estimate[match(both, second$person)]
    )
    paste0(number(r$estimate), range_of(r$conf.int[1], r$conf.int[2]))
  }
  fits <- quietly(tryCatch(person_fit(fit, n = 199), error = function(e) NULL))
  misfit <- if (!is.null(fits)) {
    sprintf("%.0f %% / %.0f %%",
      100 * mean(fits$drift_p_value < .05, na.rm = TRUE),
      100 * mean(fits$infit_p_value < .05, na.rm = TRUE)
    )
  }
  splits <- if (splits > 0) {
    r <- split_correlations(data, log, task, kind, fit, splits)
    paste0(number(mean(r)), " (", number(min(r)), " to ", number(max(r)), ")")
  }
  none <- function(x) if (is.null(x)) "" else x
  cells <- c(
    name, kind, number(halves$estimate[1]),
    paste0(number(half$stepped_up), range_of(stepped(half$conf_low), stepped(half$conf_high))),
    none(retest), paste(data$criterion, number(found$estimate)),
    trimws(range_of(found$conf_low, found$conf_high)), number(corrected), none(within),
    none(splits), none(misfit)
  )
  cat("|", paste(cells, collapse = " | "), "|\n")
}

arguments <- commandArgs(TRUE)
asked <- function(i, all) {
  if (length(arguments) < i) all else strsplit(arguments[i], ",")[[1]]
}
cat(
  "| data | values | reliability: model | halves | retest | criterion | interval |",
  "disattenuated | same outcome | ten splits | misfit: drift / infit |\n"
)
cat("|", paste(rep("---", 11), collapse = "|"), "|\n", sep = "")
for (name in asked(1, names(data_sets))) {
  for (kind in asked(2, c("exact", "habit", "table", "evidence", "aside"))) {
    describe(name, kind, if (length(arguments) > 2) as.integer(arguments[3]) else 10)
  }
}
