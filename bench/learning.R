# Fits of learning models: speed, coverage, published data.
#
#   Rscript bench/learning.R [section ...] [replicates=200] [iowa=FILE] [tmb=FOLDER]
#     [picture=FILE.png]
#
# Sections: likelihood, tmb, coverage, reversal, twostep, iowa, odd and, only when named,
# twostep_recovery, seeds; default all that need no more than psyrl. `tmb` needs the TMB
# package and a compiler (whose time is not counted) and compiles in FOLDER; `iowa` a
# table of the many-labs Iowa data with columns id, step, action, gain, loss; `picture`
# is where `twostep` draws. Seconds are of the processor, one thread, unless said
# otherwise. A table: what | level | measured.

suppressMessages(library(psyrl))

arguments <- commandArgs(TRUE)
option <- function(name, default) {
  given <- sub(paste0("^", name, "="), "", grep(paste0("^", name, "="), arguments, value = TRUE))
  if (length(given)) given[1] else default
}
sections <- grep("=", arguments, value = TRUE, invert = TRUE)
replicates <- as.numeric(option("replicates", 200))
wanted <- function(name, default = TRUE) {
  if (length(sections)) name %in% sections else default
}
row <- function(what, level, measured) {
  cat(what, " | ", level, " | ", paste(measured, collapse = ", "), "\n", sep = "")
}
number <- function(x, digits = 3) formatC(x, digits = digits, format = "g")
cpu <- function(code) {
  time <- system.time(code)
  sum(time[c("user.self", "sys.self")])
}
single <- rlearn_control(threads = 1)

population <- c(alpha = -0.5, beta = 1, sd_alpha = 0.8, sd_beta = 0.5)
draw_people <- function(n) {
  data.frame(
    person = seq_len(n),
    alpha = stats::plogis(stats::rnorm(n, population["alpha"], population["sd_alpha"])),
    beta = exp(stats::rnorm(n, population["beta"], population["sd_beta"]))
  )
}
draw_study <- function(n, trials) {
  task <- bandit_task(n, trials, c(0.8, 0.2), reversal_every = 40)
  simulate(rescorla_wagner(), design = task, parameters = draw_people(n))
}

# ---- one likelihood ----------------------------------------------------------

# Many persons in one call, so that the call itself does not count.
bench_likelihood <- function() {
  set.seed(1)
  n <- 5000
  data <- draw_study(n, 100)
  each <- function(...) {
    seconds <- vapply(1:3, function(i) {
      cpu(log_lik(rescorla_wagner(), data, c(alpha = 0.3, beta = 3), ...))
    }, 1)
    number(1e6 * min(seconds) / n)
  }
  row("log-likelihood, Rescorla-Wagner, T = 100, microseconds", "-", each())
  row("with gradient", "<= 5", each(gradient = TRUE))
  row("with gradient and Hessian", "-", each(gradient = TRUE, hessian = TRUE))
}

# ---- TMB ---------------------------------------------------------------------

tmb_source <- '
#include <TMB.hpp>
template <class Type>
Type objective_function<Type>::operator()() {
  DATA_IVECTOR(choice);
  DATA_VECTOR(outcome);
  DATA_IVECTOR(start);
  PARAMETER_VECTOR(mean);
  PARAMETER_VECTOR(factor);
  PARAMETER_MATRIX(u);
  matrix<Type> l(2, 2);
  l << exp(factor(0)), Type(0), factor(1), exp(factor(2));
  matrix<Type> s = l * l.transpose();
  density::MVNORM_t<Type> group(s);
  Type nll = 0;
  for (int i = 0; i + 1 < start.size(); ++i) {
    vector<Type> own = u.col(i);
    nll += group(vector<Type>(own - mean));
    Type alpha = invlogit(own(0)), beta = exp(own(1));
    vector<Type> q(2);
    q.setZero();
    for (int t = start(i); t < start(i + 1); ++t) {
      int a = choice(t);
      nll += logspace_add(Type(0), beta * (q(1 - a) - q(a)));
      q(a) += alpha * (outcome(t) - q(a));
    }
  }
  return nll;
}
'

compile_tmb <- function() {
  folder <- option("tmb", tempdir())
  file <- file.path(folder, "rescorla_wagner.cpp")
  writeLines(tmb_source, file)
  TMB::compile(file)
  dyn.load(TMB::dynlib(sub(".cpp", "", file, fixed = TRUE)))
}

