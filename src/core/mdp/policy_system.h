// Linear systems in I - gamma P_pi, the heart of evaluating a policy, of Newton
// steps on the fixed point and of its derivatives (implicit differentiation):
//
//   P_pi(s, s') = sum_a pi(a | s) T(s' | s, a)
//
// Solved block by block in the order of `Blocks`: acyclic parts cost a sweep,
// each cyclic block a factorisation of its own size, dense when small or full.
#pragma once

#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <Eigen/SparseLU>
#include <memory>
#include <vector>

#include "core/base/require.h"
#include "core/mdp/blocks.h"
#include "core/mdp/task.h"

namespace psyrl {

using Vector = Eigen::VectorXd;

/// LU of one square matrix, dense or sparse, for solves with it and with its
/// transpose.
class BlockFactor {
 public:
  using Triplets = std::vector<Eigen::Triplet<double>>;

  /// False when the matrix is singular to working precision.
  bool factor(int n, const Triplets& entries) {
    const double fill = static_cast<double>(entries.size()) / n / n;
    return n <= kSmall || fill > kFull ? factor_dense(n, entries)
                                       : factor_sparse(n, entries);
  }

  Vector solve(const Vector& b) const {
    if (sparse_) return sparse_->solve(b);
    return dense_.solve(b);
  }

  Vector solve_transposed(const Vector& b) {
    if (!sparse_) return dense_.transpose().solve(b);
    if (!sparse_transposed_) {
      sparse_transposed_.reset(new SparseLU);
      sparse_transposed_->compute(SparseMatrix(matrix_.transpose()));
    }
    return sparse_transposed_->solve(b);
  }

 private:
  static constexpr int kSmall = 96;
  static constexpr double kFull = 0.05;
  using SparseMatrix = Eigen::SparseMatrix<double>;
  using SparseLU = Eigen::SparseLU<SparseMatrix, Eigen::COLAMDOrdering<int>>;

  bool factor_dense(int n, const Triplets& entries) {
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(n, n);
    for (const auto& e : entries) matrix(e.row(), e.col()) += e.value();
    dense_.compute(matrix);
    sparse_.reset();
    return (dense_.matrixLU().diagonal().array().abs() > 0.0).all();
  }

  bool factor_sparse(int n, const Triplets& entries) {
    matrix_.resize(n, n);
    matrix_.setFromTriplets(entries.begin(), entries.end());
    sparse_.reset(new SparseLU);
    sparse_transposed_.reset();
    sparse_->compute(matrix_);
    return sparse_->info() == Eigen::Success;
  }

  Eigen::PartialPivLU<Eigen::MatrixXd> dense_;
  SparseMatrix matrix_;
  std::unique_ptr<SparseLU> sparse_;
  std::unique_ptr<SparseLU> sparse_transposed_;
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
      if (blocks_.cyclic[block]) scatter(block, factor_[block].solve(gather(block, x)), x);
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
