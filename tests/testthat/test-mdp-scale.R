# Random play by brute force.
test_that("expected choices of random play are those of simulated play", {
  task <- gridworld(c("S..", "...", "..G"))
  expected <- random_play(task)
  set.seed(1)
  x <- simulate_trajectories(task, c(p = 0), episodes = 4000, max_steps = 1e4)
  pair <- align_to_task(x, task)$decision_pair
  expect_equal(
    tabulate(pair + 1, length(expected)) / 4000, expected, tolerance = 0.05
  )
})

test_that("the unit of values", {
  task <- mdp(data.frame(
    state = c("a", "a", "b", "b"), action = c("x", "y", "x", "y"),
    next_state = c("b", "end", "end", "end"), reward = c(0, 0, 1, -1)
  ), discount = 1, starts = "a")
  # Centred values +-1/2 at a (once), +-1 at b (half of the time).
  expect_equal(value_rms(task), sqrt((0.25 + 0.5) / 1.5))
  scaled <- rescale_rewards(task)
  expect_equal(value_rms(scaled), 1)
  expect_error(value_rms(random_mdp(3, 2)), class = "psyrl_error_task")
})
