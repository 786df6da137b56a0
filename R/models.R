# The registry of learning models. An entry drives documentation, starts, simulation
# ranges and tests; the likelihood itself is in src/core/learning/models.

# A parameter: its range on the natural scale decides the link (both ends finite:
# logit; lower end: log; else identity). `typical` is where searches start and the
# centre of the default prior; `low`, `high` span what recovery studies draw.
# `per`: one for all, one an option but the first ("bias"), one an option ("arm").
parameter <- function(name, lower = -Inf, upper = Inf, typical = 0, low = -1,
                      high = 1, per = "model") {
  link <- if (is.finite(lower) && is.finite(upper)) {
    "logit"
  } else if (is.finite(lower)) {
    "log"
  } else {
    "identity"
  }
  data.frame(
    parameter = name, link = link, lower = lower, upper = upper,
    typical = typical, low = low, high = high, per = per
  )
}

rate <- function(name = "alpha", typical = 0.3, low = 0.1, high = 0.7) {
  parameter(name, 0, 1, typical, low, high)
}

positive <- function(name = "beta", typical = 3, low = 1, high = 8) {
  parameter(name, 0, Inf, typical, low, high)
}

rl_model <- function(model, title, parameters, definition, reference,
                     switches = numeric(), task = "bandit", call = sys.call(-1)) {
  structure(
    list(
      model = model, title = title, table = do.call(rbind, parameters),
      switches = switches, task = task, definition = definition,
      reference = reference, call = call
    ),
    class = "psyrl_model"
  )
}

#' Learning models
#'
#' Each constructor returns a small printable specification for [rlearn()],
#' [log_lik()], [compare()] and [recover()]. `rl_models()` lists all of them with
#' their parameters, ranges and references. On every trial people choose first and
#' learn then; `softmax(x)` is the probability proportional to `exp(x)`.
#'
#' Outcomes are used in the units given: `beta` times the scale of outcomes is what
#' the data identify, and the coding of losses (0 or -1) and `initial` change the
#' meaning of learning rates. Two conventions exist for a rate after reward and
#' another after punishment: `rates = "dual"` goes by the sign of the prediction
#' error, `rates = "dual_outcome"` by the sign of the outcome.
#'
#' @param rates One learning rate; `"dual"`, one for prediction errors of either
#'   sign (0 counts as positive); `"dual_outcome"`, one for outcomes of either sign
#'   (`alpha_rew`, `alpha_pun`).
#' @param forgetting Values of options not chosen decay to `initial` at rate `phi`.
#' @param perseveration Adds `kappa` to the logit of the previous real choice of the
#'   block.
#' @param choice_kernel Adds `beta_ck` times a trace of past choices with rate
#'   `alpha_ck`.
#' @param lapse With probability `xi` the choice is uniform.
#' @param bias Adds `bias_k` to the logit of every option but the first.
#' @param initial Value of every option when a block begins.
#' @return An object of class `psyrl_model`. `rl_models()`: a data frame, a row a
#'   model and parameter.
#' @examples
#' rescorla_wagner(rates = "dual", perseveration = TRUE)
#' rl_models()
#' @export
rescorla_wagner <- function(rates = c("single", "dual", "dual_outcome"),
                            forgetting = FALSE, perseveration = FALSE,
                            choice_kernel = FALSE, lapse = FALSE, bias = FALSE,
                            initial = 0) {
  rates <- check_choice(rates, c("single", "dual", "dual_outcome"), "rates")
  initial <- check_number(initial, "initial")
  parameters <- c(
    rate_parameters(rates), list(positive()),
    if (check_flag(forgetting, "forgetting")) list(rate("phi", 0.2, 0.05, 0.5)),
    if (check_flag(perseveration, "perseveration")) {
      list(parameter("kappa", typical = 0.2, low = -0.5, high = 1.5))
    },
    if (check_flag(choice_kernel, "choice_kernel")) {
      list(rate("alpha_ck"), parameter("beta_ck", typical = 0.5, low = -1, high = 2))
    },
    if (check_flag(lapse, "lapse")) list(rate("xi", 0.05, 0.01, 0.2)),
    if (check_flag(bias, "bias")) list(parameter("bias", per = "bias"))
  )
  rl_model(
    "rescorla_wagner", "Rescorla-Wagner (Q-learning)", parameters,
    "Q(a) += alpha (r - Q(a)); P = (1 - xi) softmax(beta Q + ...) + xi / K",
    "Rescorla & Wagner 1972; Sutton & Barto 2018; Wilson & Collins 2019",
    c(initial = initial, by_outcome = as.numeric(rates == "dual_outcome"))
  )
}

