# Runs the tests of the installed package and writes "passed failed skipped"
# (expectations; an error outside one is a failure) to the file given.
out <- commandArgs(TRUE)[1]
Sys.setenv(NOT_CRAN = "true")
results <- testthat::test_dir(
  "tests/testthat",
  package = "psyrl", load_package = "installed",
  reporter = testthat::SummaryReporter$new(show_praise = FALSE),
  stop_on_failure = FALSE
)
table <- as.data.frame(results)
slow <- table[order(-table$user), ][seq_len(min(8, nrow(table))), ]
slow <- slow[slow$user > 2, ]
if (nrow(slow)) {
  cat("Slowest tests (seconds of CPU):\n")
  cat(sprintf("%6.1f  %s: %s\n", slow$user, slow$file, slow$test), sep = "")
}
outcomes <- unlist(lapply(results, function(test) {
  vapply(test$results, function(x) sub("expectation_", "", class(x)[1]), "")
}))
count <- function(...) sum(outcomes %in% c(...))
cat(count("success"), count("failure", "error"), count("skip"), file = out)
