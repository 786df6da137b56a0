#' psyrl: measure people from the decisions they make
#'
#' Two families of models share one vocabulary of data, persons, intervals and
#' criteria: measurement models ([rlmm()]), where the task is known or shared by
#' all and each person follows its values more or less decisively, and learning
#' models, where values are learned trial by trial.
#'
#' @section Options:
#' `psyrl.threads`: number of threads (default 2). Results do not depend on it.
#'
#' @useDynLib psyrl, .registration = TRUE
#' @importFrom Rcpp evalCpp
#' @importFrom RcppParallel defaultNumThreads
#' @importFrom generics tidy glance augment
#' @importFrom stats coef confint fitted logLik nobs predict residuals simulate
#' @importFrom stats update vcov
#' @keywords internal
"_PACKAGE"

#' @export
generics::tidy
#' @export
generics::glance
#' @export
generics::augment
