# A small fit to look at, made once: 40 persons on the smallest board.
small_fit <- local({
  fit <- NULL
  function() {
    if (is.null(fit)) {
      set.seed(7)
      task <- peg_solitaire("tiny_cross")
      beta <- setNames(exp(rnorm(40, -3, .6)), paste0("p", 1:40))
      log <- simulate_trajectories(task, beta, episodes = 8)
      fit <<- suppressWarnings(rlmm(log, task), classes = "psyrl_warning")
      fit$truth <<- log(beta)
    }
    fit
  }
})
