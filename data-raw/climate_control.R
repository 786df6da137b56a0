# Climate control: events and students of three Nordic countries.
source("data-raw/read.R")

students <- read_persons("pisa_climate", "persons.csv")
keep(
  climate_control = read_moves(
    "pisa_climate", "trajectories.csv.gz",
    extra = c("top", "central", "bottom", "temp", "humid", "time_s")
  ),
  climate_control_persons = transform(
    students, full_credit = full_credit == 1, votat3 = votat3 == 1
  )
)
