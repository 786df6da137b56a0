test_that("bundled logs are consistent and fit their tasks", {
  tower <- tower_of_london()
  moves <- trajectories(tower_of_london_moves)
  expect_equal(nrow(moves$decisions), 27331)
  expect_length(moves$persons, 522)
  aligned <- align_to_task(moves, tower)
  # The source's distances are those of the exact values.
  v <- solve_task(tower, 0)$v
  steps <- 1 + log(v[task_pairs(tower)$state]) / log(tower$discount)
  expect_equal(
    steps[aligned$decision_pair + 1],
    tower_of_london_moves$dist[moves$decisions$row]
  )
  retest <- trajectories(tower_of_london_retest)
  expect_equal(nrow(retest$decisions), 7857)
  expect_silent(align_to_task(retest, tower))
  expect_setequal(
    retest$persons, with(tower_of_london_persons, person[retested])
  )

  mazes <- gridworld()
  expect_equal(mdp(maze_transitions)$layout, mazes$layout)
  runs <- trajectories(maze_moves)
  expect_equal(nrow(runs$decisions), 46437)
  expect_silent(align_to_task(runs, mazes))

  events <- trajectories(climate_control)
  expect_equal(nrow(events$decisions), 40578)
  task <- as_mdp(events)
  expect_identical(task$states[task$terminal], "end")
})

test_that("persons of logs and tables are the same", {
  expect_setequal(
    unique(tower_of_london_moves$person), tower_of_london_persons$person
  )
  expect_setequal(
    unique(climate_control$person), climate_control_persons$person
  )
  expect_setequal(unique(maze_moves$person), maze_persons$person)
})

test_that("bundled choices are read without a word and match their persons", {
  reversal <- choices(reversal_choices)
  expect_length(reversal$persons, 386)
  expect_equal(nrow(reversal$trials), 34740)
  expect_setequal(reversal$persons, reversal_persons$person)
  # Learning goes on over reversals.
  expect_true(all(reversal$trials$block == 1))
  # The source's own accuracy is the share of the good arm.
  share <- with(reversal_choices, tapply(choice == best_option, person, mean))
  expect_equal(
    as.vector(share[reversal_persons$person]), reversal_persons$task_accuracy,
    tolerance = 1e-4
  )

  two_step <- choices(twostep_choices)
  expect_length(two_step$persons, 393)
  expect_setequal(two_step$persons, twostep_persons$person)
  expect_equal(
    with(two_step$trials, next_state == choice), twostep_choices$common
  )
  expect_equal(
    as.vector(with(twostep_choices, tapply(reward, person, sum))[twostep_persons$person]),
    twostep_persons$points
  )
})