rate_parameters <- function(rates) {
  switch(rates,
    single = list(rate()),
    dual = list(rate("alpha_pos"), rate("alpha_neg")),
    dual_outcome = list(rate("alpha_rew"), rate("alpha_pun"))
  )
}

#' @rdname rescorla_wagner
#' @export
fictitious <- function(rates = c("single", "dual"), initial = 0) {
  rates <- check_choice(rates, c("single", "dual"), "rates")
  rl_model(
    "fictitious", "Fictitious update", c(rate_parameters(rates), list(positive())),
    "Q(a) += alpha (r - Q(a)), Q(other) += alpha (-r - Q(other)); softmax(beta Q)",
    "Hampton et al. 2006; Glaescher et al. 2009",
    c(initial = check_number(initial, "initial"))
  )
}

#' @rdname rescorla_wagner
#' @export
confirmation <- function(initial = 0) {
  rl_model(
    "confirmation", "Confirmation bias",
    list(rate("alpha_conf"), rate("alpha_disc"), positive()),
    paste(
      "alpha_conf for good news of the chosen and bad news of the other option,",
      "alpha_disc else; the other learns from `counterfactual`; softmax(beta Q)"
    ),
    "Palminteri et al. 2017", c(initial = check_number(initial, "initial"))
  )
}

#' @rdname rescorla_wagner
#' @export
pearce_hall <- function(initial = 0) {
  rl_model(
    "pearce_hall", "Hybrid Pearce-Hall", list(rate("kappa"), rate("eta"), positive()),
    paste(
      "d = r - Q(a), Q(a) += kappa A(a) d, A(a) = eta |d| + (1 - eta) A(a),",
      "A starts at 1; softmax(beta Q)"
    ),
    "Pearce & Hall 1980; Li et al. 2011", c(initial = check_number(initial, "initial"))
  )
}

#' @rdname rescorla_wagner
#' @export
ewa <- function(initial = 0) {
  rl_model(
    "ewa", "Experience-weighted attraction",
    list(rate("phi", 0.7, 0.3, 0.95), rate("rho", 0.5, 0.1, 0.9), positive()),
    "n' = rho n + 1, Q(a) = (phi n Q(a) + r) / n', n starts at 0; softmax(beta Q)",
    "Camerer & Ho 1999; den Ouden et al. 2013",
    c(initial = check_number(initial, "initial"))
  )
}

#' @rdname rescorla_wagner
#' @param observation_sd Standard deviation of outcomes around an arm's mean.
#' @export
kalman_bandit <- function(observation_sd = 4) {
  rl_model(
    "kalman_bandit", "Kalman filter",
    list(
      rate("lambda", 0.9, 0.7, 0.98),
      parameter("theta", typical = 50, low = 40, high = 60),
      parameter("mu0", typical = 50, low = 40, high = 80),
      positive("sigma0", 6, 3, 10), positive("sigma_d", 3, 1.5, 6),
      positive("beta", 0.2, 0.1, 0.5)
    ),
    paste(
      "Kalman update of the chosen arm (observation SD 4), then for all m = lambda m +",
      "(1 - lambda) theta, s2 = lambda^2 s2 + sigma_d^2; softmax(beta m)"
    ),
    "Daw et al. 2006",
    c(observation_sd = check_number(observation_sd, "observation_sd", lower = 0))
  )
}

#' @rdname rescorla_wagner
#' @param parameters Number of parameters of the two-step model: 7; 6, `lambda` = 1; or
#'   4, also one learning rate and one inverse temperature.
#' @param eligibility Whether the eligibility trace carries the second-stage prediction
#'   error `"before"` (Daw et al. 2011) or `"after"` the second-stage value's own update
#'   (smaller by 1 - alpha2: the convention of Stan programs in wide use).
#' @param common Probability of the common transition.
#' @export
two_step <- function(parameters = 7, eligibility = c("before", "after"),
                     common = 0.7) {
  if (!is.numeric(parameters) || length(parameters) != 1 ||
        !parameters %in% c(4, 6, 7)) {
    abort_input("parameters", paste0(
      "`parameters` must be 7, 6 or 4, not ", describe(parameters), "."
    ))
  }
  eligibility <- check_choice(eligibility, c("before", "after"), "eligibility")
  learning <- if (parameters == 4) {
    list(rate("alpha"), positive("beta"))
  } else {
    list(rate("alpha1"), rate("alpha2"), positive("beta1"), positive("beta2"))
  }
  rl_model(
    "two_step", "Two-step hybrid",
    c(
      learning, if (parameters == 7) list(rate("lambda", 0.6, 0.2, 0.9)),
      list(rate("w", 0.5, 0.1, 0.9), parameter("pi", typical = 0.2, low = 0, high = 1))
    ),
    paste(
      "beta1 (w MB + (1 - w) Q1) + pi 1[repeat]; beta2 Q2; Q1 += alpha1 (Q2 - Q1) +",
      "lambda alpha1 (r - Q2); Q2 += alpha2 (r - Q2)"
    ),
    "Daw et al. 2011; Otto et al. 2013",
    c(after = as.numeric(eligibility == "after"),
      common = check_number(common, "common", 0, 1)),
    task = "two_step"
  )
}

