// The legal jumps of a position, found for all cells at once: shifted by one and two
// cells, a position says where a neighbour stands and where a hole is.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "core/mdp/peg_solitaire.h"

namespace psyrl {

class LegalJumps {
 public:
  enum : int { kMost = 4 * 64 };  // jumps of a position

  explicit LegalJumps(const std::vector<Jump>& jumps) {
    for (auto& row : number_) row.fill(-1);
    std::set<std::pair<int, int>> steps;  // right, left, down, up: as jumps are numbered
    for (const Jump& jump : jumps) {
      const int step = jump.over - jump.from;
      steps.insert({std::abs(step), -step});
    }
    for (const auto& step : steps) step_[n_directions_++] = -step.second;
    for (std::size_t j = 0; j < jumps.size(); ++j) {
      const int step = jumps[j].over - jumps[j].from;
      const auto d = std::find(step_.begin(), step_.end(), step) - step_.begin();
      from_[d] |= Jump::cell(jumps[j].from);
      number_[jumps[j].from][d] = static_cast<int>(j);
    }
  }

  /// Writes the numbers of the legal jumps of `x` in rising order, at most one for
  /// each cell and direction; returns how many.
  int operator()(Position x, int* jump) const {
    Position legal[4], any = 0;
    for (int d = 0; d < n_directions_; ++d) {
      legal[d] = x & from_[d] & moved(x, step_[d]) & ~moved(x, 2 * step_[d]);
      any |= legal[d];
    }
    int n = 0;
    for (; any; any &= any - 1) {
      const int i = lowest(any);
      for (int d = 0; d < n_directions_; ++d) {
        jump[n] = number_[i][d];
        n += legal[d] >> i & 1;
      }
    }
    return n;
  }

 private:
  static Position moved(Position x, int by) { return by > 0 ? x >> by : x << -by; }

  // Number of the lowest bit, by a de Bruijn sequence.
  static int lowest(Position x) {
    static const std::array<int, 64> place = [] {
      std::array<int, 64> at{};
      for (int i = 0; i < 64; ++i) at[(kDeBruijn << i) >> 58] = i;
      return at;
    }();
    return place[((x & (~x + 1)) * kDeBruijn) >> 58];
  }

  static constexpr Position kDeBruijn = 0x03f79d71b4cb0a89ULL;
  int n_directions_ = 0;
  std::array<int, 4> step_{};       // cells from a peg to its neighbour
  std::array<Position, 4> from_{};  // where a jump may begin
  std::array<int, 4> number_[64];   // of the jump by cell and direction
};

}  // namespace psyrl
