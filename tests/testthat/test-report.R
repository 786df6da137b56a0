test_that("a report stands alone and holds every section", {
  fit <- small_fit()
  file <- tempfile(fileext = ".html")
  on.exit(unlink(file))
  set.seed(1)
  expect_identical(
    report(fit, file, criterion = fit$truth, folds = 2, title = "A & B"),
    normalizePath(file)
  )
  page <- paste(readLines(file, encoding = "UTF-8"), collapse = "\n")
  expect_match(page, "A &amp; B", fixed = TRUE)
  expect_no_match(page, "(src|href)=\"(?!data:)", perl = TRUE)
  expect_no_match(page, "{{", fixed = TRUE)
  expect_no_match(page, ">(NA|NaN|NULL|character\\(0\\))<")
  headings <- regmatches(page, gregexpr("<h2>[^<]*", page))[[1]]
  expect_length(headings, 11)
  expect_equal(lengths(gregexpr("<figure>", page)), 7)
  for (tag in c("table", "p", "figure", "details", "main")) {
    count <- function(pattern) lengths(regmatches(page, gregexpr(pattern, page)))
    expect_equal(count(paste0("<", tag, "[ >]")), count(paste0("</", tag, ">")))
  }
})

test_that("several criteria by formula each get a row and a picture", {
  fit <- small_fit()
  people <- data.frame(
    person = names(fit$truth), iq = fit$truth, age = rev(fit$truth)
  )
  file <- tempfile(fileext = ".html")
  on.exit(unlink(file))
  report(fit, file, criterion = ~ iq + age, data = people)
  page <- paste(readLines(file, encoding = "UTF-8"), collapse = "\n")
  for (name in c("iq", "age")) expect_match(page, paste0(">", name, "<"))
  expect_equal(
    plot_data(fit, "criterion", criterion = ~iq, data = people)$data$criterion,
    plot_data(fit, "criterion", criterion = fit$truth)$data$criterion
  )
})

test_that("without criteria, folds or the order of steps a report is shorter", {
  fit <- small_fit()
  file <- tempfile(fileext = ".html")
  on.exit(unlink(file))
  by_counts <- suppressWarnings(
    rlmm(counts(fit$data), fit$task), classes = "psyrl_warning"
  )
  report(by_counts, file)
  page <- readLines(file, encoding = "UTF-8")
  expect_length(grep("<h2>", page), 7)
})

test_that("the saved table is the table of scores", {
  facts <- report_facts(small_fit(), NULL, NULL, 0)
  link <- report_table(facts)[2]
  code <- sub("\".*", "", sub(".*base64,", "", link))
  skip_if_not_installed("jsonlite")
  table <- read.csv(text = rawToChar(jsonlite::base64_dec(code)))
  expect_equal(table$estimate, facts$scores$estimate)
  expect_equal(table$person, as.character(facts$scores$person))
})

test_that("base64 agrees with published examples", {
  expect_identical(base64(charToRaw("f")), "Zg==")
  expect_identical(base64(charToRaw("fo")), "Zm8=")
  expect_identical(base64(charToRaw("foo")), "Zm9v")
  expect_identical(base64(charToRaw("foobar")), "Zm9vYmFy")
  expect_identical(base64(raw()), "")
})

test_that("the share of best choices rises from chance to one", {
  fit <- small_fit()
  rate <- best_choice_rate(fit, c(0, .01, .1, 1e3))
  expect_false(is.unsorted(rate))
  expect_equal(rate[4], 1)
  predicted <- predict(fit, type = "advantage")
  row <- cumsum(!duplicated(predicted[c("person", "episode", "step")]))
  top <- tapply(predicted$advantage, row, max)[row]
  best <- abs(predicted$advantage - top) < 1e-10
  share <- tapply(best, row, mean)
  expect_equal(rate[1], mean(share[share < 1]))
})

test_that("a report that cannot be written is refused before any work", {
  fit <- small_fit()
  expect_error(report(fit, 3), class = "psyrl_error_input")
  expect_error(
    report(fit, file.path(tempdir(), "no", "such", "folder.html")),
    class = "psyrl_error_input"
  )
})
