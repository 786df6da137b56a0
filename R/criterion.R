# Do the scores mean something outside the task?

#' @rdname criterion_cor
#' @param plausible Number of plausible values to pool; 0: only the scores are
#'   correlated. Needs a fit of [rlmm()].
#' @param replicates Bootstrap samples of persons behind intervals that have no
#'   formula (Spearman's, and the disattenuated).
#' @details
#' **Intervals.** Pearson's by Fisher's z with n - 3 degrees of freedom, one less for
#' each covariate held constant; Spearman's are bootstrap percentiles over persons.
#'
#' **Partial correlations.** `~ raven + crt | age + sex` correlates the scores with
#' each criterion, age and sex held constant (numeric covariates, or factors; ranks
#' with `method = "spearman"`).
#'
#' **Correcting for unreliability.** `disattenuate = TRUE` divides by the square root
#' of the score's model-based reliability (with covariates, of the reliability of what
#' they leave of it); its interval bootstraps persons, so that it carries the sampling
#' of the correlation and of the reliability.
#' `plausible = 20` gives `latent`, the correlation of the criterion with the trait
#' itself: plausible values are drawn with the criterion (and the covariates) in the
#' population model, correlated one by one and pooled on Fisher's scale by Rubin's
#' rules ([plausible_values()]). Both correct for the unreliability of the score only.
#' Both take the model at its word: if its values are wrong, so is its reliability.
#' @return Columns `criterion, method, n, estimate, conf_low, conf_high, p_value,
#'   reliability, disattenuated, disattenuated_low, disattenuated_high, latent,
#'   latent_low, latent_high, given` (what was held constant); for learning models
#'   `parameter` before them.
#' @references
#' Rubin, D. B. (1987). *Multiple imputation for nonresponse in surveys*. Wiley.
#' \doi{10.1002/9780470316696}
#' @examples
#' set.seed(1)
#' task <- peg_solitaire("tiny_cross")
#' z <- setNames(rnorm(60, -3, .5), paste0("p", 1:60))
#' fit <- rlmm(simulate_trajectories(task, exp(z), episodes = 3), task)
#' people <- data.frame(person = names(z), iq = z + rnorm(60), age = 20:79)
#' criterion_cor(fit, "iq", people, disattenuate = TRUE)
#' criterion_cor(fit, ~ iq | age, people, plausible = 5)
#' @export
criterion_cor.psyrl_fit <- function(fit, criterion, data = NULL,
                                    method = c("pearson", "spearman"),
                                    level = 0.95, scale = c("log", "natural"),
                                    disattenuate = FALSE, plausible = 0,
                                    replicates = 1000, ...) {
  method <- check_choice(method, c("pearson", "spearman"), "method")
  scale <- check_choice(scale, c("log", "natural"), "scale")
  check_number(level, "level", lower = 0, upper = 1)
  check_flag(disattenuate, "disattenuate")
  plausible <- check_count(plausible, "plausible", lower = 0)
  replicates <- check_count(replicates, "replicates", lower = 50)
  asked <- asked_criteria(criterion)
  scores <- criterion_scores(fit, scale)
  rows <- lapply(scores, function(one) {
    criteria <- criterion_columns(asked$criteria, data, rownames(one))
    given <- given_columns(asked$given, data, rownames(one))
    do.call(rbind, lapply(names(criteria), function(name) {
      x <- matched_persons(one, criteria[[name]], given)
      cbind(
        criterion = name,
        correlation_row(x, method, level, disattenuate, replicates),
        latent_row(fit, x, method, level, scale, plausible),
        given = paste(asked$given, collapse = ", ")
      )
    }))
  })
  if (!is.null(names(scores))) {
    rows <- Map(function(row, name) cbind(parameter = name, row), rows, names(scores))
  }
  structure(do.call(rbind, unname(rows)),
    class = c("psyrl_criterion", "data.frame"), level = level
  )
}

