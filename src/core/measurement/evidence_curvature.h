// Hessian of the penalised objective in u = delta / s, as a product.
//
//   f(u) = -loglik(Phi(r + s u)) + |u|^2 / 2
//   H x  = x + s L' [ B + D - sum_j sum_r c_rj c_rj' ] L s x
//   B(s) = sum_k beta_k^2 M_k(s) (diag pi_k - pi_k pi_k')       complete data
//   D(s) = a(s) / tau (diag pt - pt pt')                        curvature of V
//   c_rj = sum_k w_jk phi_r(z_k) score_jk,  score_jk = beta_k [n_j(p) - n_j(s) pi_k(p)]
//
// (Louis 1982). phi_r are polynomials in z, orthonormal under w_j and orthogonal
// to 1: the score is smooth in z, so `rank` 2 leaves .4 of a nat of log det, and
// rank 10 agrees with differences of the gradient to 1e-7 (a test). Without D
// ("Gauss-Newton") the matrix is smooth in the temperature.
#pragma once

#include <utility>
#include <vector>

#include "core/measurement/evidence_people.h"
#include "core/measurement/sweeps.h"

namespace psyrl {

class Curvature {
 public:
  /// `a` is df/dV [n_states]; `values` and `people` outlive this.
  Curvature(const Task& task, const People& people, const Nodes& nodes,
            const Values& values, const Posterior& post, const Vector& a, double scale,
            int rank, const Runtime& run)
      : task_(&task), people_(&people), values_(&values), a_(a), scale_(scale),
        rank_(rank), run_(run) {
    fill_blocks(nodes, post);
    if (rank_ > 0) fill_persons(nodes, post);
  }

  bool passed_on = true;     // to states before: L; else it is the identity, and D is 0
  bool with_backup = true;   // D
  bool with_persons = true;  // c_rj

  int size() const { return task_->n_pairs(); }

  /// B(s) of every choice state, rows one after the other.
  const std::vector<double>& blocks() const { return block_; }

  template <int W>
  Columns<W> apply(const Columns<W>& x) const {
    Columns<W> t = scale_ * x;
    if (passed_on) values_->tangent(Columns<W>(t), t);
    Columns<W> r = Columns<W>::Zero(t.rows(), t.cols());
    if (passed_on && with_backup) add_backup(t, r);
    add_choices(t, r);
    Columns<W> a;
    if (passed_on) values_->adjoint(Columns<W>(r), r, a);
    return x + scale_ * r;
  }

 private:

  /// One block B(s) per choice state, rows one after the other.
  void fill_blocks(const Nodes& nodes, const Posterior& post) {
    block_start_.assign(1, 0);
    for (int c = 0; c < people_->n_states(); ++c)
      block_start_.push_back(block_start_[c] + people_->n_actions(c) * people_->n_actions(c));
    block_.resize(block_start_.back());
    for_chunks(run_.executor, people_->n_states(), kStateChunk,
               [&](std::size_t, std::size_t from, std::size_t to) {
      for (std::size_t c = from; c < to; ++c) fill_block(c, nodes, post);
    });
  }

  void fill_block(int c, const Nodes& nodes, const Posterior& post) {
    const NodeRange at = post.filled[c];
    const Row weight = visitors_mass(*people_, post, c) *
                       nodes.beta.segment(at.begin, at.size()).square();
    const auto pi = [&](int i) { return post.pi.row(i).segment(at.begin, at.size()); };
    const int first = people_->first[c], n = people_->n_actions(c);
    double* block = &block_[block_start_[c]];
    for (int a = 0; a < n; ++a) {
      const Row weighted = weight * pi(first + a);
      for (int b = 0; b <= a; ++b)
        block[a * n + b] = block[b * n + a] = -(weighted * pi(first + b)).sum();
      block[a * n + a] += weighted.sum();
    }
  }

  /// The vectors c_rj, stored by visit: r after r, then by action.
  void fill_persons(const Nodes& nodes, const Posterior& post) {
    score_.resize(static_cast<std::size_t>(people_->entry.back()) * rank_);
    const std::vector<Table> basis = weighted_polynomials(nodes, post);
    for_chunks(run_.executor, people_->n_visits(), 16 * kStateChunk,
               [&](std::size_t, std::size_t from, std::size_t to) {
      for (std::size_t v = from; v < to; ++v)
        for (int r = 0; r < rank_; ++r) fill_visit(v, r, basis, post);
    });
  }

  void fill_visit(int v, int r, const std::vector<Table>& basis, const Posterior& post) {
    const int j = people_->visit_person[v];
    const NodeRange in = post.window[j];
    const int first = people_->first[people_->visit_state[v]];
    const int n = people_->entry[v + 1] - people_->entry[v];
    const Row coefficient = basis[r].row(j).segment(in.begin, in.size());
    const auto pi = [&](int i) { return post.pi.row(i).segment(in.begin, in.size()); };
    const double sum = coefficient.sum();
    double* out = &score_[static_cast<std::size_t>(people_->entry[v]) * rank_ + r * n];
    for (int a = 0; a < n; ++a)
      out[a] = people_->count[people_->entry[v] + a] * sum -
               people_->total[v] * (coefficient * pi(first + a)).sum();
  }

