# A report for readers of scores: one HTML file that stands alone. Each section is
# a function of the fit that returns HTML; words and numbers are made together.

#' Report on a fit
#'
#' Writes one HTML file that stands alone (figures inside, nothing fetched) and says
#' in words, tables and pictures what was measured: the scores with their intervals
#' and what they mean, how sure they are, how reliable, whom they do not describe, how
#' well decisions are predicted that were not used to fit, how the scores go with
#' outside criteria, which states told most about people, and one person's decisions
#' step by step. All scores can be saved from it as a table.
#'
#' @param fit A fit of [rlmm()] or [rlearn()].
#' @param file Name of the file to write.
#' @param criterion,data Outside criteria, as in [criterion_cor()]; `NULL`: none.
#' @param title Title of the report.
#' @param folds Folds of the cross-validation over persons; 0 leaves it out.
#' @param ... Passed on to methods.
#' @return The path of the file, invisibly.
#' @seealso The R Markdown template "psyrl report" for a report of your own.
#' @examples
#' task <- peg_solitaire("tiny_cross")
#' beta <- setNames(exp(rnorm(30, -3, .5)), paste0("p", 1:30))
#' fit <- rlmm(simulate_trajectories(task, beta, episodes = 5), task)
#' file <- tempfile(fileext = ".html")
#' report(fit, file, criterion = beta, folds = 2)
#' @export
report <- function(fit, file, criterion = NULL, ...) {
  UseMethod("report")
}

#' @rdname report
#' @export
report.rlmm <- function(fit, file, criterion = NULL, data = NULL,
                        title = "Scores from decisions", folds = 5, ...) {
  check_report(file, title)
  folds <- check_count(folds, "folds", lower = 0)
  facts <- report_facts(fit, criterion, data, folds)
  write_report(file, title, c(
    report_verdict(facts), report_meaning(facts), report_scores(facts),
    report_sureness(facts), report_reliability(facts), report_prediction(facts),
    report_criteria(facts), report_fit_of_persons(facts), report_states(facts),
    report_path(facts), report_model(facts), report_table(facts)
  ))
}

# Everything the sections draw on, computed once.
report_facts <- function(fit, criterion, data, folds) {
  steps <- inherits(fit$data, "psyrl_trajectories")
  list(
    fit = fit, scores = persons(fit), reliability = reliability(fit),
    states = decisive_states(fit, 10),
    heldout = if (folds > 1 && steps) cross_validate(fit, folds, by = "person"),
    folds = folds, steps = steps, criterion = criterion, data = data,
    criteria = if (!is.null(criterion)) {
      criterion_cor(fit, criterion, data = data, disattenuate = TRUE)
    }
  )
}

# --- Sections -----------------------------------------------------------------

report_verdict <- function(facts) {
  fit <- facts$fit
  model <- facts$reliability$estimate[facts$reliability$type == "model"]
  tiles <- list(
    c(big_number(nrow(facts$scores)), "persons"),
    c(big_number(stats::nobs(fit)), "decisions"),
    c(decimals(model), paste0(
      "reliability by the model",
      if (!is.na(split_reliability(facts))) {
        paste0(" (by halves of the log ", decimals(split_reliability(facts)), ")")
      }
    ))
  )
  if (!is.null(facts$heldout)) {
    tiles <- c(tiles, list(c(
      percent(exp(-facts$heldout$nll[1])),
      "typical probability given to a choice of an unseen person"
    )))
  }
  for (i in seq_len(min(2, NROW(facts$criteria)))) {
    found <- facts$criteria[i, ]
    tiles <- c(tiles, list(c(
      decimals(found$estimate), paste("correlation with", found$criterion)
    )))
  }
  c(
    html_p(
      "What ", big_number(nrow(facts$scores)), " persons did in a task of ",
      big_number(length(fit$task$states)), " states, scored. ",
      fit$meaning$sentence, " ", verdict(fit),
      class = "lead"
    ),
    html_tiles(tiles),
    vapply(fit$meaning$warnings %||% character(), html_p, "", class = "warning")
  )
}

report_meaning <- function(facts) {
  beta <- stats::quantile(facts$scores$estimate, c(.1, .5, .9), names = FALSE)
  rate <- best_choice_rate(facts$fit, c(0, beta))
  c(
    html_h("What the score means"),
    html_p(
      "Every action has a value: what it is worth for the task, everything that ",
      "follows included. A person's decisiveness, beta, says how sharply that ",
      "person's choices follow these values. At beta = 0 all actions are equally ",
      "likely; the larger beta, the more surely the best action is taken. ",
      identification_sentence(facts$fit)
    ),
    html_p(
      "In the situations of this log, somebody choosing at random would take a ",
      "best action ", percent(rate[1]), " of the time. A person at the 10th ",
      "percentile of the scores (beta = ", significant(beta[1]), ") is expected ",
      "to take it ", percent(rate[2]), " of the time, the median person (",
      significant(beta[2]), ") ", percent(rate[3]), ", a person at the 90th ",
      "percentile (", significant(beta[3]), ") ", percent(rate[4]), "."
    )
  )
}

