// One person's posterior by importance sampling: batches of draws, each around what
// those before have found (proposal.h).
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <vector>

#include "core/learning/person_fit.h"
#include "core/learning/proposal.h"

namespace psyrl {
namespace learning {

/// N(mean, covariance), a person's prior.
struct GroupNormal {
  Eigen::VectorXd mean;
  const Eigen::MatrixXd& covariance;
  const Eigen::MatrixXd& precision;
};

class PersonDraws {
 public:
  /// Where the first draws are made.
  void start(const Posterior& around) { centre_ = around; }
  const DrawPool& pool() const { return pool_; }

  /// `pairs` of draws around a mode that others may have missed.
  void visit(const Engine& engine, const Trials& trials, const GroupNormal& group,
             const Posterior& around, int pairs, Stream& stream) {
    pool_.add(Proposal(around, group.mean, group.covariance), pairs, stream,
              [&](const Eigen::VectorXd& u) {
                return engine.value(trials, u.data(), Scale::link);
              });
  }

  /// `pairs` of mirrored draws more; several times that where they hardly count.
  void draw(const Engine& engine, const Trials& trials, const GroupNormal& group, int pairs,
            Stream& stream) {
    for (int attempt = 0; attempt < 4; ++attempt) {
      learn_centre(group);
      // A little of the group's spread keeps proposals from collapsing onto few draws.
      Posterior around = centre_;
      around.covariance += 0.02 * group.covariance;
      visit(engine, trials, group, around, pairs, stream);
      const DrawPool::Weights w =
          pool_.weigh(group.mean, group.precision, DrawPool::all);
      if (w.effective() > least(group)) break;
    }
  }

 private:
  /// Moves the proposal to the moments of all draws so far, as far as they are known.
  void learn_centre(const GroupNormal& group) {
    if (pool_.size() == 0) return;
    DrawPool::Weights w = pool_.weigh(group.mean, group.precision, DrawPool::all);
    DrawPool::temper(w, least(group));
    const Posterior now = DrawPool::moments(w, group.mean);
    const double trust = now.effective / (now.effective + least(group));
    centre_.mean += trust * (now.mean - centre_.mean);
    centre_.covariance += trust * (now.covariance - centre_.covariance);
  }

  /// What moments of a posterior need to be known.
  static double least(const GroupNormal& group) {
    return 5.0 * static_cast<double>(group.mean.size());
  }

  DrawPool pool_;
  Posterior centre_;
};

/// Where sampling starts: a person's mode, and a spread within the group's.
inline Posterior around_mode(const PersonFit& person, const Eigen::MatrixXd& precision) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(person.curvature);
  const Eigen::MatrixXd curvature = eigen.eigenvectors() *
      eigen.eigenvalues().cwiseMax(0.0).asDiagonal() * eigen.eigenvectors().transpose();
  const int d = static_cast<int>(person.mode.size());
  return {person.mode,
          (curvature + precision).llt().solve(Eigen::MatrixXd::Identity(d, d)), 0.0};
}

/// The posterior's mean in the place of the mode, and the curvature that has its
/// covariance; the evidence is the objective.
inline PersonFit posterior_fit(const Engine& engine, const Trials& trials,
                               const Posterior& posterior, double log_evidence,
                               const Eigen::MatrixXd& precision) {
  const int d = engine.size();
  PersonFit fit;
  fit.mode = posterior.mean;
  fit.gradient = Eigen::VectorXd::Zero(d);
  fit.log_lik = engine.value(trials, fit.mode.data(), Scale::link);
  fit.objective = log_evidence;
  fit.curvature =
      posterior.covariance.llt().solve(Eigen::MatrixXd::Identity(d, d)) - precision;
  fit.status = Status::converged;
  return fit;
}

/// A person under a group that is known: small batches tell where the last, of all
/// `draws`, is made.
inline PersonFit sample_person(const Engine& engine, const Trials& trials,
                               const GroupNormal& group, const PersonFit& start, int draws,
                               Stream stream) {
  PersonDraws sampler;
  sampler.start(around_mode(start, group.precision));
  for (const double share : {.06, .06, .1, .2, 1.0})
    sampler.draw(engine, trials, group, std::max(10, static_cast<int>(0.5 * share * draws)),
                 stream);
  const DrawPool::Weights w =
      sampler.pool().weigh(group.mean, group.precision, DrawPool::batch);
  return posterior_fit(engine, trials, DrawPool::moments(w, group.mean), w.log_integral(),
                       group.precision);
}

}  // namespace learning
}  // namespace psyrl
