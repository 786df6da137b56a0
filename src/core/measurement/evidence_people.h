// The people of the evidence model: what they chose, and the likelihood of values
// Q with every person's trait integrated out on one grid of nodes.
//
//   l_jk = sum_p n_j(p) log pi_k(p),   pi_k(a|s) = softmax(exp(z_k) Q(s, .))
//   loglik = sum_j log sum_k exp(l_jk + log h + log N(z_k; x_j'g, sigma^2))
//   G(p) = -dloglik/dQ(p) = sum_k beta_k [ M_k(s) pi_k(p) - M_k(p) ],
//   M_k = sum_j w_jk n_j,   w_jk the posterior weight of node k
//
// Only states with two or more legal actions that somebody visited matter; their
// pairs are renumbered 0..n_choice_pairs-1. A visit is a (state, person); visits
// are kept by state, so that sums over persons run in a fixed order on any number
// of threads. The source of G is Fisher's identity.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/numerics.h"
#include "core/base/view.h"
#include "core/measurement/counts.h"
#include "core/measurement/sweeps.h"
#include "core/mdp/task.h"

namespace psyrl {

using Table = Eigen::Array<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Row = Eigen::Array<double, 1, Eigen::Dynamic>;

/// Counts at states that offer a choice, by state and then by person.
struct People {
  int n_persons = 0;
  std::vector<int> state;         // [C] the choice states, ascending
  std::vector<int> first;         // [C + 1] offsets of their pairs, renumbered
  std::vector<int> pair;          // [first[C]] number of the pair in the task
  std::vector<int> visit_start;   // [C + 1] offsets of their visits
  std::vector<int> visit_person;  // [V]
  std::vector<int> visit_state;   // [V] index of the choice state
  std::vector<int> entry;         // [V + 1] offsets of visits in `count`
  std::vector<double> count;      // n_actions(state) numbers a visit
  std::vector<double> total;      // [V] their sum
  std::vector<int> person_start;  // [J + 1] offsets of persons in `person_visit`
  std::vector<int> person_visit;  // [V] visits by person

  int n_states() const { return static_cast<int>(state.size()); }
  int n_pairs() const { return static_cast<int>(pair.size()); }
  int n_visits() const { return static_cast<int>(visit_person.size()); }
  int n_actions(int c) const { return first[c + 1] - first[c]; }
};

namespace detail {

/// Choice states in order, and the index of every task state among them or -1.
inline std::vector<int> find_choice_states(const Task& task, const PersonCounts& data,
                                           const std::vector<int>& state_of,
                                           People& people) {
  std::vector<int> index(task.n_states(), -1);
  for (int p : data.pair)
    if (task.n_actions(state_of[p]) > 1) index[state_of[p]] = 0;
  people.first.push_back(0);
  for (int s = 0; s < task.n_states(); ++s) {
    if (index[s] < 0) continue;
    index[s] = people.n_states();
    people.state.push_back(s);
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p)
      people.pair.push_back(p);
    people.first.push_back(people.n_pairs());
  }
  return index;
}

/// Persons with their choice states, each (state, person) once: the pairs of a
/// person ascend, so equal states follow each other.
inline std::vector<std::vector<int>> visitors(const PersonCounts& data,
                                              const std::vector<int>& state_of,
                                              const std::vector<int>& index, int n) {
  std::vector<std::vector<int>> out(n);
  for (int j = 0; j < data.n_persons(); ++j)
    for (int i = data.person_start[j]; i < data.person_start[j + 1]; ++i) {
      const int c = index[state_of[data.pair[i]]];
      if (c >= 0 && (out[c].empty() || out[c].back() != j)) out[c].push_back(j);
    }
  return out;
}

inline void index_visits_by_person(People& people) {
  people.person_start.assign(people.n_persons + 1, 0);
  for (int j : people.visit_person) ++people.person_start[j + 1];
  for (int j = 0; j < people.n_persons; ++j)
    people.person_start[j + 1] += people.person_start[j];
  std::vector<int> next(people.person_start.begin(), people.person_start.end() - 1);
  people.person_visit.resize(people.n_visits());
  for (int v = 0; v < people.n_visits(); ++v)
    people.person_visit[next[people.visit_person[v]]++] = v;
}

/// Both lists go by state within person, so a merge fills the counts.
inline void fill_counts(const Task& task, const PersonCounts& data,
                        const std::vector<int>& state_of, const std::vector<int>& index,
                        People& people) {
  for (int j = 0; j < people.n_persons; ++j) {
    int at = people.person_start[j];
    for (int i = data.person_start[j]; i < data.person_start[j + 1]; ++i) {
      const int p = data.pair[i], s = state_of[p];
      if (index[s] < 0) continue;
      while (people.visit_state[people.person_visit[at]] != index[s]) ++at;
      const int v = people.person_visit[at];
      people.count[people.entry[v] + p - task.state_start[s]] += data.count[i];
      people.total[v] += data.count[i];
    }
  }
}

}  // namespace detail