# From the same typical values; seconds of search and standard errors together.
fit_tmb <- function(data, n) {
  seconds <- cpu({
    object <- TMB::MakeADFun(
      list(
        choice = data$trials$choice - 1L, outcome = data$trials$outcome,
        start = data$person_start
      ),
      list(
        mean = c(stats::qlogis(0.3), log(3)), factor = c(0, 0, 0), u = matrix(0, 2, n)
      ),
      random = "u", DLL = "rescorla_wagner", silent = TRUE
    )
    # Where the likelihood jumps its optimiser may come to NaN.
    found <- suppressWarnings(stats::nlminb(object$par, object$fn, object$gr))
    suppressWarnings(TMB::sdreport(object))
  })
  list(log_lik = -found$objective, seconds = seconds, message = found$message)
}

fit_evidence <- function(data, evidence) {
  control <- rlearn_control(threads = 1, evidence = evidence)
  seconds <- vapply(1:3, function(i) {
    cpu(fit <<- suppressWarnings(rlearn(data, control = control)))
  }, 1)
  list(log_lik = fit$loglik, seconds = stats::median(seconds), status = fit$status,
       sampled = fit$sampled)
}

# Laplace's likelihood beside TMB's, which is the same; then what psyrl does unless told,
# which leaves Laplace where its likelihood has no smooth maximum.
bench_tmb <- function() {
  if (!requireNamespace("TMB", quietly = TRUE)) {
    return(row("TMB", "-", "not installed"))
  }
  compile_tmb()
  studies <- data.frame(
    n = rep(c(20, 100, 1000), c(3, 4, 2)), trials = rep(c(100, 200, 200), c(3, 4, 2)),
    seed = c(2:4, 2:4, 9, 2:3)
  )
  for (i in seq_len(nrow(studies))) {
    at <- studies[i, ]
    set.seed(at$seed)
    data <- draw_study(at$n, at$trials)
    theirs <- fit_tmb(data, at$n)
    ours <- fit_evidence(data, "laplace")
    default <- fit_evidence(data, "auto")
    label <- paste0("N = ", at$n, ", T = ", at$trials, ", seed ", at$seed)
    row(paste0("log-likelihood minus TMB's, ", label, " (psyrl: ", ours$status, "; TMB: ",
               theirs$message, ")"),
        "within .01 where both converge", number(ours$log_lik - theirs$log_lik))
    row(paste("  seconds TMB, psyrl, ratio; ratio by default",
              if (default$sampled) "(sampled)"), ">= 10",
        number(c(theirs$seconds, ours$seconds, theirs$seconds / ours$seconds,
                 theirs$seconds / default$seconds)))
  }
}

# ---- coverage ----------------------------------------------------------------

bench_coverage <- function(evidence) {
  set.seed(3)
  studies <- lapply(seq_len(replicates), function(i) {
    people <- draw_people(50)
    task <- bandit_task(50, 200, c(0.8, 0.2), reversal_every = 40)
    data <- simulate(rescorla_wagner(), design = task, parameters = people)
    fit <- suppressWarnings(
      rlearn(data, control = rlearn_control(evidence = evidence)),
      classes = "psyrl_warning"
    )
    group <- confint(fit, "population")
    own <- persons(fit)
    truth <- as.vector(t(as.matrix(people[-1])))
    list(
      group = group[, 1] <= population & population <= group[, 2],
      persons = tapply(own$conf_low <= truth & truth <= own$conf_high, own$parameter, mean),
      sampled = fit$sampled, status = fit$status
    )
  })
  collect <- function(name) t(vapply(studies, `[[`, studies[[1]][[name]], name))
  group <- collect("group")
  row(
    paste0("coverage of ", toString(names(population)), ", ", replicates, " studies, ", evidence),
    ".92-.97", number(colMeans(group, na.rm = TRUE))
  )
  row("without a standard error", "0", sum(is.na(group)))
  row("coverage of persons' alpha, beta", ".93-.97", number(colMeans(collect("persons"))))
  row("fits that went on by sampling; not converged", "-", c(
    sum(vapply(studies, `[[`, NA, "sampled")),
    sum(vapply(studies, `[[`, "", "status") != "converged")
  ))
}

# ---- published data ----------------------------------------------------------

by_parameter <- function(fit, name, persons, column = "estimate") {
  rows <- persons(fit)
  rows <- rows[rows$parameter == name, ]
  rows[[column]][match(as.character(persons), as.character(rows$person))]
}

