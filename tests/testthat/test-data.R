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

  mazes <- gridworld(maze_maps)
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
