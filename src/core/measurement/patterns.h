// Persons who chose alike, and of whom the same is known, have the same likelihood and
// the same prior: a pattern stands for all of them. On short tasks patterns are few.
#pragma once

#include <Eigen/Dense>
#include <functional>
#include <unordered_map>
#include <vector>

#include "core/measurement/counts.h"

namespace psyrl {

struct PersonPatterns {
  std::vector<int> of;     // [n_persons] everybody's pattern
  std::vector<int> first;  // [n_patterns] the first who has it
  CountRows counts;        // of choices: moves without an alternative say nothing
};

namespace detail {

inline void mix(std::size_t& hash, std::size_t more) {
  hash ^= more + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
}

/// Hash of the entries from `begin` on and of a row of the design.
template <class Row>
std::size_t pattern_hash(const CountRows& rows, std::size_t begin, const Row& known) {
  std::size_t hash = rows.pair.size() - begin;
  for (std::size_t i = begin; i < rows.pair.size(); ++i) {
    mix(hash, std::hash<int>()(rows.pair[i]));
    mix(hash, std::hash<double>()(rows.count[i]));
  }
  for (Eigen::Index i = 0; i < known.size(); ++i)
    mix(hash, std::hash<double>()(known[i]));
  return hash;
}

/// Are the entries from `begin` on those of this pattern?
inline bool has_pattern(const CountRows& rows, int pattern, std::size_t begin) {
  const std::size_t from = rows.start[pattern], n = rows.start[pattern + 1] - from;
  return rows.pair.size() - begin == n &&
         std::equal(rows.pair.begin() + begin, rows.pair.end(), rows.pair.begin() + from) &&
         std::equal(rows.count.begin() + begin, rows.count.end(),
                    rows.count.begin() + from);
}

/// Patterns by their hash.
using KnownPatterns = std::unordered_multimap<std::size_t, int>;

/// The pattern of person j, whose entries are those from `begin` on: one of `known`, or
/// the next, which then is.
inline int find_pattern(const PersonPatterns& so_far, std::size_t begin,
                        const Eigen::Map<const Eigen::MatrixXd>& design, int j,
                        KnownPatterns& known) {
  const std::size_t hash = pattern_hash(so_far.counts, begin, design.row(j));
  const auto alike = known.equal_range(hash);
  for (auto it = alike.first; it != alike.second; ++it)
    if (has_pattern(so_far.counts, it->second, begin) &&
        design.row(so_far.first[it->second]) == design.row(j))
      return it->second;
  const int next = static_cast<int>(so_far.first.size());
  known.emplace(hash, next);
  return next;
}

}  // namespace detail

/// `design` has a row a person. Without `merge` everybody has a pattern of the own.
inline PersonPatterns person_patterns(const Task& task, const PersonCounts& counts,
                                      const Eigen::Map<const Eigen::MatrixXd>& design,
                                      bool merge) {
  PersonPatterns out;
  CountRows& rows = out.counts;
  const std::vector<int> state = state_of_pair(task);
  detail::KnownPatterns known;
  for (int j = 0; j < counts.n_persons(); ++j) {
    const std::size_t begin = rows.pair.size();
    for (int i = counts.person_start[j]; i < counts.person_start[j + 1]; ++i) {
      if (counts.count[i] == 0.0 || task.n_actions(state[counts.pair[i]]) < 2) continue;
      rows.pair.push_back(counts.pair[i]);
      rows.count.push_back(counts.count[i]);
    }
    const int next = static_cast<int>(out.first.size());
    out.of.push_back(merge ? detail::find_pattern(out, begin, design, j, known) : next);
    if (out.of.back() < next) {
      rows.pair.resize(begin);
      rows.count.resize(begin);
    } else {
      out.first.push_back(j);
      rows.start.push_back(static_cast<int>(rows.pair.size()));
    }
  }
  return out;
}

}  // namespace psyrl
