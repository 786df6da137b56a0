// Where the jumps of all positions of a board lead, as numbers: some 4 bytes a jump,
// for searches that solve one board many times. Positions are numbered by pegs, so
// that a sweep over those with so many pegs looks only at the numbers just before.
#pragma once

#include <cstdint>
#include <vector>

#include "core/mdp/board_positions.h"

namespace psyrl {

class BoardLinks {
 public:
  BoardLinks(const BoardPositions& positions, const Runtime& runtime) {
    const std::vector<std::uint32_t> number = number_positions(positions);
    for (int pegs = 1; pegs <= 64 && complete_; ++pegs) {
      const auto& codes = positions.with_pegs(pegs);
      const std::uint32_t first = first_[pegs];
      for_chunks(runtime.executor, codes.size(), 4096,
                 [&](std::size_t, std::size_t begin, std::size_t end) {
                   for (std::size_t i = begin; i < end; ++i)
                     follow(positions, number, codes[i], next_.data() + start_[first + i]);
                 });
      complete_ = !runtime.monitor.interrupted();
    }
  }

  /// False: the user interrupted.
  bool complete() const { return complete_; }
  /// Number of the first position with so many pegs.
  std::uint32_t first(int pegs) const { return first_[pegs]; }
  /// Place of a position in the order of `BoardPositions::index()`.
  std::uint32_t index(std::uint32_t i) const { return index_[i]; }
  int n_jumps(std::uint32_t i) const { return static_cast<int>(start_[i + 1] - start_[i]); }
  /// Numbers of the positions that the jumps of position i lead to.
  const std::uint32_t* next(std::uint32_t i) const { return next_.data() + start_[i]; }

 private:
  // Number of every position by its place in order of codes.
  std::vector<std::uint32_t> number_positions(const BoardPositions& positions) {
    std::vector<std::uint32_t> number(positions.size());
    int jump[LegalJumps::kMost];
    index_.reserve(positions.size());
    start_.reserve(positions.size() + 1);
    start_.push_back(0);
    for (int pegs = 0; pegs <= 64; ++pegs) {
      first_.push_back(static_cast<std::uint32_t>(index_.size()));
      for (std::uint32_t code : positions.with_pegs(pegs)) {
        const std::size_t place = positions.index(code);
        number[place] = static_cast<std::uint32_t>(index_.size());
        index_.push_back(static_cast<std::uint32_t>(place));
        const int n = positions.legal(positions.code().position(code), jump);
        start_.push_back(start_.back() + static_cast<std::uint32_t>(n));
      }
    }
    next_.resize(start_.back());
    return number;
  }

  static void follow(const BoardPositions& positions, const std::vector<std::uint32_t>& number,
                     std::uint32_t code, std::uint32_t* out) {
    int jump[LegalJumps::kMost];
    std::uint32_t next[LegalJumps::kMost];
    const int n = positions.follow(positions.code().position(code), jump, next);
    for (int i = 0; i < n; ++i) out[i] = number[positions.index(next[i])];
  }

  std::vector<std::uint32_t> first_;         // [65] by pegs
  std::vector<std::uint32_t> index_;         // [n_positions]
  std::vector<std::uint32_t> start_, next_;  // sparse rows of jumps
  bool complete_ = true;
};

}  // namespace psyrl