inline People arrange(const Task& task, const PersonCounts& data) {
  People people;
  people.n_persons = data.n_persons();
  const std::vector<int> state_of = state_of_pair(task);
  const std::vector<int> index = detail::find_choice_states(task, data, state_of, people);
  const auto who = detail::visitors(data, state_of, index, people.n_states());
  people.visit_start.push_back(0);
  people.entry.push_back(0);
  for (int c = 0; c < people.n_states(); ++c) {
    for (int j : who[c]) {
      people.visit_person.push_back(j);
      people.visit_state.push_back(c);
      people.entry.push_back(people.entry.back() + people.n_actions(c));
    }
    people.visit_start.push_back(people.n_visits());
  }
  people.count.assign(people.entry.back(), 0.0);
  people.total.assign(people.n_visits(), 0.0);
  detail::index_visits_by_person(people);
  detail::fill_counts(task, data, state_of, index, people);
  return people;
}

/// Nodes begin..end-1.
struct NodeRange {
  int begin, end;
  int size() const { return end - begin; }
};

/// Equally spaced nodes of the trait.
struct Nodes {
  Row z, beta;
  double spacing = 0.0;

  Nodes() = default;
  Nodes(double from, double to, int n)
      : z(Row::LinSpaced(n, from, to)), beta(z.exp()), spacing((to - from) / (n - 1)) {}
  int size() const { return static_cast<int>(z.size()); }
  NodeRange all() const { return {0, size()}; }
};

/// z_j ~ N(mean_j, sigma^2).
struct TraitPrior {
  Vector mean;  // [J]
  double sigma = 1.0;
};

/// Chunks of persons and states: fixed by the data, large enough that small
/// problems stay on one thread.
constexpr int kPersonChunk = 64;
constexpr int kStateChunk = 256;

/// What people do at the nodes, and who is where on the grid. A state has policies at the
/// nodes where somebody who was there may be, so that the many states that few people
/// visit cost little.
class Posterior {
 public:
  std::vector<NodeRange> filled;  // [C] nodes at which the next two are known
  Table pi;           // [n_choice_pairs x K]
  Table log_sum;      // [C x K] log sum_a exp(beta_k gap_a)
  Vector gap;         // [n_choice_pairs] Q(p) - max_a Q(s, a)
  Table weight;       // [J x K] posterior of the nodes
  Vector person;      // [J] log p(choices of j)
  Vector mean, var;   // [J] posterior moments of z
  std::vector<NodeRange> window;  // [J] nodes with weight above 1e-13
  double loglik = 0.0;
};

