# Models of the user's own.

#' A model of your own
#'
#' A model is given as an R function, with derivatives by differences: right to try an
#' idea; or as a C++ file against the headers that psyrl installs, with exact
#' derivatives and the speed of the built-in models. Either is fitted by [rlearn()],
#' checked by [log_lik()], predicts and simulates.
#'
#' From an R function, probabilities of choices (and with them simulated choices) come
#' by giving it the trials up to each one with each option as the last choice: the
#' function must use the past only, and not the outcome of a trial before its choice.
#' That takes trials x options calls; such a model has no trial-wise values, and not
#' two stages.
#'
#' @param cpp_file Path of a C++ file that defines a class template over its number
#'   type and exports `psyrl_model()`; see `vignette("custom-models")` and the example
#'   `system.file("examples/decreasing_rate.cpp", package = "psyrl")`. It is
#'   compiled once a session (which needs a compiler).
#' @param log_lik An R function `(parameters, trials)`: `parameters` a named vector on
#'   the natural scale, `trials` a data frame of one person, in order, with `block,
#'   trial, choice, outcome` and what else was given to [choices()] (codes count from
#'   1); returns the log-likelihood, a number.
#' @param parameters Named list of ranges, `list(alpha = c(0, 1), beta = c(0, Inf))`:
#'   both ends finite, the lower one, or neither.
#' @param typical Named vector: where searches start and priors are centred (default:
#'   inside the range).
#' @param title What prints call the model.
#' @return An object of class `psyrl_model`.
#' @section Errors: `psyrl_error_input` for a function that fails or does not return a
#'   number, for wrong ranges, and for a file that does not compile or export.
#' @examples
#' stay <- custom_model(
#'   log_lik = function(parameters, trials) {
#'     stayed <- diff(trials$choice) == 0
#'     log(0.5) + sum(dbinom(stayed, 1, parameters["p"], log = TRUE))
#'   },
#'   parameters = list(p = c(0, 1)), title = "Stay with probability p"
#' )
#' set.seed(1)
#' task <- bandit_task(persons = 5, trials = 20)
#' data <- simulate(stay, design = task, parameters = c(p = 0.8))
#' rlearn(data, stay, "map")
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
  ok <- is.list(parameters) && length(parameters) &&
    length(unique(names(parameters))) == length(parameters) &&
    all(vapply(parameters, is_parameter_range, NA))
  if (!ok) {
    abort_input("parameters", paste(
      "`parameters` must be a named list of increasing ranges, finite at both ends, at",
      "the lower end or at none, such as list(alpha = c(0, 1), beta = c(0, Inf))."
    ))
  }
  stray <- setdiff(names(typical), names(parameters))
  if (length(stray)) {
    abort_input("typical", paste0(
      "`typical` names ", quoted(stray), ", not among the parameters ",
      quoted(names(parameters)), "."
    ))
  }
  rows <- lapply(names(parameters), function(name) {
    custom_parameter(name, parameters[[name]], typical[name])
  })
  do.call(rbind, rows)
}

is_parameter_range <- function(range) {
  is.numeric(range) && length(range) == 2 && !anyNA(range) && range[1] < range[2] &&
    (is.finite(range[1]) || all(is.infinite(range)))
}

# Searches start at `typical`, or inside the range; studies draw from around it.
custom_parameter <- function(name, range, typical) {
  bounded <- all(is.finite(range))
  if (is.null(typical) || is.na(typical)) {
    typical <- if (bounded) mean(range) else if (is.finite(range[1])) {
      range[1] + 1
    } else {
      0
    }
  }
  if (typical <= range[1] || typical >= range[2]) {
    abort_input("typical", paste0(
      "`typical` of ", dQuote(name, FALSE), " must lie inside its range, not at ",
      format(typical), "."
    ))
  }
  reach <- if (bounded) diff(range) / 4 else if (is.finite(range[1])) {
    (typical - range[1]) / 2
  } else {
    0.5
  }
  low <- max(typical - reach, (typical + range[1]) / 2)
  high <- min(typical + reach, (typical + range[2]) / 2)
  parameter(name, range[1], range[2], unname(typical), unname(low), unname(high))
}

