# Slow, plain R references of the learning models' likelihoods, written from the
# definitions and not from the core: a person's trials, natural parameters.

reference_log_lik <- function(model, trials, p, n_options) {
  state <- new.env()
  state$block <- NA
  total <- 0
  rule <- reference_rules[[model$model]]
  for (t in seq_len(nrow(trials))) {
    x <- trials[t, ]
    if (!identical(x$block, state$block)) {
      state <- rule$start(p, model$switches, n_options)
      state$block <- x$block
    }
    if (is.na(x$choice)) next
    total <- total + rule$log_p(state, x, p, model$switches, n_options)
    rule$learn(state, x, p, model$switches, n_options)
  }
  total
}

softmax_r <- function(x) exp(x - max(x)) / sum(exp(x - max(x)))
log_pick <- function(logits, a, xi = 0) {
  log((1 - xi) * softmax_r(logits)[a] + xi / length(logits))
}
given <- function(p, name, absent = 0) if (name %in% names(p)) p[[name]] else absent
stimulus_of <- function(x) if (is.null(x$stimulus)) 1 else x$stimulus
new_state <- function(...) list2env(list(...))
table_of <- function(value, K) matrix(value, 6, K)

value_rule <- function(learn, start = NULL) {
  list(
    start = start %||% function(p, s, K) new_state(q = table_of(s[["initial"]], K)),
    log_p = function(state, x, p, s, K) {
      log_pick(p[["beta"]] * state$q[stimulus_of(x), ], x$choice)
    },
    learn = learn
  )
}

rw_logits <- function(state, x, p, K) {
  bias <- if ("bias_2" %in% names(p)) c(0, unlist(p[paste0("bias_", 2:K)])) else 0
  p[["beta"]] * state$q[stimulus_of(x), ] + given(p, "beta_ck") * state$c + bias +
    given(p, "kappa") * (seq_len(K) == state$previous)
}

rw_learn <- function(state, x, p, s, K) {
  i <- stimulus_of(x)
  a <- x$choice
  if (!is.na(x$outcome)) {
    error <- x$outcome - state$q[i, a]
    sign <- if (s[["by_outcome"]] == 1) x$outcome else error
    names <- if (s[["by_outcome"]] == 1) c("alpha_rew", "alpha_pun") else {
      c("alpha_pos", "alpha_neg")
    }
    alpha <- given(p, names[if (sign >= 0) 1 else 2], given(p, "alpha"))
    state$q[i, a] <- state$q[i, a] + alpha * error
  }
  others <- setdiff(seq_len(K), a)
  state$q[i, others] <- state$q[i, others] +
    given(p, "phi") * (s[["initial"]] - state$q[i, others])
  state$c <- state$c + given(p, "alpha_ck") * ((seq_len(K) == a) - state$c)
  state$previous <- a
}

