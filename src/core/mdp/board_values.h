// Exact values of boards too large to be laid out, in order of the codes of their
// positions.
//
//   W(x) = discount * V(x)                      worth of arriving at x, in all but the
//        = reward of a game that ends at x      reward of the jump itself
//   Q(x, jump) = reward of a jump + W(x after the jump)
//
// solved backward, from positions with few pegs to those with many.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/mdp/backup.h"
#include "core/mdp/board_links.h"
#include "core/mdp/board_positions.h"

namespace psyrl {

struct BoardSettings {
  PegRewards rewards;
  double discount = 0.99, temperature = 0.0;
  Backup backup = Backup::soft;
};

inline double end_reward(const PegRewards& rewards, int pegs) {
  return pegs == 1 ? rewards.solved : rewards.peg * (pegs - 1);
}

/// W of every position, in the order of `BoardPositions::index()`.
class BoardValues {
 public:
  BoardValues(const BoardPositions& positions, const BoardSettings& settings,
              const Runtime& runtime)
      : positions_(positions), settings_(settings), worth_(positions.size()) {
    for (int pegs = 1; pegs <= 64 && complete_; ++pegs) {
      const auto& codes = positions.with_pegs(pegs);
      for_chunks(runtime.executor, codes.size(), 4096,
                 [&](std::size_t, std::size_t begin, std::size_t end) {
                   for (std::size_t i = begin; i < end; ++i) solve(codes[i], pegs);
                 });
      complete_ = !runtime.monitor.interrupted();
    }
  }

  /// The same numbers, several times as fast.
  BoardValues(const BoardPositions& positions, const BoardLinks& links,
              const BoardSettings& settings, const Runtime& runtime)
      : positions_(positions), settings_(settings), worth_(positions.size()) {
    std::vector<double> worth(positions.size());  // in the order of the links
    for (int pegs = 1; pegs <= 64 && complete_; ++pegs) {
      const std::uint32_t first = links.first(pegs);
      for_chunks(runtime.executor, positions.with_pegs(pegs).size(), 4096,
                 [&](std::size_t, std::size_t begin, std::size_t end) {
                   double q[LegalJumps::kMost];
                   for (std::size_t k = first + begin; k < first + end; ++k) {
                     const auto i = static_cast<std::uint32_t>(k);
                     const int n = links.n_jumps(i);
                     for (int j = 0; j < n; ++j)
                       q[j] = settings_.rewards.jump + worth[links.next(i)[j]];
                     worth_[links.index(i)] = worth[i] = worth_of(q, n, pegs);
                   }
                 });
      complete_ = !runtime.monitor.interrupted();
    }
  }

  bool complete() const { return complete_; }
  const BoardSettings& settings() const { return settings_; }

  /// Root mean square of the centred Q over the decisions of somebody who plays at
  /// random from one of `starts`: sums over the rest of a game, backward.
  double play_rms(const std::vector<Position>& starts, const Runtime& runtime) const {
    std::vector<Rest> rest(worth_.size());
    for (int pegs = 1; pegs <= 64; ++pegs) {
      const auto& codes = positions_.with_pegs(pegs);
      for_chunks(runtime.executor, codes.size(), 4096,
                 [&](std::size_t, std::size_t begin, std::size_t end) {
                   for (std::size_t i = begin; i < end; ++i) add_rest(codes[i], rest);
                 });
    }
    Rest sum;
    for (Position x : starts) {
      const PositionCode& code = positions_.code();
      const Rest& at = rest[positions_.index(PositionCode::least(code.images(x)))];
      sum.squares += at.squares;
      sum.decisions += at.decisions;
    }
    return std::sqrt(sum.squares / sum.decisions);
  }

  /// The legal jumps of x and their Q; returns how many.
  int values(Position x, int* jump, double* q) const {
    std::uint32_t next[LegalJumps::kMost];
    const int n = positions_.follow(x, jump, next);
    // One after the other, so that waits for memory overlap.
    std::size_t place[LegalJumps::kMost];
    for (int i = 0; i < n; ++i) place[i] = positions_.index(next[i]);
    for (int i = 0; i < n; ++i) q[i] = settings_.rewards.jump + worth_[place[i]];
    return n;
  }

 private:
  // Expected over the rest of a game played at random.
  struct Rest {
    double squares = 0.0, decisions = 0.0;
  };

  void add_rest(std::uint32_t code, std::vector<Rest>& rest) const {
    int jump[LegalJumps::kMost];
    std::uint32_t next[LegalJumps::kMost];
    double q[LegalJumps::kMost];
    const int n = positions_.follow(positions_.code().position(code), jump, next);
    if (n == 0) return;
    Rest sum;
    double mean = 0.0;
    for (int i = 0; i < n; ++i) {
      const std::size_t place = positions_.index(next[i]);
      sum.squares += rest[place].squares;
      sum.decisions += rest[place].decisions;
      mean += (q[i] = worth_[place]) / n;
    }
    for (int i = 0; i < n; ++i) sum.squares += (q[i] - mean) * (q[i] - mean);
    rest[positions_.index(code)] = {sum.squares / n, 1.0 + sum.decisions / n};
  }

  // W of a position whose n jumps are worth q.
  double worth_of(const double* q, int n, int pegs) const {
    if (n == 0) return end_reward(settings_.rewards, pegs);
    return settings_.discount * back_up(q, n, settings_.temperature, settings_.backup);
  }

  void solve(std::uint32_t code, int pegs) {
    int jump[LegalJumps::kMost];
    double q[LegalJumps::kMost];
    const int n = values(positions_.code().position(code), jump, q);
    worth_[positions_.index(code)] = worth_of(q, n, pegs);
  }

  const BoardPositions& positions_;
  BoardSettings settings_;
  std::vector<double> worth_;
  bool complete_ = true;
};

}  // namespace psyrl
