# Tower of London: moves, retest and persons.
source("data-raw/read.R")

tower_moves <- function(file) {
  moves <- read_moves("tol_sro", file, extra = c(
    "timeout", "dist", "dist_next", "rt_lift", "rt_drop"
  ))
  names(moves)[names(moves) == "timeout"] <- "truncated"
  moves$truncated <- moves$truncated == 1
  moves
}

keep(
  tower_of_london_moves = tower_moves("trajectories.csv.gz"),
  tower_of_london_retest = tower_moves("trajectories_retest.csv.gz"),
  tower_of_london_persons = transform(
    read_persons("tol_sro", "persons.csv"), retested = retested == 1
  )
)
