// LU factors of I - gamma P_pi on one block of states, for many policies.
//
// Such matrices are diagonally dominant by rows, so that elimination needs no pivoting
// (Golub & Van Loan 2013, section 4.1), and where it fills up depends only on which
// states can follow each other: order and places are found once (approximate minimum
// degree; Amestoy, Davis & Duff 1996). A factor of a maze then costs a tenth of a dense
// one or less. Blocks that fill up are left to the dense LU.
#pragma once

#include <Eigen/Dense>
#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace psyrl {

/// W right-hand sides at once, a row a state (or pair): a sweep then runs over W
/// contiguous doubles.
template <int W>
using Columns =
    Eigen::Array<double, Eigen::Dynamic, W, W == 1 ? Eigen::ColMajor : Eigen::RowMajor>;

/// Order of elimination, and the places of L (diagonal 1, not stored) and U.
class EliminationPlan {
 public:
  /// Places (row, column) that may differ from 0; the diagonal need not be among them.
  using Places = std::vector<std::pair<int, int>>;

  EliminationPlan(int n, const Places& places) : row(n), turn(n), start{0} {
    Eigen::SparseMatrix<double> matrix(n, n);
    std::vector<Eigen::Triplet<double>> entries;
    for (const auto& at : places) {
      entries.emplace_back(at.first, at.second, 1.0);
      entries.emplace_back(at.second, at.first, 1.0);
    }
    for (int i = 0; i < n; ++i) entries.emplace_back(i, i, 1.0);
    matrix.setFromTriplets(entries.begin(), entries.end());
    Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int> order;
    Eigen::AMDOrdering<int>()(matrix, order);
    for (int i = 0; i < n; ++i) turn[row[i] = order.indices()[i]] = i;
    find_places(matrix);
  }

  int size() const { return static_cast<int>(row.size()); }
  bool full() const { return column.size() > 0.25 * size() * size(); }

  std::vector<int> row;       // [n] which row is i-th
  std::vector<int> turn;      // [n] and back
  std::vector<int> start;     // [n + 1] offsets of rows in `column`
  std::vector<int> column;    // in turn: those of L, the diagonal, those of U; ascending
  std::vector<int> diagonal;  // [n] offsets in `column`
  std::vector<int> mirror;    // offset of the place across the diagonal

  /// Offset of a place (row, column); places of the matrix are among the plan's.
  int offset(int i, int j) const {
    const auto begin = column.begin() + start[turn[i]];
    const auto end = column.begin() + start[turn[i] + 1];
    return static_cast<int>(std::lower_bound(begin, end, turn[j]) - column.begin());
  }

 private:
  /// Row i of L holds what the elimination tree reaches from row i of the symmetric
  /// `matrix`; U has the places of L' (Davis 2006, "Direct methods", section 4.2).
  void find_places(const Eigen::SparseMatrix<double>& matrix) {
    const int n = size();
    std::vector<int> parent(n, -1), seen(n, -1);
    std::vector<std::vector<int>> lower(n), upper(n);
    for (int i = 0; i < n; ++i) {
      seen[i] = i;
      for (Eigen::SparseMatrix<double>::InnerIterator it(matrix, row[i]); it; ++it)
        for (int k = turn[it.row()]; k < i && seen[k] != i; k = parent[k]) {
          if (parent[k] < 0) parent[k] = i;
          seen[k] = i;
          lower[i].push_back(k);
          upper[k].push_back(i);
        }
      std::sort(lower[i].begin(), lower[i].end());
    }
    for (int i = 0; i < n; ++i) {
      column.insert(column.end(), lower[i].begin(), lower[i].end());
      diagonal.push_back(static_cast<int>(column.size()));
      column.push_back(i);
      column.insert(column.end(), upper[i].begin(), upper[i].end());
      start.push_back(static_cast<int>(column.size()));
    }
    mirror.resize(column.size());
    std::vector<int> next(start.begin(), start.end() - 1);
    for (int i = 0; i < n; ++i) {
      mirror[diagonal[i]] = diagonal[i];
      for (int e = diagonal[i] + 1; e < start[i + 1]; ++e) {
        mirror[e] = next[column[e]]++;
        mirror[mirror[e]] = e;
      }
    }
  }
};

/// Entries of the inverse of I - gamma P_pi at the places of its plan.
struct PolicyInverse {
  double operator()(int row, int column) const {
    return plan->full() ? dense(row, column) : value[plan->offset(row, column)];
  }

  const EliminationPlan* plan;
  Eigen::MatrixXd dense;
  std::vector<double> value;
};

class PolicyLu {
 public:
  /// False when singular to working precision. `fill(row, add)` calls
  /// `add(column, value)` for every entry of a row of I - gamma P_pi, in any order;
  /// entries of one place are summed. `plan` outlives this.
  template <class Fill>
  bool compute(const EliminationPlan& plan, const Fill& fill) {
    plan_ = &plan;
    return plan.full() ? compute_dense(fill) : compute_sparse(fill);
  }

  /// Of a matrix with a positive determinant.
  double log_determinant() const {
    if (plan_->full()) return dense_.matrixLU().diagonal().array().abs().log().sum();
    double sum = 0.0;
    for (int e : plan_->diagonal) sum += std::log(value_[e]);
    return sum;
  }

  PolicyInverse inverse() const {
    PolicyInverse out{plan_, Eigen::MatrixXd(), {}};
    if (plan_->full()) out.dense = dense_.inverse();
    else out.value = inverse_at_places();
    return out;
  }

