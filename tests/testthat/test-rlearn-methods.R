# What a fit answers, and what it does with odd people.

shared_fit <- local({
  fits <- list()
  function(estimator = "hierarchical") {
    if (is.null(fits[[estimator]])) {
      fits[[estimator]] <<- rlearn(known_group(15, 80, seed = 5), estimator = estimator)
    }
    fits[[estimator]]
  }
})

test_that("persons and intervals are on both scales", {
  for (estimator in c("hierarchical", "map", "ml")) {
    fit <- shared_fit(estimator)
    own <- persons(fit)
    expect_named(own, c(
      "person", "parameter", "estimate", "std_error", "conf_low", "conf_high",
      "log_estimate", "n_decisions", "n_informative", "flag"
    ))
    expect_equal(nrow(own), 30)
    alpha <- own[own$parameter == "alpha", ]
    expect_equal(alpha$estimate, plogis(alpha$log_estimate))
    expect_equal(own$n_decisions, rep(80, 30))
    wide <- persons(fit, level = 0.99)
    inside <- is.finite(own$std_error)
    expect_true(all((wide$conf_low < own$conf_low)[inside]))
    expect_equal(
      unname(confint(fit)[inside, ]), unname(as.matrix(own[inside, 5:6])),
      tolerance = 1e-12
    )
  }
})

test_that("new persons are scored as the same persons in the fit", {
  fit <- shared_fit()
  again <- persons(fit, newdata = fit$data[3:5])
  expect_equal(again$log_estimate, persons(fit)$log_estimate[5:10], tolerance = 1e-5)
  plug <- confint(fit, method = "plugin")[5:10, ]
  expect_equal(unname(as.matrix(again[5:6])), unname(plug), tolerance = 1e-5)
})

test_that("population summaries agree with each other", {
  fit <- shared_fit()
  expect_named(coef(fit), c("alpha", "beta", "sd_alpha", "sd_beta"))
  expect_equal(coef(fit, scale = "natural")[["alpha"]], plogis(coef(fit)[["alpha"]]))
  se <- sqrt(diag(vcov(fit)))
  expect_equal(
    unname(confint(fit, "population")["beta", ]),
    unname(coef(fit)["beta"] + c(-1, 1) * qnorm(0.975) * se["beta"])
  )
  expect_equal(attr(logLik(fit), "df"), 5)
  expect_equal(AIC(fit), -2 * as.numeric(logLik(fit)) + 10)
  expect_equal(nobs(fit), 15 * 80)
  table <- tidy(fit)
  expect_equal(table$std.error, unname(se))
  expect_equal(glance(fit)$AIC, AIC(fit))
  expect_equal(nrow(augment(fit)), 15 * 80)
  expect_output(print(fit), "converged")
  expect_output(print(summary(fit)), "Reliability")
  larger <- rlearn(fit$data, rescorla_wagner(perseveration = TRUE))
  table <- anova(fit, larger)
  expect_equal(table$Df[2], 4)
  expect_output(print(table), "Model 2: rescorla_wagner\\(alpha, beta, kappa\\)")
  expect_equal(table$Chisq[2], 2 * as.numeric(logLik(larger) - logLik(fit)))
  expect_s3_class(update(fit, estimator = "map"), "rlearn")
})

test_that("predictions are the likelihood trial by trial", {
  fit <- shared_fit()
  p <- predict(fit)
  expect_equal(nrow(p), 15 * 80 * 2)
  sums <- tapply(p$probability, paste(p$person, p$trial), sum)
  expect_true(all(abs(sums - 1) < 1e-12))
  nll <- predict(fit, type = "nll")
  by_person <- tapply(nll$nll, factor(nll$person, fit$data$persons), sum)
  expect_equal(as.vector(-by_person), fit$persons$log_lik, tolerance = 1e-10)
  expect_equal(exp(-nll$nll), fitted(fit), tolerance = 1e-12)
  expect_equal(residuals(fit)^2, -2 * log(fitted(fit)))
  v <- values(fit)
  expect_true(all(c("person", "trial", "option", "value", "prediction_error",
                    "probability") %in% names(v)))
  first <- v[v$trial == 1, ]
  expect_true(all(first$value == 0))
  # Value after a trial: before plus rate times error, for the chosen.
  own <- v[v$person == 1, ]
  choice <- fit$data$trials$choice[1]
  rate <- persons(fit)$estimate[1]
  second <- own$value[own$trial == 2 & own$option == choice]
  expect_equal(second, rate * own$prediction_error[1], tolerance = 1e-12)
})

