// Linear systems in I - gamma P_pi, the heart of evaluating a policy, of Newton
// steps on the fixed point and of its derivatives (implicit differentiation):
//
//   P_pi(s, s') = sum_a pi(a | s) T(s' | s, a)
//
// Solved block by block in the order of `Blocks`: acyclic parts cost a sweep,
// each cyclic block a system of its own size.
#pragma once

#include <Eigen/Dense>
#include <Eigen/IterativeLinearSolvers>
#include <Eigen/Sparse>
#include <memory>
#include <vector>

#include "core/base/require.h"
#include "core/base/rng.h"
#include "core/mdp/blocks.h"
#include "core/mdp/policy_lu.h"
#include "core/mdp/task.h"

namespace psyrl {

using Vector = Eigen::VectorXd;

/// Solves with I - gamma P_pi of one block and its transpose: by BiCGSTAB if the block is
/// large and that converges quickly, as it does where a random walk forgets its start (and
/// where LU would fill up); else by LU, which suits mazes and other slow walks.
class BlockFactor {
 public:
  using Triplets = std::vector<Eigen::Triplet<double>>;

  /// False when the matrix is singular to working precision.
  bool factor(int n, const Triplets& entries) {
    matrix_.resize(n, n);
    matrix_.setFromTriplets(entries.begin(), entries.end());
    const bool sparse = entries.size() < kSparse * n * n;
    iterative_ = n > kLarge && sparse && converges_quickly(matrix_);
    if (iterative_) return true;
    EliminationPlan::Places places;
    for (const auto& e : entries) places.emplace_back(e.row(), e.col());
    plan_.reset(new EliminationPlan(n, places));
    return lu_.compute(*plan_, [&](int row, const auto& add) {
      for (SparseMatrix::InnerIterator it(matrix_, row); it; ++it)
        add(it.col(), it.value());
    });
  }

  Vector solve(const Vector& b) const {
    if (iterative_) return iterate(matrix_, b, kPatience).solution;
    Columns<1> x = b.array();
    lu_.solve<1>(x);
    return x.matrix();
  }

  Vector solve_transposed(const Vector& b) const {
    if (iterative_)
      return iterate(SparseMatrix(matrix_.transpose()), b, kPatience).solution;
    Columns<1> x = b.array();
    lu_.solve_transposed<1>(x);
    return x.matrix();
  }

 private:
  enum : int { kLarge = 400, kQuick = 60, kPatience = 2000 };
  static constexpr double kSparse = 0.05;
  using SparseMatrix = Eigen::SparseMatrix<double, Eigen::RowMajor>;

  struct Iterated {
    Vector solution;
    bool converged;
  };

  static Iterated iterate(const SparseMatrix& matrix, const Vector& b,
                          int max_iterations) {
    Eigen::BiCGSTAB<SparseMatrix> solver(matrix);
    solver.setTolerance(1e-12);
    solver.setMaxIterations(max_iterations);
    Vector solution = solver.solve(b);
    return {solution, solver.info() == Eigen::Success && solution.allFinite()};
  }

  // Tried on a right-hand side without structure.
  static bool converges_quickly(const SparseMatrix& matrix) {
    Stream stream(1, 1, 1);
    Vector b(matrix.rows());
    for (int i = 0; i < b.size(); ++i) b[i] = stream.normal();
    return iterate(matrix, b, kQuick).converged;
  }

  bool iterative_ = false;
  SparseMatrix matrix_;
  std::unique_ptr<EliminationPlan> plan_;
  PolicyLu lu_;
};

/// I - gamma P_pi of a block, in the block's own numbering (`local[s]`). `policy`
/// is [n_pairs].
inline BlockFactor::Triplets block_system(const Task& task, const Blocks& blocks,
                                          int block, const std::vector<int>& local,
                                          const double* policy) {
  BlockFactor::Triplets entries;
  for (int i = blocks.start[block]; i < blocks.start[block + 1]; ++i) {
    const int s = blocks.state[i];
    entries.emplace_back(local[s], local[s], 1.0);
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p) {
      if (policy[p] == 0.0) continue;
      for (int k = task.next_start[p]; k < task.next_start[p + 1]; ++k) {
        const int next = task.next_state[k];
        if (blocks.block[next] != block) continue;
        entries.emplace_back(local[s], local[next],
                             -task.discount * policy[p] * task.probability[k]);
      }
    }
  }
  return entries;
}

