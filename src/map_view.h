// The glue's side of core/measurement/representation.h: a representation as R states
// it, a list `value` (and `reward`) of links `list(kind = , ...)`, as a Map.
#pragma once

#include <Rcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "core/measurement/network.h"
#include "core/measurement/representation.h"
#include "task_view.h"

namespace psyrl {
namespace glue {

inline Eigen::MatrixXd as_features(const Rcpp::List& link) {
  const Rcpp::NumericMatrix x = link["x"];
  return Eigen::Map<const Eigen::MatrixXd>(x.begin(), x.nrow(), x.ncol());
}

inline std::unique_ptr<Map> as_link(const Rcpp::List& link, const Executor& executor) {
  const std::string kind = link["kind"];
  if (kind == "table")
    return std::unique_ptr<Map>(new TableMap(
        Rcpp::as<std::vector<int>>(link["class"]), Rcpp::as<int>(link["n"])));
  if (kind == "linear") return std::unique_ptr<Map>(new LinearMap(as_features(link)));
  if (kind == "network")
    return std::unique_ptr<Map>(new NetworkMap(
        as_features(link), Rcpp::as<std::vector<int>>(link["hidden"]), executor));
  if (kind == "bounded")
    return std::unique_ptr<Map>(
        new BoundedMap(Rcpp::as<int>(link["n"]), Rcpp::as<double>(link["bound"])));
  if (kind == "unit_rms")
    return std::unique_ptr<Map>(
        new UnitRmsMap(Rcpp::as<std::vector<int>>(link["state_start"])));
  require(kind == "anchored", "unknown kind of representation");
  return std::unique_ptr<Map>(
      new AnchoredMap(Rcpp::as<std::vector<double>>(link["known"])));
}

inline std::unique_ptr<Map> as_chain(const Rcpp::List& links, const Executor& executor) {
  std::vector<std::unique_ptr<Map>> chain;
  for (int i = 0; i < links.size(); ++i) chain.push_back(as_link(links[i], executor));
  return std::unique_ptr<Map>(new Chain(std::move(chain)));
}

/// Values, and behind them rewards where they are learned. Either may be missing.
inline std::unique_ptr<Map> as_map(const Rcpp::List& map, const Executor& executor) {
  const Rcpp::List value = map["value"], reward = map["reward"];
  if (reward.size() == 0) return as_chain(value, executor);
  if (value.size() == 0) return as_chain(reward, executor);
  return std::unique_ptr<Map>(
      new SideBySide(as_chain(value, executor), as_chain(reward, executor)));
}

inline Numbers as_numbers(const Rcpp::NumericVector& x) {
  return Numbers(x.begin(), x.end());
}

}  // namespace glue
}  // namespace psyrl
