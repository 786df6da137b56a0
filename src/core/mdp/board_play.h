// What is done on a board whose positions are not laid out: games are played, and the
// positions of a log become a task of their own.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/numerics.h"
#include "core/base/rng.h"
#include "core/mdp/board_values.h"
#include "core/mdp/simulate.h"

namespace psyrl {

/// Positions in the order in which they are first met.
class PositionNumbers {
 public:
  int operator()(Position x) {
    const auto found = number_.emplace(x, static_cast<int>(position.size()));
    if (found.second) position.push_back(x);
    return found.first->second;
  }
  /// -1: never met.
  int find(Position x) const {
    const auto found = number_.find(x);
    return found == number_.end() ? -1 : found->second;
  }
  std::vector<Position> position;

 private:
  std::unordered_map<Position, int> number_;
};

/// Reward of a jump that leads to `after`.
inline double jump_reward(const PegRewards& rewards, Position after, bool dead_end) {
  return rewards.jump + (dead_end ? end_reward(rewards, count_pegs(after)) : 0.0);
}

/// Positions, their legal jumps, and where these lead: to one of the positions or, -1,
/// beyond.
struct BoardRegion {
  std::vector<int> state_start{0};  // [n_states + 1]
  std::vector<int> jump, next;      // [n_pairs]
  std::vector<double> reward;       // [n_pairs] of the jump itself
  std::vector<Position> after;      // [n_pairs]
};

inline BoardRegion lay_out(const PegBoard& board, const std::vector<Position>& states) {
  const std::vector<Jump> jumps = board.jumps();
  const LegalJumps legal(jumps);
  PositionNumbers number;
  for (Position x : states) number(x);
  BoardRegion region;
  int jump[LegalJumps::kMost], unused[LegalJumps::kMost];
  for (Position x : states) {
    const int n = legal(x, jump);
    for (int i = 0; i < n; ++i) {
      const Position after = jumps[jump[i]].apply(x);
      region.jump.push_back(jump[i]);
      region.next.push_back(number.find(after));
      region.after.push_back(after);
      region.reward.push_back(
          jump_reward(board.rewards, after, legal(after, unused) == 0));
    }
    region.state_start.push_back(static_cast<int>(region.jump.size()));
  }
  return region;
}

/// Decisions in games, a row each; filled person by person.
struct BoardLog {
  std::vector<int> person, episode, step;  // 0-based
  std::vector<int> state, jump, next;      // states numbered as they are met
  std::vector<double> reward;
  std::vector<char> done, truncated;
  PositionNumbers positions;
};

class BoardPlayer {
 public:
  BoardPlayer(const PegBoard& board, int episodes, int max_steps)
      : board_(board), jumps_(board.jumps()), legal_(jumps_), episodes_(episodes),
        max_steps_(max_steps) {}

  const std::vector<Jump>& jumps() const { return jumps_; }
  const LegalJumps& legal() const { return legal_; }

  /// Appends all games of one person, who acts by exp(beta Q); `values(x, jump, q)`
  /// gives the legal jumps of a position and their Q, and returns how many.
  template <class Values>
  void add_person(int person, double beta, const Values& values, Stream stream,
                  BoardLog& log) const {
    int jump[LegalJumps::kMost], unused[LegalJumps::kMost];
    double q[LegalJumps::kMost], policy[LegalJumps::kMost];
    for (int episode = 0; episode < episodes_; ++episode) {
      Position x = first(stream);
      int n = values(x, jump, q);
      for (int step = 0; step < max_steps_ && n > 0; ++step) {
        for (int i = 0; beta < 0.0 && i < n; ++i) q[i] = -q[i];
        softmax(q, n, std::abs(beta), policy);
        const int chosen = jump[n == 1 ? 0 : stream.categorical(policy, n)];
        const Position after = jumps_[chosen].apply(x);
        const bool over = legal_(after, unused) == 0;
        const bool late = !over && step + 1 == max_steps_;
        log.person.push_back(person);
        log.episode.push_back(episode);
        log.step.push_back(step);
        log.state.push_back(log.positions(x));
        log.jump.push_back(chosen);
        log.next.push_back(log.positions(after));
        log.reward.push_back(jump_reward(board_.rewards, after, over));
        log.done.push_back(over || late);
        log.truncated.push_back(late);
        x = after;
        n = over || late ? 0 : values(x, jump, q);
      }
    }
  }

 private:
  Position first(Stream& stream) const {
    const std::size_t n = board_.starts.size();
    return board_.starts[n == 1 ? 0 : static_cast<std::size_t>(stream.uniform() * n)];
  }

  const PegBoard& board_;
  std::vector<Jump> jumps_;
  LegalJumps legal_;
  int episodes_, max_steps_;
};

}  // namespace psyrl
