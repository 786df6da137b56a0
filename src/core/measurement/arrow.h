// How uncertain persons' traits are when the values are learned from the same
// people. The information about (shared, z_1, ..., z_J) is an arrow: persons meet
// only in what they share.
//
//   S        = I_qq - sum_j I_qj I_jq / I_jj
//   Var(z_j) = 1 / I_jj + I_jq S^{-1} I_qj / I_jj^2
//
// Shared are the values Q, under their penalty, and `border` parameters (of the
// population). Beside exact values the shared table is a habit.
//
// Fewer pairs than persons, or few pairs: S is dense. Otherwise I_qq is inverted on
// the persons' columns alone, by conjugate gradients, and the persons are a low-rank
// correction: with M = W' N W, N = I_qq^{-1}, W' S^{-1} W = M + M (D - M)^{-1} M.
//
// Directions that identification removes have no information and no cross
// information: a ridge of `kArrowRidge` of the largest diagonal keeps S invertible
// and drops out of every answer that the data identify.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/parallel.h"
#include "core/mdp/policy_system.h"
#include "core/measurement/identified_values.h"
#include "core/measurement/penalised.h"
#include "core/measurement/person_information.h"

namespace psyrl {

constexpr double kArrowRidge = 1e-11;

struct ArrowProblem {
  const Task& task;
  Groups people;                      // a group a person
  Identify rule;
  const std::vector<double>& q;       // [n_pairs]
  View<double> prior_precision;       // [n_persons] 1 / sigma^2
  Eigen::MatrixXd border;             // [m x m] information of the population
  Eigen::MatrixXd border_cross;       // [m x n_persons] I_bj
  std::vector<double> offset;         // [n_pairs] gradient of what is added to all z
  bool covariance;                    // also between persons
  bool values;                        // also between advantages
  int dense_pairs;                    // as many pairs make S dense
};

struct ArrowResult {
  Eigen::VectorXd person;         // I_jj
  Eigen::VectorXd shared;         // what sharing adds to Var(z_j)
  Eigen::MatrixXd covariance;     // the same between persons, where asked for
  Eigen::VectorXd advantage;      // Var(A) by pair, or empty where S is not dense
  Eigen::MatrixXd advantages;     // the same between pairs, where asked for
  Eigen::MatrixXd border;         // covariance of the border parameters, or empty
  bool positive = true;           // was S positive definite?
};

/// The inverse of what the penalty alone knows about Q, 2 lambda R' R with
/// R = I - gamma T Pi, by sweeps. Conjugate gradients are then left with what people
/// add to it.
class PenaltyInverse {
 public:
  PenaltyInverse(const Task& task, const Penalty& penalty, const std::vector<double>& q)
      : task_(task), blocks_(find_blocks(task)), scale_(0.5 / penalty.lambda),
        policy_(back_up_all(task, penalty, q).policy),
        system_(task, blocks_, View<double>(policy_.data(), policy_.size())) {}

  /// Every legal pair is held, all alike, by its expected residual.
  static bool suits(const Task& task, const Penalty& penalty) {
    const ResidualRows& rows = penalty.residual;
    if (!(penalty.lambda > 0.0) || static_cast<int>(rows.pair.size()) != task.n_pairs())
      return false;
    for (std::size_t i = 0; i < rows.pair.size(); ++i)
      if (rows.pair[i] != static_cast<int>(i) || rows.weight[i] != 1.0) return false;
    return true;
  }

  bool regular() const { return system_.regular(); }

  void apply(const std::vector<double>& r, std::vector<double>& z) {
    // y = R^-T r: y(p) = r(p) + pi(p) a(s), a = (I - gamma P')^-1 gamma T' r.
    Vector a = Vector::Zero(task_.n_states());
    each_step([&](int p, int, int next, double weight) { a[next] += weight * r[p]; });
    a = system_.solve_transposed(a);
    std::vector<double> y(r);
    Vector back = Vector::Zero(task_.n_states());
    for (int s = 0; s < task_.n_states(); ++s)
      for (int p = task_.first_pair(s); p < task_.first_pair(s) + task_.n_actions(s); ++p) {
        y[p] += policy_[p] * a[s];
        back[s] += policy_[p] * y[p];
      }
    // z = R^-1 y: z(p) = y(p) + gamma T v, v = (I - gamma P)^-1 Pi y.
    const Vector v = system_.solve(back);
    z = y;
    each_step([&](int p, int, int next, double weight) { z[p] += weight * v[next]; });
    for (double& value : z) value *= scale_;
  }

 private:
  template <class Step>
  void each_step(const Step& step) const {
    for (int s = 0; s < task_.n_states(); ++s)
      for (int p = task_.first_pair(s); p < task_.first_pair(s) + task_.n_actions(s); ++p)
        for (int k = task_.next_start[p]; k < task_.next_start[p + 1]; ++k)
          step(p, s, task_.next_state[k], task_.discount * task_.probability[k]);
  }

