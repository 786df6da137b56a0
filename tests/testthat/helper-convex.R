# Solved episodes and plain data for the convex fits.

convex_fixtures <- function() {
  skip_if_not_installed("jsonlite")
  file <- shared_file("fixtures", "bandit_convex.json")
  episodes <- jsonlite::fromJSON(file, simplifyVector = FALSE)$episodes
  stats::setNames(episodes, vapply(episodes, `[[`, "", "name"))
}

# The paper's settings: BSC shares the kernel, IND and SUB have one an arm, SUB adds
# a choice channel.
setting_share <- function(setup) if (setup == "BSC") "all" else "arm"
setting_channels <- function(setup) {
  if (setup == "SUB") c("outcome", "choice") else "outcome"
}

episode_choices <- function(episode) {
  choices(data.frame(
    person = 1, choice = unlist(episode$actions) + 1,
    outcome = unlist(episode$rewarded)
  ), options = seq_len(episode$arms))
}

# The first `n` benchmark episodes of a setting, one a person, with their truth.
benchmark_episodes <- function(setup, arms, n) {
  file <- shared_file("fixtures", "bandit_convex_benchmark_episodes.csv.gz")
  all <- utils::read.csv(file, colClasses = "character")
  all <- all[all$setup == setup & all$arms == arms, ][seq_len(n), ]
  digits <- function(x) as.integer(unlist(strsplit(x, "")))
  n_trials <- nchar(all$actions)
  data <- choices(data.frame(
    person = rep(seq_len(n), n_trials), choice = digits(all$actions) + 1,
    outcome = digits(all$rewarded)
  ), options = seq_len(as.integer(arms)))
  numbers <- function(x) do.call(rbind, lapply(strsplit(x, " "), as.numeric))
  list(data = data, alpha = numbers(all$alpha), beta = numbers(all$beta))
}

# Two persons, few trials, known to nobody.
small_choices <- function(n = 60, n_options = 2, persons = 2, seed = 1) {
  withr::with_seed(seed, {
    choice <- sample(n_options, n * persons, replace = TRUE)
    choices(data.frame(
      person = rep(letters[seq_len(persons)], each = n), choice = choice,
      outcome = stats::rbinom(n * persons, 1, seq(0.8, 0.2, length.out = n_options)[choice])
    ), options = seq_len(n_options))
  })
}

# Values, loss and kernels in plain R.
reference_loss <- function(data, kernel, share = "all") {
  trials <- data$trials
  m <- length(data$options)
  x <- matrix(0, nrow(trials), m)
  for (t in seq_len(nrow(trials))) {
    for (s in seq_len(t - 1)) {
      j <- trials$choice[s]
      x[t, j] <- x[t, j] + kernel[t - s] * trials$outcome[s]
    }
  }
  sum(log(rowSums(exp(x))) - x[cbind(seq_len(nrow(trials)), trials$choice)])
}
