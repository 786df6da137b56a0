// The arrow where what is shared has few parameters theta: representations of values,
// and of rewards behind them (represented.h). Its pieces are small, and what they leave
// unidentified is looked at where they are used.
#pragma once

#include <Eigen/Dense>

#include "core/measurement/identified_values.h"
#include "core/measurement/represented.h"

namespace psyrl {

struct RepresentedInformation {
  Eigen::MatrixXd information;   // [n_theta x n_theta] given the persons' slopes
  Eigen::MatrixXd advantage;     // [n_pairs x n_theta] derivative of A
};

inline RepresentedInformation represented_information(PenalisedValues& values, Map& map,
                                                      IdentifiedValues& identified,
                                                      const Numbers& theta) {
  const std::size_t n = theta.size(), P = identified.n_inputs();
  RepresentedValues objective(values, map);
  Numbers column(n);
  objective.linearise(theta, column);
  Numbers q = map.value(theta);
  q.resize(P);
  identified.value(q);
  RepresentedInformation out{Eigen::MatrixXd(n, n), Eigen::MatrixXd(P, n)};
  for (std::size_t k = 0; k < n; ++k) {
    Numbers unit(n, 0.0);
    unit[k] = 1.0;
    objective.multiply(unit, column);
    out.information.col(k) = Eigen::Map<Eigen::VectorXd>(column.data(), n);
    Numbers moved = map.push(unit);
    moved.resize(P);
    moved = identified.push(moved);
    out.advantage.col(k) = Eigen::Map<Eigen::VectorXd>(moved.data(), P);
  }
  out.information = 0.5 * (out.information + out.information.transpose()).eval();
  return out;
}

}  // namespace psyrl