# Expected share of best actions in the log's decisions between actions of
# different value, for each beta.
best_choice_rate <- function(fit, beta) {
  state <- task_pairs(fit$task)$state
  advantage <- fit$values$advantage
  top <- tapply(advantage, state, max)[as.character(state)]
  visits <- tabulate(rep(fit$counts$pair + 1L, fit$counts$count), length(state))
  n <- tapply(visits, state, sum)
  best <- advantage >= top - 1e-12 * max(abs(advantage))
  matters <- tapply(best, state, mean) < 1
  vapply(beta, function(b) {
    utility <- habit_of(fit) + b * advantage
    odds <- exp(utility - tapply(utility, state, max)[as.character(state)])
    share <- tapply(odds * best, state, sum) / tapply(odds, state, sum)
    sum((n * share)[matters]) / sum(n[matters])
  }, numeric(1))
}

report_scores <- function(facts) {
  scores <- facts$scores
  flags <- table(scores$flag[nzchar(scores$flag)])
  c(
    html_h("Scores of persons"),
    html_p(
      "Scores run from ", significant(min(scores$estimate)), " to ",
      significant(max(scores$estimate)), ", with a median of ",
      significant(stats::median(scores$estimate)), ". Each comes with an interval ",
      "that holds the person's true decisiveness with a probability of 95 %, ",
      "given the model. People decided between ", min(scores$n_decisions), " and ",
      max(scores$n_decisions), " times; fewer decisions make wider intervals and ",
      "pull a score towards the middle of the population.",
      if (length(flags)) {
        paste0(
          " Flagged: ", paste(flags, names(flags), collapse = ", "),
          ". Of these persons the log says little more than that; their score ",
          "rests on the population."
        )
      }
    ),
    html_figure(
      function() plot(facts$fit, "persons"),
      "Every person's score (dot) with its 95 % interval, in order."
    )
  )
}

report_reliability <- function(facts) {
  found <- facts$reliability
  model <- found$estimate[found$type == "model"]
  split <- split_reliability(facts)
  table <- data.frame(
    Reliability = c(
      model = "by the model", `odd-even` = "odd with even half",
      `first-second` = "first with second half"
    )[found$type],
    Estimate = decimals(found$estimate),
    `95 % interval` = interval(found$conf_low, found$conf_high),
    `For the whole log` = decimals(
      ifelse(is.na(found$stepped_up), found$estimate, found$stepped_up)
    ),
    check.names = FALSE
  )
  c(
    html_h("How reliable are the scores?"),
    html_p(
      "By the model, ", percent(model), " of the differences between scores are ",
      "differences between persons rather than chance.",
      if (!is.na(split)) {
        paste0(
          " Scores of the odd and the even half of the log, which do not trust ",
          "the model, put it at ", percent(split), " for the whole log."
        )
      },
      if (!is.na(split) && model - split > .1) " Believe the lower figure.",
      " ", reliability_use(min(model, split, na.rm = TRUE))
    ),
    html_table(table)
  )
}

# Stepped up to the length of the whole log; NA where it is not known.
split_reliability <- function(facts) {
  found <- facts$reliability
  c(found$stepped_up[found$type == "odd-even"], NA)[1]
}

reliability_use <- function(x) {
  c(
    "That is too little to tell one person from another; groups can be compared.",
    paste(
      "That is enough to compare groups and to study relations, not to decide about a",
      "person."
    ),
    "That is good enough for research on differences between persons.",
    "That is high enough to compare single persons."
  )[findInterval(x, c(.5, .7, .9)) + 1]
}

report_prediction <- function(facts) {
  if (!facts$steps) return(NULL)
  c(
    html_h("Does the model predict what people do?"),
    if (!is.null(facts$heldout)) heldout_words(facts),
    html_figure(
      function() plot(facts$fit, "calibration"),
      paste(
        "Actions grouped by the probability the fitted model gave them, and how",
        "often they were taken (95 % intervals over persons). On the diagonal",
        "the probabilities can be taken at their word."
      )
    )
  )
}

