// Exact values of boards too large to be laid out: positions up to symmetry in a
// table of bits, their values in order of their codes, jumps made anew whenever they
// are needed.
//
//   W(x) = discount * V(x)                      worth of arriving at x, in all but the
//        = reward of a game that ends at x      reward of the jump itself
//   Q(x, jump) = reward of a jump + W(x after the jump)
//
// solved backward, from positions with few pegs to those with many.
#pragma once

#include <bitset>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/base/monitor.h"
#include "core/mdp/backup.h"
#include "core/mdp/legal_jumps.h"
#include "core/mdp/position_code.h"

namespace psyrl {

/// The set of positions that can be reached, up to symmetry.
class BoardPositions {
 public:
  enum : std::size_t { kMaxPositions = 50000000 };

  BoardPositions(const PegBoard& board, const Monitor& monitor)
      : code_(board), legal_(board.jumps()), levels_(65) {
    if (!code_.short_enough()) return;
    for (const Jump& jump : board.jumps()) moves_.push_back(code_.moves(jump));
    words_.resize((std::size_t{1} << code_.n_bits()) / 64 + 1);
    for (Position start : board.starts) add(PositionCode::least(code_.images(start)));
    int jump[LegalJumps::kMost];
    std::uint32_t next[LegalJumps::kMost];
    for (int pegs = 64; pegs > 0; --pegs)
      for (std::size_t i = 0; i < levels_[pegs].size(); ++i) {
        if (n_positions_ > kMaxPositions) return;
        if (i % 65536 == 0 && monitor.interrupted()) return;
        const int n = follow(code_.position(levels_[pegs][i]), jump, next);
        n_moves_ += n;
        for (int k = 0; k < n; ++k) add(next[k]);
      }
    number();
    complete_ = true;
  }

  /// False: there are too many, or the user interrupted.
  bool complete() const { return complete_; }
  std::size_t size() const { return n_positions_; }
  double n_moves() const { return static_cast<double>(n_moves_); }
  const PositionCode& code() const { return code_; }
  /// Codes of the positions with so many pegs.
  const std::vector<std::uint32_t>& with_pegs(int pegs) const { return levels_[pegs]; }

  /// The legal jumps of x and the codes they lead to; returns how many.
  int follow(Position x, int* jump, std::uint32_t* next) const {
    const PositionCode::Images images = code_.images(x);
    const int n = legal_(x, jump);
    for (int i = 0; i < n; ++i) next[i] = PositionCode::least(images, moves_[jump[i]]);
    return n;
  }

  /// Place of a code among the codes of all positions.
  std::size_t index(std::uint32_t code) const {
    const Word& word = words_[code >> 6];
    const std::uint64_t below = (std::uint64_t{1} << (code & 63)) - 1;
    return word.before + std::bitset<64>(word.seen & below).count();
  }

  bool contains(Position x) const {
    if (!code_.knows(x)) return false;
    const std::uint32_t code = PositionCode::least(code_.images(x));
    return words_[code >> 6].seen >> (code & 63) & 1;
  }

 private:
  struct Word {
    std::uint64_t seen = 0;    // a bit a code
    std::uint64_t before = 0;  // positions with smaller codes than these 64
  };

  void add(std::uint32_t code) {
    std::uint64_t& seen = words_[code >> 6].seen;
    const std::uint64_t bit = std::uint64_t{1} << (code & 63);
    if (seen & bit) return;
    seen |= bit;
    ++n_positions_;
    levels_[count_pegs(code_.position(code))].push_back(code);
  }

  void number() {
    std::uint64_t n = 0;
    for (Word& word : words_) {
      word.before = n;
      n += std::bitset<64>(word.seen).count();
    }
  }

  PositionCode code_;
  LegalJumps legal_;
  std::vector<PositionCode::Images> moves_;         // what each jump adds to codes
  std::vector<Word> words_;
  std::vector<std::vector<std::uint32_t>> levels_;  // codes by number of pegs
  std::size_t n_positions_ = 0, n_moves_ = 0;
  bool complete_ = false;
};

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

  void solve(std::uint32_t code, int pegs) {
    int jump[LegalJumps::kMost];
    double q[LegalJumps::kMost];
    const int n = values(positions_.code().position(code), jump, q);
    worth_[positions_.index(code)] =
        n == 0 ? end_reward(settings_.rewards, pegs)
               : settings_.discount *
                     back_up(q, n, settings_.temperature, settings_.backup);
  }

  const BoardPositions& positions_;
  BoardSettings settings_;
  std::vector<double> worth_;
  bool complete_ = true;
};

}  // namespace psyrl
