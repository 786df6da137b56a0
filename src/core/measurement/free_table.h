// A free table: values nothing holds to the task, a ridge apart, integrated out.
//
//   q_s ~ N(0, v I) for every state,  choices of j at s: softmax(e^z_j q_s)
//
// States share nothing but people, so Laplace's integral over the table is a sum over
// states, each with its few actions, and what is left is a function of the traits:
//
//   F(z) = sum_s [ f_s(q^_s) + 1/2 log det(v H_s) ] - sum_j log N(z_j; mu_j, sigma^2)
//   f_s(q) = - sum_j n_j log pi_j + |q|^2 / (2 v),   H_s = its Hessian at the minimum q^_s
//
// The order matters. Integrating the persons first, and taking the mode of a table of
// more values than anybody visits, makes rare choices look certain: beta runs away.
//
// Persons meet in states: with c_js = d2f_s/dq dz_j the Hessian of F is
//
//   d2F / dz_j dz_k = - sum_s c_js' H_s^-1 c_ks,   j != k
//
// but for the log det's share; d2F / dz_j^2 is differenced, log det and all.
//
// Persons who chose alike have the same mode: F is a function of what many such persons
// share, and one of them moves alone only along the curves.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/newton_cg.h"
#include "core/measurement/behaviour.h"

namespace psyrl {

using SmallVector = Eigen::VectorXd;
using SmallMatrix = Eigen::MatrixXd;

/// - log p of a person's choices at one state as a function of its values.
struct ChoiceTerm {
  double value = 0.0;
  SmallVector pi, slope;   // probabilities; gradient over beta: N pi - n
  SmallMatrix hessian;     // beta^2 N (diag pi - pi pi')
};

/// What persons chose at one state: a share of these counts and of their total.
struct Chosen {
  const double* count;
  double total, share;
};

inline void fill_term(const SmallVector& q, const Chosen& chosen, double beta, bool curved,
                      ChoiceTerm& out) {
  const int n = static_cast<int>(q.size());
  const double total = chosen.share * chosen.total;
  out.pi.resize(n);
  const double normaliser = softmax(q.data(), n, beta, out.pi.data());
  out.value = total * normaliser;
  out.slope = total * out.pi;
  for (int a = 0; a < n; ++a) {
    const double count = chosen.share * chosen.count[a];
    out.value -= beta * count * q[a];
    out.slope[a] -= count;
  }
  if (!curved) return;
  const double weight = beta * beta * total;
  out.hessian = -weight * out.pi * out.pi.transpose();
  out.hessian.diagonal() += weight * out.pi;
}

/// F, for newton_cg() to minimise. Every state's search starts where its last one ended.
class FreeTable {
 public:
  /// Every one of `counts` stands for as many persons as `times` says.
  FreeTable(const Task& task, const PersonCounts& counts, View<double> times,
            double variance, const Runtime& runtime)
      : task_(task), times_(times), runtime_(runtime), variance_(variance),
        q_(task.n_pairs(), 0.0) {
    arrange(counts);
  }

  void set_population(const std::vector<double>& mu, double sigma) {
    mu_ = mu;
    sigma_ = sigma;
  }

  double value(const std::vector<double>& z) {
    std::vector<double> part(states());
    for_states([&](std::size_t i) {
      SmallVector q = start(i);
      SmallMatrix h;
      part[i] = solve(i, z, q, h);
      keep(i, q);
    });
    return total(part, z);
  }

  double linearise(const std::vector<double>& z, std::vector<double>& gradient) {
    std::vector<double> part(states());
    for_states([&](std::size_t i) { part[i] = linearise_state(i, z); });
    table_part_ = std::accumulate(part.begin(), part.end(), 0.0);
    const double precision = 1.0 / (sigma_ * sigma_);
    diagonal_.resize(z.size());
    gradient.resize(z.size());
    for (std::size_t j = 0; j < z.size(); ++j) {
      diagonal_[j] = times_[j] * precision;
      gradient[j] = (z[j] - mu_[j]) * diagonal_[j];
    }
    for (std::size_t v = 0; v < visits_.size(); ++v) {
      gradient[visits_[v].group] += visit_gradient_[v];
      diagonal_[visits_[v].group] += visit_curvature_[v];
    }
    return total(part, z);
  }