test_that("simulated people behave as the fit says", {
  fit <- shared_fit()
  drawn <- simulate(fit, nsim = 2, seed = 1)
  expect_length(drawn, 2)
  expect_identical(simulate(fit, seed = 1)$trials, drawn[[1]]$trials)
  expect_equal(nrow(drawn[[1]]$trials), nrow(fit$data$trials))
  again <- rlearn(drawn[[1]])
  expect_lt(max(abs(coef(again) - coef(fit))[1:2]), 0.8)
})

test_that("held-out prediction beats chance, and folds are reproducible", {
  fit <- shared_fit()
  set.seed(1)
  table <- cross_validate(fit, folds = 3)
  expect_equal(table$model, c("fit", "uniform", "choice frequencies"))
  expect_lt(table$nll[1], table$nll[2])
  expect_equal(table$nll[2], log(2))
  set.seed(1)
  expect_identical(cross_validate(fit, folds = 3), table)
  expect_error(
    cross_validate(shared_fit("ml"), folds = 3), class = "psyrl_error_input"
  )
  expect_error(cross_validate(fit, by = "episode"), class = "psyrl_error_input")
})

test_that("reliability, criteria and bootstrap answer by parameter", {
  fit <- shared_fit()
  r <- reliability(fit)
  expect_setequal(r$type, c("model", "first-second"))
  model <- r$estimate[r$type == "model"]
  expect_true(all(model > 0 & model < 1))
  own <- persons(fit)
  beta <- own$log_estimate[own$parameter == "beta"]
  found <- criterion_cor(fit, stats::setNames(beta, fit$data$persons))
  expect_equal(found$estimate[found$parameter == "beta"], 1)
  set.seed(2)
  b <- bootstrap(fit, n = 4)
  expect_equal(colnames(b$estimates), names(coef(fit)))
  set.seed(2)
  expect_identical(bootstrap(fit, n = 4), b)
  expect_error(
    bootstrap(shared_fit("ml"), n = 4, type = "persons"), class = "psyrl_error_input"
  )
})

test_that("odd people are flagged and spoil nobody", {
  data <- known_group(25, 100, seed = 6)
  odd <- data
  always <- which(odd$trials$person == 1)
  odd$trials$choice[always] <- 1L
  odd$trials[which(odd$trials$person == 2)[-(1:3)], c("choice", "outcome")] <- NA
  missed <- which(odd$trials$person == 3)[c(10, 20)]
  odd$trials$choice[missed] <- NA
  fit <- rlearn(odd)
  expect_match(fit$flag[1], "always the same choice")
  expect_match(fit$flag[2], "few trials")
  expect_equal(fit$n_decisions[1:3], c(100, 3, 98))
  expect_equal(fit$n_missed[1:3], c(0, 97, 2))
  # The others move with the group alone: under it, without the odd, they are the same.
  without <- persons(fit, newdata = data[4:25])
  own <- persons(fit)
  expect_equal(
    without$log_estimate, own$log_estimate[own$person %in% 4:25], tolerance = 1e-5
  )
  # Alone, others do not move at all.
  ml <- rlearn(odd, estimator = "ml")
  expect_identical(
    ml$persons$mode[, -(1:3)], rlearn(data, estimator = "ml")$persons$mode[, -(1:3)]
  )
  expect_match(ml$flag[1], "at bound|not identified")
  # The likelihood of missed trials is none: fitted() says so.
  expect_true(all(is.na(fitted(fit)[missed])))
})

test_that("a person for whom a model fails is flagged, the others are fitted", {
  data <- known_group(6, 40)
  fussy <- custom_model(
    log_lik = function(parameters, trials) {
      if (all(trials$person == 2)) return(NaN)
      sum(dbinom(trials$choice == 2, 1, parameters["p"], log = TRUE))
    },
    parameters = list(p = c(0, 1))
  )
  fit <- rlearn(data, fussy, "ml")
  expect_match(fit$flag[2], "failed")
  expect_true(all(fit$flag[-2] == ""))
  shares <- tapply(data$trials$choice == 2, data$trials$person, mean)
  expect_equal(unname(coef(fit)[-2, "p"]), unname(shares[-2]), tolerance = 1e-4,
               ignore_attr = TRUE)
})