# `~ a + b | c`: criteria a and b, c held constant.
asked_criteria <- function(criterion) {
  if (!inherits(criterion, "formula")) {
    return(list(criteria = criterion, given = character()))
  }
  right <- criterion[[length(criterion)]]
  if (is.call(right) && identical(right[[1]], as.name("|"))) {
    return(list(criteria = all.vars(right[[2]]), given = all.vars(right[[3]])))
  }
  list(criteria = all.vars(right), given = character())
}

# A data frame of every person's score for each parameter that is scored: `score` to
# correlate, and what its reliability is made of.
criterion_scores <- function(fit, scale) {
  scores <- persons(fit)
  one <- function(scores, own_scale) {
    data.frame(
      score = if (scale == "log") scores$log_estimate else scores$estimate,
      trait = if (own_scale) scores$estimate else scores$log_estimate,
      variance = scores$std_error^2, row.names = as.character(scores$person)
    )
  }
  if (is.null(scores$parameter)) return(list(one(scores, FALSE)))
  # Learning models give standard errors on the parameters' own scales.
  parameter <- factor(scores$parameter, unique(scores$parameter))
  lapply(split(scores, parameter), one, own_scale = TRUE)
}

# A named list of criteria, each a vector named by person.
criterion_columns <- function(criterion, data, persons) {
  if (!is.character(criterion) || !is.null(names(criterion))) {
    return(list(criterion = named_criterion(criterion, persons)))
  }
  check_persons_frame(data, criterion)
  lapply(stats::setNames(nm = criterion), function(column) {
    named_criterion(
      stats::setNames(data[[column]], as.character(data$person)), persons, column
    )
  })
}

check_persons_frame <- function(data, columns) {
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
}

