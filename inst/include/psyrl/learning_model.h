// For learning models of your own. A file for psyrl::custom_model(cpp_file = ) reads
//
//   // [[Rcpp::depends(psyrl)]]
//   #include <psyrl/learning_model.h>
//   template <class T> struct MyModel : psyrl::learning::OneStage<T> { ... };
//   // [[Rcpp::export]]
//   SEXP psyrl_model() { return psyrl::export_model<MyModel>(); }
//
// What a model must have stands in core/learning/likelihood.h; core/learning/models
// and examples/decreasing_rate.cpp have examples. `Sizes` are the numbers of directions that derivatives are compiled
// for; any number of parameters works with any sizes, faster with the right one.
#pragma once

#include <Rcpp.h>

#include "core/learning/engine.h"

namespace psyrl {

template <template <class> class Model, int... Sizes>
learning::Engine* new_engine(const learning::Setting& setting) {
  static_assert(Model<double>::kStages == 1, "models of your own have one stage");
  require(typename Model<double>::Layout(setting).n_logits == setting.n_options,
          "a model's Layout must have n_logits = n_options of its Setting");
  return new learning::EngineOf<Model, Sizes...>(setting);
}

/// What `psyrl_model()` must return.
template <template <class> class Model, int... Sizes>
SEXP export_model() {
  using Factory = learning::Engine* (*)(const learning::Setting&);
  return Rcpp::XPtr<Factory>(
      new Factory(sizeof...(Sizes) ? &new_engine<Model, Sizes..., 8> : &new_engine<Model, 4, 8>),
      true);
}

}  // namespace psyrl