  const Task& task_;
  Blocks blocks_;
  double scale_;
  std::vector<double> policy_;
  PolicySystem system_;
};

class Arrow {
 public:
  Arrow(ArrowProblem problem, const Penalty& penalty, const Runtime& runtime)
      : problem_(std::move(problem)), penalty_(penalty), runtime_(runtime),
        values_(problem_.task, problem_.people, penalty, problem_.rule, runtime) {
    std::vector<double> unused(problem_.q.size());
    values_.linearise(problem_.q, unused);
    fill_persons();
  }

  /// Penalised values can have no maximum in the population's parameters beside them
  /// (the traits run away): these are then taken as known.
  ArrowResult solve() {
    ArrowResult out = solve_here();
    if (out.positive || problem_.border.rows() == 0) return out;
    problem_.border.resize(0, 0);
    problem_.border_cross.resize(0, n_persons());
    cross_.conservativeResize(n_pairs(), n_persons());
    return solve_here();
  }

 private:
  ArrowResult solve_here() const {
    const bool dense = n_pairs() <= problem_.dense_pairs || n_persons() >= n_pairs();
    return dense ? solve_dense() : solve_low_rank();
  }

  int n_pairs() const { return problem_.task.n_pairs(); }
  int n_persons() const { return static_cast<int>(person_.size()); }
  int n_border() const { return static_cast<int>(problem_.border.rows()); }

  // Columns of `cross_`: I_qj, pulled back from A to Q, and I_bj below.
  void fill_persons() {
    const int P = n_pairs();
    cross_.resize(P + n_border(), problem_.people.counts.n_persons());
    person_ = persons_information(problem_.task, problem_.people, problem_.prior_precision,
                                  problem_.rule, problem_.q, runtime_, cross_.topRows(P));
    cross_.bottomRows(n_border()) = problem_.border_cross;
  }

  Eigen::VectorXd offset() const {
    Eigen::VectorXd h = Eigen::VectorXd::Zero(n_pairs() + n_border());
    for (std::size_t p = 0; p < problem_.offset.size(); ++p) h[p] = problem_.offset[p];
    return h;
  }

  ArrowResult solve_dense() const {
    const int P = n_pairs(), m = n_border();
    Eigen::MatrixXd s = Eigen::MatrixXd::Zero(P + m, P + m);
    s.topLeftCorner(P, P) = dense_information();
    s.bottomRightCorner(m, m) = problem_.border;
    const Eigen::MatrixXd scaled = cross_ * person_.cwiseSqrt().cwiseInverse().asDiagonal();
    s.selfadjointView<Eigen::Lower>().rankUpdate(scaled, -1.0);
    const double largest = s.diagonal().head(P).cwiseAbs().maxCoeff();
    s.diagonal().head(P).array() += kArrowRidge * largest;
    const Eigen::LLT<Eigen::MatrixXd, Eigen::Lower> factor(s);
    ArrowResult out;
    out.person = person_;
    out.positive = factor.info() == Eigen::Success;
    if (!out.positive) return out;
    Eigen::MatrixXd target = cross_ * person_.cwiseInverse().asDiagonal();
    target.colwise() -= offset();
    factor.matrixL().solveInPlace(target);
    out.shared = target.colwise().squaredNorm().transpose();
    if (problem_.covariance) out.covariance = target.transpose() * target;
    const Eigen::MatrixXd inverse =
        factor.solve(Eigen::MatrixXd::Identity(P + m, P + m));
    out.border = inverse.bottomRightCorner(m, m);
    out.advantage = advantage_variance(inverse.topLeftCorner(P, P));
    if (problem_.values) out.advantages = advantage_covariance(inverse.topLeftCorner(P, P));
    return out;
  }

  Eigen::MatrixXd dense_information() const {
    const int P = n_pairs();
    Eigen::MatrixXd k(P, P);
    for_chunks(runtime_.executor, P, 16,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      std::vector<double> unit(P, 0.0), column(P);
      for (std::size_t p = begin; p < end; ++p) {
        unit[p] = 1.0;
        values_.multiply(unit, column);
        unit[p] = 0.0;
        for (int i = 0; i < P; ++i) k(i, p) = column[i];
      }
    });
    return 0.5 * (k + k.transpose());
  }