  void multiply(const std::vector<double>& x, std::vector<double>& out) const {
    for (std::size_t j = 0; j < x.size(); ++j) out[j] = diagonal_[j] * x[j];
    for (std::size_t i = 0; i < states(); ++i) {
      const int n = actions(i);
      SmallVector sum = SmallVector::Zero(n);
      for (std::size_t v = first_[i]; v < first_[i + 1]; ++v)
        sum += x[visits_[v].group] * cross(v, n);
      const SmallVector moved = inverse(i) * sum;
      for (std::size_t v = first_[i]; v < first_[i + 1]; ++v)
        out[visits_[v].group] -= moved.dot(cross(v, n));
    }
  }

  void precondition(const std::vector<double>& r, std::vector<double>& x) const {
    const std::vector<double> d = own_curvature();
    for (std::size_t j = 0; j < r.size(); ++j)
      x[j] = r[j] / std::max(d[j], times_[j] / (sigma_ * sigma_));
  }

  /// The Hessian's diagonal: the own curvature, the others' traits known.
  std::vector<double> own_curvature() const {
    std::vector<double> d = diagonal_;
    for (std::size_t i = 0; i < states(); ++i)
      for (std::size_t v = first_[i]; v < first_[i + 1]; ++v) {
        const int n = actions(i);
        d[visits_[v].group] -= cross(v, n).dot(inverse(i) * cross(v, n));
      }
    return d;
  }

  const std::vector<double>& q() const { return q_; }

  /// F without the population's part, at the last linearisation.
  double table_part() const { return table_part_; }

  /// Variance of every pair's value about its state's mean, traits known.
  std::vector<double> variances() const {
    std::vector<double> out(task_.n_pairs());
    for (int s = 0; s < task_.n_states(); ++s) {
      const int n = task_.n_actions(s);
      for (int a = 0; a < n; ++a)
        out[task_.first_pair(s) + a] = variance_ * (1.0 - 1.0 / n);
    }
    for (std::size_t i = 0; i < states(); ++i) {
      const int n = actions(i);
      const SmallMatrix centre =
          SmallMatrix::Identity(n, n) - SmallMatrix::Constant(n, n, 1.0 / n);
      const SmallMatrix spread = centre * inverse(i) * centre;
      for (int a = 0; a < n; ++a) out[task_.first_pair(state(i)) + a] = spread(a, a);
    }
    return out;
  }

  /// How many values the data determine: sum of 1 - (posterior / prior variance).
  double effective_values() const {
    double sum = 0.0;
    for (std::size_t i = 0; i < states(); ++i)
      sum += actions(i) - inverse(i).trace() / variance_;
    return sum;
  }

  /// - log likelihood of every person's trait along the offsets from z, up to a
  /// constant: values follow the trait, the other persons' part being quadratic, but
  /// the slope at z is exact. What that takes is bounded, as far from z a log
  /// likelihood is.
  Eigen::MatrixXd curves(const std::vector<double>& z,
                         const Eigen::MatrixXd& offset) const {
    std::vector<SmallVector> part(visits_.size());
    for_states([&](std::size_t i) {
      const SmallMatrix h = inverse(i).inverse();
      for (std::size_t v = first_[i]; v < first_[i + 1]; ++v) {
        const int j = visits_[v].group;
        part[v] = curve(i, v, z, h, 1.0 / times_[j], offset.col(j)) +
                  visit_tilt_[v] * offset.col(j).array().tanh().matrix();
      }
    });
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(offset.rows(), offset.cols());
    for (std::size_t v = 0; v < visits_.size(); ++v) out.col(visits_[v].group) += part[v];
    return out;
  }

 private:
  void arrange(const PersonCounts& counts) {
    visits_ = visits_by_state(task_, Groups{{}, counts, {}, {}});
    for (std::size_t v = 0; v < visits_.size(); ++v) {
      const GroupVisit& visit = visits_[v];
      if (v == 0 || visit.state != visits_[v - 1].state) {
        first_.push_back(v);
        block_.push_back(blocks_);
        const std::size_t n = task_.n_actions(visit.state);
        blocks_ += n * n;
      }
      at_.push_back(count_.size());
      count_.resize(count_.size() + task_.n_actions(visit.state), 0.0);
      total_.push_back(0.0);
      for (int row = visit.begin; row < visit.end; ++row) {
        const int action = counts.pair[row] - task_.first_pair(visit.state);
        const double count = times_[visit.group] * counts.count[row];
        count_[at_[v] + action] += count;
        total_[v] += count;
      }
    }
    first_.push_back(visits_.size());
    inverse_.resize(blocks_);
    cross_.resize(count_.size());
    visit_gradient_.resize(visits_.size());
    visit_curvature_.resize(visits_.size());
    visit_tilt_.resize(visits_.size());
  }

