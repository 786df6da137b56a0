# Pages of reports: numbers as a reader writes them, HTML, and the file.

check_report <- function(file, title) {
  check_string(file, "file")
  check_string(title, "title")
  if (!dir.exists(dirname(file))) {
    abort_input("file", paste0(
      "`file` must be in a folder that exists; ", dQuote(dirname(file), FALSE),
      " does not."
    ))
  }
}

write_report <- function(file, title, body) {
  page <- readLines(
    system.file("report", "page.html", package = "psyrl"), encoding = "UTF-8"
  )
  page <- sub("{{title}}", html_escape(title), page, fixed = TRUE)
  at <- match("{{body}}", page)
  page <- c(page[seq_len(at - 1)], body, page[-seq_len(at)])
  writeLines(enc2utf8(page), file, useBytes = TRUE)
  invisible(normalizePath(file))
}

# --- Numbers as a reader writes them ------------------------------------------

decimals <- function(x, digits = 2) {
  ifelse(is.na(x), "", sprintf(paste0("%.", digits, "f"), x))
}

significant <- function(x, digits = 3) {
  vapply(x, function(v) format(signif(v, digits), digits = digits), "")
}

percent <- function(x, digits = 0) {
  ifelse(is.na(x), "", sprintf(paste0("%.", digits, "f %%"), 100 * x))
}

interval <- function(low, high, format = decimals) {
  ifelse(is.na(low), "", paste0("[", format(low), ", ", format(high), "]"))
}

# --- HTML ---------------------------------------------------------------------

html_escape <- function(x) {
  x <- gsub("&", "&amp;", x, fixed = TRUE)
  x <- gsub("<", "&lt;", x, fixed = TRUE)
  x <- gsub(">", "&gt;", x, fixed = TRUE)
  gsub("\"", "&quot;", x, fixed = TRUE)
}

html_h <- function(text) paste0("<h2>", html_escape(text), "</h2>")

html_p <- function(..., class = NULL) {
  paste0(
    "<p", if (!is.null(class)) paste0(" class=\"", class, "\""), ">",
    html_escape(paste0(...)), "</p>"
  )
}

# Columns after the first are numbers and stand to the right.
html_table <- function(data) {
  cells <- vapply(data, function(column) {
    html_escape(as.character(column))
  }, character(nrow(data)))
  cells <- matrix(cells, nrow(data))
  row <- function(x, tag) {
    paste0("<tr>", paste0("<", tag, ">", x, "</", tag, ">", collapse = ""), "</tr>")
  }
  c(
    "<table><thead>", row(html_escape(names(data)), "th"), "</thead><tbody>",
    apply(cells, 1, row, tag = "td"), "</tbody></table>"
  )
}

# A picture inside the page; `draw` draws it.
html_figure <- function(draw, caption, width = 7.5, height = 4.4) {
  file <- tempfile(fileext = ".png")
  on.exit(unlink(file))
  grDevices::png(file, width * 144, height * 144, res = 144)
  tryCatch(draw(), finally = grDevices::dev.off())
  bytes <- readBin(file, "raw", file.size(file))
  paste0(
    "<figure><img alt=\"", html_escape(caption),
    "\" src=\"data:image/png;base64,", base64(bytes), "\"><figcaption>",
    html_escape(caption), "</figcaption></figure>"
  )
}

# Each tile a number and what it is.
html_tiles <- function(tiles) {
  c(
    "<div class=\"tiles\">",
    vapply(tiles, function(tile) {
      paste0(
        "<div><b>", html_escape(tile[1]), "</b><span>", html_escape(tile[2]),
        "</span></div>"
      )
    }, ""),
    "</div>"
  )
}

# All scores: `shown` to read, `scores` to save.
html_scores <- function(scores, shown) {
  lines <- utils::capture.output(utils::write.csv(scores, row.names = FALSE))
  c(
    html_h("All scores"),
    paste0(
      "<p><a download=\"scores.csv\" href=\"data:text/csv;base64,",
      base64(charToRaw(enc2utf8(paste0(lines, "\n", collapse = "")))),
      "\">Save the scores as a table (CSV)</a></p>"
    ),
    "<details><summary>Show the scores</summary>", html_table(shown), "</details>"
  )
}

html_call <- function(fit) {
  paste0(
    "<pre>", html_escape(paste(deparse(fit$call), collapse = "\n")), "\npsyrl ",
    as.character(fit$version), ", ", R.version.string, "</pre>"
  )
}

# Three bytes are four characters of six bits.
base64 <- function(bytes) {
  letters64 <- c(LETTERS, letters, 0:9, "+", "/")
  padding <- -length(bytes) %% 3
  x <- matrix(as.integer(c(bytes, raw(padding))), 3)
  code <- rbind(
    x[1, ] %/% 4, x[1, ] %% 4 * 16 + x[2, ] %/% 16,
    x[2, ] %% 16 * 4 + x[3, ] %/% 64, x[3, ] %% 64
  )
  text <- letters64[code + 1]
  text[length(text) + 1 - seq_len(padding)] <- "="
  paste(text, collapse = "")
}
