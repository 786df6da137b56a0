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
outcomes <- unlist(lapply(results, function(test) {
  vapply(test$results, function(x) sub("expectation_", "", class(x)[1]), "")
}))
count <- function(...) sum(outcomes %in% c(...))
cat(count("success"), count("failure", "error"), count("skip"), file = out)
