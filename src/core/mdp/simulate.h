// Simulated decisions: a person with decisiveness beta acts by
//
//   pi(a | s) = exp(beta Q(s, a)) / sum_a' exp(beta Q(s, a'))
//
// beta = Inf is greedy with ties shared, a negative beta avoids what is valued.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/numerics.h"
#include "core/base/require.h"
#include "core/base/rng.h"
#include "core/mdp/task.h"

namespace psyrl {

/// Decisions, a row each; filled person by person.
struct SimulatedLog {
  std::vector<int> person, episode, step;  // 0-based
  std::vector<int> pair;                   // of the task
  std::vector<int> transition;             // index into the task's next states
  std::vector<char> done;                  // last decision of its episode
  std::vector<char> truncated;             // ... because time ran out
};

/// Name of a person as index of a random stream (FNV-1a): what is drawn for a
/// person depends on the name alone, not on who else there is.
inline std::uint64_t stream_index(const std::string& name) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (unsigned char c : name) hash = (hash ^ c) * 1099511628211ULL;
  return hash;
}

class Simulator {
 public:
  /// `q` is [n_pairs]; `starts` are states that an episode may begin in, with
  /// equal probability.
  Simulator(const Task& task, View<double> q, View<int> starts, int episodes,
            int max_steps)
      : task_(task), q_(q), starts_(starts), episodes_(episodes),
        max_steps_(max_steps) {
    require(static_cast<int>(q.size()) == task.n_pairs(), "q has a value a pair");
    require(!starts.empty(), "there is a state to start in");
  }

  /// Appends all episodes of one person to `log`.
  void add_person(int person, double beta, Stream stream, SimulatedLog& log) {
    for (int episode = 0; episode < episodes_; ++episode) {
      int s = starts_[uniform_index(static_cast<int>(starts_.size()), stream)];
      for (int step = 0; step < max_steps_ && !task_.terminal(s); ++step) {
        const int p = choose(s, beta, stream);
        const int k = follow(p, stream);
        s = task_.next_state[k];
        const bool over = task_.terminal(s);
        const bool late = !over && step + 1 == max_steps_;
        log.person.push_back(person);
        log.episode.push_back(episode);
        log.step.push_back(step);
        log.pair.push_back(p);
        log.transition.push_back(k);
        log.done.push_back(over || late);
        log.truncated.push_back(late);
      }
    }
  }

 private:
  static int uniform_index(int n, Stream& stream) {
    return n == 1 ? 0 : static_cast<int>(stream.uniform() * n);
  }

  int choose(int s, double beta, Stream& stream) {
    const int n = task_.n_actions(s);
    const int first = task_.first_pair(s);
    if (n == 1) return first;
    const double sign = beta < 0.0 ? -1.0 : 1.0;
    signed_q_.resize(n);
    policy_.resize(n);
    for (int i = 0; i < n; ++i) signed_q_[i] = sign * q_[first + i];
    softmax(signed_q_.data(), n, sign * beta, policy_.data());
    return first + stream.categorical(policy_.data(), n);
  }

  int follow(int p, Stream& stream) const {
    const int first = task_.next_start[p];
    const int n = task_.next_start[p + 1] - first;
    return n == 1 ? first : first + stream.categorical(&task_.probability[first], n);
  }

  const Task& task_;
  View<double> q_;
  View<int> starts_;
  int episodes_;
  int max_steps_;
  std::vector<double> signed_q_;
  std::vector<double> policy_;
};

}  // namespace psyrl