# What a custom model adds to the specification that the core is given.
custom_parts <- function(model, data) {
  if (model$model == "custom_r") {
    trials <- data$trials
    return(list(log_lik = function(parameters, first, last) {
      call_log_lik(model, parameters, trials[first:last, , drop = FALSE])
    }))
  }
  if (model$model == "custom_cpp") {
    return(list(factory = compiled_factory(model$code)))
  }
  NULL
}

# The user's function, held to its promise: a number, -Inf if impossible.
call_log_lik <- function(model, parameters, trials) {
  value <- tryCatch(model$log_lik(parameters, trials), error = function(e) {
    abort_input("log_lik", paste0(
      "The function `log_lik` failed: ", conditionMessage(e)
    ))
  })
  if (!is.numeric(value) || length(value) != 1) {
    abort_input("log_lik", paste0(
      "The function `log_lik` must return a number, not ", describe(value), "."
    ))
  }
  as.double(value)
}

# Probability of each option on trial `t` of a person, from the log-likelihoods of the
# past with each as the last choice.
next_choice <- function(model, parameters, trials, t, available) {
  past <- trials[seq_len(t), , drop = FALSE]
  score <- vapply(seq_along(available), function(k) {
    past$choice[t] <- k
    if (available[k]) call_log_lik(model, parameters, past) else -Inf
  }, 1)
  exp(score - max(score)) / sum(exp(score - max(score)))
}

# `visit(rows, parameters, available)` for every person of a model given as R function.
each_custom_person <- function(model, data, theta, visit) {
  if (!is.null(data$trials$choice2)) {
    abort_input("data", c(
      "A model given as an R function predicts and simulates choices of one stage.",
      "Two-step data have two; the function can be fitted to them."
    ))
  }
  names <- model_parameters(model, length(data$options))$parameter
  for (j in seq_along(data$persons)) {
    rows <- seq.int(data$person_start[j] + 1, length.out = diff(data$person_start)[j])
    available <- if (is.null(data$available)) {
      matrix(TRUE, length(rows), length(data$options))
    } else {
      data$available[rows, , drop = FALSE]
    }
    visit(rows, stats::setNames(theta[, j], names), available)
  }
}

# What `trace_trials()` needs of such a model: probabilities alone.
trace_custom <- function(model, data, theta) {
  n <- nrow(data$trials)
  K <- length(data$options)
  probability <- array(NA_real_, c(K, 1, n))
  each_custom_person(model, data, theta, function(rows, parameters, available) {
    trials <- data$trials[rows, , drop = FALSE]
    for (t in seq_along(rows)) {
      probability[, 1, rows[t]] <<- next_choice(
        model, parameters, trials, t, available[t, ]
      )
    }
  })
  list(
    probability = probability, value = array(NA_real_, c(K, 1, n)),
    error = matrix(NA_real_, 1, n)
  )
}

# Choices drawn one by one, each with its outcome; missed trials stay missed.
simulate_custom <- function(model, data, outcomes, theta) {
  trials <- data$trials
  each_custom_person(model, data, theta, function(rows, parameters, available) {
    own <- trials[rows, , drop = FALSE]
    for (t in which(!is.na(own$choice))) {
      p <- next_choice(model, parameters, own, t, available[t, ])
      own$choice[t] <- sample.int(length(p), 1, prob = p)
      own$outcome[t] <- outcomes[rows[t], own$choice[t]]
      if (!is.null(own$counterfactual)) {
        own$counterfactual[t] <- outcomes[rows[t], 3L - own$choice[t]]
      }
    }
    trials[rows, ] <<- own
  })
  trials$gain <- trials$loss <- NULL
  data$trials <- trials
  data
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
    compile_model(key, where)
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

compile_model <- function(code, where) {
  tryCatch(
    Rcpp::sourceCpp(code = code, env = where),
    error = function(e) abort_input("cpp_file", c(
      paste0("The model does not compile: ", conditionMessage(e)),
      "A compiler is needed, see pkgbuild::has_build_tools(); its messages are above."
    ))
  )
}