  template <class Body>
  void for_states(const Body& body) const {
    for_chunks(runtime_.executor, states(), 16,
               [&](std::size_t, std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i) body(i);
               });
  }

  std::size_t states() const { return first_.size() - 1; }
  int state(std::size_t i) const { return visits_[first_[i]].state; }
  int actions(std::size_t i) const { return task_.n_actions(state(i)); }
  Eigen::Map<const SmallMatrix> inverse(std::size_t i) const {
    return {&inverse_[block_[i]], actions(i), actions(i)};
  }
  Eigen::Map<const SmallVector> cross(std::size_t v, int n) const {
    return {&cross_[at_[v]], n};
  }
  Chosen chosen(std::size_t v, double share = 1.0) const {
    return {&count_[at_[v]], total_[v], share};
  }
  SmallVector start(std::size_t i) const {
    return Eigen::Map<const SmallVector>(&q_[task_.first_pair(state(i))], actions(i));
  }

  void keep(std::size_t i, const SmallVector& q) {
    std::copy(q.data(), q.data() + q.size(), &q_[task_.first_pair(state(i))]);
  }

  double total(const std::vector<double>& part, const std::vector<double>& z) const {
    double sum = std::accumulate(part.begin(), part.end(), 0.0);
    for (std::size_t j = 0; j < z.size(); ++j) {
      const double t = (z[j] - mu_[j]) / sigma_;
      sum += times_[j] * (std::log(sigma_) + 0.5 * t * t);
    }
    return sum;
  }

  double objective(std::size_t i, const std::vector<double>& z, const SmallVector& q,
                   SmallVector& gradient, SmallMatrix& hessian) const {
    double value = 0.5 * q.squaredNorm() / variance_;
    gradient = q / variance_;
    hessian = SmallMatrix::Identity(q.size(), q.size()) / variance_;
    ChoiceTerm term;
    for (std::size_t v = first_[i]; v < first_[i + 1]; ++v) {
      const double beta = std::exp(z[visits_[v].group]);
      fill_term(q, chosen(v), beta, true, term);
      value += term.value;
      gradient += beta * term.slope;
      hessian += term.hessian;
    }
    return value;
  }

  /// f + 1/2 log det(v H) at the minimum; q and h come back from there.
  double solve(std::size_t i, const std::vector<double>& z, SmallVector& q,
               SmallMatrix& h) const {
    SmallVector g, next_g, next_q;
    SmallMatrix next_h;
    double value = objective(i, z, q, g, h);
    for (int round = 0; round < 50; ++round) {
      const SmallVector step = -h.llt().solve(g);
      const double slope = g.dot(step);
      if (!(slope < -1e-10)) break;
      double length = 1.0, next = kInfinity;
      for (; length > 1e-9; length *= 0.5) {
        next_q = q + length * step;
        next = objective(i, z, next_q, next_g, next_h);
        if (next <= value + 1e-4 * length * slope + 1e-12 * std::fabs(value)) break;
      }
      if (length <= 1e-9) break;
      value = next;
      q.swap(next_q);
      g.swap(next_g);
      h.swap(next_h);
    }
    const SmallMatrix factor = h.llt().matrixL();
    return value + factor.diagonal().array().log().sum() +
           0.5 * q.size() * std::log(variance_);
  }

  double linearise_state(std::size_t i, const std::vector<double>& z) {
    SmallVector q = start(i);
    SmallMatrix h;
    const double value = solve(i, z, q, h);
    const int n = actions(i);
    const SmallMatrix m = h.llt().solve(SmallMatrix::Identity(n, n));
    keep(i, q);
    std::copy(m.data(), m.data() + m.size(), &inverse_[block_[i]]);
    SmallVector by_q = SmallVector::Zero(n);  // of 1/2 log det H
    for (std::size_t v = first_[i]; v < first_[i + 1]; ++v)
      by_q += linearise_visit(v, z, q, m);
    const SmallVector pulled = m * by_q;
    const SmallVector around = SmallVector::LinSpaced(3, -kStep, kStep);
    for (std::size_t v = first_[i]; v < first_[i + 1]; ++v) {
      visit_gradient_[v] -= pulled.dot(cross(v, n));
      const double times = times_[visits_[v].group];
      SmallVector own = curve(i, v, z, h, 1.0, around);
      visit_curvature_[v] = (own[0] + own[2] - 2 * own[1]) / (kStep * kStep) +
                            cross(v, n).dot(m * cross(v, n));
      if (times > 1.0) own = curve(i, v, z, h, 1.0 / times, around);
      visit_tilt_[v] = visit_gradient_[v] / times - (own[2] - own[0]) / (2 * kStep);
    }
    return value;
  }

