#include <RcppEigen.h>

#include "core/learning/hierarchical.h"
#include "learning_glue.h"

using namespace psyrl;
using namespace psyrl::learning;

namespace {

Prior as_prior(const Rcpp::List& prior, int person) {
  if (Rf_isNull(prior["precision"])) return Prior();
  const Eigen::MatrixXd mean = Rcpp::as<Eigen::MatrixXd>(prior["mean"]);
  return Prior{mean.col(mean.cols() > 1 ? person : 0),
               Rcpp::as<Eigen::MatrixXd>(prior["precision"])};
}

NewtonControl as_control(const Rcpp::List& control) {
  NewtonControl out;
  out.tolerance = Rcpp::as<double>(control["person_tolerance"]);
  out.max_iterations = Rcpp::as<int>(control["person_iterations"]);
  return out;
}

// Everybody alone, on threads; `starts` is parameters x (starts x persons) or shared.
std::vector<PersonFit> fit_all(const Engine& engine, const ChoiceData& data,
                               const std::vector<Prior>& prior, const Rcpp::List& control,
                               const Runtime& runtime) {
  const int n = data.n_persons(), n_starts = Rcpp::as<int>(control["n_starts"]);
  const Eigen::MatrixXd starts = Rcpp::as<Eigen::MatrixXd>(control["starts"]);
  const Box box{Rcpp::as<Eigen::VectorXd>(control["lower"]),
                Rcpp::as<Eigen::VectorXd>(control["upper"])};
  const NewtonControl newton = as_control(control);
  std::vector<PersonFit> fits(n);
  for_chunks(runtime.executor, n, engine.threads() ? 1 + n / 64 : n + 1,
             [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Prior& own = prior[prior.size() > 1 ? i : 0];
      const Eigen::Index first = starts.cols() > n_starts ? i * n_starts : 0;
      fits[i] = fit_person(engine, Trials(data, static_cast<int>(i)), own, box,
                           starts.middleCols(first, n_starts), newton);
    }
  });
  return fits;
}

std::vector<Prior> all_priors(const Rcpp::List& prior, int n) {
  std::vector<Prior> out;
  if (Rf_isNull(prior["precision"])) return {Prior()};
  const Eigen::MatrixXd mean = Rcpp::as<Eigen::MatrixXd>(prior["mean"]);
  const Eigen::MatrixXd precision = Rcpp::as<Eigen::MatrixXd>(prior["precision"]);
  require(mean.cols() == 1 || mean.cols() == n, "a prior mean for all or for each person");
  for (int i = 0; i < (mean.cols() > 1 ? n : 1); ++i) out.push_back({mean.col(i), precision});
  return out;
}

Rcpp::List persons_to_list(const std::vector<PersonFit>& fits, int d) {
  const int n = static_cast<int>(fits.size());
  Rcpp::NumericMatrix mode(d, n);
  Rcpp::NumericVector log_lik(n), objective(n), curvature(d * d * n);
  Rcpp::CharacterVector status(n);
  Rcpp::IntegerVector iterations(n);
  for (int i = 0; i < n; ++i) {
    const PersonFit& fit = fits[i];
    std::copy(fit.mode.data(), fit.mode.data() + d, mode.begin() + i * d);
    std::copy(fit.curvature.data(), fit.curvature.data() + d * d,
              curvature.begin() + static_cast<long>(i) * d * d);
    log_lik[i] = fit.log_lik;
    objective[i] = fit.objective;
    status[i] = to_string(fit.status);
    iterations[i] = fit.iterations;
  }
  curvature.attr("dim") = Rcpp::IntegerVector::create(d, d, n);
  return Rcpp::List::create(
      Rcpp::_["mode"] = mode, Rcpp::_["log_lik"] = log_lik,
      Rcpp::_["objective"] = objective, Rcpp::_["curvature"] = curvature,
      Rcpp::_["status"] = status, Rcpp::_["iterations"] = iterations);
}

Rcpp::NumericVector covariances(const Group& group, const HierarchicalFit& fit, int d) {
  const int n = static_cast<int>(fit.persons.size());
  const Eigen::MatrixXd precision = group.precision(fit.group.x);
  Rcpp::NumericVector out(d * d * n, NA_REAL);
  for (int i = 0; i < n; ++i) {
    if (!fit.included[i]) continue;
    const Eigen::MatrixXd total =
        person_covariance(fit.persons[i], fit.parts[i], precision, fit.covariance);
    std::copy(total.data(), total.data() + d * d, out.begin() + static_cast<long>(i) * d * d);
  }
  out.attr("dim") = Rcpp::IntegerVector::create(d, d, n);
  return out;
}

// NULL where Laplace's approximation stands.
SEXP sampling(const HierarchicalFit& fit) {
  if (!fit.sampled) return R_NilValue;
  return Rcpp::List::create(Rcpp::_["effective"] = fit.effective,
                            Rcpp::_["error"] = fit.error,
                            Rcpp::_["monte_carlo"] = fit.monte_carlo);
}