  // diag(J_A C J_A'): rows of J_A are the pull-back of unit vectors.
  Eigen::VectorXd advantage_variance(const Eigen::MatrixXd& covariance) const {
    const int P = n_pairs();
    Eigen::VectorXd variance(P);
    for_chunks(runtime_.executor, P, 16,
               [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t p = begin; p < end; ++p) {
        std::vector<double> unit(P, 0.0);
        unit[p] = 1.0;
        unit = identify_pull_back(problem_.task, problem_.rule, problem_.q, unit);
        variance[p] = quadratic_form(unit, covariance);
      }
    });
    return variance;
  }

  // J_A C J_A', C symmetric: J_A from the left, twice.
  Eigen::MatrixXd advantage_covariance(const Eigen::MatrixXd& covariance) const {
    IdentifiedValues identified(problem_.task, problem_.rule);
    identified.value(problem_.q);
    const auto from_left = [&](const Eigen::MatrixXd& c) {
      Eigen::MatrixXd out(c.rows(), c.cols());
      for (int k = 0; k < c.cols(); ++k) {
        const Numbers moved =
            identified.push(Numbers(c.col(k).data(), c.col(k).data() + c.rows()));
        out.col(k) = Eigen::Map<const Eigen::VectorXd>(moved.data(), moved.size());
      }
      return out;
    };
    return from_left(from_left(covariance).transpose());
  }

  static double quadratic_form(const std::vector<double>& x, const Eigen::MatrixXd& c) {
    std::vector<int> at;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x[i] != 0.0) at.push_back(static_cast<int>(i));
    double sum = 0.0;
    for (int i : at)
      for (int k : at) sum += x[i] * c(i, k) * x[k];
    return sum;
  }

  ArrowResult solve_low_rank() const {
    const int P = n_pairs(), m = n_border(), J = n_persons();
    Eigen::MatrixXd target(P + m, J + 1);
    target.leftCols(J) = cross_;
    target.col(J) = offset();
    Eigen::MatrixXd solved(P + m, J + 1);
    // Chunks do not depend on the number of threads; each has its own sweeps.
    for_chunks(runtime_.executor, J + 1, (J + 16) / 16,
               [&](std::size_t, std::size_t begin, std::size_t end) {
                 const auto inverse = penalty_inverse();
                 for (std::size_t c = begin; c < end; ++c)
                   solved.col(c).head(P) =
                       solve_information(target.col(c).head(P), inverse.get());
               });
    if (m > 0) {
      const Eigen::LLT<Eigen::MatrixXd> border(problem_.border);
      solved.bottomRows(m) = border.solve(target.bottomRows(m));
    }
    Eigen::MatrixXd all = target.transpose() * solved;
    const Eigen::MatrixXd by_person = all.leftCols(J);
    Eigen::MatrixXd middle = -by_person.topRows(J);
    middle = 0.5 * (middle + middle.transpose()).eval();
    middle.diagonal() += person_;
    const Eigen::LLT<Eigen::MatrixXd> factor(middle);
    ArrowResult out;
    out.person = person_;
    out.positive = factor.info() == Eigen::Success;
    if (!out.positive) return out;
    all += by_person * factor.solve(by_person.transpose());
    // Rows: minus the offset's gradient, plus the person's own.
    Eigen::MatrixXd weight = Eigen::MatrixXd::Zero(J + 1, J);
    weight.topRows(J).diagonal() = person_.cwiseInverse();
    weight.row(J).setConstant(-1.0);
    const Eigen::MatrixXd product = all * weight;
    out.shared = (weight.array() * product.array()).colwise().sum().transpose();
    if (problem_.covariance) out.covariance = weight.transpose() * product;
    return out;
  }

  std::unique_ptr<PenaltyInverse> penalty_inverse() const {
    std::unique_ptr<PenaltyInverse> inverse;
    if (PenaltyInverse::suits(problem_.task, penalty_))
      inverse.reset(new PenaltyInverse(problem_.task, penalty_, problem_.q));
    if (inverse && !inverse->regular()) inverse.reset();
    return inverse;
  }

  // I_qq x = b by preconditioned conjugate gradients; variances b'x err by the square
  // of what x errs by.
  Eigen::VectorXd solve_information(const Eigen::VectorXd& b,
                                    PenaltyInverse* inverse) const {
    const auto precondition = [&](const std::vector<double>& r, std::vector<double>& z) {
      if (inverse) inverse->apply(r, z);
      else values_.precondition(r, z);
    };
    const std::size_t P = b.size();
    std::vector<double> x(P, 0.0), r(b.data(), b.data() + P), z(P), p, hp(P);
    precondition(r, z);
    p = z;
    double rz = dot(r, z);
    const double target = 1e-7 * rz;
    for (int i = 0; i < 2000 && rz > target && rz > 0; ++i) {
      values_.multiply(p, hp);
      const double alpha = rz / dot(p, hp);
      add_scaled(alpha, p, x);
      add_scaled(-alpha, hp, r);
      precondition(r, z);
      const double next = dot(r, z);
      for (std::size_t k = 0; k < P; ++k) p[k] = z[k] + next / rz * p[k];
      rz = next;
    }
    return Eigen::Map<const Eigen::VectorXd>(x.data(), P);
  }

  ArrowProblem problem_;
  Penalty penalty_;
  Runtime runtime_;
  PenalisedValues values_;
  Eigen::VectorXd person_;   // I_jj
  Eigen::MatrixXd cross_;    // [n_pairs + m x n_persons]
};

}  // namespace psyrl
