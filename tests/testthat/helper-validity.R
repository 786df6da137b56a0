# A small task with known values and people who follow them; fitted once.
validity_example <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      made <<- withr::with_seed(4, {
        task <- random_mdp(states = 12, actions = 3, discount = .9)
        values <- solve_mdp(task, 0)
        values$q <- 2 * values$advantage / stats::sd(values$advantage)
        beta <- stats::setNames(exp(stats::rnorm(40, 0, .6)), sprintf("p%02d", 1:40))
        log <- simulate_trajectories(
          task, beta, episodes = 3, values = values, max_steps = 8
        )
        list(
          task = task, values = values, beta = beta, log = log,
          fit = rlmm(log, task, q_known(values))
        )
      })
    }
    made
  }
})

quietly <- function(code) suppressWarnings(code, classes = "psyrl_warning")