HierarchicalControl as_settings(const Rcpp::List& control) {
  HierarchicalControl out;
  out.tolerance = Rcpp::as<double>(control["tolerance"]);
  out.max_iterations = Rcpp::as<int>(control["max_iterations"]);
  out.em_only = Rcpp::as<bool>(control["em_only"]);
  const std::string evidence = Rcpp::as<std::string>(control["evidence"]);
  out.evidence = evidence == "laplace" ? Evidence::laplace
      : evidence == "importance" ? Evidence::importance : Evidence::automatic;
  out.draws = Rcpp::as<int>(control["draws"]);
  out.seed = static_cast<std::uint64_t>(Rcpp::as<double>(control["seed"]));
  return out;
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List learning_fit_persons_(const Rcpp::List& data, const Rcpp::List& spec,
                                 const Rcpp::List& prior, const Rcpp::List& control,
                                 int threads) {
  const glue::LearningData source(data);
  const auto engine = glue::make_engine(spec);
  const glue::RuntimeOwner owner(engine->threads() ? threads : 1);
  const auto priors = all_priors(prior, source.get().n_persons());
  return persons_to_list(fit_all(*engine, source.get(), priors, control, owner.get()),
                         engine->size());
}

// Posteriors by sampling under known priors, from `persons` as learning_fit_persons_()
// finds them.
// [[Rcpp::export]]
Rcpp::List learning_sample_persons_(const Rcpp::List& data, const Rcpp::List& spec,
                                    const Rcpp::List& prior, const Rcpp::List& persons,
                                    int draws, double seed, int threads) {
  const glue::LearningData source(data);
  const auto engine = glue::make_engine(spec);
  const glue::RuntimeOwner owner(engine->threads() ? threads : 1);
  const int d = engine->size();
  const auto priors = all_priors(prior, source.get().n_persons());
  const Eigen::MatrixXd mode = Rcpp::as<Eigen::MatrixXd>(persons["mode"]);
  const Rcpp::NumericVector curvature = persons["curvature"], objective = persons["objective"];
  const Eigen::MatrixXd covariance =
      priors[0].precision.llt().solve(Eigen::MatrixXd::Identity(d, d));
  std::vector<PersonFit> fits(mode.cols());
  for_chunks(owner.get().executor, fits.size(), engine->threads() ? 1 + fits.size() / 64
                                                                 : fits.size() + 1,
             [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Prior& own = priors[priors.size() > 1 ? i : 0];
      PersonFit& start = fits[i];
      start.mode = mode.col(i);
      start.curvature = Eigen::Map<const Eigen::MatrixXd>(&curvature[i * d * d], d, d);
      if (!std::isfinite(objective[i])) continue;
      start = sample_person(*engine, Trials(source.get(), static_cast<int>(i)),
                            {own.mean, covariance, own.precision}, start, draws,
                            Stream(static_cast<std::uint64_t>(seed), 640, i));
    }
  });
  return persons_to_list(fits, d);
}

// [[Rcpp::export]]
Rcpp::List learning_hierarchical_(const Rcpp::List& data, const Rcpp::List& spec,
                                  const Rcpp::List& design, const Rcpp::List& control,
                                  int threads) {
  const glue::LearningData source(data);
  const auto engine = glue::make_engine(spec);
  const glue::RuntimeOwner owner(engine->threads() ? threads : 1);
  const int d = engine->size();
  const Group group(Rcpp::as<Eigen::MatrixXd>(design["x"]),
                    Rcpp::as<std::vector<int>>(design["owner"]), d,
                    Rcpp::as<bool>(design["diagonal"]));
  const auto start = fit_all(*engine, source.get(), {as_prior(design["prior"], 0)}, control,
                             owner.get());
  const Eigen::VectorXd psi = group.pack(Rcpp::as<Eigen::VectorXd>(design["coefficients"]),
                                         Rcpp::as<Eigen::MatrixXd>(design["covariance"]));
  const HierarchicalFit fit =
      fit_hierarchical(*engine, source.get(), group, start, psi, as_settings(control),
                       owner.get().executor, owner.get().monitor);
  return Rcpp::List::create(
      Rcpp::_["psi"] = fit.group.x, Rcpp::_["value"] = fit.group.value,
      Rcpp::_["gradient"] = fit.group.gradient, Rcpp::_["hessian"] = fit.group.hessian,
      Rcpp::_["vcov"] = fit.covariance, Rcpp::_["flat"] = fit.flat,
      Rcpp::_["group_covariance"] = group.covariance(fit.group.x),
      Rcpp::_["held"] = std::vector<bool>(fit.held.begin(), fit.held.end()),
      Rcpp::_["status"] = to_string(fit.group.status),
      Rcpp::_["iterations"] = fit.group.iterations, Rcpp::_["trace"] = fit.trace,
      Rcpp::_["sampled_trace"] = fit.sampled_trace,
      Rcpp::_["evidence"] = fit.evidence,
      Rcpp::_["included"] = std::vector<bool>(fit.included.begin(), fit.included.end()),
      Rcpp::_["sampling"] = sampling(fit),
      Rcpp::_["persons"] = persons_to_list(fit.persons, d),
      Rcpp::_["covariance"] = covariances(group, fit, d));
}
