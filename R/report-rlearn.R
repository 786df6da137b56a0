# The report of a learning model, section by section.

#' @rdname report
#' @export
report.rlearn <- function(fit, file, criterion = NULL, data = NULL,
                          title = "Learning from choices", folds = 5, ...) {
  check_report(file, title)
  folds <- check_count(folds, "folds", lower = 0)
  facts <- list(
    fit = fit, scores = persons(fit), reliability = reliability(fit),
    heldout = if (folds > 1 && fit$estimator == "hierarchical") {
      cross_validate(fit, folds, by = "person")
    },
    folds = folds,
    criteria = if (!is.null(criterion)) {
      criterion_cor(fit, criterion, data = data, disattenuate = TRUE)
    }
  )
  write_report(file, title, c(
    learning_verdict(facts), learning_model(facts), learning_persons(facts),
    learning_reliability(facts), learning_prediction(facts),
    learning_criteria(facts), learning_table(facts)
  ))
}

learning_verdict <- function(facts) {
  fit <- facts$fit
  tiles <- list(
    c(big_number(length(fit$data$persons)), "persons"),
    c(big_number(stats::nobs(fit)), "choices"),
    c(length(unique(facts$scores$parameter)), "parameters of each person")
  )
  if (!is.null(facts$heldout)) {
    tiles <- c(tiles, list(c(
      percent(exp(-facts$heldout$nll[1])),
      "typical probability given to a choice of an unseen person"
    )))
  }
  flags <- table(fit$flag[nzchar(fit$flag)])
  c(
    html_p(
      "How ", big_number(length(fit$data$persons)), " persons learn and choose, ",
      "by the model \"", fit$model$title, "\", ", estimator_words(fit), ". ",
      verdict(fit),
      class = "lead"
    ),
    html_tiles(tiles),
    if (length(flags)) {
      html_p(
        "Flagged persons: ", paste(flags, names(flags), collapse = ", "),
        ". Their estimates rest on the other persons.",
        class = "warning"
      )
    }
  )
}

learning_model <- function(facts) {
  fit <- facts$fit
  parameters <- fit$model$table
  population <- if (fit$estimator == "hierarchical") {
    rows <- tidy.rlearn(fit)
    c(
      html_p(
        "The group, on the scale without bounds on which persons are normal: ",
        "means, and standard deviations between persons."
      ),
      html_table(data.frame(
        Parameter = rows$term, Estimate = significant(rows$estimate),
        `95 % interval` = interval(rows$conf.low, rows$conf.high, significant),
        check.names = FALSE
      ))
    )
  }
  c(
    html_h("The model"),
    html_p(fit$model$definition, " (", fit$model$reference, ")"),
    html_table(data.frame(
      Parameter = parameters$parameter, `From` = parameters$lower,
      `To` = parameters$upper
    )),
    population, html_call(fit)
  )
}

learning_persons <- function(facts) {
  c(
    html_h("Persons"),
    html_p(
      "Every person's estimates with their 95 % intervals, in order, and the ",
      "estimates against each other on the scale without bounds."
    ),
    html_figure(
      function() plot(facts$fit, "persons"),
      "Every person's estimate with its 95 % interval."
    ),
    if (length(unique(facts$scores$parameter)) > 1) {
      html_figure(
        function() plot(facts$fit, "parameters"),
        "Parameters against each other: each dot is a person.",
        height = 6.5
      )
    }
  )
}

learning_reliability <- function(facts) {
  found <- facts$reliability
  c(
    html_h("How reliable are the estimates?"),
    html_p(
      "Of the differences between persons' estimates, the share that is ",
      "difference between persons rather than chance: by the model, and by ",
      "fitting parts of each person's choices apart, which does not trust the ",
      "model (last column: for all choices)."
    ),
    html_table(data.frame(
      Parameter = found$parameter, Kind = found$type,
      Estimate = decimals(found$estimate),
      `95 % interval` = interval(found$conf_low, found$conf_high),
      `For all choices` = decimals(found$stepped_up), check.names = FALSE
    ))
  )
}

learning_prediction <- function(facts) {
  found <- facts$heldout
  c(
    html_h("Does the model do what people do?"),
    if (!is.null(found)) {
      c(
        html_p(
          "The persons were dealt to ", facts$folds, " parts; choices of each ",
          "part were predicted from the group fitted to the others."
        ),
        html_table(data.frame(
          Model = found$model, `Nats a choice` = sprintf("%.3f", found$nll),
          `Standard error` = sprintf("%.3f", found$std_error),
          `Typical probability` = percent(exp(-found$nll)), check.names = FALSE
        ))
      )
    },
    html_figure(
      function() plot(facts$fit, "curves", nsim = 50),
      "Shares of the choices over trials, over 95 % bands of data the model made."
    )
  )
}

learning_criteria <- function(facts) {
  found <- facts$criteria
  if (is.null(found)) return(NULL)
  c(
    html_h("Do the estimates go with criteria outside the choices?"),
    html_p(
      "Correlations of the estimates, on the scale without bounds; persons are ",
      "matched by name. The last column divides by the square root of the ",
      "estimate's reliability."
    ),
    html_table(data.frame(
      Parameter = found$parameter, Criterion = found$criterion,
      Persons = big_number(found$n), Correlation = decimals(found$estimate),
      `95 % interval` = interval(found$conf_low, found$conf_high),
      p = ifelse(found$p_value < .001, "< .001", decimals(found$p_value, 3)),
      Corrected = decimals(found$disattenuated), check.names = FALSE
    ))
  )
}

learning_table <- function(facts) {
  scores <- facts$scores
  html_scores(scores, data.frame(
    Person = as.character(scores$person), Parameter = scores$parameter,
    Estimate = significant(scores$estimate),
    `95 % interval` = interval(scores$conf_low, scores$conf_high, significant),
    Choices = scores$n_decisions, Flag = scores$flag, check.names = FALSE
  ))
}
