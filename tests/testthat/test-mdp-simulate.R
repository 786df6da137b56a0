test_that("choices follow the softmax of the values", {
  task <- mdp(data.frame(
    state = "s", action = c("a", "b", "c"), next_state = "end",
    reward = c(0, 1, 3)
  ))
  set.seed(1)
  x <- simulate_trajectories(
    task, c(p = 0.7, q = -0.7, random = 0, greedy = Inf), episodes = 4000
  )
  share <- prop.table(table(x$decisions$person, x$decisions$action), 1)
  for (i in seq_along(x$persons)) {
    beta <- x$person_data$beta[i]
    if (is.finite(beta)) {
      expected <- exp(beta * c(0, 1, 3))
      expect_equal(
        as.vector(share[i, ]), expected / sum(expected), tolerance = 0.06
      )
    } else {
      expect_equal(as.vector(share[i, ]), c(0, 0, 1))
    }
  }
})

test_that("next states follow the probabilities, rewards what happened", {
  task <- mdp(data.frame(
    state = "a", action = "draw", next_state = c("win", "lose"),
    probability = c(0.25, 0.75), reward = c(8, 0)
  ))
  set.seed(2)
  x <- as.data.frame(simulate_trajectories(task, c(p = 1), episodes = 4000))
  expect_equal(mean(x$next_state == "win"), 0.25, tolerance = 0.1)
  expect_identical(x$reward, ifelse(x$next_state == "win", 8, 0))
})

test_that("simulated logs pass the checks of trajectories() and fit the task", {
  set.seed(3)
  task <- peg_solitaire("big_cross")
  x <- simulate_trajectories(task, c(b = 0.1, a = 1), episodes = 5)
  again <- trajectories(as.data.frame(x, persons = TRUE))
  expect_equal(as.data.frame(again), as.data.frame(x))
  expect_identical(again$person_data, x$person_data)
  expect_silent(align_to_task(x, task))
  expect_identical(x$persons, c("a", "b"))
  expect_identical(x$person_data$beta, c(1, 0.1))
})

test_that("a person's draws depend on seed and name alone", {
  task <- peg_solitaire("big_L")
  draw <- function(beta) {
    set.seed(4)
    as.data.frame(simulate_trajectories(task, beta, episodes = 3))
  }
  both <- draw(c(ann = 0.2, bob = 0.5))
  expect_identical(draw(c(bob = 0.5, ann = 0.2)), both)
  expect_identical(draw(c(ann = 0.2)), both[both$person == "ann", ])
  set.seed(5)
  other <- simulate_trajectories(task, c(ann = 0.2), episodes = 3)
  other <- as.data.frame(other)
  expect_false(identical(other, draw(c(ann = 0.2))))
})

test_that("episodes that take too long are truncated", {
  set.seed(6)
  x <- simulate_trajectories(
    random_mdp(5, 2), c(p = 1), episodes = 2, max_steps = 7
  )
  d <- x$decisions
  expect_identical(d$step, rep(1:7, 2))
  expect_identical(d$truncated, rep(c(rep(FALSE, 6), TRUE), 2))
  expect_identical(d$done, d$truncated)
})

test_that("bad arguments are refused", {
  task <- peg_solitaire("tiny_cross")
  values <- solve_mdp(task)
  cases <- list(
    list("input", "named", quote(simulate_trajectories(task, 1))),
    list("input", "named", quote(simulate_trajectories(task, c(a = 1, a = 2)))),
    list("input", "number for each", quote(
      simulate_trajectories(task, c(a = NA))
    )),
    list("input", "number for each", quote(simulate_trajectories(task, "a"))),
    list("input", "episodes", quote(simulate_trajectories(task, c(a = 1), 0))),
    list("input", "max_steps", quote(
      simulate_trajectories(task, c(a = 1), max_steps = 1.5)
    )),
    list("input", "psyrl_mdp", quote(simulate_trajectories(1, c(a = 1)))),
    list("input", "columns", quote(
      simulate_trajectories(task, c(a = 1), values = values[1:2])
    )),
    list("task", "every legal pair", quote(
      simulate_trajectories(task, c(a = 1), values = values[-1, ])
    )),
    list("data", "one row", quote(
      simulate_trajectories(task, c(a = 1), values = values[c(1, 1:28), ])
    ))
  )
  for (case in cases) {
    expect_error(
      eval(case[[3]]), case[[2]], class = paste0("psyrl_error_", case[[1]])
    )
  }
})
