#include <catch.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/mdp/peg_solitaire.h"
#include "core/mdp/simulate.h"
#include "core/mdp/tally.h"
#include "tasks.h"

using namespace psyrl;

TEST_CASE("tallies are those of a map, unknown codes left out") {
  Stream stream(1, 2, 3);
  std::vector<int> row(500), column(500);
  std::map<std::pair<int, int>, double> expected;
  for (int i = 0; i < 500; ++i) {
    row[i] = static_cast<int>(stream.uniform() * 8) - 1;
    column[i] = static_cast<int>(stream.uniform() * 5) - 1;
    if (row[i] >= 0 && column[i] >= 0) expected[{row[i], column[i]}] += 1;
  }
  const SparseCounts counts = tally(row, 7, column, 4);
  std::size_t entry = 0;
  for (int r = 0; r < 7; ++r) {
    for (int k = counts.start[r]; k < counts.start[r + 1]; ++k, ++entry) {
      const double n = expected[std::make_pair(r, counts.column[k])];
      CHECK(counts.count[k] == n);
      if (k > counts.start[r]) CHECK(counts.column[k] > counts.column[k - 1]);
    }
  }
  CHECK(entry == expected.size());
  CHECK(tally(std::vector<int>{}, 3, std::vector<int>{}, 2).start ==
        std::vector<int>(4, 0));
}

TEST_CASE("pairs are numbered in order, and every row knows its own") {
  const std::vector<int> first = {2, 0, 2, 0, -1, 2};
  const std::vector<int> second = {1, 1, 0, 1, 0, 1};
  const PairNumbers numbers = number_pairs(first, 3, second, 2);
  CHECK(numbers.first == std::vector<int>({0, 2, 2}));
  CHECK(numbers.second == std::vector<int>({1, 0, 1}));
  CHECK(numbers.pair == std::vector<int>({2, 0, 1, 0, -1, 2}));
}

TEST_CASE("simulated episodes follow the task and end") {
  OwnedTask owned = random_task(20, 3, 4, 0.9, 11);
  const Task& task = owned.get();
  const std::vector<double> q(task.n_pairs(), 1.0);
  const std::vector<int> starts = {3, 5};
  SimulatedLog log;
  Simulator simulator(task, q, starts, 4, 25);
  simulator.add_person(0, 0.5, Stream(1, 1, stream_index("ann")), log);
  CHECK(log.pair.size() == 100);
  const std::vector<int> state = state_of_pair(task);
  for (std::size_t i = 0; i < log.pair.size(); ++i) {
    const int p = log.pair[i];
    CHECK(log.transition[i] >= task.next_start[p]);
    CHECK(log.transition[i] < task.next_start[p + 1]);
    if (log.step[i] == 0) CHECK((state[p] == 3 || state[p] == 5));
    if (log.step[i] > 0) CHECK(state[p] == task.next_state[log.transition[i - 1]]);
    CHECK(log.truncated[i] == (log.step[i] == 24));
  }
}

TEST_CASE("what is drawn depends on the name alone") {
  OwnedTask owned = random_task(20, 3, 4, 0.9, 11);
  const std::vector<double> q(owned.get().n_pairs(), 1.0);
  const std::vector<int> starts = {3, 5};
  SimulatedLog alone, second;
  Simulator simulator(owned.get(), q, starts, 2, 10);
  simulator.add_person(0, 0.5, Stream(1, 1, stream_index("ann")), alone);
  simulator.add_person(0, 0.5, Stream(1, 1, stream_index("bob")), second);
  simulator.add_person(1, 0.5, Stream(1, 1, stream_index("ann")), second);
  const std::vector<int> tail(second.pair.begin() + 20, second.pair.end());
  CHECK(tail == alone.pair);
  const std::vector<int> head(second.pair.begin(), second.pair.begin() + 20);
  CHECK(head != alone.pair);
}

TEST_CASE("every jump of a game removes one peg, and the game ends") {
  const std::vector<char> valid(12, 1);
  const std::vector<Jump> jumps = board_jumps(3, 4, valid);
  CHECK(jumps.size() == 3 * 4 + 4 * 2);
  const Position start = 0xFFB;  // all cells but one of an edge
  const PegGraph graph = enumerate_positions(jumps, {start}, 1000000);
  REQUIRE(graph.complete);
  std::set<Position> distinct(graph.position.begin(), graph.position.end());
  CHECK(distinct.size() == graph.position.size());
  const std::vector<double> reward = peg_rewards(graph, PegRewards());
  for (std::size_t s = 0; s < graph.position.size(); ++s) {
    for (int p = graph.state_start[s]; p < graph.state_start[s + 1]; ++p) {
      const int next = graph.next_state[p];
      CHECK(count_pegs(graph.position[next]) == count_pegs(graph.position[s]) - 1);
      const bool over = graph.state_start[next] == graph.state_start[next + 1];
      CHECK((reward[p] == -1) == !over);
    }
  }
  CHECK_FALSE(enumerate_positions(jumps, {start}, 1).complete);
}