heldout_words <- function(facts) {
  found <- facts$heldout
  nll <- stats::setNames(found$nll, found$model)
  table <- data.frame(
    Model = c(
      fit = "this model", uniform = "all legal actions alike",
      `state frequencies` = "what most people did in the state",
      `action frequencies` = "what people do most, whatever the state"
    )[found$model],
    `Nats a choice` = sprintf("%.3f", found$nll),
    `Standard error` = sprintf("%.3f", found$std_error),
    `Typical probability` = percent(exp(-found$nll)),
    check.names = FALSE
  )
  c(
    html_p(
      "The persons were dealt to ", facts$folds, " parts; decisions of each part ",
      "were predicted by a model fitted to the others, which learns about a new ",
      "person only from that person's earlier decisions. It spends ",
      decimals(nll[["fit"]]), " nats a choice, ",
      if (nll[["fit"]] < nll[["uniform"]]) "less than " else "more than ",
      decimals(nll[["uniform"]]), " for somebody who knows nothing. ",
      if (nll[["state frequencies"]] < nll[["fit"]]) {
        paste0(
          "Knowing what most people did predicts better (",
          decimals(nll[["state frequencies"]]), "): behaviour has regularities ",
          "that the task's values do not explain. They would improve the ",
          "prediction, not the measurement."
        )
      } else {
        "It also predicts better than a table of what most people did."
      }
    ),
    html_table(table)
  )
}

report_criteria <- function(facts) {
  found <- facts$criteria
  if (is.null(found)) return(NULL)
  table <- data.frame(
    Criterion = found$criterion, Persons = big_number(found$n),
    Correlation = decimals(found$estimate),
    `95 % interval` = interval(found$conf_low, found$conf_high),
    p = ifelse(found$p_value < .001, "< .001", decimals(found$p_value, 3)),
    Corrected = decimals(found$disattenuated), check.names = FALSE
  )
  drawn <- utils::head(found$criterion, 3)
  c(
    html_h("Do the scores go with criteria outside the log?"),
    html_p(
      "Correlations of log beta with what is known about the persons otherwise; ",
      "persons are matched by name. The last column divides by the square root of ",
      "the score's reliability: what the correlation would be with a score free ",
      "of error."
    ),
    html_table(table),
    vapply(drawn, function(name) {
      one <- if (length(drawn) > 1) stats::reformulate(name) else facts$criterion
      html_figure(
        function() plot(facts$fit, "criterion", criterion = one, data = facts$data),
        paste0("Scores with their intervals against ", name, ".")
      )
    }, "")
  )
}

report_states <- function(facts) {
  found <- facts$states
  table <- data.frame(
    State = as.character(found$state), Decisions = big_number(found$n_decisions),
    `A best action taken` = percent(found$best_taken),
    `Information` = percent(found$share, 1), check.names = FALSE
  )
  c(
    html_h("Which situations told most about people?"),
    html_p(
      "A decision tells something about a person if actions of different value ",
      "are at stake and it is not plain what everybody would do. The ten states ",
      "below carry ", percent(sum(found$share)), " of all the information in the ",
      "log."
    ),
    html_table(table),
    html_figure(
      function() plot(facts$fit, "values"),
      paste0(
        "The first of these states. Bars: how often each action was taken; ",
        "diamonds: how often the model says it is; the best action is on top."
      )
    )
  )
}

report_path <- function(facts) {
  if (!facts$steps) return(NULL)
  c(
    html_h("One person, decision by decision"),
    html_p(
      "The person with the median score. Each point is the probability that the ",
      "model, knowing the score, gave to what the person chose; short lines are ",
      "what chance would give."
    ),
    html_figure(
      function() plot(facts$fit, "path"),
      "A person's decisions in order. Shaded bands separate episodes.",
      width = 9
    )
  )
}

report_model <- function(facts) {
  fit <- facts$fit
  table <- fit$parameters
  ends <- stats::confint(fit, "population")
  rows <- data.frame(
    Parameter = table$term, Estimate = significant(table$estimate),
    `95 % interval` = ifelse(table$fixed, "fixed",
      interval(ends[, 1], ends[, 2], significant)
    ),
    check.names = FALSE
  )
  seconds <- fit$trace$seconds[NROW(fit$trace)]
  c(
    html_h("The model"),
    html_p(
      "Person j takes action a in state s with a probability proportional to ",
      "exp(beta_j A(s, a)); log beta_j is normal in the population with mean mu ",
      "and standard deviation sigma. Log-likelihood ",
      format(round(fit$loglik, 1), nsmall = 1, big.mark = ","),
      " (traits integrated out), AIC ",
      format(round(stats::AIC(fit), 1), nsmall = 1, big.mark = ","), ". ",
      verdict(fit), if (length(seconds)) paste0(" It took ", decimals(seconds, 1), " s.")
    ),
    html_table(rows),
    html_call(fit)
  )
}

# All scores, to read and to save.
report_table <- function(facts) {
  scores <- facts$scores
  shown <- data.frame(
    Person = as.character(scores$person), Score = significant(scores$estimate),
    `95 % interval` = interval(scores$conf_low, scores$conf_high, significant),
    Decisions = scores$n_decisions, Flag = scores$flag, check.names = FALSE
  )
  html_scores(scores, shown)
}