#' @rdname rescorla_wagner
#' @param sensitivity One sensitivity `rho` to outcomes, or one for gains and one for
#'   losses (`rho_rew`, `rho_pun`).
#' @param pavlovian Adds `pi` times the cue's value to the logit of going.
#' @export
go_nogo <- function(sensitivity = c("single", "dual"), bias = TRUE,
                    pavlovian = TRUE, lapse = TRUE) {
  sensitivity <- check_choice(sensitivity, c("single", "dual"), "sensitivity")
  rho <- if (sensitivity == "single") "rho" else c("rho_rew", "rho_pun")
  rl_model(
    "go_nogo", "Go / no-go with Pavlovian bias",
    c(
      list(rate("epsilon", 0.2, 0.05, 0.5)),
      if (check_flag(lapse, "lapse")) list(rate("xi", 0.05, 0.01, 0.2)),
      lapply(rho, positive, typical = 4, low = 2, high = 8),
      if (check_flag(bias, "bias")) list(parameter("b", typical = 0.2)),
      if (check_flag(pavlovian, "pavlovian")) {
        list(parameter("pi", typical = 0.2, low = -0.2, high = 1))
      }
    ),
    paste(
      "p(go) = (1 - xi) logistic(Q(go) + b + pi V - Q(no-go)) + xi / 2; Q, V learn",
      "rho r at rate epsilon, per cue"
    ),
    "Guitart-Masip et al. 2012", task = "go_nogo"
  )
}

iowa_parameters <- function() {
  list(
    rate("A", 0.3, 0.1, 0.8), parameter("alpha", 0, 2, 0.5, 0.2, 1),
    parameter("cons", 0, 5, 1, 0.5, 2), parameter("lambda", 0, 10, 1, 0.3, 3)
  )
}

#' @rdname rescorla_wagner
#' @export
pvl_delta <- function() {
  rl_model(
    "pvl_delta", "Prospect valence learning, delta rule", iowa_parameters(),
    paste(
      "u = r^alpha or -lambda (-r)^alpha; E(a) += A (u - E(a));",
      "softmax((3^cons - 1) E)"
    ),
    "Ahn et al. 2008; Steingroever et al. 2014", task = "iowa"
  )
}

#' @rdname rescorla_wagner
#' @export
pvl_decay <- function() {
  rl_model(
    "pvl_decay", "Prospect valence learning, decay rule", iowa_parameters(),
    "u as in PVL-delta; E = A E, E(a) += u; softmax((3^cons - 1) E)",
    "Ahn et al. 2008; Steingroever et al. 2014", task = "iowa"
  )
}

#' @rdname rescorla_wagner
#' @export
vpp <- function() {
  rl_model(
    "vpp", "Value plus perseverance",
    c(iowa_parameters(), list(
      parameter("epP"), parameter("epN"), rate("K", 0.5, 0.2, 0.8),
      rate("w", 0.5, 0.2, 0.8)
    )),
    paste(
      "PVL-delta beside P = K P, P(a) += epP (r >= 0) or epN; V = w E + (1 - w) P;",
      "softmax((3^cons - 1) V)"
    ),
    "Worthy et al. 2013", task = "iowa"
  )
}

#' @rdname rescorla_wagner
#' @export
orl <- function() {
  rl_model(
    "orl", "Outcome-representation learning",
    list(
      rate("Arew"), rate("Apun"), parameter("K", 0, 5, 1, 0.5, 2),
      parameter("betaF", typical = 0.5, low = -1, high = 3),
      parameter("betaP", typical = 0.5, low = -1, high = 3)
    ),
    paste(
      "EV(a) and frequency EF(a) learn at Arew (r >= 0) or Apun, EF of the others",
      "fictively; PS(a) = 1, then all PS / 3^K; softmax(EV + betaF EF + betaP PS)"
    ),
    "Haines et al. 2018", task = "iowa"
  )
}

