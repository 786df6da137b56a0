# Bad input: each case with its class and a piece of its message.

good_task <- function() {
  mdp(data.frame(
    state = c("a", "a", "b", "b"), action = c("x", "y", "x", "y"),
    next_state = c("b", "end", "end", "a"), reward = c(0, 1, 2, 0)
  ), discount = .9)
}

good_log <- function() {
  data.frame(
    person = rep(c("p1", "p2"), each = 3), episode = c(1, 1, 2, 1, 1, 2),
    step = c(1, 2, 1, 1, 2, 1), state = c("a", "b", "a", "a", "b", "a"),
    action = c("x", "x", "y", "x", "x", "y"),
    next_state = c("b", "end", "end", "b", "end", "end"),
    group = rep(c("g", "h"), each = 3)
  )
}

fitted <- function(...) suppressWarnings(rlmm(good_log(), good_task(), ...))

no_rewards <- function() {
  mdp(as.data.frame(good_task())[c("state", "action", "next_state")], discount = .9)
}

cases <- list(
  list("input", "must name a column", quote(rlmm(data.frame(person = 1), good_task()))),
  list("input", "log of decisions", quote(rlmm(1:3, good_task()))),
  list("input", "psyrl_mdp", quote(rlmm(good_log(), list()))),
  list("input", "psyrl_q", quote(rlmm(good_log(), good_task(), value = "table"))),
  list("input", "psyrl_reward", quote(rlmm(good_log(), good_task(), reward = 1))),
  list("input", "formula", quote(rlmm(good_log(), good_task(), persons = "x"))),
  list("input", "formula", quote(rlmm(good_log(), good_task(), persons = y ~ x))),
  list("input", "neither a column", quote(rlmm(good_log(), good_task(), persons = ~age))),
  list("input", "intercept", quote(rlmm(good_log(), good_task(), persons = ~ 0 + group))),
  list("input", "row for every person", quote(rlmm(good_log(), good_task(),
    persons = ~age, control = rlmm_control(persons = data.frame(person = "p1", age = 3))
  ))),
  list("data", "known for every person", quote(rlmm(good_log(), good_task(),
    persons = ~age,
    control = rlmm_control(persons = data.frame(person = c("p1", "p2"), age = c(3, NA)))
  ))),
  list("input", "one of", quote(rlmm(good_log(), good_task(), identify = "scale"))),
  list("input", "one of", quote(rlmm(good_log(), good_task(), estimator = "mcmc"))),
  list("input", "Leave `consistency` out", quote(rlmm(good_log(), good_task(),
    consistency = bellman(lambda = 1)
  ))),
  list("input", "integrated out", quote(rlmm(good_log(), good_task(), estimator = "joint"))),
  list("input", "no rewards", quote(rlmm(good_log(), no_rewards()))),
  list("input", "must be a number", quote(rlmm(good_log(), good_task(), q_table(),
    reward_table(), bellman(), estimator = "joint"
  ))),
  list("input", "too few", quote(rlmm(good_log(), good_task(), q_table(),
    consistency = bellman(), estimator = "joint"
  ))),
  list("input", "must be \"task\"", quote(rlmm(good_log(), good_task(), q_table(),
    consistency = bellman(1, 0, discount = "estimate"), estimator = "joint"
  ))),
  list("input", "rlmm_control", quote(rlmm(good_log(), good_task(), control = list()))),
  list("input", "no argument", quote(rlmm_control(nods = 3))),
  list("input", "single number", quote(rlmm_control(sigma = -1))),
  list("input", "whole number", quote(rlmm_control(max_iterations = 0))),
  list("input", "function", quote(rlmm_control(callback = 3))),
  list("input", "data frame", quote(rlmm_control(persons = 3))),
  list("input", "single number", quote(q_task(temperature = -1))),
  list("input", "one of", quote(q_task(temperature = "hot"))),
  list("input", "one of", quote(q_task(backup = "hard"))),
  list("input", "own temperature|own\ntemperature|own", quote(q_task("person", "estimate"))),
  list("input", "columns", quote(q_known(data.frame(state = 1)))),
  list("input", "finite", quote(q_known(data.frame(state = "a", action = "x", q = NA_real_)))),
  list("input", "every legal action", quote(rlmm(good_log(), good_task(),
    q_known(data.frame(state = "a", action = "x", q = 1))
  ))),
  list("input", "single number", quote(bellman(lambda = -1))),
  list("input", "one of", quote(bellman(pairs = "all"))),
  list("input", "0 or at least", quote(q_table(l2 = 1e-20))),
  list("input", "single number in", quote(rlmm_control(mu = 700))),
  list("input", "`lambda` must be at least .*bellman_none", quote(rlmm(
    good_log(), good_task(), q_table(), consistency = bellman(lambda = 1e-30)
  ))),
  list("input", "`temperature` must be at most", quote(rlmm(
    good_log(), good_task(), q_table(), consistency = bellman(1, temperature = 1e20)
  ))),
  list("input", "single number", quote(bellman(cql = NA))),
  list("input", "TRUE or FALSE", quote(rlmm(good_log(), good_task(), habit = 1))),
  list("input", "named", quote(criterion_cor(fitted(), c(1, 2)))),
  list("input", "No name", quote(criterion_cor(fitted(), c(a = 1, b = 2)))),
  list("input", "data frame", quote(criterion_cor(fitted(), "raven"))),
  list("input", "columns", quote(criterion_cor(fitted(), ~raven, data = data.frame(person = 1)))),
  list("input", "numeric", quote(criterion_cor(fitted(), c(p1 = "a", p2 = "b")))),
  list("data", "one row a person", quote(criterion_cor(fitted(), ~raven,
    data = data.frame(person = c("p1", "p1"), raven = 1:2)
  ))),
  list("input", "at least 2", quote(cross_validate(fitted(), folds = 1))),
  list("input", "must not exceed", quote(cross_validate(fitted(), folds = 9))),
  list("input", "order of the steps", quote(predict(
    suppressWarnings(rlmm(counts(trajectories(good_log())), good_task()))
  ))),
  list("input", "one of", quote(predict(fitted(), type = "odds"))),
  list("input", "one of", quote(confint(fitted(), parm = "everything"))),
  list("input", "single number", quote(persons(fitted(), level = 2))),
  list("data", "legal", quote(rlmm(transform(good_log(), action = "z"), good_task())))
)