# The authors' model: beta normal with SD 10, of either sign, and rates that are standard
# normal with variance 2 on the probit scale (1.7 times that on the logit's).
bench_reversal <- function() {
  people <- psyrl::reversal_persons
  data <- choices(psyrl::reversal_choices)
  model <- rescorla_wagner("dual", initial = 0.5)
  careless <- people$infreq > 0
  row("published mean beta, careful and careless", "-",
      number(tapply(people$pub_beta, careless, mean)))
  report <- function(label, level, ...) {
    set.seed(4)
    beta <- by_parameter(rlearn(data, ...), "beta", people$person)
    row(paste0(label, ": r, rho with pub_beta"), level, number(c(
      stats::cor(beta, people$pub_beta),
      stats::cor(beta, people$pub_beta, method = "spearman")
    )))
    row("  mean beta, careful and careless", "lower if careless",
        number(tapply(beta, careless, mean)))
  }
  authors <- parameter_ranges(model, beta = c(-Inf, Inf))
  prior <- gaussian_prior(
    c(alpha_pos = 0, alpha_neg = 0, beta = 0), c(2.4, 2.4, 10)^2
  )
  report("the authors' prior, posterior means", ">= .95", authors, "map", prior = prior,
         control = rlearn_control(evidence = "importance"))
  report("the authors' prior, modes", "-", authors, "map", prior = prior)
  report("default prior", "-", model, "map")
  report("hierarchical", "-", model)
}

bench_twostep <- function() {
  people <- psyrl::twostep_persons
  data <- choices(psyrl::twostep_choices)
  set.seed(5)
  time <- system.time(fit <- rlearn(data, two_step(7)))
  row("two-step, 7 parameters, 393 persons, with SE: seconds of the clock (processor)",
      "< 10", c(number(time[["elapsed"]]), number(sum(time[1:2]))))
  row("  status; parameters without a standard error", "converged; 0",
      c(fit$status, sum(is.na(diag(vcov(fit))))))
  # Some published coefficients are those of separated regressions, up to 3e7 in size.
  published <- people$pub_stay_mb_interaction
  sound <- abs(published - stats::median(published, na.rm = TRUE)) <
    4 * stats::IQR(published, na.rm = TRUE)
  w <- by_parameter(fit, "w", people$person)
  measures <- list(
    w = w, "log(w beta1)" = log(w * by_parameter(fit, "beta1", people$person))
  )
  for (name in names(measures)) {
    r <- function(on, method) {
      stats::cor(measures[[name]][on], published[on], "complete.obs", method)
    }
    row(
      paste0("  ", name, " with pub_stay_mb_interaction: rho; r; r without the ",
             sum(!sound, na.rm = TRUE), " separated"),
      "reported", number(c(r(TRUE, "spearman"), r(TRUE, "pearson"), r(sound, "pearson")))
    )
  }
  file <- option("picture", "")
  if (nzchar(file)) draw_twostep(file, published[sound], fit, people$person[sound])
}

draw_twostep <- function(file, published, fit, persons) {
  w <- lapply(c("estimate", "conf_low", "conf_high"), function(column) {
    by_parameter(fit, "w", persons, column)
  })
  grDevices::png(file, 800, 560)
  on.exit(grDevices::dev.off())
  graphics::par(las = 1, bty = "n")
  graphics::plot(
    published, w[[1]], type = "n", ylim = c(0, 1), ylab = "w, with 95 % intervals",
    xlab = "published stay coefficient: outcome x transition"
  )
  graphics::segments(published, w[[2]], published, w[[3]], col = "#d5dce3")
  graphics::points(published, w[[1]], pch = 16, cex = 0.7, col = "#20639b")
  known <- !is.na(published)
  graphics::lines(stats::lowess(published[known], w[[1]][known]), lwd = 2)
}