  /// x becomes the solution.
  template <int W>
  void solve(Columns<W>& x) const {
    if (plan_->full()) {
      const Eigen::MatrixXd solution = dense_.solve(x.matrix());
      x = solution.array();
      return;
    }
    Columns<W> y = in_turn(x);
    for (int i = 0; i < plan_->size(); ++i)
      for (int e = plan_->start[i]; e < plan_->diagonal[i]; ++e)
        y.row(i) -= value_[e] * y.row(plan_->column[e]);
    for (int i = plan_->size() - 1; i >= 0; --i) {
      for (int e = plan_->diagonal[i] + 1; e < plan_->start[i + 1]; ++e)
        y.row(i) -= value_[e] * y.row(plan_->column[e]);
      y.row(i) /= value_[plan_->diagonal[i]];
    }
    put_back(y, x);
  }

  template <int W>
  void solve_transposed(Columns<W>& x) const {
    if (plan_->full()) {
      const Eigen::MatrixXd right = x.matrix();
      const Eigen::MatrixXd solution = dense_.transpose().solve(right);
      x = solution.array();
      return;
    }
    Columns<W> y = in_turn(x);
    for (int i = 0; i < plan_->size(); ++i) {
      y.row(i) /= value_[plan_->diagonal[i]];
      for (int e = plan_->diagonal[i] + 1; e < plan_->start[i + 1]; ++e)
        y.row(plan_->column[e]) -= value_[e] * y.row(i);
    }
    for (int i = plan_->size() - 1; i >= 0; --i)
      for (int e = plan_->start[i]; e < plan_->diagonal[i]; ++e)
        y.row(plan_->column[e]) -= value_[e] * y.row(i);
    put_back(y, x);
  }

 private:
  template <class Fill>
  bool compute_dense(const Fill& fill) {
    const int n = plan_->size();
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(n, n);
    for (int i = 0; i < n; ++i)
      fill(i, [&](int column, double value) { matrix(i, column) += value; });
    dense_.compute(matrix);
    return (dense_.matrixLU().diagonal().array().abs() > 0.0).all();
  }

  template <class Fill>
  bool compute_sparse(const Fill& fill) {
    value_.resize(plan_->column.size());
    std::vector<double> work(plan_->size(), 0.0);
    for (int i = 0; i < plan_->size(); ++i) {
      fill(plan_->row[i],
           [&](int column, double value) { work[plan_->turn[column]] += value; });
      for (int e = plan_->start[i]; e < plan_->diagonal[i]; ++e)
        eliminate(plan_->column[e], work);
      for (int e = plan_->start[i]; e < plan_->start[i + 1]; ++e) {
        value_[e] = work[plan_->column[e]];
        work[plan_->column[e]] = 0.0;
      }
      if (!(std::abs(value_[plan_->diagonal[i]]) > 0.0)) return false;
    }
    return true;
  }

  /// Takes row k from the row in work, which keeps by how much.
  void eliminate(int k, std::vector<double>& work) const {
    const double factor = work[k] /= value_[plan_->diagonal[k]];
    for (int e = plan_->diagonal[k] + 1; e < plan_->start[k + 1]; ++e)
      work[plan_->column[e]] -= factor * value_[e];
  }

  /// From the last row up, each from the rows that its row of U leads to (Erisman & Tinney
  /// 1975, "On computing certain elements of the inverse of a sparse matrix").
  std::vector<double> inverse_at_places() const {
    const EliminationPlan& plan = *plan_;
    std::vector<double> z(value_.size()), right(plan.size()), below(plan.size()),
        lower(plan.size());
    std::vector<int> met(plan.size(), -1);
    for (int i = plan.size() - 1; i >= 0; --i) {
      const int first = plan.diagonal[i] + 1, last = plan.start[i + 1];
      const double pivot = 1.0 / value_[plan.diagonal[i]];
      for (int e = first; e < last; ++e) {
        const int k = plan.column[e];
        met[k] = i;
        right[k] = below[k] = 0.0;
        lower[k] = value_[plan.mirror[e]];
      }
      double corner = pivot;
      for (int e = first; e < last; ++e) {
        const int k = plan.column[e];
        const double upper = pivot * value_[e];
        for (int f = plan.start[k]; f < plan.start[k + 1]; ++f) {
          const int j = plan.column[f];
          if (met[j] != i) continue;
          right[j] -= upper * z[f];
          below[k] -= z[f] * lower[j];
        }
        corner -= upper * below[k];
      }
      z[plan.diagonal[i]] = corner;
      for (int e = first; e < last; ++e) {
        z[e] = right[plan.column[e]];
        z[plan.mirror[e]] = below[plan.column[e]];
      }
    }
    return z;
  }

  template <int W>
  Columns<W> in_turn(const Columns<W>& x) const {
    Columns<W> out(x.rows(), x.cols());
    for (int i = 0; i < plan_->size(); ++i) out.row(i) = x.row(plan_->row[i]);
    return out;
  }

  template <int W>
  void put_back(const Columns<W>& y, Columns<W>& x) const {
    for (int i = 0; i < plan_->size(); ++i) x.row(plan_->row[i]) = y.row(i);
  }

  const EliminationPlan* plan_ = nullptr;
  Eigen::PartialPivLU<Eigen::MatrixXd> dense_;
  std::vector<double> value_;  // of the plan's places
};

}  // namespace psyrl
