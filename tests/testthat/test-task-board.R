test_that("values are those of the board laid out", {
  for (board in c("tiny_cross", "big_L", "diamond", "4x4")) {
    whole <- peg_solitaire(board)
    task <- on_demand(board)
    open <- whole$states[!whole$terminal]
    for (temperature in c(0, .7)) {
      expected <- solve_mdp(whole, temperature)
      found <- solve_mdp(task, temperature, states = open)
      at <- match(
        paste(expected$state, expected$action), paste(found$state, found$action)
      )
      expect_equal(found$q[at], expected$q, tolerance = 1e-12)
      expect_equal(found$v[at], expected$v, tolerance = 1e-12)
    }
    expect_equal(
      sort(solve_task(task, 2, "mellow")$q),
      sort(solve_task(whole, 2, "mellow")$q[
        task_pairs(whole)$state %in% whole$starts
      ]),
      tolerance = 1e-12
    )
    expect_equal(value_rms(task), value_rms(whole))
    expect_equal(value_rms(rescale_rewards(task)), 1)
  }
})

test_that("remembered jumps lead to the same bits", {
  for (board in c("tiny_cross", "big_L", "4x4")) {
    task <- on_demand(board)
    positions <- board_positions(task$board)
    links <- board_links_(positions, 2L)
    for (temperature in c(0, .7)) {
      q <- lapply(list(NULL, links), function(links) {
        values <- board_values_(positions, links, task$board, list(
          discount = .99, temperature = temperature, mellow = TRUE, threads = 2L
        ))
        board_q_(values, task$board, region_positions(task))
      })
      expect_identical(q[[1]], q[[2]])
    }
  }
})

test_that("jumps are remembered while many solutions are asked for", {
  task <- on_demand("diamond")
  expect_equal(with_links(task, {
    expect_false(is.null(solved_boards$links))
    # A search within a search does not forget them.
    with_links(task, 2)
    expect_false(is.null(solved_boards$links))
    1
  }), 1)
  expect_null(solved_boards$links)
  # The solution by the ordinary max is kept while others come and go.
  hard <- board_solution(task, 0)
  for (temperature in 1:3) board_solution(task, temperature)
  expect_length(solved_boards$solutions, 2)
  expect_identical(board_solution(task, 0), hard)
})

# All images of a label under rotations and reflections, as labels.
images_of <- function(label) {
  cells <- do.call(rbind, strsplit(strsplit(label, "/")[[1]], ""))
  turned <- function(x) t(x)[, rev(seq_len(nrow(x))), drop = FALSE]
  images <- list(cells, t(cells))
  for (i in 1:3) images <- c(images, lapply(utils::tail(images, 2), turned))
  vapply(images, function(x) {
    paste(apply(x, 1, paste, collapse = ""), collapse = "/")
  }, "")
}

test_that("positions are counted once for all their images", {
  for (board in c("diamond", "4x4", "big_L")) {
    whole <- peg_solitaire(board)
    least <- vapply(whole$states, function(x) min(images_of(x)), "")
    n <- board_size_(board_positions(on_demand(board)$board))
    # The big L is its own image under one reflection only.
    if (board != "big_L") expect_equal(n[["positions"]], length(unique(least)))
  }
  task <- on_demand("4x4")
  state <- as.data.frame(peg_solitaire("4x4"))$state[500]
  v <- vapply(images_of(state), function(x) {
    solve_mdp(task, .5, states = x)$v[1]
  }, numeric(1))
  expect_equal(unname(v), rep(v[[1]], 8), tolerance = 1e-14)
})

test_that("a board without symmetries and several rows of columns is solved", {
  board <- rbind(c(1, 1, 0, 1), c(1, 0, 1, NA), c(0, 1, 1, 1))
  whole <- peg_solitaire(board)
  task <- board_task(list(board), c(-1, 100, -5), .9)
  whole$discount <- .9
  expected <- solve_mdp(whole, 1)
  found <- solve_mdp(task, 1, states = whole$states[!whole$terminal])
  at <- match(
    paste(expected$state, expected$action), paste(found$state, found$action)
  )
  expect_equal(found$q[at], expected$q, tolerance = 1e-12)
})

test_that("the same games are played", {
  beta <- c(a = .01, b = .1, c = 1, d = Inf, e = -1, f = 0)
  for (board in c("tiny_cross", "diamond", "4x4")) {
    whole <- peg_solitaire(board)
    task <- on_demand(board)
    log <- lapply(list(whole, task), function(task) {
      set.seed(1)
      as.data.frame(simulate_trajectories(
        task, beta, 5, values = solve_mdp(task, 0), max_steps = 6
      ))
    })
    expect_equal(log[[2]][names(log[[1]])], log[[1]])
  }
})