reference_rules <- list(
  rescorla_wagner = list(
    start = function(p, s, K) {
      new_state(q = table_of(s[["initial"]], K), c = numeric(K), previous = 0)
    },
    log_p = function(state, x, p, s, K) {
      log_pick(rw_logits(state, x, p, K), x$choice, given(p, "xi"))
    },
    learn = rw_learn
  ),
  fictitious = value_rule(function(state, x, p, s, K) {
    if (is.na(x$outcome)) return()
    i <- stimulus_of(x)
    a <- x$choice
    error <- x$outcome - state$q[i, a]
    alpha <- given(p, if (error >= 0) "alpha_pos" else "alpha_neg", given(p, "alpha"))
    other <- -x$outcome - state$q[i, 3 - a]
    state$q[i, a] <- state$q[i, a] + alpha * error
    state$q[i, 3 - a] <- state$q[i, 3 - a] + alpha * other
  }),
  confirmation = value_rule(function(state, x, p, s, K) {
    i <- stimulus_of(x)
    a <- x$choice
    if (!is.na(x$outcome)) {
      error <- x$outcome - state$q[i, a]
      alpha <- p[[if (error >= 0) "alpha_conf" else "alpha_disc"]]
      state$q[i, a] <- state$q[i, a] + alpha * error
    }
    if (!is.null(x$counterfactual) && !is.na(x$counterfactual)) {
      error <- x$counterfactual - state$q[i, 3 - a]
      alpha <- p[[if (error >= 0) "alpha_disc" else "alpha_conf"]]
      state$q[i, 3 - a] <- state$q[i, 3 - a] + alpha * error
    }
  }),
  pearce_hall = value_rule(
    start = function(p, s, K) {
      new_state(q = table_of(s[["initial"]], K), A = table_of(1, K))
    },
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      i <- stimulus_of(x)
      a <- x$choice
      error <- x$outcome - state$q[i, a]
      state$q[i, a] <- state$q[i, a] + p[["kappa"]] * state$A[i, a] * error
      state$A[i, a] <- p[["eta"]] * abs(error) + (1 - p[["eta"]]) * state$A[i, a]
    }
  ),
  ewa = value_rule(
    start = function(p, s, K) {
      new_state(q = table_of(s[["initial"]], K), n = table_of(0, K))
    },
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      i <- stimulus_of(x)
      a <- x$choice
      before <- state$n[i, a]
      state$n[i, a] <- p[["rho"]] * before + 1
      state$q[i, a] <- (p[["phi"]] * before * state$q[i, a] + x$outcome) / state$n[i, a]
    }
  ),
  kalman_bandit = value_rule(
    start = function(p, s, K) {
      new_state(q = table_of(p[["mu0"]], K), s2 = table_of(p[["sigma0"]]^2, K))
    },
    learn = function(state, x, p, s, K) {
      i <- stimulus_of(x)
      a <- x$choice
      if (!is.na(x$outcome)) {
        gain <- state$s2[i, a] / (state$s2[i, a] + 16)
        state$q[i, a] <- state$q[i, a] + gain * (x$outcome - state$q[i, a])
        state$s2[i, a] <- (1 - gain) * state$s2[i, a]
      }
      l <- p[["lambda"]]
      state$q[i, ] <- l * state$q[i, ] + (1 - l) * p[["theta"]]
      state$s2[i, ] <- l^2 * state$s2[i, ] + p[["sigma_d"]]^2
    }
  ),
  two_step = list(
    start = function(p, s, K) {
      new_state(q1 = c(0, 0), q2 = c(0, 0, 0, 0), previous = 0)
    },
    log_p = function(state, x, p, s, K) {
      best <- c(max(state$q2[1:2]), max(state$q2[3:4]))
      planned <- c(0.7 * best[1] + 0.3 * best[2], 0.3 * best[1] + 0.7 * best[2])
      first <- given(p, "beta1", given(p, "beta")) *
        (p[["w"]] * planned + (1 - p[["w"]]) * state$q1) +
        p[["pi"]] * (1:2 == state$previous)
      out <- log_pick(first, x$choice)
      if (is.na(x$choice2)) return(out)
      pair <- if (x$choice2 <= 2) 1:2 else 3:4
      out + log_pick(
        given(p, "beta2", given(p, "beta")) * state$q2[pair], match(x$choice2, pair)
      )
    },
    learn = function(state, x, p, s, K) {
      state$previous <- x$choice
      if (is.na(x$choice2) || is.na(x$outcome)) return()
      a1 <- given(p, "alpha1", given(p, "alpha"))
      a2 <- given(p, "alpha2", given(p, "alpha"))
      before <- state$q2[x$choice2]
      after <- before + a2 * (x$outcome - before)
      carried <- x$outcome - if (s[["after"]] == 1) after else before
      q1 <- state$q1[x$choice]
      state$q1[x$choice] <- q1 + a1 * (before - q1) + given(p, "lambda", 1) * a1 * carried
      state$q2[x$choice2] <- after
    }
  ),
  go_nogo = list(
    start = function(p, s, K) new_state(q = table_of(0, 2), v = numeric(6)),
    log_p = function(state, x, p, s, K) {
      i <- stimulus_of(x)
      weight <- state$q[i, 2] + given(p, "b") + given(p, "pi") * state$v[i] - state$q[i, 1]
      xi <- given(p, "xi")
      go <- (1 - xi) / (1 + exp(-weight)) + xi / 2
      log(if (x$choice == 2) go else 1 - go)
    },
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      i <- stimulus_of(x)
      rho <- given(p, if (x$outcome >= 0) "rho_rew" else "rho_pun", given(p, "rho"))
      felt <- rho * x$outcome
      state$q[i, x$choice] <- state$q[i, x$choice] +
        p[["epsilon"]] * (felt - state$q[i, x$choice])
      state$v[i] <- state$v[i] + p[["epsilon"]] * (felt - state$v[i])
    }
  ),
  pvl_delta = list(
    start = function(p, s, K) new_state(e = numeric(K)),
    log_p = function(state, x, p, s, K) log_pick((3^p[["cons"]] - 1) * state$e, x$choice),
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      a <- x$choice
      state$e[a] <- state$e[a] + p[["A"]] * (prospect(x$outcome, p) - state$e[a])
    }
  ),
  pvl_decay = list(
    start = function(p, s, K) new_state(e = numeric(K)),
    log_p = function(state, x, p, s, K) log_pick((3^p[["cons"]] - 1) * state$e, x$choice),
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      state$e <- p[["A"]] * state$e
      state$e[x$choice] <- state$e[x$choice] + prospect(x$outcome, p)
    }
  ),
  vpp = list(
    start = function(p, s, K) new_state(e = numeric(K), p = numeric(K)),
    log_p = function(state, x, p, s, K) {
      v <- p[["w"]] * state$e + (1 - p[["w"]]) * state$p
      log_pick((3^p[["cons"]] - 1) * v, x$choice)
    },
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      a <- x$choice
      state$p <- p[["K"]] * state$p
      state$p[a] <- state$p[a] + p[[if (x$outcome >= 0) "epP" else "epN"]]
      state$e[a] <- state$e[a] + p[["A"]] * (prospect(x$outcome, p) - state$e[a])
    }
  ),
  orl = list(
    start = function(p, s, K) new_state(ev = numeric(K), ef = numeric(K), ps = numeric(K)),
    log_p = function(state, x, p, s, K) {
      log_pick(state$ev + p[["betaF"]] * state$ef + p[["betaP"]] * state$ps, x$choice)
    },
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      a <- x$choice
      win <- x$outcome >= 0
      own <- p[[if (win) "Arew" else "Apun"]]
      fictive <- p[[if (win) "Apun" else "Arew"]]
      ef <- state$ef + fictive * (-sign(x$outcome) / (K - 1) - state$ef)
      ef[a] <- state$ef[a] + own * (sign(x$outcome) - state$ef[a])
      state$ef <- ef
      state$ev[a] <- state$ev[a] + own * (x$outcome - state$ev[a])
      state$ps[a] <- 1
      state$ps <- state$ps / 3^p[["K"]]
    }
  ),
  forgetting_bandit = list(
    start = function(p, s, K) {
      new_state(outcome = table_of(0, K), choice = table_of(0, K))
    },
    log_p = function(state, x, p, s, K) {
      i <- stimulus_of(x)
      log_pick(state$outcome[i, ] + state$choice[i, ], x$choice)
    },
    learn = function(state, x, p, s, K) {
      i <- stimulus_of(x)
      for (channel in c("outcome", "choice")[c(s[["outcome"]], s[["choice"]]) == 1]) {
        if (channel == "outcome" && is.na(x$outcome)) next
        both <- s[["outcome"]] == 1 && s[["choice"]] == 1
        name <- function(what) paste0(what, if (both) paste0("_", channel))
        pick <- function(what) vapply(seq_len(K), function(k) {
          given(p, paste0(name(what), "_", k), given(p, name(what)))
        }, 1)
        u <- (seq_len(K) == x$choice) * if (channel == "outcome") x$outcome else 1
        z <- state[[channel]]
        z[i, ] <- z[i, ] + pick("alpha") * (pick("beta") * u - z[i, ])
        state[[channel]] <- z
      }
    }
  ),
  win_stay_lose_shift = list(
    start = function(p, s, K) new_state(last = rep(NA, 6), won = rep(NA, 6)),
    log_p = function(state, x, p, s, K) {
      i <- stimulus_of(x)
      if (is.na(state$last[i])) return(-log(K))
      stay <- if (state$won[i]) p[["p_ws"]] else 1 - p[["p_ls"]]
      log(if (x$choice == state$last[i]) stay else (1 - stay) / (K - 1))
    },
    learn = function(state, x, p, s, K) {
      if (is.na(x$outcome)) return()
      state$last[stimulus_of(x)] <- x$choice
      state$won[stimulus_of(x)] <- x$outcome > 0
    }
  ),
  biased_random = list(
    start = function(p, s, K) new_state(),
    log_p = function(state, x, p, s, K) {
      log_pick(c(0, unlist(p[paste0("bias_", 2:K)])), x$choice)
    },
    learn = function(...) NULL
  )
)

