# How reliable are the scores? By the model, and without trusting it.

#' @rdname reliability
#' @details
#' `"model"` is the marginal reliability Var(EAP) / (Var(EAP) + mean posterior
#' variance), which misleads when the values are wrong. `"odd-even"` and
#' `"first-second"` score halves of each person's log separately (halves of the
#' episodes; of the decisions where persons have one episode only) with the
#' population fixed, and correlate them; `stepped_up` is Spearman and Brown's
#' prediction for the whole log. Without the order of steps only `"model"` is known.
#' @return A classed data frame with columns `type, estimate, conf_low, conf_high, n,
#'   stepped_up`.
#' @export
reliability.rlmm <- function(fit, level = 0.95, ...) {
  check_number(level, "level", lower = 0, upper = 1)
  rows <- list(reliability_row("model", model_reliability(fit), c(NA, NA),
    n = length(fit$data$persons)
  ))
  if (inherits(fit$data, "psyrl_trajectories")) {
    rows <- c(rows, lapply(c("odd-even", "first-second"), function(type) {
      halves <- half_scores(fit, type)
      r <- if (nrow(halves) > 2 && all(apply(halves, 2, stats::sd) > 0)) {
        stats::cor(halves[, 1], halves[, 2])
      } else {
        NA_real_
      }
      reliability_row(
        type, r, correlation_interval(r, nrow(halves), level), nrow(halves),
        2 * r / (1 + r)
      )
    }))
  }
  structure(do.call(rbind, rows), class = c("psyrl_reliability", "data.frame"))
}

reliability_row <- function(type, estimate, ends, n, stepped_up = NA_real_) {
  data.frame(
    type = type, estimate = estimate, conf_low = ends[1], conf_high = ends[2],
    n = n, stepped_up = stepped_up
  )
}

model_reliability <- function(fit) {
  summary <- posterior_summary(fit$posterior)
  between <- stats::var(summary[, "mean"])
  between / (between + mean(summary[, "sd"]^2))
}

# Scores of the two halves, persons with both: matrix persons x 2.
half_scores <- function(fit, type) {
  first <- in_first_half(fit$data, type)
  halves <- lapply(list(first, !first), function(here) {
    counts_by_person(
      fit$pair[here], fit$data$decisions$person[here], length(fit$data$persons)
    )
  })
  means <- vapply(halves, function(counts) {
    posterior_summary(score_counts(fit, counts, fit$design))[, "mean"]
  }, numeric(length(fit$data$persons)))
  met <- vapply(halves, function(counts) diff(counts$person_start) > 0, logical(nrow(means)))
  means[met[, 1] & met[, 2], , drop = FALSE]
}

# Halves of a person's episodes, or of the decisions where most persons have a single
# episode: whether each decision belongs to the first.
in_first_half <- function(data, type) {
  d <- data$decisions
  several <- mean_several(d$episode, d$person) >= .5
  first_half(if (several) d$episode else seq_along(d$person), d$person, type)
}

# Share of persons with more than one unit; persons are whole numbers.
mean_several <- function(unit, person) {
  n_units <- largest_within(rank_within(unit, person), person)
  mean(n_units[!duplicated(person)] > 1)
}

# The odd ones of a person's units, or the earlier ones.
first_half <- function(unit, person, type) {
  rank <- rank_within(unit, person)
  if (type == "odd-even") rank %% 2 == 1 else rank <= largest_within(rank, person) / 2
}

# Among the person's own from 1; equal units share a rank. Logs have millions of rows.
rank_within <- function(unit, person) {
  order <- order(person, unit)
  first <- !duplicated(person[order])
  rank <- cumsum(first | c(0, diff(unit[order])) != 0)
  out <- integer(length(unit))
  out[order] <- rank - rank[first][cumsum(first)] + 1L
  out
}

largest_within <- function(x, person) {
  order <- order(x)
  largest <- x[0]
  largest[person[order]] <- x[order]
  largest[person]
}

# Sparse counts of pairs by person.
counts_by_person <- function(pair, person, n_persons) {
  key <- (person - 1) * (max(pair, 0) + 1) + pair
  sorted <- sort(key)
  first <- !duplicated(sorted)
  unique_key <- sorted[first]
  owner <- unique_key %/% (max(pair, 0) + 1) + 1
  list(
    person_start = as.integer(c(0, cumsum(tabulate(owner, n_persons)))),
    pair = as.integer(unique_key %% (max(pair, 0) + 1)),
    count = as.double(diff(c(which(first), length(sorted) + 1)))
  )
}

#' @export
print.psyrl_reliability <- function(x, ...) {
  table <- as.data.frame(x)
  numbers <- c("estimate", "conf_low", "conf_high", "stepped_up")
  table[numbers] <- lapply(table[numbers], function(v) {
    ifelse(is.na(v), "", sprintf("%.2f", v))
  })
  print(table, row.names = FALSE)
  invisible(x)
}