test_that("people can follow a function of cells", {
  task <- on_demand("diamond")
  seen <- 0
  near <- function(cells) {
    seen <<- max(seen, cells)
    expect_identical(colnames(cells)[1:2], c("r1c3", "r1c4"))
    rowSums(cells[, c("r3c4", "r4c3"), drop = FALSE])
  }
  set.seed(2)
  log <- simulate_trajectories(task, c(a = 50, b = 0), 30, values = near)
  expect_equal(seen, 1)
  kept <- function(log) {
    substr(log$next_state, 20, 20) == "1" & substr(log$next_state, 27, 27) == "1"
  }
  log <- as.data.frame(log)
  share <- tapply(kept(log), log$person, mean)
  expect_gt(share[["a"]], share[["b"]] + .1)
  for (wrong in list(function(cells) 1:2, function(cells) "a")) {
    expect_error(
      simulate_trajectories(task, c(a = 1), 1, values = wrong),
      "a number for each row", class = "psyrl_error_input"
    )
  }
})

test_that("the region of a log holds its positions, and what the rest is worth", {
  whole <- peg_solitaire("4x4")
  task <- on_demand("4x4")
  set.seed(3)
  log <- simulate_trajectories(whole, c(a = .1, b = .2), 8, solve_mdp(whole, 0))
  region <- task_for(task, log)
  used <- as.data.frame(log)
  expect_setequal(
    region$states, c(used$state, used$next_state, task$states[task$starts], NA)
  )
  expect_lt(length(region$states), 400)
  expect_identical(task_for(region, log), region)
  table <- as.data.frame(region)
  expected <- as.data.frame(whole)
  at <- match(
    paste(table$state, table$action), paste(expected$state, expected$action)
  )
  expect_false(anyNA(at))
  expect_equal(table$reward, expected$reward[at])
  laid_out <- !is.na(table$next_state)
  expect_equal(table$next_state[laid_out], expected$next_state[at][laid_out])
  # Closed, it is an ordinary task with the values of the board.
  for (temperature in c(0, 1)) {
    closed <- closed_region(region, temperature)
    closed$board <- NULL
    expect_equal(
      solve_task(closed, temperature)$q, solve_task(region, temperature)$q,
      tolerance = 1e-12
    )
  }
  cells <- board_cells(region)
  features <- peg_solitaire("4x4", features = TRUE)$features
  expect_equal(as.data.frame(cells), features[at, ], ignore_attr = "row.names")
})

test_that("the English board is laid out as far as a log goes", {
  task <- peg_solitaire("7x7")
  set.seed(4)
  log <- simulate_trajectories(task, c(a = 0, b = 1), 20, values = function(cells) {
    cells[, "r4c4"]
  })
  region <- task_for(task, log)
  expect_equal(
    task$states[task$starts],
    "..111../..111../1111111/1110111/1111111/..111../..111.."
  )
  expect_length(task$layout$pair_action, 4)
  expect_output(print(task), "33 cells, enumerated on demand")
  expect_output(print(summary(region)), "positions of a log")
  expect_gt(min(rowSums(board_cells(region))), 1)
})

test_that("the English board has its known positions, moves and solution", {
  skip_unless_extended()
  task <- peg_solitaire("7x7")
  size <- board_size_(board_positions(task$board))
  expect_equal(size[["positions"]], 23475688)
  expect_equal(size[["moves"]], 186020935)
  # 31 jumps, the last of which solves it.
  expect_equal(
    unique(round(solve_mdp(task, 0)$v, 9)),
    round(100 * .99^30 - sum(.99^(0:30)), 9)
  )
  rm(list = ls(solved_boards), envir = solved_boards)
})

test_that("what is not on the board is refused", {
  task <- on_demand("diamond")
  refused <- function(states, class, message) {
    expect_error(solve_mdp(task, 0, states = states), message, class = class)
  }
  refused("diamond", "psyrl_error_task", "jumps could lead to")
  refused(sub("1", "0", task$states[1]), "psyrl_error_task", "jumps could lead to")
  refused(sub("/", "", task$states[1]), "psyrl_error_task", "jumps could lead to")
  expect_error(solve_mdp(peg_solitaire("big_L"), 0, states = "full"),
    class = "psyrl_error_input"
  )
  expect_error(solve_mdp(task, 0, states = NA), class = "psyrl_error_input")
  # Sums of jumps lead there, no game does: more pegs than at the start.
  back <- function(label, at, to) {
    for (i in seq_along(at)) substr(label, at[i], at[i]) <- to[i]
    label
  }
  # Before the jump r3c1 > r3c3, which would lead to the start.
  unreached <- back(task$states[1], 17:19, c("1", "1", "0"))
  refused(unreached, "psyrl_error_task", "none comes to")
  values <- solve_mdp(task, 0)
  for (changed in list(transform(values, q = 2 * q), data.frame(q = 1))) {
    expect_error(
      simulate_trajectories(task, c(a = 1), 1, values = changed),
      "unchanged, or a function", class = "psyrl_error_input"
    )
  }
  square <- matrix(1, 6, 6)
  square[3, 3] <- 0
  expect_error(peg_solitaire(square), "50 million", class = "psyrl_error_input")
  log <- data.frame(person = "a", state = c(task$states[1], "x"), action = "r2c4>r4c4")
  error <- expect_error(rlmm(log, task), class = "psyrl_error_data")
  expect_s3_class(error, "psyrl_error_task")
  expect_equal(error$rows, 1:2)
})
