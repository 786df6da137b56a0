#include <catch.h>

#include <vector>

#include "core/base/rng.h"
#include "core/mdp/tally.h"

using namespace psyrl;

TEST_CASE("counts by row agree with counting one by one") {
  const int n = 500, n_rows = 7, n_columns = 5;
  Stream stream(2, 0, 0);
  std::vector<int> row(n), column(n);
  for (int i = 0; i < n; ++i) {
    row[i] = static_cast<int>(stream.uniform() * n_rows);
    column[i] =
        static_cast<int>(stream.uniform() * (n_columns + 1)) - 1;  // -1 is missing
    if (row[i] == 3) row[i] = 4;                                   // an empty row
  }
  std::vector<double> table(n_rows * n_columns);
  for (int i = 0; i < n; ++i)
    if (column[i] >= 0) table[row[i] * n_columns + column[i]] += 1;

  const SparseCounts counts = tally(row, n_rows, column, n_columns);
  REQUIRE(counts.start.size() == n_rows + 1u);
  CHECK(counts.start[3] == counts.start[4]);
  std::vector<double> again(n_rows * n_columns);
  bool ascending = true;
  for (int r = 0; r < n_rows; ++r)
    for (int e = counts.start[r]; e < counts.start[r + 1]; ++e) {
      again[r * n_columns + counts.column[e]] = counts.count[e];
      ascending &= e == counts.start[r] || counts.column[e - 1] < counts.column[e];
    }
  CHECK(again == table);
  CHECK(ascending);
}

TEST_CASE("nothing to count gives empty rows") {
  const std::vector<int> none;
  const SparseCounts counts = tally(none, 3, none, 2);
  CHECK(counts.start == (std::vector<int>{0, 0, 0, 0}));
  CHECK(counts.column.empty());
}

TEST_CASE("pairs are numbered in order, and every row knows its pair") {
  const std::vector<int> first = {2, 0, 2, -1, 0, 2}, second = {1, 3, 0, 0, 3, 1};
  const PairNumbers numbers = number_pairs(first, 3, second, 4);
  CHECK(numbers.first == (std::vector<int>{0, 2, 2}));
  CHECK(numbers.second == (std::vector<int>{3, 0, 1}));
  CHECK(numbers.pair == (std::vector<int>{2, 0, 1, -1, 0, 2}));
}

TEST_CASE("sorting by key keeps the order of equals") {
  const std::vector<int> key = {1, 0, 1, -1, 0};
  CHECK(sort_by_key(key, 2, {0, 1, 2, 3, 4}) == (std::vector<int>{1, 4, 0, 2}));
}