  /// A visit's part of the derivatives at one state; returns that of 1/2 log det H in
  /// the values.
  SmallVector linearise_visit(std::size_t v, const std::vector<double>& z,
                              const SmallVector& q, const SmallMatrix& m) {
    const double beta = std::exp(z[visits_[v].group]), weight = beta * beta * total_[v];
    ChoiceTerm term;
    fill_term(q, chosen(v), beta, false, term);
    const SmallVector& pi = term.pi;
    const SmallVector spread =
        pi.cwiseProduct(q - SmallVector::Constant(q.size(), pi.dot(q)));
    const SmallVector c = beta * term.slope + weight * spread;
    std::copy(c.data(), c.data() + c.size(), &cross_[at_[v]]);
    const double first = beta * term.slope.dot(q);
    const SmallVector w = m.diagonal() - 2.0 * m * pi;
    const double trace = m.diagonal().dot(pi) - pi.dot(m * pi);
    visit_gradient_[v] = first + weight * trace + 0.5 * weight * beta * w.dot(spread);
    return 0.5 * weight * beta *
           pi.cwiseProduct(w - SmallVector::Constant(q.size(), w.dot(pi)));
  }

  /// Of a share of those who visit alike, the others being quadratic; h: H of the state.
  SmallVector curve(std::size_t i, std::size_t v, const std::vector<double>& z,
                    const SmallMatrix& h, double share,
                    const SmallVector& offset) const {
    const int n = actions(i), middle = static_cast<int>(offset.size()) / 2;
    const SmallVector centre = start(i);
    const double z0 = z[visits_[v].group];
    ChoiceTerm own;
    fill_term(centre, chosen(v, share), std::exp(z0), true, own);
    const SmallMatrix others = h - own.hessian;
    const SmallVector pull = -std::exp(z0) * own.slope;
    SmallVector out(offset.size());
    for (const int sign : {-1, 1}) {
      SmallVector d = SmallVector::Zero(n);
      for (int k = middle; k >= 0 && k < offset.size(); k += sign)
        out[k] = tilted(v, std::exp(z0 + offset[k]), share, centre, others, pull, d);
    }
    return out;
  }

  /// min over d of pull'd + d'Od/2 + own(centre + d), and half the log det there.
  double tilted(std::size_t v, double beta, double share, const SmallVector& centre,
                const SmallMatrix& others, const SmallVector& pull, SmallVector& d) const {
    ChoiceTerm own;
    const auto value_at = [&](const SmallVector& x, bool curved) {
      fill_term(centre + x, chosen(v, share), beta, curved, own);
      return own.value + pull.dot(x) + 0.5 * x.dot(others * x);
    };
    Eigen::LLT<SmallMatrix> h;
    double value = value_at(d, true);
    for (int round = 0;; ++round) {
      h.compute(others + own.hessian);
      const SmallVector g = beta * own.slope + pull + others * d;
      const SmallVector step = -h.solve(g);
      const double slope = g.dot(step);
      if (!(slope < -kEnough) || round == 20) {
        d += step;
        return value + 0.5 * slope + h.matrixLLT().diagonal().array().log().sum();
      }
      double length = 1.0;
      const auto falls = [&] {
        return value_at(d + length * step, false) <= value + 1e-4 * length * slope;
      };
      while (length > 1e-6 && !falls()) length *= 0.5;
      d += length * step;
      value = value_at(d, true);
    }
  }

  static constexpr double kStep = 0.1;     // of log beta, in second differences
  static constexpr double kEnough = 1e-5;  // a gain that need not be looked up

  const Task& task_;
  View<double> times_;  // [J]
  Runtime runtime_;
  double variance_, sigma_ = 1.0, table_part_ = 0.0;
  std::vector<double> mu_;
  std::vector<GroupVisit> visits_;       // ordered by state
  std::vector<std::size_t> first_;       // [states + 1] first visit of a state
  std::vector<std::size_t> block_, at_;  // offsets of states' blocks, visits' rows
  std::size_t blocks_ = 0;
  std::vector<double> count_, total_;    // of visits
  std::vector<double> q_, inverse_, cross_, visit_gradient_, visit_curvature_;
  std::vector<double> visit_tilt_, diagonal_;
};

}  // namespace psyrl