prospect <- function(r, p) {
  if (r >= 0) r^p[["alpha"]] else -p[["lambda"]] * (-r)^p[["alpha"]]
}

# A messy data set: missed trials, outcomes not seen, blocks, stimuli, a person with a
# single trial.
messy_choices <- function(n_options = 2, two_step = FALSE, stimuli = 3, n = 40) {
  n_trials <- c(n, n %/% 2, 1)
  total <- sum(n_trials)
  data <- data.frame(
    person = rep(c("ann", "bob", "cat"), n_trials),
    choice = sample(n_options, total, TRUE), outcome = round(stats::rnorm(total), 3),
    counterfactual = round(stats::rnorm(total), 3),
    stimulus = sample(stimuli, total, TRUE)
  )
  data$block <- unlist(lapply(n_trials, function(n) (seq_len(n) - 1) %/% 25))
  if (two_step) data$choice2 <- sample(4, total, TRUE)
  data$choice[c(5, 20)] <- NA
  data$outcome[c(3, 20)] <- NA
  if (two_step) data$choice2[c(7, 20)] <- NA
  if (two_step) data$stimulus <- NULL
  choices(data, options = seq_len(n_options))
}

# Every model and, for Rescorla-Wagner, every combination of switches.
all_models <- function() {
  switches <- expand.grid(
    rates = c("single", "dual", "dual_outcome"), forgetting = c(FALSE, TRUE),
    perseveration = c(FALSE, TRUE), choice_kernel = c(FALSE, TRUE),
    lapse = c(FALSE, TRUE), bias = c(FALSE, TRUE), stringsAsFactors = FALSE
  )
  rw <- lapply(seq_len(nrow(switches)), function(i) {
    do.call(rescorla_wagner, c(as.list(switches[i, ]), initial = 0.2))
  })
  gng <- expand.grid(
    sensitivity = c("single", "dual"), bias = c(FALSE, TRUE),
    pavlovian = c(FALSE, TRUE), lapse = c(FALSE, TRUE), stringsAsFactors = FALSE
  )
  c(
    rw, lapply(seq_len(nrow(gng)), function(i) do.call(go_nogo, as.list(gng[i, ]))),
    list(
      fictitious(), fictitious("dual", initial = 0.1), confirmation(), pearce_hall(),
      ewa(), kalman_bandit(), pvl_delta(), pvl_decay(), vpp(), orl(),
      win_stay_lose_shift(), biased_random()
    ),
    lapply(c(7, 6, 4), two_step), lapply(c(7, 6, 4), two_step, eligibility = "after"),
    list(
      forgetting_bandit(), forgetting_bandit("arm"),
      forgetting_bandit(channels = c("outcome", "choice")),
      forgetting_bandit("arm", channels = c("outcome", "choice")),
      forgetting_bandit(channels = "choice", beta_range = c(-5, 5))
    )
  )
}

model_label <- function(model) {
  paste(model$model, paste(model$table$parameter, collapse = ","),
        paste(model$switches, collapse = ","))
}

messy_for <- function(model, n_options = 3) {
  two <- c("fictitious", "confirmation", "go_nogo", "two_step")
  data <- messy_choices(
    if (model$model %in% two) 2 else n_options, model$model == "two_step"
  )
  if (model$model == "kalman_bandit") {
    data$trials$outcome <- 50 + 10 * data$trials$outcome
  }
  data
}

# Parameters drawn inside the ranges of the registry, a row a person.
draw_parameters <- function(model, data) {
  table <- model_parameters(model, length(data$options))
  out <- as.data.frame(lapply(
    split(table, factor(table$parameter, table$parameter)),
    function(row) stats::runif(length(data$persons), row$low, row$high)
  ))
  cbind(person = data$persons, out)
}
