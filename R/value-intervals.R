# How uncertain the advantages are, and learned rewards.

value_intervals <- function(fit, level, method, n, cluster) {
  if (method == "sandwich") abort_sandwich()
  tail <- (1 - level) / 2
  advantage <- fit$values$advantage
  ends <- switch(method,
    plugin = cbind(advantage, advantage),
    joint = advantage +
      outer(value_std_error(fit), stats::qnorm(c(tail, 1 - tail))),
    bootstrap = {
      drawn <- vapply(
        bootstrap_replicates(fit, n, "parametric", cluster),
        function(replicate) replicate$values$advantage, numeric(length(advantage))
      )
      t(apply(drawn, 1, stats::quantile, c(tail, 1 - tail)))
    }
  )
  dimnames(ends) <- list(named_pair(fit$task), interval_names(level))
  ends
}

named_pair <- function(task) {
  pairs <- task_pairs(task)
  paste0(task$states[pairs$state], ": ", task$actions[pairs$action])
}

value_std_error <- function(fit) {
  spread <- value_spread(fit)
  none <- rep(NA_real_, length(fit$values$advantage))
  if (is.null(spread)) return(none)
  variance <- rowSums(spread$root^2)
  if (is.null(spread$variance)) sqrt(variance) else sqrt(variance + spread$variance)
}

value_covariance <- function(fit) {
  if (length(fit$values$advantage) > max_dense_pairs) {
    abort_input("parm", c(
      paste0("Covariances of values are for up to ", max_dense_pairs, " legal pairs."),
      "values(fit) has the standard errors."
    ))
  }
  spread <- value_spread(fit, whole = TRUE)
  if (is.null(spread)) {
    abort_input("parm", "This fit knows no standard errors of its values.")
  }
  covariance <- tcrossprod(spread$root)
  if (!is.null(spread$variance)) covariance <- covariance + spread$covariance
  dimnames(covariance) <- rep(list(named_pair(fit$task)), 2)
  covariance
}

# list(root, variance, covariance) of the advantages: the cross-product of `root`, and
# what a table's own information adds (`whole`: between pairs too). Nothing of known
# values; of exact ones what was estimated moves; NULL where nobody can say.
value_spread <- function(fit, whole = FALSE) {
  n <- length(fit$values$advantage)
  kind <- arrow_kind(fit)
  if (kind %in% c("represented", "rewards")) {
    found <- suppressWarnings(arrow(fit), classes = "psyrl_warning")
    return(if (!is.null(found)) list(root = found$root))
  }
  if (inherits(fit$spec$value, "q_known")) return(list(root = matrix(0, n, 1)))
  if (inherits(fit$spec$value, "q_task")) return(exact_spread(fit))
  if (kind != "table") return(NULL)
  if (isTRUE(fit$engine$sampled)) return(list(root = drawn_root(fit)))
  found <- if (n <= max_dense_pairs) {
    suppressWarnings(arrow(fit, values = whole), classes = "psyrl_warning")
  }
  if (is.null(found)) {
    # Given the traits; the arrow has these, too.
    integrated <- fit$values$std_error
    if (!is.null(integrated)) {
      return(list(root = matrix(0, n, 1), variance = integrated^2))
    }
    return(if (!is.null(fit$engine$draws)) list(root = drawn_root(fit)))
  }
  table_spread(fit, found)
}

table_spread <- function(fit, found) {
  variance <- found$advantage
  # What neither people nor the task hold has the ridge's variance, which is no bound.
  variance[variance > 1e6 * stats::median(variance)] <- NA
  scale <- reported_scale(fit)^2
  list(
    root = matrix(0, length(variance), 1), variance = variance * scale,
    covariance = if (!is.null(found$advantage_covariance)) {
      found$advantage_covariance * scale
    }
  )
}

# Reported advantages per those that were searched for.
reported_scale <- function(fit) {
  searched_centred <- !is.null(fit$engine) || is_free_table(fit$spec)
  if (!searched_centred || fit$spec$identify == "center") return(1)
  fit$values$rms / identify_(fit$task, fit$values$q, "center")$rms
}

# Spread of the advantages over the draws of values that persons are averaged over.
drawn_root <- function(fit) {
  q <- fit$engine$draws$q * fit$engine$reward_scale
  drawn <- apply(q, 2, center_by_state, fit$task)
  (drawn - rowMeans(drawn)) / sqrt(ncol(drawn) - 1) * reported_scale(fit)
}

# Exact values move with the temperature and the discount.
exact_spread <- function(fit, h = 1e-3) {
  # A temperature for each person has no one table of values; beside a habit it is
  # held at an estimate.
  open <- !is.numeric(fit$spec$value$temperature) || fit$spec$value$discount != "task"
  if (identical(fit$spec$value$temperature, "person")) return(NULL)
  if (rewards_are_learned(fit$spec) || (open && !trait_is_log(fit))) return(NULL)
  free <- intersect(c("temperature", "discount"), rownames(fit$vcov))
  none <- matrix(0, length(fit$values$advantage), 1)
  if (!length(free)) return(list(root = none))
  vcov <- fit$vcov[free, free, drop = FALSE]
  slope <- vapply(free, function(name) {
    moved <- function(step) {
      shifted_fit(fit, stats::setNames(step, name))$values$advantage
    }
    (moved(h) - moved(-h)) / (2 * h)
  }, none[, 1])
  if (anyNA(vcov)) return(list(root = slope * NA))
  list(root = slope %*% t(chol(vcov)))
}

# --- Rewards ----------------------------------------------------------------------

# Learned rewards beside learned values, with standard errors of the arrow.
with_std_error <- function(fit, table) {
  found <- suppressWarnings(arrow(fit), classes = "psyrl_warning")
  if (is.null(found)) return(table)
  root <- if (is.null(table$weight)) found$rewards$pair else found$rewards$weight
  table$std_error <- ifelse(table$identified, sqrt(rowSums(root^2)), NA_real_)
  table
}

reward_intervals <- function(fit, level, method, n, cluster) {
  if (!rewards_are_learned(fit$spec)) {
    abort_input("parm", "`parm = \"rewards\"` needs learned rewards; this fit has none.")
  }
  named <- startsWith(fit$parameters$term, "reward:")
  if (any(named)) {
    terms <- fit$parameters$term[named]
    return(population_limits(fit, level, method, n, cluster)[terms, , drop = FALSE])
  }
  if (method %in% c("bootstrap", "sandwich")) {
    abort_input("method", paste0(
      "Rewards without named parameters have intervals by `method = \"joint\"` only."
    ))
  }
  table <- as.data.frame(rewards(fit))
  tail <- (1 - level) / 2
  ends <- (table$weight %||% table$reward) +
    outer(table$std_error, stats::qnorm(c(tail, 1 - tail)))
  labels <- if (is.null(table$weight)) named_pair(fit$task) else table$feature
  dimnames(ends) <- list(labels, interval_names(level))
  ends
}
