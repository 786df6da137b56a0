// Counting what was done: from codes, a row a decision, to sparse counts. All by
// stable counting sorts, linear in rows and codes.
#pragma once

#include <numeric>
#include <vector>

#include "core/base/view.h"

namespace psyrl {

/// Sparse rows of counts, columns ascending within a row.
struct SparseCounts {
  std::vector<int> start;     // [n_rows + 1]
  std::vector<int> column;    // [n_entries]
  std::vector<double> count;  // [n_entries]
};

/// `order` (indices into `key`, whose values are 0..n_keys-1) sorted by key; equal
/// keys keep their order. Negative keys are left out.
inline std::vector<int> sort_by_key(View<int> key, int n_keys,
                                    const std::vector<int>& order) {
  std::vector<int> offset(n_keys + 1, 0);
  for (int i : order)
    if (key[i] >= 0) ++offset[key[i] + 1];
  std::partial_sum(offset.begin(), offset.end(), offset.begin());
  std::vector<int> sorted(offset[n_keys]);
  for (int i : order)
    if (key[i] >= 0) sorted[offset[key[i]]++] = i;
  return sorted;
}

/// Indices sorted by (first, second); entries with a negative code are left out.
inline std::vector<int> sort_by_keys(View<int> first, int n_first, View<int> second,
                                     int n_second) {
  std::vector<int> order(first.size());
  std::iota(order.begin(), order.end(), 0);
  return sort_by_key(first, n_first, sort_by_key(second, n_second, order));
}

/// Numbers the pairs that occur in order of (first, second): their codes, and the
/// pair of every row (-1 where a code is negative).
struct PairNumbers {
  std::vector<int> first;   // [n_pairs]
  std::vector<int> second;  // [n_pairs]
  std::vector<int> pair;    // [n rows]
};

inline PairNumbers number_pairs(View<int> first, int n_first, View<int> second,
                                int n_second) {
  PairNumbers numbers;
  numbers.pair.assign(first.size(), -1);
  for (int i : sort_by_keys(first, n_first, second, n_second)) {
    if (numbers.first.empty() || numbers.first.back() != first[i] ||
        numbers.second.back() != second[i]) {
      numbers.first.push_back(first[i]);
      numbers.second.push_back(second[i]);
    }
    numbers.pair[i] = static_cast<int>(numbers.first.size()) - 1;
  }
  return numbers;
}

/// How often each (row, column) occurs; negative codes do not count.
inline SparseCounts tally(View<int> row, int n_rows, View<int> column,
                          int n_columns) {
  SparseCounts counts;
  counts.start.assign(n_rows + 1, 0);
  int last_row = -1;
  for (int i : sort_by_keys(row, n_rows, column, n_columns)) {
    if (row[i] == last_row && counts.column.back() == column[i]) {
      counts.count.back() += 1.0;
      continue;
    }
    last_row = row[i];
    ++counts.start[last_row + 1];
    counts.column.push_back(column[i]);
    counts.count.push_back(1.0);
  }
  std::partial_sum(counts.start.begin(), counts.start.end(), counts.start.begin());
  return counts;
}

}  // namespace psyrl
