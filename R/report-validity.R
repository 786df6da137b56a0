# The report's pages for test developers: how sure a score is, and whether people did
# what the model says. See report.R for how sections are made.

report_sureness <- function(facts) {
  fit <- facts$fit
  shared <- !identical(fit$spec$value$temperature, "person")
  ratio <- stats::median(facts$scores$conf_high / facts$scores$conf_low)
  c(
    html_h("How sure are we about a person?"),
    html_p(
      "Half of the persons have a 95 % interval whose upper end is at most ",
      decimals(ratio, 1), " times its lower end. ", sharing_words(fit)
    ),
    if (shared && !is_on_demand(fit$task)) length_words(fit),
    if (facts$steps) {
      html_figure(
        function() plot(stats::influence(fit)),
        paste(
          "A row a person, from the lowest to the highest score; a column a decision.",
          "Blue decisions speak for decisiveness, red ones against it; pale ones",
          "tell nothing."
        ),
        width = 9
      )
    }
  )
}

# What the intervals gain in width by what all persons share.
sharing_words <- function(fit) {
  if (!carries_uncertainty(fit)) {
    return("These intervals take what all persons share as known.")
  }
  width <- function(method) {
    ends <- stats::confint(fit, scale = "log", method = method)
    ends[, 2] - ends[, 1]
  }
  wider <- stats::median(width("joint") / width("plugin")) - 1
  if (shared_by(fit) == "mixture") {
    return("That includes the uncertainty of the values learned from the same people.")
  }
  paste0(
    "Everything that all persons share was estimated from the same log, too; that ",
    "makes intervals ", if (wider < .005) "no wider" else paste(percent(wider), "wider"),
    " (confint() gives them)."
  )
}

length_words <- function(fit) {
  need <- test_length(fit, c(.7, .8, .9))
  c(
    html_p(
      "If the model were exactly right, scores of this population would reach a ",
      "reliability of .7, .8 and .9 after ",
      paste(ifelse(is.finite(need$episodes), big_number(need$episodes), "no number of"),
        collapse = ", "
      ), " episodes. Decisions tell most about persons where the curve is high."
    ),
    html_figure(
      function() plot(information(fit)),
      "What a log of average length tells about persons, by decisiveness."
    )
  )
}

report_fit_of_persons <- function(facts) {
  fit <- facts$fit
  if (!facts$steps || identical(fit$spec$value$temperature, "person")) return(NULL)
  found <- person_fit(fit, n = 199)
  share <- function(p) mean(p < .05, na.rm = TRUE)
  worst <- found[order(pmin(found$drift_p_value, found$infit_p_value),
    -found$infit
  )[seq_len(min(5, nrow(found)))], ]
  c(
    html_h("Is it a good measure of everybody?"),
    html_p(
      "Somebody may grow tired, learn on the way, or choose without looking: then ",
      "the score does not describe that person. By chance 5 % of the persons would ",
      "be pointed out. Becoming more or less decisive in the course of the log: ",
      percent(share(found$drift_p_value)), ". Choices more erratic than those of ",
      "anybody with that score: ", percent(share(found$infit_p_value)), ". ",
      misfit_words(max(share(found$drift_p_value), share(found$infit_p_value)))
    ),
    html_table(data.frame(
      `Least as the model says` = as.character(worst$person),
      Drift = decimals(worst$drift), `p ` = decimals(worst$drift_p_value, 3),
      Infit = decimals(worst$infit), p = decimals(worst$infit_p_value, 3),
      check.names = FALSE
    ))
  )
}

misfit_words <- function(share) {
  if (is.na(share) || share < .08) return("The model describes people well.")
  if (share < .2) {
    return("Some people do something else than the model says: look at them first.")
  }
  paste(
    "Many people do something else than the model says: its reliability and its",
    "intervals are too good, and halves of the log should be believed instead."
  )
}
