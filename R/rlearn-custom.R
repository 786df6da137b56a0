# Models of the user's own.

#' A model of your own
#'
#' A model is given as an R function, with derivatives by differences: right to try an
#' idea; or as a C++ file against the headers that psyrl installs, with exact
#' derivatives and the speed of the built-in models. Either is fitted by [rlearn()].
#'
#' @param cpp_file Path of a C++ file that defines a class template over its number
#'   type and exports `psyrl_model()`; see `vignette("learning-models")` and
#'   `system.file("include/psyrl/learning_model.h", package = "psyrl")`. It is
#'   compiled once a session (which needs a compiler).
#' @param log_lik An R function `(parameters, trials)`: `parameters` a named vector on
#'   the natural scale, `trials` a data frame of one person (see [choices()]: codes
#'   from 1); returns the log-likelihood.
#' @param parameters Named list of ranges, `list(alpha = c(0, 1), beta = c(0, Inf))`.
#' @param typical Named vector: where searches start (default: inside the range).
#' @param title What prints call the model.
#' @return An object of class `psyrl_model`.
#' @examples
#' biased <- custom_model(
#'   log_lik = function(parameters, trials) {
#'     sum(dbinom(trials$choice == 2, 1, parameters["p"], log = TRUE), na.rm = TRUE)
#'   },
#'   parameters = list(p = c(0, 1))
#' )
#' biased
#' @export
custom_model <- function(cpp_file = NULL, log_lik = NULL, parameters,
                         typical = NULL, title = "Custom model") {
  if (is.null(cpp_file) == is.null(log_lik)) {
    abort_input("log_lik", "Give one of `cpp_file` and `log_lik`.")
  }
  table <- custom_parameters(parameters, typical)
  model <- rl_model(
    if (is.null(cpp_file)) "custom_r" else "custom_cpp", title, list(table),
    if (is.null(cpp_file)) "log-likelihood given in R" else basename(cpp_file),
    "the user", task = "custom"
  )
  if (is.null(cpp_file)) {
    if (!is.function(log_lik)) {
      abort_input("log_lik", paste0(
        "`log_lik` must be a function (parameters, trials), not ",
        describe(log_lik), "."
      ))
    }
    model$log_lik <- log_lik
  } else {
    model$code <- readLines(check_file(cpp_file))
    compiled_factory(model$code)
  }
  model
}

check_file <- function(path) {
  if (!file.exists(check_string(path, "cpp_file"))) {
    abort_input("cpp_file", paste0("There is no file ", dQuote(path, FALSE), "."))
  }
  path
}

custom_parameters <- function(parameters, typical) {
  ok <- is.list(parameters) && length(names(parameters)) == length(parameters) &&
    all(vapply(parameters, function(r) is.numeric(r) && length(r) == 2, NA))
  if (!ok) {
    abort_input("parameters", paste(
      "`parameters` must be a named list of ranges, such as",
      "list(alpha = c(0, 1), beta = c(0, Inf))."
    ))
  }
  rows <- lapply(names(parameters), function(name) {
    range <- parameters[[name]]
    middle <- if (all(is.finite(range))) {
      mean(range)
    } else if (is.finite(range[1])) {
      range[1] + 1
    } else {
      0
    }
    at <- if (name %in% names(typical)) typical[[name]] else middle
    spread <- if (all(is.finite(range))) diff(range) / 4 else 0.5
    parameter(name, range[1], range[2], at, at - spread, at + spread)
  })
  do.call(rbind, rows)
}

# What a custom model adds to the specification that the core is given.
custom_parts <- function(model, data) {
  if (model$model == "custom_r") {
    trials <- data$trials
    call <- function(parameters, first, last) {
      as.double(model$log_lik(parameters, trials[first:last, , drop = FALSE]))
    }
    return(list(log_lik = call))
  }
  if (model$model == "custom_cpp") {
    return(list(factory = compiled_factory(model$code)))
  }
  NULL
}

# Compiled once a session for each text; models hold the text alone, so that fits
# survive saveRDS() and reach other machines.
compiled_factory <- function(code) {
  key <- paste(code, collapse = "\n")
  if (is.null(psyrl_state$factories)) {
    psyrl_state$factories <- new.env(parent = emptyenv())
  }
  if (is.null(psyrl_state$factories[[key]])) {
    where <- new.env(parent = globalenv())
    Rcpp::sourceCpp(code = key, env = where)
    if (!is.function(where$psyrl_model)) {
      abort_input("cpp_file", c(
        "The file must export a function `psyrl_model()`:",
        "// [[Rcpp::export]]",
        "SEXP psyrl_model() { return psyrl::export_model<MyModel>(); }"
      ))
    }
    psyrl_state$factories[[key]] <- where$psyrl_model()
  }
  psyrl_state$factories[[key]]
}
