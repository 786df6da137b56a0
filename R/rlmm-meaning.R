# What does the score mean? A score follows the task where the values are the
# task's, and drifts towards conformity with the crowd as learned values leave it.

# list(sentence, warnings, checks): made once, when a fit is.
score_meaning <- function(fit) {
  checks <- c(
    entropy_check(fit), residual_check(fit), odd_even_check(fit),
    prediction_checks(fit)
  )
  list(
    sentence = meaning_sentence(fit),
    warnings = unlist(lapply(checks, `[[`, "warning")),
    checks = checks
  )
}

meaning_sentence <- function(fit) {
  value <- fit$spec$value
  if (isTRUE(fit$spec$habit)) {
    paste(
      "The score says how much a person follows the values beyond the habits that",
      "people share."
    )
  } else if (inherits(value, "q_task")) {
    "The score says how sharply a person follows the task's exact values."
  } else if (inherits(value, "q_known")) {
    "The score says how sharply a person follows the values that were given."
  } else if (inherits(fit$spec$consistency, "consistency_none")) {
    paste(
      "The values were learned from behaviour alone: the score says how closely",
      "a person follows the crowd, not the task."
    )
  } else {
    paste(
      "The values were learned from behaviour and held to the task: the weaker",
      "they are held, the more the score says how closely a person follows the",
      "crowd."
    )
  }
}

# A soft backup pays for having options: does that exceed the rewards?
entropy_check <- function(fit) {
  value <- fit$spec$value
  if (!inherits(value, "q_task") || value$backup != "soft") return(NULL)
  if (!is.numeric(fit$values$temperature)) return(NULL)
  hard <- solve_values(fit$task, 0, fit$values$discount)$v
  starts <- start_states(fit)
  bonus <- mean(fit$values$v[starts] - hard[starts])
  reward <- mean(abs(hard[starts]))
  list(entropy = list(
    bonus = bonus, reward = reward,
    warning = if (bonus > reward) {
      paste0(
        "The entropy bonus of the soft backup (", format(bonus, digits = 3),
        " at the starts) exceeds the rewards (", format(reward, digits = 3),
        "): the values pay for wandering more than for the task. ",
        "Try q_task(backup = \"mellow\") or q_task(temperature = 0)."
      )
    }
  ))
}

start_states <- function(fit) {
  if (inherits(fit$data, "psyrl_trajectories")) {
    d <- fit$data$decisions
    first <- !duplicated(interaction_code(d$person, d$episode))
    return(unique(task_pairs(fit$task)$state[fit$pair[first] + 1]))
  }
  fit$task$starts %||% seq_along(fit$task$states)
}

# Beyond this share of the task's root mean square learned values have left it.
large_residual_sd <- .3

residual_check <- function(fit) {
  s <- fit$values$residual_sd_relative
  if (is.null(s)) return(NULL)
  list(residual = list(
    residual_sd = s,
    warning = if (is.infinite(s)) {
      paste(
        "The choices do not follow the task; the values are a free table: the score",
        "is about the crowd rather than the task. q_task() measures against the task;",
        "bellman(residual_sd_max = ) keeps learned values near it."
      )
    } else if (s > large_residual_sd) {
      paste0(
        "The learned values leave the task's by a residual SD of ",
        format(s, digits = 2), " of their root mean square: the score is about ",
        "the crowd rather than the task. value_path() shows the price; ",
        "q_task() measures against the task."
      )
    }
  ))
}

odd_even_check <- function(fit) {
  if (!inherits(fit$data, "psyrl_trajectories")) return(NULL)
  if (length(fit$data$persons) < 30) return(NULL)
  table <- reliability(fit)
  model <- table$estimate[table$type == "model"]
  split <- table[table$type == "odd-even", ]
  far <- split$n >= 30 && isTRUE(model - split$stepped_up > .4)
  list(odd_even = list(
    reliability = table,
    warning = if (far) {
      paste0(
        "The model puts the reliability at ", format(model, digits = 2),
        ", but odd and even halves agree only to ",
        format(split$stepped_up, digits = 2),
        " (stepped up): the values may be wrong for these people."
      )
    }
  ))
}

# Predictions of every decision from the person's decisions before it, and from the
# population alone.
prediction_checks <- function(fit) {
  if (!inherits(fit$data, "psyrl_trajectories")) return(NULL)
  prior <- grid_posterior_(
    fit$posterior$nodes, 0 * fit$posterior$weight, fit$posterior$mu,
    coef(fit)[["sigma"]], fit$control$threads
  )$weight
  nll <- function(update) {
    decision_nll_(
      fit$task, fit_model(fit),
      list(person_start = fit$data$person_start, pair = fit$pair),
      prior, rep(update, length(fit$data$persons))
    )
  }
  from_past <- nll(TRUE)
  list(
    personal = personal_check(fit, nll(FALSE) - from_past),
    chance = chance_check(fit, from_past)
  )
}

# Learning about a person should improve the prediction of that person.
personal_check <- function(fit, gain) {
  gain <- rowsum(gain, fit$data$decisions$person)
  se <- stats::sd(gain) * sqrt(length(gain))
  list(
    gain = sum(gain), std_error = se,
    warning = if (length(gain) > 1 && sum(gain) < -2 * se) {
      paste(
        "A person's own past predicts that person worse than the population",
        "does: the values may be wrong for these people."
      )
    }
  )
}

# People who follow the values are predicted better than by chance.
chance_check <- function(fit, nll) {
  n_legal <- diff(fit$task$layout$state_start)
  chance <- log(n_legal[task_pairs(fit$task)$state[fit$pair + 1]])
  share <- 1 - sum(nll) / sum(chance)
  list(
    nll = mean(nll), chance = mean(chance),
    warning = if (sum(chance) > 0 && share < .02) {
      paste0(
        "The values predict decisions hardly better than chance does (negative log ",
        "likelihood ", format(mean(nll), digits = 3), " a decision against ",
        format(mean(chance), digits = 3), "): these people do not follow them. ",
        "q_table() with bellman_none() learns what they follow."
      )
    }
  )
}
