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
  half <- decision_halves(fit$data, type)
  mean_of <- function(which) {
    counts <- counts_by_person(
      fit$pair[half == which], fit$data$decisions$person[half == which],
      length(fit$data$persons)
    )
    posterior <- score_counts(fit, counts, fit$design)
    posterior_summary(posterior)[, "mean"]
  }
  both <- rowSums(table(fit$data$decisions$person, half) > 0) == 2
  cbind(mean_of(1), mean_of(2))[both, , drop = FALSE]
}

# 1 or 2 for every decision: halves of a person's episodes, or of the decisions
# where most persons have a single episode.
decision_halves <- function(data, type) {
  d <- data$decisions
  unit <- d$episode
  several <- tapply(unit, d$person, function(e) length(unique(e)) > 1)
  if (mean(several) < .5) unit <- stats::ave(d$person, d$person, FUN = seq_along)
  rank <- stats::ave(unit, d$person, FUN = function(u) match(u, sort(unique(u))))
  if (type == "odd-even") return(2L - rank %% 2L)
  1L + (rank > stats::ave(rank, d$person, FUN = function(r) max(r) / 2))
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
