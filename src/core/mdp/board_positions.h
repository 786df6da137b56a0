// The positions of boards too large to be laid out: those that can be reached, up to
// symmetry, in a table of bits; jumps are made anew whenever they are needed.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "core/base/monitor.h"
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

  /// The legal jumps of x; returns how many.
  int legal(Position x, int* jump) const { return legal_(x, jump); }

  /// The same, and the codes they lead to.
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

}  // namespace psyrl
