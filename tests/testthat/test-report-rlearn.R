test_that("a report of a learning model stands alone and holds every section", {
  withr::local_seed(1)
  fit <- suppressWarnings(
    rlearn(simulate(rescorla_wagner(), design = bandit_task(12, 60)))
  )
  people <- data.frame(person = fit$data$persons, age = rnorm(12))
  file <- tempfile(fileext = ".html")
  on.exit(unlink(file))
  expect_identical(
    report(fit, file, criterion = ~age, data = people, folds = 2),
    normalizePath(file)
  )
  page <- paste(readLines(file, encoding = "UTF-8"), collapse = "\n")
  expect_no_match(page, "(src|href)=\"(?!data:)", perl = TRUE)
  expect_no_match(page, ">(NA|NaN|NULL|character\\(0\\))<")
  expect_length(regmatches(page, gregexpr("<h2>", page))[[1]], 6)
  expect_equal(lengths(gregexpr("<figure>", page)), 3)
  for (word in c("sd_alpha", "Rescorla", ">age<")) {
    expect_match(page, word, fixed = TRUE)
  }
  alone <- suppressWarnings(update(fit, estimator = "ml"))
  expect_silent(suppressWarnings(report(alone, file)))
})
