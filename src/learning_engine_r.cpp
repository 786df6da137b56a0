// The user's own models: a log-likelihood written in R, with derivatives by central
// differences on the calling thread, or an engine compiled from a C++ file.
#include <vector>

#include "learning_glue.h"

namespace psyrl {
namespace glue {
using namespace learning;

namespace {

class RFunctionEngine : public Engine {
 public:
  RFunctionEngine(const Setting& setting, const Rcpp::Function& log_lik)
      : Engine(setting), log_lik_(log_lik) {}

  /// `log_lik` is called with natural parameters and the person's first and last row.
  double value(const Trials& trials, const double* theta, Scale scale) const override {
    Rcpp::NumericVector natural(theta, theta + size());
    if (scale == Scale::link) to_natural(theta, natural.begin());
    natural.names() = Rcpp::wrap(setting().parameters);
    const int first = trials.first_row() + 1;
    return Rcpp::as<double>(log_lik_(natural, first, first + trials.size() - 1));
  }

  double gradient(const Trials& trials, const double* theta, Scale scale,
                  double* g) const override {
    std::vector<double> at(theta, theta + size());
    for (int i = 0; i < size(); ++i) {
      const double h = step(theta[i], 6e-6);
      at[i] = theta[i] + h;
      const double up = value(trials, at.data(), scale);
      at[i] = theta[i] - h;
      g[i] = (up - value(trials, at.data(), scale)) / (2.0 * h);
      at[i] = theta[i];
    }
    return value(trials, theta, scale);
  }

  double hessian(const Trials& trials, const double* theta, Scale scale, double* g,
                 double* h) const override {
    const int d = size();
    std::vector<double> at(theta, theta + d);
    const auto shifted = [&](int i, double si, int j, double sj) {
      at.assign(theta, theta + d);
      at[i] += si * step(theta[i], 2e-4);
      at[j] += sj * step(theta[j], 2e-4);
      return value(trials, at.data(), scale);
    };
    const double centre = gradient(trials, theta, scale, g);
    for (int i = 0; i < d; ++i)
      for (int j = 0; j <= i; ++j) {
        const double area = step(theta[i], 2e-4) * step(theta[j], 2e-4);
        h[i * d + j] = h[j * d + i] = i == j
            ? (shifted(i, 1, i, 0) - 2.0 * centre + shifted(i, -1, i, 0)) / area
            : (shifted(i, 1, j, 1) - shifted(i, 1, j, -1) - shifted(i, -1, j, 1) +
               shifted(i, -1, j, -1)) / (4.0 * area);
      }
    return centre;
  }

  void trace(const Trials&, const double*, TraceColumns) const override {
    require(false, "a model given as an R function has no trial-wise values");
  }
  void simulate(const Trials&, const double*, const OutcomeTable&, Stream&,
                SimulatedColumns) const override {
    require(false, "a model given as an R function cannot be simulated");
  }
  bool threads() const override { return false; }

 private:
  static double step(double x, double relative) {
    return relative * std::max(1.0, std::fabs(x));
  }
  Rcpp::Function log_lik_;
};

}  // namespace

std::unique_ptr<Engine> make_r_function(const Setting& setting, const Rcpp::List& spec) {
  if (setting.model == "custom_r")
    return std::unique_ptr<Engine>(
        new RFunctionEngine(setting, Rcpp::as<Rcpp::Function>(spec["log_lik"])));
  if (setting.model == "custom_cpp") {
    using Factory = Engine* (*)(const Setting&);
    const Rcpp::XPtr<Factory> factory(Rcpp::as<SEXP>(spec["factory"]));
    return std::unique_ptr<Engine>((*factory)(setting));
  }
  return nullptr;
}

}  // namespace glue
}  // namespace psyrl
