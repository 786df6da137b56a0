# Fits on boards that are enumerated on demand (task-board.R): what they say beyond
# the positions of their own log.

# What needs the positions beyond the log, for which nothing but exact values at one
# temperature is known.
check_on_demand <- function(task, spec) {
  if (!is_on_demand(task)) return(invisible())
  if (rewards_are_learned(spec)) {
    abort_input("reward", c(
      "On a board that is enumerated on demand rewards must be known: what follows a",
      "log is worth depends on them. Use reward_known(), or a smaller board."
    ))
  }
  if (identical(spec$value$temperature, "person")) {
    abort_input("value", c(
      "On a board that is enumerated on demand everybody must plan with one",
      "temperature: give q_task(temperature = ) a number or \"estimate\"."
    ))
  }
}

# What plays on into positions that nobody has been in.
require_laid_out <- function(task, what, cure = NULL) {
  if (!is_on_demand(task)) return(invisible())
  abort_input("fit", c(
    paste0(
      what, " needs all positions that people may come to; this board is ",
      "enumerated on demand, and only those of the log are laid out."
    ), cure
  ))
}

# The fit on a region that also holds the positions of another log. Pairs of the
# fitted log keep their numbers, for new positions come last.
fit_reaching <- function(fit, newdata) {
  if (is.null(newdata) || !is_on_demand(fit$task)) return(fit)
  task <- task_for(fit$task, as_decisions(newdata))
  if (identical(task$states, fit$task$states)) return(fit)
  q <- values_beyond(fit, task)
  rule <- fit$spec$identify
  found <- identify_(task, q, if (rule == "global_rms") "center" else rule)
  fit$values$advantage <- found$advantage / common_scale(fit)
  fit$task <- task
  fit$values$q <- q
  fit$values["v"] <- list(NULL)
  fit
}

# What the fit's centred values were divided by: a number of its own region.
common_scale <- function(fit) {
  if (fit$spec$identify != "global_rms") return(1)
  identify_(fit$task, fit$values$q, "center")$rms / fit$values$rms
}

# The fit's values on a larger region.
values_beyond <- function(fit, task) {
  value <- fit$spec$value
  if (isTRUE(fit$spec$habit) || inherits(value, c("q_table", "q_known"))) {
    what <- if (isTRUE(fit$spec$habit)) {
      "habits"
    } else {
      paste0("values of ", class(value)[1], "()")
    }
    abort_input("newdata", c(
      paste0(
        "`newdata` must stay within the positions of the fitted log: ", what,
        " are known nowhere else."
      ),
      "q_task(), q_linear() and q_network() know values of every position."
    ))
  }
  if (inherits(value, "q_task")) {
    return(solve_values(
      task, fit$values$temperature, fit$values$discount, value$backup
    )$q)
  }
  represented_values(fit, pair_features(task, value$formula))
}

# What the fitted linear function or network gives to rows of features.
represented_values <- function(fit, features) {
  known <- fit$representation
  x <- features[, known$columns, drop = FALSE]
  if (known$kind == "network") x <- scaled_features(x, known)
  link <- list(kind = known$kind, x = x, hidden = known$hidden)
  represent_(
    list(value = list(link), reward = list()), fit$values$theta,
    fit$control$threads
  )
}

# What simulate() plays by: exact values, or the fitted function of cells.
values_to_replay <- function(fit) {
  value <- fit$spec$value
  if (inherits(value, "q_task") && fit$spec$identify == "center") {
    task <- fit$task
    task$discount <- fit$values$discount
    if (value$backup == "soft") return(solve_mdp(task, fit$values$temperature))
  }
  if (is.null(fit$representation) || fit$spec$identify == "state_rms" ||
    value$formula != ~.) {
    require_laid_out(fit$task, "simulate()")
  }
  scale <- common_scale(fit)
  function(cells) {
    represented_values(fit, cbind("(Intercept)" = 1, cells)) / scale
  }
}