test_that("covariates move the group mean", {
  data <- known_group(30, 100, seed = 8)
  age <- as.vector(scale(qlogis(data$truth$alpha)))
  people <- data.frame(person = data$persons, age = age)
  fit <- rlearn(
    data, persons = list(alpha = ~ age), control = rlearn_control(persons = people)
  )
  expect_named(coef(fit), c("alpha", "alpha:age", "beta", "sd_alpha", "sd_beta"))
  expect_gt(coef(fit)[["alpha:age"]] / sqrt(vcov(fit)["alpha:age", "alpha:age"]), 3)
  expect_lt(coef(fit)[["sd_alpha"]], coef(rlearn(data))[["sd_alpha"]])
  expect_error(rlearn(data, persons = ~ height), class = "psyrl_error_input")
  people$age[3] <- NA
  expect_error(
    rlearn(data, persons = ~ age, control = rlearn_control(persons = people)),
    class = "psyrl_error_data"
  )
})

test_that("covariates of new persons must be known to the fit", {
  data <- as.data.frame(known_group(8, 40))
  data$group <- ifelse(data$person > 4, "patient", "control")
  fit <- suppressWarnings(rlearn(choices(data), persons = ~ group))
  data$person <- paste("new", data$person)
  expect_equal(nrow(persons(fit, newdata = choices(data))), 16)
  data$group[data$person == "new 2"] <- "sibling"
  expect_error(
    persons(fit, newdata = choices(data)), '"sibling"', class = "psyrl_error_input"
  )
  data$dose <- -1
  expect_error(
    suppressWarnings(rlearn(choices(data), persons = ~ log(dose))),
    "number for every person", class = "psyrl_error_input"
  )
})

test_that("a uniform prior's posterior mean is the integral's", {
  data <- known_group(2, 30)
  prior <- uniform_prior(c(alpha = 0, beta = 0), c(alpha = 1, beta = 10))
  fit <- rlearn(data, estimator = "map", prior = prior)
  mass <- mean <- 0
  at <- (seq_len(150) - 0.5) / 150
  copies <- data[rep(1, 150)]
  copies$persons <- seq_len(150)
  for (alpha in at) {
    points <- data.frame(person = copies$persons, alpha = alpha, beta = 10 * at)
    l <- exp(log_lik(rescorla_wagner(), copies, points))
    mass <- mass + sum(l)
    mean <- mean + sum(l * alpha)
  }
  expect_equal(coef(fit)[1, "alpha"], mean / mass, tolerance = 1e-3)
  expect_error(
    rlearn(data, rescorla_wagner("dual", TRUE), "map", prior = prior),
    class = "psyrl_error_input"
  )
})

test_that("wrong arguments are errors of their class", {
  data <- known_group(3, 20)
  expect_error(rlearn(data, estimator = "bayes"), class = "psyrl_error_input")
  expect_error(rlearn(data, estimator = "map", prior = 3), class = "psyrl_error_input")
  expect_error(rlearn_control(begin = "random"), class = "psyrl_error_input")
  expect_error(gaussian_prior("a"), class = "psyrl_error_input")
  expect_error(
    rlearn(data, estimator = "map", prior = gaussian_prior(c(a = 1, b = 2))),
    class = "psyrl_error_input"
  )
  expect_error(vcov(rlearn(data, estimator = "ml")), class = "psyrl_error_input")
})

test_that("what an estimator does not use is said", {
  data <- known_group(6, 40)
  expect_warning(
    rlearn(data, estimator = "ml", prior = gaussian_prior()), "no effect",
    class = "psyrl_warning_meaning"
  )
  covariates <- data.frame(person = 1:6, age = 1:6)
  expect_warning(
    rlearn(data, estimator = "map", persons = ~ age,
           control = rlearn_control(persons = covariates)),
    "no effect", class = "psyrl_warning_meaning"
  )
  expect_warning(
    rlearn(data[1]), "One person is no group", class = "psyrl_warning_identification"
  )
  fit <- suppressWarnings(rlearn(data))
  expect_error(confint(fit, "gamma"), class = "psyrl_error_input")
  nobody <- custom_model(
    log_lik = function(parameters, trials) NaN, parameters = list(a = c(0, 1))
  )
  expect_error(rlearn(data, nobody), class = "psyrl_error_input")
  expect_error(simulate(rescorla_wagner()), class = "psyrl_error_input")
  left <- choices(data.frame(person = 1, choice = "left", outcome = 1))
  expect_error(rlearn(left), class = "psyrl_error_input")
})

test_that("who chose perfectly alone has no standard error, and no say in reliability", {
  data <- known_group(10, 60)
  data$trials$choice[data$trials$person == 3] <- 1L
  fit <- rlearn(data, estimator = "ml")
  rows <- persons(fit)
  expect_match(rows$flag[rows$person == 3][1], "not identified")
  expect_true(all(is.na(rows$std_error[rows$person == 3])))
  others <- rlearn(data[-3], estimator = "ml")
  model <- function(fit) subset(reliability(fit), type == "model")$estimate
  expect_equal(model(fit), model(others))
})
