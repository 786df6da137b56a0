# A board by name, whose positions are not laid out although they could be.
on_demand <- function(board, discount = 0.99) {
  board_task(named_board(board), c(-1, 100, -5), discount)
}

people_on_boards <- function(n, mean = -3, sd = 1) {
  stats::setNames(exp(stats::rnorm(n, mean, sd)), sprintf("p%02d", seq_len(n)))
}
