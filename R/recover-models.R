# Recovery of models: who is taken for whom?

recover_models <- function(plans, reps, cluster) {
  parts <- lapply(names(plans), function(name) {
    replicate_study(reps, cluster, one_model_recovery, plan = plans[[name]],
                    models = lapply(plans, `[[`, "model"))
  })
  best <- Map(function(replicates, name) {
    do.call(rbind, lapply(seq_along(replicates), function(i) {
      data.frame(simulated = name, replicate = i, replicates[[i]])
    }))
  }, parts, names(plans))
  best <- do.call(rbind, unname(best))
  samples <- unique(best[c("simulated", "replicate", "best_of_sample")])
  persons <- confusion_matrix(best$simulated, best$best, names(plans))
  whole <- confusion_matrix(samples$simulated, samples$best_of_sample, names(plans))
  structure(
    list(
      confusion = persons, inversion = inversion_matrix(persons),
      confusion_samples = whole, inversion_samples = inversion_matrix(whole),
      best = best, estimator = plans[[1]]$estimator, reps = reps, n = plans[[1]]$n
    ),
    class = "psyrl_model_recovery"
  )
}

one_model_recovery <- function(seed, plan, models) {
  with_seed(seed, {
    theta <- t(to_natural(t(plan$draw()), plan$table))
    data <- simulate_choices(plan$model, plan$play(), theta)
    evidence <- vapply(models, function(model) {
      fit <- tryCatch(plan$fit(data, model), psyrl_error = function(e) NULL)
      out <- if (is.null(fit)) rep(-Inf, plan$n) else log_evidence(fit, "BIC")
      ifelse(is.finite(out), out, -Inf)
    }, numeric(plan$n))
    evidence <- matrix(evidence, plan$n)
    data.frame(
      person = data$persons, best = names(models)[apply(evidence, 1, which.max)],
      best_of_sample = names(models)[which.max(colSums(evidence))]
    )
  })
}

confusion_matrix <- function(simulated, best, models) {
  counts <- table(simulated = factor(simulated, models), fitted = factor(best, models))
  unclass(counts / pmax(rowSums(counts), 1))
}

# P(simulated | fitted), all models equally frequent.
inversion_matrix <- function(confusion) {
  sweep(confusion, 2, pmax(colSums(confusion), .Machine$double.eps), `/`)
}

#' @export
print.psyrl_model_recovery <- function(x, digits = 2, ...) {
  cat(
    "Recovery of models, ", x$estimator, ": ", x$reps, " replicates of ", x$n,
    " persons for each model\n\nConfusion: share of persons that each model fits ",
    "best, by simulated model\n", sep = ""
  )
  print(round(x$confusion, digits))
  cat("\nInversion: probability of the simulated model given the best fitting\n")
  print(round(x$inversion, digits))
  cat("\nWhole samples: share of samples that each model fits best\n")
  print(round(x$confusion_samples, digits))
  invisible(x)
}

#' @rdname recover
#' @param type Which matrix to show.
#' @export
plot.psyrl_model_recovery <- function(x, type = c("confusion", "inversion"), ...) {
  type <- check_choice(type, c("confusion", "inversion"), "type")
  shares <- x[[type]]
  K <- nrow(shares)
  shade <- grDevices::colorRampPalette(c("white", plot_colours[["main"]]))(64)
  graphics::image(
    seq_len(K), seq_len(K), t(shares[K:1, ]), zlim = c(0, 1), col = shade, axes = FALSE,
    xlab = "best fitting", ylab = "simulated", main = type, ...
  )
  graphics::axis(1, seq_len(K), colnames(shares), tick = FALSE)
  graphics::axis(2, seq_len(K), rev(rownames(shares)), tick = FALSE)
  at <- expand.grid(row = seq_len(K), column = seq_len(K))
  value <- shares[as.matrix(at)]
  graphics::text(
    at$column, K + 1 - at$row, format(round(value, 2), nsmall = 2),
    col = ifelse(value > 0.5, "white", plot_colours[["ink"]])
  )
  invisible(x)
}
