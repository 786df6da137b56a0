// The glue's side of core/mdp/position_code.h: boards as R states them, and labels of
// positions and jumps.
#pragma once

#include <Rcpp.h>

#include <string>

#include "core/mdp/position_code.h"

namespace psyrl {
namespace glue {

inline Position position_of(const Rcpp::LogicalVector& pegs) {
  Position x = 0;
  for (int i = 0; i < pegs.size(); ++i)
    if (pegs[i] == TRUE) x |= Jump::cell(i);
  return x;
}

/// `starts`: logical vectors along rows, NA where there is no cell. `rewards`: jump,
/// solved, peg.
inline PegBoard peg_board(const Rcpp::List& starts, int n_rows,
                          const Rcpp::NumericVector& rewards) {
  const Rcpp::LogicalVector cells = starts[0];
  PegBoard board;
  board.n_rows = n_rows;
  board.n_columns = cells.size() / n_rows;
  for (int i = 0; i < cells.size(); ++i) board.valid.push_back(cells[i] != NA_LOGICAL);
  for (int i = 0; i < starts.size(); ++i) board.starts.push_back(position_of(starts[i]));
  board.rewards = {rewards[0], rewards[1], rewards[2]};
  return board;
}

/// `rules`: a list of these.
inline PegBoard peg_board(const Rcpp::List& rules) {
  return peg_board(rules["starts"], Rcpp::as<int>(rules["n_rows"]), rules["rewards"]);
}

/// "0110/1111/..": a character a cell, rows apart; "." is no cell.
inline std::string position_label(Position x, const PegBoard& board) {
  std::string label;
  for (int r = 0; r < board.n_rows; ++r) {
    if (r) label += '/';
    for (int c = 0; c < board.n_columns; ++c) {
      const int i = r * board.n_columns + c;
      label += !board.valid[i] ? '.' : x & Jump::cell(i) ? '1' : '0';
    }
  }
  return label;
}

/// The position of a label; false if it is none of this board.
inline bool read_position(const std::string& label, const PegBoard& board, Position& x) {
  x = 0;
  std::size_t at = 0;
  for (int r = 0; r < board.n_rows; ++r) {
    if (r && (at >= label.size() || label[at++] != '/')) return false;
    for (int c = 0; c < board.n_columns; ++c, ++at) {
      const int i = r * board.n_columns + c;
      if (at >= label.size()) return false;
      if (board.valid[i] ? label[at] != '0' && label[at] != '1' : label[at] != '.')
        return false;
      if (label[at] == '1') x |= Jump::cell(i);
    }
  }
  return at == label.size();
}

/// "r1c2", from 1.
inline std::string cell_label(int i, const PegBoard& board) {
  return "r" + std::to_string(i / board.n_columns + 1) + "c" +
         std::to_string(i % board.n_columns + 1);
}

/// "r1c2>r1c4": from and to.
inline std::string jump_label(const Jump& jump, const PegBoard& board) {
  return cell_label(jump.from, board) + ">" + cell_label(jump.to, board);
}

}  // namespace glue
}  // namespace psyrl
