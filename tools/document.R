# Regenerates everything that is generated: glue, NAMESPACE and man.
# Run from the top of the repository: `make document`.
Rcpp::compileAttributes()
roxygen2::roxygenise(load_code = roxygen2::load_installed)