inline void fill_policies(const People& people, const Nodes& nodes,
                          std::vector<NodeRange> at, const Vector& q, const Runtime& run,
                          Posterior& out) {
  out.filled = std::move(at);
  out.pi.resize(people.n_pairs(), nodes.size());
  out.log_sum.resize(people.n_states(), nodes.size());
  out.gap.resize(people.n_pairs());
  for_chunks(run.executor, people.n_states(), kStateChunk,
             [&](std::size_t, std::size_t from, std::size_t to) {
    for (std::size_t c = from; c < to; ++c) {
      const NodeRange here = out.filled[c];
      const int first = people.first[c], n = people.n_actions(c);
      const auto beta = nodes.beta.segment(here.begin, here.size());
      auto pi = out.pi.block(first, here.begin, n, here.size());
      auto sum = out.log_sum.row(c).segment(here.begin, here.size());
      auto gap = out.gap.segment(first, n);
      for (int a = 0; a < n; ++a) gap[a] = q[people.pair[first + a]];
      int best;
      gap.array() -= gap.maxCoeff(&best);
      // Row by row: rowwise() is not vectorised.
      sum.setOnes();  // of the best
      for (int a = 0; a < n; ++a) {
        if (a == best) continue;
        pi.row(a) = (gap[a] * beta).exp();
        sum += pi.row(a);
      }
      pi.row(best) = sum.inverse();
      for (int a = 0; a < n; ++a)
        if (a != best) pi.row(a) *= pi.row(best);
      sum = sum.log();
    }
  });
}

inline void fill_all_policies(const People& people, const Nodes& nodes, const Vector& q,
                              const Runtime& run, Posterior& out) {
  const std::vector<NodeRange> all(people.n_states(), nodes.all());
  fill_policies(people, nodes, all, q, run, out);
}

/// log h + log N(z_k; mean, sigma^2).
inline Row log_prior(const Nodes& nodes, double mean, double sigma) {
  return -0.5 * ((nodes.z - mean) / sigma).square() +
         (std::log(nodes.spacing / sigma) - 0.91893853320467274);
}

/// l_jk of one person at nodes, without the prior.
inline Row person_loglik(const People& people, const Nodes& nodes, const Posterior& post,
                         int j, NodeRange at) {
  Row sum = Row::Zero(at.size());
  double gap = 0.0;
  for (int i = people.person_start[j]; i < people.person_start[j + 1]; ++i) {
    const int v = people.person_visit[i], c = people.visit_state[v];
    const int first = people.first[c], entry = people.entry[v];
    for (int a = 0; a < people.n_actions(c); ++a)
      gap += people.count[entry + a] * post.gap[first + a];
    sum -= people.total[v] * post.log_sum.row(c).segment(at.begin, at.size());
  }
  return sum + gap * nodes.beta.segment(at.begin, at.size());
}

/// Normalises a row of log weights in place and returns its log sum.
inline double normalise(Eigen::Ref<Row> x) {
  const double top = x.maxCoeff();
  x = (x - top).exp();
  const double sum = x.sum();
  x /= sum;
  return top + std::log(sum);
}

inline NodeRange nodes_that_matter(const Row& weight) {
  NodeRange out{0, static_cast<int>(weight.size())};
  while (out.size() > 1 && weight[out.begin] < 1e-13) ++out.begin;
  while (out.size() > 1 && weight[out.end - 1] < 1e-13) --out.end;
  return out;
}

/// Posterior of person j into `w`, from policies at nodes `at`; returns log p(choices of
/// j), NaN where these nodes do not hold the weight.
inline double person_posterior(const People& people, const Nodes& nodes, const Row& prior,
                               const Posterior& post, int j, NodeRange at, Row& w) {
  Row part = person_loglik(people, nodes, post, j, at) + prior.segment(at.begin, at.size());
  const double log_p = normalise(part);
  w.setZero(nodes.size());
  w.segment(at.begin, at.size()) = part;
  const bool left = (at.begin > 0 && part[0] > 1e-12) ||
                    (at.end < nodes.size() && part[part.size() - 1] > 1e-12);
  return left ? NAN : log_p;
}

/// Nodes where persons may be at nearby values; all where nothing is known.
inline std::vector<NodeRange> nodes_near(const People& people, const Nodes& nodes,
                                         const Posterior& post) {
  constexpr int margin = 4;
  std::vector<NodeRange> out(people.n_persons, nodes.all());
  for (std::size_t j = 0; j < post.window.size(); ++j)
    out[j] = {std::max(0, post.window[j].begin - margin),
              std::min(nodes.size(), post.window[j].end + margin)};
  return out;
}

