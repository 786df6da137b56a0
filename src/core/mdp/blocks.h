// Order of solution: the strongly connected blocks of a task's states, sinks
// first, so that whatever follows a block outside it has been solved before.
//
// Tarjan (1972), "Depth-first search and linear graph algorithms", without
// recursion: paths of a task can be as long as it has states.
#pragma once

#include <algorithm>
#include <vector>

#include "core/mdp/task.h"

namespace psyrl {

struct Blocks {
  std::vector<int> state;       // [n_states] states in order of solution
  std::vector<int> start;       // [n_blocks + 1] offsets of blocks in `state`
  std::vector<int> block;       // [n_states] block of a state
  std::vector<char> cyclic;     // [n_blocks] can a state of it come back?

  int size() const { return static_cast<int>(start.size()) - 1; }
  int n_states(int b) const { return start[b + 1] - start[b]; }
};

namespace detail {

class BlockSearch {
 public:
  explicit BlockSearch(const Task& task)
      : task_(task), index_(task.n_states(), kNew), low_(task.n_states()) {
    blocks_.start.push_back(0);
    blocks_.block.assign(task.n_states(), kNew);
    blocks_.state.reserve(task.n_states());
  }

  Blocks run() {
    for (int s = 0; s < task_.n_states(); ++s)
      if (index_[s] == kNew) search(s);
    return std::move(blocks_);
  }

 private:
  enum : int { kNew = -1 };

  struct Frame {
    int state;
    int edge;  // next entry of `next_state` to follow
    int end;
  };

  void enter(int s) {
    index_[s] = low_[s] = n_visited_++;
    open_.push_back(s);
    const int first = task_.state_start[s];
    const int last = task_.state_start[s + 1];
    path_.push_back({s, task_.next_start[first], task_.next_start[last]});
  }

  void search(int root) {
    enter(root);
    while (!path_.empty()) {
      Frame& frame = path_.back();
      if (frame.edge == frame.end) {
        leave(frame.state);
        continue;
      }
      const int next = task_.next_state[frame.edge++];
      if (index_[next] == kNew) {
        enter(next);
      } else if (blocks_.block[next] == kNew) {
        low_[frame.state] = std::min(low_[frame.state], index_[next]);
      }
    }
  }

  void leave(int s) {
    path_.pop_back();
    if (!path_.empty()) {
      const int parent = path_.back().state;
      low_[parent] = std::min(low_[parent], low_[s]);
    }
    if (low_[s] == index_[s]) close(s);
  }

  // Everything opened since `root` reaches it again: a block.
  void close(int root) {
    const int number = blocks_.size();
    int s;
    do {
      s = open_.back();
      open_.pop_back();
      blocks_.block[s] = number;
      blocks_.state.push_back(s);
    } while (s != root);
    blocks_.start.push_back(static_cast<int>(blocks_.state.size()));
    blocks_.cyclic.push_back(blocks_.n_states(number) > 1 || returns(root));
  }

  bool returns(int s) const {
    const int* begin =
        task_.next_state.begin() + task_.next_start[task_.state_start[s]];
    const int* end =
        task_.next_state.begin() + task_.next_start[task_.state_start[s + 1]];
    return std::find(begin, end, s) != end;
  }

  const Task& task_;
  std::vector<int> index_;
  std::vector<int> low_;
  std::vector<int> open_;
  std::vector<Frame> path_;
  Blocks blocks_;
  int n_visited_ = 0;
};

}  // namespace detail

/// The blocks of `task`, every block after those it leads to.
inline Blocks find_blocks(const Task& task) {
  return detail::BlockSearch(task).run();
}

/// Does random play end with probability one? Not if a cyclic block has no way out.
inline bool random_play_ends(const Task& task, const Blocks& blocks) {
  std::vector<char> leads_out(blocks.size(), 0);
  for (int s = 0; s < task.n_states(); ++s) {
    const int begin = task.next_start[task.state_start[s]];
    const int end = task.next_start[task.state_start[s + 1]];
    for (int k = begin; k < end; ++k)
      if (blocks.block[task.next_state[k]] != blocks.block[s])
        leads_out[blocks.block[s]] = 1;
  }
  for (int b = 0; b < blocks.size(); ++b)
    if (blocks.cyclic[b] && !leads_out[b]) return false;
  return true;
}

/// States in which somebody could stay for ever: every state left when states
/// all of whose actions may lead outside are removed, again and again. Empty
/// means that every policy ends with probability one, so that a discount of 1
/// gives finite values.
inline std::vector<int> endless_states(const Task& task) {
  std::vector<char> endless(task.n_states());
  for (int s = 0; s < task.n_states(); ++s) endless[s] = !task.terminal(s);
  const auto stays = [&](int p) {
    for (int i = task.next_start[p]; i < task.next_start[p + 1]; ++i)
      if (task.probability[i] > 0 && !endless[task.next_state[i]]) return false;
    return true;
  };
  const auto some_action_stays = [&](int s) {
    for (int p = task.state_start[s]; p < task.state_start[s + 1]; ++p)
      if (stays(p)) return true;
    return false;
  };
  // Sinks first: most tasks are done after one pass.
  const Blocks blocks = find_blocks(task);
  for (bool changed = true; changed;) {
    changed = false;
    for (int s : blocks.state) {
      if (endless[s] && !some_action_stays(s)) {
        endless[s] = 0;
        changed = true;
      }
    }
  }
  std::vector<int> states;
  for (int s = 0; s < task.n_states(); ++s)
    if (endless[s]) states.push_back(s);
  return states;
}

}  // namespace psyrl
