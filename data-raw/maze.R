# Mazes: maps, the transitions they imply, moves and persons.
source("data-raw/read.R")

# Blocks of a title line ("maze g00 ...") and the rows of its map.
read_maps <- function(file) {
  lines <- readLines(file)
  title <- grepl("^maze ", lines)
  block <- cumsum(title)
  maps <- split(lines[!title & nzchar(lines)], block[!title & nzchar(lines)])
  names(maps) <- sub("^maze (\\S+).*$", "\\1", lines[title])
  lapply(maps, as.character)
}

# A row a cell and action, goals left out: they end the episode.
long_transitions <- function(cells) {
  goal <- cells$cell == "G"
  open <- cells[!goal, ]
  long <- do.call(rbind, lapply(c("L", "R", "U", "D"), function(action) {
    data.frame(
      state = open$state, action = action,
      next_state = open[[paste0("next_", action)]]
    )
  }))
  long$reward <- as.numeric(long$next_state %in% cells$state[goal])
  long <- long[order(long$state, long$action), ]
  rownames(long) <- NULL
  long
}

keep(
  maze_maps = read_maps(source_file("maze_vgc", "mazes.txt")),
  maze_moves = read_moves(
    "maze_vgc", "trajectories.csv.gz", extra = c("dist", "dist_next", "rt")
  ),
  maze_persons = read_persons("maze_vgc", "persons.csv"),
  maze_transitions = long_transitions(
    utils::read.csv(source_file("maze_vgc", "transitions.csv"))
  )
)
