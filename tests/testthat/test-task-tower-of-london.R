test_that("the twelve problems have the distances of the data's source", {
  task <- tower_of_london()
  expect_length(task$states, 12 * 36)
  v <- solve_task(task, 0)$v[task$starts]
  moves <- 1 + log(v) / log(task$discount)
  expect_equal(moves, c(2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5))
  expect_identical(task$states[task$starts], sprintf("p%02d:12/3/", 0:11))
})

test_that("moves keep the rules", {
  task <- tower_of_london("12/3/", "/31/2", names = NULL)
  table <- as.data.frame(task)
  expect_false("/31/2" %in% table$state)
  expect_equal(sum(table$reward), sum(table$next_state == "/31/2"))
  from <- table[table$state == "12/3/", ]
  expect_setequal(from$action, c("1>1", "1>2", "1>3", "2>2", "2>1", "2>3"))
  expect_identical(from$next_state[from$action == "1>1"], "12/3/")
  expect_identical(from$next_state[from$action == "1>3"], "1/3/2")
  heights <- t(vapply(
    strsplit(paste0(task$states, "/"), "/"), nchar, integer(3)
  ))
  expect_true(all(heights <= rep(c(3, 2, 1), each = nrow(heights))))
  expect_equal(rowSums(heights), rep(3, 36))
  four <- tower_of_london("abcd//", "//dcba", sizes = c(4, 4, 4), names = NULL)
  expect_length(four$states, 24 * choose(6, 2))
})

test_that("impossible problems are refused", {
  cases <- list(
    list("different balls", quote(tower_of_london("1234//", "1/2/3"))),
    list("different balls", quote(tower_of_london("11/2/", "1/2/3"))),
    list("different balls", quote(tower_of_london("12/3", "1/2/3"))),
    list("arrange the balls of", quote(tower_of_london("12/3/", "12/4/"))),
    list("differently", quote(tower_of_london("12/3/", "12/3/"))),
    list("one arrangement or one for each", quote(
      tower_of_london(c("12/3/", "1/2/3"), c("21/3/", "/31/2", "3/2/1"))
    )),
    list("arrangements such as", quote(tower_of_london(goal = 3))),
    list("at least two pegs", quote(tower_of_london(sizes = 3))),
    list("different strings", quote(tower_of_london(names = "p"))),
    list("discount", quote(tower_of_london(discount = -1)))
  )
  for (case in cases) {
    expect_error(eval(case[[2]]), case[[1]], class = "psyrl_error_input")
  }
})
