#include <Rcpp.h>

#include "learning_glue.h"

namespace psyrl {
namespace glue {
using namespace learning;

Setting as_setting(const Rcpp::List& spec) {
  Setting setting;
  setting.model = Rcpp::as<std::string>(spec["model"]);
  setting.parameters = Rcpp::as<std::vector<std::string>>(spec["parameters"]);
  const auto link = Rcpp::as<std::vector<std::string>>(spec["link"]);
  const Rcpp::NumericVector lower = spec["lower"], upper = spec["upper"];
  for (std::size_t i = 0; i < link.size(); ++i)
    setting.links.push_back(Link{link[i] == "logit" ? Link::logit
                                 : link[i] == "log" ? Link::log : Link::identity,
                                 lower[i], upper[i]});
  const Rcpp::NumericVector switches = spec["switches"];
  if (switches.size() > 0) {
    setting.switch_names = Rcpp::as<std::vector<std::string>>(switches.names());
    setting.switch_values = Rcpp::as<std::vector<double>>(switches);
  }
  setting.n_options = Rcpp::as<int>(spec["n_options"]);
  setting.n_stimuli = Rcpp::as<int>(spec["n_stimuli"]);
  return setting;
}

std::unique_ptr<Engine> make_engine(const Rcpp::List& spec) {
  const Setting setting = as_setting(spec);
  std::unique_ptr<Engine> engine = make_r_function(setting, spec);
  if (!engine) engine = make_rescorla_wagner(setting);
  if (!engine) engine = make_bandit(setting);
  if (!engine) engine = make_forgetting_bandit(setting);
  if (!engine) engine = make_task(setting);
  require(engine != nullptr, "unknown learning model");
  return engine;
}

}  // namespace glue
}  // namespace psyrl

using namespace psyrl;
using namespace psyrl::learning;

namespace {

// `theta` is parameters x persons: a person's parameters lie side by side.
int chunk_size(const Engine& engine, const ChoiceData& data) {
  return engine.threads() ? 1 + data.n_persons() / 64 : data.n_persons() + 1;
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List learning_log_lik_(const Rcpp::List& data, const Rcpp::List& spec,
                             const Rcpp::NumericMatrix& theta, int order,
                             const Rcpp::List& runtime) {
  const glue::LearningData source(data);
  const auto engine = glue::make_engine(spec);
  const glue::RuntimeOwner owner(engine->threads() ? Rcpp::as<int>(runtime["threads"]) : 1);
  const Scale scale = Rcpp::as<bool>(runtime["link"]) ? Scale::link : Scale::natural;
  const int n = source.get().n_persons(), d = engine->size();
  Rcpp::NumericVector value(n);
  Rcpp::NumericMatrix gradient(d, order > 0 ? n : 0), hessian(d * d, order > 1 ? n : 0);
  double *v = value.begin(), *g = gradient.begin(), *h = hessian.begin();
  const double* at = theta.begin();
  for_chunks(owner.get().executor, n, chunk_size(*engine, source.get()),
             [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Trials trials(source.get(), static_cast<int>(i));
      if (order == 0) v[i] = engine->value(trials, at + i * d, scale);
      if (order == 1) v[i] = engine->gradient(trials, at + i * d, scale, g + i * d);
      if (order == 2)
        v[i] = engine->hessian(trials, at + i * d, scale, g + i * d, h + i * d * d);
    }
  });
  return Rcpp::List::create(Rcpp::_["value"] = value, Rcpp::_["gradient"] = gradient,
                            Rcpp::_["hessian"] = hessian);
}

// [[Rcpp::export]]
Rcpp::List learning_trace_(const Rcpp::List& data, const Rcpp::List& spec,
                           const Rcpp::NumericMatrix& theta, int stages, int options) {
  const glue::LearningData source(data);
  const auto engine = glue::make_engine(spec);
  const int rows = source.get().n_trials(), d = engine->size();
  Rcpp::NumericMatrix probability(options, rows * stages), value(options, rows * stages);
  Rcpp::NumericVector error(rows * stages);
  const TraceColumns out{probability.begin(), value.begin(), error.begin()};
  for (int i = 0; i < source.get().n_persons(); ++i)
    engine->trace(Trials(source.get(), i), theta.begin() + static_cast<long>(i) * d, out);
  return Rcpp::List::create(Rcpp::_["probability"] = probability,
                            Rcpp::_["value"] = value, Rcpp::_["error"] = error);
}

// [[Rcpp::export]]
Rcpp::List learning_simulate_(const Rcpp::List& data, const Rcpp::List& spec,
                              const Rcpp::NumericMatrix& theta,
                              const Rcpp::NumericMatrix& outcomes, double seed) {
  const glue::LearningData source(data);
  const auto engine = glue::make_engine(spec);
  const int rows = source.get().n_trials(), d = engine->size();
  Rcpp::IntegerVector choice(rows, NA_INTEGER), state2(rows, NA_INTEGER),
      choice2(rows, NA_INTEGER);
  Rcpp::NumericVector outcome(rows, NA_REAL), counterfactual(rows, NA_REAL);
  const SimulatedColumns out{choice.begin(), state2.begin(), choice2.begin(),
                             outcome.begin(), counterfactual.begin()};
  const OutcomeTable table{outcomes.begin(), rows};
  for (int i = 0; i < source.get().n_persons(); ++i) {
    Stream stream(static_cast<std::uint64_t>(seed), 601, static_cast<std::uint64_t>(i));
    engine->simulate(Trials(source.get(), i), theta.begin() + static_cast<long>(i) * d,
                     table, stream, out);
  }
  return Rcpp::List::create(
      Rcpp::_["choice"] = choice, Rcpp::_["next_state"] = state2,
      Rcpp::_["choice2"] = choice2, Rcpp::_["outcome"] = outcome,
      Rcpp::_["counterfactual"] = counterfactual);
}
