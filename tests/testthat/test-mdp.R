fork <- data.frame(
  state = c("start", "start", "risk"), action = c("safe", "risky", "go"),
  next_state = c("end", "risk", "end"), reward = c(1, 0, 3)
)

test_that("a task keeps the user's labels and numbers pairs by state, action", {
  task <- mdp(fork)
  expect_s3_class(task, "psyrl_mdp")
  expect_identical(task$states, c("end", "risk", "start"))
  expect_identical(task$terminal, c(TRUE, FALSE, FALSE))
  expect_identical(
    task_pairs(task), data.frame(state = c(2L, 3L, 3L), action = c(1L, 2L, 3L))
  )
  expect_identical(task$layout$state_start, c(0L, 0L, 1L, 3L))
  expect_identical(task$layout$next_state, c(0L, 1L, 0L))
  table <- as.data.frame(task)
  expect_identical(table$next_state, c("end", "risk", "end"))
  expect_identical(mdp(table), task)

  numbers <- transform(fork, state = c(3L, 3L, 7L), next_state = c(9L, 7L, 9L))
  expect_identical(mdp(numbers)$states, c(3L, 7L, 9L))
  expect_type(solve_mdp(mdp(numbers))$state, "integer")
  leveled <- transform(fork, state = factor(state, c("start", "risk")))
  expect_identical(mdp(leveled)$states, c("start", "risk", "end"))
})

test_that("order of rows changes nothing", {
  set.seed(1)
  task <- random_mdp(6, 3, successors = 2, discount = 0.9)
  table <- as.data.frame(task)
  again <- mdp(table[sample(nrow(table)), ], discount = 0.9)
  expect_identical(again, task)
})

test_that("rewards may come with the transitions or in a table of their own", {
  bare <- fork[c("state", "action", "next_state")]
  expect_identical(
    mdp(bare, rewards = fork[3:1, c("state", "action", "reward")]), mdp(fork)
  )
  expect_null(mdp(bare)$layout$reward)
  lottery <- data.frame(
    state = "a", action = "draw", next_state = c("win", "lose"),
    probability = c(0.25, 0.75), reward = c(8, 0)
  )
  task <- mdp(lottery)
  expect_equal(task$layout$reward, 2)
  expect_identical(as.data.frame(task)$reward, c(0, 8))
  by_next <- lottery[c("state", "action", "next_state", "reward")]
  expect_identical(mdp(lottery[1:4], rewards = by_next), task)
})

test_that("terminal states lose their transitions", {
  loops <- rbind(fork, data.frame(
    state = "end", action = "go", next_state = "end", reward = 9
  ))
  expect_equal(mdp(loops, terminal = "end"), mdp(fork))
})

test_that("exact values agree with value iteration", {
  set.seed(2)
  task <- random_mdp(12, 3, successors = 3, discount = 0.9)
  for (backup in c("soft", "mellow")) {
    for (temperature in c(0, 0.05, 1, 20)) {
      reference <- reference_values(task, temperature, backup)
      solution <- solve_task(task, temperature, backup)
      expect_equal(solution$q, reference$q, tolerance = 1e-9)
      expect_identical(solution$status, "converged")
    }
  }
  table <- solve_mdp(task, temperature = 0.05)
  reference <- reference_values(task, 0.05)
  expect_named(table, c("state", "action", "q", "v", "advantage"))
  expect_identical(table$state, reference$state)
  expect_equal(table$v, reference$v, tolerance = 1e-9)
  expect_equal(as.vector(tapply(table$advantage, table$state, sum)), rep(0, 12))
})

test_that("dense tasks converge in three Newton steps at any discount", {
  for (states in c(50, 200, 500)) {
    for (discount in c(0.99, 0.9999)) {
      set.seed(states)
      task <- random_mdp(states, 4, discount = discount)
      for (temperature in c(0, 0.1, 1)) {
        solution <- solve_task(task, temperature)
        expect_lte(solution$factorisations, 3)
        expect_lt(bellman_residual(task, solution), 1e-9)
        expect_lt(min(utils::head(solution$residuals, 4)), 1e-9)
      }
    }
  }
})