/// Of all who were there, by choice state.
inline std::vector<NodeRange> nodes_of_visitors(const People& people,
                                                const std::vector<NodeRange>& near) {
  std::vector<NodeRange> out;
  for (int c = 0; c < people.n_states(); ++c) {
    NodeRange all = near[people.visit_person[people.visit_start[c]]];
    for (int v = people.visit_start[c] + 1; v < people.visit_start[c + 1]; ++v) {
      const NodeRange& one = near[people.visit_person[v]];
      all = {std::min(all.begin, one.begin), std::max(all.end, one.end)};
    }
    out.push_back(all);
  }
  return out;
}

/// From policies at the nodes `near` persons.
inline void fill_weights(const People& people, const Nodes& nodes, const TraitPrior& prior,
                         const std::vector<NodeRange>& near, const Runtime& run,
                         Posterior& out) {
  const int n = people.n_persons;
  out.window.resize(n);
  out.weight.resize(n, nodes.size());
  out.person.resize(n);
  out.mean.resize(n);
  out.var.resize(n);
  for_chunks(run.executor, n, kPersonChunk,
             [&](std::size_t, std::size_t from, std::size_t to) {
    Row w;
    for (std::size_t j = from; j < to; ++j) {
      const Row at_nodes = log_prior(nodes, prior.mean[j], prior.sigma);
      out.person[j] = person_posterior(people, nodes, at_nodes, out, j, near[j], w);
      out.mean[j] = (w * nodes.z).sum();
      out.var[j] = (w * (nodes.z - out.mean[j]).square()).sum();
      out.window[j] = nodes_that_matter(w);
      out.weight.row(j) = w;
    }
  });
  out.loglik = out.person.sum();
}

/// M_k of a choice state, at the nodes where it has policies.
inline Row visitors_mass(const People& people, const Posterior& post, int c) {
  const NodeRange at = post.filled[c];
  Row out = Row::Zero(at.size());
  for (int v = people.visit_start[c]; v < people.visit_start[c + 1]; ++v) {
    const int j = people.visit_person[v];
    const NodeRange in = post.window[j];
    out.segment(in.begin - at.begin, in.size()) +=
        people.total[v] * post.weight.row(j).segment(in.begin, in.size());
  }
  return out;
}

/// G = d(-loglik)/dQ, [n_pairs of the task].
inline Vector value_gradient(const People& people, const Nodes& nodes,
                             const Posterior& post, int n_pairs, const Runtime& run) {
  Vector g = Vector::Zero(n_pairs);
  const Vector mean_beta = (post.weight.rowwise() * nodes.beta).rowwise().sum();
  for_chunks(run.executor, people.n_states(), kStateChunk,
             [&](std::size_t, std::size_t from, std::size_t to) {
    for (std::size_t c = from; c < to; ++c) {
      const NodeRange at = post.filled[c];
      const int first = people.first[c], n = people.n_actions(c);
      const Row weight =
          visitors_mass(people, post, c) * nodes.beta.segment(at.begin, at.size());
      for (int a = 0; a < n; ++a)
        g[people.pair[first] + a] +=
            (weight * post.pi.row(first + a).segment(at.begin, at.size())).sum();
      for (int v = people.visit_start[c]; v < people.visit_start[c + 1]; ++v)
        for (int a = 0; a < n; ++a)
          g[people.pair[first] + a] -=
              mean_beta[people.visit_person[v]] * people.count[people.entry[v] + a];
    }
  });
  return g;
}

/// E-step at values q: policies, posterior weights, log likelihood.
inline void fill_posterior(const People& people, const Nodes& nodes,
                           const TraitPrior& prior, const Vector& q,
                           const Runtime& run, Posterior& out) {
  const bool known = !out.window.empty();
  const std::vector<NodeRange> near = nodes_near(people, nodes, out);
  fill_policies(people, nodes, nodes_of_visitors(people, near), q, run, out);
  fill_weights(people, nodes, prior, near, run, out);
  if (!known || !std::isnan(out.loglik)) return;
  out.window.clear();
  fill_posterior(people, nodes, prior, q, run, out);
}

}  // namespace psyrl