# What other draws change in a sampled fit, beside what it says of that itself.
bench_seeds <- function(seeds = 4) {
  set.seed(8)
  small <- list(
    "two-step data" = list(choices(psyrl::twostep_choices), two_step(7)),
    "two-step data, 60 persons" = list(choices(psyrl::twostep_choices)[1:60], two_step(4)),
    "Rescorla-Wagner, N = 30, T = 60" = list(draw_study(30, 60), rescorla_wagner()),
    "reversal data, dual rates" = list(
      choices(psyrl::reversal_choices), rescorla_wagner("dual", initial = 0.5)
    )
  )
  for (name in names(small)) {
    fits <- lapply(seq_len(seeds), function(seed) {
      set.seed(seed)
      suppressWarnings(rlearn(
        small[[name]][[1]], small[[name]][[2]],
        control = rlearn_control(evidence = "importance")
      ))
    })
    row(paste0(name, ", ", seeds, " seeds: converged; log-likelihoods"), "-", c(
      sum(vapply(fits, `[[`, "", "status") == "converged"),
      number(vapply(fits, `[[`, 1, "loglik"), 8)
    ))
    estimates <- vapply(fits, coef, coef(fits[[1]]))
    sd <- apply(estimates, 1, stats::sd)
    said <- sqrt(rowMeans(vapply(fits, psyrl:::monte_carlo_error, sd)^2))
    error <- sqrt(diag(vcov(fits[[1]])))
    printed <- vapply(fits, `[[`, 1, "log_lik_error")
    row("  their SD; the Monte Carlo error printed", "the same", number(c(
      stats::sd(vapply(fits, `[[`, 1, "loglik")), sqrt(mean(printed^2))
    )))
    row("  SD of estimates over the error printed: root mean square, largest", "about 1",
        number(c(sqrt(mean((sd / said)^2)), max(sd / said))))
    row("  largest SD of an estimate over its standard error", "small",
        number(max(sd / error, na.rm = TRUE)))
  }
}

# The same study again, from the population that was estimated.
bench_twostep_recovery <- function(reps = 5) {
  set.seed(5)
  fit <- rlearn(choices(psyrl::twostep_choices), two_step(7))
  found <- recover(fit, reps = reps)
  s <- summary(found)
  persons <- s$persons
  row(paste0("two-step recovery, ", reps, " replicates of 393 persons: converged"), "all",
      sum(found$status == "converged"))
  for (i in seq_len(nrow(persons))) {
    row(paste0("  ", persons$parameter[i], ": r; coverage of persons; of the group's mean"),
        "reported", number(c(
          persons$r[i], persons$coverage[i],
          s$population$coverage[match(persons$parameter[i], s$population$term)]
        )))
  }
}

bench_iowa <- function() {
  table <- utils::read.csv(option("iowa", Sys.getenv("PSYRL_IOWA")))
  data <- choices(data.frame(
    subjID = table$id, trial = table$step, choice = table$action,
    gain = table$gain / 100, loss = table$loss / 100
  ))
  for (name in c("pvl_delta", "pvl_decay", "vpp", "orl")) {
    model <- getExportedValue("psyrl", name)()
    seconds <- cpu(alone <- rlearn(data, model, "ml"))
    row(paste0(name, ", each alone: log-likelihood; flagged; failed; seconds"), "-", c(
      number(alone$loglik, 7), sum(nzchar(alone$flag)),
      sum(grepl("failed", alone$flag)), number(seconds)
    ))
    set.seed(6)
    seconds <- cpu(fit <- suppressWarnings(
      rlearn(data, model, control = rlearn_control(covariance = "diagonal")),
      classes = "psyrl_warning"
    ))
    row(paste0(name, ", hierarchical: log-likelihood; BIC; status; seconds"), "-", c(
      number(as.numeric(logLik(fit)), 7), number(stats::BIC(fit), 7), fit$status,
      number(seconds)
    ))
  }
}

# ---- odd people --------------------------------------------------------------

bench_odd <- function() {
  set.seed(7)
  data <- draw_study(40, 150)
  plain <- rlearn(data)
  odd <- data
  odd$trials$choice[odd$trials$person == 1] <- 1L
  three <- which(odd$trials$person == 2)[-(1:3)]
  odd$trials$choice[three] <- NA
  odd$trials$outcome[three] <- NA
  odd$trials$choice[which(odd$trials$person == 3)[10]] <- NA
  fit <- rlearn(odd)
  others <- -(1:3)
  change <- (fit$persons$mode - plain$persons$mode)[, others]
  spread <- apply(plain$persons$covariance, 3, function(v) sqrt(diag(v)))[, others]
  row("flags of one choice only, 3 trials, a missed trial", "said", fit$flag[1:3])
  row("largest move of anybody else, in standard errors", "shrinkage only",
      number(max(abs(change / spread))))
}

if (wanted("likelihood")) bench_likelihood()
if (wanted("tmb", requireNamespace("TMB", quietly = TRUE))) bench_tmb()
if (wanted("coverage")) for (evidence in c("auto", "importance")) bench_coverage(evidence)
if (wanted("reversal")) bench_reversal()
if (wanted("twostep")) bench_twostep()
if (wanted("twostep_recovery", FALSE)) bench_twostep_recovery()
if (wanted("seeds", FALSE)) bench_seeds()
if (wanted("iowa", nzchar(option("iowa", Sys.getenv("PSYRL_IOWA"))))) bench_iowa()
if (wanted("odd")) bench_odd()
