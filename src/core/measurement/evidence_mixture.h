// What persons are averaged over: draws of the shared values and of the population,
// and what is reported of them.
#pragma once

#include "core/measurement/evidence_model.h"

namespace psyrl {

/// Draws of what persons share, a column each.
struct SharedDraws {
  Eigen::MatrixXd q;             // [n_pairs x D] values
  Eigen::MatrixXd coefficients;  // [q x D] of the mean of z
  Vector sigma;                  // [D]

  SharedDraws() = default;
  SharedDraws(Eigen::Index n_pairs, Eigen::Index n_coefficients, Eigen::Index n)
      : q(n_pairs, n), coefficients(n_coefficients, n), sigma(n) {}

  void put(Eigen::Index d, const Vector& values, const Setting& at) {
    q.col(d) = values;
    coefficients.col(d) = at.coefficients;
    sigma[d] = at.sigma;
  }
  void put(Eigen::Index from, const SharedDraws& other) {
    q.middleCols(from, other.size()) = other.q;
    coefficients.middleCols(from, other.size()) = other.coefficients;
    sigma.segment(from, other.size()) = other.sigma;
  }
  /// Every `stride`-th.
  SharedDraws thinned(Eigen::Index stride) const {
    const Eigen::Index n = (size() + stride - 1) / stride;
    SharedDraws out(q.rows(), coefficients.rows(), n);
    for (Eigen::Index d = 0; d < n; ++d) {
      out.q.col(d) = q.col(d * stride);
      out.coefficients.col(d) = coefficients.col(d * stride);
      out.sigma[d] = sigma[d * stride];
    }
    return out;
  }
  int size() const { return static_cast<int>(q.cols()); }
  TraitPrior prior(const Eigen::MatrixXd& design, int d) const {
    return TraitPrior{design * coefficients.col(d), sigma[d]};
  }
};

/// Values and parameters reported, and the persons' posterior averaged over draws.
struct Mixture {
  Setting setting;
  Vector q, v, delta;  // delta: the residuals of q
  Table weight;        // [J x K]
  SharedDraws draws;
  Eigen::MatrixXd parameters;  // draws of what was estimated, a row each
  double loglik = 0.0;     // at the values and parameters reported
  double effective = 0.0;  // number of values

  bool known() const { return weight.size() > 0; }
};

/// Fills what follows from `setting` and `q`.
inline void report_values(const EvidenceData& data, Mixture& out) {
  const Setting& at = out.setting;
  const Vector reward = scaled_reward(data, at);
  Values values(data.task, data.order, data.spec.backup);
  if (data.spec.residual == Residual::reward) {
    values.place(out.q, at.discount, at.temperature);
    out.delta = values.reward() - reward;
  } else {
    values.solve(reward, at.discount, at.temperature);
    out.delta = out.q - values.q;
  }
  out.v = values.v;
  Posterior post;
  fill_posterior(data.people, data.nodes, trait_prior(data, at), out.q, data.run, post);
  out.loglik = post.loglik;
}

struct NewPersons {
  Table weight;   // [J x K]
  Vector loglik;  // [J] log p(choices)
};

/// Posterior of persons who were not in the fit: a mixture over the draws, each
/// counting by how well it predicts the person.
inline NewPersons new_persons(const EvidenceData& data, const SharedDraws& draws) {
  const int n = data.people.n_persons;
  NewPersons out{Table::Zero(n, data.nodes.size()), Vector::Constant(n, -kInfinity)};
  for (int d = 0; d < draws.size(); ++d) {
    Posterior post;
    fill_posterior(data.people, data.nodes, draws.prior(data.design, d),
                   draws.q.col(d), data.run, post);
    for (int j = 0; j < n; ++j) {
      const double top = std::max(out.loglik[j], post.person[j]);
      const double before = std::exp(out.loglik[j] - top);
      const double now = std::exp(post.person[j] - top);
      out.weight.row(j) =
          (before * out.weight.row(j) + now * post.weight.row(j)) / (before + now);
      out.loglik[j] = top + std::log(before + now);
    }
  }
  out.loglik.array() -= std::log(static_cast<double>(draws.size()));
  return out;
}

/// Probabilities of the pairs that `data.people` chose between, at every node,
/// averaged over the draws: [n_pairs of People x K].
inline Table mean_policies(const EvidenceData& data, const SharedDraws& draws) {
  Table out = Table::Zero(data.people.n_pairs(), data.nodes.size());
  for (int d = 0; d < draws.size(); ++d) {
    Posterior post;
    fill_all_policies(data.people, data.nodes, draws.q.col(d), data.run, post);
    out += post.pi;
  }
  return out / draws.size();
}

}  // namespace psyrl
