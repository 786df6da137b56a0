log <- data.frame(
  person = c(1, 1, 2, 3), state = c("start", "risk", "start", "start"),
  action = c("risky", "go", "safe", "risky"),
  next_state = c("risk", "end", "end", "end"), reward = c(0, 3, 1, 2),
  done = c(FALSE, TRUE, TRUE, TRUE)
)

test_that("shares and means are those of the log", {
  x <- trajectories(log)
  task <- as_mdp(x)
  table <- as.data.frame(task)
  expect_identical(table$state, c("risk", "start", "start", "start"))
  expect_identical(table$probability, c(1, 0.5, 0.5, 1))
  expect_identical(table$reward, c(3, 1, 1, 1))
  expect_identical(task$states[task$terminal], "end")
  expect_identical(task$states[task$starts], "start")
  expect_identical(as_mdp(counts(x)), task)
  expect_identical(as_mdp(log), task)
  expect_identical(as_mdp(x, discount = 0.5)$discount, 0.5)
})

test_that("the exact task comes back from a long log of it", {
  set.seed(1)
  task <- random_mdp(4, 2, successors = 2)
  x <- simulate_trajectories(task, c(p = 0), episodes = 1, max_steps = 20000)
  estimated <- as.data.frame(as_mdp(x))
  exact <- as.data.frame(task)
  expect_identical(estimated[1:3], exact[1:3])
  expect_equal(estimated$probability, exact$probability, tolerance = 0.05)
  expect_equal(estimated$reward, exact$reward)
})

test_that("what followed need not be known", {
  bare <- data.frame(person = 1, state = c(1L, 2L, 1L), action = "go")
  task <- as_mdp(bare)
  expect_identical(task$states, 1:2)
  expect_identical(as.data.frame(task)$next_state, c(2L, 1L))
  one <- data.frame(person = 1:2, state = c(1L, 1L), action = c("x", "y"))
  task <- as_mdp(one)
  expect_identical(task$states, c(1L, NA))
  expect_identical(task$terminal, c(FALSE, TRUE))
  expect_null(task$layout$reward)
  ended <- transform(bare, done = c(FALSE, FALSE, TRUE))
  expect_identical(as.data.frame(as_mdp(ended))$next_state, c(2L, NA, 1L))
})

test_that("legal actions may be declared", {
  legal <- data.frame(
    state = c("start", "start", "risk", "risk"),
    action = c("risky", "safe", "go", "back")
  )
  expect_warning(
    task <- as_mdp(log, legal = legal), "never seen",
    class = "psyrl_warning_identification"
  )
  table <- as.data.frame(task)
  expect_identical(nrow(table), 5L)
  expect_identical(table$next_state[table$action == "back"], NA_character_)
  told <- cbind(
    legal, next_state = c(NA, NA, NA, "start"), reward = c(NA, 0, 0, -1)[4]
  )
  task <- as_mdp(log, legal = told)
  back <- subset(as.data.frame(task), action == "back")
  expect_identical(back$next_state, "start")
  expect_identical(back$reward, -1)
})

test_that("contradictions are refused", {
  ends <- transform(log, next_state = c("risk", "start", "end", "end"))
  error <- tryCatch(as_mdp(ends), error = identity)
  expect_s3_class(error, "psyrl_error_data")
  expect_identical(error$rows, 2L)
  expect_match(conditionMessage(error), "truncated")
  expect_silent(
    as_mdp(transform(ends, truncated = c(FALSE, TRUE, FALSE, FALSE)))
  )
  expect_error(
    as_mdp(log, legal = log[1, c("state", "action")]), "must include",
    class = "psyrl_error_task"
  )
  expect_error(
    as_mdp(log, legal = log["state"]), "columns", class = "psyrl_error_input"
  )
  expect_error(as_mdp(log, discount = 2), class = "psyrl_error_input")
  expect_error(as_mdp("log"), class = "psyrl_error_input")
})