#' @rdname rescorla_wagner
#' @param share Parameters shared by all options, or one set an `"arm"`.
#' @param channels What leaves a trace: `"outcome"`, `"choice"` or both.
#' @param beta_range Range of every `beta`; an infinite end is 200 (a fit that
#'   ends there is flagged).
#' @export
forgetting_bandit <- function(share = c("all", "arm"), channels = c("outcome"),
                              beta_range = c(0, Inf)) {
  share <- check_choice(share, c("all", "arm"), "share")
  channels <- unique(vapply(channels, check_choice, "",
    choices = c("outcome", "choice"), arg = "channels", USE.NAMES = FALSE
  ))
  range <- pmin(pmax(beta_range, -200), 200)
  if (length(range) != 2 || anyNA(range) || range[1] >= range[2]) {
    abort_input("beta_range", paste0(
      "`beta_range` must be two increasing numbers, not ", describe(beta_range), "."
    ))
  }
  per <- if (share == "arm") "arm" else "model"
  suffix <- if (length(channels) > 1) paste0("_", sort(channels, TRUE)) else ""
  inside <- range[1] + pmin(c(1, 3, 8), c(0.2, 0.4, 0.8) * diff(range))
  rl_model(
    "forgetting_bandit", "Forgetting bandit",
    lapply(c(paste0("alpha", suffix), paste0("beta", suffix)), function(name) {
      if (startsWith(name, "alpha")) {
        return(parameter(name, 0, 1, 0.3, 0.1, 0.7, per))
      }
      parameter(name, range[1], range[2], inside[2], inside[1], inside[3], per)
    }),
    paste(
      "z += alpha (beta u - z), all arms and channels, u = outcome of the chosen arm or",
      "1 (channel choice), else 0; softmax of the sum"
    ),
    "Ito & Doya 2009; Zhu et al. 2025",
    c(outcome = as.numeric("outcome" %in% channels),
      choice = as.numeric("choice" %in% channels))
  )
}

#' @rdname rescorla_wagner
#' @export
win_stay_lose_shift <- function() {
  rl_model(
    "win_stay_lose_shift", "Win-stay lose-shift",
    list(rate("p_ws", 0.7, 0.6, 0.95), rate("p_ls", 0.5, 0.4, 0.9)),
    "P(stay) = p_ws after r > 0, 1 - p_ls after any other outcome; the others share",
    "Worthy & Maddox 2014", task = "baseline"
  )
}

#' @rdname rescorla_wagner
#' @export
biased_random <- function() {
  rl_model(
    "biased_random", "Random responding with bias",
    list(parameter("bias", per = "bias")), "softmax(0, bias_2, ..., bias_K)",
    "Wilson & Collins 2019", task = "baseline"
  )
}

# All models in their default form.
model_constructors <- function() {
  list(
    rescorla_wagner(), fictitious(), confirmation(), pearce_hall(), ewa(),
    kalman_bandit(), two_step(), go_nogo(), pvl_delta(), pvl_decay(), vpp(), orl(),
    forgetting_bandit(), win_stay_lose_shift(), biased_random()
  )
}

#' @rdname rescorla_wagner
#' @export
rl_models <- function() {
  rows <- lapply(model_constructors(), function(model) {
    table <- model$table
    data.frame(
      model = model$model, task = model$task,
      table[c("parameter", "link", "lower", "upper", "typical", "low", "high")],
      definition = model$definition, reference = model$reference
    )
  })
  structure(do.call(rbind, rows), class = c("psyrl_rl_models", "data.frame"))
}

#' @export
print.psyrl_rl_models <- function(x, ...) {
  if (!all(c("model", "definition", "reference") %in% names(x))) {
    return(NextMethod())
  }
  for (name in unique(x$model)) {
    rows <- x[x$model == name, ]
    cat(name, "()  [", rows$task[1], "]\n", sep = "")
    cat(strwrap(rows$definition[1], indent = 2, exdent = 4), sep = "\n")
    cat("  ", range_words(rows), "\n  ", rows$reference[1], "\n", sep = "")
  }
  invisible(x)
}

range_words <- function(table) {
  paste0(table$parameter, " in (", table$lower, ", ", table$upper, ")", collapse = ", ")
}

#' @export
print.psyrl_model <- function(x, ...) {
  cat(x$title, "\n", sep = "")
  cat(strwrap(x$definition, indent = 2, exdent = 4), sep = "\n")
  cat(strwrap(range_words(x$table), indent = 2, exdent = 4), sep = "\n")
  on <- x$switches[x$switches != 0]
  if (length(on)) {
    cat("  ", paste(names(on), "=", format(on), collapse = ", "), "\n", sep = "")
  }
  cat("  ", x$reference, "\n", sep = "")
  invisible(x)
}
