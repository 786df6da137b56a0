// What the glue files of the learning models share: R's lists as the core's data,
// settings and engines.
#pragma once

#include <Rcpp.h>

#include <memory>

#include "core/learning/engine.h"
#include "runtime.h"

namespace psyrl {
namespace glue {

/// Keeps R's columns alive and shows them to the core.
class LearningData {
 public:
  explicit LearningData(const Rcpp::List& data) : source_(data) {
    view_.person_start = integers("person_start");
    view_.block = integers("block");
    view_.choice = integers("choice");
    view_.stimulus = integers("stimulus");
    view_.state2 = integers("next_state");
    view_.choice2 = integers("choice2");
    view_.outcome = numbers("outcome");
    view_.counterfactual = numbers("counterfactual");
    view_.available = integers("available");
    view_.n_options = Rcpp::as<int>(data["n_options"]);
    view_.n_stimuli = Rcpp::as<int>(data["n_stimuli"]);
  }
  const learning::ChoiceData& get() const { return view_; }

 private:
  View<int> integers(const char* name) const {
    if (!source_.containsElementNamed(name)) return View<int>();
    SEXP x = source_[name];
    return Rf_isNull(x) ? View<int>() : View<int>(INTEGER(x), Rf_xlength(x));
  }
  View<double> numbers(const char* name) const {
    if (!source_.containsElementNamed(name)) return View<double>();
    SEXP x = source_[name];
    return Rf_isNull(x) ? View<double>() : View<double>(REAL(x), Rf_xlength(x));
  }

  Rcpp::List source_;
  learning::ChoiceData view_;
};

learning::Setting as_setting(const Rcpp::List& spec);

/// The engine of a model, or of the user's own; throws on an unknown name.
std::unique_ptr<learning::Engine> make_engine(const Rcpp::List& spec);

// Engines by family, each compiled in its own file; null: not of this family.
std::unique_ptr<learning::Engine> make_rescorla_wagner(const learning::Setting&);
std::unique_ptr<learning::Engine> make_bandit(const learning::Setting&);
std::unique_ptr<learning::Engine> make_forgetting_bandit(const learning::Setting&);
std::unique_ptr<learning::Engine> make_task(const learning::Setting&);
std::unique_ptr<learning::Engine> make_r_function(const learning::Setting&,
                                                  const Rcpp::List& spec);

}  // namespace glue
}  // namespace psyrl
