test_that("parameters of Rescorla-Wagner learners come back", {
  set.seed(1)
  study <- recover(rescorla_wagner(), bandit_task(40, 150), reps = 20)
  s <- summary(study)
  expect_identical(s$persons$parameter, c("alpha", "beta"))
  expect_equal(s$persons$n, c(800, 800))
  expect_gt(min(s$persons$r), 0.75)
  expect_lt(max(abs(s$persons$bias / s$persons$rmse)), 0.25)
  expect_true(all(abs(s$persons$coverage - 0.95) < 0.035))
  expect_identical(s$population$term, c("alpha", "beta", "sd_alpha", "sd_beta"))
  # Means are those of the registry, SDs a quarter of its range.
  model <- rescorla_wagner()$table
  expect_equal(s$population$truth[1:2], c(qlogis(0.3), log(3)))
  expect_equal(s$population$truth[4], log(model$high[2] / model$low[2]) / 4)
  expect_lt(max(abs(s$population$bias / s$population$sd)), 1)
  expect_true(all(s$population$coverage > 0.7))
  expect_true(all(abs(log(s$population$std_error / s$population$sd)) < 0.6))
  expect_output(print(study), "20 replicates of 40 persons")
  pdf(NULL)
  on.exit(dev.off())
  expect_invisible(plot(study))
})

test_that("summaries are what they are called", {
  persons <- data.frame(
    replicate = 1, person = rep(1:4, 2), parameter = rep(c("alpha", "beta"), each = 4),
    truth = c(1:4, 2, 2, 3, 3) / 10, estimate = c(2, 3, 4, NA, 2, 2, 3, 3) / 10,
    conf_low = 0, conf_high = c(2, 1, 1, NA, 1, 1, 1, 1) / 5,
    truth_link = c(1:4, 2, 2, 3, 3), estimate_link = c(2, 4, 6, NA, 2, 2, 3, 3),
    flag = c("at bound: alpha", "few trials; at bound: beta", "failed", "", "", "", "", "")
  )
  s <- summary(structure(list(persons = persons), class = "psyrl_recovery"))$persons
  expect_equal(s$bias, c(0.1, 0))
  expect_equal(s$rmse, c(0.1, 0))
  expect_equal(s$r, c(1, 1))
  expect_equal(s$coverage, c(2 / 3, 0.5))
  expect_equal(s$at_bound, c(0.25, 0))
  expect_equal(s$failed, c(0.25, 0))
})

test_that("a study is the same over a cluster, with threads and a seed", {
  study <- function(...) {
    set.seed(5)
    recover(rescorla_wagner(), bandit_task(8, 40), reps = 3, ...)
  }
  plain <- study()
  expect_identical(study()$persons, plain$persons)
  one <- study(control = rlearn_control(threads = 1))
  expect_identical(one$persons, plain$persons)
  cluster <- parallel::makeCluster(1)
  on.exit(parallel::stopCluster(cluster))
  over <- study(cluster = cluster)
  expect_identical(over$persons, plain$persons)
  expect_identical(over$population, plain$population)
})

test_that("a fit is recovered in its own task and population", {
  set.seed(3)
  data <- simulate(rescorla_wagner(), design = bandit_task(25, 80))
  data$person_data <- data.frame(group = rep(0:1, length.out = 25))
  fit <- suppressWarnings(rlearn(data, rescorla_wagner(), persons = list(beta = ~ group)))
  study <- recover(fit, reps = 3)
  expect_equal(study$n, 25)
  expect_equal(unique(study$population$term), names(coef(fit)))
  expect_equal(study$population$truth[seq_along(coef(fit))], unname(coef(fit)))
  # Without a population its persons are the truth.
  alone <- rlearn(data, rescorla_wagner(), "map")
  again <- recover(alone, reps = 2)
  expect_null(again$population)
  expect_equal(again$persons$truth[1:50], persons(alone)$estimate)
})

test_that("models are recovered", {
  set.seed(2)
  study <- recover(
    list(rw = rescorla_wagner(), wsls = win_stay_lose_shift(), random = biased_random()),
    bandit_task(20, 150), reps = 4, estimator = "map"
  )
  expect_equal(unname(rowSums(study$confusion)), rep(1, 3))
  expect_equal(unname(colSums(study$inversion)), rep(1, 3))
  expect_gt(min(diag(study$confusion)), 0.7)
  expect_equal(unname(diag(study$confusion_samples)), rep(1, 3))
  expect_equal(nrow(study$best), 3 * 4 * 20)
  expect_output(print(study), "Confusion")
  pdf(NULL)
  on.exit(dev.off())
  expect_invisible(plot(study, "inversion"))
})

test_that("matrices are read by rows and by columns", {
  x <- confusion_matrix(c("a", "a", "a", "b"), c("a", "a", "b", "b"), c("a", "b"))
  expect_equal(unname(x), matrix(c(2 / 3, 0, 1 / 3, 1), 2), ignore_attr = TRUE)
  expect_equal(inversion_matrix(x)["a", "b"], (1 / 3) / (4 / 3))
})

test_that("two-step and custom models play by default, populations can be given", {
  set.seed(4)
  study <- recover(two_step(4), n = 10, reps = 1, estimator = "map")
  expect_equal(nrow(study$persons), 40)
  own <- custom_model(
    log_lik = function(p, trials) {
      sum(dbinom(trials$choice, 2, p["p"], log = TRUE))
    }, parameters = list(p = c(0, 1))
  )
  population <- gaussian_prior(c(p = 1), 0.01)
  study <- recover(own, bandit_task(5, 10), reps = 1, estimator = "map",
                   population = population)
  expect_lt(max(abs(qlogis(study$persons$truth) - 1)), 0.5)
})

test_that("an interrupted study keeps what it has", {
  n <- 0
  work <- function(seed) {
    n <<- n + 1
    if (n == 3) stop(structure(class = c("interrupt", "condition"), list()))
    n
  }
  expect_warning(
    done <- replicate_study(5, NULL, work), "2 of 5",
    class = "psyrl_warning_interrupted"
  )
  expect_equal(done, list(1, 2))
})

test_that("what cannot be recovered is said", {
  expect_error(recover(1), class = "psyrl_error_input")
  expect_error(recover(list(rescorla_wagner())), class = "psyrl_error_input")
  expect_error(
    recover(
      list(a = rescorla_wagner(), b = biased_random()), bandit_task(3, 10),
      population = gaussian_prior()
    ),
    class = "psyrl_error_input"
  )
  expect_error(recover(rescorla_wagner(), design = 3), class = "psyrl_error_input")
  expect_error(recover(rescorla_wagner(), reps = 0), class = "psyrl_error_input")
  expect_error(
    recover(rescorla_wagner(), bandit_task(3, 10), population = 1),
    class = "psyrl_error_input"
  )
})
