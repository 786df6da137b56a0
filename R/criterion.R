# Do the scores mean something outside the task?

#' @rdname criterion_cor
#' @details
#' Pearson intervals by Fisher's z; Spearman intervals by Fisher's z with the variance
#' of Bonett and Wright (2000), (1 + r^2 / 2) / (n - 3). The disattenuated correlation
#' divides by the square root of the score's model-based reliability.
#' @export
criterion_cor.psyrl_fit <- function(fit, criterion, data = NULL,
                                    method = c("pearson", "spearman"),
                                    level = 0.95, scale = c("log", "natural"),
                                    disattenuate = FALSE, ...) {
  method <- check_choice(method, c("pearson", "spearman"), "method")
  scale <- check_choice(scale, c("log", "natural"), "scale")
  check_number(level, "level", lower = 0, upper = 1)
  check_flag(disattenuate, "disattenuate")
  scores <- persons(fit)
  score <- stats::setNames(
    if (scale == "log") scores$log_estimate else scores$estimate,
    as.character(scores$person)
  )
  reliability <- if (disattenuate) model_reliability(fit) else NA_real_
  criteria <- criterion_columns(criterion, data, names(score))
  rows <- lapply(names(criteria), function(name) {
    correlation_row(name, score, criteria[[name]], method, level, reliability)
  })
  structure(do.call(rbind, rows),
    class = c("psyrl_criterion", "data.frame"), level = level
  )
}

# A named list of criteria, each a vector named by person.
criterion_columns <- function(criterion, data, persons) {
  if (inherits(criterion, "formula")) {
    columns <- all.vars(criterion)
  } else if (is.character(criterion) && is.null(names(criterion))) {
    columns <- criterion
  } else {
    return(list(criterion = named_criterion(criterion, persons)))
  }
  if (is.null(data)) {
    abort_input("data", paste0(
      "`data` must be a data frame with a column `person` and the criteria ",
      quoted(columns), "."
    ))
  }
  check_data_frame(data, "data", c("person", columns))
  repeated <- duplicated(data$person)
  if (any(repeated)) {
    abort_data("person", which(repeated), paste0(
      "`data` must have one row a person; ", first_rows(which(repeated)),
      " repeat persons."
    ))
  }
  lapply(stats::setNames(columns, columns), function(column) {
    named_criterion(
      stats::setNames(data[[column]], as.character(data$person)), persons, column
    )
  })
}

named_criterion <- function(x, persons, name = "criterion") {
  if (!is.numeric(x) && !is.logical(x)) {
    abort_input("criterion", paste0(
      "Criterion ", dQuote(name, FALSE), " must be numeric, not ",
      describe(x), "."
    ))
  }
  if (is.null(names(x))) {
    abort_input("criterion", c(
      "`criterion` must be named by person: persons are matched by name, never",
      "by position. Try setNames(x, person)."
    ))
  }
  if (!any(names(x) %in% persons)) {
    abort_input("criterion", paste0(
      "No name of criterion ", dQuote(name, FALSE), " is a person of the fit; ",
      "persons are named ", quoted(persons, 3), "."
    ))
  }
  x
}

correlation_row <- function(name, score, criterion, method, level, reliability) {
  both <- intersect(names(score), names(criterion)[!is.na(criterion)])
  x <- score[both]
  y <- as.double(criterion[both])
  n <- length(both)
  r <- if (n > 2 && stats::sd(x) > 0 && stats::sd(y) > 0) {
    stats::cor(x, y, method = method)
  } else {
    NA_real_
  }
  ends <- correlation_interval(r, n, level, method)
  data.frame(
    criterion = name, method = method, n = n, estimate = r,
    conf_low = ends[1], conf_high = ends[2],
    p_value = correlation_p_value(x, y, r, method),
    reliability = reliability,
    disattenuated = r / sqrt(reliability)
  )
}

correlation_interval <- function(r, n, level, method = "pearson") {
  if (is.na(r) || n < 4) return(c(NA_real_, NA_real_))
  se <- sqrt((if (method == "spearman") 1 + r^2 / 2 else 1) / (n - 3))
  tanh(atanh(r) + c(-1, 1) * stats::qnorm(1 - (1 - level) / 2) * se)
}

correlation_p_value <- function(x, y, r, method) {
  if (is.na(r)) return(NA_real_)
  stats::cor.test(x, y, method = method, exact = FALSE)$p.value
}

#' @export
print.psyrl_criterion <- function(x, digits = 2, ...) {
  symbol <- c(pearson = "r", spearman = "rho")
  f <- function(v) sub("^(-?)0\\.", "\\1.", sprintf(paste0("%.", digits, "f"), v))
  for (i in seq_len(NROW(x))) {
    cat(
      x$criterion[i], ": ", symbol[[x$method[i]]], " = ", f(x$estimate[i]), " [",
      f(x$conf_low[i]), ", ", f(x$conf_high[i]), "], n = ", x$n[i],
      if (!is.na(x$disattenuated[i])) {
        paste0(
          ", disattenuated ", f(x$disattenuated[i]), " (reliability ",
          f(x$reliability[i]), ")"
        )
      }, "\n",
      sep = ""
    )
  }
  invisible(x)
}