test_that("sparse and dense factorisations agree", {
  # A long ring with a way out: one block of 400 states, far from full.
  n <- 400
  ring <- data.frame(
    state = rep(1:n, each = 2), action = c("on", "back"),
    next_state = c(rbind(c(2:n, 0L), c(n, 1:(n - 1))))
  )
  ring$reward <- as.numeric(ring$next_state == 0)
  task <- mdp(ring, discount = 0.99)
  solution <- solve_task(task, 0)
  # The shorter way round is best.
  expect_equal(solution$v[-1], 0.99^pmin((n - 1):0, 1:n))
  soft <- solve_task(task, 0.1)
  expect_lt(bellman_residual(task, soft), 1e-10)
})

test_that("large sparse tasks are solved without filling up", {
  set.seed(4)
  for (discount in c(0.99, 0.9999)) {
    task <- random_mdp(1500, 3, successors = 3, discount = discount)
    for (temperature in c(0, 0.1)) {
      solution <- solve_task(task, temperature)
      expect_identical(solution$status, "converged")
      expect_lt(bellman_residual(task, solution), 1e-9)
    }
  }
})

test_that("discount 1 needs every path to end", {
  expect_equal(solve_mdp(mdp(fork, discount = 1), 0)$v, c(3, 3, 3))
  # May linger, but not for ever: half of the time it ends.
  lingering <- data.frame(
    state = "a", action = "wait", next_state = c("a", "end"),
    probability = 0.5, reward = 1
  )
  expect_equal(solve_mdp(mdp(lingering, discount = 1), 0)$v, 2)
  endless <- rbind(fork, data.frame(
    state = "risk", action = "back", next_state = "start", reward = 0
  ))
  error <- tryCatch(mdp(endless, discount = 1), error = identity)
  expect_s3_class(error, "psyrl_error_task")
  expect_identical(error$state, c("risk", "start"))
})

test_that("tasks print and summarise", {
  expect_output(print(mdp(fork)), "3 states \\(1 terminal\\)")
  expect_output(print(summary(mdp(fork))), "Every path ends")
})

test_that("bad tasks are refused at the door", {
  twice <- rbind(fork[1:3], fork[1, 1:3])
  split <- data.frame(
    state = "a", action = "x", next_state = c("b", "c"),
    probability = c(0.5, 0.4)
  )
  bare <- fork[1:3]
  rewards <- fork[c("state", "action", "reward")]
  cases <- list(
    list("input", "data frame", quote(mdp(1))),
    list("input", "next_state", quote(mdp(fork[1:2]))),
    list("input", "discount", quote(mdp(fork, discount = 1.2))),
    list("input", "discount", quote(mdp(fork, discount = NA))),
    list("data", "missing: row 2", quote(
      mdp(transform(fork, action = c(1, NA, 2)))
    )),
    list("task", "row 4", quote(mdp(twice))),
    list("task", "sum to one", quote(mdp(split))),
    list("task", "need a column `probability`", quote(mdp(split[1:3]))),
    list("data", "from 0 to 1", quote(mdp(transform(split, probability = 2)))),
    list("input", "numeric", quote(mdp(transform(fork, reward = "1")))),
    list("data", "finite", quote(mdp(transform(fork, reward = c(1, Inf, 2))))),
    list("input", "given once", quote(mdp(fork, rewards = rewards))),
    list("task", "none for action \"go\"", quote(
      mdp(bare, rewards = rewards[1:2, ])
    )),
    list("task", "must be about legal", quote(
      mdp(bare, rewards = rbind(rewards, data.frame(
        state = "risk", action = "safe", reward = 1
      )))
    )),
    list("data", "repeat", quote(mdp(bare, rewards = rewards[c(1:3, 1), ]))),
    list("input", "not found", quote(mdp(fork, terminal = "nowhere"))),
    list("input", "starts", quote(mdp(fork, starts = "end"))),
    list("input", "at least one column", quote(
      mdp(fork, features = fork[1:2])
    )),
    list("task", "features", quote(mdp(fork, features = fork[1:2, ][-3]))),
    list("task", "must be known", quote(solve_mdp(mdp(bare)))),
    list("input", "temperature", quote(solve_mdp(mdp(fork), -1))),
    list("input", "psyrl_mdp", quote(solve_mdp(fork))),
    list("task", "at least one state", quote(
      mdp(fork, terminal = c("start", "risk"))
    )),
    list("input", "successors", quote(random_mdp(3, 2, successors = 4)))
  )
  for (case in cases) {
    expect_error(
      eval(case[[3]]), case[[2]],
      class = paste0("psyrl_error_", case[[1]])
    )
  }
})
