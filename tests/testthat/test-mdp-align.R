fork <- mdp(data.frame(
  state = c("start", "start", "risk"), action = c("safe", "risky", "go"),
  next_state = c("end", "risk", "end"), reward = c(1, 0, 3)
))
log <- data.frame(
  person = c("a", "a", "b"), state = c("start", "risk", "start"),
  action = c("risky", "go", "safe"), next_state = c("risk", "end", "end")
)

test_that("decisions are mapped onto the pairs of the task", {
  a <- align_to_task(trajectories(log), fork)
  expect_identical(a$decision_pair, c(1L, 0L, 2L))
  expect_identical(a$person_start, c(0L, 2L, 3L))
  expect_identical(a$pair, c(0L, 1L, 2L))
  expect_identical(a$count, c(1, 1, 1))
  expect_identical(fork$states[a$next_state], log$next_state)
  k <- align_to_task(counts(trajectories(log)), fork)
  expect_identical(k, a[names(k)])
})

test_that("labels of different types are compared as they print", {
  task <- mdp(data.frame(
    state = c("1", "2"), action = "go", next_state = c("2", "3"), reward = 0
  ))
  x <- trajectories(data.frame(person = 1, state = 1:2, action = "go"))
  expect_identical(align_to_task(x, task)$decision_pair, 0:1)
})

test_that("what the task does not allow is an error that names it", {
  broken <- function(...) {
    changed <- log
    changes <- list(...)
    changed[names(changes)] <- changes
    list(trajectories(changed), counts(trajectories(changed)))
  }
  cases <- list(
    list("must be legal.*\"fly\" in state \"risk\"", broken(
      action = c("risky", "fly", "safe")
    )),
    list("must be legal.*in state \"moon\"", broken(
      state = c("start", "risk", "moon")
    )),
    list("must be possible.*leads to \"start\"", broken(
      next_state = c("risk", "start", "end")
    )),
    list("must be possible.*leads to \"mars\"", broken(
      next_state = c("risk", "mars", "end")
    ))
  )
  for (case in cases) {
    for (x in case[[2]]) {
      expect_error(
        align_to_task(x, fork), case[[1]], class = "psyrl_error_data"
      )
      expect_error(
        align_to_task(x, fork), case[[1]], class = "psyrl_error_task"
      )
    }
  }
  error <- tryCatch(
    align_to_task(broken(action = c("risky", "fly", "safe"))[[1]], fork),
    error = identity
  )
  expect_identical(error$rows, 2L)
  expect_identical(error$action, "fly")
  expect_error(align_to_task(trajectories(log), 1), class = "psyrl_error_input")
})