# Covariates to hold constant, a row a person of the fit; NULL without any.
given_columns <- function(given, data, persons) {
  if (!length(given)) return(NULL)
  check_persons_frame(data, given)
  frame <- data[match(persons, as.character(data$person)), given, drop = FALSE]
  rownames(frame) <- persons
  frame
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

# Persons of whom everything is known: their rows of `scores`, `criterion`, and the
# design matrix of what is held constant.
matched_persons <- function(scores, criterion, given) {
  both <- intersect(rownames(scores), names(criterion)[!is.na(criterion)])
  if (!is.null(given)) {
    both <- both[stats::complete.cases(given[both, , drop = FALSE])]
    given <- droplevels(given[both, , drop = FALSE])
    given <- stats::model.matrix(~., given)[, -1, drop = FALSE]
  }
  list(
    scores = scores[both, ], criterion = as.double(criterion[both]),
    given = given, persons = both
  )
}

# Correlation of x and y, the columns of `given` held constant.
partial_cor <- function(x, y, given = NULL, method = "pearson") {
  if (method == "spearman") {
    x <- rank(x)
    y <- rank(y)
    if (!is.null(given)) given <- apply(given, 2, rank)
  }
  if (!is.null(given)) {
    basis <- qr(cbind(1, given))
    x <- qr.resid(basis, x)
    y <- qr.resid(basis, y)
  }
  varies <- function(v) length(v) > 2 && stats::sd(v) > 1e-12 * (1 + max(abs(v)))
  if (varies(x) && varies(y)) stats::cor(x, y) else NA_real_
}

correlation_row <- function(x, method, level, disattenuate, replicates) {
  score <- x$scores$score
  n <- length(score)
  lost <- NCOL(x$given) * !is.null(x$given)
  r <- partial_cor(score, x$criterion, x$given, method)
  reliability <- if (disattenuate) reliability_of(x) else NA_real_
  ends <- correlation_interval(r, n - lost, level)
  sampled <- if (!is.na(r) && (method == "spearman" || disattenuate)) {
    resampled_cor(x, method, replicates)
  }
  if (method == "spearman") ends <- percentiles(sampled[, 1], level)
  corrected <- if (disattenuate) percentiles(sampled[, 2], level) else c(NA, NA)
  data.frame(
    method = method, n = n, estimate = r,
    conf_low = ends[1], conf_high = ends[2],
    p_value = correlation_p_value(r, n - lost), reliability = reliability,
    disattenuated = r / sqrt(reliability),
    disattenuated_low = as.double(corrected[1]),
    disattenuated_high = as.double(corrected[2])
  )
}

# Reliability of these persons' scores; of what is left of it where covariates are
# held constant, which has the same error and less variance.
reliability_of <- function(x) {
  trait <- x$scores$trait
  between <- stats::var(trait)
  reliability <- between / (between + mean(x$scores$variance))
  if (is.null(x$given)) return(reliability)
  left <- sum(qr.resid(qr(cbind(1, x$given)), trait)^2) / sum((trait - mean(trait))^2)
  max(0, 1 - (1 - reliability) / left)
}

# Correlation and disattenuated correlation of persons drawn with replacement.
resampled_cor <- function(x, method, replicates) {
  n <- length(x$criterion)
  t(vapply(seq_len(replicates), function(i) {
    rows <- sample.int(n, replace = TRUE)
    drawn <- list(
      # Rows of a data frame would be given new names, which takes longer than all else.
      scores = lapply(x$scores, `[`, rows), criterion = x$criterion[rows],
      given = if (!is.null(x$given)) x$given[rows, , drop = FALSE]
    )
    r <- partial_cor(drawn$scores$score, drawn$criterion, drawn$given, method)
    c(r, r / sqrt(reliability_of(drawn)))
  }, numeric(2)))
}

percentiles <- function(x, level) {
  if (!length(x)) return(c(NA_real_, NA_real_))
  tail <- (1 - level) / 2
  unname(stats::quantile(x, c(tail, 1 - tail), na.rm = TRUE))
}

# Fisher's z; `n` is less one for each covariate held constant.
correlation_interval <- function(r, n, level) {
  if (is.na(r) || n < 4) return(c(NA_real_, NA_real_))
  tanh(atanh(r) + c(-1, 1) * stats::qnorm(1 - (1 - level) / 2) / sqrt(n - 3))
}

correlation_p_value <- function(r, n) {
  if (is.na(r) || n < 3) return(NA_real_)
  t <- r * sqrt((n - 2) / (1 - r^2))
  2 * stats::pt(-abs(t), n - 2)
}

# Correlation with the trait itself, pooled over plausible values.
latent_row <- function(fit, x, method, level, scale, n) {
  if (n == 0 || length(x$criterion) < 5) {
    return(data.frame(latent = NA_real_, latent_low = NA_real_, latent_high = NA_real_))
  }
  check_class(fit, "rlmm", "fit", "Plausible values are for fits of rlmm().")
  drawn <- criterion_draws(fit, x, n)
  if (scale == "natural" && trait_is_log(fit)) drawn <- exp(drawn)
  r <- apply(drawn, 2, partial_cor, x$criterion, x$given, method)
  lost <- NCOL(x$given) * !is.null(x$given)
  pooled <- pool_correlations(r, length(x$criterion) - lost, level)
  data.frame(latent = pooled[1], latent_low = pooled[2], latent_high = pooled[3])
}

# Draws of the traits of these persons, with criterion and covariates in the model.
criterion_draws <- function(fit, x, n) {
  known <- match(x$persons, as.character(fit$data$persons))
  fit <- keep_persons(fit, known)
  extra <- cbind(criterion = as.double(scale(x$criterion)), x$given)
  colnames(extra) <- paste0("given:", colnames(extra))
  design <- cbind(fit$design, extra)
  pivot <- qr(design)
  fit$design <- design[, sort(pivot$pivot[seq_len(pivot$rank)]), drop = FALSE]
  drawn_traits(fit, n)
}

# Rubin's rules on Fisher's scale: estimate and interval.
pool_correlations <- function(r, n, level) {
  z <- atanh(r)
  m <- length(z)
  within <- 1 / max(1, n - 3)
  between <- if (m > 1) stats::var(z) * (1 + 1 / m) else 0
  df <- if (between > 0) (m - 1) * (1 + within / between)^2 else Inf
  half <- stats::qt(1 - (1 - level) / 2, df) * sqrt(within + between)
  tanh(mean(z) + c(0, -half, half))
}

#' @export
print.psyrl_criterion <- function(x, digits = 2, ...) {
  cat(
    "Correlations with the score, ", format(100 * (attr(x, "level") %||% .95)),
    " % intervals\n", sep = ""
  )
  for (i in seq_len(NROW(x))) {
    cat(criterion_line(as.list(x[i, ]), digits), "\n", sep = "")
  }
  invisible(x)
}

# A line to paste: "raven given age: r = .28 [.20, .35], n = 522, p < .001, ...".
criterion_line <- function(row, digits) {
  f <- function(v) sub("^(-?)0\\.", "\\1.", sprintf(paste0("%.", digits, "f"), v))
  within <- function(low, high) {
    if (is.null(low) || is.na(low)) "" else paste0(" [", f(low), ", ", f(high), "]")
  }
  known <- function(v) !is.null(v) && !is.na(v)
  paste0(
    if (known(row$parameter)) paste0(row$parameter, ", "), row$criterion,
    if (known(row$given) && nzchar(row$given)) paste0(" given ", row$given), ": ",
    c(pearson = "r", spearman = "rho")[[row$method]], " = ", f(row$estimate),
    within(row$conf_low, row$conf_high), ", n = ", row$n,
    if (known(row$p_value)) paste0(", ", p_value_words(row$p_value)),
    if (known(row$disattenuated)) {
      paste0(
        "; disattenuated ", f(row$disattenuated),
        within(row$disattenuated_low, row$disattenuated_high), " (reliability ",
        f(row$reliability), ")"
      )
    },
    if (known(row$latent)) {
      paste0(
        "; with the trait itself ", f(row$latent),
        within(row$latent_low, row$latent_high)
      )
    }
  )
}

p_value_words <- function(p) {
  if (p < .001) return("p < .001")
  paste0("p = ", sub("^0", "", sprintf("%.3f", p)))
}

#' @export
plot.psyrl_criterion <- function(x, ...) {
  rows <- rev(seq_len(nrow(x)))
  labels <- paste(x$parameter, x$criterion)
  given <- nzchar(x$given)
  labels[given] <- paste0(labels[given], "\ngiven ", x$given[given])
  corrected <- !all(is.na(x$latent))
  low <- if (corrected) x$latent_low else x$disattenuated_low
  high <- if (corrected) x$latent_high else x$disattenuated_high
  middle <- if (corrected) x$latent else x$disattenuated
  old <- graphics::par(
    mar = c(4.2, 2 + .55 * max(nchar(labels)), 2.2, 1), las = 1
  )
  on.exit(graphics::par(old))
  graphics::plot(x$estimate, rows,
    xlim = range(0, x$conf_low, x$conf_high, low, high, x$estimate, na.rm = TRUE),
    ylim = c(.5, nrow(x) + .5), yaxt = "n", ylab = "", pch = 19,
    xlab = paste0(
      "correlation with the score, ", format(100 * attr(x, "level")), " % interval"
    ), ...
  )
  graphics::axis(2, rows, trimws(labels), tick = FALSE)
  graphics::abline(v = 0, col = "grey")
  graphics::segments(x$conf_low, rows, x$conf_high, rows)
  if (all(is.na(middle))) return(invisible(x))
  graphics::points(middle, rows - .2, pch = 1, col = "#B2182B")
  graphics::segments(low, rows - .2, high, rows - .2, col = "#B2182B")
  graphics::mtext(
    if (corrected) "open: with the trait itself" else "open: disattenuated",
    adj = 1, line = .4, col = "#B2182B", cex = .9
  )
  invisible(x)
}