/// Steps that stay in a block, in the block's own numbering.
inline EliminationPlan::Places steps_within(const Task& task, const Blocks& blocks,
                                            int block, const std::vector<int>& local) {
  EliminationPlan::Places out;
  for (int i = blocks.start[block]; i < blocks.start[block + 1]; ++i) {
    const int s = blocks.state[i];
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p)
      for (int k = task.next_start[p]; k < task.next_start[p + 1]; ++k)
        if (blocks.block[task.next_state[k]] == block)
          out.emplace_back(local[s], local[task.next_state[k]]);
  }
  return out;
}

/// Position of every state within its block, [n_states].
inline std::vector<int> positions_in_blocks(const Blocks& blocks) {
  std::vector<int> local(blocks.state.size());
  for (int b = 0; b < blocks.size(); ++b)
    for (int i = blocks.start[b]; i < blocks.start[b + 1]; ++i)
      local[blocks.state[i]] = i - blocks.start[b];
  return local;
}

/// Solves with I - gamma P_pi and its transpose over all states of a task. Task,
/// blocks and policy must outlive it.
class PolicySystem {
 public:
  PolicySystem(const Task& task, const Blocks& blocks, View<double> policy)
      : task_(task), blocks_(blocks), policy_(policy),
        local_(positions_in_blocks(blocks)), factor_(blocks.size()) {
    require(static_cast<int>(policy.size()) == task.n_pairs(),
            "policy has a probability for every pair");
    for (int b = 0; b < blocks.size(); ++b) {
      if (!blocks.cyclic[b]) continue;
      regular_ &= factor_[b].factor(
          blocks.n_states(b),
          block_system(task, blocks, b, local_, policy.data()));
    }
  }

  /// False when some block is singular: the policy never ends at discount 1.
  bool regular() const { return regular_; }

  /// x = b + gamma P_pi x, [n_states].
  Vector solve(const Vector& b) const {
    Vector x = b;
    for (int block = 0; block < blocks_.size(); ++block) {
      each_step(block, [&](int s, int next, double weight) {
        if (blocks_.block[next] != block) x[s] += weight * x[next];
      });
      if (blocks_.cyclic[block])
        scatter(block, factor_[block].solve(gather(block, x)), x);
    }
    return x;
  }

  /// x = b + gamma P_pi' x, [n_states]: discounted visits when b holds the
  /// probabilities of the first state.
  Vector solve_transposed(const Vector& b) {
    Vector x = b;
    for (int block = blocks_.size() - 1; block >= 0; --block) {
      if (blocks_.cyclic[block])
        scatter(block, factor_[block].solve_transposed(gather(block, x)), x);
      each_step(block, [&](int s, int next, double weight) {
        if (blocks_.block[next] != block) x[next] += weight * x[s];
      });
    }
    return x;
  }

 private:
  template <class Step>
  void each_step(int block, const Step& step) const {
    for (int i = blocks_.start[block]; i < blocks_.start[block + 1]; ++i) {
      const int s = blocks_.state[i];
      for (int p = task_.state_start[s]; p < task_.state_start[s + 1]; ++p)
        for (int k = task_.next_start[p]; k < task_.next_start[p + 1]; ++k)
          step(s, task_.next_state[k],
               task_.discount * policy_[p] * task_.probability[k]);
    }
  }

  Vector gather(int block, const Vector& x) const {
    Vector part(blocks_.n_states(block));
    for (int i = 0; i < part.size(); ++i)
      part[i] = x[blocks_.state[blocks_.start[block] + i]];
    return part;
  }

  void scatter(int block, const Vector& part, Vector& x) const {
    for (int i = 0; i < part.size(); ++i)
      x[blocks_.state[blocks_.start[block] + i]] = part[i];
  }

  const Task& task_;
  const Blocks& blocks_;
  View<double> policy_;
  std::vector<int> local_;
  std::vector<BlockFactor> factor_;
  bool regular_ = true;
};

}  // namespace psyrl
