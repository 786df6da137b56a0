// Peg solitaire: every position that can be reached, and every jump.
//
// A position is the set of cells with a peg, a bit each (cells numbered along
// rows, at most 64). A jump takes a peg over a neighbour into a hole two cells
// away and removes the neighbour, so every game ends.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/base/require.h"

namespace psyrl {

using Position = std::uint64_t;

struct Jump {
  int from, over, to;  // cells
  Position pegs() const { return cell(from) | cell(over); }
  Position hole() const { return cell(to); }
  bool legal(Position x) const { return (x & pegs()) == pegs() && !(x & hole()); }
  Position apply(Position x) const { return x ^ (pegs() | hole()); }
  static Position cell(int i) { return Position{1} << i; }
};

/// All jumps between cells of the board, by row, column, then right, left, down,
/// up. `valid` is [n_rows * n_columns], along rows.
inline std::vector<Jump> board_jumps(int n_rows, int n_columns,
                                     const std::vector<char>& valid) {
  require(n_rows * n_columns <= 64, "a board has at most 64 cells");
  static const int kDown[] = {0, 0, 1, -1};
  static const int kRight[] = {1, -1, 0, 0};
  const auto inside = [&](int r, int c) {
    return r >= 0 && r < n_rows && c >= 0 && c < n_columns && valid[r * n_columns + c];
  };
  std::vector<Jump> jumps;
  for (int r = 0; r < n_rows; ++r)
    for (int c = 0; c < n_columns; ++c)
      for (int d = 0; d < 4; ++d) {
        const int over_r = r + kDown[d], over_c = c + kRight[d];
        const int to_r = r + 2 * kDown[d], to_c = c + 2 * kRight[d];
        if (inside(r, c) && inside(over_r, over_c) && inside(to_r, to_c))
          jumps.push_back({r * n_columns + c, over_r * n_columns + over_c,
                           to_r * n_columns + to_c});
      }
  return jumps;
}

struct PegGraph {
  std::vector<Position> position;  // [n_states] in order of discovery
  std::vector<int> state_start;    // [n_states + 1]
  std::vector<int> jump;           // [n_pairs] index into the jumps
  std::vector<int> next_state;     // [n_pairs]
  bool complete = true;            // false: there are more than `max_states`
};

/// Positions reachable from `starts`, breadth first.
inline PegGraph enumerate_positions(const std::vector<Jump>& jumps,
                                    const std::vector<Position>& starts,
                                    std::size_t max_states) {
  PegGraph graph;
  std::unordered_map<Position, int> number;
  const auto number_of = [&](Position x) {
    const auto found = number.emplace(x, static_cast<int>(graph.position.size()));
    if (found.second) graph.position.push_back(x);
    return found.first->second;
  };
  for (Position x : starts) number_of(x);
  graph.state_start.push_back(0);
  for (std::size_t s = 0; s < graph.position.size(); ++s) {
    if (graph.position.size() > max_states) {
      graph.complete = false;
      break;
    }
    const Position x = graph.position[s];
    for (std::size_t j = 0; j < jumps.size(); ++j) {
      if (!jumps[j].legal(x)) continue;
      graph.jump.push_back(static_cast<int>(j));
      graph.next_state.push_back(number_of(jumps[j].apply(x)));
    }
    graph.state_start.push_back(static_cast<int>(graph.jump.size()));
  }
  return graph;
}

inline int count_pegs(Position x) {
  int n = 0;
  for (; x; x &= x - 1) ++n;
  return n;
}

struct PegRewards {
  double jump = -1.0;     // every jump
  double solved = 100.0;  // in addition, when one peg is left
  double peg = -5.0;      // in addition at a dead end, for each peg beyond one
};

/// Reward of every pair of `graph`.
inline std::vector<double> peg_rewards(const PegGraph& graph,
                                       const PegRewards& rewards) {
  std::vector<double> reward(graph.jump.size(), rewards.jump);
  for (std::size_t p = 0; p < reward.size(); ++p) {
    const int s = graph.next_state[p];
    const int pegs = count_pegs(graph.position[s]);
    const bool dead_end = graph.state_start[s] == graph.state_start[s + 1];
    if (pegs == 1)
      reward[p] += rewards.solved;
    else if (dead_end)
      reward[p] += rewards.peg * (pegs - 1);
  }
  return reward;
}

}  // namespace psyrl