  /// w_jk phi_r(z_k) beta_k for r < rank, each [J x K]; Gram-Schmidt on powers of
  /// the standardised z. A posterior on too few nodes has fewer polynomials: 0.
  std::vector<Table> weighted_polynomials(const Nodes& nodes, const Posterior& post) const {
    std::vector<Table> out(rank_, Table(people_->n_persons, nodes.size()));
    for (int j = 0; j < people_->n_persons; ++j) {
      const Row w = post.weight.row(j);
      const Row t = (nodes.z - post.mean[j]) / std::sqrt(std::max(post.var[j], 1e-12));
      std::vector<Row> basis(1, Row::Ones(nodes.size()));
      for (int r = 0; r < rank_; ++r) {
        Row next = basis.back() * t;
        for (int twice = 0; twice < 2; ++twice)
          for (const Row& b : basis) next -= (w * b * next).sum() * b;
        const double norm = std::sqrt((w * next.square()).sum());
        next = norm > 1e-6 ? Row(next / norm) : Row(Row::Zero(nodes.size()));
        out[r].row(j) = w * next * nodes.beta;
        basis.push_back(next);
      }
    }
    return out;
  }

  template <int W>
  void add_backup(const Columns<W>& t, Columns<W>& r) const {
    for (int s = 0; s < task_->n_states(); ++s) {
      if (a_[s] == 0.0 || task_->n_actions(s) < 2) continue;
      Eigen::Array<double, 1, W> mean = Eigen::Array<double, 1, W>::Zero(1, t.cols());
      for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p)
        mean += values_->policy[p] * t.row(p);
      const double weight = a_[s] / values_->temperature();
      for (int p = task_->state_start[s]; p < task_->state_start[s + 1]; ++p)
        r.row(p) += weight * values_->policy[p] * (t.row(p) - mean);
    }
  }

  /// (B - sum c c') t. Coefficients c_rj't are gathered by person, then
  /// scattered by state: both orders are fixed.
  template <int W>
  void add_choices(const Columns<W>& t, Columns<W>& r) const {
    const bool persons = with_persons && rank_ > 0;
    Columns<W> coefficient;
    if (persons) coefficient = person_products(t);
    for_chunks(run_.executor, people_->n_states(), kStateChunk,
               [&](std::size_t, std::size_t from, std::size_t to) {
      for (std::size_t c = from; c < to; ++c) {
        add_block(c, t, r);
        if (persons) subtract_visits(c, coefficient, r);
      }
    });
  }

  template <int W>
  void add_block(int c, const Columns<W>& t, Columns<W>& r) const {
    const int pair = people_->pair[people_->first[c]], n = people_->n_actions(c);
    const double* block = &block_[block_start_[c]];
    for (int a = 0; a < n; ++a)
      for (int b = 0; b < n; ++b) r.row(pair + a) += block[a * n + b] * t.row(pair + b);
  }

  /// [J * rank x W]
  template <int W>
  Columns<W> person_products(const Columns<W>& t) const {
    Columns<W> out = Columns<W>::Zero(people_->n_persons * rank_, t.cols());
    for_chunks(run_.executor, people_->n_persons, kPersonChunk,
               [&](std::size_t, std::size_t from, std::size_t to) {
      for (std::size_t j = from; j < to; ++j)
        for (int i = people_->person_start[j]; i < people_->person_start[j + 1]; ++i)
          gather_visit(people_->person_visit[i], t, out);
    });
    return out;
  }

  template <int W>
  void gather_visit(int v, const Columns<W>& t, Columns<W>& out) const {
    const int pair = people_->pair[people_->first[people_->visit_state[v]]];
    const int n = people_->entry[v + 1] - people_->entry[v];
    const double* c = &score_[static_cast<std::size_t>(people_->entry[v]) * rank_];
    for (int r = 0; r < rank_; ++r) {
      Eigen::Array<double, 1, W> sum = c[r * n] * t.row(pair);
      for (int a = 1; a < n; ++a) sum += c[r * n + a] * t.row(pair + a);
      out.row(people_->visit_person[v] * rank_ + r) += sum;
    }
  }

  template <int W>
  void subtract_visits(int c, const Columns<W>& coefficient, Columns<W>& out) const {
    const int pair = people_->pair[people_->first[c]], n = people_->n_actions(c);
    for (int v = people_->visit_start[c]; v < people_->visit_start[c + 1]; ++v) {
      const double* x = &score_[static_cast<std::size_t>(people_->entry[v]) * rank_];
      const int row = people_->visit_person[v] * rank_;
      for (int r = 0; r < rank_; ++r)
        for (int a = 0; a < n; ++a)
          out.row(pair + a) -= x[r * n + a] * coefficient.row(row + r);
    }
  }

  const Task* task_;
  const People* people_;
  const Values* values_;
  Vector a_;
  double scale_;
  int rank_;
  Runtime run_;
  std::vector<int> block_start_;  // [C + 1]
  std::vector<double> block_;
  std::vector<double> score_;
};

}  // namespace psyrl
