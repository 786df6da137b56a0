# Shared by the scripts of this directory.

source_file <- function(...) {
  file.path(Sys.getenv("PSYRL_SHARED", file.path("..", "shared")), "data", ...)
}

# A log: `id` becomes `person`, the core columns come first and have the types
# that trajectories() keeps.
read_moves <- function(..., extra) {
  moves <- utils::read.csv(source_file(...))
  names(moves)[names(moves) == "id"] <- "person"
  moves$done <- moves$done == 1
  core <- c(
    "person", "episode", "step", "state", "action", "reward", "next_state",
    "done"
  )
  moves[c(core, extra)]
}

read_persons <- function(...) {
  persons <- utils::read.csv(source_file(...))
  names(persons)[names(persons) == "id"] <- "person"
  persons
}

# Saves each named object to data/<name>.rda.
keep <- function(...) {
  objects <- list(...)
  dir.create("data", showWarnings = FALSE)
  for (name in names(objects)) {
    file <- file.path("data", paste0(name, ".rda"))
    save(
      list = name, envir = list2env(objects), file = file, compress = "xz",
      version = 3
    )
    message(file, ": ", round(file.size(file) / 1024), " kB")
  }
}
