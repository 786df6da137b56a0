#include <Rcpp.h>

#include <string>

#include "core/mdp/peg_solitaire.h"

using namespace psyrl;

namespace {

// "0110/1111/..": a character a cell, rows apart; "." is no cell.
std::string position_label(Position x, int n_rows, int n_columns,
                           const std::vector<char>& valid) {
  std::string label;
  for (int r = 0; r < n_rows; ++r) {
    if (r) label += '/';
    for (int c = 0; c < n_columns; ++c) {
      const int i = r * n_columns + c;
      label += !valid[i] ? '.' : x & Jump::cell(i) ? '1' : '0';
    }
  }
  return label;
}

// "r1c2>r1c4": from and to, from 1.
std::string jump_label(const Jump& jump, int n_columns) {
  const auto cell = [&](int i) {
    return "r" + std::to_string(i / n_columns + 1) + "c" +
           std::to_string(i % n_columns + 1);
  };
  return cell(jump.from) + ">" + cell(jump.to);
}

Position position_of(const Rcpp::LogicalVector& pegs) {
  Position x = 0;
  for (int i = 0; i < pegs.size(); ++i)
    if (pegs[i] == TRUE) x |= Jump::cell(i);
  return x;
}

}  // namespace

// `starts`: logical vectors along rows, NA where there is no cell. `rewards`:
// jump, solved, peg. Empty if there are more than `max_states` positions.
// [[Rcpp::export]]
Rcpp::List peg_solitaire_(const Rcpp::List& starts, int n_rows,
                          const Rcpp::NumericVector& rewards, double max_states) {
  const Rcpp::LogicalVector board = starts[0];
  const int n_columns = board.size() / n_rows;
  std::vector<char> valid(board.size());
  for (int i = 0; i < board.size(); ++i) valid[i] = board[i] != NA_LOGICAL;
  std::vector<Position> first;
  for (int i = 0; i < starts.size(); ++i) first.push_back(position_of(starts[i]));

  const std::vector<Jump> jumps = board_jumps(n_rows, n_columns, valid);
  const PegGraph graph =
      enumerate_positions(jumps, first, static_cast<std::size_t>(max_states));
  if (!graph.complete) return Rcpp::List();

  std::vector<std::string> states, actions;
  for (Position x : graph.position)
    states.push_back(position_label(x, n_rows, n_columns, valid));
  for (const Jump& jump : jumps) actions.push_back(jump_label(jump, n_columns));
  return Rcpp::List::create(
      Rcpp::_["states"] = states, Rcpp::_["actions"] = actions,
      Rcpp::_["state_start"] = graph.state_start,
      Rcpp::_["pair_action"] = graph.jump, Rcpp::_["next_state"] = graph.next_state,
      Rcpp::_["reward"] = peg_rewards(graph, {rewards[0], rewards[1], rewards[2]}));
}
