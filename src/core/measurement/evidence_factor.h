// What a Gaussian close to the posterior varies by: square roots C of the covariance of
// values, and of traits, given parameters.
#pragma once

#include <Eigen/Dense>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <vector>

#include "core/measurement/evidence_laplace.h"

namespace psyrl {

class Factor {
 public:
  virtual ~Factor() = default;
  virtual Vector times(const Vector& w) const = 0;             // C w
  virtual Vector transposed_times(const Vector& g) const = 0;  // C'g
  virtual Vector solve(const Vector& t) const = 0;             // C^-1 t
};

namespace detail {

inline Eigen::MatrixXd times(const Curvature& h, const Eigen::MatrixXd& x) {
  Eigen::MatrixXd out(x.rows(), x.cols());
  for_blocks(x, [&](const Block& block, Eigen::Index from, Eigen::Index n) {
    out.middleCols(from, n) = h.apply<kBlock>(block).leftCols(n).matrix();
  });
  return out;
}

inline Eigen::MatrixXd orthonormal(const Eigen::MatrixXd& x) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(x);
  return qr.householderQ() * Eigen::MatrixXd::Identity(x.rows(), x.cols());
}

/// Columns of +-1, [n_rows x n].
inline Eigen::MatrixXd random_columns(int n_rows, int n) {
  Eigen::MatrixXd out(n_rows, n);
  const auto blocks = rademacher_probes(n_rows, (n + kBlock - 1) / kBlock, 1);
  for (int i = 0; i < n; ++i) out.col(i) = blocks[i / kBlock].col(i % kBlock).matrix();
  return out;
}

/// Of residuals u with precision H, which is the identity plus little else: people visit
/// few of the pairs. C = I + V (diag(l)^-1/2 - I) V' with the largest eigenvalues l.
class ResidualFactor : public Factor {
 public:
  explicit ResidualFactor(const Curvature& h) { find_eigenpairs(h); }

  Vector times(const Vector& w) const override { return scaled(w, -0.5); }
  Vector transposed_times(const Vector& g) const override { return scaled(g, -0.5); }
  Vector solve(const Vector& t) const override { return scaled(t, 0.5); }

 private:
  /// (I + V (diag(l)^power - I) V') x.
  Vector scaled(const Vector& x, double power) const {
    const Vector factor = (value_.array().pow(power) - 1.0).matrix();
    return x + vectors_ * factor.cwiseProduct(vectors_.transpose() * x);
  }

  /// By subspace iteration, in ever more dimensions while the smallest eigenvalue found
  /// would still shorten steps; eigenvalues near 1 need no scaling and are left out.
  void find_eigenpairs(const Curvature& h) {
    constexpr double harmless = 12.0, negligible = 1.5;
    constexpr int fewest = 8, enough = 64, most = 192, room = 1000000;  // numbers in V
    const int n = h.size(), k_max = std::min(n, std::max(enough, std::min(most, room / n)));
    const Eigen::MatrixXd random = random_columns(n, k_max);
    Eigen::MatrixXd basis(n, 0);
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen;
    do {
      const Eigen::Index had = basis.cols();
      const Eigen::Index k =
          std::min<Eigen::Index>(k_max, std::max<Eigen::Index>(fewest, 2 * had));
      basis.conservativeResize(Eigen::NoChange, k);
      basis.rightCols(k - had) = random.middleCols(had, k - had);
      for (int i = 0; i < 2; ++i)
        basis = orthonormal(detail::times(h, orthonormal(basis)));
      const Eigen::MatrixXd inner = basis.transpose() * detail::times(h, basis);
      eigen.compute(0.5 * (inner + inner.transpose()));
    } while (basis.cols() < k_max && eigen.eigenvalues()[0] > harmless);
    const auto keep = (eigen.eigenvalues().array() > negligible).count();
    value_ = eigen.eigenvalues().tail(keep);
    vectors_ = basis * eigen.eigenvectors().rightCols(keep);
  }

  Eigen::MatrixXd vectors_;  // V [P x k]
  Vector value_;             // l [k]
};

/// Of values in units of s, with precision B'B + s^2 F: B = I - gamma T P, or I where
/// residuals are values, F the curvature of choices. Both tie a state to its neighbours
/// alone, so that a Cholesky factor is sparse where few actions lead to the same states.
class SparseFactor : public Factor {
 public:
  /// `choices`: s^2 F, the blocks of Curvature.
  SparseFactor(const EvidenceData& data, const Values& values,
               const std::vector<double>& choices) {
    const Sparse backup = backup_matrix(data, values);
    const Sparse precision = Sparse(backup.transpose() * backup) +
                             choice_matrix(data.people, choices, backup.rows());
    Cholesky cholesky;
    cholesky.analyzePattern(precision);
    if (cholesky.room() > kRoom) return;
    cholesky.factorize(precision);
    if (cholesky.info() != Eigen::Success) return;
    lower_ = cholesky.matrixL().nestedExpression();
    order_ = cholesky.permutationP();
  }

  /// False where the factor fills up.
  bool found() const { return lower_.size() > 0; }

  Vector times(const Vector& w) const override {
    const Vector y = lower_.transpose().triangularView<Eigen::Upper>().solve(w);
    return order_.inverse() * y;
  }
  Vector transposed_times(const Vector& g) const override {
    const Vector y = order_ * g;
    return lower_.triangularView<Eigen::Lower>().solve(y);
  }
  Vector solve(const Vector& t) const override {
    const Vector y = order_ * t;
    return lower_.transpose().triangularView<Eigen::Upper>() * y;
  }

 private:
  using Sparse = Eigen::SparseMatrix<double>;
  using Entries = std::vector<Eigen::Triplet<double>>;
  struct Cholesky : Eigen::SimplicialLLT<Sparse> {
    Eigen::Index room() const { return m_matrix.outerIndexPtr()[m_matrix.cols()]; }
  };
  enum : Eigen::Index { kRoom = 1000000 };  // numbers in a factor

  static Sparse from_entries(int n, const Entries& entries) {
    Sparse out(n, n);
    out.setFromTriplets(entries.begin(), entries.end());
    return out;
  }

  static Sparse backup_matrix(const EvidenceData& data, const Values& values) {
    const Task& task = data.task;
    Entries out;
    for (int p = 0; p < task.n_pairs(); ++p) {
      out.emplace_back(p, p, 1.0);
      if (data.spec.residual == Residual::value) continue;
      for (int e = task.next_start[p]; e < task.next_start[p + 1]; ++e) {
        const int next = task.next_state[e];
        for (int o = task.state_start[next]; o < task.state_start[next + 1]; ++o)
          out.emplace_back(p, o,
                           -values.discount() * task.probability[e] * values.policy[o]);
      }
    }
    return from_entries(task.n_pairs(), out);
  }

  static Sparse choice_matrix(const People& people, const std::vector<double>& choices,
                              int n) {
    Entries out;
    auto value = choices.begin();
    for (int c = 0; c < people.n_states(); ++c) {
      const int first = people.pair[people.first[c]], n_actions = people.n_actions(c);
      for (int a = 0; a < n_actions; ++a)
        for (int b = 0; b < n_actions; ++b)
          out.emplace_back(first + a, first + b, *value++);
    }
    return from_entries(n, out);
  }

  Sparse lower_;
  Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int> order_;
};

}  // namespace detail
}  // namespace psyrl
