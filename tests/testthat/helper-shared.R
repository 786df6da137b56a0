# Solved problems live beside the repository; tests that need them are skipped
# where only the package is there.
shared_file <- function(...) {
  candidates <- file.path(
    c(Sys.getenv("PSYRL_SHARED"), "../../../shared", "../../../../shared",
      "../../../../../shared"), ...
  )
  found <- candidates[file.exists(candidates)]
  if (!length(found)) testthat::skip("shared fixtures are not beside the package")
  normalizePath(found[1])
}

skip_unless_extended <- function() {
  testthat::skip_if_not(
    identical(Sys.getenv("PSYRL_EXTENDED_TESTS"), "true"),
    "extended tests: set PSYRL_EXTENDED_TESTS=true"
  )
}

# Central differences, relative step; the generic checker of gradients.
numeric_gradient <- function(f, x, h = 1e-6) {
  vapply(seq_along(x), function(i) {
    step <- h * max(1, abs(x[i]))
    up <- down <- x
    up[i] <- x[i] + step
    down[i] <- x[i] - step
    (f(up) - f(down)) / (2 * step)
  }, numeric(1))
}
