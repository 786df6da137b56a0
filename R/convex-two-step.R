# Two-step tasks as convex problems: a trial is two items, one a stage, and values are
# linear in the sensitivities of three rows (core/convex/two_step.h).

two_step_rows <- c("model_free", "second_stage", "model_based")

trace_clock <- function(traces) {
  switch(traces,
    forgetting_bandit = "trial", rescorla_wagner = "visit", two_step = "chain"
  )
}

trace_trials_of <- function(data, channels, by, control) {
  if (control$traces == "two_step") return(two_step_trials(data, by, control$common))
  convex_trials(data, channels, by)
}

check_two_step <- function(data, share, channels, relaxation, control) {
  if (is.null(data$trials$choice2)) {
    abort_input("data", c(
      "Two-step data need a second choice on every trial.",
      "Give `level2_choice` (1..4), or rows by `stage`, to choices()."
    ))
  }
  wrong <- c(
    share = share != "all", channels = !identical(channels, "outcome"),
    relaxation = relaxation != "mixture"
  )
  if (any(wrong)) {
    abort_input(names(which(wrong))[1], c(
      paste0("`", names(which(wrong))[1], "` does not fit `traces = \"two_step\"`."),
      "Use share = \"all\", channels = \"outcome\", relaxation = \"mixture\"."
    ))
  }
  if (control$bias || !is.null(control$covariates)) {
    abort_input("control", paste(
      "`traces = \"two_step\"` has no biases or covariates but the repetition `pi`."
    ))
  }
}

# As convex_trials(): what was chosen at either stage, in the order of time.
two_step_trials <- function(data, by, common) {
  rows <- which(!is.na(data$trials$choice))
  if (!length(rows)) {
    abort_data("choice", data$trials$row, "`data` must hold at least one choice.")
  }
  second <- rows[!is.na(data$trials$choice2[rows])]
  stage <- rep(0:1, c(length(rows), length(second)))
  rows <- c(rows, second)
  order <- order(rows, stage)
  rows <- rows[order]
  stage <- stage[order]
  trials <- data$trials[rows, ]
  sequence <- run_ids(trials$person, trials$block)
  choice2 <- trials$choice2 - 1L
  layout <- problem_layout(data, trials, sequence, by, counted = stage == 0)
  c(layout, list(
    n_options = 2L,
    choice = ifelse(stage == 0, trials$choice - 1L, choice2 %% 2L),
    stage = stage, state = ifelse(stage == 0, 0L, choice2 %/% 2L), common = common,
    signal = matrix(ifelse(stage == 0, NA, trials$outcome), 1),
    weight = numeric(), available = integer(),
    own_covariates = list(pi = repeated_choice(trials$choice, stage, sequence)),
    covariates = matrix(0, 0, length(rows)), rows = rows
  ))
}

# Options x items: 1 where the first-stage option was chosen on the trial before.
repeated_choice <- function(choice, stage, sequence) {
  out <- matrix(0, 2, length(choice))
  items <- which(stage == 0)
  same <- which(diff(sequence[items]) == 0)
  out[cbind(choice[items][same], items[same + 1])] <- 1
  out
}

# Options of the second stage are 1..4, as in the data.
stage_options <- function(out, stage, state) {
  first <- stage == 0
  index <- rep(1:2, length.out = nrow(out))
  out$option <- ifelse(first, as.character(out$option), as.character(2 * state + index))
  out$stage <- stage + 1L
  out[c("person", "block", "trial", "stage", "option", "probability")]
}
