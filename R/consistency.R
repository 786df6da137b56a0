#' How learned values are held to the task
#'
#' `bellman()` penalises the Bellman residual delta(s, a) = Q(s, a) - r - gamma E V(s')
#' of learned values by `lambda` times its sum of squares, next to the *summed*
#' negative log-likelihood; the implied SD of the residual is 1 / sqrt(2 lambda), in
#' units of reward. `bellman_none()` lets behaviour alone decide.
#'
#' @param lambda Weight of the residual, or `"estimate"`: by the evidence for
#'   [q_table()] with known rewards, legal pairs, expected residuals and the marginal
#'   estimator; otherwise by cross-validation over persons, from residual SDs of .01 to
#'   1 times the root mean square of the task's values.
#' @param temperature Backup temperature in units of reward, 0 for the ordinary
#'   maximum, or `"estimate"`: by the evidence, or otherwise that of [q_task()].
#' @param discount `"task"`, `"estimate"`, or `"choose"`: estimated only if that gains
#'   more than 15 nats of evidence.
#' @param backup As in [q_task()].
#' @param pairs Penalise every `"legal"` pair once, or the `"observed"` pairs by their
#'   counts (the published form).
#' @param residual `"expected"` over next states, or the `"sample"` that was logged
#'   (the published form).
#' @param residual_as What a residual is: part of the `"reward"`, so that values are
#'   those of a task with other rewards and states before look forward to it; part of a
#'   pair's `"value"`, from which nothing else follows, so that values are a table drawn
#'   to the task's; or `"choose"`: by cross-validation over persons, which takes about
#'   twice as long. Other than `"reward"` only for [q_table()] with known rewards,
#'   legal pairs, expected residuals and the marginal estimator.
#' @param cql Weight of the conservative term; 0 by default, because it is a second
#'   likelihood that pulls the population towards beta = 1.
#' @param residual_sd_max Upper bound of an estimated residual SD, in units of reward.
#'   Without one, [q_table()] may turn out a free table: see the details of [rlmm()].
#' @return A specification to hand to [rlmm()].
#' @examples
#' bellman(lambda = 50, temperature = 0)
#' @export
bellman <- function(lambda = "estimate", temperature = "estimate",
                    discount = c("task", "estimate", "choose"),
                    backup = c("soft", "mellow"),
                    pairs = c("legal", "observed"),
                    residual = c("expected", "sample"), cql = 0,
                    residual_sd_max = Inf,
                    residual_as = c("reward", "value", "choose")) {
  new_spec("consistency", "bellman",
    lambda = check_number_or(lambda, "estimate", "lambda"),
    temperature = check_number_or(temperature, "estimate", "temperature"),
    discount = check_choice(
      discount, c("task", "estimate", "choose"), "discount"
    ),
    backup = check_choice(backup, c("soft", "mellow"), "backup"),
    pairs = check_choice(pairs, c("legal", "observed"), "pairs"),
    residual = check_choice(residual, c("expected", "sample"), "residual"),
    cql = check_number(cql, "cql", lower = 0),
    residual_sd_max = check_number(
      residual_sd_max, "residual_sd_max", lower = 0, finite = FALSE
    ),
    residual_as = check_choice(
      residual_as, c("reward", "value", "choose"), "residual_as"
    )
  )
}

#' @rdname bellman
#' @export
bellman_none <- function() {
  new_spec("consistency", "none")
}
