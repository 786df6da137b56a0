# A learning model meets data: its parameters and their links, what the core is told,
# what the data must hold, and the likelihood by which anybody can check a model.

# The parameters of a model in a task of `n_options`: options' own rows unfolded.
model_parameters <- function(model, n_options) {
  rows <- lapply(seq_len(nrow(model$table)), function(i) {
    row <- model$table[i, ]
    if (row$per == "model") return(row)
    k <- seq_len(n_options)
    if (row$per == "bias") k <- k[-1]
    out <- row[rep(1, length(k)), ]
    out$parameter <- paste0(row$parameter, "_", k)
    out
  })
  out <- do.call(rbind, rows)
  rownames(out) <- NULL
  out
}

# Unconstrained from natural scale and back; matrices with a column a parameter.
to_link <- function(x, table) {
  x <- as.matrix(x)
  for (k in seq_len(nrow(table))) {
    low <- table$lower[k]
    x[, k] <- switch(table$link[k],
      identity = x[, k], log = log(x[, k] - low),
      logit = stats::qlogis((x[, k] - low) / (table$upper[k] - low))
    )
  }
  x
}

to_natural <- function(u, table) {
  u <- as.matrix(u)
  for (k in seq_len(nrow(table))) {
    low <- table$lower[k]
    u[, k] <- switch(table$link[k],
      identity = u[, k], log = low + exp(u[, k]),
      logit = low + (table$upper[k] - low) * stats::plogis(u[, k])
    )
  }
  u
}

# What the core is told about a model in a task.
model_spec <- function(model, data) {
  n_options <- task_options(model, data)
  table <- model_parameters(model, n_options)
  c(list(
    model = model$model, parameters = table$parameter, link = table$link,
    lower = table$lower, upper = table$upper, switches = model$switches,
    n_options = n_options, n_stimuli = n_stimuli(data), table = table
  ), custom_parts(model, data))
}

task_options <- function(model, data) {
  if (model$task %in% c("two_step", "go_nogo")) 2L else length(data$options)
}

n_stimuli <- function(data) {
  if (is.null(data$trials$stimulus)) 1L else max(1L, data$trials$stimulus, na.rm = TRUE)
}

# The columns of choices as the core reads them.
core_choices <- function(data) {
  trials <- data$trials
  columns <- c("block", "choice", "stimulus", "next_state", "choice2")
  out <- lapply(stats::setNames(columns, columns), function(name) {
    if (is.null(trials[[name]])) NULL else as.integer(trials[[name]])
  })
  available <- data$available
  if (!is.null(available)) storage.mode(available) <- "integer"
  c(out, list(
    person_start = as.integer(data$person_start), outcome = as.double(trials$outcome),
    counterfactual = if (!is.null(trials$counterfactual)) {
      as.double(trials$counterfactual)
    },
    available = available, n_options = length(data$options),
    n_stimuli = n_stimuli(data)
  ))
}

# A model must find in the data what it learns from.
check_model <- function(model, data) {
  check_class(model, "psyrl_model", "model", "See rl_models().")
  check_class(data, "psyrl_choices", "data", "See choices().")
  if (model$model == "two_step" && is.null(data$trials$choice2)) {
    abort_input("data", c(
      "Two-step data need a second choice on every trial.",
      "Give `level2_choice` (1..4), or rows by `stage`, to choices()."
    ))
  }
  if (length(data$options) < 2) {
    abort_input("data", c(
      paste0("There must be two or more options to choose from, not ",
             quoted(data$options), " alone."),
      "choices(options = ) names those that nobody took."
    ))
  }
  two <- c("fictitious", "confirmation", "go_nogo", "two_step")
  if (model$model %in% two && length(data$options) != 2) {
    abort_input("data", paste0(
      model$title, " is a model of two options; the data have ",
      length(data$options), "."
    ))
  }
  check_stimuli(data)
  invisible(model)
}

check_stimuli <- function(data) {
  stimulus <- data$trials$stimulus
  bad <- which(is.na(stimulus))
  if (!is.null(stimulus) && length(bad)) {
    rows <- data$trials$row[bad]
    abort_data("stimulus", rows, paste0(
      "Every trial needs its stimulus; none in ", first_rows(rows), "."
    ))
  }
}

#' Log-likelihood of choices
#'
#' The one function by which anybody can check a model.
#'
#' @param model A model, see [rescorla_wagner()].
#' @param data [choices()].
#' @param parameters A data frame with a column `person` and one for each parameter, on
#'   the natural scale; or a named vector of parameters that all persons share.
#' @param gradient Also the derivatives in the parameters (natural scale).
#' @param hessian Also the second derivatives.
#' @return A numeric vector named by person, in nats; with `gradient = TRUE` its
#'   attribute `"gradient"` is a matrix persons x parameters; with `hessian = TRUE`
#'   attribute `"hessian"` is an array persons x parameters x parameters. A missed
#'   trial counts 0.
#' @examples
#' data <- choices(data.frame(
#'   person = 1, choice = c(1, 2, 1, 1), outcome = c(1, 0, 1, 0)
#' ))
#' log_lik(rescorla_wagner(), data, c(alpha = 0.3, beta = 2), gradient = TRUE)
#' @export
log_lik <- function(model, data, parameters, gradient = FALSE, hessian = FALSE) {
  check_model(model, data)
  spec <- model_spec(model, data)
  theta <- read_parameters(parameters, data$persons, spec$parameters)
  order <- if (check_flag(hessian, "hessian")) 2L else {
    as.integer(check_flag(gradient, "gradient"))
  }
  out <- learning_log_lik_(
    core_choices(data), spec, t(theta), order,
    list(threads = resolve_threads(), link = FALSE)
  )
  value <- stats::setNames(out$value, data$persons)
  labels <- list(as.character(data$persons), spec$parameters)
  if (gradient) {
    attr(value, "gradient") <- structure(t(out$gradient), dimnames = labels)
  }
  if (hessian) {
    d <- length(spec$parameters)
    attr(value, "hessian") <- array(
      t(out$hessian), c(length(value), d, d), c(labels, labels[2])
    )
  }
  value
}

# Persons x parameters, matched by person and name.
read_parameters <- function(parameters, persons, names) {
  if (is.numeric(parameters) && is.null(dim(parameters))) {
    parameters <- as.data.frame(as.list(parameters))
  }
  check_data_frame(as.data.frame(parameters), "parameters", names)
  parameters <- as.data.frame(parameters)
  rows <- if (is.null(parameters$person)) {
    if (nrow(parameters) != 1) {
      abort_input("parameters", "`parameters` must have a column `person`.")
    }
    rep(1L, length(persons))
  } else {
    match(as.character(persons), as.character(parameters$person))
  }
  if (anyNA(rows)) {
    abort_input("parameters", paste0(
      "`parameters` must have a row for every person; none for ",
      quoted(as.character(persons[is.na(rows)])), "."
    ))
  }
  theta <- as.matrix(parameters[rows, names, drop = FALSE])
  if (!is.numeric(theta) || anyNA(theta)) {
    abort_input("parameters", "`parameters` must be numbers without missing ones.")
  }
  storage.mode(theta) <- "double"
  dimnames(theta) <- NULL
  theta
}
