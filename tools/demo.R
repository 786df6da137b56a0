# The main job: from a log of moves to a score for every person, and a report.
# `make demo` runs it; it leaves report.html in the folder it is run in.
library(psyrl)

set.seed(2026)
moves <- trajectories(tower_of_london_moves)
print(moves)

fit <- rlmm(moves, tower_of_london())
print(summary(fit))

# Five people in full, then everybody's score against outside criteria. The retest,
# some months later, is scored with the population of the first wave.
cat("\nScores of the first persons:\n")
print(head(persons(fit), 5), digits = 3)

criteria <- tower_of_london_persons
retest <- persons(fit, newdata = trajectories(tower_of_london_retest))
criteria$retest_score <- retest$log_estimate[match(criteria$person, retest$person)]
cat("\nCorrelations with outside criteria:\n")
print(criterion_cor(fit, ~ ravens + crt + retest_score, data = criteria))

file <- report(
  fit, "report.html",
  criterion = ~ ravens + crt + retest_score, data = criteria,
  title = "Tower of London: how sharply do people plan?"
)
cat("\nReport: ", file, "\n", sep = "")
