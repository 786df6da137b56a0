# Three-armed reversal bandit and two-step task, with attention checks.
source("data-raw/read.R")

# The arms change sides unannounced: `phase` is not a block of learning.
reversal <- function() {
  trials <- read_moves(
    "reversal_sciops", "trajectories.csv.gz",
    extra = c("block", "trial", "best_arm", "rt")
  )
  with(trials, data.frame(
    person, trial = step + 1L, choice = action + 1L, outcome = reward,
    phase = block, best_option = best_arm + 1L, rt
  ))
}

# One row a trial: the two stages side by side.
two_step <- function() {
  stages <- read_moves(
    "twostep_sciops", "trajectories.csv.gz", extra = c("common", "rt")
  )
  first <- stages[stages$step == 0, ]
  second <- stages[stages$step == 1, ]
  stopifnot(
    first$person == second$person, first$episode == second$episode,
    first$next_state == second$state
  )
  data.frame(
    person = first$person, trial = first$episode + 1L,
    level1_choice = first$action + 1L,
    level2_choice = 2L * (second$state - 1L) + second$action + 1L,
    reward = second$reward, common = first$common == 1,
    rt1 = first$rt, rt2 = second$rt
  )
}

two_step_persons <- read_persons("twostep_sciops", "persons.csv")

keep(
  reversal_choices = reversal(),
  reversal_persons = read_persons("reversal_sciops", "persons.csv"),
  twostep_choices = two_step(),
  twostep_persons = two_step_persons[setdiff(names(two_step_persons), "drift_ix")]
)