test_that("bad input gets a classed error that names the cure", {
  expect_gte(length(cases), 40)
  for (case in cases) {
    error <- tryCatch(eval(case[[3]]), error = identity)
    label <- paste(deparse(case[[3]]), collapse = " ")
    expect_s3_class(error, "psyrl_error")
    expect_true(
      inherits(error, paste0("psyrl_error_", case[[1]])),
      info = paste(label, class(error)[1])
    )
    expect_match(conditionMessage(error), case[[2]], info = label)
  }
})

test_that("a population of few is pointed out, of one is given a spread", {
  task <- peg_solitaire("tiny_cross")
  withr::local_seed(1)
  log <- simulate_trajectories(task, c(a = .05, b = .1, c = .05), episodes = 5)
  expect_warning(rlmm(log, task), "3 persons", class = "psyrl_warning_identification")
  expect_no_warning(
    rlmm(log, task, control = rlmm_control(sigma = .5)),
    class = "psyrl_warning_identification"
  )
  one <- as.data.frame(log)
  one <- one[one$person == "a", ]
  expect_warning(
    fit <- rlmm(one, task), "One person", class = "psyrl_warning_identification"
  )
  expect_equal(coef(fit)[["sigma"]], 1)
  expect_gt(persons(fit)$std_error, .1)
})

test_that("a log without a decision that matters is pointed out", {
  log <- data.frame(
    person = rep(letters[1:12], each = 4), state = rep(c("s", "t"), 24), action = "go"
  )
  log$reward <- 1
  expect_warning(
    fit <- rlmm(log, as_mdp(trajectories(log))), "different value",
    class = "psyrl_warning_identification"
  )
  expect_equal(persons(fit)$flag, rep("no information", 12))
})
