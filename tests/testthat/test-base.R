test_that("log_sum_exp survives extreme, infinite and empty rows", {
  expect_equal(log_sum_exp_(c(-1000, -1000)), -1000 + log(2))
  expect_equal(log_sum_exp_(c(1000, 1000, 999)), 1000 + log(2 + exp(-1)))
  expect_equal(log_sum_exp_(c(-Inf, 0)), 0)
  expect_identical(log_sum_exp_(c(-Inf, -Inf)), -Inf)
  expect_identical(log_sum_exp_(numeric()), -Inf)
})
