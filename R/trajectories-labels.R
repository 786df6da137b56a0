# Labels and codes. Inside, persons, states and actions are codes 1..n; their
# labels stand beside them in the type the user gave.

# A column that can serve as label, without attributes: character, integer,
# double, logical, or a factor as it is. Anything else (dates, 64-bit integers)
# is labelled by what it prints as.
as_label_vector <- function(x) {
  if (is.factor(x)) return(x)
  if (inherits(x, "haven_labelled")) class(x) <- NULL
  if (is.object(x) || is.complex(x)) return(as.character(x))
  as.vector(x)
}

is_label_vector <- function(x) {
  is.atomic(x) && !is.null(x) && is.null(dim(x)) && !is.raw(x)
}

# Codes of several vectors over one common set of labels. Levels of factors keep
# their order, anything else is sorted (as in the C locale, so that codes do not
# depend on the machine); what does not occur has no code. `NA` stays `NA`.
encode_labels <- function(...) {
  vectors <- lapply(list(...), as_label_vector)
  labels <- common_labels(vectors)
  list(labels = labels, codes = lapply(vectors, match_labels, labels))
}

common_labels <- function(vectors) {
  seen <- lapply(vectors, function(x) {
    if (is.factor(x)) levels(x)[sort(unique(as.integer(x)))] else unique(x)
  })
  seen <- seen[lengths(seen) > 0]
  if (any(vapply(vectors, is.factor, logical(1)))) {
    ordered <- unique(unlist(lapply(vectors, levels)))
    seen <- lapply(seen, as.character)
    others <- setdiff(unlist(seen), ordered)
    return(c(
      intersect(ordered, unlist(seen)), sort(others, method = "radix")
    ))
  }
  if (any(vapply(seen, is.character, logical(1)))) {
    seen <- lapply(seen, as.character)
  }
  if (!length(seen)) return(character())
  sort(unique(unlist(seen)), method = "radix")
}

# Codes of `x` among `labels`; different types are compared as they print.
match_labels <- function(x, labels) {
  if (is.factor(x)) return(match(levels(x), labels)[as.integer(x)])
  if (is.character(x) != is.character(labels)) {
    return(match_labels(factor(x), as.character(labels)))
  }
  match(x, labels)
}

# Names that are all there and all different.
are_distinct_names <- function(names) {
  !is.null(names) && !anyNA(names) && all(nzchar(names)) &&
    !anyDuplicated(names)
}

# 0-based offsets of codes 1..n in a sorted vector of codes.
offsets <- function(codes, n) {
  as.integer(c(0, cumsum(tabulate(codes, n))))
}
