// Glue of rewards learned exactly; used by R/rlmm-rewards.R.
#include "core/measurement/identified_values.h"
#include "core/measurement/reward_learning.h"
#include "map_view.h"

using namespace psyrl;
using glue::as_numbers;
using glue::double_view;
using glue::int_view;

namespace {

Backup as_backup(const Rcpp::List& spec) {
  return Rcpp::as<std::string>(spec["backup"]) == "mellow" ? Backup::mellow : Backup::soft;
}

// The maps from parameters to advantages. `spec`: map, temperature, backup, identify,
// threads.
struct RewardChain {
  RewardChain(const Rcpp::List& mdp, const Rcpp::List& spec)
      : task(glue::task_view(mdp)), owner(Rcpp::as<int>(spec["threads"])),
        reward(glue::as_map(spec["map"], owner.get().executor)),
        solved(task, Rcpp::as<double>(spec["temperature"]), as_backup(spec)),
        identified(task, identify_rule(Rcpp::as<std::string>(spec["identify"]))) {}
  Task task;
  glue::RuntimeOwner owner;
  std::unique_ptr<Map> reward;
  SolvedValues solved;
  IdentifiedValues identified;
};

// `data`: person_start, pair, count, nodes, design, times. `spec` also: l2, sigma_floor,
// estimate_mu, estimate_sigma.
struct RewardProblem : RewardChain {
  RewardProblem(const Rcpp::List& mdp, const Rcpp::List& data, const Rcpp::List& spec)
      : RewardChain(mdp, spec), likelihood(task, as_data(data), owner.get()),
        learning({*reward, solved, identified, likelihood}, as_settings(spec)) {}

  static MarginalData as_data(const Rcpp::List& data) {
    const Rcpp::NumericMatrix design = data["design"];
    return {{int_view(data, "person_start"), int_view(data, "pair"),
             double_view(data, "count")},
            double_view(data, "nodes"),
            Eigen::Map<const Eigen::MatrixXd>(design.begin(), design.nrow(),
                                              design.ncol()),
            double_view(data, "times")};
  }

  static RewardLearning::Settings as_settings(const Rcpp::List& spec) {
    RewardLearning::Settings settings;
    settings.l2 = Rcpp::as<double>(spec["l2"]);
    settings.sigma_floor = Rcpp::as<double>(spec["sigma_floor"]);
    settings.estimate_mu = Rcpp::as<bool>(spec["estimate_mu"]);
    settings.estimate_sigma = Rcpp::as<bool>(spec["estimate_sigma"]);
    return settings;
  }

  MarginalLikelihood likelihood;
  RewardLearning learning;
};

}  // namespace

// Minimises from `start` = (theta, effects, log sigma).
// [[Rcpp::export]]
Rcpp::List learn_rewards_(const Rcpp::List& mdp, const Rcpp::List& data,
                          const Rcpp::List& spec, const Rcpp::NumericVector& start) {
  RewardProblem problem(mdp, data, spec);
  NewtonCgSettings search;
  search.max_iterations = Rcpp::as<int>(spec["max_iterations"]);
  const NewtonCgResult found = newton_cg(problem.learning, as_numbers(start), search,
                                         problem.owner.get().monitor);
  problem.learning.value(found.x);
  return Rcpp::List::create(
      Rcpp::_["x"] = found.x, Rcpp::_["objective"] = found.value,
      Rcpp::_["gradient_norm"] = found.gradient_norm,
      Rcpp::_["status"] = to_string(found.status),
      Rcpp::_["iterations"] = found.iterations,
      Rcpp::_["reward"] = problem.learning.rewards(),
      Rcpp::_["q"] = problem.learning.values(), Rcpp::_["v"] = problem.solved.v());
}

// Value, gradient (also in tau and gamma) and Hessian products with the columns of
// `directions`.
// [[Rcpp::export]]
Rcpp::List evaluate_rewards_(const Rcpp::List& mdp, const Rcpp::List& data,
                             const Rcpp::List& spec, const Rcpp::NumericVector& x,
                             const Rcpp::NumericMatrix& directions) {
  RewardProblem problem(mdp, data, spec);
  Numbers gradient, product;
  const double value = problem.learning.linearise(as_numbers(x), gradient);
  Rcpp::NumericMatrix products(directions.nrow(), directions.ncol());
  for (int i = 0; i < directions.ncol(); ++i) {
    const Rcpp::NumericVector v = directions(Rcpp::_, i);
    problem.learning.multiply(as_numbers(v), product);
    std::copy(product.begin(), product.end(), products.column(i).begin());
  }
  return Rcpp::List::create(
      Rcpp::_["value"] = value, Rcpp::_["gradient"] = gradient,
      Rcpp::_["products"] = products,
      Rcpp::_["temperature"] = problem.learning.temperature_slope(),
      Rcpp::_["discount"] = problem.learning.discount_slope());
}

// Derivative of the advantages in theta, tau and gamma: matrix pairs x (theta, 2).
// [[Rcpp::export]]
Rcpp::NumericMatrix advantage_slope_(const Rcpp::List& mdp, const Rcpp::List& spec,
                                     const Rcpp::NumericVector& theta) {
  RewardChain chain(mdp, spec);
  chain.identified.value(chain.solved.value(chain.reward->value(as_numbers(theta))));
  const int n = theta.size();
  Rcpp::NumericMatrix out(chain.task.n_pairs(), n + 2);
  for (int i = 0; i < n + 2; ++i) {
    Numbers unit(n, 0.0);
    if (i < n) unit[i] = 1.0;
    const Numbers dq = i < n ? chain.solved.push(chain.reward->push(unit))
                       : i == n ? chain.solved.temperature_direction()
                                : chain.solved.discount_direction();
    const Numbers column = chain.identified.push(dq);
    std::copy(column.begin(), column.end(), out.column(i).begin());
  }
  return out;
}
