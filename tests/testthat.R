library(testthat)
library(psyrl)

test_check("psyrl")
