# The arrow where few parameters stand behind the values (linear and network values,
# tied tables, learned rewards). The shared information is taken apart by
# identification(): directions that nothing tells drop out of what they do not move, and
# make NA of what they do.

# Representations under a penalty of fixed weight.
represented_arrow <- function(fit, covariance = FALSE) {
  setting <- at_modes(fit, searched_values(fit))
  problem <- problem_of(fit)
  map <- list(value = value_links(problem), reward = reward_links(problem))
  pieces <- represented_information_(
    setting$task, setting$people, setting$penalty, fit$values$theta,
    list(map = map, identify = setting$rule, threads = fit$control$threads)
  )
  arms <- person_arms(fit, setting)
  n <- ncol(pieces$advantage)
  cross <- rbind(crossprod(pieces$advantage, arms$cross), setting$population$cross)
  known <- schur_complement(pieces$information, setting$population, cross, arms$person)
  if (is.null(known)) return(NULL)
  cross <- cross[seq_len(nrow(known$spread)), , drop = FALSE]
  slope <- t(cross) / arms$person
  scale <- drop(setting$offset %*% pieces$advantage)
  slope[, seq_len(n)] <- slope[, seq_len(n)] - rep(scale, each = nrow(slope))
  finish_arrow(known, slope, arms$person, setting$z + setting$shift, covariance,
    advantage = pieces$advantage, rewards = reward_slopes(fit, map)
  )
}

# How rewards of pairs, and their own parameters, move with all parameters.
reward_slopes <- function(fit, map) {
  if (!length(map$reward)) return(NULL)
  raw <- representation_slope_(map, fit$values$theta, fit$control$threads)
  own <- n_parameters_(list(value = list(), reward = map$reward))
  list(
    pair = raw[-seq_len(n_pairs(fit$task)), , drop = FALSE],
    weight = utils::tail(diag(ncol(raw)), own)
  )
}

# Information about traits, and about these together with the advantages.
person_arms <- function(fit, setting) {
  persons_information_(
    setting$task, setting$people, rep(1 / coef(fit)[["sigma"]]^2, length(setting$z)),
    setting$advantage, fit$control$threads
  )
}

# What is shared, persons taken out. Penalised values can have no maximum in the
# population's parameters beside them: these are then taken as known.
schur_complement <- function(information, population, cross, person) {
  n <- nrow(information)
  m <- nrow(population$information)
  shared <- matrix(0, n + m, n + m)
  shared[seq_len(n), seq_len(n)] <- information
  shared[n + seq_len(m), n + seq_len(m)] <- population$information
  shared <- shared - tcrossprod(cross / rep(sqrt(person), each = n + m))
  for (size in unique(c(n + m, n))) {
    known <- identification(shared[seq_len(size), seq_len(size), drop = FALSE])
    if (known$is_minimum) return(known)
  }
}

# Variances along the slopes (a row each) of traits (with the sign changed), advantages
# and rewards in what is shared. Roots have the covariances as their cross-products.
finish_arrow <- function(known, slope, person, z, covariance, advantage,
                         rewards = NULL) {
  along <- function(slope) {
    population <- nrow(known$spread) - ncol(slope)
    slope <- cbind(slope, matrix(0, nrow(slope), population))
    root <- slope %*% known$spread
    root[!is_identified(known, slope), ] <- NA_real_
    root
  }
  traits <- along(slope)
  list(
    person = person, shared = rowSums(traits^2), z = z, moves = -slope,
    root = along(advantage),
    covariance = if (covariance) tcrossprod(traits),
    rewards = lapply(rewards, along)
  )
}

# Rewards learned exactly: the marginal likelihood has its own information about
# rewards, population, temperature and discount.
reward_arrow <- function(fit, covariance = FALSE) {
  search <- fit$rewards$search
  problem <- searched_rewards(fit)
  at <- search$at
  information <- reward_information(problem, at)
  known <- identification(information)
  if (!known$is_minimum) return(NULL)
  terms <- colnames(information)
  map <- reported_rewards(problem, at, search$unit, terms)
  unit <- centred_rms(fit$task, at$q)
  # Is the reported scale that of the values themselves?
  moving <- problem$identify != "state_rms" &&
    (problem$identify == "global_rms" || settled_by_rms(problem))
  setting <- at_modes(fit, list(
    task = at_discount(fit$task, at$discount), q = at$q,
    rule = search_rule(problem)$identify, free_mu = TRUE,
    shift = if (moving) log(unit / fit$values$rms) else 0
  ))
  arms <- person_arms(fit, setting)
  moves <- planned_slope(problem, at, terms)
  slope <- crossprod(arms$cross, moves)
  own <- intersect(terms, c(colnames(fit$design), "sigma"))
  cross <- population_cross(fit, setting$z, prior_mean(fit) - setting$shift)
  slope[, match(own, terms)] <- t(cross[own, , drop = FALSE])
  slope <- slope / arms$person
  if (moving) slope <- slope - rep(map$log_scale, each = nrow(slope))
  finish_arrow(known, slope, arms$person, setting$z + setting$shift, covariance,
    advantage = if (moving) {
      moves / unit - outer(fit$values$advantage, map$log_scale)
    } else {
      moves
    },
    rewards = list(pair = map$reward_slope)
  )
}

# The problem as it stood when the search ended.
searched_rewards <- function(fit) {
  search <- fit$rewards$search
  problem <- problem_of(fit)
  problem$map <- list(value = list(), reward = reward_links(problem))
  problem$scale <- search$scale
  if ("temperature" %in% search$open) problem$value$temperature <- search$at$temperature
  problem
}

# Derivatives of the advantages in what was estimated, on the link scale.
planned_slope <- function(problem, at, terms) {
  slope <- advantage_slope_(
    at_discount(problem$task, at$discount), reward_spec(problem, at), at$theta
  )
  n <- length(at$theta)
  out <- matrix(0, nrow(slope), length(terms))
  out[, seq_len(n)] <- slope[, seq_len(n)]
  out[, terms == "temperature"] <- slope[, n + 1] * at$temperature
  out[, terms == "discount"] <- slope[, n + 2] * at$discount * (1 - at$discount)
  out
}
