#include <catch.h>

#include <algorithm>
#include <set>

#include "core/mdp/board_play.h"
#include "executors.h"

using namespace psyrl;

namespace {

// A square of 4 x 4 with all pegs but one.
PegBoard square(int hole) {
  PegBoard board;
  board.n_rows = board.n_columns = 4;
  board.valid.assign(16, 1);
  board.starts = {((Position{1} << 16) - 1) ^ Jump::cell(hole)};
  return board;
}

std::vector<int> plain_legal(const std::vector<Jump>& jumps, Position x) {
  std::vector<int> legal;
  for (std::size_t j = 0; j < jumps.size(); ++j)
    if (jumps[j].legal(x)) legal.push_back(static_cast<int>(j));
  return legal;
}

}  // namespace

TEST_CASE("legal jumps are found for all cells at once, in order") {
  PegBoard board = square(1);
  board.n_rows = 2;
  board.n_columns = 8;
  for (const PegBoard& b : {square(1), board}) {
    const std::vector<Jump> jumps = b.jumps();
    const LegalJumps legal(jumps);
    int found[LegalJumps::kMost];
    for (Position x = 1; x < (1 << 16); x += 7) {
      const int n = legal(x, found);
      REQUIRE(std::vector<int>(found, found + n) == plain_legal(jumps, x));
    }
  }
}

TEST_CASE("codes of positions are short, one for all images, and come back") {
  const PegBoard board = square(1);
  const PositionCode code(board);
  REQUIRE(board_symmetries(board).size() == 8);
  REQUIRE(code.n_bits() < 16);
  const std::vector<Jump> jumps = board.jumps();
  const PegGraph graph = enumerate_positions(jumps, board.starts, 100000);
  std::set<std::uint32_t> least;
  for (Position x : graph.position) {
    REQUIRE(code.knows(x));
    const auto images = code.images(x);
    REQUIRE(code.position(images[0]) == x);
    for (std::uint32_t image : images)
      REQUIRE(PositionCode::least(code.images(code.position(image))) ==
              PositionCode::least(images));
    least.insert(PositionCode::least(images));
    for (const Jump& jump : jumps)
      if (jump.legal(x))
        REQUIRE(PositionCode::least(images, code.moves(jump)) ==
                PositionCode::least(code.images(jump.apply(x))));
  }
  const Monitor monitor;
  const BoardPositions positions(board, monitor);
  REQUIRE(positions.complete());
  REQUIRE(positions.size() == least.size());
  std::set<std::size_t> places;
  for (std::uint32_t c : least) places.insert(positions.index(c));
  REQUIRE(places.size() == least.size());
  REQUIRE(*places.rbegin() == least.size() - 1);
}

TEST_CASE("values do not depend on the order of work") {
  const PegBoard board = square(2);
  const Monitor monitor;
  const BoardPositions positions(board, monitor);
  BoardSettings settings;
  settings.temperature = 0.5;
  const BoardValues one(positions, settings, Runtime{SerialExecutor(), monitor});
  const BoardValues other(positions, settings, Runtime{ReversedExecutor(), monitor});
  int jump[LegalJumps::kMost];
  double a[LegalJumps::kMost], b[LegalJumps::kMost];
  const int n = one.values(board.starts[0], jump, a);
  REQUIRE(other.values(board.starts[0], jump, b) == n);
  REQUIRE(std::equal(a, a + n, b));
  const BoardLinks links(positions, Runtime{ReversedExecutor(), monitor});
  const BoardValues linked(positions, links, settings, Runtime{ReversedExecutor(), monitor});
  REQUIRE(linked.values(board.starts[0], jump, b) == n);
  REQUIRE(std::equal(a, a + n, b));
  REQUIRE(one.play_rms(board.starts, Runtime{SerialExecutor(), monitor}) ==
          other.play_rms(board.starts, Runtime{ReversedExecutor(), monitor}));
}

TEST_CASE("a board of too many dimensions has no codes") {
  PegBoard board;
  board.n_rows = board.n_columns = 7;
  board.valid.assign(49, 1);
  board.starts = {((Position{1} << 49) - 1) ^ Jump::cell(24)};
  REQUIRE_FALSE(PositionCode(board).short_enough());
  REQUIRE_FALSE(BoardPositions(board, Monitor()).complete());
}
